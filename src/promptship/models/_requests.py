"""A completion request as the body of the chat-completions protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from promptship.errors import InputError

if TYPE_CHECKING:
    from promptship.domain import CompletionRequest, JsonObject

__all__ = ["CHOICE_KEY", "RESERVED_PARAMS", "build_body", "encode_body"]

CHOICE_KEY = "choice"
RESERVED_PARAMS = ("messages", "model", "n", "stream", "stream_options", "tools")
"""Keys of the body that a config's params may not set: they are ours, or change what an answer is."""

_STRICT_KEYWORDS = frozenset(
    {
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "description",
        "enum",
        "items",
        "properties",
        "required",
    }
    | {"title", "type"}
)


def build_body(model: str, request: CompletionRequest, *, stream: bool = False) -> dict[str, Any]:
    """Return the protocol's body for `request`.

    Choices become a JSON Schema with an enum, so that any provider with structured output can constrain them; a
    `response_format` in the params wins over the request's schema, for servers that know another way.
    """
    # Ours are written over the params, so that no config can redirect a call to another model.
    body: dict[str, Any] = {**request.params}
    body["model"] = model
    body["messages"] = [message.as_json() for message in request.messages]
    if request.tools:
        body["tools"] = list(request.tools)
    if request.choices:
        body["response_format"] = _format_of(_choice_schema(request.choices), strict=True)
    elif request.output_schema is not None and "response_format" not in body:
        body["response_format"] = _format_of(request.output_schema, strict=_can_be_strict(request.output_schema))
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def encode_body(body: dict[str, Any]) -> bytes:
    """Return the body as JSON.

    Raises:
        InputError: A text cannot be UTF-8, or a number is beyond 64 bits.
    """
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise InputError(
            f"the request cannot be sent as JSON: {error}", hint="look for lone surrogates and for very large integers"
        ) from None


def _choice_schema(choices: tuple[str, ...]) -> JsonObject:
    return {
        "type": "object",
        "properties": {CHOICE_KEY: {"type": "string", "enum": list(choices)}},
        "required": [CHOICE_KEY],
        "additionalProperties": False,
    }


def _format_of(schema: JsonObject, *, strict: bool) -> dict[str, Any]:
    described: dict[str, Any] = {"name": "output", "schema": schema}
    if strict:
        described["strict"] = True
    return {"type": "json_schema", "json_schema": described}


def _can_be_strict(schema: object) -> bool:
    """Say whether OpenAI's strict mode takes the schema: closed objects, all properties required, few keywords.

    Source:
        OpenAI, "Structured model outputs", section "Supported schemas".
    """
    if not isinstance(schema, dict) or not schema.keys() <= _STRICT_KEYWORDS:
        return False
    properties = schema.get("properties", {})
    if "properties" in schema or schema.get("type") == "object":
        if schema.get("additionalProperties") is not False or not isinstance(properties, dict):
            return False
        if set(schema.get("required", ())) != set(properties):
            return False
    nested = [*properties.values(), *schema.get("anyOf", ()), *schema.get("$defs", {}).values()]
    if "items" in schema:
        nested.append(schema["items"])
    return all(_can_be_strict(item) for item in nested)
