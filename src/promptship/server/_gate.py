"""The gate, which every request passes before a route is looked for; bare ASGI, since it is the hot path."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from promptship.errors import PromptshipError, StorageError
from promptship.server._problems import MEDIA_TYPE, HttpError, detail_of, render_problem

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from promptship.domain import StoredToken
    from promptship.server._state import ServerState

__all__ = ["API", "Call", "Gate", "is_match"]

API = "/api/v1"
_RESOLVE = f"{API}/resolve"
_OPEN = {"/healthz", "/readyz", "/metrics", f"{API}/openapi.json"}
_RECORDS = {f"{API}/runs", f"{API}/evalsets"}
_SAFE = {"GET", "HEAD"}
_SECURITY: list[tuple[bytes, bytes]] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"private, no-cache"),
]
_JSON = (b"content-type", b"application/json")
_LONGEST_KEY = 255


@dataclass(slots=True)
class Call:
    """What the gate found out about a request, for its route.

    Attributes:
        token: Whose it is; None for a reader without a token.
        seq: Number of the last event when it came; None where that is not known.
        key: `Idempotency-Key`; None without one.
        digest: Of method, address and the body as far as it was read.
    """

    token: StoredToken | None
    seq: int | None
    key: str | None
    digest: Any = field(default_factory=hashlib.sha256)


class Gate:
    """ASGI middleware: host, token, pace, size, headers and counters; and answers to `resolve` that are known.

    Args:
        app: The routes.
        state: The worker's memory.
    """

    def __init__(self, app: ASGIApp, state: ServerState) -> None:
        self._app = app
        self._state = state
        self._hosts = {host.encode() for host in state.options.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(self._state, scope, send)
        try:
            headers = _headers(scope)
            self._check_host(headers)
            self._state.refresh()
            call = self._admit(scope, headers)
            if scope["path"] == _RESOLVE and await self._answer_known(scope, headers, call, answer):
                return
            scope.setdefault("state", {})["call"] = call
            await self._app(scope, await self._take_body(scope, headers, receive, call), answer.send)
        except HttpError as error:
            await answer.refuse(error)
        except PromptshipError as error:
            # Only the registry itself can fail here: routes have handlers of their own.
            await answer.refuse(
                HttpError(503, type(error).__name__, detail_of(error, self._state.registry.place), hint=error.hint)
            )

    def _check_host(self, headers: dict[bytes, bytes]) -> None:
        # A page of the web can name this machine by a name of its own, and then read what it sends.
        host = headers.get(b"host", b"").lower()
        name = host[: host.find(b"]") + 1] if host.startswith(b"[") else host.partition(b":")[0]
        if self._hosts and name not in self._hosts:
            raise HttpError(421, "WrongHost", "this server is not called so", hint="promptctl serve --allow-host NAME")

    def _admit(self, scope: Scope, headers: dict[bytes, bytes]) -> Call:
        token = self._authenticate(scope, headers)
        method, state = scope["method"], self._state
        who = token.id if token else _address(scope)
        wait = (state.reads if method in _SAFE else state.writes).wait_s(who)
        if wait:
            raise _too_many("more requests than this token may send", wait)
        key = headers.get(b"idempotency-key", b"").decode("latin-1") or None
        if key is not None and (len(key) > _LONGEST_KEY or not key.isprintable() or not key.isascii()):
            raise HttpError(400, "IdempotencyKey", f"Idempotency-Key: at most {_LONGEST_KEY} printable characters")
        call = Call(token=token, seq=state.seq, key=key)
        if key is not None:
            call.digest.update(b"%s %s?%s\n" % (method.encode(), scope["raw_path"], scope["query_string"]))
        return call

    def _authenticate(self, scope: Scope, headers: dict[bytes, bytes]) -> StoredToken | None:
        given = headers.get(b"authorization")
        if given is None:
            if scope["path"] in _OPEN or (self._state.options.anonymous_reads and scope["method"] in _SAFE):
                return None
            raise _unauthorized("this server takes a token")
        address = _address(scope)
        if self._state.failures.is_empty(address):
            raise _too_many("too many wrong tokens from this address", 60.0)
        scheme, _, text = given.decode("latin-1").partition(" ")
        token = self._state.match(text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            self._state.failures.wait_s(address)
            raise _unauthorized("this token is unknown, expired or revoked")
        return token

    async def _answer_known(self, scope: Scope, headers: dict[bytes, bytes], call: Call, answer: _Answer) -> bool:
        if scope["method"] != "GET" or (known := self._state.find_resolved(scope["query_string"])) is None:
            return False
        if call.token is not None and not call.token.may("read", known.prompt):
            return False
        scope["route_path"] = _RESOLVE
        wanted = headers.get(b"if-none-match")
        if wanted is not None and is_match(wanted, known.etag):
            await answer.send_whole(304, [(b"etag", known.etag)], b"")
        else:
            length = str(len(known.body)).encode()
            await answer.send_whole(200, [(b"etag", known.etag), _JSON, (b"content-length", length)], known.body)
        return True

    async def _take_body(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, call: Call) -> Receive:
        """Read the whole body before any route is asked: what is too large or no JSON never reaches one."""
        if scope["method"] in _SAFE:
            return receive
        options = self._state.options
        limit = options.largest_record if scope["path"] in _RECORDS else options.largest_body
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared[:20]) > limit:
            raise _too_large(limit)
        body = await _read_body(receive, limit, options.body_timeout_s)
        if body is None:
            return receive
        _require_json(body)
        if call.key is not None:
            call.digest.update(body)
        return _Replay(body, receive).receive


async def _read_body(receive: Receive, limit: int, timeout_s: float) -> bytes | None:
    """Return a body; None where its sender has gone."""
    pieces: list[bytes] = []
    size = 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), timeout_s)
        except TimeoutError:
            raise HttpError(408, "RequestTimeout", "the body did not come in time") from None
        if message["type"] != "http.request":
            return None
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _require_json(body: bytes) -> None:
    """Refuse what the rest of Promptship would not read: NaN, lone surrogates, bottomless nesting."""
    try:
        if body:
            orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HttpError(
            422, "ValidationError", f"body: {error}", errors=[{"field": "body", "rule": "json", "message": str(error)}]
        ) from None


class _Replay:
    """Gives a route the body that was read already."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def receive(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Answer:
    """An answer on its way out: gets its headers, and is counted."""

    def __init__(self, state: ServerState, scope: Scope, send: Send) -> None:
        self._state = state
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()
        self._has_begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_SECURITY]}
            self._has_begun = True
            self._count(message["status"])
        await self._send(message)

    async def send_whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._count(status)
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *_SECURITY]})
        await self._send({"type": "http.response.body", "body": body})

    async def refuse(self, error: HttpError) -> None:
        if self._has_begun:
            raise StorageError(str(error))
        body = render_problem(error.status, error.kind, str(error), hint=error.hint, errors=error.errors)
        headers = [(name.encode(), value.encode()) for name, value in error.headers.items()]
        headers += [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self.send_whole(error.status, headers, body)

    def _count(self, status: int) -> None:
        scope: MutableMapping[str, Any] = self._scope
        route = str(scope.get("route_path") or getattr(scope.get("route"), "path", "other"))
        self._state.metrics.count(scope["method"][:10], route, status, time.perf_counter() - self._began)


def is_match(wanted: bytes, etag: bytes) -> bool:
    """Tell whether an `If-None-Match` names an answer's validator."""
    if wanted == etag:
        return True
    return any(one.strip().removeprefix(b"W/") in {etag, b"*"} for one in wanted.split(b","))


def _headers(scope: Scope) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = dict(scope["headers"])
    return found


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "local"


def _unauthorized(detail: str) -> HttpError:
    headers = {"www-authenticate": 'Bearer realm="promptship"'}
    return HttpError(401, "Unauthorized", detail, hint="promptctl login URL", headers=headers)


def _too_many(detail: str, wait_s: float) -> HttpError:
    return HttpError(429, "TooManyRequests", detail, headers={"retry-after": str(math.ceil(wait_s))})


def _too_large(limit: int) -> HttpError:
    return HttpError(413, "BodyTooLarge", f"a body of this kind has at most {limit:,} bytes")
