"""Scores, and the scorers that give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from promptship.domain.cases import Case, Turn
    from promptship.domain.outputs import Output

__all__ = ["Score", "ScoreInput", "Scorer", "Vote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One answer of a judge: what a score is made of, kept so that it can be made anew without a call.

    Attributes:
        criterion: What was asked: a criterion, an order of two answers, a member of a panel.
        value: 0 (worst) to 1 (best); None where the answer was no usable verdict.
        category: The verdict in the judge's own terms, such as an anchor or `refusal`; None where there is none.
        confidence: 0 to 1; None where the judge does not know.
        raw: What the judge wrote, as it wrote it.
    """

    criterion: str
    value: float | None = None
    category: str | None = None
    confidence: float | None = None
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one scorer says of one output.

    Attributes:
        value: 0 (worst) to 1 (best); None where the scorer abstains.
        passed: Whether the threshold was reached; None where the scorer abstains or only measures.
        reason: One sentence for a person; "" where the value says all.
        measure: The raw figure in its own unit (3 edits, 0.8 s); None where there is none.
        unit: Unit of `measure`.
        category: A label, where the scorer classifies.
        confidence: 0 to 1; None where the scorer does not know.
        cost_usd: What scoring cost.
        definition: Which definition was computed where libraries differ, such as `bleu[sacrebleu-13a]`.
        judge: Digest of the judge that gave it; "" for a scorer that asks no model.
        votes: The answers it was made of; empty for a scorer that asks no model.
    """

    value: float | None
    passed: bool | None = None
    reason: str = ""
    measure: float | None = None
    unit: str = ""
    category: str | None = None
    confidence: float | None = None
    cost_usd: float = 0.0
    definition: str = ""
    judge: str = ""
    votes: tuple[Vote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreInput:
    """What a scorer sees; `turn` is set where one turn of a conversation is scored."""

    output: Output
    case: Case
    turn: Turn | None = None


class Scorer(Protocol):
    """A scorer with its parameters bound. Safe to share among cases."""

    @property
    def name(self) -> str:
        """Its metric in the run; unique in an evalset."""
        ...

    @property
    def required(self) -> bool:
        """Whether a case needs it to pass."""
        ...

    def score(self, item: ScoreInput) -> Score | Awaitable[Score]:
        """Score one output; may return an awaitable. An exception makes the cell an error, never a zero."""
        ...
