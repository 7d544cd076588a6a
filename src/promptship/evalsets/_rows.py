"""Files of cases to rows: JSONL, CSV and Parquet, streamed."""

from __future__ import annotations

import csv
import itertools
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from promptship.errors import MissingExtraError, Problem, UsageError, did_you_mean
from promptship.evalsets._columns import Columns
from promptship.evalsets._files import LONGEST_LINE, read_lines
from promptship.evalsets._json_lines import read_json_lines
from promptship.evalsets._places import RowSpot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from promptship.evalsets._files import SourceFile
    from promptship.evalsets._problems import ProblemList

__all__ = ["ENDINGS", "RowReader", "find_reader", "read_csv_records"]

RowReader: TypeAlias = "Callable[[SourceFile, ProblemList, Collection[str], bool], Iterator[tuple[Any, RowSpot]]]"
"""Takes a file, a list for its problems, the names of scorers already taken, and whether to look for every fault."""

_BATCH = 512
_NESTED = ("inputs", "tags", "source", "tools")
_OTHERS: Final = {
    ".json": "write one case on each line of a .jsonl file",
    ".ndjson": "rename it to .jsonl",
    ".tsv": "save it with commas as .csv",
    ".xls": "save it as .csv",
    ".xlsx": "save it as .csv",
    ".yaml": "write the cases of a YAML file inline, or as .jsonl",
    ".yml": "write the cases of a YAML file inline, or as .jsonl",
}


def find_reader(file_name: str) -> RowReader:
    """Return the reader of a file by its ending.

    Raises:
        UsageError: No cases are read from such files.
    """
    ending = "." + file_name.rpartition(".")[2].lower() if "." in file_name else ""
    reader = _READERS.get(ending)
    if reader is None:
        hint = _OTHERS.get(ending) or f"known endings are {', '.join(ENDINGS)}"
        raise UsageError(f"{file_name!r} is no file of cases{did_you_mean(ending, ENDINGS)}", hint=hint)
    return reader


def _read_jsonl(
    file: SourceFile,
    problems: ProblemList,
    taken: Collection[str],  # noqa: ARG001 - in JSONL scorers are written out, names and all
    strict: bool,  # noqa: FBT001 - positional by the type that all readers share
) -> Iterator[tuple[Any, RowSpot]]:
    shown = file.shown
    for number, _, text, value in read_json_lines(file, problems, strict=strict):
        yield value, RowSpot(shown, number, text)


def _read_csv(
    file: SourceFile,
    problems: ProblemList,
    taken: Collection[str],
    strict: bool,  # noqa: ARG001, FBT001 - there is only one way to read a table
) -> Iterator[tuple[Any, RowSpot]]:
    records = read_csv_records(file, problems)
    header = next(records, None)
    if header is None:
        return
    try:
        columns = Columns([name.strip() for name in header[1]], taken)
    except UsageError as error:
        problems.add(file.problem(str(error), line=header[0], hint=error.hint))
        return
    for line, values in records:
        if len(values) != len(columns):
            message = f"the row has {len(values)} fields, the header {len(columns)}"
            problems.add(file.problem(message, line=line, hint='put a field that holds a comma into quotes: "a, b"'))
            continue
        try:
            row = columns.row(values)
        except UsageError as error:
            problems.add(file.problem(str(error), line=line, hint=error.hint))
            continue
        yield row, RowSpot(file.shown, line)


def read_csv_records(
    file: SourceFile, problems: ProblemList, *, delimiter: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """Yield records with the line on which each begins; empty lines are skipped."""
    if csv.field_size_limit() < LONGEST_LINE:
        # The limit is one for the process, and its default of 128 KB is less than a long document.
        csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(_text_lines(file, problems), strict=True, delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(_explain_csv(file, line, str(error)))
            continue
        if values:
            yield line, values


def _text_lines(file: SourceFile, problems: ProblemList) -> Iterator[str]:
    for number, _, line in read_lines(file, problems):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            column = len(line[: error.start].decode()) + 1
            message = f"the byte 0x{line[error.start]:02x} is not UTF-8"
            problems.add(
                Problem(path=file.shown, line=number, column=column, message=message, hint="save the file as UTF-8")
            )
            text = line.decode(errors="replace")
        # Within quotes too: a checkout on Windows must not change a case.
        yield text[:-2] + "\n" if text.endswith("\r\n") else text


def _explain_csv(file: SourceFile, line: int, said: str) -> Problem:
    if "unexpected end" in said:
        return file.problem("a quoted field that begins here is not closed", line=line)
    if "expected after" in said:
        return file.problem(
            "text follows the closing quote of a field", line=line, hint='double a quote inside a field: "say ""hi"""'
        )
    if "field larger" in said:
        return file.problem(f"a field is longer than {LONGEST_LINE // 1_000_000} MB", line=line)
    return file.problem(
        f"not valid CSV: {said}", line=line, hint="end lines with a line feed, or put the field in quotes"
    )


def _read_parquet(
    file: SourceFile,
    problems: ProblemList,
    taken: Collection[str],
    strict: bool,  # noqa: ARG001, FBT001 - there is only one way to read a table
) -> Iterator[tuple[Any, RowSpot]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("pyarrow", extra="eval", needed_for=f"reading {file.shown}") from None
    with file.open() as stream:
        try:
            with pq.ParquetFile(stream) as table:
                yield from _table_rows(file, table, problems, taken)
        except UsageError as error:
            problems.add(file.problem(str(error), hint=error.hint))
        except (pa.ArrowException, OSError) as error:
            # Arrow raises OSError without a number where it is the content that cannot be read.
            if getattr(error, "errno", None) is not None:
                raise
            problems.add(file.problem(f"not valid Parquet: {str(error).splitlines()[0]}"))


def _table_rows(
    file: SourceFile, table: Any, problems: ProblemList, taken: Collection[str]
) -> Iterator[tuple[Any, RowSpot]]:
    names = table.schema_arrow.names
    columns = None if "inputs" in names else Columns(names, taken)
    batches = (batch.to_pylist(maps_as_pydicts="strict") for batch in table.iter_batches(batch_size=_BATCH))
    for number, values in enumerate(itertools.chain.from_iterable(batches), 1):
        try:
            row = _parquet_row(values, columns)
        except UsageError as error:
            problems.add(file.problem(str(error), line=number, hint=error.hint))
            continue
        yield row, RowSpot(file.shown, number)


def _parquet_row(values: dict[str, Any], columns: Columns | None) -> dict[str, Any]:
    """Return a row as a case writes it; Parquet has null where JSON has no key."""
    if columns is not None:
        return columns.row(list(values.values()))
    # A struct has the fields of all rows; those that a row did not have are null in it.
    for name in _NESTED:
        nested = values.get(name)
        if isinstance(nested, dict):
            values[name] = {key: item for key, item in nested.items() if item is not None}
    return values


_READERS: Final[dict[str, RowReader]] = {".jsonl": _read_jsonl, ".csv": _read_csv, ".parquet": _read_parquet}
ENDINGS: Final = tuple(_READERS)
