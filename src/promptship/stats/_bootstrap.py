"""Bootstrap intervals, of cases or of clusters of them."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from promptship.errors import UsageError
from promptship.stats._results import Interval, as_values, check_share, cluster_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy import ndarray

    from promptship.stats._results import Side

__all__ = ["bootstrap_bca"]

_FEWEST_RESAMPLES = 100
# Resamples are drawn some at a time: 2 million draws take 16 MB.
_DRAWS_AT_ONCE = 2_000_000


def bootstrap_bca(
    values: Sequence[float] | ndarray,
    *,
    statistic: Literal["mean", "median"] | Callable[[ndarray], float] = "mean",
    clusters: Sequence[object] | None = None,
    confidence: float = 0.95,
    side: Side = "two",
    resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """Bound a statistic by the bias-corrected and accelerated bootstrap.

    Args:
        values: One figure per case; shape (n,), n at least 2.
        statistic: `mean`, `median`, or a function of such an array.
        clusters: The origin of each case: whole clusters are drawn then. Only with `mean`.
        confidence: 0 to 1.
        side: Which ends are bounded; the other is infinite.
        resamples: How many, at least 100.
        seed: Of the draws; equal seeds give equal intervals.

    Returns:
        The interval; a single point where all figures are equal.

    Raises:
        UsageError: Fewer than two figures, one that is not finite, or clusters with another statistic.

    Source:
        Efron (1987), JASA 82(397); clusters as in Davison and Hinkley (1997), section 3.8.
    """
    array = as_values(values)
    check_share("confidence", confidence)
    if resamples < _FEWEST_RESAMPLES:
        raise UsageError(f"{resamples} resamples; expected at least {_FEWEST_RESAMPLES}")
    numbers = cluster_numbers(clusters, len(array))
    if numbers is not None and statistic != "mean":
        raise UsageError("clusters are drawn for a mean only")
    means = _ClusterMeans(array, numbers) if statistic == "mean" else _Statistic(array, _function_of(statistic))
    estimate = means.observed()
    method = "cluster BCa bootstrap" if numbers is not None else "BCa bootstrap"
    if (array == array[0]).all():
        return Interval(estimate=estimate, low=estimate, high=estimate, n=means.n, confidence=confidence, method=method)
    drawn = means.draw(resamples, seed)
    low, high = _bca_ends(drawn, estimate, means.leave_one_out(), confidence, side)
    return Interval(estimate=estimate, low=low, high=high, n=means.n, confidence=confidence, method=method)


class _ClusterMeans:
    """The mean as a ratio of sums over clusters; a case is a cluster of its own where there are none."""

    def __init__(self, values: ndarray, numbers: ndarray | None) -> None:
        import numpy as np

        self._sums = values if numbers is None else np.bincount(numbers, weights=values)
        self._sizes = np.ones(len(values)) if numbers is None else np.bincount(numbers).astype(float)
        self.n = len(self._sums)

    def observed(self) -> float:
        return float(self._sums.sum() / self._sizes.sum())

    def draw(self, resamples: int, seed: int) -> ndarray:
        import numpy as np

        rng = np.random.default_rng(seed)
        found = np.empty(resamples)
        for part in _parts(resamples, self.n):
            picked = rng.integers(self.n, size=(part.stop - part.start, self.n))
            found[part] = self._sums[picked].sum(axis=1) / self._sizes[picked].sum(axis=1)
        return found

    def leave_one_out(self) -> ndarray:
        left: ndarray = (self._sums.sum() - self._sums) / (self._sizes.sum() - self._sizes)
        return left


class _Statistic:
    """Any function of an array."""

    def __init__(self, values: ndarray, function: Callable[[ndarray], float]) -> None:
        self._values = values
        self._function = function
        self.n = len(values)

    def observed(self) -> float:
        return float(self._function(self._values))

    def draw(self, resamples: int, seed: int) -> ndarray:
        import numpy as np

        rng = np.random.default_rng(seed)
        draws = (self._values[rng.integers(self.n, size=self.n)] for _ in range(resamples))
        return np.fromiter((self._function(drawn) for drawn in draws), dtype=float, count=resamples)

    def leave_one_out(self) -> ndarray:
        import numpy as np

        left = (np.delete(self._values, place) for place in range(self.n))
        return np.fromiter((self._function(rest) for rest in left), dtype=float, count=self.n)


def _function_of(statistic: str | Callable[[ndarray], float]) -> Callable[[ndarray], float]:
    import numpy as np

    if callable(statistic):
        return statistic
    if statistic != "median":
        raise UsageError(f"statistic: {statistic!r}; expected 'mean', 'median' or a function")
    return lambda values: float(np.median(values))


def _parts(resamples: int, n: int) -> list[slice]:
    step = max(1, _DRAWS_AT_ONCE // n)
    return [slice(start, min(start + step, resamples)) for start in range(0, resamples, step)]


def _bca_ends(drawn: ndarray, estimate: float, left_out: ndarray, confidence: float, side: Side) -> tuple[float, float]:
    import numpy as np

    normal = NormalDist()
    # Ties count half: with few distinct values the share below would be biased otherwise.
    below = (float((drawn < estimate).sum()) + 0.5 * float((drawn == estimate).sum())) / len(drawn)
    below = min(max(below, 0.5 / len(drawn)), 1 - 0.5 / len(drawn))
    bias = normal.inv_cdf(below)
    apart = left_out.mean() - left_out
    spread = float((apart**2).sum())
    skew = float((apart**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0

    def end(share: float) -> float:
        z = bias + normal.inv_cdf(share)
        return float(np.quantile(drawn, normal.cdf(bias + z / (1 - skew * z))))

    tail = (1 - confidence) / 2 if side == "two" else 1 - confidence
    return (-math.inf if side == "upper" else end(tail)), (math.inf if side == "lower" else end(1 - tail))
