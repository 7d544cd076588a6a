"""Maps from scores to probabilities, and the confidence from which a judge may answer."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from promptship.errors import UnpairedScoresError, UsageError
from promptship.stats._results import as_values, check_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

__all__ = ["Calibration", "fit_isotonic", "fit_platt", "split_conformal_threshold"]

_STEPS = 100
_CLOSE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A rising map from scores to probabilities.

    Attributes:
        method: `platt`: 1 / (1 + exp(-(slope * score + offset))); `isotonic`: straight lines between knots.
        slope: Of Platt's map.
        offset: Of Platt's map.
        scores: Knots of the isotonic map, rising.
        probabilities: Its values at the knots, not falling.
    """

    method: Literal["platt", "isotonic"]
    slope: float = 0.0
    offset: float = 0.0
    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()

    def apply(self, scores: Sequence[float] | ndarray) -> ndarray:
        """Return the probability for each score; shape (n,). Beyond the knots it stays what it is at the last one."""
        import numpy as np

        array = np.asarray(scores, dtype=float)
        found: ndarray
        if self.method == "isotonic":
            found = np.interp(array, self.scores, self.probabilities)
        else:
            # Of tanh and not of exp: no score, however far out, overflows.
            found = 0.5 * (1 + np.tanh(0.5 * (self.slope * array + self.offset)))
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the map as JSON holds it."""
        if self.method == "platt":
            return {"method": "platt", "slope": self.slope, "offset": self.offset}
        return {"method": "isotonic", "scores": list(self.scores), "probabilities": list(self.probabilities)}

    @classmethod
    def from_json(cls, value: object) -> Calibration:
        """Read what `as_json` gave.

        Raises:
            UsageError: It is no such map.
        """
        try:
            return _read(value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"this is no calibration map: {error}") from None


def fit_platt(
    scores: Sequence[float] | ndarray, labels: Sequence[float] | ndarray, *, weights: Sequence[float] | None = None
) -> Calibration:
    """Fit a logistic curve to labels, its targets drawn in a little so that few labels make no certainty.

    Args:
        scores: Shape (n,).
        labels: 1 for good, 0 for bad; shape (n,), both there.
        weights: Of each item; None for equal ones.

    Raises:
        UsageError: Labels of one class, or figures that are not finite.
        UnpairedScoresError: There is not one label for each score.

    Source:
        Platt (1999), Advances in Large Margin Classifiers; solved as in Lin, Lin and Weng (2007), Machine Learning 68.
    """
    import numpy as np

    x, y, w = _check(scores, labels, weights)
    good, bad = float(w[y > 0].sum()), float(w[y <= 0].sum())
    target = np.where(y > 0, (good + 1) / (good + 2), 1 / (bad + 2))
    center, spread = float(x.mean()), float(x.std()) or 1.0
    design = np.column_stack([(x - center) / spread, np.ones(len(x))])
    found = _solve(design, target, w, np.asarray([0.0, math.log((good + 1) / (bad + 1))]))
    slope = float(found[0]) / spread
    return Calibration(method="platt", slope=slope, offset=float(found[1]) - slope * center)


def fit_isotonic(
    scores: Sequence[float] | ndarray, labels: Sequence[float] | ndarray, *, weights: Sequence[float] | None = None
) -> Calibration:
    """Fit the rising steps that are nearest to labels, joined by straight lines.

    Args:
        scores: Shape (n,).
        labels: 1 for good, 0 for bad; shape (n,), both there.
        weights: Of each item; None for equal ones.

    Raises:
        UsageError: Labels of one class, or figures that are not finite.
        UnpairedScoresError: There is not one label for each score.

    Source:
        Zadrozny and Elkan (2002), KDD; pool adjacent violators as in Barlow et al. (1972).
    """
    import numpy as np

    x, y, w = _check(scores, labels, weights)
    knots, places = np.unique(x, return_inverse=True)
    heavy = np.bincount(places, weights=w)
    blocks: list[list[float]] = []
    for value, weight in zip(np.bincount(places, weights=w * y) / heavy, heavy, strict=True):
        blocks.append([float(value), float(weight), 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (one, left, count), (other, right, more) = blocks[-2:]
            blocks[-2:] = [[(one * left + other * right) / (left + right), left + right, count + more]]
    levels = np.repeat([block[0] for block in blocks], [int(block[2]) for block in blocks])
    # Knots within a level say nothing that its ends do not.
    kept = np.ones(len(knots), dtype=bool)
    kept[1:-1] = (levels[1:-1] != levels[:-2]) | (levels[1:-1] != levels[2:])
    return Calibration(
        method="isotonic", scores=tuple(knots[kept].tolist()), probabilities=tuple(levels[kept].tolist())
    )


def split_conformal_threshold(
    confidence: Sequence[float] | ndarray, correct: Sequence[float] | ndarray, *, error: float
) -> float | None:
    """Return the least confidence from which answers are wrong at most so often, judged on items set aside.

    The item to come is counted among the wrong ones, as conformal risk control does, so that the expected error among
    the answered keeps the level for items drawn like those set aside.

    Args:
        confidence: Of each answer, higher is surer; shape (n,).
        correct: 1 where the answer was right; shape (n,).
        error: Share of the answered that may be wrong, 0 to 1.

    Returns:
        A confidence from which to answer; None where no set of answers keeps the level, so that all are abstained on.

    Raises:
        UsageError: The error is no share, or figures are not finite.
        UnpairedScoresError: There is not one mark for each confidence.

    Source:
        Angelopoulos, Bates, Fisch, Lei and Schuster (2024), Conformal Risk Control, ICLR.
    """
    import numpy as np

    check_share("error", error)
    sure, right = as_values(confidence, least=1), as_values(correct, least=1)
    if len(sure) != len(right):
        raise UnpairedScoresError(f"{len(sure)} confidences and {len(right)} marks; expected one of each")
    order = np.argsort(-sure, kind="stable")
    sure, wrong = sure[order], np.cumsum(1 - right[order])
    risk = (wrong + 1) / (np.arange(len(sure)) + 2)
    # Items of one confidence are answered together, so only the last of each run can be an end.
    is_end = np.append(sure[1:] != sure[:-1], True)
    ends = np.flatnonzero(is_end & (risk <= error))
    return float(sure[ends[-1]]) if len(ends) else None


def _solve(design: ndarray, target: ndarray, weights: ndarray, start: ndarray) -> ndarray:
    """Minimise the weighted cross-entropy by Newton's method, halving steps that go too far."""
    import numpy as np

    def loss(point: ndarray) -> float:
        reach = design @ point
        return float(weights @ (np.logaddexp(0, reach) - target * reach))

    point, now = start, loss(start)
    for _ in range(_STEPS):
        chance = 0.5 * (1 + np.tanh(0.5 * (design @ point)))
        slope = design.T @ (weights * (chance - target))
        bend = (design * (weights * chance * (1 - chance))[:, None]).T @ design + _CLOSE * np.eye(design.shape[1])
        step, size = np.linalg.solve(bend, slope), 1.0
        # The loss is flat where it is least: a step is not refused for what rounding adds to it.
        while size > _CLOSE and loss(point - size * step) > now + _CLOSE * abs(now):
            size /= 2
        point = point - size * step
        now = loss(point)
        if np.abs(size * step).max() <= _CLOSE * (1 + np.abs(point).max()):
            break
    return point


