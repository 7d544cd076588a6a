"""A run as a workbook that a person rates outputs in."""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Any, Final

from promptship.errors import MissingExtraError, UsageError
from promptship.report._frame import sheet_rows
from promptship.report._rating_sheet import RATING_COLUMNS
from promptship.report._reading import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptship.domain import JsonValue
    from promptship.report._rating_sheet import RatingSheet
    from promptship.report._run_like import RunLike

__all__ = ["write_xlsx"]

# Limits of the format: ECMA-376 has 2^20 rows, and applications refuse cells with more characters than this.
_MOST_ROWS: Final = 1_048_576
_LONGEST_CELL: Final = 32_767
_CUT: Final = " … (cut here; `runs export --format csv` has all of it)"
# Beyond it a spreadsheet, which has floats only, would show another number.
_LARGEST_WHOLE: Final = 2**53
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_COMPUTED: Final = tuple("=+-@#\t\r\n\uff1d\uff0b\uff0d\uff20")
_WIDE: Final = {"output": 60, "expected": 40, "note": 30, "correction": 50, "case_id": 18, "rating": 10, "rater": 12}
_NARROW: Final = 14
_INPUT_WIDTH: Final = 40


def write_xlsx(run: RunLike, file: IO[bytes], rating: RatingSheet) -> None:
    """Write a workbook with a row per cell of the run, the columns that a rater needs first.

    Every text is stored as text, whatever it begins with: nothing that a model wrote is computed.

    Args:
        run: The run.
        file: A binary file.
        rating: What the rater rates, and the policy, which gets a sheet of its own.

    Raises:
        MissingExtraError: openpyxl is not installed.
        UsageError: There are more rows than a sheet can hold.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.worksheet.datavalidation import DataValidation
    except ImportError as error:
        raise MissingExtraError("openpyxl", extra="eval", needed_for="the export format 'xlsx'") from error
    book = Workbook(write_only=True)
    sheet = book.create_sheet("outputs")
    names, rows = sheet_rows(run, rating)
    names = _order(names)
    _lay_out(sheet, names)
    cell = _cell_maker(sheet)
    sheet.append([cell(name, None) for name in names])
    for number, row in enumerate(rows, 2):
        if number > _MOST_ROWS:
            raise UsageError(f"a sheet holds {_MOST_ROWS - 1:,} rows", hint="export csv or parquet, or --sample")
        sheet.append([cell(row.get(name), name) for name in names])
    choice = DataValidation(type="list", formula1='"good,bad,unsure"', allow_blank=True, showErrorMessage=True)
    choice.add(f"{_letter(names.index('rating'))}2:{_letter(names.index('rating'))}{_MOST_ROWS}")
    sheet.data_validations.append(choice)
    if rating.policy:
        _write_policy(book.create_sheet("policy"), rating.policy)
    book.save(file)


def _order(names: Sequence[str]) -> list[str]:
    """Return what a rater reads and writes first, then everything else."""
    inputs = [name for name in names if name.startswith("input.")]
    first = ["case_id", *inputs, "expected", "output", *RATING_COLUMNS[:4]]
    return [*first, *(name for name in names if name not in first)]


def _lay_out(sheet: Any, names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        column = sheet.column_dimensions[_letter(place)]
        column.width = _INPUT_WIDTH if name.startswith("input.") else _WIDE.get(name, _NARROW)
        if _is_wrapped(name):
            # Cells that are still empty take it from here: a rater's note wraps as well.
            column.alignment = _wrapping()
    sheet.freeze_panes = "B2"


def _cell_maker(sheet: Any) -> Callable[[JsonValue, str | None], Any]:
    """Return what makes a cell of a value and its column's name; None as the name for the header."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    bold, wrap = Font(bold=True), _wrapping()

    def make(value: JsonValue, name: str | None) -> Any:
        plain = _plain(value)
        wrapped = name is not None and _is_wrapped(name)
        # A bare value is written in a third of the time of a cell, and most values need no more.
        if not isinstance(plain, str) or (name is not None and not wrapped and not plain.startswith(_COMPUTED)):
            return plain
        cell = WriteOnlyCell(sheet, plain)
        # Guessed otherwise: text that begins with an equals sign would be a formula, `#N/A` an error.
        cell.data_type = "s"
        if plain.startswith(_COMPUTED):
            cell.quotePrefix = True
        if name is None:
            cell.font = bold
        elif wrapped:
            cell.alignment = wrap
        return cell

    return make


def _is_wrapped(name: str) -> bool:
    return name in _WIDE or name.startswith("input.")


def _wrapping() -> Any:
    from openpyxl.styles import Alignment

    return Alignment(wrap_text=True, vertical="top")


def _plain(value: JsonValue) -> str | float | bool | None:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST_WHOLE:
        return value
    text = _NOT_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", as_text(value))
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - len(_CUT)] + _CUT


def _write_policy(sheet: Any, policy: str) -> None:
    cell = _cell_maker(sheet)
    sheet.column_dimensions["A"].width = 100
    for line in ["Rate each output in the column `rating`: good, bad or unsure.", "", *policy.splitlines()]:
        sheet.append([cell(line, "output")])


def _letter(place: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(place + 1))
