"""From votes to a score. Pure, so that a stored run is ruled on anew without a call."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from promptship.domain import Score
from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptship.domain import JsonValue, ScorerSpec, Vote
    from promptship.stats import Calibration

__all__ = ["ABSTAINS", "UNSCORED", "Bounds", "Combined", "Ruling", "read_bounds"]

ABSTAINS: Final = "abstain"
UNSCORED: Final = "unscored"
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """What votes come to.

    Attributes:
        value: 0 to 1; None where they come to nothing.
        reason: Why it is no better, or why it is None.
        category: A label; None where there is none.
        confidence: 0 to 1; None where nothing is known.
        abstains: Whether the judge itself left it open.
        measure: The raw figure; None where the value says all.
        unit: Of the measure.
        decided: Whether the votes themselves decide, so that no bound is asked.
        passed: What they decided; None where they leave it open.
    """

    value: float | None
    reason: str = ""
    category: str | None = None
    confidence: float | None = None
    abstains: bool = False
    measure: float | None = None
    unit: str = ""
    decided: bool = False
    passed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """From which value an output passes (`high`) and up to which it fails (`low`); between them the judge abstains.

    Attributes:
        low: At or below it fails; equal to `high` where the judge always decides, and then only below it fails.
        high: At or above it passes.
    """

    low: float
    high: float

    def decide(self, value: float) -> bool | None:
        """Return whether a value passes; None where the judge abstains.

        Example:
            >>> [Bounds(low=0.3, high=0.7).decide(value) for value in (0.2, 0.5, 0.7)]
            [False, None, True]
        """
        if value >= self.high - _ROUNDING:
            return True
        return False if self.low == self.high or value <= self.low + _ROUNDING else None

    def as_json(self) -> JsonValue:
        """Return what a digest is made of."""
        return self.high if self.low == self.high else [self.low, self.high]


def read_bounds(spec: ScorerSpec, default: float) -> Bounds:
    """Read `threshold`, or `low` and `high`, of a scorer.

    Raises:
        ScorerSetupError: Both ways are written, only one bound is, or they are out of order.
    """
    low, high = spec.params.get("low"), spec.params.get("high")
    if low is None and high is None:
        threshold = default if spec.threshold is None else spec.threshold
        return Bounds(low=threshold, high=threshold)
    if spec.threshold is not None:
        raise ScorerSetupError("`threshold` decides everything, `low` and `high` leave a part open: write one or both")
    if not (_is_share(low) and _is_share(high)) or low >= high:  # type: ignore[operator]  # both are numbers
        raise ScorerSetupError(f"low and high are {low!r} and {high!r}; expected numbers from 0 to 1, low below high")
    return Bounds(low=float(low), high=float(high))  # type: ignore[arg-type]  # checked just above


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """How one judge makes a score of votes.

    Attributes:
        combine: Makes one figure of them.
        bounds: Decide by it.
        judge: Digest that the scores cite.
        asked: Digest of what is asked, whatever becomes of the votes.
        definition: What was computed.
        calibration: Applied before the bounds; None for none.
    """

    combine: Callable[[Sequence[Vote]], Combined]
    bounds: Bounds
    judge: str
    asked: str = ""
    definition: str = ""
    calibration: Calibration | None = None

    def rule(self, votes: Sequence[Vote], *, cost_usd: float = 0.0, reason: str = "") -> Score:
        """Make a score of votes.

        Args:
            votes: All of them.
            cost_usd: What they cost.
            reason: The judge's own words, shown where the output does not pass.
        """
        found = self.combine(votes)
        kept: dict[str, Any] = {
            "cost_usd": cost_usd,
            "definition": self.definition,
            "judge": self.judge,
            "votes": tuple(votes),
            "confidence": found.confidence,
            "measure": found.measure,
            "unit": found.unit,
        }
        if found.value is None:
            category = found.category or (ABSTAINS if found.abstains else UNSCORED)
            return Score(value=None, category=category, reason=shorten(found.reason), **kept)
        value = self._calibrate(min(1.0, max(0.0, found.value)))
        passed = found.passed if found.decided else self.bounds.decide(value)
        if passed is None:
            between = f"{value:.3g} is between {self.bounds.low:g} and {self.bounds.high:g}"
            why = found.reason if found.decided else "; ".join(filter(None, (between, found.reason)))
            return Score(value=value, category=ABSTAINS, reason=shorten(why), **kept)
        said = "" if passed else shorten("; ".join(filter(None, (found.reason, reason))))
        return Score(value=value, passed=passed, category=found.category, reason=said, **kept)

    def _calibrate(self, value: float) -> float:
        if self.calibration is None:
            return value
        found = float(self.calibration.apply([value])[0])
        return found if math.isfinite(found) else value
