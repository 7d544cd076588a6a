import csv
import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.errors import MissingExtraError, SourceError
from promptship.evalsets import load_cases


def test_reserved_columns_are_the_case_and_all_others_its_inputs(folder):
    content = (
        "id,question,expected,cluster,note,tags.language,tags.topic,extra:json,raw\n"
        'a,Why?,Because,k,n,de,,"{""n"": [1]}","{""n"": 1}"\n'
    )
    (case,) = folder.load_file("a.csv", content).cases()
    assert (case.id, case.expected, case.cluster, case.note) == ("a", "Because", "k", "n")
    assert case.tags == {"language": "de"}
    assert case.inputs == {"question": "Why?", "extra": {"n": [1]}, "raw": '{"n": 1}'}


def test_an_empty_cell_is_empty_text_in_an_input_and_absent_elsewhere(folder):
    (case,) = folder.load_file("a.csv", "id,expected,cluster,note,q,data:json\n,,,,,\n").cases()
    assert (case.expected, case.cluster, case.note, case.inputs) == (None, None, "", {"q": ""})
    assert case.id.startswith("c-")


def test_expected_may_be_json(folder):
    (case,) = folder.load_file("a.csv", 'q,expected:json\nx,"{""a"": 1}"\n').cases()
    assert case.expected == {"a": 1}


def test_promptfoo_columns_become_scorers_of_the_case(folder):
    content = (
        "q,__expected,__expected1,__expected2\n"
        'a,Paris,contains: Par,"icontains-any: par, is"\n'
        "b,not-contains: x,,is-json\n"
        "c,,,\n"
        "d,one,two,equals: three\n"
    )
    first, second, third, fourth = folder.load_file("a.csv", content).cases()
    assert [(one.type, one.name, one.value) for one in first.scorers] == [
        ("equals", "equals", "Paris"),
        ("contains", "contains", "Par"),
        ("icontains-any", "icontains-any", ["par", "is"]),
    ]
    assert [(one.type, one.has_value) for one in second.scorers] == [("not-contains", True), ("is-json", False)]
    assert third.scorers == ()
    assert [(one.name, one.value) for one in fourth.scorers] == [
        ("equals", "one"),
        ("equals-2", "two"),
        ("equals-3", "three"),
    ]


def test_a_scorer_of_a_cell_takes_no_name_that_the_set_has(folder):
    folder.write("evalsets/a.csv", "q,__expected\na,contains: b\n")
    (case,) = folder.cases("scorers: [{type: contains, value: z}]\ncases: a.csv\n")
    assert [scorer.name for scorer in case.scorers] == ["contains-2"]


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ("q,q\na,b\n", ["1: two columns are called 'q'"]),
        ("q,\na,b\n", ["1: column 2 has no name"]),
        ("q;a\n1;2\n", ["1: the header 'q;a' is one column"]),
        ("q,__expectd\na,b\n", ["1: unknown column '__expectd'; did you mean '__expected'?"]),
        ("q,a\n1\n2,3\n4,5,6\n", ["2: the row has 1 fields, the header 2", "4: the row has 3 fields, the header 2"]),
        ('q,a\n"line\none",2\n3\n', ["4: the row has 1 fields, the header 2"]),
        ('q,a\n1,2\n"open,3\n4,5\n', ["3: a quoted field that begins here is not closed"]),
        ('q,a\n"x"y,2\n3,4\n5\n', ["2: text follows the closing quote of a field", "4: the row has 1 fields, the hea"]),
        ("q,d:json\na,{\nb,1\nc,]\n", ["2: the column 'd:json' is not JSON: ", "4: the column 'd:json' is not JSON: "]),
        (
            "q,__expected\na,javascript: 1\nb,file://x.py\n",
            ["2: 'javascript: 1': scorers by", "3: 'file://x.py': score"],
        ),
        ("q\na\rb\n", ["2: not valid CSV: new-line character seen in unquoted field"]),
        ("id,q\na,1\n\nb,2\na,3\n", ["5: the id 'a' is taken by the case at evalsets/a.csv:2"]),
        ('q\n"a\nb"\n"a\nb"\n', ["4: the inputs are those of the case at evalsets/a.csv:2, and neither has an id"]),
    ],
)
def test_a_wrong_table_is_refused_with_true_lines(folder, content, problems):
    found = folder.file_problems("a.csv", content)
    assert len(found) == len(problems)
    for line, expected in zip(found, problems, strict=True):
        assert line.startswith(f"a.csv:{expected}")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"q\na\xff\n", "a.csv:2:2: the byte 0xff is not UTF-8"),
        (b"q\0\na\n", "a.csv: the file is binary; expected lines of text"),
        (b"\xfe\xff\0q", "a.csv:1: the file is UTF-16; expected UTF-8"),
        (b"q,a\n", "set.yaml:2:1: the evalset has no case"),
    ],
)
def test_files_that_are_no_tables_are_refused(folder, content, problem):
    assert folder.file_problems("a.csv", content) == [problem]


