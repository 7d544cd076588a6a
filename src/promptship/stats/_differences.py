"""How large a difference between two versions is, looked at case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.stats._results import Interval, are_marks, as_pairs, cluster_numbers
from promptship.stats._scores import bound_mean
from promptship.stats._tango import score_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.stats._results import Side

__all__ = ["paired_difference"]


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
        For pass marks without clusters Tango's score interval, corrected for continuity; else that of `mean_interval`
        over the differences, where an unseen difference may be as large as the figures range (1 for pass marks): equal
        figures in a few cases do not show that there is no difference.

    Raises:
        UnpairedScoresError: The sequences differ in length.
        UsageError: Fewer than two cases, or a score that is not finite.

    Source:
        Tango (1998), Statistics in Medicine 17(8); for scores see `mean_interval`.
    """
    before, after = as_pairs(baseline, candidate)
    numbers = cluster_numbers(clusters, len(before))
    marks = are_marks(before) and are_marks(after)
    if numbers is None and marks:
        wins, losses = int((after > before).sum()), int((before > after).sum())
        return score_interval(len(before), wins, losses, confidence=confidence, side=side)
    reach = 1.0 if marks else float(max(before.max(), after.max()) - min(before.min(), after.min()))
    limits = (-1.0, 1.0) if marks else None
    return bound_mean(
        after - before, numbers, reach=(-reach, reach), limits=limits, confidence=confidence, side=side, seed=seed
    )
