"""Rates by a judge that is sometimes wrong, mended by people's labels of some of the cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import UnpairedScoresError, UsageError
from promptship.stats._means import clustered_mean
from promptship.stats._results import Interval, are_marks, as_values, check_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray
    from numpy.random import Generator

    from promptship.stats._results import Side

__all__ = ["judged_difference", "judged_rate"]

_JEFFREYS = 0.5
_METHOD = "post-stratified by the judge's verdict"


def judged_rate(
    verdicts: Sequence[float] | ndarray,
    labels: Sequence[float] | ndarray,
    *,
    weights: Sequence[float] | ndarray | None = None,
    clusters: Sequence[object] | None = None,
    confidence: float = 0.95,
    side: Side = "two",
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Estimate the share of good cases from a judge's verdicts on all and people's labels of some.

    The rate is q p1 + (1 - q) p0: q is the share that the judge passes, p1 and p0 are the shares that people call good
    among what it passes and fails. Labels may be drawn by the verdict (more of what it fails, say): within one they
    have to be a random sample, or come with weights.

    Args:
        verdicts: What the judge says of each case, 1 or 0; shape (n,).
        labels: What people say, 1 or 0; NaN where nobody said; shape (n,).
        weights: How many cases of its verdict each labelled case stands for, such as the inverse of the chance at which
            it was chosen; above 0, read where there is a label; None for alike.
        clusters: The origin of each case; None where each has its own.
        confidence: 0 to 1.
        side: Which ends are bounded; the other is 0 or 1.
        draws: Of the posterior.
        seed: Of the draws.

    Returns:
        Within 0 and 1, also where nobody labelled one of the verdicts: then it is wide.

    Raises:
        UsageError: A verdict or label that is no mark, a weight that is not above 0, or no label at all.
        UnpairedScoresError: The sequences differ in length.

    Source:
        Cochran (1977), Sampling Techniques, section 5A.9; Beta posteriors with Jeffreys' prior as in Brown, Cai and
        DasGupta (2001), Statistical Science 16(2). `benchmarks/judge_intervals.py` simulates it.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    read = _read(verdicts, labels, weights, clusters)
    passed, failed = read.passed, read.judged - read.passed
    share = rng.beta(passed + _JEFFREYS, failed + _JEFFREYS, draws)
    return _interval(_rates(read, share, rng), read, confidence, side, (0.0, 1.0))


def judged_difference(
    baseline: tuple[Sequence[float] | ndarray, Sequence[float] | ndarray],
    candidate: tuple[Sequence[float] | ndarray, Sequence[float] | ndarray],
    *,
    clusters: Sequence[object] | None = None,
    confidence: float = 0.95,
    side: Side = "two",
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Estimate how much better the candidate is than the baseline on the same cases, by a judge and people's labels.

    Each side is mended by its own labels, so that a judge who is lenient to one of them favours it no longer. That both
    were judged on the same cases is taken into account.

    Args:
        baseline: Verdicts and labels, as `judged_rate` takes them.
        candidate: Likewise, of the same cases in the same order.
        clusters: The origin of each case.
        confidence: 0 to 1.
        side: Which ends are bounded; the other is -1 or 1.
        draws: Of the posterior.
        seed: Of the draws.

    Raises:
        UsageError: A verdict or label that is no mark, or a side without labels.
        UnpairedScoresError: The sequences differ in length.

    Source:
        As `judged_rate`; the pairs of verdicts with a Dirichlet posterior.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    left, right = (_read(*one, None, clusters) for one in (baseline, candidate))
    before, after = as_values(baseline[0], least=1), as_values(candidate[0], least=1)
    if len(before) != len(after):
        raise UnpairedScoresError(f"{len(before)} verdicts of the baseline and {len(after)} of the candidate")
    cells = [((before == one) & (after == two)).sum() for one in (1, 0) for two in (1, 0)]
    effective = min(left.judged, right.judged) / len(before)
    both, only_left, only_right, _ = rng.dirichlet([effective * cell + _JEFFREYS for cell in cells], draws).T
    # Two rates of their own draws: their difference holds what their verdicts share.
    drawn = _rates(right, both + only_right, rng) - _rates(left, both + only_left, rng)
    return _interval(drawn, left, confidence, side, (-1.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Counts, each divided by how much cases of one origin repeat each other.

    Attributes:
        n: Cases.
        judged: Effective number of verdicts.
        passed: Of them, those that pass.
        good: Effective number of good labels by verdict, failed and passed.
        bad: Likewise, of bad ones.
    """

    n: int
    judged: float
    passed: float
    good: tuple[float, float]
    bad: tuple[float, float]


