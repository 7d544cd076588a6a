"""Talking to a server: one request, its retries, and its problems as errors of ours."""

from __future__ import annotations

import time
import uuid
from types import GenericAlias
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import orjson

from promptship.errors import (
    CanonicalError,
    PromotionRefusedError,
    PromptshipError,
    ReferenceNotFoundError,
    SignatureError,
    StorageError,
    UsageError,
)
from promptship.registry._wire import parse_wire

if TYPE_CHECKING:
    import httpx

__all__ = ["Connection", "open_connection"]

_Kind = TypeVar("_Kind")
_API = "/api/v1"
_TIMEOUT_S = 60.0
_ATTEMPTS = 4
_PAUSE_S = 0.2
_LONGEST_WAIT_S = 10.0
_PAGE = 1_000
_TRY_AGAIN = {429, 502, 503, 504}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_KINDS: dict[str, type[PromptshipError]] = {
    one.__name__: one for one in (CanonicalError, ReferenceNotFoundError, SignatureError, StorageError, UsageError)
}


class Connection:
    """A server, and who asks.

    Args:
        client: Knows the server's address.
        token: Presented with each request; None where reading takes none.
    """

    def __init__(self, client: httpx.Client, token: str | None) -> None:
        self._client = client
        self._headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        self.place = str(client.base_url).rstrip("/")

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(self, path: str, kind: type[_Kind], **parameters: object) -> _Kind:
        """Read a value of a type; parameters that are None are left out."""
        return parse_wire(kind, self._read(self.fetch("GET", path, parameters=parameters)), what="the answer")

    def parse(self, kind: type[_Kind], answer: httpx.Response) -> _Kind:
        """Read the value of a type that an answer holds."""
        return parse_wire(kind, self._read(answer), what="the answer")

    def read(self, kind: type[_Kind], value: object) -> _Kind:
        """Read a value of a type from a part of an answer."""
        return parse_wire(kind, value, what="the answer")

    def get_json(self, path: str, **parameters: object) -> Any:
        """Read JSON."""
        return self._read(self.fetch("GET", path, parameters=parameters))

    def get_bytes(self, path: str) -> bytes:
        """Read bytes."""
        return self.fetch("GET", path).content

    def list_all(
        self, path: str, kind: type[_Kind], *, limit: int | None = None, cursor: str = "after", **parameters: object
    ) -> list[_Kind]:
        """Read a list page by page.

        Args:
            path: Of the list.
            kind: Type of its items.
            limit: Items at most; None for all.
            cursor: Parameter that says where a page begins.
            parameters: What narrows the list.
        """
        many: type[list[_Kind]] = GenericAlias(list, (kind,))  # type: ignore[assignment]  # what list[kind] is
        found: list[_Kind] = []
        while True:
            wanted = _PAGE if limit is None else min(_PAGE, limit - len(found))
            page = self.get_json(path, limit=max(wanted, 1), **parameters)
            found += parse_wire(many, page["items"], what="the answer")
            if page["next"] is None or (limit is not None and len(found) >= limit):
                return found if limit is None else found[:limit]
            parameters[cursor] = page["next"]

    def send(
        self,
        method: str,
        path: str,
        kind: type[_Kind],
        body: object = None,
        *,
        once: bool = True,
        reason: str | None = None,
    ) -> _Kind:
        """Change something, and read what came of it.

        Args:
            method: POST, PUT or DELETE.
            path: What.
            kind: Type of the answer.
            body: What is sent as JSON; None for nothing.
            once: Whether the request has a key, so that it may be sent again and is done once.
            reason: Why, where there is no body.
        """
        key = {"idempotency-key": uuid.uuid4().hex} if once else {}
        content = None if body is None else orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
        answer = self.fetch(method, path, parameters={"reason": reason}, content=content, headers=key, again=once)
        return parse_wire(kind, self._read(answer), what="the answer")

    def fetch(
        self,
        method: str,
        path: str,
        *,
        parameters: dict[str, object] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        again: bool = True,
    ) -> httpx.Response:
        """Send a request, again where the server is away for a moment, and return a good answer.

        Raises:
            PromptshipError: What the server said, as the error that the registry itself would raise.
            StorageError: It cannot be reached.
        """
        chosen = {name: str(value) for name, value in (parameters or {}).items() if value is not None}
        sent = {**self._headers, **(headers or {})} | ({"content-type": "application/json"} if content else {})
        for attempt in range(_ATTEMPTS if again else 1):
            is_last = not again or attempt == _ATTEMPTS - 1
            answer = self._try(method, _API + quote(path), chosen, content, sent, is_last=is_last)
            if answer is not None and (is_last or answer.status_code not in _TRY_AGAIN):
                return _require_good(answer)
            time.sleep(_wait_s(answer, attempt))
        raise AssertionError("the last attempt returns or raises")

    def _try(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        content: bytes | None,
        headers: dict[str, str],
        *,
        is_last: bool,
    ) -> httpx.Response | None:
        import httpx

        try:
            return self._client.request(method, path, params=parameters, content=content, headers=headers)
        except httpx.HTTPError as error:
            if not is_last:
                return None
            said = str(error) or type(error).__name__
            raise StorageError(
                f"cannot reach the server at {self.place!r}: {said}", hint="is it running, and its URL right?"
            ) from None

    def _read(self, answer: httpx.Response) -> Any:
        try:
            return orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise StorageError(
                f"the server at {self.place!r} did not answer with JSON", hint="is this the URL of a Promptship server?"
            ) from None


def open_connection(url: str, token: str | None, *, plain_http: bool = False) -> Connection:
    """Open a connection; nothing is sent yet.

    Args:
        url: `https://HOST`; `http` on this machine.
        token: The token; None for none.
        plain_http: Whether the token may cross a network without TLS.

    Raises:
        UsageError: The URL is none, or would send a token in the clear.
    """
    import httpx

    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise UsageError(f"{url!r} is not the URL of a server", hint="write it like https://prompts.example.org")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not plain_http:
        raise UsageError(
            f"{url!r} would carry the token over a network in the clear",
            hint="use https, or set server_plain_http where the network itself is trusted",
        )
    # A redirect would carry the token to whoever it names.
    return Connection(httpx.Client(base_url=url.rstrip("/"), timeout=_TIMEOUT_S, follow_redirects=False), token)


def _wait_s(answer: httpx.Response | None, attempt: int) -> float:
    named = answer.headers.get("retry-after", "") if answer is not None else ""
    return min(float(named), _LONGEST_WAIT_S) if named.isdigit() else _PAUSE_S * 2.0**attempt


def _require_good(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        said = orjson.loads(answer.content)
        kind, detail, hint = str(said["type"]).rpartition(":")[2], str(said["detail"]), said.get("hint")
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise StorageError(f"the server answered {answer.status_code}", hint="is this a Promptship server?") from None
    if kind == PromotionRefusedError.__name__:
        raise PromotionRefusedError(detail.partition("\n")[0], said.get("missing", ()), hint=hint)
    fallback = StorageError if answer.is_server_error or answer.status_code == 429 else UsageError  # noqa: PLR2004 - HTTP
    raise _KINDS.get(kind, fallback)(detail, hint=hint)
