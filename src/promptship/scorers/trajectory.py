"""Scorers of the steps that led to an answer: which tools were called, in which order, with which arguments."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from promptship.domain import Score
from promptship.errors import ScorerSetupError, did_you_mean
from promptship.scorers._criterion import (
    PASSED,
    Comparison,
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    fail,
    show,
)
from promptship.scorers._json import parse_json, same_json
from promptship.scorers._tool_calls import list_names, read_names, read_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promptship.domain import JsonObject, JsonValue, Output, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

_ORDERS = ("in-order", "exact", "any-order")


def _build_trajectory(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    order = spec.params.get("order", "in-order")
    if order not in _ORDERS:
        raise ScorerSetupError(f"order is {order!r}; expected one of {', '.join(_ORDERS)}")
    return _sequence(spec, str(order), read_names)


def _build_sequence(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    value: Any = spec.value if isinstance(spec.value, dict) else {"steps": spec.value}
    _refuse_keys(value, ("steps", "mode"))
    mode = value.get("mode", "in_order")
    if mode not in {"in_order", "exact"}:
        raise ScorerSetupError(f"mode is {mode!r}; expected in_order or exact")

    def prepare(_: JsonValue, references: tuple[str, ...]) -> tuple[str, ...]:
        return read_names(value.get("steps"), references)

    return _sequence(spec, mode.replace("_", "-"), prepare)


def _sequence(
    spec: ScorerSpec, order: str, prepare: Callable[[JsonValue, tuple[str, ...]], tuple[str, ...]]
) -> Criterion:
    def compare(output: Output, expected: tuple[str, ...]) -> Score:
        called = [call.name for call in read_steps(output)]
        if _is_trajectory(called, expected, order):
            return PASSED
        return fail(f"called {list_names(called)}; expected {list_names(expected)} ({order})")

    return Comparison(
        spec, prepare=prepare, compare=compare, claim=lambda expected: f"call {list_names(expected)} ({order})"
    )


def _is_trajectory(called: Sequence[str], expected: Sequence[str], order: str) -> bool:
    if order == "exact":
        return list(called) == list(expected)
    if order == "any-order":
        return not Counter(expected) - Counter(called)
    # One iterator for all names: each is looked for after the one before it.
    rest = iter(called)
    return all(name in rest for name in expected)


class _Count(Criterion):
    """The number of steps that match is within bounds."""

    def __init__(self, count: Callable[[Output], int], bounds: tuple[int, int | None], what: str) -> None:
        self._count = count
        self._low, self._high = bounds
        self._what = what

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        count = self._count(item.output)
        if count >= self._low and (self._high is None or count <= self._high):
            return Score(value=1.0, passed=True, measure=float(count), unit="steps")
        return fail(f"{count} of {self._what}; expected {self._span()}", measure=float(count), unit="steps")

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return f"have {self._span()} of {self._what}"

    def _span(self) -> str:
        return f"{self._low} or more" if self._high is None else f"{self._low} to {self._high}"


class _AllUsed(Criterion):
    """Every tool of a list was called."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        called = {call.name for call in read_steps(item.output)}
        missing = [name for name in self._names if name not in called]
        return fail(f"did not call {list_names(missing)}; called {list_names(sorted(called))}") if missing else PASSED

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return f"call {list_names(self._names)}"


