"""The server: a registry over HTTP, with tokens, for a team.

It parses, asks one use case of `promptship.registry`, and answers; it has no rules of its own but who may ask.
FastAPI is imported here and nowhere else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from promptship.errors import MissingExtraError
from promptship.server._options import ServerOptions

if TYPE_CHECKING:
    from promptship.server._app import create_app
    from promptship.server._serve import ServeSettings, app_of_worker, make_first_token, serve

__all__ = ["ServeSettings", "ServerOptions", "app_of_worker", "create_app", "make_first_token", "serve"]

_HOMES = {
    "ServeSettings": "_serve",
    "app_of_worker": "_serve",
    "create_app": "_app",
    "make_first_token": "_serve",
    "serve": "_serve",
}
_PACKAGES = {"fastapi", "starlette", "uvicorn", "httptools", "anyio"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'promptship.server' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"promptship.server.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        raise MissingExtraError(package, extra="server", needed_for="a server") from None