def _check(
    scores: Sequence[float] | ndarray, labels: Sequence[float] | ndarray, weights: Sequence[float] | None
) -> tuple[ndarray, ndarray, ndarray]:
    import numpy as np

    x, y = as_values(scores), as_values(labels)
    w = np.ones(len(x)) if weights is None else as_values(weights)
    if not len(x) == len(y) == len(w):
        raise UnpairedScoresError(f"{len(x)} scores, {len(y)} labels and {len(w)} weights; expected one of each")
    if not set(np.unique(y)) <= {0.0, 1.0}:
        raise UsageError("labels are not all 0 or 1")
    if len(np.unique(y)) < 2:  # noqa: PLR2004 - good and bad
        raise UsageError(f"all {len(y)} labels are {y[0]:g}; expected both", hint="label some of the other kind")
    return x, y, w


def _read(value: Any) -> Calibration:
    method = value["method"]
    if method == "platt":
        return Calibration(method="platt", slope=float(value["slope"]), offset=float(value["offset"]))
    if method != "isotonic":
        raise ValueError(f"the method {method!r}; expected platt or isotonic")
    scores, shares = tuple(map(float, value["scores"])), tuple(map(float, value["probabilities"]))
    rising = all(a <= b for row in (scores, shares) for a, b in itertools.pairwise(row))
    if not scores or len(scores) != len(shares) or not rising:
        raise ValueError("knots that do not rise")
    return Calibration(method="isotonic", scores=scores, probabilities=shares)
