"""What every estimate comes as, and the checks that every function makes of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from promptship.errors import UnpairedScoresError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

__all__ = [
    "Interval",
    "Side",
    "are_marks",
    "as_pairs",
    "as_values",
    "check_share",
    "cluster_numbers",
    "quantile_of_normal",
]

_LONGEST_SHOWN = 60

Side = Literal["two", "lower", "upper"]
"""Which ends an interval bounds: of a one-sided one the other end is as far as the quantity goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate and the ends of its interval.

    Attributes:
        estimate: What was observed.
        low: Lower end.
        high: Upper end.
        n: How many cases, or clusters of cases, it rests on.
        confidence: Share of such intervals that hold the truth, 0 to 1.
        method: Its name in the literature.
    """

    estimate: float
    low: float
    high: float
    n: int
    confidence: float
    method: str


def check_share(name: str, value: float) -> float:
    """Return a share strictly between 0 and 1.

    Raises:
        UsageError: It is none.
    """
    if not 0 < value < 1:
        raise UsageError(f"{name}: {value!r}; expected a share between 0 and 1")
    return value


def quantile_of_normal(confidence: float, side: Side) -> float:
    """Return the standard normal quantile that bounds `confidence` on one side, or on both."""
    check_share("confidence", confidence)
    return NormalDist().inv_cdf(confidence if side != "two" else (1 + confidence) / 2)


def as_values(values: Sequence[float] | ndarray, *, least: int = 2) -> ndarray:
    """Return finite figures as an array of floats; shape (n,).

    Raises:
        UsageError: There are fewer than `least`, or one is not finite, or no number.
    """
    import numpy as np

    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise UsageError(f"figures {_shortened(values)}; expected one sequence of numbers") from None
    if array.ndim != 1:
        raise UsageError(f"figures of shape {array.shape}; expected one sequence")
    if len(array) < least:
        raise UsageError(f"{len(array)} figures; expected at least {least}")
    if not np.isfinite(array).all():
        place = int(np.flatnonzero(~np.isfinite(array))[0])
        raise UsageError(
            f"figure {place} is {array[place]}; expected finite numbers", hint="leave out cases without a score"
        )
    return array


def as_pairs(
    baseline: Sequence[float] | ndarray, candidate: Sequence[float] | ndarray, *, least: int = 2
) -> tuple[ndarray, ndarray]:
    """Return two columns of figures of the same cases.

    Raises:
        UnpairedScoresError: They differ in length.
        UsageError: There are fewer than `least`, or one is not finite.
    """
    if len(baseline) != len(candidate):
        raise UnpairedScoresError(
            f"{len(baseline)} figures of the baseline and {len(candidate)} of the candidate; "
            "expected one of each for the same cases"
        )
    return as_values(baseline, least=least), as_values(candidate, least=least)


def are_marks(values: ndarray) -> bool:
    """Return whether all figures are 0 or 1."""
    return bool(((values == 0) | (values == 1)).all())


def cluster_numbers(clusters: Sequence[object] | None, n: int) -> ndarray | None:
    """Return the cluster of each case as a number from 0; None where each case is its own.

    Raises:
        UnpairedScoresError: There is not one for each case.
        UsageError: All cases are of one cluster.
    """
    import numpy as np

    if clusters is None:
        return None
    if len(clusters) != n:
        raise UnpairedScoresError(f"{len(clusters)} clusters for {n} cases; expected one for each")
    names: dict[object, int] = {}
    numbers = np.fromiter((names.setdefault(name, len(names)) for name in clusters), dtype=np.intp, count=n)
    if len(names) == n:
        return None
    if len(names) == 1:
        raise UsageError(f"all {n} cases are of one cluster, {next(iter(names))!r}; expected at least two")
    return numbers


def _shortened(values: object) -> str:
    text = repr(values)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
