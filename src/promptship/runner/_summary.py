"""Figures of a run from its rows: counts, rates, money, latency and the mean of each scorer, by variant and slice."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from typing import TYPE_CHECKING

from promptship.domain import GroupSummary, MetricSummary, RunSummary, Totals
from promptship.runner._columns import Columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from promptship.domain import CellRecord, RunManifest

__all__ = ["percentile", "summarize", "summarize_columns"]


def summarize(manifest: RunManifest, records: Iterable[CellRecord], *, wall_s: float = 0.0) -> RunSummary:
    """Derive a run's figures from its rows.

    The figures do not depend on the order of the rows: sums are exact before they are rounded. A cell counts once,
    repeats like cases.

    Args:
        manifest: What the run is of.
        records: Its rows.
        wall_s: Seconds that the run took, all attempts together.

    Returns:
        Overall figures, those of each variant in the manifest's order, and those of each `tag=value` by variant.
    """
    return summarize_columns(manifest, Columns.of_records(records, manifest.scorers), wall_s=wall_s)


def summarize_columns(manifest: RunManifest, columns: Columns, *, wall_s: float) -> RunSummary:
    """Derive a run's figures from its rows in columns; see `summarize`."""
    labels = [variant.label for variant in manifest.variants]
    by_variant = [array("I") for _ in labels]
    by_tag: list[defaultdict[str, array[int]]] = [defaultdict(lambda: array("I")) for _ in labels]
    for (variant, tag_set), positions in _buckets(columns).items():
        by_variant[variant].extend(positions)
        for tag, value in columns.tag_sets[tag_set]:
            by_tag[variant][f"{tag}={value}"].extend(positions)
    # Positions are joined and figures taken from them, not figures added up: exact sums do not add up exactly.
    everything = array("I")
    for positions in by_variant:
        everything.extend(positions)
    return RunSummary(
        overall=_group(columns, everything, wall_s),
        variants={label: _group(columns, rows, wall_s) for label, rows in zip(labels, by_variant, strict=True)},
        slices={
            label: {name: _group(columns, slices[name]) for name in sorted(slices)}
            for label, slices in zip(labels, by_tag, strict=True)
        },
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the value below which `share` of the values lie; None where there are none.

    Args:
        ordered: Values in ascending order; shape (n,).
        share: 0 to 1.

    Source:
        Hyndman and Fan (1996), The American Statistician 50(4), definition 7 (linear interpolation; numpy's default).

    Example:
        >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5)
        2.5
    """
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _buckets(columns: Columns) -> dict[tuple[int, int], array[int]]:
    """Group the cells that have a row by variant and tags."""
    found: defaultdict[tuple[int, int], array[int]] = defaultdict(lambda: array("I"))
    for position, outcome in enumerate(columns.outcomes):
        if outcome:
            found[columns.variants[position], columns.tag_set(position)].append(position)
    return found


def _group(columns: Columns, positions: array[int], wall_s: float = 0.0) -> GroupSummary:
    outcomes = bytes(map(columns.outcomes.__getitem__, positions))
    paid = _sum(columns.paid, positions) + _sum(columns.judged, positions)
    totals = Totals(
        cases=len(outcomes),
        passed=outcomes.count(b"p"),
        failed=outcomes.count(b"f"),
        error=outcomes.count(b"e"),
        unscored=outcomes.count(b"u"),
        requests=sum(map(columns.calls.__getitem__, positions)),
        cached=sum(map(columns.cached.__getitem__, positions)),
        cost_usd=None if math.isnan(paid) else paid,
        wall_s=wall_s,
        judge_requests=sum(map(columns.judge_calls.__getitem__, positions)),
        judge_cached=sum(map(columns.judge_cached.__getitem__, positions)),
    )
    metrics = {**_shares(totals), **_money(columns, positions), **_latency(columns, positions)}
    for name, column in columns.scores.items():
        metrics[name] = _mean(column, positions)
    return GroupSummary(totals=totals, metrics=metrics)


def _shares(totals: Totals) -> dict[str, MetricSummary]:
    cases = totals.cases
    return {
        "pass_rate": MetricSummary(mean=totals.pass_rate, n=totals.passed + totals.failed),
        "error_rate": MetricSummary(mean=totals.error / cases if cases else None, n=cases),
        "scored_share": MetricSummary(mean=totals.scored_share, n=cases),
    }


def _money(columns: Columns, positions: array[int]) -> dict[str, MetricSummary]:
    """Money as if nothing had been cached; what scoring costs is not the prompt's and left out."""
    outputs = sum(map(columns.has_output.__getitem__, positions))
    cost = _sum(columns.cost, positions)
    known = outputs > 0 and not math.isnan(cost)
    return {
        "cost_usd": MetricSummary(mean=cost if known else None, n=outputs),
        "cost_usd_per_case": MetricSummary(mean=cost / outputs if known else None, n=outputs),
    }


def _latency(columns: Columns, positions: array[int]) -> dict[str, MetricSummary]:
    ordered = sorted(_known(columns.latency, positions))
    return {
        f"latency_p{percent}_s": MetricSummary(mean=percentile(ordered, percent / 100), n=len(ordered))
        for percent in (50, 95)
    }


def _mean(column: array[float], positions: array[int]) -> MetricSummary:
    values = _known(column, positions)
    return MetricSummary(mean=math.fsum(values) / len(values) if values else None, n=len(values))


def _known(column: array[float], positions: array[int]) -> list[float]:
    """Return the column's entries without those that are not known."""
    values = list(map(column.__getitem__, positions))
    # One sum tells whether any is NaN, a fifth of the cost of asking each.
    return [value for value in values if not math.isnan(value)] if math.isnan(math.fsum(values)) else values


def _sum(column: array[float], positions: array[int]) -> float:
    """Return the sum of a column's entries; NaN where one of them is not known."""
    return math.fsum(map(column.__getitem__, positions))
