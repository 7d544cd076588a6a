"""One thread per loaded model: it collects waiting requests, sorts them by length, and runs them in batches."""

from __future__ import annotations

import asyncio
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import ModelError, PromptshipError
from promptship.models.local._jobs import Generated

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptship.domain import CompletionRequest
    from promptship.models.local._engine import Engine
    from promptship.models.local._jobs import Job

__all__ = ["Worker"]

_MOST_ROWS = 16
_MOST_TOKENS = 16_384
_SMALLEST_FAMILY = 4
_WINDOW_S = 0.005


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request on its way."""

    request: CompletionRequest
    future: asyncio.Future[tuple[int, Generated]]
    loop: asyncio.AbstractEventLoop
    on_text: Callable[[str], None] | None
    job: Job | None = None

    def answer(self, prompt_tokens: int, generated: Generated) -> None:
        self._tell(lambda: self.future.set_result((prompt_tokens, generated)))

    def fail(self, error: BaseException) -> None:
        self._tell(lambda: self.future.set_exception(error))

    def _tell(self, deliver: Callable[[], None]) -> None:
        def unless_cancelled() -> None:
            if not self.future.done():
                deliver()

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(unless_cancelled)


class Worker:
    """Runs one model for everybody in the process.

    Args:
        load: Gives the model; called in the worker's thread when the first request comes.
        most_rows: Rows of a batch at most; 1 answers one request at a time.
    """

    def __init__(self, load: Callable[[], Engine], *, most_rows: int = _MOST_ROWS) -> None:
        self._load = load
        self._most_rows = most_rows
        self._inbox: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    async def submit(
        self, request: CompletionRequest, on_text: Callable[[str], None] | None = None
    ) -> tuple[int, Generated]:
        """Answer a request in the next batch that it fits into.

        Args:
            request: What is asked.
            on_text: Told the text so far, in the caller's event loop.

        Returns:
            Tokens of the prompt, and the answer.

        Raises:
            UsageError: The request has something that this model does not take.
            ModelError: The model failed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[int, Generated]] = loop.create_future()
        listener = None
        if on_text is not None:
            tell = on_text

            def listener(text: str) -> None:
                loop.call_soon_threadsafe(tell, text)

        self._start()
        self._inbox.put(_Waiting(request, future, loop, listener))
        return await future

    def stop(self) -> None:
        """End the thread after what it is doing; the memory is free then."""
        if self._thread is not None:
            self._inbox.put(None)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="promptship-model", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        waiting: list[_Waiting] = []
        engine: Engine | None = None
        while True:
            arrived = self._collect(block=not waiting)
            waiting += [one for one in arrived if one is not None]
            if None in arrived:
                for one in waiting:
                    one.fail(ModelError("the local model was closed before it answered"))
                return
            try:
                engine = engine or self._load()
                waiting = self._encode(engine, waiting)
                batch = self._take(waiting)
                waiting = [one for one in waiting if one not in batch]
            except BaseException as error:  # noqa: BLE001 - handed to everyone who waits
                for one in waiting:
                    one.fail(_as_model_error(error))
                waiting = []
                continue
            if batch:
                _answer(engine, batch)

    def _collect(self, *, block: bool) -> list[_Waiting | None]:
        """Return what has arrived; wait for the first, then a moment for its neighbours."""
        found: list[_Waiting | None] = []
        timeout = None if block else 0.0
        while True:
            try:
                found.append(self._inbox.get(block=timeout != 0.0, timeout=timeout))
            except queue.Empty:
                return found
            timeout = _WINDOW_S if block else 0.0

    def _encode(self, engine: Engine, waiting: list[_Waiting]) -> list[_Waiting]:
        """Give each newcomer its tokens; one that has none is answered here."""
        kept = []
        for one in waiting:
            if one.future.cancelled():
                continue
            if one.job is None and not self._encode_one(engine, one):
                continue
            kept.append(one)
        return kept

    def _encode_one(self, engine: Engine, one: _Waiting) -> bool:
        try:
            one.job = engine.encode(one.request)
        except Exception as error:  # noqa: BLE001 - handed to the one whose request it is
            one.fail(_as_model_error(error))
            return False
        one.job.on_text = one.on_text
        if len(one.job.tokens) >= engine.context_tokens:
            one.answer(len(one.job.tokens), Generated(finish_reason="context_length"))
            return False
        return True

    def _take(self, waiting: list[_Waiting]) -> list[_Waiting]:
        """Choose the batch of the request that has waited longest: of its kind and, if there are some, of its family.

        A family begins alike for at least half of the oldest request's tokens (the same prompt with other inputs), so
        that this beginning is read once. Of the family, the neighbours in length are taken, so that little is padding.
        """
        if not waiting:
            return []
        oldest = waiting[0]
        alike = [one for one in waiting if _kind(one) == _kind(oldest)]
        family = [one for one in alike if _begins_alike(oldest, one)]
        pool = sorted(family if len(family) >= min(_SMALLEST_FAMILY, self._most_rows) else alike, key=_length)
        place = pool.index(oldest)
        start = max(0, min(place - self._most_rows // 2, len(pool) - self._most_rows))
        batch = pool[start : start + self._most_rows]
        while len(batch) > 1 and len(batch) * max(map(_size, batch)) > _MOST_TOKENS:
            batch = batch[:-1] if batch[-1] is not oldest else batch[len(batch) // 2 :]
        return batch


def _answer(engine: Engine, batch: list[_Waiting]) -> None:
    jobs = [one.job for one in batch if one.job is not None]
    try:
        results = engine.run(jobs)
    except BaseException as error:  # noqa: BLE001 - handed to everyone in the batch
        if _is_out_of_memory(error) and len(batch) > 1:
            middle = len(batch) // 2
            _answer(engine, batch[:middle])
            _answer(engine, batch[middle:])
            return
        for one in batch:
            one.fail(_as_model_error(error))
        return
    for one, job, result in zip(batch, jobs, results, strict=True):
        one.answer(len(job.tokens), result)


def _kind(one: _Waiting) -> bool:
    return bool(one.job and one.job.choices)


def _length(one: _Waiting) -> int:
    return len(one.job.tokens) if one.job else 0


def _size(one: _Waiting) -> int:
    """Tokens that a request may come to keep in memory: its prompt and, where it generates, its answer."""
    return _length(one) + (one.job.sampling.max_tokens if one.job and not one.job.choices else 0)


def _begins_alike(oldest: _Waiting, other: _Waiting) -> bool:
    if oldest.job is None or other.job is None:
        return False
    shared = max(1, len(oldest.job.tokens) // 2)
    return oldest.job.tokens[:shared] == other.job.tokens[:shared]


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "memory" in str(error).lower()


def _as_model_error(error: BaseException) -> BaseException:
    if isinstance(error, PromptshipError):
        return error
    if _is_out_of_memory(error):
        return ModelError(
            f"the local model ran out of memory on a single request: {error}", hint="shorten the prompt or max_tokens"
        )
    return ModelError(f"the local model failed: {type(error).__name__}: {error}")
