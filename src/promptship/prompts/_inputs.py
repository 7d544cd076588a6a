"""Inputs of a render: checked against the schema, completed with defaults, and wrapped where they are untrusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptship.domain import Message
from promptship.errors import InputError, did_you_mean
from promptship.prompts._checks import compile_check, declared_inputs, explain_value
from promptship.prompts._sandbox import NotGiven
from promptship.prompts._taint import Untrusted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import Closure, JsonObject
    from promptship.prompts._checks import Check

__all__ = ["InputBinder"]

_DEEPEST = 64
_MOST_SHOWN = 20


class InputBinder:
    """Turns the inputs of one call into the variables of the template.

    Args:
        closure: The prompt.
        name: Its name, for messages.
        takes_history: Whether the template has `{% history %}`.
    """

    def __init__(self, closure: Closure, *, name: str, takes_history: bool) -> None:
        schema = closure.input_schema
        properties = declared_inputs(schema)
        required: Any = schema.get("required") or []
        self._name = name
        self._schema = schema
        self._takes_history = takes_history
        self._defaults = closure.defaults
        self._untrusted = frozenset(key for key, trust in closure.trust.items() if trust == "untrusted")
        self._known = tuple(properties)
        self._checks: dict[str, Check] = {key: compile_check(value, schema) for key, value in properties.items()}
        self._required = tuple(key for key in required if key not in closure.defaults)
        self._whole = _whole_check(schema)
        self._absent = {key: NotGiven(hint=f"the optional input {key!r} was not given") for key in properties}
        self._takes_more = schema.get("additionalProperties", False) is not False

    @property
    def names(self) -> tuple[str, ...]:
        """Declared inputs."""
        return self._known

    def bind(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Message, ...]]:
        """Check inputs and return the template's variables and the history.

        Raises:
            InputError: Missing, extra or mistyped inputs; all that are wrong.
        """
        given = {**self._defaults, **inputs} if self._defaults else dict(inputs)
        history = self._read_history(given.pop("history")) if "history" in given else ()
        problems = [self._missing(key, inputs) for key in self._required if key not in given]
        variables: dict[str, Any] = self._absent.copy()
        for key, value in given.items():
            self._bind_one(key, value, variables, problems)
        if not problems and self._whole is not None and not self._whole(given):
            problems.append(explain_value(given, self._schema, self._schema))
        if problems:
            raise InputError(_report(self._name, problems))
        return variables, history

    def _bind_one(self, key: str, value: Any, variables: dict[str, Any], problems: list[str]) -> None:
        check = self._checks.get(key)
        if check is None and not self._takes_more:
            problems.append(f"unexpected input {key!r}{did_you_mean(str(key), self._known)}")
            return
        if check is not None and not check(value):
            schema = declared_inputs(self._schema)[key]
            problems.append(f"input {key!r}: {explain_value(value, schema, self._schema)}")
            return
        untrusted = key in self._untrusted
        fault = _text_fault(value, untrusted=untrusted, depth=0)
        if fault:
            problems.append(f"input {key!r} {fault}")
            return
        wrapped = untrusted and not (value is None or isinstance(value, bool | int | float))
        variables[key] = Untrusted(value, key) if wrapped else value

    def _missing(self, key: str, inputs: Mapping[str, Any]) -> str:
        extra = [name for name in inputs if name not in self._checks]
        return f"missing input {key!r}{did_you_mean(key, extra).replace('did you mean', 'given was')}"

    def _read_history(self, value: Any) -> tuple[Message, ...]:
        if not self._takes_history:
            message = f"{self._name}: the input 'history' has no place: the template has no {{% history %}}"
            raise InputError(message, hint="put {% history %} where earlier messages belong")
        if not isinstance(value, list | tuple):
            raise InputError(f"{self._name}: input 'history': expected a list of messages, not {type(value).__name__}")
        messages = []
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise InputError(f"{self._name}: history[{index}]: expected a message object, not {item!r}")
            try:
                messages.append(Message.from_json(item))
            except ValueError as error:
                raise InputError(f"{self._name}: history[{index}]: {error}") from None
        return tuple(messages)


def _report(name: str, problems: list[str]) -> str:
    shown = problems[:_MOST_SHOWN]
    if len(problems) > _MOST_SHOWN:
        shown.append(f"… and {len(problems) - _MOST_SHOWN} more")
    return f"{name}: {'; '.join(shown)}"


def _whole_check(schema: JsonObject) -> Check | None:
    """Return a check of the whole object, where the schema says more than its properties do; None otherwise."""
    said = set(schema) - {"type", "properties", "required", "additionalProperties", "description", "title", "$schema"}
    said -= {"$defs", "definitions", "$id", "$comment", "examples", "default"}
    more = schema.get("additionalProperties", False)
    return compile_check(schema, schema) if said or isinstance(more, dict) else None


def _text_fault(value: Any, *, untrusted: bool, depth: int) -> str | None:
    """Return what is wrong with the text in `value`; None for nothing."""
    if isinstance(value, str):
        return _string_fault(value, untrusted=untrusted)
    if isinstance(value, list | tuple | dict):
        if depth >= _DEEPEST:
            return f"is nested deeper than {_DEEPEST} levels"
        items = [*value, *value.values()] if isinstance(value, dict) else value
        for item in items:
            fault = _text_fault(item, untrusted=untrusted, depth=depth + 1)
            if fault:
                return fault
        return None
    if value is None or isinstance(value, bool | int | float):
        return None
    return f"holds a {type(value).__name__}, which is no JSON"


def _string_fault(text: str, *, untrusted: bool) -> str | None:
    if not untrusted and ("\x02" in text or "\x03" in text):
        return "holds one of the control characters U+0002 and U+0003, which a trusted value may not"
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds a lone surrogate, which UTF-8 cannot carry"
    return None
