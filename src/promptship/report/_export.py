"""A run as a file of the format asked for."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Literal

import orjson

from promptship.errors import MissingExtraError, UsageError, did_you_mean
from promptship.report._atomic import atomic_file
from promptship.report._frame import to_frame, write_csv
from promptship.report._html import render_html
from promptship.report._json_report import cell_as_json
from promptship.report._junit import render_junit
from promptship.report._markdown import render_markdown
from promptship.report._rating_sheet import RatingSheet
from promptship.report._xlsx import write_xlsx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from promptship.report._run_like import RunLike

__all__ = ["EXPORT_FORMATS", "ExportFormat", "export_run"]

_SHEETS = ("csv", "xlsx")
ExportFormat = Literal["csv", "xlsx", "jsonl", "parquet", "junit", "markdown", "html"]


def export_run(
    run: RunLike,
    format: ExportFormat,  # noqa: A002 - the word of the command line
    path: Path,
    *,
    rating: RatingSheet | None = None,
) -> None:
    """Write a run to `path`; an existing file is replaced only by a whole one.

    Args:
        run: The run.
        format: `csv`, `xlsx` and `parquet` hold the columns of `to_frame`, the first two also those that a person
            rates in; `jsonl` holds a cell's object per line; `junit`, `markdown` and `html` are reports.
        path: Where to; folders on the way are made.
        rating: What a person is to rate, in `csv`, `xlsx` and `html`; None for every output by no stated policy.

    Raises:
        UsageError: An unknown format, a sample of one that has all rows, or more rows than a format can hold.
        StorageError: The file cannot be written.
        MissingExtraError: `parquet` needs pandas and pyarrow, `xlsx` openpyxl.
    """
    writer = _WRITERS.get(format)
    if writer is None:
        known = ", ".join(EXPORT_FORMATS)
        raise UsageError(
            f"no export format {format!r}{did_you_mean(format, EXPORT_FORMATS)}", hint=f"known formats: {known}"
        )
    sheet = rating or RatingSheet()
    if sheet.sample is not None and format not in _SHEETS:
        raise UsageError(f"{format} holds every output", hint=f"a sample is drawn for {' and '.join(_SHEETS)}")
    with atomic_file(path) as file:
        writer(run, file, sheet)


class _Utf8:
    """Text into a binary file; unlike `io.TextIOWrapper` it holds nothing back that a full disk could lose."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str, /) -> int:
        return self._file.write(text.encode())


def _write_csv(run: RunLike, file: IO[bytes], rating: RatingSheet) -> None:
    write_csv(run, _Utf8(file), rating)


def _write_jsonl(run: RunLike, file: IO[bytes], _: RatingSheet) -> None:
    for record in run.records():
        file.write(orjson.dumps(cell_as_json(run, record), option=orjson.OPT_APPEND_NEWLINE))


def _write_parquet(run: RunLike, file: IO[bytes], _: RatingSheet) -> None:
    try:
        to_frame(run).to_parquet(file, index=False, engine="pyarrow")
    except ImportError as error:
        raise MissingExtraError("pyarrow", extra="eval", needed_for="the export format 'parquet'") from error


def _write_junit(run: RunLike, file: IO[bytes], _: RatingSheet) -> None:
    file.write(render_junit([run]).encode())


def _write_markdown(run: RunLike, file: IO[bytes], _: RatingSheet) -> None:
    file.write(render_markdown([run]).encode())


def _write_html(run: RunLike, file: IO[bytes], rating: RatingSheet) -> None:
    file.write(render_html([run], policy=rating.policy))


_WRITERS: dict[str, Callable[[RunLike, IO[bytes], RatingSheet], None]] = {
    "csv": _write_csv,
    "xlsx": write_xlsx,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
    "junit": _write_junit,
    "markdown": _write_markdown,
    "html": _write_html,
}
EXPORT_FORMATS = tuple(_WRITERS)
