"""What cases decide about a rate and a threshold."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Literal

from promptship.errors import UsageError
from promptship.stats._rates import wilson
from promptship.stats._results import check_share
from promptship.stats._search import MOST_CASES, smallest_count

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["needed_cases", "power_rate"]


def power_rate(
    n: int, rate: float, *, threshold: float, confidence: float = 0.95, side: Literal["lower", "upper"] = "lower"
) -> float:
    """Return the chance that the Wilson bound of n cases clears a threshold.

    Args:
        n: Cases, at least 1.
        rate: The true rate, 0 to 1.
        threshold: To be cleared, 0 to 1.
        confidence: Of the one-sided bound.
        side: `lower` where the rate has to be at least the threshold, `upper` where it has to be at most that.

    Raises:
        UsageError: A figure is out of its range.

    Source:
        Exact: the binomial chance of the counts whose bound clears the threshold.

    Example:
        >>> round(power_rate(200, 0.95, threshold=0.9), 2)
        0.87
    """
    _check_rates(rate, threshold)
    if n < 1:
        raise UsageError(f"{n} cases; expected at least one")
    from scipy.special import bdtr

    if side == "lower":
        fewest = bisect_left(range(n + 1), x=True, key=_clears_from_below(n, threshold, confidence))
        return 1.0 - float(bdtr(fewest - 1, n, rate)) if fewest else 1.0
    beyond = bisect_left(range(n + 1), x=True, key=_stays_above(n, threshold, confidence))
    return float(bdtr(beyond - 1, n, rate)) if beyond else 0.0


def needed_cases(rate: float, threshold: float, *, confidence: float = 0.95, power: float | None = None) -> int | None:
    """Return how many cases decide whether a rate lies above or below a threshold.

    Args:
        rate: The rate, 0 to 1.
        threshold: What it is compared with, 0 to 1.
        confidence: Of the one-sided bound that has to clear it.
        power: Chance, 0 to 1, with which cases of this true rate decide; None asks how many decide if exactly this
            rate is observed, which about half of all samples fall short of.

    Returns:
        Cases; None where rate and threshold are equal or so close that a million would not do.

    Raises:
        UsageError: A figure is out of its range.
    """
    _check_rates(rate, threshold)
    if rate == threshold:
        return None

    def observes(n: int) -> bool:
        if rate > threshold:
            return wilson(rate * n, n, confidence=confidence, side="lower").low >= threshold
        return wilson(rate * n, n, confidence=confidence, side="upper").high < threshold

    def notices(n: int) -> bool:
        side: Literal["lower", "upper"] = "lower" if rate > threshold else "upper"
        return power_rate(n, rate, threshold=threshold, confidence=confidence, side=side) >= (power or 0.0)

    decides = observes if power is None or not check_share("power", power) else notices
    return smallest_count(decides, 1) if decides(MOST_CASES) else None


def _clears_from_below(n: int, threshold: float, confidence: float) -> Callable[[int], bool]:
    return lambda passed: wilson(passed, n, confidence=confidence, side="lower").low >= threshold


def _stays_above(n: int, threshold: float, confidence: float) -> Callable[[int], bool]:
    return lambda passed: wilson(passed, n, confidence=confidence, side="upper").high > threshold


def _check_rates(rate: float, threshold: float) -> None:
    if not (0 <= rate <= 1 and 0 <= threshold <= 1):
        raise UsageError(f"a rate of {rate!r} and a threshold of {threshold!r}; expected both within 0 to 1")
