"""Running a server: one process or several, each with a connection of its own to the registry."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import ssl
import threading
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import uvicorn

from promptship.domain import Actor
from promptship.errors import StorageError, UsageError
from promptship.registry import NO_POLICY, Registry, ReleasePolicy, parse_release_policy
from promptship.server._app import create_app
from promptship.server._options import ServerOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from fastapi import FastAPI

    from promptship.registry import NewToken
    from promptship.server._state import ServerState

__all__ = ["ServeSettings", "app_of_worker", "make_first_token", "serve"]

_APP = "promptship.server:app_of_worker"
_VARIABLE = "PROMPTSHIP_SERVE"
_BACKLOG = 2048
_FIRST_LIFE_S = 7 * 86_400
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_FIRST = Actor(name="promptctl serve", kind="service")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """What `promptctl serve` was asked for.

    Attributes:
        address: The registry: a path, or `postgresql+psycopg://…`.
        host: Address to listen at.
        port: Port to listen at.
        workers: Processes.
        hosts: Names that clients may call the server by, besides those of loopback where it listens there.
        policy: The policy file; None for none.
        tls_cert: Certificate chain, PEM; None where somebody else ends TLS.
        tls_key: Its key, PEM.
        plain_http: Whether tokens may come over a network without TLS.
        anonymous_reads: Whether reading takes no token.
        limits: Fields of `ServerOptions` that differ from their defaults.
    """

    address: str
    host: str = "127.0.0.1"
    port: int = 8200
    workers: int = 1
    hosts: tuple[str, ...] = ()
    policy: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    plain_http: bool = False
    anonymous_reads: bool = False
    limits: dict[str, Any] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def serve(settings: ServeSettings, on_ready: Callable[[str], None]) -> None:
    """Serve until told to stop. Without any token a first one was made before; see `make_first_token`.

    Args:
        settings: What was asked for.
        on_ready: Told the URL once connections are taken.

    Raises:
        UsageError: It would take tokens over a network without TLS.
        StorageError: The address is taken or is none of this machine.
    """
    _require_safe(settings)
    os.environ[_VARIABLE] = orjson.dumps(asdict(settings)).decode()
    options: dict[str, Any] = {
        "factory": True,
        "ssl_certfile": settings.tls_cert,
        "ssl_keyfile": settings.tls_key,
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        # Whoever asks is told by the connection: a header could be made up.
        "proxy_headers": False,
        "ws": "none",
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 10,
    }
    with closing(_bind(settings)) as listener:
        port = listener.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        on_ready(f"{'https' if settings.tls_cert else 'http'}://{host}:{port}")
        if settings.workers == 1:
            # Ctrl-C is how it is ended; by then it has answered what it had begun.
            with suppress(KeyboardInterrupt):
                uvicorn.Server(uvicorn.Config(_APP, **options)).run(sockets=[listener])
            return
    # Several processes listen at a socket that uvicorn makes; the address was free a moment ago.
    uvicorn.run(_APP, host=settings.host, port=port, workers=settings.workers, backlog=_BACKLOG, **options)


def _bind(settings: ServeSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise StorageError(
            f"cannot listen at {settings.host}:{settings.port}: {error.strerror or error}",
            hint="another port: promptctl serve --port 8201",
        ) from None
    return listener


def _require_safe(settings: ServeSettings) -> None:
    if settings.tls_cert or settings.tls_key:
        _require_certificate(settings)
    elif not settings.is_local and not settings.plain_http:
        raise UsageError(
            f"at {settings.host!r} tokens would cross a network in the clear",
            hint="name --tls-cert and --tls-key, or --plain-http where a proxy before it ends TLS",
        )


def _require_certificate(settings: ServeSettings) -> None:
    if not settings.tls_cert or not settings.tls_key:
        raise UsageError("a certificate and its key go together", hint="name both --tls-cert and --tls-key")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        raise UsageError(
            f"cannot use {settings.tls_cert!r} with the key {settings.tls_key!r}: {error}",
            hint="both are PEM files: the chain, the server's certificate first, and the key of that certificate",
        ) from None


def make_first_token(settings: ServeSettings) -> NewToken | None:
    """Make a token that may do everything for a week, where the registry never had one.

    Returns:
        The token; None where the registry had one before.

    Raises:
        UsageError: Tokens would cross a network without TLS.
        StorageError: The registry cannot be opened.
    """
    _require_safe(settings)
    with Registry.open(settings.address) as registry:
        if registry.tokens.list_all():
            return None
        return registry.tokens.create("first", ["admin"], actor=_FIRST, lifetime_s=_FIRST_LIFE_S)


def app_of_worker() -> FastAPI:
    """Return the application of a process that `serve` started."""
    settings = ServeSettings(**orjson.loads(os.environ[_VARIABLE]))
    policy, data = _load_policy(settings.policy)
    hosts = {name.lower() for name in settings.hosts} | (set(_LOOPBACK) if settings.is_local else set())
    options = ServerOptions(
        hosts=tuple(sorted(hosts)), anonymous_reads=settings.anonymous_reads, policy=data, **settings.limits
    )
    app = create_app(Registry.open(settings.address, policy=policy), options)
    _end_streams_on_signal(app.state.server)
    return app


def _end_streams_on_signal(state: ServerState) -> None:
    """Let streams end once the process is told to: uvicorn waits for them before the application hears of it."""
    if threading.current_thread() is not threading.main_thread():
        return

    def wrap(before: Any) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            state.is_stopped = True
            if callable(before):
                before(number, frame)

        return handle

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, wrap(signal.getsignal(number)))


def _load_policy(path: str | None) -> tuple[ReleasePolicy, bytes]:
    if path is None:
        return NO_POLICY, b""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {path!r}: {error.strerror}") from None
    return parse_release_policy(data, path), data
