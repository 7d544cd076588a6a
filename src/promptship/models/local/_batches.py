"""One thread per loaded instrument: what everybody asks at the same time runs in batches of like length."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from promptship.errors import ModelError, PromptshipError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Batcher"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_WINDOW_S = 0.005
# A batch costs as much as its longest item times its rows, and a little of its own: below so many rows that little
# counts, above them items of less than this share of the longest wait for others of their length.
_LEAST_ROWS = 16
_ALIKE = 0.8


@dataclass(slots=True, eq=False)
class _Request(Generic[Item, Result]):
    """Items of one caller, and what is known of them."""

    items: Sequence[Item]
    results: list[Result | None]
    left: int
    future: asyncio.Future[list[Result]]
    loop: asyncio.AbstractEventLoop

    def put(self, place: int, result: Result) -> None:
        self.results[place] = result
        self.left -= 1
        if not self.left:
            self._tell(lambda: self.future.set_result(self.results))  # type: ignore[arg-type]  # none is left to fill

    def fail(self, error: BaseException) -> None:
        self._tell(lambda: self.future.set_exception(error))

    def _tell(self, deliver: Callable[[], None]) -> None:
        def unless_done() -> None:
            if not self.future.done():
                deliver()

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(unless_done)


_Batch: TypeAlias = "list[tuple[int, _Request[Item, Result], int]]"


class Batcher(Generic[Item, Result]):
    """Collects the items of everybody in the process and hands them to a model, longest first.

    Args:
        load: Gives the function that runs one batch; called in the batcher's thread when the first item comes. What
            it raises is everybody's error, and the next request tries again.
        size_of: Length of an item, of any unit: items of like length share a batch, so that little is padding.
        most_rows: Items of a batch at most.
    """

    def __init__(
        self,
        load: Callable[[], Callable[[Sequence[Item]], Sequence[Result]]],
        *,
        size_of: Callable[[Item], int],
        most_rows: int = 32,
    ) -> None:
        self._load = load
        self._size_of = size_of
        self._most_rows = most_rows
        self._inbox: queue.SimpleQueue[_Request[Item, Result]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    async def run(self, items: Sequence[Item]) -> list[Result]:
        """Return one result per item, in order.

        Raises:
            ModelError: The model could not be loaded or run.
        """
        if not items:
            return []
        loop = asyncio.get_running_loop()
        request: _Request[Item, Result] = _Request(items, [None] * len(items), len(items), loop.create_future(), loop)
        with self._lock:
            if self._thread is None:
                # A daemon: a process that ends need not wait for a batch that nobody waits for.
                self._thread = threading.Thread(target=self._serve, name="promptship-instrument", daemon=True)
                self._thread.start()
        self._inbox.put(request)
        return await request.future

    def _serve(self) -> None:
        run_batch: Callable[[Sequence[Item]], Sequence[Result]] | None = None
        sweep: _Batch[Item, Result] = []
        while True:
            # All that waits is served before what comes in meanwhile: taking the longest of both would leave a rest of
            # short ones, and put each newcomer with neighbours of any length.
            sweep = [one for one in sweep or self._collect() if not one[1].future.done()]
            if not sweep:
                continue
            rows = self._rows_of_next(sweep)
            batch, sweep = sweep[-rows:], sweep[:-rows]
            try:
                run_batch = run_batch or self._load()
            except BaseException as error:  # noqa: BLE001 - handed to everyone who waits
                _refuse(batch, error)
                continue
            _answer(run_batch, batch)

    def _rows_of_next(self, sweep: _Batch[Item, Result]) -> int:
        """Return how many of the longest make the next batch: few enough that little of it is padding."""
        rows = min(self._most_rows, len(sweep))
        least = _ALIKE * sweep[-1][0]
        alike = next((row for row in range(_LEAST_ROWS, rows) if sweep[-1 - row][0] < least), rows)
        return min(rows, alike)

    def _collect(self) -> _Batch[Item, Result]:
        """Wait for the first items, then a moment for their neighbours, and return all, the longest last."""
        request = self._inbox.get()
        found = self._rows_of(request)
        until = time.monotonic() + _WINDOW_S
        with contextlib.suppress(queue.Empty):
            while True:
                left_s = until - time.monotonic()
                request = self._inbox.get(timeout=left_s) if left_s > 0 else self._inbox.get_nowait()
                found += self._rows_of(request)
        found.sort(key=lambda one: one[0])
        return found

    def _rows_of(self, request: _Request[Item, Result]) -> _Batch[Item, Result]:
        return [(self._size_of(item), request, place) for place, item in enumerate(request.items)]


def _answer(run_batch: Callable[[Sequence[Item]], Sequence[Result]], batch: _Batch[Item, Result]) -> None:
    try:
        found = run_batch([request.items[place] for _, request, place in batch])
    except BaseException as error:  # noqa: BLE001 - handed to whoever asked for the item that is to blame
        if len(batch) == 1:
            _refuse(batch, error)
            return
        # Too much at once, or one item that no model can read: the others in its batch are not to pay for it.
        middle = len(batch) // 2
        _answer(run_batch, batch[:middle])
        _answer(run_batch, batch[middle:])
        return
    for (_, request, place), result in zip(batch, found, strict=True):
        request.put(place, result)


def _refuse(batch: _Batch[Item, Result], error: BaseException) -> None:
    for _, request, _ in batch:
        request.fail(_as_model_error(error))


def _as_model_error(error: BaseException) -> BaseException:
    if isinstance(error, PromptshipError):
        return error
    return ModelError(f"the local model failed: {type(error).__name__}: {error}")
