"""Inputs to try a prompt with: from its examples, its defaults, and its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import JsonObject, JsonValue

__all__ = ["sample_inputs"]

_VALUES: dict[str, JsonValue] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}
_DEEPEST = 10


def sample_inputs(schema: JsonObject, defaults: JsonObject, examples: Sequence[JsonObject]) -> JsonObject:
    """Return inputs that fit `schema`, as far as its simple keywords go.

    Args:
        schema: JSON Schema of the inputs.
        defaults: Values of inputs that are not given.
        examples: Few-shot rows; the first lends the values of its keys that are inputs.

    Example:
        >>> sample_inputs({"properties": {"name": {"type": "string"}}, "required": ["name"]}, {}, [])
        {'name': 'text'}
    """
    properties: Any = schema.get("properties") or {}
    row = examples[0] if examples else {}
    found: JsonObject = {}
    for name, inner in properties.items():
        if name in defaults:
            continue
        found[name] = row[name] if name in row else sample_value(inner)
    return found


def sample_value(schema: Any, depth: int = 0) -> JsonValue:
    """Return a value of a schema's type: its first enumerated value, one item for a list, every field of an object."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return "text"
    for key in ("default", "const"):
        if key in schema:
            return schema[key]  # type: ignore[no-any-return]  # JSON, as everything in a schema is
    if schema.get("enum"):
        return schema["enum"][0]  # type: ignore[no-any-return]  # see above
    named = schema.get("type", "string")
    kind = named[0] if isinstance(named, list) and named else named
    if kind == "object":
        return {key: sample_value(inner, depth + 1) for key, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample_value(schema.get("items", {}), depth + 1)]
    return _VALUES.get(str(kind), "text")
