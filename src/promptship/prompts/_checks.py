"""Checks of values against a JSON Schema: simple schemas compiled to plain functions, the rest by `jsonschema`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

    from promptship.domain import JsonObject

__all__ = ["Check", "compile_check", "declared_inputs", "explain_value"]

Check: TypeAlias = Callable[[Any], bool]

_ANNOTATIONS = {"description", "title", "examples", "default", "$comment", "deprecated"}
_SIMPLE = {"type", "enum", "properties", "required", "additionalProperties", "items"}
_TYPES: dict[str, Check] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, dict),
}
_LONGEST_SHOWN = 80


def declared_inputs(schema: JsonObject) -> dict[str, Any]:
    """Return the schemas of the inputs that an object schema declares, by name."""
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def compile_check(schema: Any, root: Any) -> Check:
    """Return a function that says whether a value fits `schema`.

    Args:
        schema: A JSON Schema, `root` or a part of it.
        root: The schema that local references in `schema` are read in.
    """
    found = _compile(schema)
    return found if found is not None else _by_library(schema, root)


def explain_value(value: Any, schema: Any, root: Any) -> str:
    """Say in one sentence why `value` does not fit `schema`, naming the place inside it."""
    if isinstance(schema, dict) and set(schema) <= {"type", *_ANNOTATIONS}:
        return f"expected {_shown_type(schema.get('type'))}, got {_kind(value)} {_shown(value)}"
    try:
        errors = sorted(
            _validator(schema, root).iter_errors(value), key=lambda error: list(map(str, error.absolute_path))
        )
    except RecursionError:
        return "the schema refers to itself without end"
    if not errors:
        return f"{_shown(value)} does not fit the schema"
    error = errors[0]
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    message = error.message if len(error.message) <= 2 * _LONGEST_SHOWN else error.message[: 2 * _LONGEST_SHOWN] + " …"
    return f"{where.removeprefix('.')}: {message}" if where else message


def _compile(schema: Any) -> Check | None:
    """Compile a schema of the simple keywords; None where it has others."""
    if schema is True:
        return lambda _: True
    if not isinstance(schema, dict) or set(schema) - _SIMPLE - _ANNOTATIONS:
        return None
    parts = [_type_check(schema), _enum_check(schema), _object_check(schema), _items_check(schema)]
    if None in parts:
        return None
    checks = [part for part in parts if part is not None and part is not _anything]
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(check(value) for check in checks)


def _anything(_: Any) -> bool:
    return True


def _type_check(schema: dict[str, Any]) -> Check | None:
    named = schema.get("type")
    if named is None:
        return _anything
    names = [named] if isinstance(named, str) else named
    checks = [_TYPES[name] for name in names if name in _TYPES]
    if len(checks) == 1:
        return checks[0]
    return lambda value: any(check(value) for check in checks)


def _enum_check(schema: dict[str, Any]) -> Check | None:
    allowed = schema.get("enum")
    if allowed is None:
        return _anything
    if not all(isinstance(item, str) or item is None for item in allowed):
        return None
    return lambda value: (isinstance(value, str) or value is None) and value in allowed


def _items_check(schema: dict[str, Any]) -> Check | None:
    if "items" not in schema:
        return _anything
    check = _compile(schema["items"])
    if check is None:
        return None
    return lambda value: not isinstance(value, list | tuple) or all(map(check, value))


def _object_check(schema: dict[str, Any]) -> Check | None:
    if not {"properties", "required", "additionalProperties"} & set(schema):
        return _anything
    compiled = {key: _compile(item) for key, item in schema.get("properties", {}).items()}
    more = schema.get("additionalProperties", True)
    other = _compile(more) if more is not False else _nothing
    checks = {key: check for key, check in compiled.items() if check is not None}
    if len(checks) < len(compiled) or other is None:
        return None
    required = tuple(schema.get("required", ()))

    def check_object(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        return all(key in value for key in required) and all(
            checks.get(key, other)(item) for key, item in value.items()
        )

    return check_object


def _nothing(_: Any) -> bool:
    return False


def _by_library(schema: Any, root: Any) -> Check:
    validator = _validator(schema, root)

    def check(value: Any) -> bool:
        try:
            return bool(validator.is_valid(value))
        except RecursionError:
            return False

    return check


def _validator(schema: Any, root: Any) -> Validator:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend, validator_for

    kind: Any = validator_for(root, default=Draft202012Validator)
    checker = kind.TYPE_CHECKER.redefine("array", lambda _, value: isinstance(value, list | tuple))
    make: Any = extend
    whole: Validator = make(kind, type_checker=checker)(root)
    return whole if schema is root else whole.evolve(schema=schema)


def _shown_type(named: Any) -> str:
    return " or ".join(named) if isinstance(named, list) else str(named or "any value")


def _kind(value: Any) -> str:
    for name in ("null", "boolean", "integer", "number", "string", "array", "object"):
        if _TYPES[name](value):
            return name
    return type(value).__name__


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + " …"
