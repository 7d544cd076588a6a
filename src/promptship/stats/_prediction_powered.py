"""A mean of people's scores, sharpened by a judge's scores of many more cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.errors import UnpairedScoresError
from promptship.stats._means import clustered_mean
from promptship.stats._results import Interval, as_values, check_share, quantile_of_normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.stats._results import Side

__all__ = ["prediction_powered_mean"]


def prediction_powered_mean(
    judged: Sequence[float] | ndarray,
    labelled_judged: Sequence[float] | ndarray,
    labelled_human: Sequence[float] | ndarray,
    *,
    clusters: Sequence[object] | None = None,
    confidence: float = 0.95,
    side: Side = "two",
) -> Interval:
    """Estimate the mean of people's scores from few of them and a judge's scores of many other cases.

    The judge is trusted as far as it agrees with people on the labelled cases, and no further: with a judge that says
    nothing this is the mean of the labels alone. For passing and failing `judged_rate` covers better near 0 and 1.

    Args:
        judged: The judge's scores of cases without a label; shape (N,), N at least 2.
        labelled_judged: Its scores of the labelled cases; shape (n,), n at least 2.
        labelled_human: People's scores of the same; shape (n,).
        clusters: The origin of each labelled case; None where each has its own.
        confidence: 0 to 1.
        side: Which ends are bounded; the other is infinite.

    Raises:
        UsageError: Too few figures, or one that is not finite.
        UnpairedScoresError: Labelled cases without one of the scores.

    Source:
        Angelopoulos, Duchi and Zrnic (2023), PPI++, arXiv:2311.01453, example 6.1, tuned as in their proposition 2.
    """
    import numpy as np

    many = as_values(judged)
    ours, people = as_values(labelled_judged), as_values(labelled_human)
    if len(ours) != len(people):
        raise UnpairedScoresError(f"{len(ours)} scores of the judge and {len(people)} of people for the labelled cases")
    check_share("confidence", confidence)
    spread = float(np.concatenate([many, ours]).var(ddof=1))
    together = float(np.cov(people, ours)[0, 1])
    trust = together / ((1 + len(people) / len(many)) * spread) if spread else 0.0
    corrected = people - trust * ours
    mean = trust * float(many.mean()) + float(corrected.mean())
    # The normal width of one mean, with cases of one origin counted together, and of the other, added as variances.
    few = clustered_mean(corrected, clusters, confidence=confidence, side=side)
    reach = few.high - few.estimate if side != "lower" else few.estimate - few.low
    quantile = quantile_of_normal(confidence, side)
    width = float(np.hypot(reach, quantile * abs(trust) * many.std(ddof=1) / np.sqrt(len(many))))
    return Interval(
        estimate=mean,
        low=-np.inf if side == "upper" else mean - width,
        high=np.inf if side == "lower" else mean + width,
        n=len(people),
        confidence=confidence,
        method="prediction-powered, tuned",
    )
