import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import Turn
from promptship.errors import Problem, SourceError
from promptship.evalsets import load_cases
from promptship.evalsets._case_set import CaseFile
from promptship.evalsets._places import find_column, find_duplicate


def test_every_field_of_a_case_is_read(folder):
    row = {
        "id": "one",
        "inputs": {"q": ["a", {"b": None}]},
        "expected": {"answer": 1.5},
        "references": ["r"],
        "turns": [{"user": "hi", "scorers": ["icontains"]}, {"user": "bye"}],
        "contexts": [{"id": "p", "text": "passage"}],
        "expected_contexts": ["p"],
        "tools": {"find": {"returns": None}, "send": {"raises": "offline"}},
        "tags": {"language": "de"},
        "cluster": "k",
        "scorers": [{"type": "contains", "value": "x"}],
        "source": {"trace": "t"},
        "note": "for people",
        "x-mine": 5,
    }
    (case,) = folder.load_file("a.jsonl", "\n" + json.dumps(row)).cases()
    assert {name: getattr(case, name) for name in ("id", "inputs", "expected", "cluster", "note", "source")} == {
        name: row[name] for name in ("id", "inputs", "expected", "cluster", "note", "source")
    }
    assert (case.references, case.contexts, case.expected_contexts) == (
        ("r",),
        ({"id": "p", "text": "passage"},),
        ("p",),
    )
    assert (case.tools, case.tags) == (row["tools"], row["tags"])
    assert [(turn.user, len(turn.scorers)) for turn in case.turns] == [("hi", 1), ("bye", 0)]
    assert isinstance(case.turns[0], Turn)
    assert (case.scorers[0].value, case.path, case.line) == ("x", "evalsets/a.jsonl", 2)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"inputs": {},}', "1:14: not valid JSON: trailing comma is not allowed"),
        ('{"inputs": {"ü": "é"}, }', "1:22: not valid JSON: trailing comma is not allowed"),
        ('{"inputs": {"a": NaN}}', "1:18: not valid JSON: unexpected character, expected a JSON value"),
        ('{"inputs": {"a": 1}', "1:20: not valid JSON: unexpected end of data"),
        ('{"inputs": {"a": "\\ud800"}}', "1:19: not valid JSON: no low surrogate in string"),
        ("{'inputs': {}}", "1:2: not valid JSON: "),
        ('{"inputs": {"a": 1, "b": {"c": 2, "c" : 3}}}', "1:35: the key 'c' stands twice in one object"),
        ('{"inputs": {}, "id": "a", "id": "b"}', "1:27: the key 'id' stands twice in one object"),
        ("[1]", "1:1: expected a case, found a list"),
        ("null", "1:1: expected a case, found null"),
        ('"text"', "1:1: expected a case, found text 'text'"),
        ("{}", "1:1: the key 'inputs' is missing in a case"),
        ('{"inputs": null}', "1:12: inputs: expected a mapping, found null"),
        ('{"inputs": {}, "expcted": 1}', "1:16: unknown key 'expcted' in a case; did you mean 'expected'?"),
        ('{"inputs": {}, "id": 17}', "1:22: id: expected an id without control characters of at most 200 characters, "),
        ('{"inputs": {}, "id": "a\\nb"}', "1:22: id: expected an id without control characters of at most 200 charact"),
        ('{"inputs": {}, "id": ""}', "1:22: id: expected an id without control characters of at most 200 characters, "),
        ('{"inputs": {}, "tags": {"a": "x", "n": 5}}', "1:40: tags.n: expected text, found the number 5"),
        ('{"inputs": {"tags": {"n": 1}}, "tags": {"n": true}}', "1:46: tags.n: expected text, found True"),
        ('{"inputs": {}, "references": "a"}', "1:30: references: expected a list, found text 'a'"),
        ('{"inputs": {}, "references": ["a", 2]}', "1:36: references[1]: expected text, found the number 2"),
        ('{"inputs": {}, "contexts": [{"id": "a"}]}', "1:29: the key 'text' is missing in a passage"),
        ('{"inputs": {}, "tools": {"f": {}}}', "1:31: a canned tool result has either 'returns' or 'raises'"),
        ('{"inputs": {}, "tools": {"f": {"return": 1}}}', "1:32: unknown key 'return' in a canned tool result"),
        ('{"inputs": {}, "turns": [{"user": 1}]}', "1:35: turns[0].user: expected text, found the number 1"),
        ('{"inputs": {}, "scorers": [{"value": 1}]}', "1:28: the key 'type' is missing in a scorer"),
        ('{"inputs": {}, "scorers": ["is-json", "is-json"]}', "1:39: two scorers are called 'is-json'"),
        ('{"inputs": {"n": 9007199254740993}}', "1:12: inputs: $.n: the integer 9007199254740993 is beyond 2^53 - 1"),
        ('{"id": "a", "inputs": {"n": 1e300}}', "1: case 'a': $.inputs.n: the number 1e+300 is beyond 2^53 - 1"),
    ],
)
def test_a_wrong_line_is_refused_with_line_and_column(folder, line, problem):
    first, *others = folder.file_problems("a.jsonl", line + "\n")
    assert first.startswith(f"a.jsonl:{problem}")
    assert others == []


