"""The ledger's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select, update

from promptship.domain import LedgerEvent, LedgerHead
from promptship.errors import StorageError
from promptship.store._models import METADATA

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

    from sqlalchemy import Connection, Row

__all__ = ["Ledger"]

_EVENT = METADATA.tables["ledger_event"]
_HEAD = METADATA.tables["ledger_head"]
_ROWS_AT_ONCE = 5_000
# Making a statement costs SQLAlchemy more than running it, so what each change needs is made once.
_ADD = insert(_EVENT)
_READ_HEAD = select(_HEAD.c.seq, _HEAD.c.hash, _HEAD.c.at).where(_HEAD.c.id == 1)
_LOCK_HEAD = _READ_HEAD.with_for_update()
_MOVE_HEAD = (
    update(_HEAD)
    .where(_HEAD.c.id == 1, _HEAD.c.seq == bindparam("before"))
    .values(seq=bindparam("now"), hash=bindparam("new_hash"), at=bindparam("new_at"))
)


class Ledger:
    """Events in their order. Nothing here changes one that is there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._head: LedgerHead | None = None

    @property
    def head(self) -> LedgerHead:
        """The last event, as the head's row says."""
        if self._head is None:
            self._head = self._read_head(lock=False)
        return self._head

    def lock(self) -> None:
        """Read the head and let no other writer in until this unit ends."""
        self._head = self._read_head(lock=True)

    def append(self, event: LedgerEvent) -> None:
        """Add an event after the head.

        Raises:
            StorageError: The head is not what this unit has read.
        """
        self._connection.execute(_ADD, _as_row(event))
        named = {"before": event.seq - 1, "now": event.seq, "new_hash": event.hash, "new_at": event.at}
        moved = self._connection.execute(_MOVE_HEAD, named)
        if moved.rowcount != 1:
            raise StorageError(f"the ledger's head is not at event {event.seq - 1}", hint="promptctl verify")
        self._head = LedgerHead(seq=event.seq, hash=event.hash, at=event.at)

    def reset_head(self, head: LedgerHead) -> None:
        """Let the head's row say what the events say."""
        self._connection.execute(update(_HEAD).values(seq=head.seq, hash=head.hash, at=head.at))

    def stream(self, *, after: int = 0) -> Iterator[LedgerEvent]:
        """Yield all events in their order, a few thousand in memory at a time."""
        query = select(*_EVENT.c).where(_EVENT.c.seq > after).order_by(_EVENT.c.seq)
        for row in self._connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
            yield _as_event(row)

    def find(
        self,
        *,
        prompt: str | None = None,
        label: str | None = None,
        kinds: Collection[str] = (),
        until: str | None = None,
        below: int | None = None,
        digest: str | None = None,
        limit: int | None = None,
    ) -> list[LedgerEvent]:
        """Return events, the newest first.

        Args:
            prompt: Of this prompt.
            label: Of this label.
            kinds: Of these kinds; all if empty.
            until: At or before this time, ISO 8601 UTC.
            below: With a smaller number.
            digest: Whose payload names this digest.
            limit: So many at most.
        """
        query = select(*_EVENT.c).order_by(_EVENT.c.seq.desc())
        for column, value in ((_EVENT.c.prompt, prompt), (_EVENT.c.label, label)):
            if value is not None:
                query = query.where(column == value)
        if kinds:
            query = query.where(_EVENT.c.kind.in_(kinds))
        if until is not None:
            query = query.where(_EVENT.c.at <= until)
        if below is not None:
            query = query.where(_EVENT.c.seq < below)
        if digest is not None:
            # Of a prompt that has thousands of events only these are read into memory.
            query = query.where(_EVENT.c.payload.contains(digest, autoescape=True))
        if limit is not None:
            query = query.limit(limit)
        return [_as_event(row) for row in self._connection.execute(query)]

    def _read_head(self, *, lock: bool) -> LedgerHead:
        row = self._connection.execute(_LOCK_HEAD if lock else _READ_HEAD).one_or_none()
        if row is None:
            raise StorageError("the ledger has no head", hint="promptctl db check --repair")
        return LedgerHead(seq=row.seq, hash=row.hash, at=row.at)


def _as_event(row: Row[Any]) -> LedgerEvent:
    return LedgerEvent(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a mapping


def _as_row(event: LedgerEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in LedgerEvent.__slots__}
