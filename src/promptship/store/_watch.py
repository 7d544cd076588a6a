"""How far the ledger is, asked thousands of times a second."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from sqlalchemy import Engine

__all__ = ["HeadWatch", "watch_postgresql", "watch_sqlite"]

_HEAD = "SELECT seq FROM ledger_head WHERE id = 1"
_LISTEN_S = 0.5
_STALE_S = 2.0


class HeadWatch(Protocol):
    """Knows the number of the ledger's last event. It belongs to the thread that asks."""

    def seq(self) -> int | None:
        """Return the last event's number; None where it cannot be told, and nothing may be taken from a cache."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class _SqliteWatch:
    """Asks SQLite whether anybody has written since, which reads a word of shared memory."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.05)
        self._connection.execute("PRAGMA query_only = ON")
        self._version = -1
        self._seq: int | None = None

    def seq(self) -> int | None:
        """See `HeadWatch.seq`."""
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._seq = int(self._connection.execute(_HEAD).fetchone()[0])
                # Only now: were reading refused, the same change would be looked at again.
                self._version = version
        except (sqlite3.Error, TypeError):
            return None
        return self._seq

    def close(self) -> None:
        """See `HeadWatch.close`."""
        self._connection.close()


class _PostgresWatch:
    """Listens in a thread of its own to what each event's trigger says."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seq: int | None = None
        self._heard = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="promptship-listen", daemon=True)
        self._thread.start()

    def seq(self) -> int | None:
        """See `HeadWatch.seq`."""
        return self._seq if time.monotonic() - self._heard < _STALE_S else None

    def close(self) -> None:
        """See `HeadWatch.close`."""
        self._stopped.set()
        self._thread.join(_STALE_S)

    def _listen(self) -> None:
        import psycopg

        while not self._stopped.is_set():
            try:
                self._follow()
            except (psycopg.Error, SQLAlchemyError):
                self._stopped.wait(_LISTEN_S)

    def _follow(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as held:
            connection: Any = held.connection.driver_connection
            connection.execute("LISTEN promptship_events")
            while not self._stopped.is_set():
                # Asked for as well, so that a connection that died in silence is noticed.
                self._note(int(connection.execute(_HEAD).fetchone()[0]))
                for notice in connection.notifies(timeout=_LISTEN_S):
                    self._note(int(notice.payload))
            connection.execute("UNLISTEN *")

    def _note(self, seq: int) -> None:
        self._seq, self._heard = max(seq, self._seq or 0), time.monotonic()


def watch_sqlite(path: Path) -> HeadWatch:
    """Watch a SQLite registry."""
    return _SqliteWatch(path)


def watch_postgresql(engine: Engine) -> HeadWatch:
    """Watch a PostgreSQL registry."""
    return _PostgresWatch(engine)
