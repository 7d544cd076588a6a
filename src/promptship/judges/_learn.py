"""Learners of trained judges: logistic regression with a penalty, and boosted trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from promptship.scorers import Boosted, Linear, Tree

if TYPE_CHECKING:
    from numpy import ndarray

__all__ = ["Candidate", "fit_boosted", "fit_logistic"]

_BINS = 16
_FEWEST_IN_LEAF = 8
_SHRINK = 1.0
_NEWTON_WIDTH = 100
_MOST_STEPS = 100
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One learner with its settings.

    Attributes:
        kind: Which.
        strength: Inverse penalty of the logistic one; rounds of the boosted one.
        vectors: Whether it sees embeddings, too, and not only single figures.
    """

    kind: Literal["logistic", "boosting"]
    strength: float
    vectors: bool = False

    def fit(self, rows: ndarray, labels: ndarray, weights: ndarray, *, has_intercept: bool) -> Linear | Boosted:
        """Fit it to standardised rows of shape (n, figures)."""
        if self.kind == "logistic":
            return fit_logistic(rows, labels, weights, strength=self.strength, has_intercept=has_intercept)
        return fit_boosted(rows, labels, weights, rounds=int(self.strength))

    def describe(self) -> str:
        """Return it as a person reads it."""
        seen = "figures and embeddings" if self.vectors else "figures"
        setting = f"C={self.strength:g}" if self.kind == "logistic" else f"{self.strength:g} trees"
        return f"{self.kind}, {setting}, {seen}"


def fit_logistic(
    rows: ndarray, labels: ndarray, weights: ndarray, *, strength: float, has_intercept: bool = True
) -> Linear:
    """Fit log-odds that are linear in the figures, their squares penalised; the intercept is free.

    Args:
        rows: Standardised figures; shape (n, figures).
        labels: 1 for good; shape (n,).
        weights: Shape (n,).
        strength: Inverse of the penalty, as scikit-learn's C.
        has_intercept: False for differences of two answers, where no side is the better one by itself.

    Source:
        Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, section 4.4.4.
    """
    import numpy as np

    width = rows.shape[1]
    design = np.column_stack([rows, np.ones(len(rows))])
    # The intercept has no penalty; where there is none, one that is never left from zero holds its place.
    ridge = np.append(np.ones(width), 0.0 if has_intercept else np.inf)
    loss = _PenalisedLoss(design, labels, strength * weights, ridge)
    found = _newton(loss) if width <= _NEWTON_WIDTH else _quasi_newton(loss)
    return Linear(weights=tuple(found[:width].tolist()), intercept=float(found[width]))


class _PenalisedLoss:
    """Weighted cross-entropy with a penalty on squares; a figure of infinite penalty stays at zero."""

    def __init__(self, design: ndarray, labels: ndarray, weights: ndarray, ridge: ndarray) -> None:
        import numpy as np

        self._free = np.isfinite(ridge)
        self._design, self._labels, self._weights = design * self._free, labels, weights
        self._ridge = np.where(self._free, ridge, 1.0)
        self.width = design.shape[1]

    def value(self, point: ndarray) -> float:
        """Return the loss."""
        import numpy as np

        reach = self._design @ point
        misfit = float(self._weights @ (np.logaddexp(0, reach) - self._labels * reach))
        return misfit + float(self._ridge @ point**2) / 2

    def slope(self, point: ndarray) -> ndarray:
        """Return its gradient."""
        found: ndarray = self._design.T @ (self._weights * (self._chance(point) - self._labels)) + self._ridge * point
        return found

    def bend(self, point: ndarray) -> ndarray:
        """Return its matrix of second derivatives."""
        import numpy as np

        chance = self._chance(point)
        curved = self._design * (self._weights * chance * (1 - chance))[:, None]
        found: ndarray = curved.T @ self._design + np.diag(self._ridge + _TINY)
        return found

    def _chance(self, point: ndarray) -> ndarray:
        import numpy as np

        found: ndarray = 0.5 * (1 + np.tanh(0.5 * (self._design @ point)))
        return found


def _newton(loss: _PenalisedLoss) -> ndarray:
    """Minimise by Newton's method, halving steps that go too far; exact in some ten steps where figures are few."""
    import numpy as np

    point = np.zeros(loss.width)
    now = loss.value(point)
    for _ in range(_MOST_STEPS):
        step, size = np.linalg.solve(loss.bend(point), loss.slope(point)), 1.0
        while size > _TINY and loss.value(point - size * step) > now:
            size /= 2
        point = point - size * step
        before, now = now, loss.value(point)
        if before - now <= _TINY * abs(before):
            break
    return point


