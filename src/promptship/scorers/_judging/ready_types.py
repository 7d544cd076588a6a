"""Types with criteria of their own: summaries, translations, conversations, goals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import ScorerExample, ScorerFactory, ScorerInfo, ThresholdInfo, UnjudgedError
from promptship.scorers._judging.asking import Question
from promptship.scorers._judging.combining import share, single
from promptship.scorers._judging.criterion import ASKS, COMMON_PARAMS, JudgedCriterion, open_kit, whole_number
from promptship.scorers._judging.rating import Piece, Shown, judge_pieces, rate
from promptship.scorers._judging.reading import (
    INPUT_PARAM,
    conversation_of,
    expected_of,
    input_name,
    render_turns,
    request_of,
    steps_of,
    text_of,
)
from promptship.scorers._judging.rubric_types import show_answer
from promptship.scorers._judging.rubrics import Rated, parse_rubric, parse_scale
from promptship.scorers._judging.scales import Level, Scale

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptship.domain import Case, JsonValue, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import Criterion, ScorerContext

__all__ = ["READY_TYPES"]


def _graded(worst: str, middle: str, best: str) -> Scale:
    return parse_scale({"0": worst, "1": middle, "2": best}, "a criterion")


_SUMMARY: Final = (
    Rated(
        name="faithful",
        text="The summary states nothing that the text does not state.",
        weight=3.0,
        scale=_graded(
            "it states something that the text contradicts, or that is made up and matters",
            "it goes beyond the text in a detail that misleads nobody",
            "everything in it stands in the text",
        ),
    ),
    Rated(
        name="covers",
        text="The summary holds what a reader of the text must know.",
        weight=2.0,
        scale=_graded(
            "it misses the point of the text", "it misses something of weight", "nothing of weight is missing"
        ),
    ),
    Rated(
        name="brief",
        text="The summary is as short as its content allows.",
        scale=_graded(
            "it is about as long as the text, or mostly repetition",
            "it repeats itself or dwells on side matters",
            "no sentence could go without a loss",
        ),
    ),
    Rated(
        name="readable",
        text="The summary can be understood without the text.",
        scale=_graded("it cannot be followed", "some of it refers to what is not there", "it can be read by itself"),
    ),
)
_TRANSLATION: Final = (
    Rated(
        name="meaning",
        text="The translation says what the original says: nothing is missing, added or turned round.",
        weight=3.0,
        scale=_graded(
            "it says something else in a point of weight",
            "a nuance or a side remark is lost or added",
            "it says the same throughout",
        ),
    ),
    Rated(
        name="names-and-figures",
        text="Names, figures, units, dates, quotations and mark-up are kept or carried over as the language demands.",
        weight=2.0,
        scale=_graded("one that matters is wrong", "one of no weight is wrong", "all are right"),
    ),
    Rated(
        name="language",
        text="The translation is written as a careful native writer would write, in the register of the original.",
        scale=_graded(
            "it is hard to read, or not in the language asked for",
            "it can be read, but sounds translated or changes the register",
            "it reads as if written in the language",
        ),
    ),
)
_CONVERSATION: Final[Mapping[str, tuple[str, Rated]]] = {
    "conversation-completeness": (
        "Everything the user asked for in the conversation was answered or done.",
        Rated(
            name="complete",
            text="The assistant answered or did everything that the user asked for, or refused it for a stated reason.",
            scale=_graded("the main request was left open", "a side request was left open", "nothing was left open"),
        ),
    ),
    "conversation-memory": (
        "The assistant kept in mind what the user had said before.",
        Rated(
            name="memory",
            text=(
                "The assistant keeps in mind what the user has said: it asks for nothing that was given already and "
                "contradicts nothing that was settled."
            ),
            scale=_graded(
                "it ignores or contradicts something that matters",
                "it asks once for what was given",
                "it keeps everything in mind",
            ),
        ),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    summary: str
    prompt: str
    criteria: tuple[Rated, ...]
    default: float
    passes: str
    fails: str


_RATED: Final[Mapping[str, _Ready]] = {
    "summary": _Ready(
        summary="A judge finds the summary faithful, complete, brief and readable.",
        prompt="summary",
        criteria=_SUMMARY,
        default=0.8,
        passes="The tent leaves on Monday.",
        fails="The tent was lost.",
    ),
    "translation": _Ready(
        summary="A judge finds that the translation keeps meaning, names and figures, and reads well.",
        prompt="translation",
        criteria=_TRANSLATION,
        default=0.8,
        passes="Das Zelt geht am Montag ab.",
        fails="Das Zelt geht am Dienstag ab.",
    ),
}


def _build_rated(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    ready = _RATED[kit.kind]
    name = input_name(kit.spec)
    return rate(
        kit,
        parse_rubric(kit.spec.value) if kit.spec.has_value else ready.criteria,
        asked=kit.asked(ready.prompt),
        show=lambda item: show_answer(item, name, expected_of(item.case)),
        default=ready.default,
        quoted="the summary or translation",
        params={"input": name},
        look=lambda case: _require_request(case, name),
    )


def _require_request(case: Case, name: str) -> None:
    if not request_of(case, name):
        raise ScorerSetupError("the case has no input that holds the source text", hint="name it: input: NAME")


def _show_conversation(item: ScoreInput) -> Shown:
    messages = conversation_of(item)
    text = render_turns(messages)
    return Shown(inputs={"conversation": text}, sources=(text, *_texts(messages)))


def _texts(messages: list[dict[str, JsonValue]]) -> list[str]:
    return [str(message.get("content") or "") for message in messages]


def _build_conversation(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    return rate(
        kit,
        parse_rubric(kit.spec.value) if kit.spec.has_value else (_CONVERSATION[kit.kind][1],),
        asked=kit.asked("conversation", needs=("conversation",)),
        show=_show_conversation,
        default=0.7,
        quoted="the conversation",
    )


def _build_role(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    role = _text_value(kit.spec.value, "the role, such as `a patient teacher of mathematics`")
    scale = _graded("it leaves the role", "it slips once without harm", "it keeps the role in every message")
    return rate(
        kit,
        (Rated(name="role", text=f"In every message the assistant keeps to this role: {role}", scale=scale),),
        asked=kit.asked("conversation", needs=("conversation",)),
        show=_show_conversation,
        default=0.7,
        quoted="the conversation",
    )


def _text_value(value: JsonValue, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ScorerSetupError(f"value is {value!r}; expected {what}")
    return value.strip()


_RELEVANT: Final = Scale(
    levels=(
        Level(label="no", value=0.0, meaning="the reply does not answer what was said"),
        Level(label="yes", value=1.0, meaning="the reply is relevant"),
    )
)


def _build_turn_relevance(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    window = whole_number(kit.spec, "window", default=5, low=1, high=1000)
    return judge_pieces(
        kit,
        asked=kit.asked("conversation-relevance", needs=("answer", "conversation")),
        scale=_RELEVANT,
        split=lambda item: _split_replies(item, window),
        combine=share,
        default=0.5,
        quoted="the reply to judge",
        params={"window": window},
        claims="answer what was said",
    )


def _split_replies(item: ScoreInput, window: int) -> list[Piece]:
    messages = conversation_of(item)
    pieces = []
    for place, message in enumerate(messages):
        text = str(message.get("content") or "")
        if message.get("role") != "assistant" or not (text.strip() or place == len(messages) - 1):
            continue
        before = render_turns(messages[max(0, place - 2 * window + 1) : place])
        name = f"message-{place + 1}"
        pieces.append(Piece(name=name, inputs={"conversation": before, "answer": text}, sources=(text,)))
    if not pieces:
        raise UnjudgedError("the conversation has no message of the assistant")
    return pieces


_REACHED: Final = Scale(
    levels=(
        Level(label="no", value=0.0, meaning="the goal was not reached, or only in part"),
        Level(label="yes", value=1.0, meaning="the goal was reached"),
    )
)


def _build_goal(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    on_steps = kit.kind != "goal-success"
    prompt, needs = ("trajectory-goal", ("goal", "steps")) if on_steps else ("goal-success", ("goal", "conversation"))
    asked = kit.asked(prompt, needs=needs)
    written = _text_value(kit.spec.value, "the goal, a text") if kit.spec.has_value else ""
    form = kit.form(_REACHED, quoted="what is shown")
    shared = kit.shared_inputs
    ruling = kit.ruling(single, asked={"judge": asked}, rubric=written, definition=f"{kit.kind}[promptship]")
    show: Callable[[ScoreInput], Shown] = _show_steps if on_steps else _show_conversation

    def ask(item: ScoreInput) -> list[Question]:
        shown = show(item)
        goal = written or expected_of(item.case)
        return [
            Question(name="goal", form=form, inputs={**shared, **shown.inputs, "goal": goal}, sources=shown.sources)
        ]

    def look(case: Case) -> None:
        if not (written or expected_of(case)):
            raise ScorerSetupError("there is no goal: the scorer has no `value` and the case no `expected`")

    return JudgedCriterion(asked, ruling, ask, look=look, claims="reach the goal")


def _show_steps(item: ScoreInput) -> Shown:
    # No steps are no error: an agent that did nothing reached no goal, and the judge sees that.
    steps, answer = steps_of(item.output) or "(no steps)", text_of(item.output)
    inputs = {"steps": steps, "answer": answer or None, "request": request_of(item.case) or None}
    return Shown(inputs={**inputs}, sources=(steps, answer))


_GOAL_EXAMPLE: Final = "Return the tent and get the money back."


def _goal_type(name: str, summary: str, *, promptfoo: bool = False) -> ScorerFactory:
    return ScorerFactory(
        info=ScorerInfo(
            type=name,
            summary=summary,
            value="the goal",
            value_is="compared",
            threshold=ThresholdInfo(meaning="least score", default=0.5),
            params=COMMON_PARAMS,
            origin="promptfoo" if promptfoo else "promptship",
            asks=ASKS,
            examples=(
                ScorerExample(
                    scorer={"type": name, "value": _GOAL_EXAMPLE}, passes="30 EUR were refunded.", fails="Try again."
                ),
            ),
        ),
        build=_build_goal,
    )


READY_TYPES: Mapping[str, ScorerFactory] = {
    **{
        name: ScorerFactory(
            info=ScorerInfo(
                type=name,
                summary=ready.summary,
                value="a rubric in the place of the type's own, as for llm-rubric",
                value_is="optional",
                threshold=ThresholdInfo(meaning="least weighted mean of the criteria", default=ready.default),
                score=f"mean by weight of {', '.join(one.name for one in ready.criteria)}",
                definition=f"{name}[{len(ready.criteria)}]",
                params={**COMMON_PARAMS, **INPUT_PARAM},
                origin="promptship",
                asks=ASKS,
                examples=(ScorerExample(scorer={"type": name}, passes=ready.passes, fails=ready.fails),),
            ),
            build=_build_rated,
        )
        for name, ready in _RATED.items()
    },
    **{
        name: ScorerFactory(
            info=ScorerInfo(
                type=name,
                summary=summary,
                value="a rubric in the place of the type's own, as for llm-rubric",
                value_is="optional",
                threshold=ThresholdInfo(meaning="least score", default=0.7),
                params=COMMON_PARAMS,
                origin="promptship",
                asks=ASKS,
                examples=(ScorerExample(scorer={"type": name}, passes="It left today.", fails="Which order?"),),
            ),
            build=_build_conversation,
        )
        for name, (summary, _) in _CONVERSATION.items()
    },
    "conversation-role": ScorerFactory(
        info=ScorerInfo(
            type="conversation-role",
            summary="The assistant kept to its role in every message.",
            value="the role, in words",
            value_is="required",
            threshold=ThresholdInfo(meaning="least score", default=0.7),
            params=COMMON_PARAMS,
            origin="promptship",
            asks=ASKS,
            examples=(
                ScorerExample(
                    scorer={"type": "conversation-role", "value": "A support assistant of Nordwind."},
                    passes="We will look into it.",
                    fails="As your lawyer I advise you to sue.",
                ),
            ),
        ),
        build=_build_role,
    ),
    "conversation-relevance": ScorerFactory(
        info=ScorerInfo(
            type="conversation-relevance",
            summary="The assistant's replies answer what was said before, each judged by itself.",
            threshold=ThresholdInfo(meaning="least share of relevant replies", default=0.5),
            score="share of the assistant's messages that are relevant",
            params={**COMMON_PARAMS, "window": "exchanges shown before a reply, 1 to 1000; 5 unless given"},
            asks=ASKS,
            deviation="Each reply is judged once with what came before; promptfoo judges sliding windows.",
            examples=(
                ScorerExample(scorer={"type": "conversation-relevance"}, passes="It left today.", fails="I like tea."),
            ),
        ),
        build=_build_turn_relevance,
    ),
    "goal-success": _goal_type("goal-success", "The user's goal was reached by the end of the conversation."),
    "trajectory-goal": _goal_type("trajectory-goal", "The steps show that the agent reached the goal."),
    "trajectory:goal-success": _goal_type(
        "trajectory:goal-success", "The same as `trajectory-goal` in promptfoo's words.", promptfoo=True
    ),
}
