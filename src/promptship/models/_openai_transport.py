"""Calls of the chat-completions protocol over aiohttp: one pool of kept-alive connections for each origin and key."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from promptship.domain import Response
from promptship.errors import BadResponseError, CallTimeoutError, ConnectionFailedError, MissingExtraError, ModelError
from promptship.models._refusals import Refusal, status_in
from promptship.models._requests import build_body, encode_body
from promptship.models._responses import parse_completion, parse_json
from promptship.models._sse import StreamedCompletion

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    import aiohttp

    from promptship.domain import CompletionRequest
    from promptship.models._prices import Rates
    from promptship.models._secrets import Secret

__all__ = ["MOST_BYTES", "OpenAIModel", "OpenAITransport"]

MOST_BYTES = 20_000_000
"""Longest answer that is read, in bytes, after decompression."""

# The message of an error stands at its beginning.
_MOST_ERROR_BYTES = 65_536
_SUCCESS = range(200, 300)
_KEEP_ALIVE_S = 30.0
_PATH = "/chat/completions"


class OpenAITransport:
    """Connections to one OpenAI-compatible API.

    The key travels in the `Authorization` header and nowhere else: it is cut out of every message, and out of answers
    in which a server echoes it. Redirects are not followed, and proxies of the environment are not used.

    Args:
        base_url: The API's address, to which `/chat/completions` is added.
        api_key: The key; None where the server wants none.
        most_bytes: Longest answer that is read.

    Raises:
        MissingExtraError: aiohttp is not installed.
    """

    def __init__(self, base_url: str, *, api_key: Secret | None = None, most_bytes: int = MOST_BYTES) -> None:
        # Found now, imported with the first call: a run that the cache answers is over before that import would be.
        if find_spec("aiohttp") is None:
            raise MissingExtraError("aiohttp", extra="eval", needed_for="calling a model over HTTP")
        import yarl

        self._url = yarl.URL(base_url.rstrip("/") + _PATH)
        self.origin = str(self._url.origin())
        self._api_key = api_key
        self._most_bytes = most_bytes
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"OpenAITransport({self.origin!r})"

    @cached_property
    def _aiohttp(self) -> Any:
        import aiohttp

        return aiohttp

    def limit_of(self, timeout_s: float) -> aiohttp.ClientTimeout:
        """Return the limit that `post` and `stream` take."""
        limit: aiohttp.ClientTimeout = self._aiohttp.ClientTimeout(total=timeout_s)
        return limit

    async def post(self, body: bytes, *, limit: aiohttp.ClientTimeout, shown: str) -> bytes | Refusal:
        """Send a body and return that of the answer, or the refusal.

        Raises:
            CallTimeoutError: No whole answer in time.
            ConnectionFailedError: No connection, or it broke.
            BadResponseError: No HTTP, or too long.
        """
        status: int | None = None
        try:
            async with self._open().post(self._url, data=body, timeout=limit, allow_redirects=False) as answer:
                status = answer.status
                if status in _SUCCESS:
                    return self.clean(await self._read(answer, shown))
                return await self._read_refusal(answer)
        except (self._aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._explain(error, status, limit.total, shown) from None

    async def stream(self, body: bytes, *, limit: aiohttp.ClientTimeout, shown: str) -> AsyncGenerator[bytes | Refusal]:
        """Send a body and yield the bytes of the answer as they come, or the refusal alone.

        Raises:
            CallTimeoutError: No whole answer in time.
            ConnectionFailedError: No connection, or it broke.
            BadResponseError: No HTTP, or too long.
        """
        status: int | None = None
        size = 0
        try:
            async with self._open().post(self._url, data=body, timeout=limit, allow_redirects=False) as answer:
                status = answer.status
                if status not in _SUCCESS:
                    yield await self._read_refusal(answer)
                    return
                async for chunk in answer.content.iter_any():
                    size += len(chunk)
                    if size > self._most_bytes:
                        raise _too_long(self._most_bytes, shown)
                    yield self.clean(chunk)
        except (self._aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._explain(error, status, limit.total, shown) from None

    def redact(self, error: ModelError) -> ModelError:
        """Cut the key out of an error's texts."""
        if self._api_key is not None:
            error.args = (self._api_key.redact(str(error)),)
            error.hint = error.hint and self._api_key.redact(error.hint)
        return error

    async def aclose(self) -> None:
        """Close every connection, also those opened in another event loop. Harmless when called twice."""
        here = asyncio.get_running_loop()
        sessions, self._sessions, self._session, self._loop = self._sessions, {}, None, None
        for loop, session in sessions.items():
            if loop is here:
                await session.close()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(session.close(), loop))
            else:
                # Its loop is gone and took the sockets along; only the bookkeeping is left to close.
                with contextlib.suppress(RuntimeError):
                    await session.close()

    def _open(self) -> aiohttp.ClientSession:
        """Return the session of the running event loop; one is made when the first call comes."""
        loop = asyncio.get_running_loop()
        if self._session is None or loop is not self._loop:
            session = self._sessions.get(loop) or self._make_session()
            self._loop, self._session = loop, session
            self._sessions[loop] = session
        return self._session

    def _make_session(self) -> aiohttp.ClientSession:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "promptship"}
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key.reveal()}"
        session: aiohttp.ClientSession = self._aiohttp.ClientSession(
            # How many calls run at once is the pace's decision, so the pool has no limit of its own.
            connector=self._aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            cookie_jar=self._aiohttp.DummyCookieJar(),
            headers=headers,
            trust_env=False,
        )
        return session

    async def _read(self, answer: aiohttp.ClientResponse, shown: str) -> bytes:
        # A compressed body may grow a thousandfold, so only a plain one is read in one go.
        length = answer.content_length
        if length is not None and length <= self._most_bytes and "Content-Encoding" not in answer.headers:
            return await answer.read()
        parts = []
        size = 0
        async for chunk in answer.content.iter_any():
            size += len(chunk)
            if size > self._most_bytes:
                raise _too_long(self._most_bytes, shown)
            parts.append(chunk)
        return b"".join(parts)

    async def _read_refusal(self, answer: aiohttp.ClientResponse) -> Refusal:
        payload = await answer.content.read(_MOST_ERROR_BYTES)
        return Refusal(answer.status, payload, headers=answer.headers, now=time.time())

    def clean(self, payload: bytes) -> bytes:
        """Cut the key out of an answer."""
        return payload if self._api_key is None else self._api_key.redact_answer(payload)

    def _explain(self, error: BaseException, status: int | None, timeout_s: float | None, shown: str) -> ModelError:
        if isinstance(error, TimeoutError):
            hint = "allow more with limits.timeout_s or --timeout"
            return CallTimeoutError(f"{shown}: no whole answer within {timeout_s:g} s", hint=hint)
        if isinstance(error, self._aiohttp.ClientPayloadError):
            return ConnectionFailedError(f"{shown}: the connection broke in the middle of the answer", status=status)
        if isinstance(error, self._aiohttp.ClientResponseError):
            reason = error.message.partition("\n")[0]
            return BadResponseError(f"{shown} does not speak HTTP: {reason!r:.200}")
        if isinstance(error, self._aiohttp.ServerDisconnectedError):
            return ConnectionFailedError(f"{shown}: the server closed the connection without an answer", status=status)
        if status is not None:
            return ConnectionFailedError(f"{shown}: the connection broke in the middle of the answer", status=status)
        return ConnectionFailedError(f"{shown}: {error}", hint="is the server running, and base_url right?")


