"""The `python` scorer: any function of the project."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from promptship.domain import Score
from promptship.errors import PromptshipError, ScorerError, ScorerSetupError, did_you_mean
from promptship.scorers._criterion import (
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    UnjudgedError,
    shorten,
    show,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from promptship.domain import JsonObject, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

_ARGUMENTS = ("output", "data", "expected", "inputs", "case", "context", "config", "item")
_ALIASES = {"pass": "passed", "pass_": "passed", "score": "value", "label": "category"}
_FIELDS = ("value", "passed", "reason", "measure", "unit", "category", "confidence", "cost_usd", "definition")


class _PythonCriterion(Criterion):
    """Calls a function with what its parameters are called, and reads what it returns."""

    def __init__(self, spec: ScorerSpec, function: Callable[..., Any], location: str) -> None:
        self._function = function
        self._location = location
        self._threshold = spec.threshold
        self._config: JsonObject = _read_config(spec)
        self._names = _read_parameters(function, location)
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - the method itself is asked whether it is async
        )

    async def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        arguments = self._arguments(item)
        try:
            if self._is_async:
                found = await self._function(**arguments)
            else:
                # In a thread, since a function that waits for a network would hold up every other call.
                found = await asyncio.to_thread(self._function, **arguments)
        except (PromptshipError, UnjudgedError):
            raise
        except Exception as error:
            message = f"{self._location} raised {type(error).__name__}: {shorten(str(error))}"
            raise ScorerError(message) from error
        return self._read(found)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return f"satisfy {self._location}"

    def _arguments(self, item: ScoreInput) -> dict[str, Any]:
        case = item.case
        context = {"vars": case.inputs, "expected": case.expected, "tags": dict(case.tags), "config": self._config}
        known = {
            "output": text_of(item.output),
            "data": item.output.data,
            "expected": case.expected,
            "inputs": case.inputs,
            "case": case,
            "context": context,
            "config": self._config,
            "item": item,
        }
        return {name: known[name] for name in self._names}

    def _read(self, found: object) -> Score:
        match found:
            case bool():
                return self._verdict({"value": float(found), "passed": found})
            case int() | float():
                return self._verdict({"value": float(found)})
            case Score():
                return self._verdict({name: getattr(found, name) for name in _FIELDS})
            case dict():
                return self._verdict(self._read_fields(found))
            case _:
                raise self._wrong(f"returned {show(found)}", "return a bool, a number from 0 to 1, a dict, or a Score")

    def _read_fields(self, found: dict[Any, Any]) -> dict[str, Any]:
        fields = {_ALIASES.get(key, key): item for key, item in found.items()}
        unknown = [key for key in fields if key not in _FIELDS]
        if unknown:
            near = did_you_mean(str(unknown[0]), [*_FIELDS, "pass", "score", "label"])
            raise self._wrong(f"returned a dict with the key {unknown[0]!r}{near}", f"known: {', '.join(_FIELDS)}")
        passed = fields.get("passed")
        if "value" not in fields and isinstance(passed, bool):
            fields["value"] = float(passed)
        return fields

    def _verdict(self, fields: dict[str, Any]) -> Score:
        value, passed = fields.get("value"), fields.get("passed")
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1):
            raise self._wrong(f"returned the value {value!r}", "a value is a number from 0 to 1, or None to abstain")
        if passed is not None and not isinstance(passed, bool):
            raise self._wrong(f"returned passed = {passed!r}", "return True, False, or None to abstain")
        if passed is None and value is not None:
            passed = value > 0 if self._threshold is None else value >= self._threshold
        elif passed and self._threshold is not None and value is not None:
            passed = value >= self._threshold
        for name in ("measure", "confidence", "cost_usd"):
            self._check_number(name, fields.get(name))
        reason = "" if passed else shorten(str(fields.get("reason") or self._low(value, passed)))
        number = None if value is None else float(value)
        return Score(**{**fields, "value": number, "passed": passed, "reason": reason})

    def _low(self, value: float | None, passed: bool | None) -> str:  # noqa: FBT001 - None is a third answer
        if passed is None or value is None:
            return ""
        least = "more than 0" if self._threshold is None else f"{self._threshold:g}"
        return f"{self._location} says {value:.3g}; expected {least}"

    def _check_number(self, name: str, found: object) -> None:
        if found is None and name != "cost_usd":
            return
        if found is not None and (isinstance(found, bool) or not isinstance(found, int | float) or math.isnan(found)):
            raise self._wrong(f"returned {name} = {found!r}", f"{name} is a number")

    def _wrong(self, what: str, hint: str) -> ScorerError:
        return ScorerError(f"{self._location} {what}", hint=hint)


def _build_python(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    if not isinstance(spec.value, str):
        raise ScorerSetupError(f"{show(spec.value)} is no function", hint="write value: package.module:function")
    location = spec.value.removeprefix("python:")
    return _PythonCriterion(spec, _load_function(location, context.project_root), location)


def _load_function(location: str, root: Path | None) -> Callable[..., Any]:
    module_name, _, name = location.partition(":")
    if not name or not all(part.isidentifier() for part in (*module_name.split("."), *name.split("."))):
        raise ScorerSetupError(
            f"{show(location)} does not name a function",
            hint="write value: package.module:function; code and file:// paths are not taken",
        )
    with _on_path(root):
        try:
            found: Any = importlib.import_module(module_name)
        # A module that is a script may call sys.exit when imported.
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {shorten(str(error))}"
            raise ScorerSetupError(f"cannot import {module_name!r}: {reason}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            near = did_you_mean(part, [known for known in dir(found) if not known.startswith("_")])
            raise ScorerSetupError(f"{module_name!r} has no function {name!r}{near}")
        found = getattr(found, part)
    if not callable(found):
        raise ScorerSetupError(f"{location} is {show(found)}, which cannot be called")
    function: Callable[..., Any] = found
    return function


@contextmanager
def _on_path(root: Path | None) -> Iterator[None]:
    """Put the project's folder first on the import path for a while."""
    folder = None if root is None else str(root)
    if folder is not None:
        sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _read_parameters(function: Callable[..., Any], location: str) -> tuple[str, ...]:
    """Return the names by which the function wants to be called."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise ScorerSetupError(f"{location} does not tell its parameters", hint="wrap it in a function") from None
    named = [p for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}]
    unknown = [p.name for p in named if p.name not in _ARGUMENTS and p.default is p.empty]
    unknown += [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY and p.default is p.empty]
    if unknown:
        near = did_you_mean(unknown[0], _ARGUMENTS)
        raise ScorerSetupError(
            f"{location} has the parameter {unknown[0]!r}, which no scorer is given{near}",
            hint=f"parameters are filled by name: {', '.join(_ARGUMENTS)}",
        )
    return tuple(p.name for p in named if p.name in _ARGUMENTS)


def _read_config(spec: ScorerSpec) -> JsonObject:
    config = spec.params.get("config", {})
    if not isinstance(config, dict):
        raise ScorerSetupError(f"config is {show(config)}; expected an object")
    return config


_PYTHON = ScorerInfo(
    type="python",
    summary="A function of the project says so.",
    value="package.module:function, imported from the project's folder",
    value_is="required",
    threshold=ThresholdInfo(meaning="least value; more than 0 unless given"),
    score="what the function returns",
    params={"config": "an object that is handed to the function"},
    deviation=(
        "The function is named as Python names it; code in the YAML and file:// paths are refused. Parameters are"
        " filled by name. An exception makes the case an error, not a failure, and a value outside 0 to 1 is refused."
    ),
    examples=(ScorerExample(scorer={"type": "python", "value": "keyword:iskeyword"}, passes=None),),
)

SCORERS: Mapping[str, ScorerFactory] = {"python": ScorerFactory(info=_PYTHON, build=_build_python)}
