"""Scores, and the scorers that give them."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from promptship.domain.cases import Case, Turn
    from promptship.domain.outputs import Output

__all__ = ["JudgeCalls", "Score", "ScoreInput", "Scorer", "Vote", "count_judge_call", "counting_judge_calls"]


@dataclass(slots=True)
class JudgeCalls:
    """Answers of models that scoring took.

    Attributes:
        called: Those that were asked for now.
        cached: Those that came from the cache or a cassette.
    """

    called: int = 0
    cached: int = 0


# A score may be made of many answers, some of them of members of members: the count goes past their signatures.
_COUNT: ContextVar[JudgeCalls | None] = ContextVar("promptship_judge_calls", default=None)


@contextmanager
def counting_judge_calls() -> Iterator[JudgeCalls]:
    """Count the answers that judges are given within the block, in the tasks that it starts too."""
    count = JudgeCalls()
    token = _COUNT.set(count)
    try:
        yield count
    finally:
        _COUNT.reset(token)


def count_judge_call(*, called: bool) -> None:
    """Take note of an answer that a judge was given; nothing where nobody counts.

    Args:
        called: Whether a model was asked for it now.
    """
    count = _COUNT.get()
    if count is None:
        return
    if called:
        count.called += 1
    else:
        count.cached += 1


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
