"""Whether scores are probabilities, and whether they tell good from bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import StatisticsError, UnpairedScoresError, UsageError
from promptship.stats._results import are_marks, as_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

__all__ = ["Reliability", "auroc", "brier_score", "expected_calibration_error", "reliability_curve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Items of like score.

    Attributes:
        score: Their mean score, by weight.
        rate: The share of them that is good, by weight, 0 to 1.
        weight: Of them all; how many they are, where none has a weight of its own.
        places: Which they are, from 0, in the order of their scores.
    """

    score: float
    rate: float
    weight: float
    places: ndarray


def auroc(
    scores: Sequence[float] | ndarray,
    labels: Sequence[float] | ndarray,
    *,
    weights: Sequence[float] | ndarray | None = None,
) -> float:
    """Return the chance that a good item has a higher score than a bad one, ties counted half.

    Args:
        scores: Any figures; shape (n,).
        labels: 1 for good, 0 for bad; shape (n,).
        weights: For how many items each stands, above 0; None for one.

    Returns:
        0 to 1; one half of scores that say nothing.

    Raises:
        StatisticsError: All items are of one class.
        UsageError: A label that is no mark, a weight that is not above 0, or a figure that is not finite.
        UnpairedScoresError: There is not one of each for an item.

    Source:
        Mann and Whitney (1947), Annals of Mathematical Statistics 18(1).

    Example:
        >>> auroc([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0])
        0.875
    """
    import numpy as np

    x, y, w = _check(scores, labels, weights)
    good, bad = y > 0, y <= 0
    if not good.any() or not bad.any():
        raise StatisticsError(f"all {len(y)} labels are {y[0]:g}: nothing can be told apart")
    order = np.argsort(x[bad], kind="stable")
    below = np.concatenate([[0.0], np.cumsum(w[bad][order])])
    left, right = (below[np.searchsorted(x[bad][order], x[good], side=side)] for side in ("left", "right"))
    return float((w[good] * (left + right) / 2).sum() / (w[good].sum() * w[bad].sum()))


def brier_score(
    scores: Sequence[float] | ndarray,
    labels: Sequence[float] | ndarray,
    *,
    weights: Sequence[float] | ndarray | None = None,
) -> float:
    """Return the mean squared distance of scores from labels, 0 to 1 of scores that are; lower is better.

    Args:
        scores: Probabilities of good; shape (n,).
        labels: 1 for good, 0 for bad; shape (n,).
        weights: For how many items each stands, above 0; None for one.

    Raises:
        UsageError: A label that is no mark, a weight that is not above 0, or a figure that is not finite.
        UnpairedScoresError: There is not one of each for an item.

    Source:
        Brier (1950), Monthly Weather Review 78(1).
    """
    x, y, w = _check(scores, labels, weights)
    return float(w @ (x - y) ** 2 / w.sum())


def reliability_curve(
    scores: Sequence[float] | ndarray,
    labels: Sequence[float] | ndarray,
    *,
    bins: int = 10,
    weights: Sequence[float] | ndarray | None = None,
) -> list[Reliability]:
    """Return items of like score, about as many in each bin, with the share of them that is good.

    Equal scores share a bin, since nothing orders them, so there may be fewer bins than asked for.

    Args:
        scores: Probabilities of good; shape (n,).
        labels: 1 for good, 0 for bad; shape (n,).
        bins: How many there are at most, at least 1.
        weights: For how many items each stands, above 0; None for one. They do not move the bins.

    Returns:
        In the order of scores; none is empty.

    Raises:
        UsageError: A label that is no mark, a weight that is not above 0, a figure that is not finite, or no bin.
        UnpairedScoresError: There is not one of each for an item.

    Source:
        Bins of equal mass as in Nixon et al. (2019), CVPR workshops: of equal width most of a judge's scores, which lie
        at the ends, would be in two of them.
    """
    import numpy as np

    x, y, w = _check(scores, labels, weights)
    if bins < 1:
        raise UsageError(f"{bins!r} bins; expected at least 1")
    order = np.argsort(x, kind="stable")
    inner = np.searchsorted(x[order], np.percentile(x, np.linspace(0, 1, bins + 1)[1:-1] * 100), side="right")
    return [
        Reliability(
            score=float(x[places] @ w[places] / w[places].sum()),
            rate=float(y[places] @ w[places] / w[places].sum()),
            weight=float(w[places].sum()),
            places=places,
        )
        for places in np.split(order, inner)
        if len(places)
    ]


def expected_calibration_error(
    scores: Sequence[float] | ndarray,
    labels: Sequence[float] | ndarray,
    *,
    bins: int = 10,
    weights: Sequence[float] | ndarray | None = None,
) -> float:
    """Return how far scores are from the share of good items, averaged over bins of about equal size.

    Of scores that are probabilities it is not 0 in a sample, since the share in each bin scatters.

    Args:
        scores: Probabilities of good; shape (n,).
        labels: 1 for good, 0 for bad; shape (n,).
        bins: How many there are at most, at least 1.
        weights: For how many items each stands, above 0; None for one.

    Returns:
        0 to 1 of scores that are.

    Raises:
        UsageError: A label that is no mark, a weight that is not above 0, a figure that is not finite, or no bin.
        UnpairedScoresError: There is not one of each for an item.

    Source:
        Naeini, Cooper and Hauskrecht (2015), AAAI, with the bins of `reliability_curve`.
    """
    found = reliability_curve(scores, labels, bins=bins, weights=weights)
    total = sum(one.weight for one in found)
    return sum(one.weight * abs(one.rate - one.score) for one in found) / total


def _check(
    scores: Sequence[float] | ndarray, labels: Sequence[float] | ndarray, weights: Sequence[float] | ndarray | None
) -> tuple[ndarray, ndarray, ndarray]:
    import numpy as np

    x, y = as_values(scores, least=1), as_values(labels, least=1)
    w = np.ones(len(x)) if weights is None else as_values(weights, least=1)
    if not len(x) == len(y) == len(w):
        raise UnpairedScoresError(f"{len(x)} scores, {len(y)} labels and {len(w)} weights; expected one of each")
    if not are_marks(y):
        raise UsageError("labels are not all 0 or 1")
    if not (w > 0).all():
        raise UsageError("a weight is not above 0")
    return x, y, w
