"""The tool calls of an output, in whatever shape the target gave them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import show, text_of
from promptship.scorers._json import find_json, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import JsonObject, JsonValue, Output

__all__ = ["CalledTool", "list_names", "read_calls", "read_names", "read_steps"]


@dataclass(frozen=True, slots=True)
class CalledTool:
    """A tool that was called; `arguments` is an object, or JSON text as the model wrote it."""

    name: str
    arguments: JsonValue


def read_calls(output: Output) -> list[CalledTool]:
    """Return the calls that the answer itself asks for: those of its messages, else those that its text is."""
    found = [call for message in output.messages for call in _read_message(message)]
    return found or _read_text_calls(output)


def read_steps(output: Output) -> list[CalledTool]:
    """Return the tools called on the way to the answer, in order; where no step is known, those the answer asks for."""
    # An agent's steps hold the calls of every round, its last message those of the last one at most.
    steps = [CalledTool(step.name, step.input) for step in output.steps if step.kind == "tool"]
    return steps or read_calls(output)


def _read_text_calls(output: Output) -> list[CalledTool]:
    """Return calls in the shapes of OpenAI, Anthropic and Google that data or text of an output hold."""
    if output.data is not None:
        return list(_read_value(output.data))
    text = text_of(output)
    try:
        return list(_read_value(parse_json(text)))
    except ValueError:
        return [call for value in find_json(text) for call in _read_value(value)]


def _read_message(message: JsonObject) -> Iterator[CalledTool]:
    if isinstance(message.get("function_call"), dict):
        yield from _read_one(message["function_call"])
    for key in ("tool_calls", "content"):
        yield from _read_list(message.get(key))


def _read_value(value: JsonValue) -> Iterator[CalledTool]:
    match value:
        case list():
            yield from _read_list(value)
        case {"tool_calls": list(calls)} | {"toolCall": {"functionCalls": list(calls)}}:
            yield from _read_list(calls)
        case {"function_call": dict(call)}:
            yield from _read_one(call)
        case {"name": str(), **rest} if _ARGUMENTS.isdisjoint(rest):
            # Any object may have a name; only in a list of calls is the name enough.
            return
        case _:
            yield from _read_one(value)


def _read_list(values: JsonValue) -> Iterator[CalledTool]:
    for value in values if isinstance(values, list) else ():
        yield from _read_one(value)


_ARGUMENTS = frozenset({"arguments", "args", "input", "parameters"})
_CONTENT = ("text", "image_url", "input_audio", "file")


def _read_one(value: JsonValue) -> Iterator[CalledTool]:
    if not isinstance(value, dict) or value.get("type") in _CONTENT:
        return
    inner = value.get("function", value.get("functionCall"))
    name = value.get("name")
    if isinstance(inner, dict):
        yield from _read_one(inner)
    elif isinstance(name, str):
        yield CalledTool(name, next((value[key] for key in value if key in _ARGUMENTS), {}))


def read_names(value: JsonValue, references: tuple[str, ...]) -> tuple[str, ...]:
    """Read the names of tools: a list, or text with commas.

    Raises:
        ScorerSetupError: It is neither, or there is no name in it.
    """
    del references
    written = value.split(",") if isinstance(value, str) else value
    if not isinstance(written, list) or not all(isinstance(name, str) for name in written):
        raise ScorerSetupError(f"{show(value)} is not a list of tool names")
    names = tuple(name for name in (str(name).strip() for name in written) if name)
    if not names:
        raise ScorerSetupError("the list of expected tools is empty", hint="not-trajectory:tool-used forbids a tool")
    return names


def list_names(names: Sequence[str]) -> str:
    """Join names for a message."""
    return ", ".join(names) or "no tool"
