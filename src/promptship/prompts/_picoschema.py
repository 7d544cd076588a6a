"""Picoschema, the short way to write a schema in YAML, to JSON Schema; and JSON Schema checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from promptship.errors import Problem, SourceError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptship.domain import JsonObject, JsonValue

    Steps = tuple[str | int, ...]
    Note = Callable[[Steps, str, str | None], None]

__all__ = ["is_json_schema", "parse_picoschema", "read_schema"]

_SCALARS = ("string", "integer", "number", "boolean", "null", "any")
_KEY = re.compile(r"(?P<name>[^?()]*)(?P<optional>\?)?(?:\((?P<kind>[^,()]+)(?:,\s*(?P<description>.*))?\))?")
_KINDS = ("array", "enum", "object", "*")
_KEYWORDS = {
    *(
        "type",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "if",
        "then",
        "else",
        "$ref",
        "$defs",
        "$schema",
        "$id",
    ),
    *("properties", "required", "additionalProperties", "items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    *("minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("multipleOf", "description", "title", "default", "examples", "contains", "patternProperties", "definitions"),
}
_TELLING = {"enum", "const", "anyOf", "oneOf", "allOf", "not", "$ref"}


def is_json_schema(value: object) -> bool:
    """Say whether `value` is meant as JSON Schema rather than Picoschema.

    It is if it has `$schema`, a `type` of `object` or `array`, or nothing but keywords of JSON Schema, one of which is
    a type or a combination. A Picoschema field may still be called `type`.

    Example:
        >>> is_json_schema({"type": "object"}), is_json_schema({"type": "string", "name": "string"})
        (True, False)
    """
    if not isinstance(value, dict):
        return False
    if "$schema" in value or value.get("type") in ("object", "array"):
        return True
    return set(value) <= _KEYWORDS and (value.get("type") in _SCALARS or bool(_TELLING & set(value)))


def parse_picoschema(value: JsonValue, *, path: str = "schema") -> JsonObject:
    """Turn Picoschema into JSON Schema.

    Args:
        value: A scalar such as `string, the name`, or a mapping from fields to scalars and mappings. `name?` is
            optional and may be null; `name(array, why)`, `name(enum, why)`, `name(object, why)` say what the value is;
            `(*)` allows every other field.
        path: What messages call the schema.

    Returns:
        JSON Schema; objects allow no other fields unless `(*)` says so.

    Raises:
        SourceError: Not Picoschema; every problem.

    Source:
        Google dotprompt, "Picoschema"; the rules are theirs.

    Example:
        >>> parse_picoschema("string, the name")
        {'type': 'string', 'description': 'the name'}
    """
    problems: list[Problem] = []

    def note(steps: Steps, message: str, hint: str | None) -> None:
        place = ".".join(map(str, steps))
        problems.append(Problem(path=path, message=f"{place}: {message}" if place else message, hint=hint))

    schema = read_schema(value, (), note)
    if problems:
        raise SourceError(problems)
    return schema


def read_schema(value: JsonValue, steps: Steps, note: Note) -> JsonObject:
    """Read a schema of either kind; problems go to `note` with the path of keys at which they stand."""
    if is_json_schema(value):
        return _read_json_schema(cast("JsonObject", value), steps, note)
    return _read_value(value, steps, note)


def _read_value(value: JsonValue, steps: Steps, note: Note) -> JsonObject:
    if isinstance(value, str):
        return _read_scalar(value, steps, note)
    if isinstance(value, dict):
        return _read_fields(value, steps, note)
    note(steps, f"{value!r} is no type: expected text such as 'string, what it is', or a mapping of fields", None)
    return {}


def _read_scalar(text: str, steps: Steps, note: Note) -> JsonObject:
    name, _, description = (part.strip() for part in text.partition(","))
    if name not in _SCALARS:
        hint = f"types are {', '.join(_SCALARS)}; lists are written name(array): TYPE"
        note(steps, f"{name!r} is no type{did_you_mean(name, _SCALARS)}", hint)
        return {}
    schema: JsonObject = {} if name == "any" else {"type": name}
    return {**schema, "description": description} if description else schema


def _read_fields(value: JsonObject, steps: Steps, note: Note) -> JsonObject:
    properties: JsonObject = {}
    required: list[JsonValue] = []
    more: JsonValue = False
    for key, item in value.items():
        inside = (*steps, key)
        found = _KEY.fullmatch(key)
        if found is None or (not found["name"] and found["kind"] != "*"):
            hint = (
                "quote a key with a comma inside braces: {'name(enum, why)': [...]}"
                if "(" in key or ")" in key
                else None
            )
            note(inside, f"{key!r} is no field: expected name, name?, name(array), name(enum) or name(object)", hint)
            continue
        if found["kind"] == "*":
            more = _read_value(item, inside, note)
            continue
        name = found["name"].strip()
        if name in properties:
            note(inside, f"the field {name!r} is given twice", None)
        properties[name] = _read_field(found, item, inside, note)
        if not found["optional"]:
            required.append(name)
    schema: JsonObject = {"type": "object", "properties": properties}
    return {**schema, **({"required": required} if required else {}), "additionalProperties": more}


def _read_field(found: re.Match[str], item: JsonValue, steps: Steps, note: Note) -> JsonObject:
    kind = (found["kind"] or "").strip()
    match kind:
        case "":
            schema = _read_value(item, steps, note)
        case "array":
            schema = {"type": "array", "items": _read_value(item, steps, note)}
        case "object":
            schema = _read_value(item, steps, note)
            if not isinstance(item, dict):
                note(steps, f"{item!r} is no object: expected a mapping of fields", None)
        case "enum":
            schema = _read_enum(item, steps, note)
        case _:
            note(steps, f"{kind!r} is no kind of field{did_you_mean(kind, _KINDS)}", f"kinds are {', '.join(_KINDS)}")
            schema = {}
    if found["description"]:
        schema = {**schema, "description": found["description"].strip()}
    return _or_null(schema) if found["optional"] else schema


def _read_enum(item: JsonValue, steps: Steps, note: Note) -> JsonObject:
    if not isinstance(item, list) or not item or any(isinstance(value, dict | list) for value in item):
        note(steps, f"{item!r} is no list of values: expected name(enum): [one, other]", None)
        return {}
    return {"enum": item}


def _or_null(schema: JsonObject) -> JsonObject:
    """Let an optional field be null too, as dotprompt does."""
    named = schema.get("type")
    if isinstance(named, str) and named != "null":
        return {**schema, "type": [named, "null"]}
    values = schema.get("enum")
    return {**schema, "enum": [*values, None]} if isinstance(values, list) and None not in values else schema


def _read_json_schema(value: JsonObject, steps: Steps, note: Note) -> JsonObject:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    kind = validator_for(value, default=Draft202012Validator)
    for error in kind(kind.META_SCHEMA).iter_errors(value):
        note((*steps, *error.absolute_path), f"not valid JSON Schema: {error.message}", None)
    _check_references(value, value, steps, note)
    return value


def _check_references(value: Any, root: Any, steps: Steps, note: Note) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check_references(item, root, (*steps, index), note)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in {"$ref", "$dynamicRef"} and isinstance(item, str):
            _check_reference(item, root, (*steps, key), note)
        _check_references(item, root, (*steps, key), note)


def _check_reference(target: str, root: Any, steps: Steps, note: Note) -> None:
    if not target.startswith("#"):
        note(steps, f"the reference {target!r} leaves the file", "a version is closed: put the schema under $defs")
    elif not _points_somewhere(target, root):
        note(steps, f"the reference {target!r} points at nothing", "references are like '#/$defs/order'")


def _points_somewhere(target: str, root: Any) -> bool:
    steps: Sequence[str] = target.removeprefix("#").split("/")[1:]
    for step in steps:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(root, list) and key.isdigit() and int(key) < len(root):
            root = root[int(key)]
        elif isinstance(root, dict) and key in root:
            root = root[key]
        else:
            return False
    return target == "#" or target.startswith("#/")
