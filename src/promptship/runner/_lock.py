"""Who works on a run: a lock that the operating system takes back when its holder dies."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from promptship.runner._files import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RunLock"]

_NAME = "lock"


class RunLock:
    """The lock of one run directory, held until `release` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def try_acquire(cls, directory: Path) -> RunLock | None:
        """Take the lock of `directory` without waiting; None where somebody holds it.

        Raises:
            StorageError: The lock's file cannot be opened.
        """
        # A file of its own: the manifest is replaced at the end, and a lock would stay with the old inode.
        path = directory / _NAME
        with storage_errors("open", path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if _lock(descriptor):
            return cls(descriptor)
        os.close(descriptor)
        return None

    def release(self) -> None:
        """Let others have it. Harmless when called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
