"""Backups: always a SQLite registry, whatever the registry lives in, so that one can be looked into and verified."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Integer, insert, select, text, update

from promptship.errors import StorageError, UsageError
from promptship.store._address import hide_password, sqlite_path
from promptship.store._models import METADATA
from promptship.store._schema import upgrade_store
from promptship.store._store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

    from promptship.store._store import Store

__all__ = ["backup_store", "restore_store"]

_ROWS_AT_ONCE = 1_000
_HEAD = METADATA.tables["ledger_head"]


def backup_store(address: str, path: Path) -> None:
    """Copy a registry into a new SQLite file as it is at one moment, while others go on writing.

    Args:
        address: The registry.
        path: The file; must not exist.

    Raises:
        UsageError: The file exists.
        StorageError: The registry cannot be read, or the file not be written; then there is none.
    """
    if path.exists():
        raise UsageError(f"{str(path)!r} exists", hint="name a new file")
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with _file_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_store(address, make=False) as store:
                _write_draft(store, address, draft)
            draft.replace(path)
    finally:
        for ending in ("", "-wal", "-shm"):
            draft.with_name(draft.name + ending).unlink(missing_ok=True)


def _write_draft(store: Store, address: str, draft: Path) -> None:
    source = sqlite_path(address)
    if source is not None:
        _copy_pages(source, draft)
    else:
        upgrade_store(str(draft))
        with open_store(str(draft)) as copy:
            _copy_rows(store, copy)
    with closing(sqlite3.connect(draft)) as connection:
        # One file, without a log beside it, can be carried about.
        connection.execute("PRAGMA journal_mode = DELETE")


def restore_store(address: str, backup: Path, *, replace: bool = False) -> Path | None:
    """Put a backup in the place of a registry; all of it or nothing.

    Args:
        address: The registry: a SQLite file, or a PostgreSQL database in which nothing was pushed yet.
        backup: What `backup_store` wrote, or any SQLite registry.
        replace: Whether a SQLite registry that has events may be replaced; it is copied aside first.

    Returns:
        Where the old registry was put; None where there was none.

    Raises:
        UsageError: The registry has events.
        StorageError: The backup is damaged or of a newer version, or the registry cannot be written.
    """
    if not backup.is_file():
        raise StorageError(f"there is no file {str(backup)!r}")
    path = sqlite_path(address)
    if path is not None and path.exists() and path.samefile(backup):
        raise UsageError(f"{str(path)!r} is the registry itself")
    # Opening a file turns it to WAL, and a backup is only read.
    with _file_errors(backup), tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy2(backup, folder))
        with open_store(str(copy), make=False) as source:
            if path is not None:
                return _restore_pages(copy, path, replace=replace)
            _restore_rows(source, address)
    return None


def _restore_rows(source: Store, address: str) -> None:
    upgrade_store(address)
    with open_store(address) as target:
        with target.read() as unit:
            events = unit.head.seq
        if events:
            hint = "restore into a new database, then let the registry's URL name that"
            raise UsageError(f"{hide_password(address)!r} has {events} events already", hint=hint)
        _copy_rows(source, target)


def _restore_pages(backup: Path, path: Path, *, replace: bool) -> Path | None:
    old = path.with_name(f"{path.name}.before-restore") if path.exists() else None
    if old is not None:
        if not replace:
            raise UsageError(f"{str(path)!r} exists", hint="--yes replaces it, and keeps it as a copy")
        _put_aside(path, old)
    path.parent.mkdir(parents=True, exist_ok=True)
    _copy_pages(backup, path)
    return old


def _put_aside(path: Path, old: Path) -> None:
    """Copy a registry aside; one that is too damaged to be copied is moved."""
    old.unlink(missing_ok=True)
    try:
        _copy_pages(path, old)
    except sqlite3.DatabaseError:
        path.replace(old)
        for ending in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + ending).unlink()


def _copy_pages(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.backup(writer)
        found = writer.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise StorageError(f"{str(source)!r} is damaged: {found}")


def _copy_rows(source: Store, target: Store) -> None:
    """Copy every table; the triggers of the target see the events in their order."""
    with source.connect() as reader, target.connect(writes=True) as writer:
        for table in METADATA.sorted_tables:
            if table is _HEAD:
                head = reader.execute(select(_HEAD)).one()
                writer.execute(update(_HEAD).values(seq=head.seq, hash=head.hash, at=head.at))
                continue
            for rows in _pages(reader, table):
                writer.execute(insert(table), rows)
            if target.dialect == "postgresql" and "id" in table.c and isinstance(table.c.id.type, Integer):
                _set_sequence(writer, table)


def _pages(reader: Connection, table: Table) -> Iterator[list[dict[str, object]]]:
    query = select(table).order_by(*table.primary_key.columns)
    found = reader.execute(query.execution_options(yield_per=_ROWS_AT_ONCE))
    for rows in found.mappings().partitions():
        yield [dict(row) for row in rows]


def _set_sequence(writer: Connection, table: Table) -> None:
    largest = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), coalesce(max(id), 0) + 1, false)"
    writer.execute(text(f"{largest} FROM {table.name}"))


@contextlib.contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot copy {str(path)!r}: {error.strerror}") from None
    except sqlite3.Error as error:
        raise StorageError(f"cannot copy {str(path)!r}: {error}", hint="is it a registry?") from None
