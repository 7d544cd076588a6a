"""Fields as prompty describes them, by kind, to Picoschema and JSON Schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.converters._ledger import Ledger
    from promptship.domain import JsonObject, JsonValue

__all__ = ["FieldReader"]

_KINDS: Final = {
    **{kind: kind for kind in ("string", "integer", "number", "boolean", "any", "object", "array", "null")},
    "float": "number",
    "int": "integer",
    "bool": "boolean",
    "str": "string",
    "list": "array",
    "dict": "object",
}
_WORDS: Final = {"kind", "type", "description", "default", "required", "properties", "items", "enumValues", "enum"}


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Reads descriptions of fields: `{name: {kind, …}}`, `{properties: [{name, kind, …}]}`, or `{name: value}`."""

    ledger: Ledger

    def described(self, value: Any) -> dict[str, dict[str, Any]]:
        """Return the description of each field by name; a plain value describes a field by being its default."""
        if isinstance(value, dict) and isinstance(value.get("properties"), list | dict):
            value = value["properties"]
        if isinstance(value, list):
            return {str(one["name"]): one for one in value if isinstance(one, dict) and "name" in one}
        found = {}
        for name, one in value.items() if isinstance(value, dict) else ():
            is_description = isinstance(one, dict) and {"kind", "type", "default"} & one.keys() and one.keys() <= _WORDS
            found[name] = one if is_description else {"kind": _kind_of(one), "default": one}
        return found

    def fields(self, described: Mapping[str, Mapping[str, Any]]) -> JsonObject:
        """Return Picoschema keys and types; a field with a default is required, as its default stands in for it."""
        return dict(self._field(name, one) for name, one in described.items())

    def schema(self, value: Any, *, line: int) -> JsonObject:
        """Return the JSON Schema of an object with these fields; one that is JSON Schema already stays."""
        if isinstance(value, dict) and isinstance(value.get("properties"), dict) and value.get("type") == "object":
            return value
        described = self.described(value)
        if value and not described:
            self.ledger.add("lost", "schema", "a description of fields cannot be read", line=line)
        properties: JsonObject = {name: _json_schema(one) for name, one in described.items()}
        required: list[JsonValue] = [name for name, one in described.items() if one.get("required", True)]
        made: JsonObject = {"type": "object", "properties": properties}
        return {**made, "required": required} if required else made

    def _field(self, name: str, described: Mapping[str, Any]) -> tuple[str, JsonValue]:
        mark = "" if described.get("required", True) or "default" in described else "?"
        schema = _json_schema(described)
        enum = schema.get("enum")
        if enum:
            return f"{name}{mark}(enum)", enum
        kind = schema.get("type", "any")
        if kind == "array":
            items = schema.get("items")
            return f"{name}{mark}(array)", self._inner(items if isinstance(items, dict) else {})
        if kind == "object":
            return f"{name}{mark}(object)", self._inner(schema)
        text = described.get("description")
        return f"{name}{mark}", f"{kind}, {text}" if isinstance(text, str) and text else kind

    def _inner(self, schema: JsonObject) -> JsonValue:
        """Return Picoschema of an item or an object; one without known fields may have any."""
        kind = str(schema.get("type", "any"))
        if kind == "object":
            properties = schema.get("properties")
            known: Any = properties if isinstance(properties, dict) else {}
            return dict(self._field(name, {**one, "required": False}) for name, one in known.items()) | {"(*)": "any"}
        return "any" if kind == "array" else kind


def _json_schema(described: Mapping[str, Any]) -> JsonObject:
    kind = str(described.get("kind") or described.get("type") or "any").lower()
    made: JsonObject = {}
    if _KINDS.get(kind, "any") != "any":
        made["type"] = _KINDS[kind]
    if isinstance(described.get("description"), str):
        made["description"] = described["description"]
    values = described.get("enumValues") or described.get("enum")
    if isinstance(values, list):
        made["enum"] = values
    if isinstance(described.get("items"), dict):
        made["items"] = _json_schema(described["items"])
    inner = described.get("properties")
    if made.get("type") == "object" and isinstance(inner, dict) and inner:
        made["properties"] = {name: _json_schema(one) for name, one in inner.items() if isinstance(one, dict)}
    return made


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "any")
