"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from promptship.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["atomic_file"]


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a binary file that takes the place of `path` when the block ends without an exception.

    Folders on the way are made. After any exception the file at `path` is what it was before.

    Raises:
        StorageError: The disk is full, the folder cannot be written, or the path is a folder.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {str(path)!r}: {reason}", hint="free space on the disk, or name another place with --output"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