def test_a_mark_and_newlines_of_windows_change_nothing(folder):
    unix = folder.load_file("a.csv", 'q,a\n"one\ntwo",2\n').digest
    assert folder.load_file("b.csv", b'\xef\xbb\xbfq,a\r\n"one\r\ntwo",2\r\n').digest == unix


def test_a_field_longer_than_the_default_limit_of_csv_is_read(folder):
    (case,) = folder.load_file("a.csv", f"q\n{'x' * 300_000}\n").cases()
    assert len(case.inputs["q"]) == 300_000


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=10)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, rows):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([("id", "one", "two"), *((f"r{number}", *row) for number, row in enumerate(rows))])
    root = tmp_path_factory.getbasetemp()
    (root / "a.csv").write_text(buffer.getvalue(), encoding="utf-8", newline="")
    found = [(case.inputs["one"], case.inputs["two"]) for case in load_cases(root / "a.csv", root=root)]
    assert found == rows


def write_parquet(folder, name, rows, **options):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder.root / "evalsets" / name
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, **options)
    return name


def test_a_parquet_table_is_read_in_row_groups_with_columns_like_csv(folder):
    rows = [
        {"id": f"r{number}", "n": number, "ok": True, "tags.language": "de", "expected": None, "none": None}
        for number in range(2000)
    ]
    name = write_parquet(folder, "a.parquet", rows, row_group_size=300)
    cases = folder.cases(f"cases: {name}")
    assert len(cases) == 2000
    assert (cases[1999].inputs, cases[1999].tags, cases[1999].line) == (
        {"n": 1999, "ok": True},
        {"language": "de"},
        2000,
    )


def test_a_parquet_table_with_a_column_of_inputs_holds_whole_cases(folder):
    rows = [
        {"inputs": {"q": "a", "other": None}, "scorers": [{"type": "contains", "value": "x"}], "tags": {"l": "de"}},
        {"inputs": {"q": "b", "other": 5}, "scorers": None, "tags": {"l": None}},
    ]
    first, second = folder.cases(f"cases: {write_parquet(folder, 'a.parquet', rows)}")
    assert (first.inputs, first.scorers[0].value, first.tags) == ({"q": "a"}, "x", {"l": "de"})
    assert (second.inputs, second.scorers, second.tags) == ({"q": "b", "other": 5}, (), {})


def test_values_that_json_does_not_have_are_refused_with_their_row(folder):
    import datetime as dt

    rows = [{"id": "a", "at": dt.date(2024, 1, 31)}, {"id": "b", "at": None}]
    assert folder.problems(f"cases: {write_parquet(folder, 'a.parquet', rows)}") == [
        (
            "a.parquet:1: case 'a': $.inputs.at: datetime.date(2024, 1, 31) is a date, which JSON does not have; "
            "write it as a string"
        )
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"q\na\n"])
def test_a_file_that_is_no_parquet_is_refused(folder, content):
    (problem,) = folder.file_problems("a.parquet", content)
    assert problem.startswith("a.parquet: not valid Parquet: ")


def test_parquet_without_its_package_names_the_extra(folder, monkeypatch):
    evalset = folder.load(f"cases: {write_parquet(folder, 'a.parquet', [{'q': 'a'}])}")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match="pyarrow") as caught:
        evalset.count()
    assert caught.value.hint == 'pip install "promptship[eval]"'


def test_a_wrong_row_of_parquet_is_reported_with_all_others(folder):
    rows = [{"q": "a", "d:json": "{"}, {"q": "b", "d:json": "1"}, {"q": "c", "d:json": "]"}]
    with pytest.raises(SourceError) as caught:
        folder.load(f"cases: {write_parquet(folder, 'a.parquet', rows)}").count()
    assert [problem.line for problem in caught.value.problems] == [1, 3]
