"""Intervals of a quantile, from the order of the figures alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from promptship.stats._results import Interval, as_values, check_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.stats._results import Side

__all__ = ["quantile_interval"]


def quantile_interval(
    values: Sequence[float] | ndarray, share: float, *, confidence: float = 0.95, side: Side = "two"
) -> Interval:
    """Bound a quantile by two of the figures themselves, whatever their distribution.

    Args:
        values: Figures of independent cases; shape (n,), n at least 1.
        share: Which quantile, 0 to 1.
        confidence: At least this is reached.
        side: Which ends are bounded.

    Returns:
        The interval; an end is infinite where there are too few figures to bound it (the 95th percentile needs 59 for
        an upper bound at 95 %).

    Raises:
        UsageError: No figure, or one that is not finite.

    Source:
        Conover (1999), Practical Nonparametric Statistics, section 3.2.
    """
    import numpy as np

    array = np.sort(as_values(values, least=1))
    n = len(array)
    check_share("confidence", confidence)
    tail = (1 - confidence) / 2 if side == "two" else 1 - confidence
    below = _cumulated(n, check_share("share", share))
    # Of 1-based places: the highest r with P(X < r) <= tail, and the lowest s with P(X >= s) <= tail.
    lowest = max((place for place in range(1, n + 1) if below[place - 1] <= tail), default=0)
    highest = min((place for place in range(1, n + 1) if 1 - below[place - 1] <= tail), default=n + 1)
    return Interval(
        estimate=float(np.quantile(array, share)),
        low=-math.inf if side == "upper" or lowest == 0 else float(array[lowest - 1]),
        high=math.inf if side == "lower" or highest > n else float(array[highest - 1]),
        n=n,
        confidence=confidence,
        method="order statistics",
    )


def _cumulated(n: int, share: float) -> list[float]:
    """Return the chance of at most 0, 1, ... n - 1 of n figures lying below the quantile."""
    sums, total = [], 0.0
    for count in range(n):
        logs = math.lgamma(n + 1) - math.lgamma(count + 1) - math.lgamma(n - count + 1)
        total += math.exp(logs + count * math.log(share) + (n - count) * math.log1p(-share))
        sums.append(total)
    return sums
