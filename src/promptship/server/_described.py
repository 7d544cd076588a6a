"""What the OpenAPI document says of answers, from the types that clients read them by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from promptship import __version__
from promptship.registry import wire_schemas

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["PROBLEMS", "describe", "gives", "gives_page"]

_REF = "#/components/schemas/"
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "hint")},
        "status": {"type": "integer"},
        "missing": {"type": "array", "items": {"type": "string"}},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
_SAID = {
    400: "It cannot be read",
    401: "No token, or one that is not good",
    403: "The token may not do this",
    404: "There is no such thing",
    408: "The body did not come in time",
    409: "It may not be done yet, or the key was used",
    413: "The body is too large",
    421: "The server is not called so",
    422: "A field breaks a rule",
    429: "Too many requests",
    503: "The registry cannot be used now",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": said, "content": {"application/problem+json": {"schema": {"$ref": f"{_REF}Problem"}}}}
    for status, said in _SAID.items()
}
"""Answers that every route may give."""


def gives(name: str, *, many: bool = False, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Describe an answer.

    Args:
        name: Of its type.
        many: Whether it is a list of them.
        status: HTTP status.
    """
    one = {"$ref": f"{_REF}{name}"}
    return _answer(status, {"type": "array", "items": one} if many else one)


def gives_page(name: str | None) -> dict[int | str, dict[str, Any]]:
    """Describe a page of items of a type; None for texts."""
    item = {"type": "string"} if name is None else {"$ref": f"{_REF}{name}"}
    properties = {"items": {"type": "array", "items": item}, "next": {"type": ["string", "null"]}}
    return _answer(200, {"type": "object", "required": ["items", "next"], "properties": properties})


def _answer(status: int, schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": "Done", "content": {"application/json": {"schema": schema}}}
    }
    return found | ({304: {"description": "The reader has it"}} if status == 200 else {})  # noqa: PLR2004 - HTTP


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application."""
    if app.openapi_schema is None:
        document = get_openapi(title="Promptship registry", version=__version__, routes=app.routes)
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        named, nested = wire_schemas(_REF + "{model}")
        schemas |= {**nested, **{name: one for name, one in named.items() if name not in nested}, "Problem": _PROBLEM}
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
        app.openapi_schema = document
    return app.openapi_schema
