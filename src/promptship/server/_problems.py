"""Errors as problem+json (RFC 9457): which rule was broken, by which field, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from promptship.errors import (
    InfrastructureError,
    PromotionRefusedError,
    PromptshipError,
    ReferenceNotFoundError,
    SourceError,
)
from promptship.registry import ClaimedError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

__all__ = ["MEDIA_TYPE", "HttpError", "detail_of", "install_handlers", "problem", "render_problem"]

MEDIA_TYPE = "application/problem+json"
_STATUSES: tuple[tuple[type[PromptshipError], int], ...] = (
    (ClaimedError, 409),
    (PromotionRefusedError, 409),
    (ReferenceNotFoundError, 404),
    (InfrastructureError, 503),
    (PromptshipError, 422),
)
_TITLES = {400: "Bad request", 404: "Not found", 405: "Method not allowed", 409: "Conflict", 422: "Refused"}


class HttpError(Exception):
    """A request that is answered with a problem before any use case is asked."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        hint: str | None = None,
        headers: dict[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.hint = hint
        self.headers = headers or {}
        self.errors = errors


def render_problem(status: int, kind: str, detail: str, **more: Any) -> bytes:
    """Return a problem's JSON.

    Args:
        status: HTTP status.
        kind: Name of the error, the end of `type`.
        detail: What happened.
        more: Members besides those of the RFC; None is left out.
    """
    title = _TITLES.get(status) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.removesuffix("Error"))
    body = {"type": f"urn:promptship:problem:{kind}", "title": title, "status": status, "detail": detail}
    return orjson.dumps({**body, **{key: value for key, value in more.items() if value}})


def problem(status: int, kind: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """Return a problem as an answer; see `render_problem`."""
    body = render_problem(status, kind, detail, **more)
    return Response(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def install_handlers(app: FastAPI) -> None:
    """Let every error leave as a problem."""
    app.add_exception_handler(PromptshipError, _of_ours)
    app.add_exception_handler(HttpError, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_starlette)


def detail_of(error: Exception, place: str) -> str:
    """Return what an error says without where the database is, which is the operator's alone."""
    return str(error).replace(repr(place), "the registry").replace(place, "the registry")


async def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, PromptshipError)  # noqa: S101 - what it was registered for
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    more: dict[str, Any] = {"hint": error.hint}
    if isinstance(error, PromotionRefusedError):
        more["missing"] = list(error.missing)
    if isinstance(error, SourceError):
        more["errors"] = [{"field": str(one.path or ""), "message": one.message} for one in error.problems]
    detail = detail_of(error, request.app.state.server.registry.place)
    return problem(status, type(error).__name__, detail, **more)


async def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HttpError)  # noqa: S101 - what it was registered for
    return problem(error.status, error.kind, str(error), headers=error.headers, hint=error.hint, errors=error.errors)


async def _of_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it was registered for
    found = [
        {"field": ".".join(map(str, one["loc"])), "rule": one["type"], "message": one["msg"]} for one in error.errors()
    ]
    first = found[0]
    detail = f"{first['field']}: {first['message']}"
    return problem(422, "ValidationError", detail, errors=found)


async def _of_starlette(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it was registered for
    headers = dict(error.headers or {})
    return problem(error.status_code, "HttpError", str(error.detail), headers=headers)
