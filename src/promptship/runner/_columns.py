"""The figures of a run's rows in columns: some 60 bytes a cell, from which every total is derived."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any

from promptship.runner._table import OutcomeCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from promptship.domain import CellRecord, RunManifest

__all__ = ["Columns", "paid_usd"]

_NONE = math.nan
_NO_CALLS = (0, 0)


class Columns:
    """One entry per cell, at the cell's position; NaN stands for what is not known.

    Args:
        size: Cells.
        per_case: Consecutive positions that belong to one case.
        scorers: Names of the scorers that every cell has.
    """

    def __init__(self, size: int, per_case: int, scorers: Iterable[str]) -> None:
        self.size = size
        self.per_case = per_case
        self.outcomes = bytearray(size)
        self.has_output = bytearray(size)
        self.variants = array("H", bytes(2 * size))
        self.calls = array("I", bytes(4 * size))
        self.cached = array("I", bytes(4 * size))
        self.cost = array("d", bytes(8 * size))
        self.paid = array("d", bytes(8 * size))
        self.judged = array("d", bytes(8 * size))
        self.judge_calls = array("I", bytes(4 * size))
        self.judge_cached = array("I", bytes(4 * size))
        self.latency = array("d", [_NONE]) * size
        self.scores = {name: array("d", [_NONE]) * size for name in scorers}
        self.tag_sets: list[tuple[tuple[str, str], ...]] = [()]
        self._tag_set_ids: dict[tuple[tuple[str, str], ...], int] = {(): 0}
        self._tags = array("I", bytes(4 * (size // per_case)))

    def tag_set(self, position: int) -> int:
        """Return the index into `tag_sets` of the cell's tags."""
        return self._tags[position // self.per_case]

    @classmethod
    def of_run(cls, manifest: RunManifest) -> Columns:
        """Make empty columns for the cells of a run."""
        return cls(manifest.cells, len(manifest.variants) * manifest.repeats, manifest.scorers)

    def put_row(self, position: int, row: dict[str, Any]) -> None:
        """Take in a row of a journal."""
        if "c" in row:
            self.put_tags(position, row["c"].get("g", {}))
        if "o" in row:
            self.put_output(position, row["k"][1], row["o"])
        else:
            self.put_error(position, row["k"][1])

    def put_tags(self, position: int, tags: Mapping[str, str]) -> None:
        """Take in the slices of the case that the cell belongs to."""
        # Cases share few combinations of tags; one number each keeps a cell's tags at four bytes.
        key = tuple(sorted(tags.items()))
        number = self._tag_set_ids.setdefault(key, len(self.tag_sets))
        if number == len(self.tag_sets):
            self.tag_sets.append(key)
        self._tags[position // self.per_case] = number

    def put_error(self, position: int, variant: int) -> None:
        """Take in a cell that has no output."""
        self.variants[position] = variant
        self.outcomes[position] = OutcomeCode.ERROR

    def put_output(self, position: int, variant: int, row: dict[str, Any]) -> None:
        """Take in a row of an output; its cell is unscored until its scores come."""
        self.outcomes[position] = OutcomeCode.UNSCORED
        self.has_output[position] = 1
        self.variants[position] = variant
        calls, cached, cost, latency = row.get("n", 0), row.get("h", 0), row.get("$"), row["l"]
        self.calls[position] = calls
        self.cached[position] = cached
        self.cost[position] = _NONE if cost is None else cost
        paid = paid_usd(cost, calls, cached)
        self.paid[position] = _NONE if paid is None else paid
        # A stored output took no time that we know of; a zero would pull the percentiles down.
        self.latency[position] = _NONE if not latency and row.get("p") == "stored" else latency

    def put_scores(self, position: int, row: dict[str, Any], names: Iterable[str]) -> None:
        """Take in a row of scores, `names` being those of its list."""
        self.outcomes[position] = ord(row["r"])
        self.judged[position] = 0.0
        self.judge_calls[position], self.judge_cached[position] = row.get("n", _NO_CALLS)
        for name, score in zip(names, row.get("s", ()), strict=False):
            self._put_score(position, name, score)
        if "x" in row:
            for name, score in row["x"].items():
                self._put_score(position, name, score)

    def _put_score(self, position: int, name: str, score: int | dict[str, Any] | None) -> None:
        value: float | None
        if isinstance(score, dict):
            value = score.get("v")
            self.judged[position] += score.get("$", 0.0)
        else:
            value = score
        if name not in self.scores:
            self.scores[name] = array("d", [_NONE]) * self.size
        self.scores[name][position] = _NONE if value is None else value

    @classmethod
    def of_records(cls, records: Iterable[CellRecord], scorers: Iterable[str]) -> Columns:
        """Take in records in any order; positions are their places in it."""
        rows = list(map(_rows_of, records))
        columns = cls(len(rows), 1, scorers)
        for position, (variant, tags, output, scores) in enumerate(rows):
            columns.put_tags(position, tags)
            if output is None:
                columns.put_error(position, variant)
            else:
                columns.put_output(position, variant, output)
                columns.put_scores(position, scores, ())
        return columns


def _rows_of(record: CellRecord) -> tuple[int, Mapping[str, str], dict[str, Any] | None, dict[str, Any]]:
    """Return a record's variant, tags, and what its figures rest on in the shape of the rows."""
    scores = {name: {"v": score.value, "$": score.cost_usd} for name, score in record.scores.items()}
    output = record.output
    row: dict[str, Any] | None = None
    if output is not None:
        row = {"n": output.calls, "h": output.cached_calls, "$": output.cost_usd, "l": output.latency_s}
        row["p"] = output.provenance
    scored: dict[str, Any] = {"r": record.outcome[0], "x": scores}
    if record.judge_calls is not None:
        scored["n"] = [record.judge_calls.called, record.judge_calls.cached]
    return record.key.variant, record.tags, row, scored


def paid_usd(cost_usd: float | None, calls: int, cached_calls: int) -> float | None:
    """Return what was paid now for an output; None where calls were made at an unknown price.

    Of an output made by calls and cached answers together the share of the calls is taken, since single prices are
    not kept.

    Args:
        cost_usd: What all of it costs where nothing is cached; None where a price is unknown.
        calls: Model calls made now.
        cached_calls: Model calls answered without one.
    """
    if not calls:
        return 0.0
    return None if cost_usd is None else cost_usd * calls / (calls + cached_calls)
