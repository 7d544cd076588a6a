"""What people marked in a report page or a spreadsheet: `ratings.jsonl`, CSV and XLSX to labels."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import ParseError

from promptship.errors import MissingExtraError, SourceError, did_you_mean
from promptship.evalsets._files import SourceFile, find_file
from promptship.evalsets._json_lines import read_json_lines
from promptship.evalsets._labels import LABEL, build_label
from promptship.evalsets._places import RowSpot
from promptship.evalsets._problems import ProblemList
from promptship.evalsets._rows import read_csv_records
from promptship.evalsets._shapes import Flaw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from promptship.domain import Label

__all__ = ["Ratings", "load_ratings"]

_KEY_OF_COLUMN: Final = {**{key: key for key in LABEL.fields}, "case_id": "case", "run_id": "run"}
_NEEDED: Final = ("case", "output_digest", "rating")
_SAID: Final = ("rating", "note", "correction")
_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_SEPARATORS: Final = ",;\t"
_HEAD_BYTES: Final = 65_536
_LARGEST_UNPACKED: Final = 1_000_000_000
# What openpyxl lets through where a workbook is not what it claims to be.
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """What a file holds.

    Attributes:
        labels: One for each output and rater, in the order of the file.
        unrated: Outputs in a table that nobody rated; 0 for JSONL, which has only what was rated.
    """

    labels: tuple[Label, ...]
    unrated: int = 0


def load_ratings(path: Path, *, rater: str = "") -> Ratings:
    """Load what a person marked.

    In a table that was rated in part, somebody chose what to rate: its labels have the source `feedback` and no
    propensity, whatever the columns say.

    Args:
        path: `.jsonl` as a report page saves it, or a `.csv` or `.xlsx` as `runs export` writes it. Anywhere on the
            disk: people send such files. Columns other than those of a label are not looked at.
        rater: Who rated, where the file does not say.

    Raises:
        SourceError: The file is wrong, or a rater rates one output both ways; with everything that is wrong in it.
        MissingExtraError: `.xlsx` needs openpyxl.
    """
    file = _find(path)
    problems = ProblemList()
    ending = path.suffix.lower()
    # Of JSONL every line counts: there a missing rating is a mistake.
    is_table = ending != ".jsonl"
    rated: dict[tuple[str, str, str], Label] = {}
    left: set[tuple[Any, Any]] = set()
    for row, spot in _READERS[ending](file, problems):
        if is_table and not any(row.get(key) for key in _SAID):
            left.add((row.get("case"), row.get("output_digest")))
            continue
        if found := list(_flaws(row, is_table=is_table)):
            problems.extend(flaw.at(spot) for flaw in found)
            continue
        label = build_label(row, spot)
        _join(rated, replace(label, rater=label.rater or rater), problems, spot)
    problems.raise_any()
    labels = tuple(rated.values())
    unrated = len({key for key in left if key[1]} - {(label.case_id, label.output_digest) for label in labels})
    if unrated:
        labels = tuple(replace(label, source="feedback", propensity=None) for label in labels)
    return Ratings(labels=labels, unrated=unrated)


def _find(path: Path) -> SourceFile:
    if path.suffix.lower() not in _READERS:
        near = did_you_mean(path.suffix.lower(), _READERS)
        hint = f"known endings are {', '.join(_READERS)}"
        raise SourceError.at(str(path), None, None, f"ratings are not read from {path.suffix!r} files{near}", hint=hint)
    # The project's border guards what files name; this one the user named.
    found = find_file(path, path.resolve().parent)
    return SourceFile(found.path, str(path))


def _flaws(row: Any, *, is_table: bool) -> Iterator[Flaw]:
    if is_table and not row.get("output_digest"):
        yield Flaw((), "this row has no output, so there is nothing to rate", "leave its rating empty")
    elif is_table and not row.get("rating"):
        said = "a note" if row.get("note") else "a correction"
        yield Flaw((), f"{said} without a rating", "write good, bad or unsure into the column `rating`")
    elif not LABEL.accepts(row):
        yield from LABEL.flaws(row, ())


def _join(rated: dict[tuple[str, str, str], Label], label: Label, problems: ProblemList, spot: RowSpot) -> None:
    """Add a label; a row per repeat or variant may say the same of the same output again."""
    key = (label.case_id, label.output_digest, label.rater)
    before = rated.setdefault(key, label)
    if before.rating != label.rating:
        message = f"rating: this output of {label.case_id!r} is {label.rating!r} here and {before.rating!r} in line "
        hint = "keep the rating that is meant; where two people disagree, give each a `rater`"
        problems.add(Flaw(("rating",), f"{message}{before.line}", hint).at(spot))
        return
    rated[key] = replace(before, note=before.note or label.note, correction=before.correction or label.correction)


def _table_row(columns: Sequence[str | None], values: Iterable[Any]) -> dict[str, Any]:
    """Return a row by the keys of a label, empty cells left out."""
    cells = zip(columns, values, strict=False)
    row = {key: _plain(value) for key, value in cells if key is not None and value not in (None, "")}
    if isinstance(row.get("rating"), str):
        row["rating"] = row["rating"].strip().lower()
    if isinstance(row.get("propensity"), str):
        row["propensity"] = _number(row["propensity"])
    # A spreadsheet makes a number of the case `7` and of the rater `1`.
    return {key: value if key == "propensity" else str(value) for key, value in row.items() if value != ""}


def _plain(value: Any) -> Any:
    """Take away the apostrophe that the export put before what a spreadsheet would take for a formula."""
    if isinstance(value, str) and value.startswith("'") and value[1:].startswith(_FORMULA):
        return value[1:]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(text: str) -> float | str:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


def _columns(file: SourceFile, names: Sequence[Any], problems: ProblemList) -> list[str | None] | None:
    """Return each column's key in a label, None where it is not looked at; None in all where one is missing."""
    texts = [str(name or "").strip().lower() for name in names]
    found = [_KEY_OF_COLUMN.get(text) for text in texts]
    for key in _NEEDED:
        if key not in found:
            shown = "case_id" if key == "case" else key
            hint = "the columns of `promptctl runs export` are expected; the first line names them"
            message = f"there is no column {shown!r}{did_you_mean(shown, texts)}"
            problems.add(file.problem(message, line=1, hint=hint))
    twice = {key for key in found if key is not None and found.count(key) > 1}
    for key in sorted(twice):
        problems.add(file.problem(f"two columns are called {key!r}", line=1))
    return None if problems else found


