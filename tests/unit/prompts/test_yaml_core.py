from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.errors import SourceError
from promptship.prompts import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # YAML 1.2.2, section 10.3.2: the core schema.
        *[("no", "no"), ("yes", "yes"), ("on", "on"), ("Off", "Off"), ("y", "y"), ("true", True), ("FALSE", False)],
        *[("null", None), ("~", None), ("", None), ("NULL", None), ("nULL", "nULL")],
        *[("12:30:45", "12:30:45"), ("2024-01-31", "2024-01-31"), ("1_000", "1_000"), ("0b1", "0b1")],
        *[("0", 0), ("-12", -12), ("+7", 7), ("010", 10), ("0o17", 15), ("0x1F", 31)],
        *[("1e3", 1000.0), ("-.5", -0.5), ("1.", 1.0), ("6.5E-1", 0.65), ("1.2.3", "1.2.3"), (".", "."), ("-", [None])],
        *[("'1'", "1"), ('"true"', "true"), ("!!str 1", "1"), ("! 1", "1"), ("|\n  1", "1"), ("'<<'", "<<")],
    ],
)
def test_scalars_are_read_as_yaml_1_2_does(text: str, value: object) -> None:
    found = parse_yaml(text, path="x").value
    assert found == value
    assert type(found) is type(value)


def test_keys_may_be_whole_numbers_where_the_caller_says_so() -> None:
    text = "levels: {0: bad, 10: good}\nlisted: [{levels: {1: a}}]"
    found = parse_yaml(text, path="x", numbered=frozenset({"levels"}))
    assert found.value == {"levels": {"0": "bad", "10": "good"}, "listed": [{"levels": {"1": "a"}}]}
    assert found.place(("levels", "10")) == (1, 18)


@pytest.mark.parametrize(
    "text", ["levels: {01: a}", "levels: {+1: a}", "levels: {0x1: a}", "levels: {1.5: a}", "levels: {true: a}", "1: a"]
)
def test_a_number_that_reads_otherwise_as_text_is_no_key(text: str) -> None:
    with pytest.raises(SourceError, match="is not text"):
        parse_yaml(text, path="x", numbered=frozenset({"levels"}))


def test_a_number_and_the_same_as_text_are_one_key() -> None:
    with pytest.raises(SourceError, match="duplicate key '0'"):
        parse_yaml("levels: {0: a, '0': b}", path="x", numbered=frozenset({"levels"}))


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", (4, 3), "duplicate key 'c'; it is already given in line 13"),
        ("1: a", (1, 1), "the key '1' is not text"),
        ("true: a", (1, 1), "the key 'true' is not text"),
        ("a: {<<: {b: 1}}", (1, 5), "merge keys"),
        ("? [a]\n: b", (1, 3), "a key must be text"),
        ("a: .nan", (1, 4), "not a number that JSON can hold"),
        ("a: 1e999", (1, 4), "not a number that JSON can hold"),
        ("a: !!python/object/apply:os.system [ls]", (1, 4), "the YAML tag !!python/object/apply:os.system"),
        ("a: !!binary aGk=", (1, 4), "the YAML tag !!binary"),
        ("a: !own b", (1, 4), "the YAML tag !own"),
        ("a: &x [*x]", (1, 8), "stands for nothing that is complete"),
        ("a: *x", (1, 4), "stands for nothing"),
        ("a: 1\n---\nb: 2", (2, 1), "a second YAML document"),
        ("a: b: c", (1, 5), "not valid YAML"),
        ("a: [1\n", (2, 1), "not valid YAML"),
        ("a:\n\t- x", (2, 1), "not valid YAML"),
        ("a: {{ b }}", (1, 5), "a key must be text"),
    ],
)
def test_what_is_refused_is_named_with_line_and_column(text: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_yaml(text, path="f.yaml", first_line=11)
    problem = caught.value.problems[0]
    assert message in problem.message
    assert problem.line == place[0] + 10
    if "not valid YAML" not in message:
        assert problem.column == place[1]


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(SourceError) as caught:
        parse_yaml("a: 1\na: 2\n3: 4\nb: .inf\n", path="x")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000 + "x", "{a: " * 100_000, "? " * 1_000 + "x"])
def test_deep_nesting_is_an_error_and_no_crash(text: str) -> None:
    with pytest.raises(SourceError, match=r"deeper than 64 levels|must be text"):
        parse_yaml(text, path="x")


def test_an_alias_bomb_is_an_error() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    with pytest.raises(SourceError, match="aliases repeat more than 10,000 values"):
        parse_yaml("\n".join(lines), path="x")


def test_a_small_alias_is_a_copy() -> None:
    value: Any = parse_yaml("a: &x {b: [1]}\nc: *x", path="x").value
    assert value == {"a": {"b": [1]}, "c": {"b": [1]}}
    assert value["a"]["b"] is not value["c"]["b"]


def test_places_are_those_of_keys_values_and_items() -> None:
    document = parse_yaml("input:\n  schema:\n    order?: {id: string}\n  list: [a, b]", path="x", first_line=2)
    assert document.place(("input", "schema", "order?")) == (4, 5)
    assert document.place(("input", "schema", "order?"), value=True) == (4, 13)
    assert document.place(("input", "schema", "order?", "id")) == (4, 14)
    assert document.place(("input", "list", 1)) == (5, 13)
    assert document.place(("input", "unknown", "x")) == (2, 1)
    assert document.place(()) == (2, 1)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="ascii")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc-_ ", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
@settings(max_examples=60)
def test_json_is_read_as_json(value: object) -> None:
    assert parse_yaml(json.dumps(value), path="x").value == value


@given(st.text(max_size=80))
@settings(max_examples=150)
def test_any_text_is_a_value_or_a_source_error(text: str) -> None:
    try:
        parse_yaml(text, path="x")
    except SourceError as error:
        assert error.problems  # noqa: PT017 - both ends are right; what is not is any other exception
