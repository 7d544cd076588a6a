"""Score interval and score test of the difference of two pass rates on the same cases."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from promptship.stats._results import Interval, quantile_of_normal

if TYPE_CHECKING:
    from numpy import ndarray

    from promptship.stats._results import Side

__all__ = ["score_interval", "shows_more_than"]

_STEPS = 60
# Half a case: without it the test at a margin errs in up to 5.9 % instead of 5 %, by enumeration of all outcomes.
_HALF_A_CASE = 0.5


def score_interval(
    n: int, wins: int, losses: int, *, confidence: float, side: Side, correction: float = _HALF_A_CASE
) -> Interval:
    """Bound the difference of two pass rates by inverting Tango's score test, corrected for continuity.

    Args:
        n: Pairs, at least 1.
        wins: Cases that pass now and failed before.
        losses: Cases that fail now and passed before.
        confidence: 0 to 1.
        side: Which ends are bounded; the other is -1 or 1.
        correction: Cases by which the observed difference is drawn towards the margin; 0 for Tango's own interval.

    Source:
        Tango (1998), Statistics in Medicine 17(8); continuity correction as in Laud (2017), Pharmaceutical Statistics
        16(5).
    """
    z = quantile_of_normal(confidence, side)
    return Interval(
        estimate=(wins - losses) / n,
        low=-1.0 if side == "upper" else _lower_end(n, wins, losses, z, correction),
        high=1.0 if side == "lower" else -_lower_end(n, losses, wins, z, correction),
        n=n,
        confidence=confidence,
        method="Tango's paired score interval, continuity-corrected" if correction else "Tango's paired score interval",
    )


def shows_more_than(n: int, wins: ndarray, losses: ndarray, difference: float, z: float) -> ndarray:
    """Return which outcomes of n pairs show a difference above the given one: the test behind the interval.

    Args:
        n: Pairs.
        wins: Shape (m,).
        losses: Shape (m,).
        difference: -1 to 1.
        z: Standard normal quantile of the level.

    Returns:
        Booleans; shape (m,).
    """
    import numpy as np

    centre = losses + wins - (2 * n - wins + losses) * difference
    rest = losses * difference * (1 - difference)
    rate = (centre + np.sqrt(np.maximum(centre**2 + 8 * n * rest, 0))) / (4 * n)
    variance = n * np.maximum(2 * rate + difference * (1 - difference), 0)
    apart = wins - losses - n * difference - _HALF_A_CASE
    shown: ndarray = (apart > 0) & (apart > z * np.sqrt(variance))
    return shown


def _lower_end(n: int, wins: int, losses: int, z: float, correction: float) -> float:
    """Return the smallest difference that is not refuted."""
    low, high = -1.0, (wins - losses) / n
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _score(n, wins, losses, middle, correction) > z else (low, middle)
    return low


def _score(n: int, wins: int, losses: int, difference: float, correction: float) -> float:
    apart = wins - losses - n * difference - correction
    if apart <= 0:
        return 0.0
    # The rate of losses that is likeliest where the difference is as supposed.
    centre = losses + wins - (2 * n - wins + losses) * difference
    rest = losses * difference * (1 - difference)
    rate = (centre + math.sqrt(max(centre * centre + 8 * n * rest, 0.0))) / (4 * n)
    variance = n * (2 * rate + difference * (1 - difference))
    return apart / math.sqrt(variance) if variance > 0 else math.inf
