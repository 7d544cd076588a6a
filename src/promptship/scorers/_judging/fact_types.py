"""Types whose judge compares with a reference, or with passages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from promptship.errors import ScorerError, ScorerSetupError
from promptship.scorers._criterion import ScorerExample, ScorerFactory, ScorerInfo, ThresholdInfo, UnjudgedError
from promptship.scorers._judging.asking import Question
from promptship.scorers._judging.claims import split_claims
from promptship.scorers._judging.combining import average_precision, share, single
from promptship.scorers._judging.criterion import ASKS, COMMON_PARAMS, JudgedCriterion, open_kit
from promptship.scorers._judging.rating import Piece, judge_pieces
from promptship.scorers._judging.reading import (
    INPUT_PARAM,
    contexts_of,
    expected_of,
    input_name,
    request_of,
    text_of,
)
from promptship.scorers._judging.scales import Level, Scale

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promptship.domain import Case, JsonObject, JsonValue, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import Criterion, ScorerContext
    from promptship.scorers._judging.criterion import JudgeKit
    from promptship.scorers._judging.ruling import Combined

__all__ = ["FACT_TYPES"]

_FACTS: Final = {
    "disagree": (0.0, "a fact of the answer contradicts a fact of the reference"),
    "subset": (1.0, "all facts of the answer stand in the reference; some of the reference are missing"),
    "superset": (1.0, "all facts of the reference stand in the answer, which adds others that contradict none"),
    "same": (1.0, "answer and reference state the same facts"),
    "immaterial": (1.0, "they differ in details that do not matter for the question"),
}
"""The five ways in which two answers may relate; what each is worth is promptfoo's default."""


