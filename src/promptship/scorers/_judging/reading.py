"""What a judge is shown of an output and its case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from promptship.errors import ScorerSetupError, did_you_mean
from promptship.scorers._criterion import text_of

if TYPE_CHECKING:
    from promptship.domain import Case, JsonObject, JsonValue, Output, ScoreInput, ScorerSpec

__all__ = [
    "INPUT_PARAM",
    "contexts_of",
    "conversation_of",
    "expected_of",
    "input_name",
    "render_turns",
    "request_of",
    "steps_of",
    "text_of",
]

INPUT_PARAM: Final = {
    "input": "the input of the case that holds the question; `query`, `question` or all inputs unless given"
}
_ASKED: Final = ("query", "question")
_PASSAGES: Final = ("context", "contexts")
_BEFORE: Final = ("history", "messages", "conversation")
_LONGEST_STEP: Final = 4_000


def request_of(case: Case, name: str = "") -> str:
    """Return what was asked: the input of this name; else `query` or `question`; else all inputs but passages.

    Raises:
        ScorerSetupError: The case has no input of this name.
    """
    inputs = case.inputs
    if name:
        if name not in inputs:
            raise ScorerSetupError(f"the case has no input {name!r}{did_you_mean(name, inputs)}")
        return _text(inputs[name])
    for known in _ASKED:
        if known in inputs:
            return _text(inputs[known])
    rest = {key: value for key, value in inputs.items() if key not in {*_PASSAGES, *_BEFORE}}
    if len(rest) == 1:
        return _text(next(iter(rest.values())))
    return "\n".join(f"{key}: {_text(value)}" for key, value in rest.items())


def input_name(spec: ScorerSpec) -> str:
    """Return the name of the input that holds the question; "" where the scorer names none.

    Raises:
        ScorerSetupError: It is no text.
    """
    found = spec.params.get("input", "")
    if not isinstance(found, str):
        raise ScorerSetupError(f"input is {found!r}; expected the name of an input of the case")
    return found


def expected_of(case: Case) -> str:
    """Return the answer that a case expects as text, or its first reference; "" where it has none."""
    if case.expected is not None:
        return _text(case.expected)
    return case.references[0] if case.references else ""


def contexts_of(item: ScoreInput) -> list[str]:
    """Return the passages: those that the output was made from; else the case's; else its input `context`."""
    rows = item.output.contexts or item.case.contexts
    if rows:
        return [_text(row.get("text", row)) for row in rows]
    for name in _PASSAGES:
        found = item.case.inputs.get(name)
        if found:
            return [_text(one) for one in found] if isinstance(found, list) else [_text(found)]
    return []


def conversation_of(item: ScoreInput) -> list[JsonObject]:
    """Return the messages up to and including the answer: the output's where they are a whole conversation."""
    answer: JsonObject = {"role": "assistant", "content": text_of(item.output)}
    own = list(item.output.messages)
    if any(message.get("role") == "user" for message in own):
        return own
    before = next((item.case.inputs[name] for name in _BEFORE if isinstance(item.case.inputs.get(name), list)), [])
    messages = [message for message in before if isinstance(message, dict)]  # type: ignore[union-attr]  # a list
    asked = request_of(item.case)
    if asked and not (messages and messages[-1].get("role") == "user"):
        messages.append({"role": "user", "content": asked})
    return [*messages, *(own or [answer])]


def render_turns(messages: list[JsonObject]) -> str:
    """Render messages for a judge to read, one after another, each under its number and role."""
    return "\n\n".join(
        f"[{number}] {message.get('role', 'user')}:\n{_content(message)}" for number, message in enumerate(messages, 1)
    )


def steps_of(output: Output) -> str:
    """Render the steps of an output; "" where there are none."""
    lines = []
    for number, step in enumerate(output.steps, 1):
        lines.append(f"[{number}] {step.kind} {step.name}")
        lines.extend(
            f"  {label}: {_text(value)[:_LONGEST_STEP]}"
            for label, value in (("input", step.input), ("output", step.output), ("error", step.error))
            if value is not None
        )
    return "\n".join(lines)


def _content(message: JsonObject) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    calls = message.get("tool_calls")
    called = f"\n(calls {_text(calls)})" if calls else ""
    return f"{_text(content) if content is not None else ''}{called}"


def _text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError, RecursionError):
        return str(value)