def test_wrong_utf8_is_refused_with_line_and_column(folder):
    content = b'{"inputs": {}}\n{"inputs": {"\xc3\xbc": "a\xff"}}\n'
    assert folder.file_problems("a.jsonl", content) == ["a.jsonl:2:20: the byte 0xff is not UTF-8"]


def test_one_bad_line_is_reported_with_all_others(folder):
    lines = ['{"inputs": {"n": 1}}', "{", '{"inputs": {"n": 2}, "tag": {}}', "", '{"input": {}, "id": 5}']
    assert [problem.split(": ")[0] for problem in folder.file_problems("a.jsonl", "\n".join(lines))] == [
        "a.jsonl:2:2",
        "a.jsonl:3:22",
        "a.jsonl:5:2",
        "a.jsonl:5:21",
        "a.jsonl:5:1",
    ]


def test_the_list_of_problems_ends_and_says_how_many_more_there_are(folder):
    problems = folder.file_problems("a.jsonl", "{\n" * 1234)
    assert len(problems) == 21
    assert problems[-1] == "and 1,214 more problems"


def test_an_id_given_twice_is_refused_with_both_lines(folder):
    rows = [{"id": name, "inputs": {}} for name in ("a", "b", "a", "c", "a")]
    assert folder.file_problems("a.jsonl", "\n".join(map(json.dumps, rows))) == [
        "a.jsonl:3: the id 'a' is taken by the case at evalsets/a.jsonl:1",
        "a.jsonl:5: the id 'a' is taken by the case at evalsets/a.jsonl:1",
    ]


def test_an_id_given_twice_is_found_across_files(folder):
    folder.write_rows("evalsets/a.jsonl", [{"id": "a", "inputs": {}}])
    folder.write("evalsets/b.csv", "id,q\nb,1\na,2\n")
    assert folder.problems("cases:\n- a.jsonl\n- b.csv\n- {id: b, inputs: {}}\n") == [
        "b.csv:3: the id 'a' is taken by the case at evalsets/a.jsonl:1",
        "set.yaml:4: the id 'b' is taken by the case at evalsets/b.csv:2",
    ]


def test_equal_inputs_without_ids_are_refused_with_the_advice_to_give_ids(folder):
    with pytest.raises(SourceError) as caught:
        folder.load_file("a.jsonl", '{"inputs": {"a": 1, "b": 2}}\n{"inputs": {"b": 2, "a": 1.0}}\n').count()
    (problem,) = caught.value.problems
    assert str(problem) == (
        "evalsets/a.jsonl:2: the inputs are those of the case at evalsets/a.jsonl:1, and neither has an id"
    )
    assert problem.hint is not None
    assert "`id`" in problem.hint


def test_more_repeated_ids_than_anyone_reads_are_counted(folder):
    problems = folder.file_problems("a.jsonl", '{"id": "a", "inputs": {}}\n' * 100)
    assert (len(problems), problems[-1]) == (21, "and 79 more problems")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.jsonl: the file is binary; expected lines of text"),
        (b"\xff\xfe{\x00", "a.jsonl:1: the file is UTF-16; expected UTF-8"),
        (b"", "set.yaml:2:1: the evalset has no case"),
        (b"\n\n \n", "set.yaml:2:1: the evalset has no case"),
    ],
)
def test_files_that_hold_no_lines_of_text_are_refused(folder, content, problem):
    assert folder.file_problems("a.jsonl", content) == [problem]


