"""Bootstrap intervals, of cases or of clusters of them."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, Protocol

from promptship.errors import UsageError
from promptship.stats._means import t_quantile
from promptship.stats._results import Interval, as_values, check_share, cluster_numbers, quantile_of_normal

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
    expanded: bool = False,
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
        expanded: Take tails as far out as Student's t does: without it intervals of some ten cases are too narrow.
        seed: Of the draws; equal seeds give equal intervals.

    Returns:
        The interval; a single point where all figures are equal (`mean_interval` says more of those).

    Raises:
        UsageError: Fewer than two figures, one that is not finite, or clusters with another statistic.

    Source:
        Efron (1987), JASA 82(397); clusters as in Davison and Hinkley (1997), section 3.8; expanded tails as in
        Hesterberg (2015), American Statistician 69(4), section 5.1.4.
    """
    array = as_values(values)
    check_share("confidence", confidence)
    if resamples < _FEWEST_RESAMPLES:
        raise UsageError(f"{resamples} resamples; expected at least {_FEWEST_RESAMPLES}")
    numbers = cluster_numbers(clusters, len(array))
    if numbers is not None and statistic != "mean":
        raise UsageError("clusters are drawn for a mean only")
    source = _source_of(array, numbers, statistic)
    estimate = source.observed()
    method = "cluster BCa bootstrap" if numbers is not None else "BCa bootstrap"
    low = high = estimate
    if (array != array[0]).any():
        z = _tail(confidence, side, source.n, expanded=expanded)
        low, high = _bca_ends(source.draw(resamples, seed), estimate, source.leave_one_out(), z)
    return Interval(
        estimate=estimate,
        low=-math.inf if side == "upper" else low,
        high=math.inf if side == "lower" else high,
        n=source.n,
        confidence=confidence,
        method=method,
    )


class _Source(Protocol):
    """What is drawn from."""

    n: int

    def observed(self) -> float: ...

    def draw(self, resamples: int, seed: int) -> ndarray: ...

    def leave_one_out(self) -> ndarray: ...


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


class _Medians:
    """Medians of draws, by the distribution of their places among the sorted figures: no draw is ever made or sorted.

    The middle of n uniform figures has a beta distribution (David and Nagaraja 2003, Order Statistics, section 2.1).
    """

    def __init__(self, values: ndarray) -> None:
        import numpy as np

        self._sorted = np.sort(values)
        self.n = len(values)

    def observed(self) -> float:
        return float((self._sorted[(self.n - 1) // 2] + self._sorted[self.n // 2]) / 2)

    def draw(self, resamples: int, seed: int) -> ndarray:
        import numpy as np

        rng = np.random.default_rng(seed)
        middle = (self.n + 1) // 2
        lower = upper = rng.beta(middle, self.n - middle + 1, size=resamples)
        if self.n % 2 == 0:
            upper = 1 - (1 - lower) * rng.random(resamples) ** (1 / (self.n - middle))
        places = (np.minimum((share * self.n).astype(int), self.n - 1) for share in (lower, upper))
        drawn: ndarray = sum(self._sorted[place] for place in places) / 2
        return drawn

    def leave_one_out(self) -> ndarray:
        import numpy as np

        values, half = self._sorted, self.n // 2
        if self.n % 2 == 0:
            return np.repeat([values[half], values[half - 1]], half)
        ends = (values[half] + values[half + 1]) / 2, (values[half - 1] + values[half]) / 2
        return np.repeat([ends[0], (values[half - 1] + values[half + 1]) / 2, ends[1]], [half, 1, half])


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


def _source_of(
    values: ndarray, numbers: ndarray | None, statistic: Literal["mean", "median"] | Callable[[ndarray], float]
) -> _Source:
    if callable(statistic):
        return _Statistic(values, statistic)
    known: dict[str, Callable[[], _Source]] = {
        "mean": lambda: _ClusterMeans(values, numbers),
        "median": lambda: _Medians(values),
    }
    if statistic not in known:
        raise UsageError(f"statistic: {statistic!r}; expected 'mean', 'median' or a function")
    return known[statistic]()


def _parts(resamples: int, n: int) -> list[slice]:
    step = max(1, _DRAWS_AT_ONCE // n)
    return [slice(start, min(start + step, resamples)) for start in range(0, resamples, step)]


def _tail(confidence: float, side: Side, n: int, *, expanded: bool) -> float:
    """Return how many standard errors out an interval of a normal figure would end."""
    if not expanded:
        return quantile_of_normal(confidence, side)
    return math.sqrt(n / (n - 1)) * t_quantile(confidence, side, n - 1)


def _bca_ends(drawn: ndarray, estimate: float, left_out: ndarray, reach: float) -> tuple[float, float]:
    import numpy as np

    normal = NormalDist()
    # Ties count half: with few distinct values the share below would be biased otherwise.
    below = (float((drawn < estimate).sum()) + 0.5 * float((drawn == estimate).sum())) / len(drawn)
    bias = normal.inv_cdf(min(max(below, 0.5 / len(drawn)), 1 - 0.5 / len(drawn)))
    apart = left_out.mean() - left_out
    widest = float(np.abs(apart).max())
    # The skew has no unit; in units of the widest, no power of a tiny difference becomes zero.
    apart = apart / widest if widest > 0 else apart
    spread = float((apart**2).sum())
    skew = float((apart**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0

    def end(z: float) -> float:
        # Far out on the skewed side the correction has a pole; beyond it lies the outermost draw.
        scale = 1 - skew * z
        share = normal.cdf(bias + z / scale) if scale > 0 else float(z > 0)
        return float(np.quantile(drawn, share))

    return end(bias - reach), end(bias + reach)