def _build_factuality(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    name = input_name(kit.spec)
    scale = _fact_scale(kit.spec.params.get("scores", {}))
    return _compare(kit, "factuality", scale, lambda item: {"request": request_of(item.case, name) or None}, name)


def _fact_scale(scores: JsonValue) -> Scale:
    if not isinstance(scores, dict) or not scores.keys() <= _FACTS.keys():
        raise ScorerSetupError(f"scores is {scores!r}; expected a value from 0 to 1 for some of {', '.join(_FACTS)}")
    values: dict[str, Any] = {label: scores.get(label, value) for label, (value, _) in _FACTS.items()}
    for label, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ScorerSetupError(f"scores gives {label!r} the value {value!r}; expected a number from 0 to 1")
    return Scale(
        levels=tuple(
            Level(label=label, value=float(values[label]), meaning=meaning) for label, (_, meaning) in _FACTS.items()
        )
    )


_EQUIVALENT: Final = Scale(
    levels=(
        Level(label="different", value=0.0, meaning="some database tells them apart, or the query does not run"),
        Level(label="equivalent", value=1.0, meaning="no database that the schema allows tells them apart"),
    )
)


def _build_sql(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    schema = kit.spec.params.get("schema", "")
    if not isinstance(schema, str):
        raise ScorerSetupError(f"schema is {schema!r}; expected text, such as CREATE TABLE statements")
    name = input_name(kit.spec)

    def extra(item: ScoreInput) -> JsonObject:
        return {"schema": schema or None, "request": request_of(item.case, name) or None}

    return _compare(kit, "sql-equivalence", _EQUIVALENT, extra, schema)


def _compare(
    kit: JudgeKit, prompt: str, scale: Scale, extra: Callable[[ScoreInput], JsonObject], decides: str
) -> Criterion:
    """Build the judge of one question about an answer and its reference."""
    asked = kit.asked(prompt, needs=("answer", "reference"))
    form = kit.form(scale, quoted="the answer to judge or the reference")
    shared = kit.shared_inputs
    written = _as_text(kit.spec.value) if kit.spec.has_value else ""
    rubric: list[JsonValue] = [*scale.as_json()]
    ruling = kit.ruling(
        single,
        asked={"judge": asked},
        rubric={"levels": rubric, "reference": written},
        definition=f"{prompt}[promptship]",
        params={"decides": decides},
    )

    def ask(item: ScoreInput) -> list[Question]:
        answer, reference = text_of(item.output), written or expected_of(item.case)
        inputs = {**shared, **extra(item), "answer": answer, "reference": reference}
        return [Question(name=prompt, form=form, inputs=inputs, sources=(answer, reference))]

    def look(case: Case) -> None:
        if not (written or expected_of(case)):
            raise ScorerSetupError("there is no reference: the scorer has no `value` and the case no `expected`")

    return JudgedCriterion(asked, ruling, ask, look=look, claims="agree with the reference")


def _as_text(value: JsonValue) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ScorerSetupError(f"value is {value!r}; expected the reference, a text")
    return value


_SUPPORTED: Final = Scale(
    levels=(
        Level(label="contradicted", value=0.0, meaning="the passages say otherwise"),
        Level(label="not_stated", value=0.0, meaning="the passages do not say so, or only of a part"),
        Level(label="supported", value=1.0, meaning="the passages say so"),
    )
)
_HELPS: Final = Scale(
    levels=(
        Level(label="no", value=0.0, meaning="the passage is of no use"),
        Level(label="yes", value=1.0, meaning="the passage is of use"),
    )
)


def _passages(item: ScoreInput) -> list[str]:
    found = contexts_of(item)
    if not found:
        raise ScorerError(
            f"case {item.case.id!r} has no passages: neither the output nor the case has `contexts`",
            hint="let the target return `contexts`, or write them into the case",
        )
    return found


def _numbered(passages: Sequence[str]) -> str:
    return "\n\n".join(f"[{number}] {passage}" for number, passage in enumerate(passages, 1))


def _split_answer(item: ScoreInput, name: str) -> list[Piece]:
    del name
    answer, passages = text_of(item.output), _passages(item)
    claims = split_claims(answer)
    if not claims:
        # A failure and not left out: an answer that says nothing must not leave the pass rate.
        raise UnjudgedError("the output makes no statement")
    return _statements(claims, passages, {"answer": answer})


def _split_expected(item: ScoreInput, name: str) -> list[Piece]:
    del name
    expected = expected_of(item.case)
    return _statements(split_claims(expected), _passages(item), {"reference": expected})


def _statements(claims: list[str], passages: list[str], inputs: JsonObject) -> list[Piece]:
    context = _numbered(passages)
    # The whole of them too: a judge may quote across the number of a passage.
    sources = (*passages, context)
    return [
        Piece(
            name=f"{number}: {claim[:60]}", inputs={**inputs, "context": context, "statement": claim}, sources=sources
        )
        for number, claim in enumerate(claims, 1)
    ]


def _split_passages(item: ScoreInput, name: str) -> list[Piece]:
    inputs: JsonObject = {"request": request_of(item.case, name), "reference": expected_of(item.case) or None}
    return [
        Piece(name=f"passage-{number}", inputs={**inputs, "passage": passage}, sources=(passage,))
        for number, passage in enumerate(_passages(item), 1)
    ]


class _Contexts:
    """One of the types on passages: what is split, how votes are put together, what it needs of a case."""

    def __init__(
        self,
        summary: str,
        score: str,
        *,
        split: Callable[[ScoreInput, str], list[Piece]],
        scale: Scale,
        needs: tuple[str, ...],
        expects: bool = False,
        combine: Callable[[Sequence[Any]], Combined] = share,
        deviation: str = "",
    ) -> None:
        self.summary, self.score, self.deviation = summary, score, deviation
        self.split, self.scale, self.combine = split, scale, combine
        self.needs, self.expects = needs, expects


_CONTEXTS: Final[Mapping[str, _Contexts]] = {
    "context-faithfulness": _Contexts(
        "The passages support every statement of the answer, each sentence judged by itself.",
        "share of the answer's sentences that the passages support",
        split=_split_answer,
        scale=_SUPPORTED,
        needs=("statement", "context"),
        deviation="Statements are the answer's own sentences, not a model's retelling of them.",
    ),
    "context-recall": _Contexts(
        "The passages hold everything that the expected answer states.",
        "share of the expected answer's sentences that the passages support",
        split=_split_expected,
        scale=_SUPPORTED,
        needs=("statement", "context"),
        expects=True,
        deviation="Each sentence of the expected answer is a question of its own.",
    ),
    "context-relevance": _Contexts(
        "The passages help to answer the question, each judged by itself.",
        "share of the passages that help",
        split=_split_passages,
        scale=_HELPS,
        needs=("passage", "request"),
        deviation="The share of passages, where promptfoo has the share of sentences that a model picks out.",
    ),
    "context-precision": _Contexts(
        "Passages that are of use for the expected answer stand before those that are not.",
        "mean of the precision at each passage of use",
        split=_split_passages,
        scale=_HELPS,
        needs=("passage", "request", "reference"),
        expects=True,
        combine=average_precision,
    ),
}


def _build_contexts(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    kind = _CONTEXTS[kit.kind]
    name = input_name(kit.spec)

    def look(case: Case) -> None:
        request_of(case, name)
        if kind.expects and not expected_of(case):
            raise ScorerSetupError(f"{kit.kind} compares with the case's `expected`, and it has none")

    return judge_pieces(
        kit,
        asked=kit.asked(kit.kind, needs=kind.needs),
        scale=kind.scale,
        split=lambda item: kind.split(item, name),
        combine=kind.combine,
        default=0.7,
        quoted="the passages",
        params={"input": name},
        look=look,
        claims="hold to the passages",
    )


FACT_TYPES: Mapping[str, ScorerFactory] = {
    **{
        name: ScorerFactory(
            info=ScorerInfo(
                type=name,
                summary="The facts of the answer agree with those of the reference, by one of five verdicts.",
                value="the reference",
                value_is="compared",
                threshold=ThresholdInfo(meaning="least value of the verdict", default=0.5),
                score="what `scores` gives the verdict: 0 for disagree and 1 for the others, unless given",
                definition="factuality[promptship]",
                params={
                    **COMMON_PARAMS,
                    **INPUT_PARAM,
                    "scores": "{disagree, subset, superset, same, immaterial}: what each is worth",
                },
                asks=ASKS,
                deviation=(
                    "The verdict stands in the score's category; `scores` takes the place of a provider's options."
                ),
                examples=(
                    ScorerExample(
                        scorer={"type": name, "value": "The order left on Monday.", "scores": {"subset": 0.5}},
                        passes="It left on Monday with DHL.",
                        fails="It left on Tuesday.",
                    ),
                ),
            ),
            build=_build_factuality,
        )
        for name in ("factuality", "model-graded-factuality")
    },
    "sql-equivalence": ScorerFactory(
        info=ScorerInfo(
            type="sql-equivalence",
            summary="A judge finds that the query gives what the expected one gives, on every database.",
            value="the query that is right",
            value_is="compared",
            threshold=ThresholdInfo(meaning="least score", default=0.5),
            definition="sql-equivalence[promptship]",
            params={**COMMON_PARAMS, **INPUT_PARAM, "schema": "the tables, such as CREATE TABLE statements"},
            origin="promptship",
            asks=ASKS,
            examples=(
                ScorerExample(
                    scorer={"type": "sql-equivalence", "value": "SELECT id FROM orders WHERE paid"},
                    passes="SELECT o.id FROM orders o WHERE o.paid = TRUE",
                    fails="SELECT id FROM orders",
                ),
            ),
        ),
        build=_build_sql,
    ),
    **{
        name: ScorerFactory(
            info=ScorerInfo(
                type=name,
                summary=kind.summary,
                threshold=ThresholdInfo(meaning="least score", default=0.7),
                score=kind.score,
                definition=f"{name}[promptship]",
                params={**COMMON_PARAMS, **INPUT_PARAM},
                origin="promptfoo" if kind.deviation else "promptship",
                asks=ASKS,
                deviation=kind.deviation,
                examples=(
                    ScorerExample(
                        scorer={"type": name},
                        expected="It left on Monday.",
                        passes={"text": "It left on Monday.", "contexts": [{"id": "1", "text": "Left: Monday."}]},
                        fails={"text": "It left on Friday.", "contexts": [{"id": "1", "text": "Our shop is blue."}]},
                    ),
                ),
            ),
            build=_build_contexts,
        )
        for name, kind in _CONTEXTS.items()
    },
}
