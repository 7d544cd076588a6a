"""Figures of a judge beside people, each with an interval that respects clusters and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.domain import CardFigure
from promptship.stats import bootstrap_bca, mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy import ndarray

    from promptship.stats import Interval

__all__ = [
    "Marks",
    "ac1_of",
    "agreement_of",
    "alpha_of",
    "figure_of",
    "kappa_of",
    "resampled",
    "sensitivity_of",
    "share",
    "specificity_of",
]

_RESAMPLES = 1_000
_NO_ONE, _FEWEST = CardFigure(estimate=None, n=0), 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Two raters' verdicts of the same items: people's and a judge's.

    Attributes:
        human: 1 for good; shape (n,).
        judge: 1 for good; shape (n,).
        weights: Of each item; shape (n,).
        clusters: Origin of each item; length n.
    """

    human: ndarray
    judge: ndarray
    weights: ndarray
    clusters: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.human)

    def pick(self, places: ndarray) -> Marks:
        """Return the items at `places`."""
        return Marks(
            human=self.human[places],
            judge=self.judge[places],
            weights=self.weights[places],
            clusters=tuple(self.clusters[place] for place in places),
        )


def agreement_of(table: ndarray) -> float | None:
    """Return the share on the diagonal of a weighted 2 x 2 table; None of an empty one."""
    total = float(table.sum())
    return float(table[0, 0] + table[1, 1]) / total if total else None


def kappa_of(table: ndarray) -> float | None:
    """Return Cohen's kappa of a weighted 2 x 2 table; None where both gave one and the same label throughout.

    Source:
        Cohen (1960), Educational and Psychological Measurement 20(1).
    """
    agreed = agreement_of(table)
    if agreed is None:
        return None
    rows, columns = table.sum(axis=1) / table.sum(), table.sum(axis=0) / table.sum()
    chance = float(rows @ columns)
    return None if chance >= 1 else (agreed - chance) / (1 - chance)


def ac1_of(table: ndarray) -> float | None:
    """Return Gwet's AC1 of a weighted 2 x 2 table; None where a single label was ever given.

    Source:
        Gwet (2008), British Journal of Mathematical and Statistical Psychology 61(1).
    """
    agreed, good = agreement_of(table), _share_good(table)
    if agreed is None or good in {0.0, 1.0}:
        return None
    chance = 2 * good * (1 - good)
    return (agreed - chance) / (1 - chance)


def alpha_of(table: ndarray) -> float | None:
    """Return Krippendorff's nominal alpha of a weighted 2 x 2 table; None where a single label was ever given.

    Source:
        Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section A.
    """
    agreed, good = agreement_of(table), _share_good(table)
    if agreed is None or good in {0.0, 1.0}:
        return None
    ratings = 2 * float(table.sum())
    return 1 - (1 - agreed) / (2 * good * (1 - good) * ratings / (ratings - 1))


def sensitivity_of(table: ndarray) -> float | None:
    """Return the share of good items that the judge calls good; None where none is good."""
    total = float(table[1].sum())
    return float(table[1, 1]) / total if total else None


def specificity_of(table: ndarray) -> float | None:
    """Return the share of bad items that the judge calls bad; None where none is bad."""
    total = float(table[0].sum())
    return float(table[0, 0]) / total if total else None


def figure_of(marks: Marks, statistic: Callable[[ndarray], float | None], *, seed: int = 0) -> CardFigure:
    """Return a figure of a 2 x 2 table with its interval, by the bootstrap over clusters.

    Where all draws are alike the bootstrap would be certain: the ends are then the statistic of tables in which as many
    items agree or disagree as may well have been missed.

    Args:
        marks: The verdicts.
        statistic: Takes the table, rows by people (bad, good), columns by the judge.
        seed: Of the bootstrap.
    """
    if not len(marks):
        return _NO_ONE
    tables = _tables(marks)
    total = tables.sum(axis=0)
    estimate = statistic(total)
    if estimate is None or len(tables) < _FEWEST:
        return CardFigure(estimate=estimate, n=len(tables))
    found = resampled(tables, lambda drawn: statistic(drawn.sum(axis=0)), seed=seed)
    low, high = found.low, found.high
    if low == high or total[0, 1] == total[1, 0] == 0:
        # No draw differs from the rest, so the draws know nothing of items unlike those that were seen.
        missed = 1 - 0.025 ** (1 / len(tables))
        low = min(low, statistic(_moved(total, missed, to_agreement=False)) or 0.0)
        high = max(high, statistic(_moved(total, missed, to_agreement=True)) or 0.0)
    return CardFigure(estimate=estimate, low=low, high=high, n=found.n, method=found.method)


