"""From criteria, and what is shown of an output, to the judge that rates it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from promptship.scorers._judging.asking import Question
from promptship.scorers._judging.combining import single, weighted_mean
from promptship.scorers._judging.criterion import JudgedCriterion
from promptship.scorers._judging.rubrics import criteria_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptship.domain import Case, JsonObject, JsonValue, ScoreInput
    from promptship.scorers._judging.answers import AnswerForm
    from promptship.scorers._judging.asking import AskedModel
    from promptship.scorers._judging.criterion import JudgeKit
    from promptship.scorers._judging.rubrics import Rated
    from promptship.scorers._judging.ruling import Combined
    from promptship.scorers._judging.scales import Scale

__all__ = ["Piece", "Shown", "judge_pieces", "rate", "rubric_questions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a judge sees of an output: inputs of its prompt, and the texts that it may quote."""

    inputs: JsonObject
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One part of an output that is judged by itself: a statement, a passage, a reply.

    Attributes:
        name: Of its vote.
        inputs: Inputs of the prompt for this part.
        sources: Texts that the judge may quote.
    """

    name: str
    inputs: JsonObject
    sources: tuple[str, ...]


def rubric_questions(rows: Sequence[tuple[Rated, AnswerForm]], shared: JsonObject, shown: Shown) -> list[Question]:
    """Return one question for each criterion."""
    inputs = {**shared, **shown.inputs}
    return [
        Question(name=one.name, form=form, inputs={**inputs, "criterion": one.text}, sources=shown.sources)
        for one, form in rows
    ]


def rate(
    kit: JudgeKit,
    criteria: Sequence[Rated],
    *,
    asked: AskedModel,
    show: Callable[[ScoreInput], Shown],
    default: float,
    quoted: str = "the text to judge",
    params: JsonObject | None = None,
    look: Callable[[Case], None] | None = None,
) -> JudgedCriterion:
    """Build the judge of criteria: each is a question of its own, and all are asked at once."""
    rows = tuple((one, kit.form(one.scale, quoted=quoted)) for one in criteria)
    shared = kit.shared_inputs
    ruling = kit.ruling(
        combine_criteria(criteria),
        asked={"judge": asked},
        rubric=criteria_json(criteria),
        default=default,
        definition=f"{kit.kind}[{len(criteria)}]",
        params=params,
    )
    return JudgedCriterion(
        asked, ruling, lambda item: rubric_questions(rows, shared, show(item)), look=look, claims=claim_of(criteria)
    )


def combine_criteria(criteria: Sequence[Rated]) -> Callable[[Sequence[Any]], Combined]:
    """Return how votes on criteria become one figure: the vote itself where there is one, else the mean by weight."""
    if len(criteria) == 1:
        return single
    return partial(weighted_mean, weights={one.name: one.weight for one in criteria})


def claim_of(criteria: Sequence[Rated]) -> str:
    """Return a verb phrase for an output that passes."""
    return f"satisfy {', '.join(one.name for one in criteria)}"[:120]


def judge_pieces(
    kit: JudgeKit,
    *,
    asked: AskedModel,
    scale: Scale,
    split: Callable[[ScoreInput], Sequence[Piece]],
    combine: Callable[[Sequence[Any]], Combined],
    default: float,
    quoted: str,
    rubric: JsonValue = None,
    params: JsonObject | None = None,
    look: Callable[[Case], None] | None = None,
    claims: str,
) -> JudgedCriterion:
    """Build the judge of parts: each is a question of its own on the same scale, and all are asked at once."""
    form = kit.form(scale, quoted=quoted)
    shared = kit.shared_inputs
    ruling = kit.ruling(
        combine,
        asked={"judge": asked},
        rubric={"levels": [*scale.as_json()], "rubric": rubric},
        default=default,
        definition=f"{kit.kind}[promptship]",
        params=params,
    )

    def ask(item: ScoreInput) -> list[Question]:
        return [
            Question(name=piece.name, form=form, inputs={**shared, **piece.inputs}, sources=piece.sources)
            for piece in split(item)
        ]

    return JudgedCriterion(asked, ruling, ask, look=look, claims=claims)
