"""Files that people rated in, as spreadsheets and browsers write them."""

import contextlib
import json
import zipfile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.errors import SourceError
from promptship.evalsets import load_ratings

DIGEST = "sha256:" + "ab" * 32
HEAD = "case_id,output,output_digest,rating,note,correction,rater,guideline_digest,source,propensity,run_id\n"


def row(case="c-1", rating="good", **more):
    return {"case": case, "output_digest": DIGEST, "rating": rating, **more}


@pytest.fixture
def write(tmp_path):
    def save(content, name="r.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return save


@pytest.fixture
def write_book(tmp_path):
    def save(*rows):
        book = openpyxl.Workbook()
        for cells in rows:
            book.active.append(cells)
        book.save(tmp_path / "r.xlsx")
        return tmp_path / "r.xlsx"

    return save


def problems(path):
    with pytest.raises(SourceError) as caught:
        load_ratings(path)
    return [str(problem).removeprefix(str(path)) for problem in caught.value.problems]


def test_a_row_of_a_page_is_a_label(write):
    content = json.dumps(
        row(note="n", correction="c", rater="ada", guideline_digest="g", source="sample", propensity=0.5, run="r")
    )
    (label,) = load_ratings(write(content + "\n", "r.jsonl")).labels
    assert (label.case_id, label.output_digest, label.rating, label.note) == ("c-1", DIGEST, "good", "n")
    assert (label.correction, label.rater, label.guideline, label.propensity) == ("c", "ada", "g", 0.5)
    assert (label.source, label.run, label.line) == ("sample", "r", 1)


def test_every_wrong_line_is_named_with_its_place(write):
    lines = [row(rating="great"), {**row(), "ratng": "x"}, {"case": "c"}, row(propensity=0), "oops"]
    found = problems(write("\n".join(json.dumps(line) for line in lines) + "\n{", "r.jsonl"))
    assert [text.split(":")[1] for text in found] == ["1", "2", "3", "3", "4", "5", "6"]
    assert "expected good or bad or unsure, found text 'great'" in found[0]
    assert "did you mean 'rating'" in found[1]


def test_cells_as_spreadsheets_write_them_are_read(write):
    text = HEAD.replace(",", ";") + f'7;;{DIGEST};" GOOD ";;;;;sample;0,25;r-1\n'
    (label,) = load_ratings(write("\ufeff" + text), rater="ada").labels
    assert (label.case_id, label.rating, label.rater, label.propensity, label.run) == ("7", "good", "ada", 0.25, "r-1")


def test_a_disarmed_cell_is_armed_again(write):
    (label,) = load_ratings(write(f"{HEAD}'=cmd(),,{DIGEST},bad,'-1 for tone,it's fine,,,,,\n")).labels
    assert (label.case_id, label.note, label.correction) == ("=cmd()", "-1 for tone", "it's fine")


def test_text_within_quotes_keeps_its_lines(write):
    (label,) = load_ratings(write(f'{HEAD}c,,{DIGEST},bad,"one\r\ntwo, three",,,,,,\n')).labels
    assert label.note == "one\ntwo, three"


def test_a_table_rated_in_part_is_chosen_and_one_rated_whole_is_a_sample(write):
    rated, left = f"a,,{DIGEST},good,,,,,sample,0.5,r\n", f"b,,{DIGEST},,,,,,sample,0.5,r\n"
    part = load_ratings(write(HEAD + rated + left))
    whole = load_ratings(write(HEAD + rated))
    assert [(one.source, one.propensity) for one in part.labels] == [("feedback", None)]
    assert [(one.source, one.propensity) for one in whole.labels] == [("sample", 0.5)]
    assert (part.unrated, whole.unrated) == (1, 0)


def test_a_row_that_gave_the_same_output_again_need_not_be_rated_again(write):
    again = load_ratings(write(f"{HEAD}a,,{DIGEST},good,,,,,,,r\na,,{DIGEST},,,,,,,,r\na,,{DIGEST},good,n,,,,,,r\n"))
    assert again.unrated == 0
    assert [one.note for one in again.labels] == ["n"]


def test_rows_without_output_are_left_alone_but_not_rated(write):
    assert load_ratings(write(f"{HEAD}a,,,,,,,,,,r\nb,,{DIGEST},bad,,,,,,,r\n")).unrated == 0
    assert "nothing to rate" in problems(write(f"{HEAD}a,,,good,,,,,,,r\n"))[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("case_id,output_digest,ratng\n", "no column 'rating'; did you mean 'ratng'?"),
        ("case,case_id,output_digest,rating\n", "two columns are called 'case'"),
        (f"{HEAD}a,,{DIGEST},ok,,,,,,,\n", "expected good or bad or unsure, found text 'ok'"),
        (f"{HEAD}a,,{DIGEST},,a word,,,,,,\n", "a note without a rating"),
        (f"{HEAD}a,,{DIGEST},,,better,,,,,\n", "a correction without a rating"),
        (f"{HEAD}a,,{DIGEST},good,,,,,,much,\n", "expected a probability above 0 and up to 1, found 'much'"),
        (f"{HEAD}a,,{DIGEST},good\n", "the row has 4 fields, the header 11"),
        (f"{HEAD}a,,{DIGEST},good,,,,,,,\na,,{DIGEST},bad,,,,,,,\n", "is 'bad' here and 'good' in line 2"),
        (b"case_id,output_digest,rating\n\xe9,x,good\n", "0xe9 is not UTF-8"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_says_why(write, text, said):
    assert said in problems(write(text))[0]


def test_a_workbook_is_read_by_its_first_sheet(write_book):
    path = write_book(
        ["case_id", "output_digest", "rating", "note", "extra"], [7, DIGEST, "bad", 3.5, None], [None] * 5
    )
    (label,) = load_ratings(path).labels
    assert (label.case_id, label.rating, label.note, label.line) == ("7", "bad", "3.5", 2)


def test_a_formula_is_no_rating(write_book):
    path = write_book(["case_id", "output_digest", "rating", "note"], ["a", DIGEST, "bad", "=1+1"])
    assert problems(path) == [":2: note: the cell holds a formula or an error"]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 half"])
def test_a_broken_workbook_is_a_problem_of_the_file(write, content):
    assert "not a readable workbook" in problems(write(content, "r.xlsx"))[0]


def test_an_archive_that_is_no_workbook_is_a_problem_of_the_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "r.xlsx", "w") as archive:
        archive.writestr("hello.txt", "x")
    assert "not a readable workbook" in problems(tmp_path / "r.xlsx")[0]


def test_a_workbook_that_would_fill_the_memory_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "r.xlsx", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w") as file:
        for _ in range(1001):
            file.write(b"\0" * 1_000_000)
    assert "unpacks to 1.0 GB" in problems(tmp_path / "r.xlsx")[0]


def test_other_files_are_refused_with_the_known_endings(write, tmp_path):
    assert ".jsonl, .csv, .xlsx" in load_hint(write("", "r.xls"))
    assert "there is no such file" in problems(tmp_path / "none.csv")[0]


def load_hint(path):
    with pytest.raises(SourceError) as caught:
        load_ratings(path)
    return caught.value.hint


@given(st.binary(max_size=300), st.sampled_from(["r.csv", "r.xlsx", "r.jsonl"]))
def test_any_bytes_are_ratings_or_a_source_error(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(content)
    with contextlib.suppress(SourceError):
        assert load_ratings(path).unrated >= 0
