"""Types whose judge compares the output with other answers, in both orders."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast, get_args

from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import ScorerExample, ScorerFactory, ScorerInfo, ThresholdInfo, show
from promptship.scorers._judging.criterion import ASKS, COMMON_PARAMS, JudgedCriterion, flag, one_of, open_kit
from promptship.scorers._judging.orders import Disagreement, PairQuestions, combine_orders, combine_tournament
from promptship.scorers._judging.reading import INPUT_PARAM, expected_of, input_name, request_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import Case, JsonValue, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import Criterion, ScorerContext
    from promptship.scorers._judging.asking import Question

__all__ = ["PAIR_TYPES"]

_CRITERION: Final = "Which answer does better what the request demands, correctly and completely?"
_NEEDS: Final = ("first", "second")
_MOST_CANDIDATES: Final = 20


def _build_pairwise(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    disagreement = cast("Disagreement", one_of(kit.spec, "disagreement", get_args(Disagreement)))
    criterion, ties, name = _criterion_of(kit.spec.value), flag(kit.spec, "ties"), input_name(kit.spec)
    asked = kit.asked("pairwise", needs=_NEEDS)
    pair = PairQuestions(kit, criterion, ties=ties)
    ruling = kit.ruling(
        partial(combine_orders, disagreement=disagreement),
        asked={"judge": asked},
        rubric=criterion,
        definition=f"pairwise[both-orders,{disagreement}]",
        params={"ties": ties, "disagreement": disagreement, "input": name},
    )

    def ask(item: ScoreInput) -> list[Question]:
        return pair.of(text_of(item.output), expected_of(item.case), request_of(item.case, name))

    def look(case: Case) -> None:
        request_of(case, name)
        if not expected_of(case):
            raise ScorerSetupError(
                f"{kit.kind} compares with another answer, and the case has no `expected`",
                hint="write the other answer into the case's `expected`",
            )

    return JudgedCriterion(asked, ruling, ask, look=look, claims="beat the other answer")


def _criterion_of(value: JsonValue) -> str:
    if value is None:
        return _CRITERION
    if not isinstance(value, str) or not value.strip():
        raise ScorerSetupError(f"value is {show(value)}; expected the criterion by which answers are compared, a text")
    return value.strip()


def _build_select_best(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    criterion, ties, name = _criterion_of(kit.spec.value), flag(kit.spec, "ties"), input_name(kit.spec)
    written = _read_candidates(kit.spec.params.get("candidates", []))
    asked = kit.asked("pairwise", needs=_NEEDS)
    pair = PairQuestions(kit, criterion, ties=ties)
    ruling = kit.ruling(
        combine_tournament,
        asked={"judge": asked},
        rubric={"criterion": criterion, "candidates": [*written]},
        default=1.0,
        definition="select-best[both-orders]",
        params={"ties": ties, "input": name},
    )

    def ask(item: ScoreInput) -> list[Question]:
        answer, request = text_of(item.output), request_of(item.case, name)
        others = enumerate(_candidates(item.case, written), 1)
        return [one for number, other in others for one in pair.of(answer, other, request, prefix=f"{number}: ")]

    def look(case: Case) -> None:
        request_of(case, name)
        count = len(_candidates(case, written))
        if not 1 <= count <= _MOST_CANDIDATES:
            raise ScorerSetupError(
                f"{kit.kind} compares with 1 to {_MOST_CANDIDATES} other answers, and there are {count}",
                hint="write them into `candidates`, or into the case's `expected` and `references`",
            )

    return JudgedCriterion(asked, ruling, ask, look=look, claims="be the best answer")


def _read_candidates(value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise ScorerSetupError(f"candidates is {show(value)}; expected a list of texts")
    return tuple(map(str, value))


def _candidates(case: Case, written: tuple[str, ...]) -> list[str]:
    if written:
        return list(written)
    return list(dict.fromkeys(one for one in (expected_of(case), *case.references) if one))


_TIES: Final = {"ties": "true lets the judge call two answers equally good"}
PAIR_TYPES: Mapping[str, ScorerFactory] = {
    "pairwise": ScorerFactory(
        info=ScorerInfo(
            type="pairwise",
            summary="A judge prefers the output to the case's `expected`, in both orders.",
            value="the criterion by which they are compared; what the request demands unless given",
            value_is="optional",
            threshold=ThresholdInfo(meaning="least score", default=0.5),
            score="1 where both orders prefer the output, 0 where both prefer the other, 0.5 for a tie",
            definition="pairwise[both-orders,abstain]",
            params={
                **COMMON_PARAMS,
                **INPUT_PARAM,
                **_TIES,
                "disagreement": "abstain (default) or tie: what it is where the two orders disagree",
            },
            origin="promptship",
            asks=ASKS,
            examples=(
                ScorerExample(
                    scorer={"type": "pairwise"},
                    expected="It may take some time.",
                    passes="It leaves on Monday and takes two days.",
                    fails="No idea.",
                ),
            ),
        ),
        build=_build_pairwise,
    ),
    "select-best": ScorerFactory(
        info=ScorerInfo(
            type="select-best",
            summary="No candidate is preferred to the output in both orders.",
            value="the criterion by which they are compared; what the request demands unless given",
            value_is="optional",
            threshold=ThresholdInfo(meaning="least share of candidates that do not beat it", default=1.0),
            score="share of the candidates that do not beat the output",
            definition="select-best[both-orders]",
            params={
                **COMMON_PARAMS,
                **INPUT_PARAM,
                **_TIES,
                "candidates": "the other answers; the case's `expected` and `references` unless given",
            },
            asks=ASKS,
            deviation=(
                "The candidates are given, and each is compared with the output in both orders; promptfoo shows the "
                "outputs of all prompts to a model once, which names one."
            ),
            examples=(
                ScorerExample(
                    scorer={"type": "select-best", "candidates": ["Soon.", "It takes two days."]},
                    passes="It leaves on Monday and takes two days.",
                    fails="No idea.",
                ),
            ),
        ),
        build=_build_select_best,
    ),
}
