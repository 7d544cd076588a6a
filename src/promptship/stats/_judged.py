"""Rates by a judge that is sometimes wrong, mended by people's labels of some of the cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from promptship.errors import UnpairedScoresError, UsageError
from promptship.stats._means import clustered_mean
from promptship.stats._results import Interval, are_marks, as_values, check_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray
    from numpy.random import Generator

    from promptship.stats._results import Side

__all__ = ["JudgeLabels", "judged_difference", "judged_rate", "judged_worse"]

_JEFFREYS = 0.5
_METHOD = "post-stratified by the judge's verdict"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeLabels:
    """Outputs that a judge and people have both looked at, and that are none of the cases to be estimated.

    They say how right the judge is, and nothing of how often it passes. That it is as right about the cases is assumed.

    Attributes:
        verdicts: What the judge says, 1 or 0; shape (m,).
        labels: What people say, 1 or 0; shape (m,).
        weights: For how many outputs each stands, above 0; None for alike.
        clusters: The origin of each; None where each has its own.
    """

    verdicts: Sequence[float] | ndarray
    labels: Sequence[float] | ndarray
    weights: Sequence[float] | ndarray | None = None
    clusters: Sequence[object] | None = None


def judged_rate(
    verdicts: Sequence[float] | ndarray,
    labels: Sequence[float] | ndarray,
    *,
    weights: Sequence[float] | ndarray | None = None,
    clusters: Sequence[object] | None = None,
    elsewhere: JudgeLabels | None = None,
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
        verdicts: What the judge says of each case, 1 or 0; NaN where the case is bad whatever the judge says of it, as
            one that fails another check; shape (n,).
        labels: What people say, 1 or 0; NaN where nobody said; shape (n,).
        weights: How many cases of its verdict each labelled case stands for, such as the inverse of the chance at which
            it was chosen; above 0, read where there is a label; None for alike.
        clusters: The origin of each case; None where each has its own.
        elsewhere: Labelled outputs that are none of these cases; None for none.
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
    read = _read(_Cases(verdicts, labels, weights, clusters), elsewhere)
    passed = rng.beta(read.passed + _JEFFREYS, read.judged - read.passed + _JEFFREYS, draws)
    known = rng.beta(read.judged + _JEFFREYS, read.lost + _JEFFREYS, draws) if read.lost else 1.0
    return _interval(_rates(read, known * passed, known * (1 - passed), rng), read, confidence, side, (0.0, 1.0))


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
    drawn, read = _draw_difference(baseline, candidate, clusters, draws, seed)
    return _interval(drawn, read, confidence, side, (-1.0, 1.0))


def judged_worse(
    baseline: tuple[Sequence[float] | ndarray, Sequence[float] | ndarray],
    candidate: tuple[Sequence[float] | ndarray, Sequence[float] | ndarray],
    *,
    clusters: Sequence[object] | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> float:
    """Return the probability that the candidate is no worse than the baseline, as a p-value of "it is worse".

    Arguments and errors are those of `judged_difference`, of the same draws: the p-value is at most `alpha` where the
    one-sided interval at 1 - `alpha` lies below 0. It is never 0: at least 1 / (`draws` + 1).
    """
    drawn, _ = _draw_difference(baseline, candidate, clusters, draws, seed)
    return (int((drawn >= 0).sum()) + 1) / (draws + 1)


def _draw_difference(
    baseline: tuple[Sequence[float] | ndarray, Sequence[float] | ndarray],
    candidate: tuple[Sequence[float] | ndarray, Sequence[float] | ndarray],
    clusters: Sequence[object] | None,
    draws: int,
    seed: int,
) -> tuple[ndarray, _Read]:
    import numpy as np

    rng = np.random.default_rng(seed)
    left, right = (_read(_Cases(*one, None, clusters), None) for one in (baseline, candidate))
    before, after = (np.nan_to_num(np.asarray(one[0], dtype=float), nan=_LOST) for one in (baseline, candidate))
    if len(before) != len(after):
        raise UnpairedScoresError(f"{len(before)} verdicts of the baseline and {len(after)} of the candidate")
    states = (1, 0, _LOST) if left.lost or right.lost else (1, 0)
    effective = min(left.judged + left.lost, right.judged + right.lost) / len(before)
    cells = [effective * ((before == one) & (after == two)).sum() + _JEFFREYS for one in states for two in states]
    shares = rng.dirichlet(cells, draws).T.reshape(len(states), len(states), draws)
    first, second = shares.sum(axis=1), shares.sum(axis=0)
    # Two rates of their own draws: their difference holds what their verdicts share.
    return _rates(right, second[0], second[1], rng) - _rates(left, first[0], first[1], rng), left


_LOST = 2
"""Stands for the verdict of a case that is bad whatever the judge says."""


class _Cases(NamedTuple):
    verdicts: Sequence[float] | ndarray
    labels: Sequence[float] | ndarray
    weights: Sequence[float] | ndarray | None
    clusters: Sequence[object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Counts, each divided by how much cases of one origin repeat each other.

    Attributes:
        n: Cases.
        judged: Effective number of cases that the judge decides.
        passed: Of them, those that it passes.
        lost: Effective number of cases that are bad whatever it says.
        good: Effective number of good labels by verdict, failed and passed.
        bad: Likewise, of bad ones.
    """

    n: int
    judged: float
    passed: float
    lost: float
    good: tuple[float, float]
    bad: tuple[float, float]


