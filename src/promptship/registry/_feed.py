"""What a server asks of a registry besides its use cases: what happened since, and requests that are done once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from promptship.errors import UsageError
from promptship.registry._history import as_entry
from promptship.registry._texts import format_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from promptship.registry._history import LogEntry
    from promptship.registry._registry import Registry
    from promptship.store import HeadWatch, Store, UnitOfWork

__all__ = ["ClaimedError", "Feed"]

_KEPT = timedelta(days=1)


class ClaimedError(UsageError):
    """A request with this key is being done, or was done and its answer is lost."""


class Feed:
    """The events of one registry as they come, and the keys of requests."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        guarded: Callable[[Callable[[UnitOfWork], None]], Registry],
    ) -> None:
        self._store = store
        self._clock = clock
        self._guarded = guarded

    def watch(self) -> HeadWatch:
        """Watch the number of the last event, for the thread that calls this."""
        return self._store.watch()

    def head(self) -> int:
        """Return the number of the last event."""
        with self._store.read() as unit:
            return unit.head.seq

    def after(self, seq: int, *, limit: int) -> list[LogEntry]:
        """Return the events that follow event `seq`, the oldest first, `limit` at most."""
        found: list[LogEntry] = []
        with self._store.read() as unit:
            for event in unit.ledger.stream(after=seq):
                found.append(as_entry(event))
                if len(found) == limit:
                    break
        return found

    def find_answer(self, token_id: str, key: str) -> tuple[str, int | None, bytes | None] | None:
        """Return fingerprint, status and body of what a request was answered; None where its key is new."""
        with self._store.read() as unit:
            return unit.requests.find(token_id, key)

    def claim(self, token_id: str, key: str, fingerprint: str) -> Registry:
        """Return this registry for one change, which is refused where another with the same key was made.

        The key is written in the transaction of the change: there is no moment in which one is kept without the other.
        """

        def guard(unit: UnitOfWork) -> None:
            if unit.requests.find(token_id, key) is not None:
                raise ClaimedError(f"a request with the key {key!r} is being done", hint="ask again for its answer")
            now = self._clock()
            unit.requests.forget(format_time(now - _KEPT))
            unit.requests.claim(token_id, key, fingerprint=fingerprint, at=format_time(now))

        return self._guarded(guard)

    def keep_answer(self, token_id: str, key: str, *, status: int, body: bytes) -> None:
        """Keep what a request was answered, for whoever asks again."""
        with self._store.write() as unit:
            unit.requests.answer(token_id, key, status=status, body=body)
