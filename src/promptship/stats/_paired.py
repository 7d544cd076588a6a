"""Two versions on the same cases: what changed is looked at case by case."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from promptship.errors import UsageError
from promptship.stats._results import are_marks, as_pairs, cluster_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

__all__ = ["Alternative", "PairedTest", "half_binomial_tail", "mcnemar", "paired_permutation", "sign_test"]

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
        UsageError: There is no case, or a figure that is no mark.

    Source:
        McNemar (1947), Psychometrika 12(2); exact binomial form.

    Example:
        >>> mcnemar([True] * 10, [False] * 6 + [True] * 4).p_value
        0.03125
    """
    before, after = as_pairs(baseline, candidate, least=1)
    for figures in (before, after):
        if not are_marks(figures):
            odd = figures[(figures != 0) & (figures != 1)][0]
            raise UsageError(f"{odd:g} is no pass mark; expected 0 or 1", hint="paired_permutation compares scores")
    wins, losses = int((after > before).sum()), int((before > after).sum())
    return PairedTest(
        n=len(before),
        wins=wins,
        losses=losses,
        ties=len(before) - wins - losses,
        difference=(wins - losses) / len(before),
        p_value=sign_test(wins, losses, alternative),
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


def sign_test(wins: int, losses: int, alternative: Alternative = "two-sided") -> float:
    """Return the p-value of the exact McNemar test by its counts: of the pairs that changed, so many either way.

    Args:
        wins: Pairs that went from failed to passed, at least 0.
        losses: Pairs that went from passed to failed, at least 0.
        alternative: `worse` and `better` test one direction.

    Returns:
        0 to 1; 1.0 where nothing changed.

    Source:
        Dixon and Mood (1946), JASA 41(236).

    Example:
        >>> sign_test(0, 6)
        0.03125
    """
    changed = wins + losses
    if alternative == "worse":
        return half_binomial_tail(losses, changed)
    if alternative == "better":
        return half_binomial_tail(wins, changed)
    return min(1.0, 2 * half_binomial_tail(max(wins, losses), changed))


def _flip_p_value(moving: ndarray, alternative: Alternative, resamples: int, seed: int) -> tuple[float, str]:
    import numpy as np

    if not len(moving):
        return 1.0, "nothing changed"
    observed = float(moving.sum())
    if len(moving) > _MOST_RESAMPLED:
        z = observed / math.sqrt(float((moving**2).sum()))
        below, above = NormalDist().cdf(z), NormalDist().cdf(-z)
        chances = {"worse": below, "better": above, "two-sided": 2 * min(below, above)}
        return chances[alternative], "normal limit"
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