def _build_used(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    if not isinstance(spec.value, dict):
        whole: JsonValue = [spec.value] if isinstance(spec.value, str) else spec.value
        return _AllUsed(read_names(whole, ()))
    _refuse_keys(spec.value, ("pattern", "min", "max"))
    pattern = _read_pattern(spec.value.get("pattern"))
    bounds = _read_bounds(spec.value, low=1)

    def count(output: Output) -> int:
        return sum(fnmatchcase(call.name, pattern) for call in read_steps(output))

    return _Count(count, bounds, f"tool calls like {pattern!r}")


def _build_step_count(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    if not isinstance(spec.value, dict) or not {"min", "max"} & spec.value.keys():
        raise ScorerSetupError(f"{show(spec.value)} has neither min nor max")
    _refuse_keys(spec.value, ("type", "pattern", "min", "max"))
    kind = spec.value.get("type")
    if kind not in {None, "model", "tool", "retrieval"}:
        raise ScorerSetupError(f"type is {kind!r}; expected model, tool or retrieval")
    pattern = _read_pattern(spec.value.get("pattern", "*"))
    bounds = _read_bounds(spec.value, low=0)

    def count(output: Output) -> int:
        return sum(kind in {None, step.kind} and fnmatchcase(step.name, pattern) for step in output.steps)

    return _Count(count, bounds, f"{kind or 'all'} steps like {pattern!r}")


def _read_pattern(value: JsonValue) -> str:
    if not isinstance(value, str) or not value:
        raise ScorerSetupError(f"pattern is {value!r}; expected a tool name, with * and ? for what may differ")
    return value


def _read_bounds(value: JsonObject, *, low: int) -> tuple[int, int | None]:
    bounds = (value.get("min", low), value.get("max"))
    least, most = bounds
    if not _is_count(least) or not (most is None or _is_count(most)):
        raise ScorerSetupError(f"min and max are {least!r} and {most!r}; expected whole numbers")
    if most is not None and least > most:  # type: ignore[operator]  # both are whole numbers
        raise ScorerSetupError(f"min {least} is more than max {most}")
    return bounds  # type: ignore[return-value]  # checked just above


def _is_count(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _refuse_keys(value: JsonObject, known: tuple[str, ...]) -> None:
    unknown = [key for key in value if key not in known]
    if unknown:
        near = did_you_mean(unknown[0], known)
        raise ScorerSetupError(f"the value has the key {unknown[0]!r}; expected {', '.join(known)}{near}")


class _ArgumentsMatch(Criterion):
    """Some call of a tool has the expected arguments."""

    def __init__(self, value: JsonObject) -> None:
        _refuse_keys(value, ("name", "pattern", "args", "arguments", "mode", "defaults", "ignore"))
        self._pattern = _read_pattern(value.get("name", value.get("pattern")))
        self._glob = "name" not in value
        self._exact = _read_mode(value.get("mode", "partial"))
        ignore = value.get("ignore", [])
        self._ignored = tuple(map(str, ignore if isinstance(ignore, list) else [ignore]))
        self._defaults = _read_object(value, "defaults", default={})
        expected = _read_object(value, "args" if "args" in value else "arguments")
        self._expected = {key: item for key, item in expected.items() if not self._is_ignored(key)}

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        calls = [call for call in read_steps(item.output) if self._is_meant(call.name)]
        if not calls:
            return fail(f"did not call {self._pattern}")
        if any(self._matches(call.arguments) for call in calls):
            return PASSED
        return fail(f"called {self._pattern} with {show(calls[0].arguments)}; expected {show(self._expected)}")

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return f"call {self._pattern} with {show(self._expected)}"

    def _is_meant(self, name: str) -> bool:
        return fnmatchcase(name, self._pattern) if self._glob else name == self._pattern

    def _is_ignored(self, key: str) -> bool:
        return any(fnmatchcase(key, pattern) if "*" in pattern or "?" in pattern else key == pattern
                   for pattern in self._ignored)  # fmt: skip

    def _matches(self, arguments: JsonValue) -> bool:
        if isinstance(arguments, str):
            try:
                arguments = parse_json(arguments)
            except ValueError:
                return False
        if not isinstance(arguments, dict):
            return False
        kept = {
            key: item
            for key, item in arguments.items()
            if not self._is_ignored(key) and not (key in self._defaults and same_json(item, self._defaults[key]))
        }
        return same_json(kept, self._expected) if self._exact else _holds(kept, self._expected)


def _holds(have: JsonValue, want: JsonValue) -> bool:
    """Tell whether `want` is a part of `have`, object by object."""
    if isinstance(have, dict) and isinstance(want, dict):
        return all(key in have and _holds(have[key], item) for key, item in want.items())
    return same_json(have, want)


def _read_mode(mode: JsonValue) -> bool:
    if mode not in {"partial", "exact"}:
        raise ScorerSetupError(f"mode is {mode!r}; expected partial or exact")
    return mode == "exact"


def _read_object(value: JsonObject, key: str, *, default: JsonObject | None = None) -> JsonObject:
    found = value.get(key, default)
    if not isinstance(found, dict):
        raise ScorerSetupError(f"{key} is {show(found)}; expected an object of arguments")
    return found


def _build_arguments(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    if not isinstance(spec.value, dict):
        raise ScorerSetupError(
            f"{show(spec.value)} is not an object", hint="write {name: search, args: {query: shoes}}"
        )
    return _ArgumentsMatch(spec.value)


def _steps(*names: str) -> JsonValue:
    steps: list[JsonValue] = [{"kind": "tool", "name": name, "input": {"query": "shoes", "page": 1}} for name in names]
    return {"text": "Done.", "steps": steps}


_NO_TRACE = (
    "Steps come from the output itself, not from a trace; where there are none, the tool calls of the answer are taken,"
    " and without those no tool was called."
)
_TRAJECTORY = ScorerInfo(
    type="trajectory",
    summary="The tools were called in this order.",
    value="a list of tool names",
    value_is="compared",
    params={
        "order": "in-order (default; others may come between), exact (nothing else), any-order (as often at least)"
    },
    origin="promptship",
    examples=(
        ScorerExample(
            scorer={"type": "trajectory"},
            expected=["search", "reply"],
            passes=_steps("search", "look", "reply"),
            fails=_steps("reply", "search"),
        ),
        ScorerExample(
            scorer={"type": "trajectory", "value": ["search", "reply"], "order": "exact"},
            passes=_steps("search", "reply"),
            fails=_steps("search", "look", "reply"),
        ),
    ),
)
_USED = ScorerInfo(
    type="trajectory:tool-used",
    summary="These tools were called, or tools like a pattern so many times.",
    value="a tool name, a list of which all must be called, or {pattern, min, max}; min is 1 unless given",
    value_is="required",
    measure="matching calls, where a pattern counts them",
    deviation=_NO_TRACE,
    examples=(
        ScorerExample(
            scorer={"type": "trajectory:tool-used", "value": {"pattern": "search*", "max": 2}},
            passes=_steps("search_orders"),
            fails=_steps("reply"),
        ),
    ),
)
_ARGUMENTS = ScorerInfo(
    type="trajectory:tool-args-match",
    summary="Some call of the tool has these arguments.",
    value=(
        "{name or pattern, args or arguments, mode: partial (default) or exact, defaults: arguments that may be there"
        " with this value, ignore: names of arguments that do not count}"
    ),
    value_is="required",
    deviation=_NO_TRACE,
    examples=(
        ScorerExample(
            scorer={"type": "trajectory:tool-args-match", "value": {"name": "search", "args": {"query": "shoes"}}},
            passes=_steps("search"),
            fails=_steps("look"),
        ),
        ScorerExample(
            scorer={
                "type": "trajectory:tool-args-match",
                "value": {"name": "search", "args": {"query": "shoes"}, "mode": "exact", "defaults": {"page": 1}},
            },
            passes=_steps("search"),
            fails={"text": "", "steps": [{"kind": "tool", "name": "search", "input": {"query": "shoes", "page": 2}}]},
        ),
    ),
)
_SEQUENCE = ScorerInfo(
    type="trajectory:tool-sequence",
    summary="The tools were called in this order; the same as `trajectory` in promptfoo's words.",
    value="a list of tool names, or {steps, mode: in_order (default) or exact}",
    value_is="required",
    deviation=_NO_TRACE,
    examples=(
        ScorerExample(
            scorer={"type": "trajectory:tool-sequence", "value": {"steps": ["search", "reply"], "mode": "exact"}},
            passes=_steps("search", "reply"),
            fails=_steps("search", "look", "reply"),
        ),
    ),
)
_STEP_COUNT = ScorerInfo(
    type="trajectory:step-count",
    summary="So many steps were made.",
    value="{min, max, type: model, tool or retrieval, pattern of names}",
    value_is="required",
    measure="steps",
    deviation="Step types are ours: model, tool and retrieval. " + _NO_TRACE,
    examples=(
        ScorerExample(
            scorer={"type": "trajectory:step-count", "value": {"type": "tool", "max": 2}},
            passes=_steps("search", "reply"),
            fails=_steps("search", "search", "reply"),
        ),
    ),
)

SCORERS: Mapping[str, ScorerFactory] = {
    "trajectory": ScorerFactory(info=_TRAJECTORY, build=_build_trajectory),
    "trajectory:tool-used": ScorerFactory(info=_USED, build=_build_used),
    "trajectory:tool-args-match": ScorerFactory(info=_ARGUMENTS, build=_build_arguments),
    "trajectory:tool-sequence": ScorerFactory(info=_SEQUENCE, build=_build_sequence),
    "trajectory:step-count": ScorerFactory(info=_STEP_COUNT, build=_build_step_count),
}
