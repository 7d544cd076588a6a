"""Scorers of the tools that an answer calls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from promptship.domain import Score
from promptship.errors import ScorerSetupError, did_you_mean
from promptship.scorers._criterion import (
    PASSED,
    Comparison,
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    fail,
    show,
)
from promptship.scorers._json import parse_json
from promptship.scorers._schemas import compile_schema
from promptship.scorers._tool_calls import CalledTool, list_names, read_calls, read_names, read_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptship.domain import JsonObject, JsonValue, Output, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

_Checks: TypeAlias = "Mapping[str, Callable[[JsonValue], str | None]]"


class _ValidCalls(Criterion):
    """The answer calls tools, all of them known and with arguments that fit their schemas."""

    def __init__(self, checks: _Checks, *, single: bool) -> None:
        self._checks = checks
        self._single = single

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        calls = read_calls(item.output)
        if not calls:
            return fail("calls no tool")
        if self._single and len(calls) > 1:
            return fail(f"calls {len(calls)} functions; expected one")
        wrong = next((reason for reason in map(self._wrong, calls) if reason), None)
        return PASSED if wrong is None else fail(wrong)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return "make valid tool calls"

    def _wrong(self, call: CalledTool) -> str | None:
        check = self._checks.get(call.name)
        if check is None:
            return f"calls {call.name!r}, which is not a tool{did_you_mean(call.name, self._checks)}"
        arguments = call.arguments
        if isinstance(arguments, str):
            try:
                arguments = parse_json(arguments) if arguments.strip() else {}
            except ValueError as error:
                return f"the arguments of {call.name!r} are not JSON: {error}"
        if not isinstance(arguments, dict):
            return f"the arguments of {call.name!r} are {show(arguments)}, not an object"
        wrong = check(arguments)
        return f"the arguments of {call.name!r} do not fit: {wrong}" if wrong else None


def _build_valid(spec: ScorerSpec, context: ScorerContext, *, single: bool) -> Criterion:
    written = spec.value if spec.has_value else list(context.tools)
    if not isinstance(written, list) or not written:
        raise ScorerSetupError(
            f"{spec.type} knows no tools to check calls against",
            hint="declare `tools` in the prompt, or write their definitions as `value`",
        )
    return _ValidCalls(dict(map(_read_tool, written)), single=single)


def _read_tool(tool: JsonValue) -> tuple[str, Callable[[JsonValue], str | None]]:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise ScorerSetupError(
            f"{show(tool)} is no tool definition", hint="write {type: function, function: {name, parameters}}"
        )
    schema = next((function[key] for key in ("parameters", "input_schema", "inputSchema") if key in function), True)
    return str(function["name"]), compile_schema(schema)


def _build_call_f1(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    threshold = 1.0 if spec.threshold is None else spec.threshold

    def compare(output: Output, expected: tuple[str, ...]) -> Score:
        wanted = set(expected)
        called = {call.name for call in (*read_calls(output), *read_steps(output))}
        value = 2.0 * len(wanted & called) / (len(wanted) + len(called))
        if value >= threshold:
            return Score(value=value, passed=True)
        return fail(f"called {list_names(sorted(called))}; expected {list_names(sorted(wanted))}", value=value)

    return Comparison(
        spec,
        prepare=read_names,
        compare=compare,
        claim=lambda expected: f"call {list_names(expected)}",
    )


_CALL = '{"tool_calls": [{"function": {"name": "%s", "arguments": "{\\"city\\": %s}"}}]}'
_WEATHER: JsonObject = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
    },
}
_VALID_DEVIATION = (
    "The tools are the prompt's own, or those in `value`. All calls are checked, with every known shape of arguments;"
    " results of MCP servers are not looked at."
)


def _valid_info(name: str, what: str) -> ScorerInfo:
    return ScorerInfo(
        type=name,
        summary=f"The output calls {what}, by a name that exists and with arguments that fit the schema.",
        value="a list of tool definitions; those of the prompt unless given",
        value_is="optional",
        deviation=_VALID_DEVIATION,
        examples=(
            ScorerExample(
                scorer={"type": name, "value": [_WEATHER]},
                passes=_CALL % ("get_weather", '\\"Bonn\\"'),
                fails=_CALL % ("get_weather", "53"),
            ),
        ),
    )


_CALL_F1 = ScorerInfo(
    type="tool-call-f1",
    summary="The set of tools that were called is the expected one: harmonic mean of precision and recall.",
    value="a list of tool names, or text with commas",
    value_is="compared",
    threshold=ThresholdInfo(meaning="least F1", default=1.0),
    score="F1 of the sets of names",
    deviation="Tools called on the way to the answer (its steps) count too, not only those in the last message.",
    examples=(
        ScorerExample(
            scorer={"type": "tool-call-f1", "value": ["get_weather", "book_flight"], "threshold": 0.6},
            passes=_CALL % ("get_weather", '\\"Bonn\\"'),
            fails="It is sunny.",
        ),
    ),
)

SCORERS: Mapping[str, ScorerFactory] = {
    "is-valid-openai-tools-call": ScorerFactory(
        info=_valid_info("is-valid-openai-tools-call", "one or more tools"), build=partial(_build_valid, single=False)
    ),
    "is-valid-openai-function-call": ScorerFactory(
        info=_valid_info("is-valid-openai-function-call", "one function"), build=partial(_build_valid, single=True)
    ),
    "is-valid-function-call": ScorerFactory(
        info=_valid_info("is-valid-function-call", "one function"), build=partial(_build_valid, single=True)
    ),
    "tool-call-f1": ScorerFactory(info=_CALL_F1, build=_build_call_f1),
}
