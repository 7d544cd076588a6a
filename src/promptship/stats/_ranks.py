"""How far two orders of the same items agree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from promptship.errors import StatisticsError, UsageError
from promptship.stats._bootstrap import bootstrap_bca
from promptship.stats._results import Interval, as_pairs, cluster_numbers, quantile_of_normal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy import ndarray

    from promptship.stats._results import Side

__all__ = ["kendall", "spearman"]

_RESAMPLES = 1_000
_CLOSE = 1e-12


def spearman(
    one: Sequence[float] | ndarray,
    other: Sequence[float] | ndarray,
    *,
    clusters: Sequence[object] | None = None,
    confidence: float = 0.95,
    side: Side = "two",
    seed: int = 0,
) -> Interval:
    """Return Spearman's rank correlation, ties at their mean rank.

    Its interval is Fisher's with the variance (1 + rho^2 / 2) / (n - 3); where items share an origin, the bootstrap's
    over origins. Of a perfect order it is that of an order with one pair of neighbours swapped: n items tell no more.

    Args:
        one: Figures; shape (n,), n at least 4.
        other: Figures of the same items in the same order.
        clusters: The origin of each item, at least 4 of them; None where each has its own.
        confidence: 0 to 1.
        side: Which ends are bounded; the other is -1 or 1.
        seed: Of the bootstrap.

    Returns:
        Within -1 and 1.

    Raises:
        UsageError: Too few figures or origins, or one that is not finite.
        UnpairedScoresError: The two differ in length.
        StatisticsError: One side is constant, so that it has no order.

    Source:
        Spearman (1904), American Journal of Psychology 15(1); interval: Bonett and Wright (2000), Psychometrika 65(1).

    Example:
        >>> round(spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).estimate, 6)
        0.8
    """
    return _correlate(_SPEARMAN, _read(one, other), clusters, confidence, side, seed=seed)


def kendall(
    one: Sequence[float] | ndarray,
    other: Sequence[float] | ndarray,
    *,
    clusters: Sequence[object] | None = None,
    confidence: float = 0.95,
    side: Side = "two",
    seed: int = 0,
) -> Interval:
    """Return Kendall's tau-b: pairs in the same order less pairs in the other one, corrected for ties.

    Its interval is Fisher's with the variance 0.437 / (n - 4); where items share an origin, the bootstrap's over
    origins. Of a perfect order it is that of an order with one pair of neighbours swapped.

    Args:
        one: Figures; shape (n,), n at least 5.
        other: Figures of the same items in the same order.
        clusters: The origin of each item, at least 5 of them; None where each has its own.
        confidence: 0 to 1.
        side: Which ends are bounded; the other is -1 or 1.
        seed: Of the bootstrap.

    Returns:
        Within -1 and 1.

    Raises:
        UsageError: Too few figures or origins, or one that is not finite.
        UnpairedScoresError: The two differ in length.
        StatisticsError: One side is constant, so that it has no order.

    Source:
        Kendall (1945), Biometrika 33(3); interval: Fieller, Hartley and Pearson (1957), Biometrika 44(3/4).

    Example:
        >>> round(kendall([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).estimate, 6)
        0.6
    """
    return _correlate(_KENDALL, _read(one, other), clusters, confidence, side, seed=seed)


def _spearman_of(one: ndarray, other: ndarray) -> float:
    import numpy as np
    from scipy.stats import rankdata

    return _snapped(float(np.corrcoef(rankdata(one), rankdata(other))[0, 1]))


def _kendall_of(one: ndarray, other: ndarray) -> float:
    from scipy.stats import kendalltau

    return _snapped(float(kendalltau(one, other).statistic))


def _snapped(coefficient: float) -> float:
    """Return 1 for what is 1 but for rounding, as a perfect order is bounded in its own way."""
    return math.copysign(1.0, coefficient) if abs(coefficient) > 1 - _CLOSE else coefficient


def _read(one: Sequence[float] | ndarray, other: Sequence[float] | ndarray) -> tuple[ndarray, ndarray]:
    import numpy as np

    columns = as_pairs(one, other)
    for column in columns:
        if np.ptp(column) == 0:
            raise StatisticsError(f"all {len(column)} figures of one side are {column[0]:g}: they have no order")
    return columns


class _Coefficient(NamedTuple):
    """A rank correlation and what its interval is made of.

    Attributes:
        find: Finds it.
        nearest: What is next below 1 among n items without ties.
        variance: Of Fisher's transformation of it, of n items.
        least: The fewest items, or origins of items, that have a variance.
        name: Of the method.
    """

    find: Callable[[ndarray, ndarray], float]
    nearest: Callable[[int], float]
    variance: Callable[[float, int], float]
    least: int
    name: str


_SPEARMAN = _Coefficient(
    find=_spearman_of,
    nearest=lambda n: 1 - 12 / (n * (n**2 - 1)),
    variance=lambda rho, n: (1 + rho**2 / 2) / (n - 3),
    least=4,
    name="Spearman, Bonett and Wright",
)
_KENDALL = _Coefficient(
    find=_kendall_of,
    nearest=lambda n: 1 - 4 / (n * (n - 1)),
    variance=lambda _, n: 0.437 / (n - 4),
    least=5,
    name="Kendall, Fieller",
)


def _correlate(
    kind: _Coefficient,
    columns: tuple[ndarray, ndarray],
    clusters: Sequence[object] | None,
    confidence: float,
    side: Side,
    *,
    seed: int,
) -> Interval:
    """Bound a coefficient: by Fisher's transformation, or by drawing origins."""
    estimate = kind.find(*columns)
    numbers = cluster_numbers(clusters, len(columns[0]))
    n = len(columns[0]) if numbers is None else int(numbers.max()) + 1
    if n < kind.least:
        raise UsageError(f"{n} items of their own origin; expected at least {kind.least}")
    method = kind.name
    if numbers is not None and abs(estimate) < 1:
        found = _draw(kind, columns, numbers, confidence, side, seed=seed)
        low, high, method = found.low, found.high, "cluster BCa bootstrap"
    else:
        # A perfect order lies at infinity on Fisher's scale, where no width reaches back from.
        inside = max(-kind.nearest(n), min(kind.nearest(n), estimate))
        reach = quantile_of_normal(confidence, side) * math.sqrt(kind.variance(inside, n))
        low, high = math.tanh(math.atanh(inside) - reach), math.tanh(math.atanh(inside) + reach)
    return Interval(
        estimate=estimate,
        low=-1.0 if side == "upper" else max(-1.0, min(low, estimate)),
        high=1.0 if side == "lower" else min(1.0, max(high, estimate)),
        n=n,
        confidence=confidence,
        method=method,
    )


def _draw(
    kind: _Coefficient,
    columns: tuple[ndarray, ndarray],
    numbers: ndarray,
    confidence: float,
    side: Side,
    *,
    seed: int,
) -> Interval:
    import numpy as np

    places = np.split(np.argsort(numbers, kind="stable"), np.cumsum(np.bincount(numbers))[:-1])

    def of_origins(drawn: ndarray) -> float:
        picked = np.concatenate([places[int(place)] for place in drawn])
        one, other = (column[picked] for column in columns)
        # A draw in which one side is constant shows no order in either direction.
        return kind.find(one, other) if np.ptp(one) and np.ptp(other) else 0.0

    return bootstrap_bca(
        np.arange(len(places), dtype=float),
        statistic=of_origins,
        confidence=confidence,
        side=side,
        resamples=_RESAMPLES,
        expanded=True,
        seed=seed,
    )
