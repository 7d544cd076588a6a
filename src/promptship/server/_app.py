"""The application: routes behind the gate."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio.to_thread
from fastapi import FastAPI

from promptship import __version__
from promptship.server import _admin, _events, _evidence, _reads, _writes
from promptship.server._described import PROBLEMS, describe
from promptship.server._gate import API, Gate
from promptship.server._options import ServerOptions
from promptship.server._problems import install_handlers
from promptship.server._state import ServerState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi.routing import APIRoute

    from promptship.registry import Registry

__all__ = ["create_app"]

_THREADS = 16
"""As many as the database's pool has connections: more would only wait there."""


def create_app(registry: Registry, options: ServerOptions | None = None) -> FastAPI:
    """Return the application that serves a registry.

    Args:
        registry: The registry; whoever opened it closes it.
        options: How it is served.

    Example:
        with Registry.open("registry.db") as registry:
            uvicorn.run(create_app(registry), host="127.0.0.1", port=8200)
    """
    state = ServerState(registry, options or ServerOptions())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        state.start()
        try:
            yield
        finally:
            state.stop()

    app = FastAPI(
        title="Promptship registry",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
        redirect_slashes=False,
        generate_unique_id_function=_name_of,
    )
    app.state.server = state
    install_handlers(app)
    app.include_router(_admin.health)
    for router in (_reads.router, _writes.router, _evidence.router, _admin.router, _events.router):
        app.include_router(router, prefix=API, responses=PROBLEMS)
    app.add_middleware(Gate, state=state)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def _name_of(route: APIRoute) -> str:
    return re.sub(r"\W", "_", route.name)
