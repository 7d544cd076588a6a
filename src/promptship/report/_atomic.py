"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
import shutil
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from promptship.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["atomic_file", "write_report"]


def write_report(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all; folders on the way are made.

    Raises:
        StorageError: The disk is full, the folder cannot be written, or the path is a folder.
    """
    with atomic_file(path) as file:
        file.write(data)


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a binary file that takes the place of `path` when the block ends without an exception.

    Folders on the way are made, an existing file's mode is kept, and a link stays a link. After any exception the file
    at `path` is what it was before. A pipe or a terminal, which cannot be replaced, is written to as it is.

    Raises:
        StorageError: The disk is full, the folder cannot be written, or the path is a folder.
    """
    try:
        # A link's target is replaced: whoever put the link there wants it kept.
        target = path.resolve()
        if target.exists() and not target.is_file() and not target.is_dir():
            with path.open("wb") as file:
                yield file
            return
        with _replacement(target) as file:
            yield file
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {str(path)!r}: {reason}", hint="free space on the disk, or name a place that can be written"
        ) from error


@contextmanager
def _replacement(target: Path) -> Iterator[IO[bytes]]:
    # In the same folder: a rename is atomic only within one file system.
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            # Without it a power failure may leave the new name on an empty file.
            os.fsync(file.fileno())
        if target.is_file():
            shutil.copymode(target, partial)
        partial.replace(target)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
