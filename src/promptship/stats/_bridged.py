"""Figures of two judges on one scale, by a bridge set: cases of the baseline that both judges have looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.errors import UnpairedScoresError, UsageError
from promptship.stats._means import clustered_mean
from promptship.stats._results import Interval, are_marks, as_pairs, check_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.stats._paired import Alternative
    from promptship.stats._results import Side

__all__ = ["FEWEST_BRIDGED", "BridgedDifference", "bridged_difference", "bridged_kappa", "bridged_shift"]

FEWEST_BRIDGED: Final = 20
"""Cases that both judges must have looked at before anything is said."""
_HALF: Final = 0.5
_JEFFREYS: Final = 0.5
_METHOD: Final = "difference estimator over a bridge set, Student's t"


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgedDifference:
    """A difference between two systems that two judges have scored, as the candidate's judge would see it.

    Attributes:
        estimate: Candidate minus baseline.
        error: Its standard error, the bridge's own in it.
        freedom: Degrees of freedom, which are those of the bridge.
        n: Cases.
        bridged: Of them, those that both judges have looked at in the baseline.
        shift: How much higher the candidate's judge scores the baseline than the baseline's judge did.
    """

    estimate: float
    error: float
    freedom: int
    n: int
    bridged: int
    shift: float

    def interval(self, confidence: float = 0.95, side: Side = "two") -> Interval:
        """Bound it; the end that is not bounded is -1 or 1, as far as scores can lie apart."""
        from scipy.special import stdtrit

        level = check_share("confidence", confidence)
        reach = float(stdtrit(self.freedom, level if side != "two" else (1 + level) / 2)) * self.error
        low, high = max(-1.0, self.estimate - reach), min(1.0, self.estimate + reach)
        return Interval(
            estimate=self.estimate,
            low=-1.0 if side == "upper" else low,
            high=1.0 if side == "lower" else high,
            n=self.n,
            confidence=confidence,
            method=_METHOD,
        )

    def p_value(self, alternative: Alternative = "two-sided") -> float:
        """Return the p-value of "there is no difference", from the same t as the interval."""
        from scipy.special import stdtr

        if self.error == 0:
            return 1.0 if self.estimate == 0 else 0.0
        below = float(stdtr(self.freedom, self.estimate / self.error))
        return {"worse": below, "better": 1 - below, "two-sided": 2 * min(below, 1 - below)}[alternative]


def bridged_difference(
    baseline: Sequence[float] | ndarray,
    candidate: Sequence[float] | ndarray,
    bridge: Sequence[float] | ndarray,
    *,
    clusters: Sequence[object] | None = None,
) -> BridgedDifference:
    """Estimate how much better the candidate is than a baseline that another judge has scored.

    With x the baseline's scores by its judge, y the candidate's by its own, and z what the candidate's judge says of m
    of the baseline's n cases, within strata h (x below one half, or not) of share W:

        D = mean(y - x) - sum W mean(z - x)
        var D = S / n + sum W^2 (1 - m/N) v / m
        S = sum W mean((y - z)^2) - D^2

    where v is the variance of z - x in the stratum: the first part is what a comparison by one judge would have, the
    second is the bridge's own. Marks count one changed and one unchanged case more in each variance, since none that
    changed among m does not show that none would. Cases of one origin widen it by their design effect.

    Args:
        baseline: Scores by the baseline's judge, 0 to 1; shape (n,).
        candidate: Scores of the same cases by the candidate's judge.
        bridge: Scores of the baseline's outputs by the candidate's judge; NaN where it was not asked. Those asked have
            to be drawn at random, or at random among those that the baseline's judge passed, and failed.
        clusters: The origin of each case; None where each has its own.

    Raises:
        UnpairedScoresError: The sequences differ in length.
        UsageError: Fewer than 20 cases were looked at by both.

    Source:
        Cochran (1977), Sampling Techniques, sections 5.9 (strata), 7.9 (difference estimator) and 12.7 (double
        sampling); for the marks Bonett and Price (2012), Journal of Educational and Behavioral Statistics 37(4).
    """
    before, after = as_pairs(baseline, candidate)
    found = _Bridge.of(before, bridge)
    rest = after - found.other
    estimate = float((after - before).mean()) - found.shift
    marks = all(are_marks(one) for one in (before, after, found.other[found.known]))
    variance = _spread_of_pairs(found, rest, estimate, marks=marks) / len(before) + found.variance
    return BridgedDifference(
        estimate=estimate,
        error=math.sqrt(variance * _design_effect(after - before, clusters)),
        freedom=found.freedom,
        n=len(before),
        bridged=int(found.known.sum()),
        shift=found.shift,
    )


def bridged_shift(
    baseline: Sequence[float] | ndarray, bridge: Sequence[float] | ndarray, *, confidence: float = 0.95
) -> Interval:
    """Estimate how much higher the bridge's judge scores all of the baseline's cases; arguments and errors as above.

    The interval is of the mean over these very cases: it shrinks to a point where the judge was asked about all.
    """
    from scipy.special import stdtrit

    before, _ = as_pairs(baseline, baseline)
    found = _Bridge.of(before, bridge)
    reach = float(stdtrit(found.freedom, (1 + check_share("confidence", confidence)) / 2)) * math.sqrt(found.variance)
    low, high = max(-1.0, found.shift - reach), min(1.0, found.shift + reach)
    count = int(found.known.sum())
    return Interval(estimate=found.shift, low=low, high=high, n=count, confidence=confidence, method=_METHOD)


def bridged_kappa(
    baseline: Sequence[float] | ndarray,
    bridge: Sequence[float] | ndarray,
    *,
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Estimate Cohen's kappa of two judges over all cases from those that both have looked at.

    Args:
        baseline: Verdicts of the one, 1 or 0; shape (n,).
        bridge: Verdicts of the other; NaN where it was not asked.
        confidence: 0 to 1.
        draws: Of the posterior.
        seed: Of the draws.

    Returns:
        The median and the quantiles of the posterior; never a point, also where both always said the same.

    Raises:
        UnpairedScoresError: The sequences differ in length.
        UsageError: Fewer than 20 cases were looked at by both, or a verdict is no mark.

    Source:
        Cohen (1960), Educational and Psychological Measurement 20(1); Beta posteriors with Jeffreys' prior of the
        other's verdict given the one's.
    """
    import numpy as np

    before, _ = as_pairs(baseline, baseline)
    found = _Bridge.of(before, bridge)
    if not are_marks(before) or not are_marks(found.other[found.known]):
        raise UsageError("kappa is of verdicts, each 0 or 1")
    rng = np.random.default_rng(seed)
    share = float(before.mean())
    said = [found.other[found.known & (before == verdict)] for verdict in (0, 1)]
    fails, passes = (rng.beta(one.sum() + _JEFFREYS, (1 - one).sum() + _JEFFREYS, draws) for one in said)
    agreed = (1 - share) * (1 - fails) + share * passes
    good = (1 - share) * fails + share * passes
    chance = share * good + (1 - share) * (1 - good)
    tail = (1 - check_share("confidence", confidence)) / 2
    low, middle, high = np.quantile((agreed - chance) / (1 - chance), (tail, 0.5, 1 - tail))
    count = int(found.known.sum())
    return Interval(
        estimate=float(middle), low=float(low), high=float(high), n=count, confidence=confidence, method="posterior"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bridge:
    """What the other judge said, and what follows for all cases.

    Attributes:
        known: Which cases it was asked about; shape (n,).
        other: What it said; NaN elsewhere.
        strata: Masks over all cases.
        shift: Mean over all cases of what it adds.
        variance: Of the shift.
        freedom: Cases it was asked about, less one for each stratum.
    """

    known: ndarray
    other: ndarray
    strata: list[ndarray]
    shift: float
    variance: float
    freedom: int

    @classmethod
    def of(cls, before: ndarray, bridge: Sequence[float] | ndarray) -> _Bridge:
        import numpy as np

        other = np.asarray(bridge, dtype=float)
        if other.shape != before.shape:
            raise UnpairedScoresError(f"{len(before)} scores and {other.size} of the bridge; expected one of each")
        known = ~np.isnan(other)
        count = int(known.sum())
        if count < FEWEST_BRIDGED:
            raise UsageError(f"{count} cases were looked at by both judges; expected at least {FEWEST_BRIDGED}")
        strata = _strata(before, known)
        shift = variance = 0.0
        for mask in strata:
            size, inside = int(mask.sum()), mask & known
            added, asked = (other - before)[inside], int(inside.sum())
            shift += size / len(before) * float(added.mean())
            share = (size / len(before)) ** 2 * (1 - asked / size)
            variance += share * _variance(added, marks=are_marks(abs(added))) / asked
        freedom = count - len(strata)
        return cls(known=known, other=other, strata=strata, shift=shift, variance=variance, freedom=freedom)


def _strata(before: ndarray, known: ndarray) -> list[ndarray]:
    """Part the cases by what the one judge said, where the other was asked about both parts."""
    parts = [mask for mask in (before >= _HALF, before < _HALF) if mask.any()]
    if all((mask & known).sum() > 1 for mask in parts):
        return parts
    return [before == before]  # noqa: PLR0124 - all of them: scores are finite


def _variance(added: ndarray, *, marks: bool) -> float:
    changed = float((added != added[0]).sum())
    if marks or not changed:
        # Within a stratum a mark changes or stays: one more of either.
        moved = float((added != 0).sum()) if marks else 0.0
        share = (moved + 1) / (len(added) + 2)
        return share * (1 - share)
    return float(added.var(ddof=1))


def _spread_of_pairs(found: _Bridge, rest: ndarray, estimate: float, *, marks: bool) -> float:
    """Return the variance of candidate minus baseline, both by the candidate's judge, over cases."""
    size = len(rest)

    def mean(values: ndarray) -> float:
        return sum(float(mask.sum()) / size * float(values[mask & found.known].mean()) for mask in found.strata)

    count = float(found.known.sum())
    wins, losses = ((mean((rest == sign).astype(float)) * count + 1) / (count + 2) for sign in (1, -1))
    if marks:
        return wins + losses - (wins - losses) ** 2
    # Few cases show less spread than there is: no less than what a degree of freedom for each stratum makes of it.
    seen = mean(rest**2) - estimate**2
    least = wins + losses if not rest[found.known].any() else 0.0
    return max(seen, least) * count / found.freedom


def _design_effect(values: ndarray, clusters: Sequence[object] | None) -> float:
    """Return how many times wider, squared, cases of these origins make a mean; at least 1."""
    if clusters is None or not 1 < len(set(clusters)) < len(values):
        return 1.0
    together, apart = (clustered_mean(values, one) for one in (clusters, None))
    width = apart.high - apart.low
    return max(1.0, ((together.high - together.low) / width) ** 2) if width else 1.0
