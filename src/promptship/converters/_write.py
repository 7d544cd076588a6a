"""Converted files to disk: all of them or none, and nothing that is there is overwritten unasked."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from promptship.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptship.converters._ledger import ConvertedFile

__all__ = ["find_existing", "write_files"]

_MOST_NAMED = 10


def find_existing(root: Path, files: Sequence[ConvertedFile]) -> list[str]:
    """Return the paths at which other text stands already; files that would stay as they are do not count."""
    return [file.path for file in files if not file.extends and _differs(root / file.path, file.text)]


def write_files(root: Path, files: Sequence[ConvertedFile], *, force: bool = False) -> list[str]:
    """Write converted files below a folder.

    Every file is written beside its place first; only when all are whole do they take their places.

    Args:
        root: The folder.
        files: The files.
        force: Replace files that are there.

    Returns:
        Paths of the files written, in order.

    Raises:
        UsageError: Files are there and `force` is False, or a path leads out of the folder; nothing is written.
        StorageError: The disk is full, or the folder cannot be written.
    """
    existing = find_existing(root, files)
    if existing and not force:
        named = ", ".join(existing[:_MOST_NAMED]) + (" …" if len(existing) > _MOST_NAMED else "")
        raise UsageError(f"these files are there already: {named}", hint="--force replaces them; --dry-run shows them")
    _check_places(root, files)
    staged: list[tuple[Path, Path]] = []
    try:
        for file in files:
            target = (root / file.path).resolve()
            staged.append((_stage(target, file.text), target))
        for partial, target in staged:
            partial.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "free space on the disk, or name a folder that can be written"
        raise StorageError(f"cannot write to {str(root)!r}: {reason}", hint=hint) from error
    finally:
        for partial, _ in staged:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
    return [file.path for file in files]


def _check_places(root: Path, files: Sequence[ConvertedFile]) -> None:
    inside = root.resolve()
    for file in files:
        target = root / file.path
        if not target.resolve().is_relative_to(inside):
            raise UsageError(f"{file.path!r} leads out of {str(root)!r}")
        if target.is_dir():
            raise UsageError(f"{file.path!r} is a folder; a file of this name would be written")


def _stage(target: Path, text: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    with partial.open("wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    return partial


def _differs(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() != text.encode()
    except (FileNotFoundError, NotADirectoryError):
        return path.is_symlink()
    except OSError:
        return True
