"""Which losses of pass rate a set of cases can detect, and how many cases it would take."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from promptship.errors import UsageError
from promptship.stats._results import check_share
from promptship.stats._search import MOST_CASES, smallest_count

if TYPE_CHECKING:
    from numpy import ndarray

__all__ = ["needed_pairs", "power_mcnemar", "smallest_detectable_difference"]

_STEPS = 14
_DEVIATIONS = 5
_SLACK = 1e-12


def power_mcnemar(n: int, difference: float, *, flip_rate: float, alpha: float = 0.05) -> float:
    """Return the chance that the one-sided exact McNemar test notices a loss.

    Args:
        n: Cases, at least 1.
        difference: Loss of pass rate, 0 to `flip_rate`.
        flip_rate: Share of cases that change either way, above 0 and at most 1.
        alpha: Level of the test.

    Returns:
        Power, 0 to 1: the chance of a significant result, averaged over how many cases change.

    Raises:
        UsageError: A figure is out of its range.

    Source:
        Connor (1987), Biometrics 43(1), unconditional; here without approximation.
    """
    check_share("alpha", alpha)
    if n < 1 or not 0 < flip_rate <= 1 or not 0 <= difference <= flip_rate:
        raise UsageError(
            f"a difference of {difference!r} with {flip_rate!r} of {n} cases changing; expected a difference from 0 to "
            "the share that changes"
        )
    import numpy as np
    from scipy.special import gammaln, xlog1py, xlogy

    spread = _DEVIATIONS * math.sqrt(n * flip_rate * (1 - flip_rate)) + 1
    changed = np.arange(max(0, math.floor(n * flip_rate - spread)), min(n, math.ceil(n * flip_rate + spread)) + 1)
    chances = gammaln(n + 1) - gammaln(changed + 1) - gammaln(n - changed + 1)
    chances = np.exp(chances + xlogy(changed, flip_rate) + xlog1py(n - changed, -flip_rate))
    noticed = _upper_tails(_critical_counts(changed, alpha), changed, (flip_rate + difference) / (2 * flip_rate))
    return min(1.0, float((chances * noticed).sum()))


def smallest_detectable_difference(
    n: int, *, flip_rate: float, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """Return the smallest loss of pass rate that n cases show with the given power.

    Args:
        n: Cases, at least 1.
        flip_rate: Share of cases that change either way at least; where a loss is larger, all changes are losses.
        power: Chance of noticing it, 0 to 1.
        alpha: Level of the one-sided exact McNemar test.

    Returns:
        A share above 0; None where not even losing every case would be noticed.

    Raises:
        UsageError: A figure is out of its range.
    """
    check_share("power", power)

    def reached(loss: float) -> float:
        return power_mcnemar(n, loss, flip_rate=max(flip_rate, loss), alpha=alpha)

    if reached(1.0) < power:
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) >= power else (middle, high)
    return high


def needed_pairs(difference: float, *, flip_rate: float, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Return how many cases show a loss of pass rate with the given power.

    Args:
        difference: The loss, above 0.
        flip_rate: Share of cases that change either way at least.
        power: Chance of noticing it.
        alpha: Level of the one-sided exact McNemar test.

    Returns:
        Cases; None where a million would not do.

    Raises:
        UsageError: A figure is out of its range.
    """
    check_share("power", power)
    if not 0 < difference <= 1:
        raise UsageError(f"a difference of {difference!r}; expected a share above 0")
    rate = max(flip_rate, difference)
    # The exact test steps up and down by a few cases; a normal start keeps the search away from a million.
    guess = _normal_pairs(difference, rate, power, alpha)
    if guess > MOST_CASES:
        return None
    return smallest_count(lambda n: power_mcnemar(n, difference, flip_rate=rate, alpha=alpha) >= power, guess)


def _normal_pairs(difference: float, flip_rate: float, power: float, alpha: float) -> int:
    normal = NormalDist()
    spread = normal.inv_cdf(1 - alpha) * math.sqrt(flip_rate)
    spread += normal.inv_cdf(power) * math.sqrt(max(flip_rate - difference**2, 0.0))
    return max(1, math.ceil((spread / difference) ** 2))


def _critical_counts(changed: ndarray, alpha: float) -> ndarray:
    """Return the fewest losses among so many changes that a fair coin shows with a chance of at most alpha.

    Returns:
        Shape of `changed`; one more than the changes where no number of losses is significant.
    """
    import numpy as np

    low, high = changed // 2, changed + 1
    for _ in range(int(changed.max()).bit_length() + 1):
        middle = (low + high) // 2
        # A chance that is alpha itself counts, whatever its last digit says.
        significant = _upper_tails(middle, changed, 0.5) <= alpha * (1 + _SLACK)
        open_ = high - low > 1
        low, high = np.where(open_ & ~significant, middle, low), np.where(open_ & significant, middle, high)
    return high


def _upper_tails(least: ndarray, n: ndarray, rate: float) -> ndarray:
    """Return the chances of at least so many of n; shapes alike."""
    import numpy as np
    from scipy.special import betainc

    inside = (least >= 1) & (least <= n)
    tails = betainc(np.where(inside, least, 1), np.where(inside, n - least + 1, 1), rate)
    return np.where(inside, tails, np.where(least < 1, 1.0, 0.0))
