"""Thresholds: a figure of one run, with the bound that it is decided on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from promptship.runner import OutcomeCode
from promptship.stats import mean_interval, needed_cases, quantile_interval, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.domain import Finding, GateSpec
    from promptship.runner import CaseTable
    from promptship.stats import Interval

__all__ = ["PER_CASE", "Figure", "bound_figure", "judge_threshold", "needed_for", "needed_repeats"]

_QUANTILES = {"latency_p50_s": 0.5, "latency_p95_s": 0.95}
PER_CASE: Final = {"cost_usd_per_case": "cost_usd"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with one-sided bounds below and above it, each at the gate's confidence.

    Attributes:
        value: As observed.
        low: Lower bound; None where none can be given.
        high: Upper bound.
        n: Cases, or clusters of them.
        method: How it was bounded.
        is_rate: Whether it is a share of cases.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    method: str
    is_rate: bool = False


def bound_figure(table: CaseTable, metric: str, alpha: float) -> Figure | None:
    """Bound a metric of a run.

    Args:
        table: The cases that count.
        metric: Its name.
        alpha: Level of each bound, 0 to 0.5.

    Returns:
        None where there is no figure, or where the metric has no bound (a run's total cost).
    """
    import numpy as np

    if metric == "error_rate":
        return _bound_cells(table.outcomes == OutcomeCode.ERROR, table, alpha)
    if metric == "scored_share":
        passed, failed = table.outcomes == OutcomeCode.PASSED, table.outcomes == OutcomeCode.FAILED
        return _bound_cells(passed | failed, table, alpha)
    if metric in _QUANTILES:
        return _bound_quantile(table, _QUANTILES[metric], alpha)
    name = PER_CASE.get(metric, metric)
    if metric == "cost_usd" or name not in table.metrics:
        return None
    means = table.case_means(name)
    known = ~np.isnan(means)
    clusters = [cluster for cluster, kept in zip(table.clusters, known, strict=True) if kept]
    # Costs and latencies have no upper limit; all else is a share or a score.
    within = None if name in {"cost_usd", "latency_s"} else (0.0, 1.0)
    return _bound_mean(means[known], clusters, alpha, within=within)


def judge_threshold(gate: GateSpec, figure: Figure) -> tuple[Finding, str]:
    """Compare a figure's bounds with a gate's threshold."""
    if gate.at_least is not None:
        threshold, bound, other, word = gate.at_least, figure.low, figure.high, "at least"
        passes = bound is not None and bound >= threshold
        fails = other is not None and other < threshold
    else:
        threshold = gate.at_most if gate.at_most is not None else 0.0
        bound, other, word = figure.high, figure.low, "at most"
        passes = bound is not None and bound <= threshold
        fails = other is not None and other > threshold
    confidence = f"{100 * (1 - gate.alpha):g} %"
    if passes:
        return "pass", f"{_side_of(gate)} bound {bound:.4g} at {confidence} ({figure.method})"
    if fails:
        return "fail", f"it is not {word} {threshold:g}: the bound on the other side is {other:.4g} ({figure.method})"
    shown = "missing" if bound is None else f"{bound:.4g}"
    return "inconclusive", (
        f"{figure.value:.4g} observed, but its {_side_of(gate)} bound at {confidence} is {shown} ({figure.method})"
    )


def needed_for(gate: GateSpec, figure: Figure) -> int | None:
    """Return how many cases would decide the gate if the figure stays as it is; None where none would."""
    threshold = gate.at_least if gate.at_least is not None else gate.at_most
    if threshold is None or figure.value == threshold:
        return None
    if figure.is_rate and 0 < threshold < 1:
        return needed_cases(figure.value, threshold, confidence=1 - gate.alpha)
    bound = figure.low if figure.value > threshold else figure.high
    if bound is None or math.isinf(bound):
        return None
    return math.ceil(figure.n * ((figure.value - bound) / (figure.value - threshold)) ** 2)


def needed_repeats(tables: Sequence[CaseTable], metric: str, share: float) -> int | None:
    """Return how many repeats of the same cases would do what `share` times the cases would.

    Args:
        tables: One, or a candidate and its baseline paired.
        metric: What is averaged over the repeats of each case.
        share: Cases that would decide, divided by the cases that there are; above 1.

    Returns:
        None where the repeats so far do not tell: there is only one of each case, all of a case agree, or what differs
        between cases is too much for any number of repeats.

    Source:
        Variance of a mean of n cases with r repeats each, (between + within / r) / n; Miller (2024), Adding error bars
        to evals, section 3.2.
    """
    import numpy as np

    name = PER_CASE.get(metric, metric)
    repeats = tables[0].outcomes.shape[1]
    if repeats == 1 or any(name not in table.metrics or len(table) < 2 for table in tables):  # noqa: PLR2004 - one case has no spread
        return None
    means = tables[0].case_means(name) - (tables[1].case_means(name) if len(tables) > 1 else 0.0)
    spread = float(np.nanvar(means, ddof=1))
    within = sum(float(np.mean(np.var(_whole(table.metrics[name]), axis=1, ddof=1))) for table in tables)
    # What more repeats cannot take away.
    between = max(spread - within / repeats, 0.0)
    room = spread / share - between
    return math.ceil(within / room) if within > 0 and room > 0 else None


def _whole(values: ndarray) -> ndarray:
    """Return the rows of which every repeat is known; one row of zeros where none is."""
    import numpy as np

    known = values[~np.isnan(values).any(axis=1)]
    return known if len(known) else np.zeros((1, values.shape[1]))


def _side_of(gate: GateSpec) -> str:
    return "lower" if gate.at_least is not None else "upper"


def _bound_cells(marks: ndarray, table: CaseTable, alpha: float) -> Figure | None:
    shares = marks.mean(axis=1)
    return _bound_mean(shares, list(table.clusters), alpha, within=(0.0, 1.0))


def _bound_mean(
    values: ndarray, clusters: list[str], alpha: float, *, within: tuple[float, float] | None
) -> Figure | None:
    count = len(values)
    if not count:
        return None
    clustered = len(set(clusters)) < count
    if not clustered and bool(((values == 0) | (values == 1)).all()):
        passed = int(values.sum())
        low = wilson(passed, count, confidence=1 - alpha, side="lower")
        high = wilson(passed, count, confidence=1 - alpha, side="upper")
        return _figure(low, high, is_rate=True)
    if len(set(clusters)) < 2:  # noqa: PLR2004 - one origin has no spread
        return Figure(value=float(values.mean()), low=None, high=None, n=1, method="too few cases")
    bound = partial(
        mean_interval, values, clusters=clusters if clustered else None, within=within, confidence=1 - alpha
    )
    return _figure(bound(side="lower"), bound(side="upper"), is_rate=False)


def _bound_quantile(table: CaseTable, share: float, alpha: float) -> Figure | None:
    import numpy as np

    values = table.metrics["latency_s"].ravel()
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    low = quantile_interval(values, share, confidence=1 - alpha, side="lower")
    high = quantile_interval(values, share, confidence=1 - alpha, side="upper")
    return _figure(low, high, is_rate=False)


def _figure(low: Interval, high: Interval, *, is_rate: bool) -> Figure:
    return Figure(
        value=low.estimate,
        low=None if math.isinf(low.low) else low.low,
        high=None if math.isinf(high.high) else high.high,
        n=low.n,
        method=low.method,
        is_rate=is_rate,
    )
