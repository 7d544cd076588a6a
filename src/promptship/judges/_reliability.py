"""Whether a judge's scores are probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.domain import CardFigure, ReliabilityBin
from promptship.judges._figures import resampled, share
from promptship.stats import expected_calibration_error, reliability_curve

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
    found = reliability_curve(scores, human, bins=_count_bins(len(scores)), weights=weights)
    return tuple(
        ReliabilityBin(
            score=one.score,
            good=share(
                human[one.places], weights[one.places], [clusters[place] for place in one.places], within=(0.0, 1.0)
            ),
        )
        for one in found
    )


def calibration_error_of(human: ndarray, scores: ndarray, weights: ndarray, clusters: Sequence[str]) -> CardFigure:
    """Return the expected calibration error over bins of like size, with its interval.

    Of scores that are probabilities it is not 0 in a sample, since each bin's share scatters: read it beside its n.
    """
    import numpy as np

    def error(units: ndarray) -> float:
        said, given, counted = units.T
        return expected_calibration_error(given, said, bins=_count_bins(len(units)), weights=counted)

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


def _count_bins(items: int) -> int:
    return min(_BINS, max(1, items // _FEWEST_IN_BIN))
