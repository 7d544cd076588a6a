"""Two versions on the same cases: what changed is looked at case by case."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from promptship.stats._bootstrap import bootstrap_bca
from promptship.stats._means import clustered_mean
from promptship.stats._results import Interval, as_pairs, cluster_numbers, quantile_of_normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.stats._results import Side

__all__ = ["Alternative", "PairedTest", "half_binomial_tail", "mcnemar", "paired_difference", "paired_permutation"]

Alternative = Literal["two-sided", "worse", "better"]
"""Which change of the candidate counts against "no change"."""

_MOST_ENUMERATED = 12
_FLIPS_AT_ONCE = 4_000_000
# Beyond it the mean of the flips is as normal as makes no difference, and drawing them takes seconds.
_MOST_RESAMPLED = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """What a paired test found.

    Attributes:
        n: Pairs.
        wins: Cases in which the candidate is better.
        losses: Cases in which it is worse.
        ties: Cases without a difference.
        difference: Mean of candidate minus baseline.
        p_value: Chance, 0 to 1, of a change like this or a larger one where there is none.
        alternative: Which changes count.
        method: Its name.
    """

    n: int
    wins: int
    losses: int
    ties: int
    difference: float
    p_value: float
    alternative: Alternative
    method: str


def mcnemar(
    baseline: Sequence[bool] | ndarray, candidate: Sequence[bool] | ndarray, *, alternative: Alternative = "two-sided"
) -> PairedTest:
    """Test whether the candidate's pass rate differs from the baseline's.

    Args:
        baseline: Pass marks, one per case; shape (n,), n at least 1.
        candidate: Pass marks of the same cases in the same order.
        alternative: `worse` and `better` test one direction.

    Returns:
        Counts of changed cases and the exact p-value; 1.0 when no case changed.

    Raises:
        UnpairedScoresError: The two sequences differ in length.
        UsageError: There is no case.

    Source:
        McNemar (1947), Psychometrika 12(2); exact binomial form.

    Example:
        >>> mcnemar([True] * 10, [False] * 6 + [True] * 4).p_value
        0.03125
    """
    before, after = as_pairs(baseline, candidate, least=1)
    wins, losses = int(((before == 0) & (after > 0)).sum()), int(((before > 0) & (after == 0)).sum())
    return PairedTest(
        n=len(before),
        wins=wins,
        losses=losses,
        ties=len(before) - wins - losses,
        difference=(wins - losses) / len(before),
        p_value=_sign_p_value(wins, losses, alternative),
        alternative=alternative,
        method="exact McNemar",
    )


def paired_permutation(
    baseline: Sequence[float] | ndarray,
    candidate: Sequence[float] | ndarray,
    *,
    clusters: Sequence[object] | None = None,
    alternative: Alternative = "two-sided",
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedTest:
    """Test a difference of scores by exchanging baseline and candidate within cases, or within whole clusters.

    Args:
        baseline: Scores, one per case; shape (n,), n at least 2.
        candidate: Scores of the same cases.
        clusters: The origin of each case; cases of one origin are exchanged together.
        alternative: Which changes count.
        resamples: Exchanges drawn, where there are too many to try all.
        seed: Of the draws.

    Returns:
        The p-value: over all exchanges with up to 12 units that differ, over drawn ones (counting the observed one)
        with up to 2,000, and by the normal limit of the same distribution beyond.

    Raises:
        UnpairedScoresError: The sequences differ in length.
        UsageError: Fewer than two cases, or a score that is not finite.

    Source:
        Fisher (1935), The Design of Experiments, section 21; Phipson and Smyth (2010), SAGMB 9(1), for drawn exchanges.
    """
    import numpy as np

    before, after = as_pairs(baseline, candidate)
    numbers = cluster_numbers(clusters, len(before))
    differences = after - before
    units = differences if numbers is None else np.bincount(numbers, weights=differences)
    moving = units[units != 0]
    p_value, how = _flip_p_value(moving, alternative, resamples, seed)
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    return PairedTest(
        n=len(before),
        wins=wins,
        losses=losses,
        ties=len(before) - wins - losses,
        difference=float(differences.mean()),
        p_value=p_value,
        alternative=alternative,
        method=f"paired permutation ({how})",
    )


def paired_difference(
    baseline: Sequence[float] | ndarray,
    candidate: Sequence[float] | ndarray,
    *,
    clusters: Sequence[object] | None = None,
    confidence: float = 0.95,
    side: Side = "two",
    seed: int = 0,
) -> Interval:
    """Bound the mean difference, candidate minus baseline, over the same cases.

    Args:
        baseline: Pass marks or scores; shape (n,), n at least 2.
        candidate: Those of the same cases.
        clusters: The origin of each case; None where each has its own.
        confidence: 0 to 1.
        side: Which ends are bounded.
        seed: Of the bootstrap.

    Returns:
        For pass marks without clusters Newcombe's score interval; else a BCa bootstrap of cases or clusters, from 2,000
        of them on a t interval, cluster-robust where there are clusters.

    Raises:
        UnpairedScoresError: The sequences differ in length.
        UsageError: Fewer than two cases, or a score that is not finite.

    Source:
        Newcombe (1998), Statistics in Medicine 17(22), method 10.
    """
    before, after = as_pairs(baseline, candidate)
    numbers = cluster_numbers(clusters, len(before))
    if numbers is None and _are_marks(before) and _are_marks(after):
        return _newcombe(before, after, confidence, side)
    differences = after - before
    units = len(differences) if numbers is None else int(numbers.max()) + 1
    if units > _MOST_RESAMPLED:
        return clustered_mean(differences, clusters, confidence=confidence, side=side)
    return bootstrap_bca(differences, clusters=clusters, confidence=confidence, side=side, seed=seed)


def half_binomial_tail(least: int, n: int) -> float:
    """Return the exact chance of at least `least` heads in n throws of a fair coin."""
    if least <= 0:
        return 1.0
    # Whole numbers: the sum is exact however large n is. The shorter tail is added up.
    if 2 * least < n + 1:
        return 1.0 - half_binomial_tail(n - least + 1, n)
    term = total = 1
    for place in range(n, least, -1):
        term = term * place // (n - place + 1)
        total += term
    return total / (1 << n) if least <= n else 0.0


def _sign_p_value(wins: int, losses: int, alternative: Alternative) -> float:
    changed = wins + losses
    if alternative == "worse":
        return half_binomial_tail(losses, changed)
    if alternative == "better":
        return half_binomial_tail(wins, changed)
    return min(1.0, 2 * half_binomial_tail(max(wins, losses), changed))


def _are_marks(values: ndarray) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _flip_p_value(moving: ndarray, alternative: Alternative, resamples: int, seed: int) -> tuple[float, str]:
    import numpy as np

    if not len(moving):
        return 1.0, "nothing changed"
    observed = float(moving.sum())
    if len(moving) > _MOST_RESAMPLED:
        z = observed / math.sqrt(float((moving**2).sum()))
        below = NormalDist().cdf(z)
        one_sided = {"worse": below, "better": 1 - below, "two-sided": 2 * min(below, 1 - below)}
        return one_sided[alternative], "normal limit"
    if len(moving) <= _MOST_ENUMERATED:
        signs = np.array(np.meshgrid(*[[-1, 1]] * len(moving))).reshape(len(moving), -1)
        return float(_as_extreme(moving @ signs, observed, alternative).mean()), "exact"
    rng = np.random.default_rng(seed)
    hits, step = 0, max(1, _FLIPS_AT_ONCE // len(moving))
    for start in range(0, resamples, step):
        shape = (min(step, resamples - start), len(moving))
        signs = rng.integers(0, 2, size=shape, dtype=np.int8) * 2 - 1
        hits += int(_as_extreme(signs @ moving, observed, alternative).sum())
    return (hits + 1) / (resamples + 1), f"{resamples} drawn"


def _as_extreme(sums: ndarray, observed: float, alternative: Alternative) -> ndarray:
    # Sums of the same figures in another order differ in the last bits; those count as equal.
    slack = 1e-9 * max(abs(observed), 1e-300)
    if alternative == "worse":
        return sums <= observed + slack
    if alternative == "better":
        return sums >= observed - slack
    return abs(sums) >= abs(observed) - slack


def _newcombe(before: ndarray, after: ndarray, confidence: float, side: Side) -> Interval:
    n = len(before)
    both = int(((before > 0) & (after > 0)).sum())
    wins, losses = int(((before == 0) & (after > 0)).sum()), int(((before > 0) & (after == 0)).sum())
    neither = n - both - wins - losses
    z = quantile_of_normal(confidence, side)
    first, second = (both + wins) / n, (both + losses) / n
    (low_1, high_1), (low_2, high_2) = _score_ends(first, n, z), _score_ends(second, n, z)
    phi = _correlation(both, wins, losses, neither)
    difference = first - second
    down = _hypotenuse(first - low_1, high_2 - second, phi)
    up = _hypotenuse(high_1 - first, second - low_2, phi)
    return Interval(
        estimate=difference,
        low=-1.0 if side == "upper" else max(-1.0, difference - down),
        high=1.0 if side == "lower" else min(1.0, difference + up),
        n=n,
        confidence=confidence,
        method="Newcombe's paired score interval",
    )


def _score_ends(rate: float, n: int, z: float) -> tuple[float, float]:
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def _correlation(both: int, wins: int, losses: int, neither: int) -> float:
    """Return the correlation of the pairs, corrected for continuity where it is positive."""
    margins = (both + wins) * (losses + neither) * (both + losses) * (wins + neither)
    if not margins:
        return 0.0
    cross: float = both * neither - wins * losses
    if cross > 0:
        cross = max(cross - (both + wins + losses + neither) / 2, 0.0)
    return cross / math.sqrt(margins)


def _hypotenuse(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))
