"""What pairs of scores can show, and how many of them it takes."""

from __future__ import annotations

import math
from statistics import NormalDist

from promptship.errors import UsageError
from promptship.stats._means import t_quantile
from promptship.stats._results import check_share
from promptship.stats._search import MOST_CASES, smallest_count

__all__ = ["needed_pairs_of_scores", "power_scores", "smallest_detectable_score_difference"]

_STEPS = 60
_CERTAIN = 9.0
"""Standard errors from which a normal tail is below the last digit of a float."""


def power_scores(n: int, difference: float, deviation: float, *, alpha: float = 0.05) -> float:
    """Return the chance that a one-sided paired t test notices a mean difference of scores.

    Args:
        n: Pairs, at least 2.
        difference: In the direction that is tested, at least 0.
        deviation: Standard deviation of the differences within pairs, above 0.
        alpha: Level of the test.

    Raises:
        UsageError: A figure is out of its range.

    Source:
        Noncentral t; Cohen (1988), Statistical Power Analysis, chapter 2.

    Example:
        >>> round(power_scores(60, 0.1, 0.3), 3)
        0.818
    """
    if difference < 0:
        raise UsageError(f"a difference of {difference!r}; expected one that is not negative")
    _check_pairs(n, deviation)
    return _power(n, difference / deviation * math.sqrt(n), alpha)


def smallest_detectable_score_difference(n: int, deviation: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the smallest mean difference of scores that n pairs show with the given power.

    Takes and raises what `power_scores` does; `power` is the chance of noticing, above alpha.
    """
    _check_pairs(n, deviation)
    _check_power(power, alpha)
    low, high = 0.0, 1.0
    while _power(n, high, alpha) < power:
        high *= 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _power(n, middle, alpha) >= power else (middle, high)
    return high * deviation / math.sqrt(n)


def needed_pairs_of_scores(
    difference: float, deviation: float, *, power: float = 0.8, alpha: float = 0.05
) -> int | None:
    """Return how many pairs show a mean difference of scores with the given power.

    Args:
        difference: Of the means; its sign does not matter.
        deviation: Standard deviation of the differences within pairs, above 0.
        power: Chance of noticing it, above alpha.
        alpha: Level of the one-sided test.

    Returns:
        Pairs, at least 2; None where a million would not do.

    Raises:
        UsageError: The difference is 0, or a figure is out of its range.
    """
    if difference == 0:
        raise UsageError(f"a difference of {difference!r}; expected one that is not 0")
    _check_pairs(2, deviation)
    _check_power(power, alpha)
    normal, effect = NormalDist(), abs(difference) / deviation
    guess = ((normal.inv_cdf(1 - alpha) + normal.inv_cdf(power)) / effect) ** 2
    if guess > MOST_CASES:
        return None
    return smallest_count(lambda n: n > 1 and _power(n, effect * math.sqrt(n), alpha) >= power, math.ceil(guess))


def _power(n: int, noncentrality: float, alpha: float) -> float:
    from scipy.special import nctdtr

    freedom, critical = n - 1, t_quantile(1 - check_share("alpha", alpha), "lower", n - 1)
    # Some builds of scipy answer NaN far out, where the chance is 1 to every digit.
    if noncentrality - critical > _CERTAIN * math.sqrt(1 + critical**2 / (2 * freedom)):
        return 1.0
    return float(1 - nctdtr(freedom, noncentrality, critical))


def _check_pairs(n: int, deviation: float) -> None:
    if n < 2 or not deviation > 0:  # noqa: PLR2004 - one pair has no deviation
        raise UsageError(f"{n} pairs with a deviation of {deviation!r}; expected at least two pairs that differ")


def _check_power(power: float, alpha: float) -> None:
    check_share("alpha", alpha)
    if check_share("power", power) <= alpha:
        raise UsageError(f"power: {power!r}; expected more than alpha, {alpha!r}")
