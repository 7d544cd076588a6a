"""Intervals of a mean, also where cases come in families."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from promptship.stats._results import Interval, as_values, check_share, cluster_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.stats._results import Side

__all__ = ["bound_by_t", "clustered_mean", "standard_error", "t_interval", "t_quantile"]


def t_interval(values: Sequence[float] | ndarray, *, confidence: float = 0.95, side: Side = "two") -> Interval:
    """Bound a mean by Student's t.

    Args:
        values: Figures of independent cases; shape (n,), n at least 2.
        confidence: 0 to 1.
        side: Which ends are bounded; the other is infinite.

    Raises:
        UsageError: Fewer than two figures, or one that is not finite.

    Source:
        Student (1908), Biometrika 6(1).
    """
    array = as_values(values)
    return bound_by_t(array, None, confidence, side)


def clustered_mean(
    values: Sequence[float] | ndarray,
    clusters: Sequence[object] | None,
    *,
    confidence: float = 0.95,
    side: Side = "two",
) -> Interval:
    """Bound a mean of cases of which some share an origin: five translations of one mail are not five mails.

    Args:
        values: One figure per case, repeats averaged before; shape (n,).
        clusters: The origin of each case; None where each has its own.
        confidence: 0 to 1.
        side: Which ends are bounded; the other is infinite.

    Returns:
        The interval; its `n` counts clusters.

    Raises:
        UsageError: Fewer than two figures or clusters, or a figure that is not finite.
        UnpairedScoresError: There is not one cluster for each figure.

    Source:
        Liang and Zeger (1986), Biometrika 73(1), with the small-sample factor G / (G - 1) and t with G - 1 degrees of
        freedom; for evaluations Miller (2024), "Adding Error Bars to Evals", arXiv:2411.00640.
    """
    array = as_values(values)
    numbers = cluster_numbers(clusters, len(array))
    return bound_by_t(array, numbers, confidence, side)


def standard_error(values: ndarray, numbers: ndarray | None) -> tuple[float, int]:
    """Return the standard error of a mean and the number of clusters that it rests on."""
    import numpy as np

    if numbers is None:
        return float(values.std(ddof=1)) / math.sqrt(len(values)), len(values)
    sums = np.bincount(numbers, weights=values - values.mean())
    count = len(sums)
    return math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(values), count


def t_quantile(confidence: float, side: Side, freedom: int) -> float:
    """Return the quantile of Student's t that bounds `confidence` on one side, or on both."""
    from scipy.special import stdtrit

    check_share("confidence", confidence)
    return float(stdtrit(freedom, confidence if side != "two" else (1 + confidence) / 2))


def bound_by_t(values: ndarray, numbers: ndarray | None, confidence: float, side: Side) -> Interval:
    """Bound a mean of checked figures; `numbers` are their clusters, None for none."""
    mean = float(values.mean())
    error, count = standard_error(values, numbers)
    reach = t_quantile(confidence, side, count - 1) * error
    return Interval(
        estimate=mean,
        low=-math.inf if side == "upper" else mean - reach,
        high=math.inf if side == "lower" else mean + reach,
        n=count,
        confidence=confidence,
        method="t" if numbers is None else "cluster-robust t",
    )