class OpenAIModel:
    """One model of an OpenAI-compatible API: a single attempt, nothing repeated.

    Args:
        transport: Connections, shared with the other models of the same origin and key.
        model: The name that the API knows, without our provider prefix.
        rates: Prices; None where unknown.
        timeout_s: Seconds allowed for one attempt.
    """

    def __init__(self, transport: OpenAITransport, model: str, *, rates: Rates | None, timeout_s: float) -> None:
        self._transport = transport
        self._model = model
        self._rates = rates
        self._timeout_s = timeout_s
        self._shown = f"{model!r} at {transport.origin}"

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`."""
        body = encode_body(build_body(self._model, request))
        # Asked for before the clock starts, since the first call imports aiohttp.
        limit = self._limit
        started = time.perf_counter()
        try:
            answer = await self._transport.post(body, limit=limit, shown=self._shown)
            if isinstance(answer, Refusal):
                return self._refused(answer, time.perf_counter() - started)
            latency_s = time.perf_counter() - started
            return self._parse(answer, request, latency_s)
        except ModelError as error:
            raise self._transport.redact(error) from None

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`; a choice comes in one piece, since it is unwrapped first."""
        body = encode_body(build_body(self._model, request, stream=True))
        limit = self._limit
        started = time.perf_counter()
        streamed = StreamedCompletion(self._shown)
        try:
            async with contextlib.aclosing(self._transport.stream(body, limit=limit, shown=self._shown)) as answer:
                async for chunk in answer:
                    if isinstance(chunk, Refusal):
                        yield self._refused(chunk, time.perf_counter() - started)
                        return
                    pieces = streamed.feed(chunk)
                    if not request.choices:
                        for piece in pieces:
                            yield piece
            response = self._finish(streamed, request, time.perf_counter() - started)
        except ModelError as error:
            raise self._transport.redact(error) from None
        # Nothing was shown so far of a choice, or by a server that does not stream.
        if response.text and (request.choices or not streamed.has_text):
            yield response.text
        yield response

    @cached_property
    def _limit(self) -> aiohttp.ClientTimeout:
        return self._transport.limit_of(self._timeout_s)

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    def _finish(self, streamed: StreamedCompletion, request: CompletionRequest, latency_s: float) -> Response:
        streamed.end()
        if streamed.error is not None:
            refusal = Refusal(status_in(streamed.error), streamed.error, headers={}, now=0.0)
            return self._refused(refusal, latency_s)
        if not streamed.finished:
            raise ConnectionFailedError(
                f"{self._shown}: the stream ended in the middle of the answer", status=_SUCCESS.start
            )
        # The key may have come in two chunks, so the whole is looked through once more.
        return self._parse(self._transport.clean(streamed.payload()), request, latency_s)

    def _parse(self, payload: bytes, request: CompletionRequest, latency_s: float) -> Response:
        body = parse_json(payload, shown=self._shown)
        if "choices" not in body and body.get("error"):
            # Routers report an upstream failure with status 200.
            return self._refused(Refusal(status_in(payload), payload, headers={}, now=0.0), latency_s)
        return parse_completion(body, request, rates=self._rates, latency_s=latency_s, shown=self._shown)

    def _refused(self, refusal: Refusal, latency_s: float) -> Response:
        """Return the answer that a refusal amounts to, or raise its error."""
        reason = refusal.finish_reason
        if reason is None:
            raise refusal.as_error(self._shown)
        cost = None if self._rates is None else 0.0
        return Response(text="", finish_reason=reason, cost_usd=cost, latency_s=latency_s, served_model=self._model)


def _too_long(most_bytes: int, shown: str) -> BadResponseError:
    return BadResponseError(f"{shown} answered with more than {most_bytes:,} bytes")
