from __future__ import annotations

from typing import Any

import pytest

from promptship.errors import SourceError
from promptship.prompts import parse_picoschema, parse_prompt


@pytest.mark.parametrize(
    ("pico", "schema"),
    [
        ("string", {"type": "string"}),
        ("integer, how many, at most", {"type": "integer", "description": "how many, at most"}),
        ("any", {}),
        ("null", {"type": "null"}),
        (
            {"name": "string", "age?": "integer, in years"},
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "age": {"type": ["integer", "null"], "description": "in years"},
                },
                "required": ["name"],
                "additionalProperties": False,
            },
        ),
        (
            {"tags(array, words)": "string", "kind(enum, which)": ["a", "b"], "it(object, thing)": {"x": "number"}},
            {
                "type": "object",
                "properties": {
                    "tags": {"type": "array", "items": {"type": "string"}, "description": "words"},
                    "kind": {"enum": ["a", "b"], "description": "which"},
                    "it": {
                        "type": "object",
                        "properties": {"x": {"type": "number"}},
                        "required": ["x"],
                        "additionalProperties": False,
                        "description": "thing",
                    },
                },
                "required": ["tags", "kind", "it"],
                "additionalProperties": False,
            },
        ),
        (
            {"kind?(enum)": ["a"], "(*)": "string"},
            {
                "type": "object",
                "properties": {"kind": {"enum": ["a", None]}},
                "additionalProperties": {"type": "string"},
            },
        ),
        ({"type": "string", "name": "string"}, None),
    ],
)
def test_picoschema_becomes_json_schema(pico: Any, schema: dict[str, Any] | None) -> None:
    found = parse_picoschema(pico)
    if schema is None:
        assert set(found["properties"]) == set(pico)  # type: ignore[arg-type]
    else:
        assert found == schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"},
        {"type": "array", "items": {"$ref": "#/$defs/x"}, "$defs": {"x": {"type": "string"}}},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
    ],
)
def test_json_schema_passes_through(schema: Any) -> None:
    assert parse_picoschema(schema) == schema


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"a": "strng"}, "a: 'strng' is no type; did you mean 'string'?"),
        ({"a(arry)": "string"}, "did you mean 'array'?"),
        ({"a(enum)": "x"}, "is no list of values"),
        ({"a": ["string"]}, "is no type"),
        ({"a": "string", "a?": "string"}, "the field 'a' is given twice"),
        ({"(": "string"}, "is no field"),
        ({"type": "object", "properties": {"a": {"type": "strin"}}}, "not valid JSON Schema"),
        ({"type": "object", "properties": {"a": {"$ref": "other.json"}}}, "leaves the file"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/no"}}}, "points at nothing"),
    ],
)
def test_a_wrong_schema_is_an_error_that_names_the_place(schema: Any, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_picoschema(schema)
    assert message in str(caught.value)


def test_an_error_in_json_schema_stands_at_its_line() -> None:
    text = "---\ninput:\n  schema:\n    type: object\n    properties:\n      a: {type: strin}\n---\nx {{ a }}"
    with pytest.raises(SourceError) as caught:
        parse_prompt(text, path="a.prompt")
    assert caught.value.problems[0].line == 6
