"""Money: what was spent, what may still be spent, and the layer that asks before each call."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING

from promptship.domain import Response
from promptship.errors import BadResponseError, BudgetExceededError, CallTimeoutError, ModelError, UsageError
from promptship.models._middleware import Middleware, OpenStream
from promptship.models._tokens import estimate_prompt_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from promptship.domain import CompletionModel, CompletionRequest
    from promptship.models._prices import Rates

__all__ = ["Budget", "Budgeted"]

_DEFAULT_MOST_OUTPUT = 4_096
# Sums of many small floats must not refuse the last call that fits exactly.
_ROUNDING_USD = 1e-12
_LIMIT_PARAMS = ("max_completion_tokens", "max_tokens")


class Budget:
    """What calls may cost together. One budget may be shared by every model of a process, in one event loop.

    Args:
        limit_usd: At most this much in USD; None only counts.

    Attributes:
        limit_usd: As given.
        spent_usd: What answers have cost so far.
        reserved_usd: What the calls in flight may cost at most.

    Raises:
        UsageError: The limit is negative or no number.

    Example:
        >>> Budget(1.5).remaining_usd
        1.5
    """

    def __init__(self, limit_usd: float | None = None) -> None:
        if limit_usd is not None and not (math.isfinite(limit_usd) and limit_usd >= 0):
            raise UsageError(f"a budget of {limit_usd!r} USD: expected a number of at least 0")
        self.limit_usd = limit_usd
        self.spent_usd = 0.0
        self.reserved_usd = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def remaining_usd(self) -> float | None:
        """What is neither spent nor reserved; None without a limit."""
        return None if self.limit_usd is None else self.limit_usd - self.spent_usd - self.reserved_usd

    async def reserve(self, amount_usd: float) -> None:
        """Set `amount_usd` aside, waiting for calls in flight to settle where they hold what is missing.

        Raises:
            BudgetExceededError: Even if the calls in flight cost nothing, this one could cost more than is left.
        """
        while self.limit_usd is not None and self._exceeds(amount_usd + self.reserved_usd):
            if self._exceeds(amount_usd):
                raise BudgetExceededError(
                    f"the next call could cost {amount_usd:.6f} USD and {self.spent_usd:.6f} of "
                    f"{self.limit_usd:.6f} USD are spent",
                    hint="allow more with --max-cost, or lower max_tokens; what is done is kept",
                )
            await self._wait()
        self.reserved_usd += amount_usd

    def settle(self, reserved_usd: float, spent_usd: float) -> None:
        """Replace a reservation by what the call really cost, 0 where it was not billed."""
        self.reserved_usd = max(0.0, self.reserved_usd - reserved_usd)
        self.spent_usd += spent_usd
        # All of them look again: what was freed may be enough for a later, cheaper one only.
        waiting, self._waiting = self._waiting, deque()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _exceeds(self, amount_usd: float) -> bool:
        return self.limit_usd is not None and self.spent_usd + amount_usd > self.limit_usd + _ROUNDING_USD

    async def _wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future


class Budgeted(Middleware):
    """Reserves what a call may cost before it is sent, and settles afterwards.

    A call whose fate is unknown (no answer in time, or an answer cut off) is counted at its worst, since the provider
    may bill it; a refused one is not counted. Without `max_tokens` the worst is what the price list says the model can
    generate, else 4,096 tokens.

    Args:
        inner: What is called.
        budget: What it counts on.
        rates: Prices; None where unknown, which only a budget without a limit accepts.
    """

    def __init__(self, inner: CompletionModel, budget: Budget, rates: Rates | None) -> None:
        super().__init__(inner)
        self._budget = budget
        self._rates = rates

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`."""
        worst = self._worst(request)
        await self._budget.reserve(worst)
        spent = 0.0
        try:
            response = await self._inner.complete(request)
            spent = worst if response.cost_usd is None else response.cost_usd
        except BaseException as error:
            spent = worst if _may_be_billed(error) else 0.0
            raise
        finally:
            self._budget.settle(worst, spent)
        return response

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`."""
        worst = self._worst(request)
        await self._budget.reserve(worst)
        # A consumer that leaves early has been answered in part, and the provider bills that.
        spent = worst
        try:
            async with OpenStream(self._inner.stream(request)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Response) and piece.cost_usd is not None:
                        spent = piece.cost_usd
                    yield piece
        except ModelError as error:
            spent = worst if _may_be_billed(error) else 0.0
            raise
        finally:
            self._budget.settle(worst, spent)

    def _worst(self, request: CompletionRequest) -> float:
        rates = self._rates
        if rates is None or not (rates.input or rates.output or rates.cached_input):
            return 0.0
        return rates.worst(estimate_prompt_tokens(request), _most_output(request, rates))


def _most_output(request: CompletionRequest, rates: Rates) -> int:
    for name in _LIMIT_PARAMS:
        limit = request.params.get(name)
        if isinstance(limit, int | float) and limit > 0:
            return math.ceil(limit)
    return rates.most_output or _DEFAULT_MOST_OUTPUT


def _may_be_billed(error: BaseException) -> bool:
    """Say whether the provider may have made an answer although we have none of use."""
    if isinstance(error, CallTimeoutError | BadResponseError | asyncio.CancelledError):
        return True
    succeeded = range(200, 300)
    return isinstance(error, ModelError) and error.status in succeeded
