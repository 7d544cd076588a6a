import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptship.domain import digest_of
from promptship.errors import UsageError
from promptship.evalsets import load_cases

HEADER = "prompt: hello\nscorers: [icontains]\ngates: [pass_rate >= 0.9]\n"
ROWS = [
    {"id": "one", "inputs": {"q": "Größe?", "a": "1"}, "expected": "x", "tags": {"language": "de"}, "cluster": "k"},
    {"inputs": {"q": 'say "hi",\nplease', "a": ""}},
]
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


def digest(folder, cases, header=HEADER):
    return folder.load(f"{header}cases: {cases}\n").digest


def test_the_same_cases_have_one_digest_in_every_format(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.write_rows("evalsets/a.jsonl", ROWS)
    folder.write(
        "evalsets/a.csv",
        'expected,id,q,tags.language,cluster,a\nx,one,Größe?,de,k,1\n,,"say ""hi"",\nplease",,,\n',
    )
    pq.write_table(pa.Table.from_pylist(ROWS), folder.root / "evalsets/a.parquet")
    folder.write_rows("evalsets/deep/first.jsonl", ROWS[:1])
    folder.write("evalsets/deep/second.jsonl", json.dumps(ROWS[1], indent=None, sort_keys=True) + "\r\n\r\n")
    expected = digest(folder, "a.jsonl")
    assert digest(folder, "a.csv") == expected
    assert digest(folder, "a.parquet") == expected
    assert digest(folder, "[deep/first.jsonl, deep/second.jsonl]") == expected
    assert digest(folder, json.dumps(ROWS)) == expected


@pytest.mark.parametrize(
    "header",
    [
        (
            "# a comment\nname: other\ndescription: text\nprompt: [a, b]\ntags: [x]\nx-y: 1\n"
            "gates: [pass_rate >= 0.90]\nscorers: [{type: icontains}]\n"
        ),
        "gates: [{metric: pass_rate, at_least: 0.9}]\nscorers: [{name: icontains, type: icontains, weight: 1}]\n",
    ],
)
def test_what_decides_nothing_is_not_in_the_digest(folder, header):
    folder.write_rows("evalsets/a.jsonl", ROWS)
    assert digest(folder, "a.jsonl", header) == digest(folder, "a.jsonl")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "two"},
        {"inputs": {"q": "other", "a": "1"}},
        {"expected": "y"},
        {"expected": None},
        {"tags": {"language": "en"}},
        {"cluster": "m"},
        {"references": ["z"]},
        {"scorers": ["is-json"]},
        {"turns": [{"user": "a"}]},
        {"contexts": [{"text": "a"}]},
        {"expected_contexts": ["a"]},
        {"tools": {"f": {"returns": 1}}},
    ],
)
def test_what_decides_something_is_in_the_digest(folder, change):
    folder.write_rows("evalsets/a.jsonl", ROWS)
    folder.write_rows("evalsets/b.jsonl", [{**ROWS[0], **change}, ROWS[1]])
    assert digest(folder, "b.jsonl") != digest(folder, "a.jsonl")


@pytest.mark.parametrize(
    "header", ["", HEADER + "kind: synthetic\n", HEADER.replace("0.9", "0.8"), HEADER + "target: python:a:b\n"]
)
def test_scorers_gates_kind_and_target_are_in_the_digest_but_not_in_that_of_the_cases(folder, header):
    folder.write_rows("evalsets/a.jsonl", ROWS)
    before, after = (folder.load(f"{head}cases: a.jsonl\n") for head in (HEADER, header))
    assert after.digest != before.digest
    assert after.cases_digest == before.cases_digest


def test_every_case_is_in_the_digest_of_the_cases(folder):
    folder.write_rows("evalsets/a.jsonl", ROWS)
    folder.write_rows("evalsets/b.jsonl", [{**ROWS[0], "expected": "y"}, ROWS[1]])
    folder.write_rows("evalsets/c.jsonl", ROWS[:1])
    found = {folder.load(f"{HEADER}cases: {name}.jsonl\n").cases_digest for name in "abc"}
    assert len(found) == 3


def test_notes_and_sources_are_not_in_the_digest(folder):
    folder.write_rows("evalsets/a.jsonl", ROWS)
    folder.write_rows("evalsets/b.jsonl", [{**ROWS[0], "note": "n", "source": {"trace": "t"}, "x-z": 1}, ROWS[1]])
    assert digest(folder, "b.jsonl") == digest(folder, "a.jsonl")


def test_an_id_is_made_from_the_inputs(folder):
    inputs = {"question": "Capital of France?"}
    folder.write_rows("evalsets/a.jsonl", [{"inputs": inputs, "expected": "Paris"}])
    (case,) = folder.load("cases: a.jsonl").cases()
    assert case.id == "c-" + digest_of(inputs).removeprefix("sha256:")[:12]


@given(st.lists(st.dictionaries(text, text, max_size=3), min_size=1, max_size=5, unique_by=str))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_order_of_keys_and_the_spacing_of_json_change_nothing(folder, rows):
    rows = [{"id": str(number), "inputs": inputs} for number, inputs in enumerate(rows)]
    compact = folder.write("a.jsonl", "\n".join(json.dumps(row, separators=(",", ":")) for row in rows))
    turned = [{"inputs": dict(reversed(row["inputs"].items())), "id": row["id"]} for row in rows]
    loose = folder.write("b.jsonl", "\r\n\n".join(json.dumps(row, separators=(" , ", " : ")) for row in turned))
    assert load_cases(compact, root=folder.root).digest == load_cases(loose, root=folder.root).digest


def test_a_file_that_changes_between_two_readings_is_refused(folder):
    evalset = folder.load_file("a.jsonl", '{"inputs": {"n": 1}}\n')
    assert evalset.count() == 1
    folder.write("evalsets/a.jsonl", '{"inputs": {"n": 2}}\n{"inputs": {"n": 3}}\n')
    with pytest.raises(UsageError, match=r"a\.jsonl was changed while it was being used"):
        list(evalset.cases())


def test_cases_can_be_read_again_and_side_by_side(folder):
    folder.write_rows("evalsets/a.jsonl", ROWS)
    evalset = folder.load("cases: a.jsonl")
    assert [(one.id, two.id) for one, two in zip(evalset.cases(), evalset.cases(), strict=True)] == [
        (case.id, case.id) for case in evalset.cases()
    ]
    assert evalset.count() == 2
