"""How good items are, from which of two was preferred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.errors import StatisticsError, UsageError
from promptship.stats._results import Interval, quantile_of_normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.stats._results import Side

__all__ = ["BradleyTerry", "bradley_terry"]

_MOST_STEPS: Final = 200
_CLOSE: Final = 1e-13
_MOST_NAMED: Final = 5
_METHOD: Final = "Bradley-Terry, Wald"


@dataclass(frozen=True, slots=True, kw_only=True)
class BradleyTerry:
    """Abilities of items, in log-odds: i is preferred to j with the odds exp(abilities[i] - abilities[j]).

    Attributes:
        abilities: Sum to 0; shape (items,).
        errors: Standard errors of the same; shape (items,).
        covariance: Of the same; shape (items, items).
        comparisons: How many each item took part in, ties included; shape (items,).
        iterations: Newton steps taken.
    """

    abilities: ndarray
    errors: ndarray
    covariance: ndarray
    comparisons: ndarray
    iterations: int

    def interval(self, item: int, *, confidence: float = 0.95, side: Side = "two") -> Interval:
        """Return the ability of an item with its interval, in log-odds against the mean of all items.

        Args:
            item: Its place, from 0.
            confidence: 0 to 1.
            side: Which ends are bounded; the other is infinite.

        Raises:
            UsageError: There is no such item.
        """
        self._check(item)
        count = int(self.comparisons[item])
        return _bound(float(self.abilities[item]), float(self.errors[item]), count, confidence, side)

    def chance(self, item: int, other: int, *, confidence: float = 0.95, side: Side = "two") -> Interval:
        """Return how likely an item is preferred to another, whether they ever met or not.

        Args:
            item: Its place, from 0.
            other: The place of the other.
            confidence: 0 to 1.
            side: Which ends are bounded; the other is 0 or 1.

        Returns:
            Within 0 and 1; the ends are those of the difference of abilities, as probabilities.

        Raises:
            UsageError: There is no such item.
        """
        import numpy as np

        self._check(item)
        self._check(other)
        block = self.covariance[np.ix_([item, other], [item, other])]
        spread = float(np.sqrt(max(0.0, block[0, 0] + block[1, 1] - 2 * block[0, 1])))
        count = int(min(self.comparisons[item], self.comparisons[other]))
        found = _bound(float(self.abilities[item] - self.abilities[other]), spread, count, confidence, side)
        middle, low, high = (float(end) for end in _logistic(np.asarray([found.estimate, found.low, found.high])))
        return Interval(estimate=middle, low=low, high=high, n=count, confidence=confidence, method=_METHOD)

    def _check(self, item: int) -> None:
        if not 0 <= item < len(self.abilities):
            raise UsageError(f"item {item!r}; expected 0 to {len(self.abilities) - 1}")


def bradley_terry(wins: Sequence[Sequence[float]] | ndarray, *, penalty: float = 0.0) -> BradleyTerry:
    """Estimate abilities from a table of preferences, by maximum likelihood.

    Args:
        wins: How often the item of the row was preferred to that of the column; shape (items, items), at least two
            items, 0 or more. A tie is half a win of each. The diagonal is not read.
        penalty: Times the squared abilities, taken off the log-likelihood; 0 or more. Above 0 items that never lost, or
            never met, have an ability too, drawn towards that of all others.

    Returns:
        Abilities that sum to 0, with the covariance of the inverse information.

    Raises:
        UsageError: The table is no such table.
        StatisticsError: Without a penalty, where some items never lost to any of the others, or never won, or never met
            them: their ability is unbounded.

    Source:
        Bradley and Terry (1952), Biometrika 39(3/4); when a maximum exists: Ford (1957), American Mathematical Monthly
        64(8); Newton's method on the concave log-likelihood as in Hunter (2004), Annals of Statistics 32(1), section 2.

    Example:
        >>> found = bradley_terry([[0, 3], [1, 0]])
        >>> round(found.chance(0, 1).estimate, 6)
        0.75
    """
    import numpy as np

    table = _read(wins, penalty)
    if not penalty:
        _require_connected(table)
    size, steps = len(table), 0
    point, now = np.zeros(size), _loss(np.zeros(size), table, penalty)
    ones = np.full((size, size), 1 / size)
    for steps in range(1, _MOST_STEPS + 1):  # noqa: B007 - how many it took is reported
        slope, bend = _derivatives(point, table, penalty)
        step, part = np.linalg.solve(bend + ones, slope), 1.0
        while part > _CLOSE and _loss(point - part * step, table, penalty) > now + _CLOSE * abs(now):
            part /= 2
        point = point - part * step
        now = _loss(point, table, penalty)
        if np.abs(step).max() <= _CLOSE * (1 + np.abs(point).max()):
            break
    point = point - point.mean()
    # All abilities may be shifted together: the information has no say in it, and what is known is of their sum 0.
    centre = np.eye(size) - ones
    covariance = centre @ np.linalg.inv(_derivatives(point, table, penalty)[1] + ones) @ centre
    return BradleyTerry(
        abilities=point,
        errors=np.sqrt(np.maximum(0.0, covariance.diagonal())),
        covariance=covariance,
        comparisons=np.rint((table + table.T).sum(axis=1)).astype(int),
        iterations=steps,
    )


def _read(wins: Sequence[Sequence[float]] | ndarray, penalty: float) -> ndarray:
    import numpy as np

    try:
        table = np.array(wins, dtype=float)
    except (TypeError, ValueError):
        raise UsageError("the table of wins is no table of numbers") from None
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < 2:  # noqa: PLR2004 - rows, columns; a pair
        raise UsageError(f"wins of shape {table.shape}; expected (items, items) of at least two items")
    np.fill_diagonal(table, 0.0)
    if not np.isfinite(table).all() or (table < 0).any():
        raise UsageError("a number of wins is below 0 or not finite")
    if not 0 <= penalty < np.inf:
        raise UsageError(f"penalty: {penalty!r}; expected 0 or more")
    return table


def _require_connected(table: ndarray) -> None:
    """Refuse a table in which some items are out of reach of the others."""
    import numpy as np
    from scipy.sparse.csgraph import connected_components

    met, groups = connected_components(table > 0, directed=True, connection="weak")
    if met > 1:
        apart = np.flatnonzero(groups == groups[0])
        raise StatisticsError(
            f"items {_named(apart)} never met any of the others, so nothing compares them",
            hint="compare some of them with others, or estimate each group by itself",
        )
    count, groups = connected_components(table > 0, directed=True, connection="strong")
    if count == 1:
        return
    ends = []
    for group in range(count):
        inside = groups == group
        lost, won = table[~inside][:, inside].any(), table[inside][:, ~inside].any()
        if lost != won:
            ends.append((int(inside.sum()), "never lost to" if won else "never won against", np.flatnonzero(inside)))
    # The fewest items are named: those that stand out, and not all that they stand out from.
    _, verb, items = min(ends, key=lambda end: end[0])
    raise StatisticsError(
        f"items {_named(items)} {verb} any of the others, so their ability has no bound",
        hint="compare them more often, leave them out, or give a `penalty` above 0",
    )


def _named(items: ndarray) -> str:
    shown = ", ".join(str(int(item)) for item in items[:_MOST_NAMED])
    return shown if len(items) <= _MOST_NAMED else f"{shown} and {len(items) - _MOST_NAMED} more"


def _loss(point: ndarray, table: ndarray, penalty: float) -> float:
    """Return the negative log-likelihood, and the penalty."""
    import numpy as np

    gaps = point[:, None] - point[None, :]
    return float((table * np.logaddexp(0.0, -gaps)).sum() + penalty * (point**2).sum())


def _derivatives(point: ndarray, table: ndarray, penalty: float) -> tuple[ndarray, ndarray]:
    """Return the slope of the loss, shape (items,), and its second derivatives, shape (items, items)."""
    import numpy as np

    chances = _logistic(point[:, None] - point[None, :])
    met = table + table.T
    slope = (met * chances).sum(axis=1) - table.sum(axis=1) + 2 * penalty * point
    bend = -met * chances * (1 - chances)
    np.fill_diagonal(bend, -bend.sum(axis=1) + bend.diagonal())
    bend[np.diag_indices(len(bend))] += 2 * penalty
    return slope, bend


def _logistic(odds: ndarray) -> ndarray:
    import numpy as np

    # Of tanh and not of exp: no difference, however far, overflows.
    found: ndarray = 0.5 * (1 + np.tanh(0.5 * odds))
    return found


def _bound(estimate: float, error: float, n: int, confidence: float, side: Side) -> Interval:
    reach = quantile_of_normal(confidence, side) * error
    return Interval(
        estimate=estimate,
        low=float("-inf") if side == "upper" else estimate - reach,
        high=float("inf") if side == "lower" else estimate + reach,
        n=n,
        confidence=confidence,
        method=_METHOD,
    )
