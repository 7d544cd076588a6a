"""How hard a model is pressed: calls in flight that adapt to what it bears, requests and tokens a minute."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from promptship.domain import Response
from promptship.errors import ModelError, RateLimitError, ServerError
from promptship.models._middleware import Middleware, OpenStream
from promptship.models._tokens import estimate_prompt_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from promptship.domain import CompletionModel, CompletionRequest, Limits

__all__ = ["Pace", "Paced", "TokenBucket"]

# 529 is what Anthropic says where others say 503.
_OVERLOADED = (503, 529)
_LONGEST_PAUSE_S = 60.0
_SECONDS_A_MINUTE = 60.0
_BURST_SHARE = 10


class TokenBucket:
    """Spreads `per_minute` units so that no span of 60 s sees more, whatever the burst.

    A tenth of a minute's units may go at once; the rest is refilled evenly. A taker larger than the bucket runs it
    into debt, which the next ones wait for.

    Args:
        per_minute: Units a minute, at least 1.
        now: The time at which the bucket is full, in seconds.
    """

    __slots__ = ("_burst", "_level", "_rate", "_time", "per_minute")

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self._burst = max(1.0, per_minute / _BURST_SHARE)
        # Burst and refill of one minute together make `per_minute`, never more.
        spread = per_minute - self._burst if per_minute > self._burst else per_minute
        self._rate = spread / _SECONDS_A_MINUTE
        self._level = self._burst
        self._time = now

    def take(self, units: float, now: float) -> float:
        """Take `units` and return the seconds to wait before using them; negative units give some back."""
        self._level = min(self._burst, self._level + (now - self._time) * self._rate)
        self._time = now
        self._level -= units
        return max(0.0, -self._level / self._rate)


class Pace:
    """How many calls of one model may be in flight: additive increase, multiplicative decrease.

    Starts at the configured concurrency, halves when the model answers 429 or 503 (once for all calls that were in
    flight together), grows back by one for each round of successes, and never passes what was configured.

    Args:
        limits: Concurrency and rates.
        clock: Returns seconds that never go back.
        sleep: Waits seconds.

    Attributes:
        in_flight: Calls admitted and not finished.
        peak: Most calls that were ever in flight.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._most = limits.concurrency
        self._limit = float(limits.concurrency)
        self._requests = TokenBucket(limits.rpm, clock()) if limits.rpm else None
        self._tokens = TokenBucket(limits.tpm, clock()) if limits.tpm else None
        self._paused_until = float("-inf")
        self._round = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0
        self.peak = 0

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return int(self._limit)

    @property
    def counts_tokens(self) -> bool:
        """True where `enter` wants to know a call's tokens."""
        return self._tokens is not None

    def tighten(self, limits: Limits) -> None:
        """Also keep to `limits`, of another config that calls the same model; the stricter of two applies."""
        self._most = min(self._most, limits.concurrency)
        self._limit = min(self._limit, self._most)
        if limits.rpm and (self._requests is None or limits.rpm < self._requests.per_minute):
            self._requests = TokenBucket(limits.rpm, self._clock())
        if limits.tpm and (self._tokens is None or limits.tpm < self._tokens.per_minute):
            self._tokens = TokenBucket(limits.tpm, self._clock())

    async def enter(self, tokens: int = 0) -> int:
        """Wait until a call may start.

        Args:
            tokens: What the call is expected to use; counted where there is a limit a minute.

        Returns:
            A ticket, to be handed to `leave`.
        """
        if self._waiting or self.in_flight >= self.limit:
            await self._queue()
        else:
            self._admit()
        if self._requests is not None or self._tokens is not None or self._paused_until > 0:
            try:
                await self._hold_back(tokens)
            except BaseException:
                self._release()
                raise
        return self._round

    def leave(self, ticket: int, error: ModelError | None = None) -> None:
        """Note that a call is over.

        Args:
            ticket: What `enter` returned.
            error: What the call ended with; None where it succeeded.
        """
        if error is None:
            self._limit = min(self._most, self._limit + 1 / self._limit)
        elif _is_throttled(error):
            self._slow_down(ticket, error.retry_after_s)
        self._release()

    def correct_tokens(self, expected: int, used: int) -> None:
        """Replace the expected tokens of a call by those it used."""
        if self._tokens is not None:
            self._tokens.take(used - expected, self._clock())

    def _slow_down(self, ticket: int, retry_after_s: float | None) -> None:
        if retry_after_s is not None:
            pause_s = min(retry_after_s, _LONGEST_PAUSE_S)
            self._paused_until = max(self._paused_until, self._clock() + pause_s)
        # A burst of refusals from one round is one message, not sixty-four.
        if ticket == self._round:
            self._round += 1
            self._limit = max(1.0, self._limit / 2)

    async def _hold_back(self, tokens: int) -> None:
        now = self._clock()
        wait_s = self._requests.take(1, now) if self._requests else 0.0
        if self._tokens:
            wait_s = max(wait_s, self._tokens.take(tokens, now))
        ready = now + wait_s
        # Another call may lengthen the pause while this one sleeps.
        while (left_s := max(ready, self._paused_until) - self._clock()) > 0:
            await self._sleep(left_s)

    def _admit(self) -> None:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)

    async def _queue(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        except asyncio.CancelledError:
            # The place was given in the same turn of the loop in which its taker was cancelled.
            if future.done() and not future.cancelled():
                self._release()
            raise

    def _release(self) -> None:
        self.in_flight -= 1
        while self._waiting and self.in_flight < self.limit:
            future = self._waiting.popleft()
            if not future.done():
                self._admit()
                future.set_result(None)


class Paced(Middleware):
    """Lets a call start when its model's pace allows.

    Args:
        inner: One attempt.
        pace: Shared by everything that calls the same model.
    """

    def __init__(self, inner: CompletionModel, pace: Pace) -> None:
        super().__init__(inner)
        self._pace = pace

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`."""
        pace = self._pace
        expected = self._expect(request) if pace.counts_tokens else 0
        ticket = await pace.enter(expected)
        try:
            response = await self._inner.complete(request)
        except BaseException as error:
            pace.leave(ticket, _as_failure(error))
            raise
        pace.leave(ticket)
        if expected:
            self._correct(expected, response)
        return response

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`."""
        pace = self._pace
        expected = self._expect(request) if pace.counts_tokens else 0
        ticket = await pace.enter(expected)
        try:
            async with OpenStream(self._inner.stream(request)) as pieces:
                async for piece in pieces:
                    if expected and isinstance(piece, Response):
                        self._correct(expected, piece)
                    yield piece
        except BaseException as error:
            pace.leave(ticket, _as_failure(error))
            raise
        pace.leave(ticket)

    @staticmethod
    def _expect(request: CompletionRequest) -> int:
        most = request.params.get("max_tokens", request.params.get("max_completion_tokens", 0))
        return estimate_prompt_tokens(request) + (int(most) if isinstance(most, int | float) else 0)

    def _correct(self, expected: int, response: Response) -> None:
        used = response.usage.prompt_tokens + response.usage.completion_tokens
        if used:
            self._pace.correct_tokens(expected, used)


def _is_throttled(error: ModelError) -> bool:
    return isinstance(error, RateLimitError) or (isinstance(error, ServerError) and error.status in _OVERLOADED)


def _as_failure(error: BaseException) -> ModelError:
    """Return what `leave` is told: only an answer counts as success, a cancelled call neither way."""
    return error if isinstance(error, ModelError) else ModelError(str(error))
