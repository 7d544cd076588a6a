"""Intervals of a rate: so many of n."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from promptship.errors import UsageError
from promptship.stats._results import Interval, check_share, quantile_of_normal

if TYPE_CHECKING:
    from promptship.stats._results import Side

__all__ = ["clopper_pearson", "wilson", "zero_events_upper"]


def wilson(passed: float, n: int, *, confidence: float = 0.95, side: Side = "two") -> Interval:
    """Bound a rate by inverting the score test; good from a handful of cases on, and never outside [0, 1].

    Args:
        passed: How many passed, 0 to n.
        n: Of how many, at least 1.
        confidence: 0 to 1.
        side: `lower` and `upper` bound one end at the whole confidence; the other is 0 or 1.

    Raises:
        UsageError: The counts are none.

    Source:
        Wilson (1927), JASA 22(158); one-sided form in Brown, Cai and DasGupta (2001), Statistical Science 16(2).

    Example:
        >>> found = wilson(81, 263)
        >>> round(found.low, 4), round(found.high, 4)
        (0.2553, 0.3662)
    """
    _check_counts(passed, n)
    z = quantile_of_normal(confidence, side)
    rate = passed / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if side == "upper" or passed == 0 else max(0.0, centre - reach)
    high = 1.0 if side == "lower" or passed == n else min(1.0, centre + reach)
    return Interval(estimate=rate, low=low, high=high, n=n, confidence=confidence, method="Wilson")


def clopper_pearson(passed: int, n: int, *, confidence: float = 0.95, side: Side = "two") -> Interval:
    """Bound a rate by inverting the exact binomial test; never too short, often longer than needed.

    Takes what `wilson` takes, `passed` being whole.

    Source:
        Clopper and Pearson (1934), Biometrika 26(4).
    """
    _check_counts(passed, n)
    check_share("confidence", confidence)
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2 if side == "two" else 1 - confidence
    low = 0.0 if side == "upper" or passed == 0 else float(betaincinv(passed, n - passed + 1, tail))
    high = 1.0 if side == "lower" or passed == n else float(betaincinv(passed + 1, n - passed, 1 - tail))
    return Interval(estimate=passed / n, low=low, high=high, n=n, confidence=confidence, method="Clopper-Pearson")


def zero_events_upper(n: int, *, confidence: float = 0.95) -> float:
    """Bound the rate of what was never seen in n tries: about 3 / n at 95 %.

    Args:
        n: Tries, at least 1.
        confidence: 0 to 1.

    Returns:
        The highest rate, 0 to 1, at which seeing nothing is not rarer than 1 - confidence.

    Raises:
        UsageError: There was no try.

    Source:
        Hanley and Lippman-Hand (1983), JAMA 249(13); the exact form.

    Example:
        >>> round(zero_events_upper(100), 4)
        0.0295
    """
    _check_counts(0, n)
    return float(1 - (1 - check_share("confidence", confidence)) ** (1 / n))


def _check_counts(passed: float, n: int) -> None:
    if n < 1 or not 0 <= passed <= n:
        raise UsageError(f"{passed} of {n}; expected at least one case, and no more passed than there are")