def _read(cases: _Cases, elsewhere: JudgeLabels | None) -> _Read:
    import numpy as np

    said = np.asarray(cases.verdicts, dtype=float)
    decides = ~np.isnan(said)
    given = as_values(np.where(decides, said, 0.0), least=1)
    counts = [_count_labels(cases, decides)]
    if elsewhere is not None:
        marks = _Cases(elsewhere.verdicts, elsewhere.labels, elsewhere.weights, elsewhere.clusters)
        counts.append(_count_labels(marks, np.ones(len(marks.verdicts), dtype=bool)))
    good, bad = (np.sum([one[side] for one in counts], axis=0) for side in (0, 1))
    if not (good + bad).any():
        raise UsageError("no case has a label", hint="have people label some cases of either verdict")
    passed = decides & (given == 1)
    repeated = _design_effect(passed.astype(float), cases.clusters)
    return _Read(
        n=len(given),
        judged=float(decides.sum()) / repeated,
        passed=float(passed.sum()) / repeated,
        lost=float((~decides).sum()) / repeated,
        good=(float(good[0]), float(good[1])),
        bad=(float(bad[0]), float(bad[1])),
    )


def _count_labels(cases: _Cases, decides: ndarray) -> tuple[list[float], list[float]]:
    """Return the effective number of good and of bad labels, each of what the judge fails and of what it passes."""
    import numpy as np

    judged, people = np.asarray(cases.verdicts, dtype=float), np.asarray(cases.labels, dtype=float)
    if people.shape != judged.shape:
        raise UnpairedScoresError(f"{len(judged)} verdicts and {people.size} labels; expected one of each for a case")
    known = ~np.isnan(people) & decides
    if not are_marks(judged[decides]) or not are_marks(people[known]):
        raise UsageError("a verdict or a label is neither 0 nor 1")
    stands_for = np.ones(len(judged)) if cases.weights is None else np.asarray(cases.weights, dtype=float)
    if stands_for.shape != judged.shape or not (stands_for[known] > 0).all():
        raise UsageError("weights have to be above 0, one for each case")
    repeated = _design_effect(np.where(decides, judged, 0.0), cases.clusters)
    good, bad = [], []
    for verdict in (0, 1):
        mine = known & (judged == verdict)
        one, total = stands_for[mine], float(stands_for[mine].sum())
        # Kish: unequal weights are worth as many labels as this.
        worth = total**2 / float((one**2).sum()) / repeated if total else 0.0
        share = float((one * people[mine]).sum()) / total if total else 0.0
        good.append(worth * share)
        bad.append(worth * (1 - share))
    return good, bad


def _design_effect(values: ndarray, clusters: Sequence[object] | None) -> float:
    """Return how many cases of these origins are worth one of their own, at least 1."""
    if clusters is None or len(set(clusters)) == len(values) or len(set(clusters)) == 1:
        return 1.0 if clusters is None or len(set(clusters)) > 1 else float(len(values))
    together, apart = (clustered_mean(values, one) for one in (clusters, None))
    width = apart.high - apart.low
    return max(1.0, ((together.high - together.low) / width) ** 2) if width else 1.0


def _rates(read: _Read, passed: ndarray, failed: ndarray, rng: Generator) -> ndarray:
    """Return the share of good cases, from the shares of all cases that the judge passes and fails."""
    bad, good = (
        rng.beta(good + _JEFFREYS, bad + _JEFFREYS, len(passed)) for good, bad in zip(read.good, read.bad, strict=True)
    )
    rates: ndarray = passed * good + failed * bad
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
