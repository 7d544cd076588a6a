"""Figures of a run from its rows: counts, rates, money, latency and the mean of each scorer, by variant and slice."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from promptship.domain import GroupSummary, MetricSummary, RunSummary, Totals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptship.domain import CellRecord, Output, RunManifest

__all__ = ["paid_usd", "percentile", "summarize"]


def summarize(manifest: RunManifest, records: Iterable[CellRecord], *, wall_s: float = 0.0) -> RunSummary:
    """Derive a run's figures from its rows, in one pass.

    The figures do not depend on the order of the rows, but for the last bits of sums of floats. A cell counts once,
    repeats like cases.

    Args:
        manifest: What the run is of.
        records: Its rows.
        wall_s: Seconds that the run took, all attempts together.

    Returns:
        Overall figures, those of each variant in the manifest's order, and those of each `tag=value` by variant.
    """
    labels = [variant.label for variant in manifest.variants]
    overall = _Tally(manifest.scorers)
    variants = [_Tally(manifest.scorers) for _ in labels]
    slices: list[dict[str, _Tally]] = [{} for _ in labels]
    for record in records:
        number = record.key.variant
        groups = [overall, variants[number]]
        for tag, value in record.tags.items():
            name = f"{tag}={value}"
            if (group := slices[number].get(name)) is None:
                group = slices[number][name] = _Tally(manifest.scorers)
            groups.append(group)
        _add(groups, record)
    return RunSummary(
        overall=overall.summary(wall_s),
        variants={label: tally.summary(wall_s) for label, tally in zip(labels, variants, strict=True)},
        slices={
            label: {name: tallies[name].summary() for name in sorted(tallies)}
            for label, tallies in zip(labels, slices, strict=True)
        },
    )


def paid_usd(output: Output) -> float | None:
    """Return what was paid for `output` now; None where calls were made at an unknown price.

    Of an output made by calls and cached answers together the share of the calls is taken, since single prices are
    not kept.
    """
    if not output.calls:
        return 0.0
    if output.cost_usd is None:
        return None
    return output.cost_usd * output.calls / (output.calls + output.cached_calls)


def percentile(ordered: array[float], share: float) -> float | None:
    """Return the value below which `share` of the values lie; None where there are none.

    Args:
        ordered: Values in ascending order; shape (n,).
        share: 0 to 1.

    Source:
        Hyndman and Fan (1996), The American Statistician 50(4), definition 7 (linear interpolation; numpy's default).

    Example:
        >>> percentile(array("d", [1.0, 2.0, 3.0, 4.0]), 0.5)
        2.5
    """
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class _Tally:
    """Running figures of one group of cells."""

    __slots__ = (
        "cached",
        "cost",
        "cost_unknown",
        "counts",
        "latencies",
        "outputs",
        "paid",
        "paid_unknown",
        "requests",
        "scores",
    )

    def __init__(self, scorers: Iterable[str]) -> None:
        self.counts = {"passed": 0, "failed": 0, "error": 0, "unscored": 0}
        self.requests = 0
        self.cached = 0
        self.outputs = 0
        self.paid = 0.0
        self.paid_unknown = False
        self.cost = 0.0
        self.cost_unknown = False
        self.latencies = array("d")
        self.scores: dict[str, list[float]] = {name: [0.0, 0] for name in scorers}

    def summary(self, wall_s: float = 0.0) -> GroupSummary:
        """Return the figures; the tally must not be added to afterwards."""
        counts = self.counts
        totals = Totals(
            cases=sum(counts.values()),
            passed=counts["passed"],
            failed=counts["failed"],
            error=counts["error"],
            unscored=counts["unscored"],
            requests=self.requests,
            cached=self.cached,
            cost_usd=None if self.paid_unknown else self.paid,
            wall_s=wall_s,
        )
        metrics = {**self._shares(totals), **self._money(), **self._latency()}
        for name, (total, number) in self.scores.items():
            metrics[name] = MetricSummary(mean=total / number if number else None, n=int(number))
        return GroupSummary(totals=totals, metrics=metrics)

    def _shares(self, totals: Totals) -> dict[str, MetricSummary]:
        cases = totals.cases
        return {
            "pass_rate": MetricSummary(mean=totals.pass_rate, n=totals.passed + totals.failed),
            "error_rate": MetricSummary(mean=totals.error / cases if cases else None, n=cases),
            "scored_share": MetricSummary(mean=totals.scored_share, n=cases),
        }

    def _money(self) -> dict[str, MetricSummary]:
        known = self.outputs > 0 and not self.cost_unknown
        return {
            "cost_usd": MetricSummary(mean=self.cost if known else None, n=self.outputs),
            "cost_usd_per_case": MetricSummary(mean=self.cost / self.outputs if known else None, n=self.outputs),
        }

    def _latency(self) -> dict[str, MetricSummary]:
        ordered = array("d", sorted(self.latencies))
        return {
            f"latency_p{percent}_s": MetricSummary(mean=percentile(ordered, percent / 100), n=len(ordered))
            for percent in (50, 95)
        }


def _add(groups: list[_Tally], record: CellRecord) -> None:
    output = record.output
    values = [(name, score.value) for name, score in record.scores.items() if score.value is not None]
    judged = sum(score.cost_usd for score in record.scores.values())
    for group in groups:
        group.counts[record.outcome] += 1
        group.paid += judged
        _add_values(group.scores, values)
        if output is not None:
            _add_output(group, output)


def _add_values(scores: dict[str, list[float]], values: list[tuple[str, float]]) -> None:
    for name, value in values:
        total = scores.get(name)
        if total is None:
            total = scores[name] = [0.0, 0]
        total[0] += value
        total[1] += 1


def _add_output(group: _Tally, output: Output) -> None:
    group.outputs += 1
    group.requests += output.calls
    group.cached += output.cached_calls
    paid = paid_usd(output)
    if paid is None:
        group.paid_unknown = True
    else:
        group.paid += paid
    if output.cost_usd is None:
        group.cost_unknown = True
    else:
        group.cost += output.cost_usd
    # A stored output took no time that we know of; a zero would pull the percentiles down.
    if output.provenance != "stored" or output.latency_s:
        group.latencies.append(output.latency_s)
