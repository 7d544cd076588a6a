"""Columns for a person to rate in, in CSV and in a workbook."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import openpyxl
import pytest

from promptship.domain import CellError, digest_of
from promptship.errors import UsageError
from promptship.report import RATING_COLUMNS, RatingSheet, export_run, output_digest, to_frame

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType
    from typing import Any

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "#N/A", '=HYPERLINK("http://x.invalid")', "\uff1d1"]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_book(path: Path) -> list[dict[str, Any]]:
    names, *rows = openpyxl.load_workbook(path)["outputs"].iter_rows()
    return [dict(zip((cell.value for cell in names), row, strict=True)) for row in rows]


def test_csv_has_the_columns_of_the_frame_and_those_of_a_rating_beside_the_output(
    samples: ModuleType, tmp_path: Path
) -> None:
    run = samples.triage_run()
    export_run(run, "csv", tmp_path / "r.csv")
    rows = read_csv(tmp_path / "r.csv")
    names = list(rows[0])
    place = names.index("output_digest") + 1
    assert names[place : place + len(RATING_COLUMNS)] == list(RATING_COLUMNS)
    assert [name for name in names if name not in RATING_COLUMNS] == list(to_frame(run).columns)
    assert {(row["rating"], row["note"], row["correction"], row["rater"]) for row in rows} == {("", "", "", "")}
    assert [row["output_digest"] for row in rows] == [output_digest(cell) for cell in run.cells]


def test_a_workbook_has_the_same_columns_and_values(samples: ModuleType, tmp_path: Path) -> None:
    run = samples.reply_run()
    export_run(run, "csv", tmp_path / "r.csv")
    export_run(run, "xlsx", tmp_path / "r.xlsx")
    table, book = read_csv(tmp_path / "r.csv"), read_book(tmp_path / "r.xlsx")
    assert sorted(table[0]) == sorted(book[0])
    assert [row["output"] for row in table] == [row["output"].value or "" for row in book]
    assert [row["output_digest"] for row in table] == [row["output_digest"].value or "" for row in book]
    assert list(book[0])[:7] == [
        "case_id", "input.company", "input.customer_message", "input.order", "expected", "output", "rating"
    ]  # fmt: skip


def test_nothing_that_a_model_wrote_is_computed(samples: ModuleType, tmp_path: Path) -> None:
    cells = [
        samples.make_cell(
            f"{text}{place}", text=text, inputs={text: text}, expected=text, tags={"t": text}, reason=text
        )
        for place, text in enumerate(FORMULAS)
    ]
    export_run(samples.make_run(cells, evalset="=1"), "xlsx", tmp_path / "r.xlsx", rating=RatingSheet(policy="=1+1"))
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert kinds <= {"s", "inlineStr", "n", "b"}
    assert [row["output"].value for row in read_book(tmp_path / "r.xlsx")] == FORMULAS
    # The flag with which spreadsheets keep such text as text when a person edits it.
    assert all(row["output"].quotePrefix for row in read_book(tmp_path / "r.xlsx"))
    assert "<f>" not in zipfile.ZipFile(tmp_path / "r.xlsx").read("xl/worksheets/sheet1.xml").decode()


def test_what_a_workbook_cannot_hold_is_spelt_or_cut(samples: ModuleType, tmp_path: Path) -> None:
    cells = [
        samples.make_cell("a", text="a\x00\x1b\ud800\uffff", inputs={"n": 2**60, "x": None}),
        samples.make_cell("b", text="x" * 40_000),
    ]
    export_run(samples.make_run(cells), "xlsx", tmp_path / "r.xlsx")
    first, second = read_book(tmp_path / "r.xlsx")
    assert first["output"].value == "a\\u0000\\u001b\\ud800\\uffff"
    assert first["input.n"].value == str(2**60)
    assert len(second["output"].value) == 32_767
    assert "cut here" in second["output"].value


def test_a_drawn_sample_has_each_output_once_with_its_propensity(samples: ModuleType, tmp_path: Path) -> None:
    cells = [samples.make_cell(f"c-{place}", repeat=repeat) for place in range(10) for repeat in (0, 1)]
    cells.append(samples.make_cell("c-x", text=None, error=CellError(kind="ServerError", message="500")))
    run = samples.make_run(cells, repeats=2)
    drawn = []
    for seed in (1, 1, 2):
        export_run(run, "csv", tmp_path / "r.csv", rating=RatingSheet(sample=4, seed=seed))
        rows = read_csv(tmp_path / "r.csv")
        assert {(row["source"], row["propensity"]) for row in rows} == {("sample", "0.4")}
        drawn.append([row["case_id"] for row in rows])
    assert drawn[0] == drawn[1] != drawn[2]
    assert [len(set(cases)) for cases in drawn] == [4, 4, 4]


def test_every_output_is_there_with_propensity_one_and_cells_without_output_have_none(
    samples: ModuleType, tmp_path: Path
) -> None:
    cells = [samples.make_cell("a"), samples.make_cell("b", text=None, error=CellError(kind="E", message="500"))]
    export_run(samples.make_run(cells), "csv", tmp_path / "r.csv", rating=RatingSheet(sample=None, policy="Kind."))
    first, second = read_csv(tmp_path / "r.csv")
    assert (first["propensity"], first["guideline_digest"]) == ("1.0", digest_of("Kind."))
    assert (second["output_digest"], second["propensity"], second["source"]) == ("", "", "")


def test_a_sample_of_more_than_there_is_is_all(samples: ModuleType, tmp_path: Path) -> None:
    export_run(samples.triage_run(), "xlsx", tmp_path / "r.xlsx", rating=RatingSheet(sample=1000))
    rows = read_book(tmp_path / "r.xlsx")
    assert (len(rows), {row["propensity"].value for row in rows}) == (80, {1})


def test_a_sheet_offers_the_three_ratings(samples: ModuleType, tmp_path: Path) -> None:
    export_run(samples.triage_run(), "xlsx", tmp_path / "r.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx")["outputs"]
    (choice,) = sheet.data_validations.dataValidation
    column = next(cell.column_letter for cell in sheet[1] if cell.value == "rating")
    assert choice.formula1 == '"good,bad,unsure"'
    assert str(choice.sqref).startswith(f"{column}2:")


def test_a_sample_of_a_format_that_has_all_rows_is_refused(samples: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="parquet holds every output"):
        export_run(samples.triage_run(), "parquet", tmp_path / "r", rating=RatingSheet(sample=3))


def test_an_output_without_text_has_the_digest_of_its_data(samples: ModuleType) -> None:
    cell = samples.make_cell(text="")
    assert cell.output is not None
    one, other = (replace(cell, output=replace(cell.output, data=value)) for value in ({"a": 1}, {"a": 2}))
    bad = replace(cell, output=replace(cell.output, data=float("nan")))
    assert output_digest(one) != output_digest(other)
    assert output_digest(bad) is None
