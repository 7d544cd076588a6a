"""Whatever a file holds, it is read, or refused with the name of the file; nothing else is raised."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.errors import UsageError
from promptship.evalsets import load_cases, load_evalset, load_outputs

pieces = st.sampled_from(
    ['{"inputs": {}}', '"inputs"', "{", "}", '"', ",", ":", "\n", "\r\n", "\r", "q", "id", "__expected", ":json", "a"]
)
contents = st.binary(max_size=60) | st.lists(pieces, max_size=12).map(lambda found: "".join(found).encode())
names = st.sampled_from(
    ["cases", "prompt", "scorers", "gates", "target", "defaults", "inputs", "type", "metric", "tags", "tools", "turns"]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4) | names
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=2), inner, max_size=4),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("any")


def refusal(read):
    """The error by which a file is refused, or None."""
    try:
        read()
    except UsageError as error:
        return error
    return None


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
@given(content=contents)
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_cases_or_refused(root, ending, content):
    (root / f"a.{ending}").write_bytes(content)
    cases = load_cases(root / f"a.{ending}", root=root)
    error = refusal(lambda: len(cases))
    if error is None:
        assert len(cases) == len(list(cases))
    else:
        assert {problem.path for problem in error.problems} == {f"a.{ending}"}


@given(content=contents)
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_stored_outputs_or_refused(root, content):
    (root / "a.jsonl").write_bytes(content)
    error = refusal(lambda: load_outputs(root / "a.jsonl", root=root))
    assert error is None or {problem.path for problem in error.problems} == {"a.jsonl"}


@given(value=values)
@settings(max_examples=150, deadline=None)
def test_any_value_is_an_evalset_or_refused(root, value):
    (root / "a.yaml").write_text(json.dumps(value))
    error = refusal(lambda: load_evalset(root / "a.yaml", root=root).count())
    assert error is None or all(problem.line for problem in error.problems)


@given(value=values)
@settings(max_examples=150, deadline=None)
def test_any_value_is_a_case_or_refused(root, value):
    row = {"inputs": {}, **value} if isinstance(value, dict) else value
    (root / "a.jsonl").write_text(json.dumps(row))
    error = refusal(lambda: len(load_cases(root / "a.jsonl", root=root)))
    assert error is None or "a.jsonl:1" in str(error)
