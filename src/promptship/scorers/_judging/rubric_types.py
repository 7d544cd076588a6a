"""Types whose judge rates an output by criteria: rubrics, of one's own or ready made."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from promptship.domain import CompletionRequest
from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import ScorerExample, ScorerFactory, ScorerInfo, ThresholdInfo
from promptship.scorers._judging.asking import Question, paid
from promptship.scorers._judging.combining import single, weighted_mean
from promptship.scorers._judging.criterion import ASKS, COMMON_PARAMS, JudgedCriterion, Prepared, one_of, open_kit
from promptship.scorers._judging.reading import expected_of, request_of, text_of
from promptship.scorers._judging.rubrics import Rated, criteria_json, parse_rubric

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from promptship.domain import Case, JsonObject, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import Criterion, ScorerContext
    from promptship.scorers._judging.asking import AskedModel
    from promptship.scorers._judging.criterion import JudgeKit

__all__ = ["RUBRIC_TYPES"]

_REFERENCES: Final = ("auto", "expected", "generate", "none")
_INPUT: Final = {
    "input": "the input of the case that holds the question; `query`, `question` or all inputs unless given"
}


def _build_rubric(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    if not kit.spec.has_value:
        raise ScorerSetupError("llm-rubric needs a `value`: a criterion, or a list of them")
    return _rate(kit, "llm-rubric", parse_rubric(kit.spec.value), default=0.7)


def _build_closed_qa(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    if not isinstance(kit.spec.value, str) or not kit.spec.value.strip():
        raise ScorerSetupError(f"{spec.type} needs a `value`: the criterion, a text")
    return _rate(kit, "closed-qa", (Rated(name="criterion", text=kit.spec.value.strip()),), default=0.5)


def _rate(kit: JudgeKit, prompt: str, criteria: Sequence[Rated], *, default: float) -> Criterion:
    """Build the judge of a rubric: each criterion is a question of its own, and all are asked at once."""
    reference = one_of(kit.spec, "reference", _REFERENCES)
    asked = {"judge": kit.asked(prompt)}
    if reference == "generate":
        asked["reference"] = kit.asked("reference", needs=("request",), main=False)
    weights = {one.name: one.weight for one in criteria}
    one_input = {"input": kit.spec.params["input"]} if "input" in kit.spec.params else {}
    ruling = kit.ruling(
        single if len(criteria) == 1 else partial(weighted_mean, weights=weights),
        asked=asked,
        rubric=criteria_json(criteria),
        default=default,
        definition=f"{kit.spec.type.removeprefix('not-')}[{len(criteria)}]",
        params={"reference": reference, **one_input},
    )
    questions = _RubricQuestions(kit, criteria, reference, asked.get("reference"))
    return JudgedCriterion(
        asked["judge"], ruling, questions.of, look=questions.check, claims=f"satisfy {', '.join(weights)}"[:120]
    )


class _RubricQuestions:
    """Makes the questions of a rubric."""

    def __init__(self, kit: JudgeKit, criteria: Sequence[Rated], reference: str, writer: AskedModel | None) -> None:
        self._rows = tuple((one, kit.form(one.scale)) for one in criteria)
        self._shared = kit.shared_inputs
        self._reference = reference
        self._writer = writer
        self._input = _input_name(kit.spec)

    def of(self, item: ScoreInput) -> Sequence[Question] | Awaitable[Prepared]:
        """Return the questions of an item; later, where its reference has to be written first."""
        if self._writer is not None and not expected_of(item.case):
            return self._with_written(item, self._writer)
        return self._ask(item, expected_of(item.case) if self._reference != "none" else "")

    def check(self, case: Case) -> None:
        """Refuse a case that lacks what the rubric is told to compare with."""
        request_of(case, self._input)
        if self._reference == "expected" and not expected_of(case):
            raise ScorerSetupError(
                "reference is `expected`, and the case has no `expected`", hint="write one, or reference: generate"
            )

    async def _with_written(self, item: ScoreInput, writer: AskedModel) -> Prepared:
        asked = request_of(item.case, self._input)
        response = await writer.model.complete(
            CompletionRequest(
                messages=writer.prompt.render({"request": asked}), params={**writer.config.params, **writer.params}
            )
        )
        return Prepared(questions=self._ask(item, response.text), cost_usd=paid(response))

    def _ask(self, item: ScoreInput, reference: str) -> Sequence[Question]:
        answer = text_of(item.output)
        inputs: JsonObject = {
            **self._shared,
            "answer": answer,
            "request": request_of(item.case, self._input) or None,
            "reference": reference or None,
        }
        return [
            Question(name=one.name, form=form, inputs={**inputs, "criterion": one.text}, sources=(answer,))
            for one, form in self._rows
        ]


def _input_name(spec: ScorerSpec) -> str:
    found = spec.params.get("input", "")
    if not isinstance(found, str):
        raise ScorerSetupError(f"input is {found!r}; expected the name of an input of the case")
    return found


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
                **_INPUT,
                "reference": "auto (default): the case's `expected` where it has one; expected; generate: the judge "
                "writes one where the case has none; none",
            },
            asks=ASKS,
            deviation="Each criterion is a question of its own with a stated scale; promptfoo asks once for a score.",
            examples=(
                ScorerExample(
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
                ),
            ),
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
                params={**COMMON_PARAMS, **_INPUT},
                origin="promptship" if name == "closed-qa" else "promptfoo",
                examples=(
                    ScorerExample(
                        scorer={"type": name, "value": "Names a year.", "input": "question"},
                        passes="In 1815.",
                        fails="Long ago.",
                    ),
                ),
                asks=ASKS,
            ),
            build=_build_closed_qa,
        )
        for name in ("closed-qa", "model-graded-closedqa")
    },
}
