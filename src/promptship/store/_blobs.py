"""Content by digest."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql

from promptship.store._models import METADATA
from promptship.store._rows import BlobRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection

__all__ = ["Blobs"]

_BLOB = METADATA.tables["blob"]
_DIGESTS_AT_ONCE = 500
_ADD = insert(_BLOB)
_ADD_NEW = postgresql.insert(_BLOB).on_conflict_do_nothing()
_BY_DIGEST = select(*_BLOB.c).where(_BLOB.c.digest == bindparam("of_digest"))
_KNOWN = select(_BLOB.c.digest).where(_BLOB.c.digest.in_(bindparam("digests", expanding=True)))
_ROWS_AT_ONCE = 200


class Blobs:
    """Content that is never changed; payloads can be erased."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[BlobRow]) -> None:
        """Add those that are not there yet."""
        if len(rows) == 1 and self._connection.dialect.name == "postgresql":
            # One way to the server instead of two; for many, sending what is there already would cost more.
            self._connection.execute(_ADD_NEW, asdict(rows[0]))
            return
        known: set[str] = set()
        for first in range(0, len(rows), _DIGESTS_AT_ONCE):
            digests = [row.digest for row in rows[first : first + _DIGESTS_AT_ONCE]]
            known.update(self._connection.execute(_KNOWN, {"digests": digests}).scalars())
        fresh = {row.digest: asdict(row) for row in rows if row.digest not in known}
        if fresh:
            self._connection.execute(_ADD, list(fresh.values()))

    def find(self, digest: str) -> BlobRow | None:
        """Return the blob; None where there is none."""
        row = self._connection.execute(_BY_DIGEST, {"of_digest": digest}).one_or_none()
        return None if row is None else BlobRow(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way

    def stream(self) -> Iterator[BlobRow]:
        """Yield every blob, some in memory at a time."""
        query = select(*_BLOB.c).order_by(_BLOB.c.digest)
        for row in self._connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
            yield BlobRow(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way

    def erase(self, *, subject: str | None, before: str | None, at: str) -> tuple[int, int]:
        """Erase payloads with their salts: those of a subject, those made before a time, or both at once.

        Returns:
            How many there were, and their bytes.
        """
        chosen: list[ColumnElement[bool]] = [_BLOB.c.salt.is_not(None)]
        if subject is not None:
            chosen.append(_BLOB.c.subject == subject)
        if before is not None:
            chosen.append(_BLOB.c.created_at < before)
        size = self._connection.execute(select(func.coalesce(func.sum(_BLOB.c.size), 0)).where(*chosen)).scalar_one()
        done = self._connection.execute(
            update(_BLOB).where(*chosen).values(content=None, salt=None, subject=None, erased_at=at)
        )
        return done.rowcount, int(size)
