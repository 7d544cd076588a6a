"""Whether a judge's scores are probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.domain import CardFigure, ReliabilityBin
from promptship.judges._figures import resampled, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

__all__ = ["brier_of", "calibration_error_of", "reliability_of"]

_BINS = 8
_FEWEST_IN_BIN = 5


def reliability_of(
    human: ndarray, scores: ndarray, weights: ndarray, clusters: Sequence[str]
) -> tuple[ReliabilityBin, ...]:
    """Return items of like score, of about as many each, with the share that people call good.

    Args:
        human: 1 for good; shape (n,).
        scores: 0 to 1; shape (n,).
        weights: Shape (n,).
        clusters: Origin of each.
    """
    found = []
    for places in _bins(scores):
        good = share(human[places], weights[places], [clusters[place] for place in places], within=(0.0, 1.0))
        score = float(scores[places] @ weights[places] / weights[places].sum())
        found.append(ReliabilityBin(score=score, good=good))
    return tuple(found)


def calibration_error_of(human: ndarray, scores: ndarray, weights: ndarray, clusters: Sequence[str]) -> CardFigure:
    """Return the expected calibration error over bins of like size, with its interval.

    Of scores that are probabilities it is not 0 in a sample, since each bin's share scatters: read it beside its n.

    Source:
        Naeini, Cooper and Hauskrecht (2015), AAAI; bins of equal mass as in Nixon et al. (2019), CVPR workshops.
    """
    import numpy as np

    def error(units: ndarray) -> float:
        return sum(
            abs(float((units[places, 0] - units[places, 1]) @ units[places, 2])) for places in _bins(units[:, 1])
        ) / float(units[:, 2].sum())

    units = np.column_stack([human, scores, weights])
    if len(set(clusters)) < 2 * _FEWEST_IN_BIN:
        return CardFigure(estimate=None, n=len(units))
    found = resampled(units, error, clusters=clusters)
    return CardFigure(
        estimate=found.estimate, low=found.low, high=found.high, n=found.n, method="equal-mass bins, BCa bootstrap"
    )


def brier_of(human: ndarray, scores: ndarray, weights: ndarray, clusters: Sequence[str]) -> CardFigure:
    """Return the mean squared distance of scores from what people say, 0 to 1; lower is better.

    Source:
        Brier (1950), Monthly Weather Review 78(1).
    """
    return share((scores - human) ** 2, weights, clusters, within=(0.0, 1.0))


def _bins(scores: ndarray) -> list[ndarray]:
    """Return places of items by score; equal scores share a bin, since nothing orders them."""
    import numpy as np

    # Of equal mass: bins of equal width leave most of a judge's scores, which sit at the ends, in two of them.
    order = np.argsort(scores, kind="stable")
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, min(_BINS, max(1, len(scores) // _FEWEST_IN_BIN)) + 1)))
    inner = np.searchsorted(scores[order], edges[1:-1], side="right")
    return [places for places in np.split(order, inner) if len(places)]
