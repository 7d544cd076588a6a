"""What it takes to show that a pass rate is not worse by a margin, or within it either way."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from promptship.errors import UsageError
from promptship.stats._results import check_share
from promptship.stats._search import MOST_CASES, smallest_count
from promptship.stats._tango import shows_more_than

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy import ndarray

__all__ = ["needed_pairs_for_margin", "power_margin"]

_DEVIATIONS = 6


def power_margin(
    n: int,
    margin: float,
    *,
    flip_rate: float,
    difference: float = 0.0,
    both_sides: bool = False,
    alpha: float = 0.05,
) -> float:
    """Return the chance that `non_inferiority` of pass marks, or `tost`, shows what is so.

    Args:
        n: Cases, at least 2.
        margin: Above 0, below 1.
        flip_rate: Share of cases that change either way, 0 to 1.
        difference: True difference of the pass rates, candidate minus baseline; its size is at most `flip_rate`.
        both_sides: Ask for equivalence instead of non-inferiority.
        alpha: Level of each one-sided test.

    Raises:
        UsageError: A figure is out of its range.

    Source:
        Exact: summed over all outcomes; sample sizes of this design in Nam (1997), Biometrics 53(4).

    Example:
        >>> round(power_margin(200, 0.05, flip_rate=0.1), 2)
        0.64
    """
    _check(margin, flip_rate, difference, alpha)
    if n < 2:  # noqa: PLR2004 - as the tests themselves
        raise UsageError(f"{n} cases; expected at least two")
    import numpy as np
    from scipy.special import bdtr

    z = NormalDist().inv_cdf(1 - alpha)
    winning, losing = max(flip_rate + difference, 0.0) / 2, max(flip_rate - difference, 0.0) / 2
    spread = _DEVIATIONS * math.sqrt(n * winning * (1 - winning)) + _DEVIATIONS
    wins = np.arange(max(0, math.floor(n * winning - spread)), min(n, math.ceil(n * winning + spread)) + 1)
    chances = bdtr(wins, n, winning) - np.where(wins > 0, bdtr(np.maximum(wins - 1, 0), n, winning), 0.0)
    rate = min(losing / (1 - winning), 1.0) if winning < 1 else 0.0
    # Of so many wins, the first number of losses with which it is shown no longer, and with which it is shown at all.
    beyond = _first(lambda losses: ~shows_more_than(n, wins, losses, -margin, z), n - wins)
    shown = _at_most(beyond - 1, n - wins, rate)
    if both_sides:
        first = _first(lambda losses: shows_more_than(n, losses, wins, -margin, z), n - wins)
        shown = np.maximum(shown - _at_most(first - 1, n - wins, rate), 0.0)
    return min(1.0, float((chances * shown).sum()))


def needed_pairs_for_margin(
    margin: float,
    *,
    flip_rate: float,
    difference: float = 0.0,
    both_sides: bool = False,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int | None:
    """Return how many cases show with the given power that a difference lies within a margin.

    Takes and raises what `power_margin` does; `power` is the chance of showing it.

    Returns:
        Cases; None where a million would not do.
    """
    _check(margin, flip_rate, difference, alpha)
    check_share("power", power)
    room = min(margin + difference, margin - difference) if both_sides else margin + difference
    if room <= 0:
        raise UsageError(f"a difference of {difference!r} and a margin of {margin!r}; expected a difference within it")
    normal = NormalDist()
    guess = (normal.inv_cdf(1 - alpha) + normal.inv_cdf(power)) ** 2 * max(flip_rate, margin) / room**2
    if guess > MOST_CASES:
        return None

    def shows(n: int) -> bool:
        found = power_margin(n, margin, flip_rate=flip_rate, difference=difference, both_sides=both_sides, alpha=alpha)
        return found >= power

    return smallest_count(lambda n: n > 1 and shows(n), math.ceil(guess))


def _first(holds: Callable[[ndarray], ndarray], most: ndarray) -> ndarray:
    """Return for each place the smallest count, 0 to most, from which something holds; most + 1 where it never does."""
    import numpy as np

    low, high = np.full(most.shape, -1), most + 1
    for _ in range(int(most.max()).bit_length() + 1):
        middle = (low + high) // 2
        asked = np.clip(middle, 0, most)
        found, is_open = holds(asked), high - low > 1
        low, high = np.where(is_open & ~found, middle, low), np.where(is_open & found, middle, high)
    return high


def _at_most(count: ndarray, n: ndarray, rate: float) -> ndarray:
    """Return binomial chances of at most so many of n; -1 is possible, and has none."""
    import numpy as np
    from scipy.special import bdtr

    return np.where(count >= 0, bdtr(np.clip(count, 0, n), n, rate), 0.0)


def _check(margin: float, flip_rate: float, difference: float, alpha: float) -> None:
    check_share("margin", margin)
    check_share("alpha", alpha)
    if not 0 <= flip_rate <= 1 or not abs(difference) <= flip_rate:
        raise UsageError(
            f"a difference of {difference!r} with {flip_rate!r} of the cases changing; expected a share that changes, "
            "and no larger difference"
        )
