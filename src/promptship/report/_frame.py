"""Runs as tables: a pandas frame, and the same columns as CSV and Parquet."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Protocol, TypeAlias

from promptship.errors import MissingExtraError
from promptship.report._escaping import escape_csv
from promptship.report._rating_sheet import RATING_COLUMNS
from promptship.report._reading import as_text, case_order, output_digest, variant_label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

    from promptship.domain import CellRecord, JsonValue, Score, Variant
    from promptship.report._rating_sheet import RatingSheet
    from promptship.report._run_like import RunLike

__all__ = ["sheet_rows", "to_frame", "write_csv"]

# Beyond it a column of 64-bit integers or floats would change the value.
_LARGE = 2**63


class TextSink(Protocol):
    """Something to write text to."""

    def write(self, text: str, /) -> object:
        """Take `text`."""
        ...


_Cell: TypeAlias = "str | int | float | bool | None"

# Nullable types throughout: a missing count must not turn its column into floats.
_FIXED = {
    "run_id": "string",
    "evalset": "string",
    "case_id": "string",
    "variant": "string",
    "prompt": "string",
    "digest": "string",
    "model": "string",
    "repeat": "Int64",
    "outcome": "string",
    "passed": "boolean",
    "cluster": "string",
    "place": "string",
    "output": "string",
    "expected": "string",
    "output_digest": "string",
    "finish_reason": "string",
    "served_model": "string",
    "provenance": "string",
    "prompt_tokens": "Int64",
    "completion_tokens": "Int64",
    "cached_tokens": "Int64",
    "cost_usd": "Float64",
    "latency_s": "Float64",
    "calls": "Int64",
    "cached_calls": "Int64",
    "error_kind": "string",
    "error_message": "string",
    "error_scorer": "string",
}
# The kind of figure stands first in a column's name, so that no scorer's name can collide with another's column.
_SCORE_PARTS: dict[str, tuple[str, Callable[[Score], _Cell]]] = {
    "score": ("Float64", lambda score: score.value),
    "passed": ("boolean", lambda score: score.passed),
    "reason": ("string", lambda score: score.reason),
    "measure": ("Float64", lambda score: score.measure),
    "category": ("string", lambda score: score.category),
    "judge": ("string", lambda score: score.judge or None),
}


def to_frame(run: RunLike) -> pd.DataFrame:
    """Return a frame with one row per case, variant and repeat, in the order of the cases' files.

    Columns, all of nullable types:
        `run_id, evalset, case_id, variant, prompt, digest, model, repeat` (0-based), `outcome` (passed, failed, error,
        unscored), `passed` (missing unless passed or failed), `cluster, place, output, expected, output_digest` (what
        labels know the output by), `finish_reason, served_model, provenance, prompt_tokens, completion_tokens,
        cached_tokens, cost_usd` (as if nothing had been cached), `latency_s, calls, cached_calls, error_kind,
        error_message, error_scorer`; then
        `input.NAME` per input (string, boolean, Int64 or Float64 where all values are; else compact JSON),
        `tag.NAME` per tag, and per scorer `score.NAME` (0 to 1), `passed.NAME, reason.NAME, measure.NAME,
        category.NAME`, and where a judge gave the scores its digest, `judge.NAME`.
        Values that are no text stand in `output` and `expected` as compact JSON.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("pandas", extra="eval", needed_for="to_frame") from error
    records = sorted(run.records(), key=case_order)
    rows = [_row(run, record) for record in records]
    columns = _columns(run, records)
    frame = {}
    for name, dtype in columns.items():
        values = [row.get(name) for row in rows]
        kind = dtype or _common_dtype(values)
        if kind == "string":
            values = [None if value is None else as_text(value) for value in values]
        frame[name] = pd.Series(values, dtype=kind)
    return pd.DataFrame(frame, columns=list(columns))


def write_csv(run: RunLike, file: TextSink, rating: RatingSheet | None = None) -> None:
    """Write the columns of `to_frame` as CSV, one cell at a time, in the order of the run's journal.

    Text that a spreadsheet would take for a formula gets a leading apostrophe. Missing values are empty cells.

    Args:
        run: The run; read twice, first for its columns.
        file: A text file opened with `newline=""`, or anything to write text to.
        rating: Columns for a person to rate in, after those of the output; None for none.
    """
    writer = csv.writer(file)
    columns, rows = sheet_rows(run, rating)
    writer.writerow(map(escape_csv, columns))
    for row in rows:
        writer.writerow([_csv_cell(row.get(name)) for name in columns])


