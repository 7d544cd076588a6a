"""Engines: how each database is connected to, and how a transaction begins."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event

from promptship.errors import MissingExtraError, StorageError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

__all__ = ["WRITES", "make_engine"]

WRITES = "promptship_writes"
"""Execution option of connections whose transactions write."""

_BUSY_MS = 60_000
_PAUSE_S = 0.05
_POOL = 8


def make_engine(url: URL) -> Engine:
    """Return an engine; nothing is connected yet.

    Raises:
        MissingExtraError: psycopg is not installed.
        StorageError: The folder of a SQLite file cannot be made.
    """
    return _make_sqlite(url) if url.drivername == "sqlite" else _make_postgresql(url)


def _make_sqlite(url: URL) -> Engine:
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the folder {str(folder)!r}: {error.strerror}") from None
    engine = create_engine(url, pool_size=_POOL)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # Python would else begin transactions itself, deferred ones that fail when they turn to writing.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is erased is overwritten, not only unlinked.
    connection.execute("PRAGMA secure_delete = ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn to WAL. Of several who open a new file at once one may do it, and SQLite lets the others fail, not wait."""
    deadline = time.monotonic() + _BUSY_MS / 1_000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_postgresql(url: URL) -> Engine:
    try:
        import psycopg  # noqa: F401 - only whether it is there
    except ModuleNotFoundError:
        raise MissingExtraError("psycopg", extra="postgres", needed_for="a registry in PostgreSQL") from None
    asked = {"connect_timeout": "10", "application_name": "promptship", **url.query}
    engine = create_engine(
        url.set(query=asked), pool_size=_POOL, max_overflow=_POOL, pool_pre_ping=True, pool_recycle=1_800
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _: object) -> None:
    # A writer that hangs may hold the ledger's head no longer than this. Start options would not pass every pooler.
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {_BUSY_MS}; SET idle_in_transaction_session_timeout = {_BUSY_MS}")
    connection.commit()
