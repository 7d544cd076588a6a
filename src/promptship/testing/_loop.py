"""The event loop in which a session calls models: one for evalsets and Python tests, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

__all__ = ["SessionLoop"]

T = TypeVar("T")

_PATIENCE_S = 30.0


class SessionLoop:
    """A loop that starts when it is first needed and ends with the session. The host's own loop is never touched."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run `work` in the loop; the future may be waited for in any other thread."""
        with self._starting:
            if self._loop is None:
                self._start()
            loop = self._loop
        assert loop is not None  # noqa: S101 - for mypy: `_start` waits until it is there
        return asyncio.run_coroutine_threadsafe(work, loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the loop and wait for it."""
        return self.submit(work).result()

    def close(self) -> None:
        """End the loop once its tasks have been cancelled. Harmless when called twice."""
        if self._loop is None or self._closed is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join(_PATIENCE_S)
        self._loop = self._closed = self._thread = None

    def _start(self) -> None:
        from promptship.runner import run_blocking

        started = threading.Event()

        async def stay() -> None:
            self._loop, self._closed = asyncio.get_running_loop(), asyncio.Event()
            started.set()
            await self._closed.wait()

        # In a thread that is not the main one, `run_blocking` leaves Ctrl-C to pytest.
        self._thread = threading.Thread(target=run_blocking, args=(stay,), name="promptship-session", daemon=True)
        self._thread.start()
        started.wait()
