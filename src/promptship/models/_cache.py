"""Answers that were paid for, kept in one SQLite file that any number of processes may share."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import warnings
from typing import TYPE_CHECKING

from promptship.errors import InputError, StorageError
from promptship.models._codec import decode_response, encode_response
from promptship.models._keys import KeyMaker
from promptship.models._middleware import Middleware, OpenStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from pathlib import Path

    from promptship.domain import CompletionModel, CompletionRequest, ModelConfig, Response

__all__ = ["BlobCache", "CacheWarning", "Cached", "ResponseCache"]

_FORMAT = 1
_ROWS_PER_COMMIT = 256
_SECONDS_PER_COMMIT = 0.05
_BUSY_S = 30.0
# Each reading of its own takes and gives back the file's locks, which costs more than the reading does.
_READS_PER_SNAPSHOT = 256
# SQLite once took 999 parameters at most.
_KEYS_PER_SELECT = 256
# Below this an answer compresses little, and compressing costs more than the bytes it saves.
_WORTH_COMPRESSING = 2_048
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# Answers lie in the order they came in and only the index is spread by key: keys are digests, so in a table without
# row ids each row of a commit would rewrite a page of its own, which takes two to four times the CPU.
_SCHEMA = """
    create table if not exists answer (
        key blob primary key,
        version integer not null,
        body blob not null
    )