def _quasi_newton(loss: _PenalisedLoss) -> ndarray:
    """Minimise without the matrix, which has a million entries where embeddings are figures."""
    import numpy as np
    from scipy.optimize import minimize

    start = np.zeros(loss.width)
    found: ndarray = minimize(loss.value, start, jac=loss.slope, method="L-BFGS-B", options={"maxiter": 500}).x
    return found


def fit_boosted(
    rows: ndarray, labels: ndarray, weights: ndarray, *, rounds: int, depth: int = 2, rate: float = 0.1
) -> Boosted:
    """Fit log-odds as a sum of small trees, each following the slope of the loss that the others left.

    Args:
        rows: Shape (n, figures).
        labels: 1 for good; shape (n,), both there.
        weights: Shape (n,).
        rounds: Trees.
        depth: Of each.
        rate: Share of each tree's step that is taken, above 0 to 1.

    Source:
        Friedman (2001), Annals of Statistics 29(5); leaves by one Newton step as in Chen and Guestrin (2016), KDD.
    """
    import numpy as np

    base = float(np.log(weights[labels > 0].sum() / weights[labels <= 0].sum()))
    margin, trees = np.full(len(rows), base), []
    edges = [np.unique(np.quantile(column, np.linspace(0, 1, _BINS + 1)[1:-1])) for column in rows.T]
    binned = np.column_stack([np.searchsorted(edge, one, side="left") for edge, one in zip(edges, rows.T, strict=True)])
    for _ in range(rounds):
        # Depth two by default: deeper trees learn the families of some hundred labels by heart.
        chance = 0.5 * (1 + np.tanh(0.5 * margin))
        tree = _grow(
            binned, edges, weights * (labels - chance), weights * chance * (1 - chance), depth=depth, rate=rate
        )
        margin += tree.margin(rows)
        trees.append(tree)
    return Boosted(base=base, trees=tuple(trees))


@dataclass(slots=True)
class _Nodes:
    """A tree while it grows, as parallel lists."""

    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    value: list[float]

    def add(self) -> int:
        """Add a leaf that adds nothing and return its number."""
        for column, start in ((self.feature, -1), (self.left, 0), (self.right, 0)):
            column.append(start)
        self.threshold.append(0.0)
        self.value.append(0.0)
        return len(self.feature) - 1


def _grow(binned: ndarray, edges: list[ndarray], pull: ndarray, bend: ndarray, *, depth: int, rate: float) -> Tree:
    """Grow one tree: at each node the split that lowers the loss most, by its second-order approximation."""
    import numpy as np

    nodes = _Nodes([], [], [], [], [])
    waiting = [(nodes.add(), np.arange(len(binned)), depth)]
    for node, members, left_to_go in waiting:
        split = _best_split(binned[members], pull[members], bend[members]) if left_to_go else None
        if split is None:
            nodes.value[node] = rate * float(pull[members].sum() / (bend[members].sum() + _SHRINK))
            continue
        feature, cut = split
        goes_left = binned[members, feature] <= cut
        nodes.feature[node], nodes.threshold[node] = feature, float(edges[feature][cut])
        nodes.left[node], nodes.right[node] = nodes.add(), nodes.add()
        # The list grows while it is walked: children are always behind their parents.
        waiting += [
            (nodes.left[node], members[goes_left], left_to_go - 1),
            (nodes.right[node], members[~goes_left], left_to_go - 1),
        ]
    return Tree(
        feature=tuple(nodes.feature),
        threshold=tuple(nodes.threshold),
        left=tuple(nodes.left),
        right=tuple(nodes.right),
        value=tuple(nodes.value),
    )


def _best_split(binned: ndarray, pull: ndarray, bend: ndarray) -> tuple[int, int] | None:
    """Return figure and bin of the best split; None where none lowers the loss."""
    import numpy as np

    count, width = binned.shape
    if count < 2 * _FEWEST_IN_LEAF:
        return None
    flat = (binned + np.arange(width) * _BINS).ravel()

    def sums(values: ndarray) -> ndarray:
        found = np.bincount(flat, weights=np.repeat(values, width), minlength=width * _BINS)
        return np.cumsum(found.reshape(width, _BINS), axis=1)[:, :-1]

    left, left_bend, left_count = sums(pull), sums(bend), sums(np.ones(count))
    right, right_bend = pull.sum() - left, bend.sum() - left_bend
    gain = left**2 / (left_bend + _SHRINK) + right**2 / (right_bend + _SHRINK)
    gain -= pull.sum() ** 2 / (bend.sum() + _SHRINK)
    gain[(left_count < _FEWEST_IN_LEAF) | (count - left_count < _FEWEST_IN_LEAF)] = 0.0
    best = int(gain.argmax())
    return None if gain.flat[best] <= 1e-9 else divmod(best, _BINS - 1)  # noqa: PLR2004 - rounding
