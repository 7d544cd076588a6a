"""Types whose judge rates an output by criteria that the evalset states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptship.domain import CompletionRequest, Vote
from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import ScorerExample, ScorerFactory, ScorerInfo, ThresholdInfo
from promptship.scorers._judging.answers import UnusableAnswerError, refuse_unfinished
from promptship.scorers._judging.asking import paid
from promptship.scorers._judging.criterion import ASKS, COMMON_PARAMS, JudgedCriterion, Prepared, one_of, open_kit
from promptship.scorers._judging.rating import Shown, claim_of, combine_criteria, rate, rubric_questions
from promptship.scorers._judging.reading import INPUT_PARAM, expected_of, input_name, request_of, text_of
from promptship.scorers._judging.rubrics import Rated, criteria_json, parse_rubric

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from promptship.domain import Case, Response, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import Criterion, ScorerContext
    from promptship.scorers._judging.asking import AskedModel, Question
    from promptship.scorers._judging.criterion import JudgeKit

__all__ = ["RUBRIC_TYPES"]

_REFERENCES: Final = ("auto", "expected", "generate", "none")


def _build_rubric(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    if not kit.spec.has_value:
        raise ScorerSetupError("llm-rubric needs a `value`: a criterion, or a list of them")
    criteria = parse_rubric(kit.spec.value)
    reference = one_of(kit.spec, "reference", _REFERENCES)
    asked = {"judge": kit.asked("llm-rubric")}
    if reference == "generate":
        asked["reference"] = kit.asked("reference", needs=("request",), main=False)
    ruling = kit.ruling(
        combine_criteria(criteria),
        asked=asked,
        rubric=criteria_json(criteria),
        default=0.7,
        definition=f"llm-rubric[{len(criteria)}]",
        params={"reference": reference, "input": input_name(kit.spec)},
    )
    questions = _RubricQuestions(kit, criteria, reference, asked.get("reference"))
    return JudgedCriterion(asked["judge"], ruling, questions.of, look=questions.check, claims=claim_of(criteria))


class _RubricQuestions:
    """Makes the questions of a rubric, with a reference where there is one."""

    def __init__(self, kit: JudgeKit, criteria: Sequence[Rated], reference: str, writer: AskedModel | None) -> None:
        self._rows = tuple((one, kit.form(one.scale)) for one in criteria)
        self._shared = kit.shared_inputs
        self._reference = reference
        self._writer = writer
        self._input = input_name(kit.spec)

    def of(self, item: ScoreInput) -> Sequence[Question] | Awaitable[Prepared]:
        """Return the questions of an item; later, where its reference has to be written first."""
        reference = expected_of(item.case) if self._reference != "none" else ""
        if self._writer is not None and not reference:
            return self._with_written(item, self._writer)
        return self._ask(item, reference)

    def check(self, case: Case) -> None:
        """Refuse a case that lacks what the rubric is told to compare with."""
        request_of(case, self._input)
        if self._reference == "expected" and not expected_of(case):
            raise ScorerSetupError(
                "reference is `expected`, and the case has no `expected`", hint="write one, or reference: generate"
            )

    async def _with_written(self, item: ScoreInput, writer: AskedModel) -> Prepared:
        request = CompletionRequest(
            messages=writer.prompt.render({"request": request_of(item.case, self._input)}),
            params={**writer.config.params, **writer.params},
        )
        response = await writer.model.complete(request)
        kind = _why_no_reference(response)
        if kind:
            # Judged without it the score would be another judge's, and a refusal must not stand for a good answer.
            vote = Vote(criterion="reference", category=kind, raw=response.text)
            return Prepared(missing=vote, cost_usd=paid(response))
        return Prepared(questions=self._ask(item, response.text), cost_usd=paid(response))

    def _ask(self, item: ScoreInput, reference: str) -> Sequence[Question]:
        shown = show_answer(item, self._input, reference)
        return rubric_questions(self._rows, self._shared, shown)


def _why_no_reference(response: Response) -> str:
    """Return what a model wrote instead of an answer that others can be compared with; "" where it wrote one."""
    # Here and not above: its weights come with it, and few rubrics have references written.
    from promptship.safety import classify_refusal

    try:
        refuse_unfinished(response.finish_reason)
    except UnusableAnswerError as error:
        return error.kind
    if not response.text.strip():
        return "empty"
    return "refusal" if classify_refusal(response.text).label == "refusal" else ""


def show_answer(item: ScoreInput, name: str, reference: str) -> Shown:
    """Show an answer, what was asked, and a reference where there is one."""
    answer = text_of(item.output)
    inputs = {"answer": answer, "request": request_of(item.case, name) or None, "reference": reference or None}
    return Shown(inputs={**inputs}, sources=(answer,))


def _build_closed_qa(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    text = kit.spec.value
    if not isinstance(text, str) or not text.strip():
        raise ScorerSetupError(f"{spec.type} needs a `value`: the criterion, a text")
    name = input_name(kit.spec)
    return rate(
        kit,
        (Rated(name="criterion", text=text.strip()),),
        asked=kit.asked("closed-qa"),
        show=lambda item: show_answer(item, name, ""),
        default=0.5,
        params={"input": name},
    )


_RUBRIC_EXAMPLE: Final = ScorerExample(
    scorer={
        "type": "llm-rubric",
        "value": {
            "criteria": [
                "Names the sum that is refunded.",
                {
                    "name": "tone",
                    "text": "Is kind to the customer.",
                    "weight": 2,
                    "anchors": {"0": "mocks or blames", "1": "is matter-of-fact", "2": "is kind"},
                },
            ]
        },
        "judge": "strong",
    },
    passes="I am sorry about the tent. You get 30 EUR back.",
    fails="Read the manual.",
)

RUBRIC_TYPES: Mapping[str, ScorerFactory] = {
    "llm-rubric": ScorerFactory(
        info=ScorerInfo(
            type="llm-rubric",
            summary="A judge finds the criteria met, each asked by itself.",
            value="a criterion, a list of them, or {criteria: [{name, text, weight, anchors: {0: worst, 1: best}}]}",
            value_is="optional",
            threshold=ThresholdInfo(meaning="least weighted mean of the criteria", default=0.7),
            score="mean of the criteria by weight, the lowest anchor 0 and the highest 1",
            definition="llm-rubric[n]",
            params={
                **COMMON_PARAMS,
                **INPUT_PARAM,
                "reference": "auto (default): the case's `expected` where it has one; expected; generate: the judge "
                "writes one where the case has none; none",
            },
            asks=ASKS,
            deviation="Each criterion is a question of its own with a stated scale; promptfoo asks once for a score.",
            examples=(_RUBRIC_EXAMPLE,),
        ),
        build=_build_rubric,
    ),
    **{
        name: ScorerFactory(
            info=ScorerInfo(
                type=name,
                summary="A judge finds that the answer to the question meets the criterion.",
                value="the criterion",
                value_is="optional",
                threshold=ThresholdInfo(meaning="least score", default=0.5),
                params={**COMMON_PARAMS, **INPUT_PARAM},
                origin="promptship" if name == "closed-qa" else "promptfoo",
                asks=ASKS,
                examples=(
                    ScorerExample(
                        scorer={"type": name, "value": "Names a year.", "input": "question"},
                        passes="In 1815.",
                        fails="Long ago.",
                    ),
                ),
            ),
            build=_build_closed_qa,
        )
        for name in ("closed-qa", "model-graded-closedqa")
    },
}