"""
_SELECT = "select body from answer where key = ? and version = ?"
_SELECT_SOME = "select key, body from answer where version = ? and key in ({})"
_INSERT = "insert or replace into answer (key, version, body) values (?, ?, ?)"


class CacheWarning(UserWarning):
    """The response cache does not work; calls go on without it."""


class BlobCache:
    """Bytes by key. Reading is immediate; writing happens in a thread of its own, some rows at a time.

    A damaged file is set aside and a new one begun. What goes wrong later (a full disk) switches the cache off with
    one warning: nothing else is lost to it. A killed process loses at most the rows of the last 50 ms.

    Args:
        path: The SQLite file; made where there is none.

    Attributes:
        called: What messages call it.

    Raises:
        StorageError: The file cannot be made or written.
    """

    called = "cache"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: dict[bytes, bytes] = {}
        self._writing: dict[bytes, bytes] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._full = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._closing = False
        self._failure: str | None = None
        self._damaged = False
        self._reader = self._open_or_renew()
        self._reads_left = 0
        self._reading = threading.Lock()
        self._writer = _connect(path)
        self._thread: threading.Thread | None = None

    def read(self, key: bytes) -> bytes | None:
        """Return the bytes kept under `key`; None where there are none."""
        # In this order: a row moves from pending to writing to disk, so it is always found.
        body = self._pending.get(key) or self._writing.get(key)
        return self._select(key) if body is None else body

    def read_all(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the bytes kept under each of the keys that have some."""
        pending, writing = self._pending, self._writing
        known = {key: pending.get(key) or writing.get(key) for key in keys}
        missing = [key for key, body in known.items() if body is None]
        if missing and not self._closing and self._failure is None:
            try:
                with self._reading:
                    self._leave_snapshot()
                    for start in range(0, len(missing), _KEYS_PER_SELECT):
                        known.update(self._select_some(missing[start : start + _KEYS_PER_SELECT]))
            except sqlite3.Error as error:
                self._switch_off(error)
        return {key: body for key, body in known.items() if body is not None}

    def write(self, key: bytes, body: bytes) -> None:
        """Keep bytes; they are on disk within 50 ms, or after `flush`."""
        if self._failure is not None or self._closing:
            return
        if self._reads_left:
            with self._reading, contextlib.suppress(sqlite3.Error):
                self._leave_snapshot()
        with self._lock:
            self._pending[key] = body
            self._idle.clear()
            if len(self._pending) >= _ROWS_PER_COMMIT:
                self._full.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="promptship-cache", daemon=True)
                self._thread.start()
        if not self._wake.is_set():
            self._wake.set()

    def flush(self) -> None:
        """Wait until everything that was put is on disk."""
        if self._thread is not None:
            self._full.set()
            self._idle.wait()

    def close(self) -> None:
        """Write what is pending and close the file. Harmless when called twice."""
        self._closing = True
        self._full.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._reader.close()
        self._writer.close()
        if self._damaged:
            self._damaged = False
            _set_aside(self._path, _identify(self._path))

    def _select(self, key: bytes) -> bytes | None:
        if self._closing or self._failure is not None:
            return None
        try:
            with self._reading:
                return self._select_in_snapshot(key) or self._select_now(key)
        except sqlite3.Error as error:
            self._switch_off(error)
            return None

    def _select_in_snapshot(self, key: bytes) -> bytes | None:
        """Look into what the file was a moment ago: an answer found there is as good, since keys are digests."""
        if not self._reads_left:
            return None
        self._reads_left -= 1
        row = self._reader.execute(_SELECT, (key, _FORMAT)).fetchone()
        if row is None or not self._reads_left:
            self._leave_snapshot()
        return row[0] if row else None

    def _select_now(self, key: bytes) -> bytes | None:
        """Look into the file as it is; where an answer is found, the next ones are sought in a snapshot."""
        row = self._reader.execute(_SELECT, (key, _FORMAT)).fetchone()
        if row is None:
            return None
        self._reader.execute("begin")
        self._reads_left = _READS_PER_SNAPSHOT
        body: bytes = row[0]
        return body

    def _select_some(self, keys: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        # One statement for all takes the file's locks once, and half the time that one for each key does.
        places = ",".join("?" * len(keys))
        return self._reader.execute(_SELECT_SOME.format(places), (_FORMAT, *keys)).fetchall()

    def _leave_snapshot(self) -> None:
        """End the reading transaction, so that a writer can tidy up its log."""
        self._reads_left = 0
        if self._reader.in_transaction:
            self._reader.execute("commit")

    def _switch_off(self, error: sqlite3.Error) -> None:
        self._damaged = self._damaged or _is_damage(error)
        if self._failure is None:
            self._failure = str(error)
            told = f"the {self.called} {str(self._path)!r} is off from here on: {error}"
            warnings.warn(told, CacheWarning, stacklevel=3)

    def _write_on(self) -> None:
        """Commit what is pending, at most every 50 ms or 256 rows, until the cache is closed."""
        while True:
            self._wake.wait()
            self._wake.clear()
            if not self._closing:
                self._full.wait(_SECONDS_PER_COMMIT)
            self._full.clear()
            self._commit(self._writer)
            if self._closing and not self._pending:
                return

    def _commit(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._writing, self._pending = self._pending, {}
        try:
            if self._writing and self._failure is None:
                _insert(connection, self._writing)
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                connection.rollback()
            # Where warnings are errors it must not end this thread, which others wait for.
            with contextlib.suppress(CacheWarning):
                self._switch_off(error)
        with self._lock:
            self._writing = {}
            if not self._pending:
                self._idle.set()

    def _open_or_renew(self) -> sqlite3.Connection:
        found = _identify(self._path)
        try:
            return _open(self._path, self.called)
        except _DamagedError as error:
            aside = _set_aside(self._path, found)
            told = f"the {self.called} {str(self._path)!r} was damaged ({error}) and is {str(aside)!r} now"
            warnings.warn(told, CacheWarning, stacklevel=3)
        return _open(self._path, self.called)


class ResponseCache(BlobCache):
    """Answers that were paid for, by key."""

    called = "response cache"

    def get(self, key: bytes) -> Response | None:
        """Return the answer kept under `key`; None where there is none."""
        body = self.read(key)
        return None if body is None else _decode(body)

    def get_all(self, keys: Iterable[bytes]) -> dict[bytes, Response | None]:
        """Return the answers kept under each of the keys that have one; None for one that cannot be read."""
        return {key: _decode(body) for key, body in self.read_all(keys).items()}

    def put(self, key: bytes, response: Response) -> None:
        """Keep an answer; it is on disk within 50 ms, or after `flush`."""
        self.write(key, _pack(encode_response(response)))


class Cached(Middleware):
    """Answers from the cache, and keeps what had to be asked for. Errors are never kept.

    Args:
        inner: What is asked.
        cache: Shared by all models.
        config: The model's, without its fallbacks: an answer of another model is not kept under this one's name.
    """

    def __init__(self, inner: CompletionModel, cache: ResponseCache, config: ModelConfig) -> None:
        super().__init__(inner)
        self._cache = cache
        self._keys = KeyMaker(config, with_fallbacks=False)

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`."""
        key = self._keys.key(request)
        response = self._cache.get(key)
        if response is None:
            response = await self._inner.complete(request)
            self._cache.put(key, response)
        return response

    def recall(self, requests: Sequence[CompletionRequest]) -> list[Response | None]:
        """See `RecallingModel.recall`."""
        keys = [self._try_key(request) for request in requests]
        kept = self._cache.get_all(key for key in keys if key is not None)
        return [None if key is None else kept.get(key) for key in keys]

    def _try_key(self, request: CompletionRequest) -> bytes | None:
        """Return the key; None for a request that `complete` will refuse."""
        try:
            return self._keys.key(request)
        except InputError:
            return None

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`; a kept answer comes in one piece."""
        key = self._keys.key(request)
        response = self._cache.get(key)
        if response is not None:
            if response.text:
                yield response.text
            yield response
            return
        async with OpenStream(self._inner.stream(request)) as pieces:
            async for piece in pieces:
                if not isinstance(piece, str):
                    self._cache.put(key, piece)
                yield piece


class _DamagedError(Exception):
    """The file is no cache of ours, or a broken one."""


def _open(path: Path, called: str) -> sqlite3.Connection:
    """Open the file and make its table.

    Raises:
        _DamagedError: It is no database, or one of another kind.
        StorageError: It cannot be made or written.
    """
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(contextlib.closing(_connect(path)))
            _prepare(connection)
        except sqlite3.Error as error:
            if _is_damage(error):
                raise _DamagedError(str(error)) from None
            hint = "is the folder writable, and the disk not full? --no-cache works without it"
            raise StorageError(f"cannot write the {called} {str(path)!r}: {error}", hint=hint) from None
        stack.pop_all()
    return connection


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _connect(path: Path) -> sqlite3.Connection:
    # Without isolation_level=None Python begins deferred transactions, which fail at once when two want to write.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
    connection.execute("pragma synchronous = normal")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("pragma user_version").fetchone()
    if version > _FORMAT:
        raise _DamagedError(f"made by a newer Promptship, format {version}")
    if version < _FORMAT:
        _use_wal(connection)
        connection.execute("begin immediate")
        connection.execute(_SCHEMA)
        connection.execute(f"pragma user_version = {_FORMAT}")
        connection.execute("commit")
    connection.execute("begin immediate")
    connection.execute(_SELECT, (b"", _FORMAT)).fetchone()
    connection.execute("rollback")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite does not wait here for another process that does the same."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_SECONDS_PER_COMMIT)
        else:
            return


def _insert(connection: sqlite3.Connection, rows: dict[bytes, bytes]) -> None:
    connection.execute("begin immediate")
    # In key order neighbours share a page of the index, which is half the work.
    connection.executemany(_INSERT, [(key, _FORMAT, rows[key]) for key in sorted(rows)])
    connection.execute("commit")


def _identify(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _set_aside(path: Path, found: int | None) -> Path:
    """Rename a damaged file, unless another process has done so in the meantime."""
    aside = path.with_name(f"{path.name}.damaged-{os.getpid()}")
    if _identify(path) == found:
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    return aside


def _pack(body: bytes) -> bytes:
    if len(body) < _WORTH_COMPRESSING:
        return body
    try:
        import zstandard
    except ImportError:
        return body
    packed = zstandard.compress(body, 3)
    return packed if len(packed) * 5 < len(body) * 4 else body


def _decode(body: bytes) -> Response | None:
    try:
        return decode_response(_unpack(body), "cached")
    except ValueError:
        return None


def _unpack(body: bytes) -> bytes:
    """Undo `_pack`.

    Raises:
        ValueError: The body is damaged, or was compressed where zstandard is not installed.
    """
    if not body.startswith(_ZSTD_MAGIC):
        return body
    try:
        import zstandard
    except ImportError:
        raise ValueError("compressed, and zstandard is not installed") from None
    try:
        return zstandard.decompress(body)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None
