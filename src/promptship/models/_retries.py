"""Try again what may succeed later, and wait as long as the server asks."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from promptship.domain import Response
from promptship.errors import ModelError
from promptship.models._middleware import Middleware, OpenStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from promptship.domain import CompletionModel, CompletionRequest

__all__ = ["Retrying"]

_FIRST_WAIT_S = 0.5
# Beyond this a person would rather see the error.
_LONGEST_WAIT_S = 30.0
# A server that wants us back in an hour is out of order for this run: its error is the answer.
_LONGEST_RETRY_AFTER_S = 60.0


class Retrying(Middleware):
    """Repeats attempts that failed with a retryable error, with exponential backoff and jitter.

    Args:
        inner: One attempt.
        retries: Attempts after the first; 0 switches retrying off.
        sleep: Waits seconds.
        jitter: Returns a number in [0, 1).
    """

    def __init__(
        self,
        inner: CompletionModel,
        *,
        retries: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(inner)
        self._retries = retries
        self._sleep = sleep
        self._jitter = jitter

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`."""
        attempt = 0
        while True:
            try:
                response = await self._inner.complete(request)
            except ModelError as error:
                wait_s = self._wait_before_next(error, attempt)
                if wait_s is None:
                    raise
            else:
                return replace(response, attempts=attempt + 1) if attempt else response
            attempt += 1
            await self._sleep(wait_s)

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`; an answer that has begun is not begun again."""
        attempt = 0
        while True:
            begun = False
            try:
                async with OpenStream(self._inner.stream(request)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield replace(piece, attempts=attempt + 1) if isinstance(piece, Response) else piece
            except ModelError as error:
                wait_s = None if begun else self._wait_before_next(error, attempt)
                if wait_s is None:
                    raise
            else:
                return
            attempt += 1
            await self._sleep(wait_s)

    def _wait_before_next(self, error: ModelError, attempt: int) -> float | None:
        """Return the seconds to wait before the next attempt; None where there is to be none."""
        if not error.retryable or attempt >= self._retries:
            return None
        ceiling = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0**attempt)
        backoff = ceiling * (1 + self._jitter()) / 2
        asked = error.retry_after_s
        if asked is None:
            return backoff
        # "Wait 0 s" is no reason to hammer: the backoff applies.
        return None if asked > _LONGEST_RETRY_AFTER_S else max(asked, backoff if asked == 0 else 0.0)
