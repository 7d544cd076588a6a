"""Intervals of a mean score that do not shrink to nothing where few cases differ."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from promptship.errors import UsageError
from promptship.stats._bootstrap import bootstrap_bca
from promptship.stats._means import bound_by_t
from promptship.stats._results import Interval, as_values, check_share, cluster_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.stats._results import Side

__all__ = ["bound_mean", "mean_interval"]

# Beyond it the bootstrap and Student's t tell the same, and the bootstrap takes most of a second.
_MOST_RESAMPLED = 2_000


def mean_interval(
    values: Sequence[float] | ndarray,
    *,
    clusters: Sequence[object] | None = None,
    within: tuple[float, float] | None = None,
    confidence: float = 0.95,
    side: Side = "two",
    seed: int = 0,
) -> Interval:
    """Bound a mean for a decision: each end is the most cautious of three.

    They are Student's t (cluster-robust where there are clusters), the BCa bootstrap with tails for few cases (up to
    2,000 of them), and what n cases tell of those that were not seen: with the given confidence fewer than a share of
    1 - (1 - confidence) ** (1 / n) is unlike them. So a constant score on five cases is no certainty.

    Args:
        values: One figure per case, repeats averaged before; shape (n,), n at least 2.
        clusters: The origin of each case; None where each has its own.
        within: Lowest and highest figure that there can be, as (0, 1) for scores; None takes those observed.
        confidence: 0 to 1.
        side: Which ends are bounded; the other is infinite, or the limit of `within`.
        seed: Of the bootstrap.

    Raises:
        UsageError: Fewer than two figures or clusters, one that is not finite, or one outside `within`.
        UnpairedScoresError: There is not one cluster for each figure.

    Source:
        Efron (1987), JASA 82(397); tails as in Hesterberg (2015), American Statistician 69(4), section 5.1.4; unseen
        cases as in Hanley and Lippman-Hand (1983), JAMA 249(13).
    """
    array = as_values(values)
    numbers = cluster_numbers(clusters, len(array))
    observed = float(array.min()), float(array.max())
    if within is not None and not within[0] <= observed[0] <= observed[1] <= within[1]:
        raise UsageError(f"figures from {observed[0]:g} to {observed[1]:g}; expected figures within {within!r}")
    return bound_mean(
        array, numbers, reach=within or observed, limits=within, confidence=confidence, side=side, seed=seed
    )


def bound_mean(
    values: ndarray,
    numbers: ndarray | None,
    *,
    reach: tuple[float, float],
    limits: tuple[float, float] | None,
    confidence: float,
    side: Side,
    seed: int,
) -> Interval:
    """Do what `mean_interval` does, with checked figures.

    Args:
        values: Shape (n,).
        numbers: Cluster of each; None for none.
        reach: How far off figures that were not seen may lie.
        limits: What a mean cannot leave; None where it can.
        confidence: 0 to 1.
        side: Which ends are bounded.
        seed: Of the bootstrap.
    """
    student = bound_by_t(values, numbers, confidence, side)
    mean, low, high, method = student.estimate, student.low, student.high, student.method
    if student.n <= _MOST_RESAMPLED:
        drawn = bootstrap_bca(
            values,
            clusters=None if numbers is None else numbers.tolist(),
            confidence=confidence,
            side=side,
            expanded=True,
            seed=seed,
        )
        low, high, method = min(low, drawn.low), max(high, drawn.high), f"{drawn.method}, no narrower than t"
    unseen = 1 - (1 - check_share("confidence", confidence)) ** (1 / student.n)
    if side == "two":
        unseen = 1 - ((1 - confidence) / 2) ** (1 / student.n)
    low, high = min(low, mean - unseen * (mean - reach[0])), max(high, mean + unseen * (reach[1] - mean))
    least, most = limits or (-math.inf, math.inf)
    return Interval(
        estimate=mean, low=max(low, least), high=min(high, most), n=student.n, confidence=confidence, method=method
    )
