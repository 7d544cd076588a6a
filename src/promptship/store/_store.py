"""A registry's database, opened."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from promptship.errors import ReferenceNotFoundError, StorageError
from promptship.store._address import hide_password, parse_address, sqlite_path
from promptship.store._engine import WRITES, make_engine
from promptship.store._failures import storage_errors
from promptship.store._schema import require_current, upgrade_store
from promptship.store._unit import UnitOfWork
from promptship.store._watch import watch_postgresql, watch_sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from promptship.store._watch import HeadWatch

__all__ = ["Store", "open_store"]


class Store:
    """A database with the schema of this version. Threads may share it; a forked process opens its own.

    Attributes:
        place: The database, as messages name it: without a password.
        dialect: `sqlite` or `postgresql`.
    """

    def __init__(self, engine: Engine, address: str) -> None:
        self.place = hide_password(address)
        self._address = address
        self.dialect = engine.dialect.name
        self._engine = engine
        self._writer = engine.execution_options(**{WRITES: True})
        self._reader = engine
        if self.dialect == "postgresql":
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def connect(self, *, writes: bool = False) -> Iterator[Connection]:
        """Begin a transaction on a bare connection, for what copies whole tables."""
        engine = self._writer if writes else self._reader
        with storage_errors("write" if writes else "read", self.place), engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """Begin a unit that reads: it sees one state of the database throughout.

        Raises:
            StorageError: The database failed.
        """
        with self.connect() as connection:
            yield UnitOfWork(connection)

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """Begin a unit that writes, after all that began before have ended; all of it is kept, or nothing.

        Raises:
            StorageError: The database failed or refused; nothing was kept.
        """
        with self.connect(writes=True) as connection:
            unit = UnitOfWork(connection)
            unit.ledger.lock()
            yield unit

    def watch(self) -> HeadWatch:
        """Watch the ledger's head, for the thread that calls this."""
        path = sqlite_path(self._address)
        return watch_postgresql(self._engine) if path is None else watch_sqlite(path)

    def settle(self) -> None:
        """Let what was erased leave SQLite's log, too, as far as nobody is reading it."""
        if self.dialect == "sqlite":
            with storage_errors("write", self.place), self._engine.connect() as connection:
                connection.commit()
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(address: str, *, make: bool = True) -> Store:
    """Open a registry's database.

    Args:
        address: Path of a SQLite file, `sqlite:///PATH`, or `postgresql+psycopg://…`.
        make: Make a SQLite file with its tables where there is none. A blank PostgreSQL database is refused: its
            tables belong to a role that `promptctl db upgrade` runs as.

    Raises:
        ReferenceNotFoundError: There is no such file, and none is to be made.
        StorageError: It cannot be reached, has another schema, or is blank.
        MissingExtraError: psycopg is not installed.
    """
    url, place, path = parse_address(address), hide_password(address), sqlite_path(address)
    if path is not None and not make and not path.exists():
        raise ReferenceNotFoundError(f"there is no registry at {place!r} yet", hint="promptctl push")
    engine = make_engine(url)
    try:
        with storage_errors("open", place):
            _require_tables(engine, address, make=make)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, address)


def _require_tables(engine: Engine, address: str, *, make: bool) -> None:
    with engine.connect() as connection:
        if require_current(connection, hide_password(address)):
            return
    if engine.dialect.name != "sqlite" or not make:
        raise StorageError(f"{hide_password(address)!r} is blank", hint="promptctl db upgrade")
    upgrade_store(address)