def _read(
    verdicts: Sequence[float] | ndarray,
    labels: Sequence[float] | ndarray,
    weights: Sequence[float] | ndarray | None,
    clusters: Sequence[object] | None,
) -> _Read:
    import numpy as np

    judged = as_values(verdicts, least=1)
    people = np.asarray(labels, dtype=float)
    known = ~np.isnan(people)
    if people.shape != judged.shape:
        raise UnpairedScoresError(f"{len(judged)} verdicts and {people.size} labels; expected one of each for a case")
    if not are_marks(judged) or not are_marks(people[known]):
        raise UsageError("a verdict or a label is neither 0 nor 1")
    if not known.any():
        raise UsageError("no case has a label", hint="have people label some cases of either verdict")
    stands_for = np.ones(len(judged)) if weights is None else np.asarray(weights, dtype=float)
    if stands_for.shape != judged.shape or not (stands_for[known] > 0).all():
        raise UsageError("weights have to be above 0, one for each case")
    repeated = _design_effect(judged, clusters)
    good, bad = [], []
    for verdict in (0, 1):
        mine = known & (judged == verdict)
        one, total = stands_for[mine], float(stands_for[mine].sum())
        # Kish: unequal weights are worth as many labels as this.
        worth = total**2 / float((one**2).sum()) / repeated if total else 0.0
        share = float((one * people[mine]).sum()) / total if total else 0.0
        good.append(worth * share)
        bad.append(worth * (1 - share))
    return _Read(
        n=len(judged),
        judged=len(judged) / repeated,
        passed=float(judged.sum()) / repeated,
        good=(good[0], good[1]),
        bad=(bad[0], bad[1]),
    )


def _design_effect(values: ndarray, clusters: Sequence[object] | None) -> float:
    """Return how many cases of these origins are worth one of their own, at least 1."""
    if clusters is None or len(set(clusters)) == len(values) or len(set(clusters)) == 1:
        return 1.0 if clusters is None or len(set(clusters)) > 1 else float(len(values))
    together, apart = (clustered_mean(values, one) for one in (clusters, None))
    width = apart.high - apart.low
    return max(1.0, ((together.high - together.low) / width) ** 2) if width else 1.0


def _rates(read: _Read, share: ndarray, rng: Generator) -> ndarray:
    failed, passed = (
        rng.beta(good + _JEFFREYS, bad + _JEFFREYS, len(share)) for good, bad in zip(read.good, read.bad, strict=True)
    )
    rates: ndarray = share * passed + (1 - share) * failed
    return rates


def _interval(drawn: ndarray, read: _Read, confidence: float, side: Side, reach: tuple[float, float]) -> Interval:
    import numpy as np

    tail = 1 - check_share("confidence", confidence)
    below, above = (tail / 2, 1 - tail / 2) if side == "two" else (tail, 1 - tail)
    low, high = (float(end) for end in np.quantile(drawn, (below, above)))
    return Interval(
        estimate=float(drawn.mean()),
        low=reach[0] if side == "upper" else low,
        high=reach[1] if side == "lower" else high,
        n=read.n,
        confidence=confidence,
        method=_METHOD,
    )
