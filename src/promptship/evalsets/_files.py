"""Files of an evalset: inside the project, readable, of bounded lines, and the same each time they are read."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from promptship.errors import Problem, SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptship.evalsets._problems import ProblemList

__all__ = ["LONGEST_LINE", "SourceFile", "Stamp", "find_file", "read_lines"]

LONGEST_LINE = 10_000_000
"""Bytes; more in one line is taken for a file of another kind."""
_HEAD = 8192
_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_HEAVY_LINE = f"the line is longer than {LONGEST_LINE // 1_000_000} MB"

Stamp = tuple[int, int, int]
"""Size, time of the last change and inode: differs once a file has been written to."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A regular file inside the project.

    Attributes:
        path: With every link resolved.
        shown: As messages name it: relative to the project.
    """

    path: Path
    shown: str

    def problem(self, message: str, *, line: int | None = None, hint: str | None = None) -> Problem:
        """Build a problem of the whole file or of one line."""
        return Problem(path=self.shown, line=line, message=message, hint=hint)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file for reading.

        Raises:
            SourceError: The disk or the file's permissions say no, now or while it is being read.
        """
        try:
            with self.path.open("rb") as file:
                yield file
        except OSError as error:
            raise SourceError([self.problem(f"cannot be read: {error.strerror or error}")]) from None

    def read(self, limit: int) -> bytes:
        """Return at most the first `limit` bytes."""
        with self.open() as file:
            return file.read(limit)

    def stamp(self) -> Stamp:
        """Return what changes when the file is written to."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise SourceError([self.problem(f"cannot be read: {error.strerror or error}")]) from None
        return found.st_size, found.st_mtime_ns, found.st_ino

    def require_stamp(self, expected: Stamp) -> None:
        """Refuse a file that is no longer what was checked.

        Raises:
            UsageError: It was written to since `expected` was taken.
        """
        if self.stamp() != expected:
            raise UsageError(f"{self.shown} was changed while it was being used", hint="run the command again")


def find_file(path: Path, root: Path) -> SourceFile:
    """Resolve a file's links and check that it may be read.

    Args:
        path: The file; relative paths count from the working directory.
        root: The project; nothing outside of it is read.

    Raises:
        SourceError: There is no such file, it is no regular file, or it is outside of the project.
    """
    shown = _show(path, root)
    try:
        resolved = path.resolve(strict=True)
        mode = resolved.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError.at(shown, None, None, "there is no such file") from None
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a loop of links"
        raise SourceError.at(shown, None, None, f"cannot be read: {reason}") from None
    if not resolved.is_relative_to(root.resolve()):
        reason = "a link out of the project" if path.is_symlink() else "outside of the project"
        raise SourceError.at(shown, None, None, f"the file is {reason}", hint="put the file itself into the project")
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
        raise SourceError.at(shown, None, None, f"this is {kind}, not a file")
    return SourceFile(resolved, shown)


def read_lines(file: SourceFile, problems: ProblemList) -> Iterator[tuple[int, int, bytes]]:
    """Yield the lines of a text file with their numbers, in bounded memory.

    Args:
        file: UTF-8; a byte-order mark is dropped, lines end in a line feed, a carriage return before it is kept.
        problems: Gets every line that is too long; such a line is given as an empty one.

    Yields:
        1-based number, offset in bytes, and the line with its end.
    """
    with file.open() as stream:
        offset = _check_head(file, stream.read(_HEAD), problems)
        if offset is None:
            return
        stream.seek(offset)
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                hint = "one case is one line; is this a .jsonl or .csv file?"
                problems.add(file.problem(_HEAVY_LINE, line=number, hint=hint))
                line = b"\n"
                _skip_line(stream)
            yield number, offset, line
            offset += len(line)


def _check_head(file: SourceFile, head: bytes, problems: ProblemList) -> int | None:
    """Return where the text begins; None where it is no UTF-8 text."""
    if encoding := _OTHER_BOMS.get(head[:2]):
        problems.add(file.problem(f"the file is {encoding}; expected UTF-8", line=1, hint="save it as UTF-8"))
        return None
    if b"\0" in head:
        problems.add(
            file.problem("the file is binary; expected lines of text", hint="known are .jsonl, .csv, .parquet")
        )
        return None
    return len(_BOM) if head.startswith(_BOM) else 0


def _skip_line(stream: BinaryIO) -> None:
    while (piece := stream.readline(_HEAD)) and not piece.endswith(b"\n"):
        pass


def _show(path: Path, root: Path) -> str:
    absolute = os.path.abspath(path)  # noqa: PTH100 - `Path.resolve` would follow the very link that is to be named
    for base in (os.path.abspath(root), os.path.realpath(root)):  # noqa: PTH100 - likewise
        if absolute.startswith(base + os.sep):
            return absolute[len(base) + 1 :].replace(os.sep, "/")
    return str(path)
