"""Threads for blocking calls that never keep the process from ending."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DaemonThreads"]

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(ThreadPoolExecutor):
    """A pool of daemon threads, grown as needed.

    The standard pool is joined at interpreter exit, so one callable that hangs would hang the whole process even after
    Ctrl-C. An event loop takes a `ThreadPoolExecutor` only, hence the base class, of which nothing else is used.

    Args:
        limit: Threads at most.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(max_workers=1)
        self._limit = limit
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._grown = 0
        self._growing = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` in a thread of the pool."""
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
                future.set_exception(error)
            else:
                future.set_result(result)

        self._jobs.put(job)
        self._grow_if_busy()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's
        """Let idle threads end. Nothing is waited for."""
        super().shutdown(wait=wait, cancel_futures=cancel_futures)
        for _ in range(self._grown):
            self._jobs.put(None)

    def _grow_if_busy(self) -> None:
        if self._idle.acquire(blocking=False):
            return
        with self._growing:
            if self._grown < self._limit:
                self._grown += 1
                threading.Thread(target=self._serve, name=f"promptship-{self._grown}", daemon=True).start()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self._idle.release()
