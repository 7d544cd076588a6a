"""Files of a run on the disk: whole or not at all, and every failure a StorageError with a hint."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from promptship.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["AppendFile", "storage_errors", "write_whole"]

_HINTS = {
    errno.ENOSPC: "free some space; what is done is kept and the same command resumes",
    errno.EDQUOT: "free some of your quota; what is done is kept and the same command resumes",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f); what is done is kept and the same command resumes",
    errno.EROFS: "the file system is read-only; set state_dir in the project's settings to a folder that is not",
    errno.EACCES: "make the folder writable, or set state_dir in the project's settings to one that is",
    errno.EPERM: "make the folder writable, or set state_dir in the project's settings to one that is",
    errno.ENOTDIR: "a file stands where the folder should be; move it away",
    errno.EEXIST: "a file stands where the folder should be; move it away",
}


@contextmanager
def storage_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into a StorageError that says what was done to which path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot {doing} {str(path)!r}: {reason}", hint=_HINTS.get(error.errno or 0)) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new and nothing between.

    Raises:
        StorageError: It could not be written; the old content is untouched.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors("write", path):
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


class AppendFile:
    """A file of lines that one process appends to; a line is in it whole or not at all.

    Each line is handed to the operating system in one write, so it survives a kill of this process.

    Args:
        path: Must not exist yet.

    Raises:
        StorageError: It cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._dirty = False
        with storage_errors("create", path):
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)

    def append(self, line: bytes) -> None:
        """Append one line, its newline included.

        Raises:
            StorageError: It could not be written; nothing of it is left in the file.
        """
        try:
            written = os.write(self._fd, line)
            if written < len(line):
                self._write_rest(line, written)
        except OSError:
            with storage_errors("write", self._path):
                os.ftruncate(self._fd, self._size)
                raise
        self._size += len(line)
        self._dirty = True

    def _write_rest(self, line: bytes, written: int) -> None:
        """Go on after a short write; the next one says why it was short."""
        while written < len(line):
            written += os.write(self._fd, line[written:])

    def sync(self) -> None:
        """Have everything appended so far on the disk itself.

        Raises:
            StorageError: The disk failed.
        """
        if self._dirty:
            # Cleared first: a line appended by the loop during the fsync marks the file again.
            self._dirty = False
            with storage_errors("write", self._path):
                os.fsync(self._fd)

    def close(self) -> None:
        """Sync and close. Harmless when called twice."""
        if self._fd < 0:
            return
        descriptor, self._fd = self._fd, -1
        with storage_errors("write", self._path):
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power failure, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