def test_a_byte_order_mark_and_windows_newlines_are_no_part_of_a_case(folder):
    content = b'\xef\xbb\xbf{"inputs": {"a": "b"}}\r\n{"inputs": {"a": "c"}}\r\n'
    assert [case.inputs["a"] for case in folder.load_file("a.jsonl", content).cases()] == ["b", "c"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(folder):
    evalset = folder.load_file("a.jsonl", '{"inputs": {}}\n')
    (folder.root / "evalsets/a.jsonl").chmod(0)
    with pytest.raises(SourceError, match=r"a\.jsonl: cannot be read: Permission denied"):
        evalset.count()


def test_a_file_that_vanishes_is_refused(folder):
    evalset = folder.load_file("a.jsonl", '{"inputs": {}}\n')
    (folder.root / "evalsets/a.jsonl").unlink()
    with pytest.raises(SourceError, match=r"a\.jsonl: cannot be read: No such file"):
        evalset.count()


def test_a_pipe_is_refused_instead_of_waited_for(folder):
    (folder.root / "evalsets").mkdir()
    os.mkfifo(folder.root / "evalsets/a.jsonl")
    assert folder.problems("cases: a.jsonl") == [
        "set.yaml:1:8: evalsets/a.jsonl: this is a device or a pipe, not a file"
    ]


@pytest.mark.parametrize(
    ("name", "hint"), [("a.json", ".jsonl"), ("a.tsv", ".csv"), ("a.xlsx", ".csv"), ("a", ".parquet"), ("a.jsnl", "")]
)
def test_files_of_other_kinds_are_refused_with_a_way_out(folder, name, hint):
    folder.write(f"evalsets/{name}", "")
    with pytest.raises(SourceError) as caught:
        folder.load(f"cases: {name}\n")
    assert "is no file of cases" in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_a_deeply_nested_line_is_refused(folder):
    deep = '{"inputs": {"a": ' + "[" * 900 + "]" * 900 + "}}"
    too_deep = '{"inputs": {"a": ' + "[" * 5000 + "]" * 5000 + "}}"
    (first,) = folder.file_problems("a.jsonl", deep)
    (second,) = folder.file_problems("a.jsonl", too_deep)
    assert "nested deeper than 100 levels" in first
    assert "depth limit exceeded" in second


def test_cases_of_a_file_load_without_an_evalset(folder):
    path = folder.write_rows("rows.jsonl", [{"inputs": {"n": number}} for number in range(3)])
    cases = load_cases(path, root=folder.root)
    assert len(cases) == 3
    assert [case.inputs["n"] for case in cases] == [0, 1, 2]
    with pytest.raises(SourceError, match="there is no such file"):
        load_cases(folder.root / "nothing.jsonl", root=folder.root)


keys = st.text(st.sampled_from('ab":,{}[]\\ é'), max_size=3)
values = st.recursive(
    st.none() | st.integers() | keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
)


def every_path(value, path=()):
    yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from every_path(child, (*path, key))


@given(values, st.sampled_from([(",", ":"), (" , ", " : ")]), st.booleans())
def test_columns_lead_to_the_value_that_the_keys_lead_to(value, separators, ascii_only):
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only)
    for path, expected in every_path(value):
        column = find_column(text, path, value=True)
        assert json.JSONDecoder().raw_decode(text, column - 1)[0] == expected
        if path and isinstance(path[-1], str):
            assert json.JSONDecoder().raw_decode(text, find_column(text, path) - 1)[0] == path[-1]


@given(values, keys, st.sampled_from([(",", ":"), (" , ", " : ")]))
def test_a_key_that_stands_twice_is_found_and_nothing_else_is(value, key, separators):
    text = json.dumps({"before": value, "deep": [{key: 1, "other": value}]}, separators=separators)
    assert find_duplicate(text) is None
    again = text.replace(json.dumps(key) + separators[1] + "1", f"{json.dumps(key)}:1,{json.dumps(key)}:2", 1)
    if again != text and find_duplicate(again) is not None:
        found = find_duplicate(again)
        assert found is not None
        assert found[0] == key
        assert again[found[1] - 1 :].startswith(json.dumps(key))


@given(st.lists(st.tuples(keys, st.integers(0, 2)), max_size=5), st.sampled_from([":", " : "]), values)
def test_duplicate_keys_never_pass_unseen(tmp_path_factory, pairs, colon, value):
    body = ",".join(f"{json.dumps(key)}{colon}{number}" for key, number in pairs)
    text = f'{{"inputs":{{{body}}},"source":{{"v":{json.dumps(value)}}}}}'
    root = tmp_path_factory.getbasetemp()
    (root / "a.jsonl").write_text(text)
    twice = len({key for key, _ in pairs}) != len(pairs)
    if not twice:
        assert len(load_cases(root / "a.jsonl", root=root)) == 1
        return
    with pytest.raises(SourceError, match="stands twice"):
        len(load_cases(root / "a.jsonl", root=root))


def test_a_problem_without_a_line_names_the_file():
    assert str(Problem(message="m", path="a.jsonl")) == "a.jsonl: m"


@pytest.mark.parametrize("inner", ['{"k": 1}', '{"k": "\\\\"}', '"a\\":'])
def test_json_within_json_hides_no_key_that_stands_twice(folder, inner):
    once = json.dumps({"inputs": {"a": inner}, "expected": inner})
    twice = once[:-1] + ', "expected": 1}'
    assert folder.load_file("a.jsonl", once).count() == 1
    found = folder.file_problems("a.jsonl", twice)
    assert [problem.partition(": ")[2] for problem in found] == ["the key 'expected' stands twice in one object"]


def test_one_reading_checks_the_cases_and_shows_each(folder, monkeypatch):
    evalset = folder.load_file("a.jsonl", "".join(f'{{"id": "{name}", "inputs": {{}}}}\n' for name in "abc"))
    readings = []
    monkeypatch.setattr(CaseFile, "rows", _noting(CaseFile.rows, readings))
    seen, again = [], []
    evalset.visit(lambda case: seen.append(case.id))
    assert (seen, evalset.count(), len(readings)) == (["a", "b", "c"], 3, 1)
    assert evalset.digest == folder.load("prompt: hello\ncases: a.jsonl\n").digest
    evalset.visit(lambda case: again.append(case.id))
    assert again == seen


def _noting(rows, readings):
    def noted(self, *args, **kwargs):
        readings.append(self)
        return rows(self, *args, **kwargs)

    return noted