def _read_jsonl(file: SourceFile, problems: ProblemList) -> Iterator[tuple[Any, RowSpot]]:
    for line in read_json_lines(file, problems, strict=True):
        yield line.value, RowSpot(file.shown, line.number, line.text)


def _read_csv(file: SourceFile, problems: ProblemList) -> Iterator[tuple[Any, RowSpot]]:
    head = file.read(_HEAD_BYTES).partition(b"\n")[0].decode(errors="replace")
    # Where a comma is the decimal sign, spreadsheets separate by semicolons.
    records = read_csv_records(file, problems, delimiter=max(_SEPARATORS, key=head.count))
    header = next(records, None)
    if header is None:
        problems.add(file.problem("the file is empty"))
        return
    columns = _columns(file, header[1], problems)
    if columns is None:
        return
    for line, values in records:
        if len(values) != len(columns):
            message = f"the row has {len(values)} fields, the header {len(columns)}"
            problems.add(file.problem(message, line=line, hint='put a field that holds a comma into quotes: "a, b"'))
            continue
        yield _table_row(columns, values), RowSpot(file.shown, line)


def _read_xlsx(file: SourceFile, problems: ProblemList) -> Iterator[tuple[Any, RowSpot]]:
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError("openpyxl", extra="eval", needed_for=f"reading {file.shown}") from None
    with file.open() as stream, warnings.catch_warnings():
        # It warns of what it leaves out of a sheet, such as drop-down lists; cells it reads whole.
        warnings.simplefilter("ignore")
        try:
            _require_bounded(stream)
            book = openpyxl.load_workbook(stream, read_only=True)
            yield from _sheet_rows(file, book.worksheets[0].iter_rows(), problems)
        except _BROKEN as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            problems.add(file.problem(f"not a readable workbook: {said}", hint="save it anew as .xlsx, or as .csv"))


def _require_bounded(stream: Any) -> None:
    with zipfile.ZipFile(stream) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > _LARGEST_UNPACKED:
        raise ValueError(f"it unpacks to {size / 1e9:.1f} GB")
    stream.seek(0)


def _sheet_rows(file: SourceFile, rows: Iterable[Any], problems: ProblemList) -> Iterator[tuple[Any, RowSpot]]:
    columns = None
    for number, cells in enumerate(rows, 1):
        if columns is None:
            columns = _columns(file, [cell.value for cell in cells], problems)
            if columns is None:
                return
            continue
        used = [(key, cell) for key, cell in zip(columns, cells, strict=False) if key is not None]
        formulas = [key for key, cell in used if cell.data_type in {"f", "e"}]
        for key in formulas:
            hint = "write text; an apostrophe before it keeps a spreadsheet from computing"
            problems.add(file.problem(f"{key}: the cell holds a formula or an error", line=number, hint=hint))
        row = _table_row([key for key, _ in used], [cell.value for _, cell in used])
        if row and not formulas:
            yield row, RowSpot(file.shown, number)
    if columns is None:
        problems.add(file.problem("the first sheet is empty"))


_READERS: Final[dict[str, Callable[[SourceFile, ProblemList], Iterator[tuple[Any, RowSpot]]]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".xlsx": _read_xlsx,
}