def sheet_rows(run: RunLike, rating: RatingSheet | None) -> tuple[list[str], Iterator[dict[str, JsonValue]]]:
    """Return the columns of a sheet, and its rows in the order of the run's journal, without missing values.

    Args:
        run: The run; read twice, first for its columns, rather than held.
        rating: What a person rates in; None for the columns of `to_frame` alone.
    """
    columns = list(_columns(run, run.records()))
    if rating is None:
        return columns, (_row(run, record) for record in run.records())
    place = columns.index("output_digest") + 1
    columns[place:place] = RATING_COLUMNS
    return columns, (_row(run, record) | filled for record, filled in rating.records(run))


def _csv_cell(value: JsonValue) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return as_text(value)
    return escape_csv(as_text(value))


def _columns(run: RunLike, records: Iterable[CellRecord]) -> dict[str, str | None]:
    """Return every column and its type; None where the values decide."""
    inputs: dict[str, None] = {}
    tags: set[str] = set()
    scorers = dict.fromkeys(run.manifest.scorers)
    judged: set[str] = set()
    for record in records:
        inputs.update(dict.fromkeys(record.inputs))
        tags.update(record.tags)
        scorers.update(dict.fromkeys(record.scores))
        judged.update(name for name, score in record.scores.items() if score.judge)
    columns: dict[str, str | None] = dict(_FIXED)
    columns |= {f"input.{name}": None for name in sorted(inputs)}
    columns |= {f"tag.{name}": "string" for name in sorted(tags)}
    columns |= {
        f"{part}.{name}": dtype
        for name in _scorer_order(run, scorers)
        for part, (dtype, _) in _SCORE_PARTS.items()
        if part != "judge" or name in judged
    }
    return columns


def _scorer_order(run: RunLike, names: Iterable[str]) -> Iterator[str]:
    yield from run.manifest.scorers
    yield from sorted(set(names) - set(run.manifest.scorers))


def _row(run: RunLike, record: CellRecord) -> dict[str, JsonValue]:
    variants = run.manifest.variants
    row = _identity(run, record, variants[record.key.variant] if record.key.variant < len(variants) else None)
    row |= _answer(record)
    row |= {f"input.{name}": value for name, value in record.inputs.items()}
    row |= {f"tag.{name}": value for name, value in record.tags.items()}
    for name, score in record.scores.items():
        row |= {f"{part}.{name}": read(score) for part, (_, read) in _SCORE_PARTS.items()}
    return row


def _identity(run: RunLike, record: CellRecord, variant: Variant | None) -> dict[str, JsonValue]:
    return {
        "run_id": run.manifest.run_id,
        "evalset": run.manifest.evalset,
        "case_id": record.key.case_id,
        "output_digest": output_digest(record),
        "variant": variant_label(run, record),
        "prompt": variant.prompt or None if variant else None,
        "digest": variant.digest or None if variant else None,
        "model": variant.model_id or None if variant else None,
        "repeat": record.key.repeat,
        "outcome": record.outcome,
        "passed": {"passed": True, "failed": False}.get(record.outcome),
        "cluster": record.cluster,
        "place": record.case_place or None,
        "expected": None if record.expected is None else as_text(record.expected),
        "error_kind": record.error.kind if record.error else None,
        "error_message": record.error.message if record.error else None,
        "error_scorer": record.error.scorer or None if record.error else None,
    }


def _answer(record: CellRecord) -> dict[str, JsonValue]:
    output = record.output
    if output is None:
        return {}
    return {
        "output": output.text if output.text or output.data is None else as_text(output.data),
        "finish_reason": output.finish_reason,
        "served_model": output.served_model or None,
        "provenance": output.provenance,
        "prompt_tokens": output.usage.prompt_tokens,
        "completion_tokens": output.usage.completion_tokens,
        "cached_tokens": output.usage.cached_tokens,
        "cost_usd": output.cost_usd,
        "latency_s": output.latency_s,
        "calls": output.calls,
        "cached_calls": output.cached_calls,
    }


def _common_dtype(values: list[JsonValue]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "boolean"
    exact = all(abs(value) < _LARGE for value in values if isinstance(value, int))
    if not kinds or not kinds <= {int, float} or not exact:
        return "string"
    return "Int64" if kinds == {int} else "Float64"