def _moved(table: ndarray, part: float, *, to_agreement: bool) -> ndarray:
    """Return a table of which a part of the judge's verdicts has changed sides, towards people's or away from them."""
    import numpy as np

    diagonal = np.eye(2, dtype=bool)
    leaving = np.where(diagonal, 0.0 if to_agreement else part, part if to_agreement else 0.0) * table
    moved: ndarray = table - leaving + np.fliplr(leaving)
    return moved


def share(values: ndarray, weights: ndarray, clusters: Sequence[str], *, within: tuple[float, float]) -> CardFigure:
    """Return a weighted mean with its interval.

    Args:
        values: Shape (n,).
        weights: Shape (n,).
        clusters: Origin of each.
        within: Lowest and highest value that there can be.
    """
    import numpy as np

    if len(values) < _FEWEST or len(set(clusters)) < _FEWEST:
        estimate = float(values @ weights / weights.sum()) if len(values) else None
        return CardFigure(estimate=estimate, n=len(set(clusters)))
    if np.ptp(weights) == 0:
        return _as_figure(mean_interval(values, clusters=clusters, within=within))
    rows = _grouped(np.column_stack([values * weights, weights]), clusters)

    def mean(drawn: ndarray) -> float:
        sums = drawn.sum(axis=0)
        return float(sums[0] / sums[1])

    return _as_figure(resampled(rows, mean))


def resampled(
    units: ndarray,
    statistic: Callable[[ndarray], float | None],
    *,
    clusters: Sequence[str] | None = None,
    seed: int = 0,
) -> Interval:
    """Bound a statistic by the bootstrap; where a draw leaves it undetermined it counts as 0.

    Args:
        units: One row per unit; shape (units, ...).
        statistic: Takes drawn rows of the same shape.
        clusters: Origin of each row, where rows of one origin are drawn together.
        seed: Of the draws.
    """
    import numpy as np

    rows: Sequence[ndarray] = () if clusters is None else _places_of(clusters)

    def of_places(drawn: ndarray) -> float:
        places = drawn.astype(int)
        picked = places if clusters is None else np.concatenate([rows[place] for place in places])
        return statistic(units[picked]) or 0.0

    count = len(units) if clusters is None else len(rows)
    return bootstrap_bca(
        np.arange(count, dtype=float), statistic=of_places, resamples=_RESAMPLES, expanded=True, seed=seed
    )


def _places_of(clusters: Sequence[str]) -> list[ndarray]:
    import numpy as np

    found: dict[str, list[int]] = {}
    for place, name in enumerate(clusters):
        found.setdefault(name, []).append(place)
    return [np.asarray(places) for places in found.values()]


def _as_figure(found: Interval) -> CardFigure:
    return CardFigure(estimate=found.estimate, low=found.low, high=found.high, n=found.n, method=found.method)


def _share_good(table: ndarray) -> float:
    total = float(table.sum())
    return float(table[1].sum() + table[:, 1].sum()) / (2 * total) if total else 0.0


def _tables(marks: Marks) -> ndarray:
    """Return the weighted 2 x 2 table of each cluster; shape (clusters, 2, 2)."""
    import numpy as np

    cells = np.zeros((len(marks), 4))
    cells[np.arange(len(marks)), (2 * marks.human + marks.judge).astype(int)] = marks.weights
    return _grouped(cells, marks.clusters).reshape(-1, 2, 2)


def _grouped(rows: ndarray, clusters: Sequence[str]) -> ndarray:
    """Return the sums of rows of one cluster, in the order in which clusters first stand."""
    import numpy as np

    numbers: dict[str, int] = {}
    places = np.fromiter((numbers.setdefault(name, len(numbers)) for name in clusters), dtype=np.intp)
    found = np.zeros((len(numbers), rows.shape[1]))
    np.add.at(found, places, rows)
    return found
