"""What a set of cases can detect, and how many cases it would take."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from promptship.errors import UsageError
from promptship.stats._rates import wilson
from promptship.stats._results import check_share

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy import ndarray

__all__ = [
    "needed_cases",
    "needed_pairs",
    "needed_pairs_of_scores",
    "power_mcnemar",
    "power_rate",
    "smallest_detectable_difference",
    "smallest_detectable_score_difference",
]

_MOST_CASES = 1_000_000
_STEPS = 14
_DEVIATIONS = 5
_NEGLIGIBLE = 1e-17
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
    if guess > _MOST_CASES:
        return None
    return _smallest(lambda n: power_mcnemar(n, difference, flip_rate=rate, alpha=alpha) >= power, guess)


def power_rate(n: int, rate: float, *, threshold: float, confidence: float = 0.95) -> float:
    """Return the chance that the lower Wilson bound of n cases clears a threshold.

    Args:
        n: Cases, at least 1.
        rate: The true rate, 0 to 1.
        threshold: To be cleared.
        confidence: Of the one-sided bound.
    """
    needed = next(
        (passed for passed in range(n + 1) if wilson(passed, n, confidence=confidence, side="lower").low >= threshold),
        None,
    )
    return 0.0 if needed is None else _upper_tail(needed, n, rate)


def needed_cases(rate: float, threshold: float, *, confidence: float = 0.95) -> int | None:
    """Return how many cases decide whether a rate lies above or below a threshold, if it stays as observed.

    Args:
        rate: The observed rate, 0 to 1.
        threshold: What it is compared with, 0 to 1.
        confidence: Of the one-sided bound that has to clear it.

    Returns:
        Cases; None where rate and threshold are equal or so close that a million would not do.
    """
    if rate == threshold:
        return None

    def decides(n: int) -> bool:
        if rate > threshold:
            return wilson(rate * n, n, confidence=confidence, side="lower").low >= threshold
        return wilson(rate * n, n, confidence=confidence, side="upper").high < threshold

    return _smallest(decides, 1) if decides(_MOST_CASES) else None


def smallest_detectable_score_difference(n: int, deviation: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the smallest mean difference of scores that n pairs show.

    Args:
        n: Pairs, at least 2.
        deviation: Standard deviation of the differences within pairs, at least 0.
        power: Chance of noticing it.
        alpha: Level of the one-sided test.

    Source:
        Lachin (1981), Controlled Clinical Trials 2(2); normal approximation.
    """
    if n < 2 or deviation < 0:  # noqa: PLR2004 - one pair has no deviation
        raise UsageError(
            f"{n} pairs with a deviation of {deviation!r}; expected two pairs at least and no negative one"
        )
    return _both_quantiles(power, alpha) * deviation / math.sqrt(n)


def needed_pairs_of_scores(difference: float, deviation: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Return how many pairs show a mean difference of scores; the converse of the function above.

    Raises:
        UsageError: The difference is 0, or the deviation negative.
    """
    if difference == 0 or deviation < 0:
        raise UsageError(
            f"a difference of {difference!r} with a deviation of {deviation!r}; expected one that is not 0"
        )
    return max(2, math.ceil((_both_quantiles(power, alpha) * deviation / difference) ** 2))


def _both_quantiles(power: float, alpha: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - check_share("alpha", alpha)) + normal.inv_cdf(check_share("power", power))


def _normal_pairs(difference: float, flip_rate: float, power: float, alpha: float) -> int:
    normal = NormalDist()
    spread = normal.inv_cdf(1 - alpha) * math.sqrt(flip_rate)
    spread += normal.inv_cdf(power) * math.sqrt(max(flip_rate - difference**2, 0.0))
    return max(1, math.ceil((spread / difference) ** 2))


def _smallest(holds: Callable[[int], bool], guess: int) -> int:
    """Return the smallest n from which something holds, but for the small steps of an exact test."""
    high = max(1, guess)
    while not holds(high):
        high *= 2
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


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


def _binomial(passed: int, n: int, rate: float) -> float:
    if rate in {0.0, 1.0}:
        return float(passed == n * rate)
    logs = math.lgamma(n + 1) - math.lgamma(passed + 1) - math.lgamma(n - passed + 1)
    return math.exp(logs + passed * math.log(rate) + (n - passed) * math.log1p(-rate))


def _upper_tail(least: int, n: int, rate: float) -> float:
    """Return the chance of at least `least` of n, each of which happens at a rate."""
    if least > n or rate in {0.0, 1.0}:
        return math.fsum(_binomial(passed, n, rate) for passed in range(max(least, 0), n + 1))
    # The shorter tail is added up, outwards, each term from the one before: it neither underflows nor takes logarithms.
    if least <= n * rate:
        return 1.0 - _upper_tail(n - least + 1, n, 1 - rate)
    term = total = _binomial(least, n, rate)
    odds = rate / (1 - rate)
    for passed in range(least + 1, n + 1):
        term *= (n - passed + 1) / passed * odds
        total += term
        if term < total * _NEGLIGIBLE:
            break
    return min(1.0, total)
