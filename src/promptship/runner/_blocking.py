"""Run a coroutine from code that is not async: in an event loop of our own, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from promptship.errors import RunInterruptedError
from promptship.runner._progress import StopSignal
from promptship.runner._threads import DaemonThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

__all__ = ["run_blocking"]

T = TypeVar("T")

_MOST_THREADS = 512
_LOOK_EVERY_S = 0.2
_PRESSES_TO_LEAVE = 3


def run_blocking(coro_factory: Callable[[], Coroutine[Any, Any, T]], *, stop: StopSignal | None = None) -> T:
    """Run a coroutine to its end and return its result; also where an event loop is running already.

    The host's loop is neither patched nor used, so it works in a notebook, in an async test and in a web handler (it
    blocks the thread that calls it, as any blocking call does).

    In the main thread Ctrl-C asks the run to stop and lets calls in flight finish; a second one drops them; a third
    leaves at once.

    Args:
        coro_factory: Makes the coroutine; called in the loop's thread.
        stop: The signal that the coroutine hands to `execute`; None where it heeds none, which lets the first Ctrl-C
            cancel it.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it; journals are closed, and what is done is kept.
    """
    signal_to_stop = stop or StopSignal()
    thread = _LoopThread(coro_factory)
    with _interrupts(signal_to_stop, thread):
        thread.start()
        while not thread.done.wait(_LOOK_EVERY_S):
            if signal_to_stop.level >= _PRESSES_TO_LEAVE:
                raise KeyboardInterrupt
        thread.join()
    return thread.result(was_stopped=signal_to_stop.level > 0)


class _LoopThread(threading.Thread, Generic[T]):
    """A daemon thread that runs one coroutine in a loop of its own."""

    def __init__(self, coro_factory: Callable[[], Coroutine[Any, Any, T]]) -> None:
        super().__init__(name="promptship-loop", daemon=True)
        self._coro_factory = coro_factory
        self._context = contextvars.copy_context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None
        self._results: list[T] = []
        self._error: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        """Run the coroutine; its result or error is kept for `result`."""
        try:
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                runner.get_loop().set_default_executor(DaemonThreads(_MOST_THREADS))
                self._results.append(runner.run(self._main(), context=self._context))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._error = error
        finally:
            self.done.set()

    def cancel(self) -> None:
        """Cancel the coroutine, from any thread."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    def result(self, *, was_stopped: bool) -> T:
        """Return what the coroutine returned, or raise what it raised."""
        error = self._error
        if error is None:
            return self._results[0]
        if was_stopped and isinstance(error, RunInterruptedError | asyncio.CancelledError):
            raise KeyboardInterrupt from error
        raise error

    async def _main(self) -> T:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._coro_factory())
        return await self._task


@contextmanager
def _interrupts(stop: StopSignal, thread: _LoopThread[Any]) -> Iterator[None]:
    """Turn Ctrl-C into a request to stop while the block runs; only the main thread gets any."""
    before = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    if before is None or before is signal.SIG_IGN:
        yield
        return

    def request(_number: int, _frame: object) -> None:
        attended = stop.is_attended
        stop.request()
        if not attended or stop.level > 1:
            thread.cancel()

    # A handler rather than `except KeyboardInterrupt`: an exception could strike between any two lines of ours.
    signal.signal(signal.SIGINT, request)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of uvloop where it is installed, else a plain one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
