"""How far the execution may be ahead of the item that pytest waits for."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptship.testing._reports import CellId

__all__ = ["Window"]


class Window:
    """Lets cells start only so far ahead, so that `-x` does not pay for what nobody will look at.

    Args:
        order: Cells of the session, as (evalset, cell), in the order in which they are executed.
        ahead: Cells that may have been started beyond the one that is waited for; at least the concurrency.
    """

    def __init__(self, order: Iterable[tuple[str, CellId]], ahead: int) -> None:
        self._index = {key: index for index, key in enumerate(order)}
        self._ahead = ahead
        self._limit: float = ahead
        self._loop: asyncio.AbstractEventLoop | None = None
        self._moved: asyncio.Event | None = None

    def move_to(self, evalset: str, cell: CellId) -> None:
        """Say which cell pytest waits for; from any thread."""
        self._move(self._index[evalset, cell] + 1 + self._ahead)

    def open(self) -> None:
        """Let all cells start: something waits for the end."""
        self._move(math.inf)

    async def enter(self, evalset: str, cell: CellId) -> None:
        """Wait until the cell may start."""
        index = self._index[evalset, cell]
        while index >= self._limit:
            if self._moved is None:
                self._loop, self._moved = asyncio.get_running_loop(), asyncio.Event()
            self._moved.clear()
            # Once more: it may have been moved between the look and the clearing.
            if index >= self._limit:
                await self._moved.wait()

    def _move(self, limit: float) -> None:
        if limit <= self._limit:
            return
        self._limit = limit
        if self._loop is not None and self._moved is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._moved.set)
