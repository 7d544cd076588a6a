"""Standard streams that survive what shells do to them: closed, cut off by `head`, or unable to say every character."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["flush_stdout", "prepare_streams", "write_bytes"]

_STDOUT, _STDERR = 1, 2


def prepare_streams() -> None:
    """Make stdin, stdout and stderr usable, whatever the caller did to them.

    A closed one reads or writes nothing. One whose reader is gone (`| head`) takes the rest silently, so the exit code
    stays what the command found. A character that the locale cannot say is written as an escape.
    """
    _fill_closed_descriptors()
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = _prepare_output(sys.stdout, _STDOUT)
    sys.stderr = _prepare_output(sys.stderr, _STDERR)


def flush_stdout() -> None:
    """Write what is buffered; what cannot be written is given up after the error.

    Raises:
        OSError: The disk is full, or the device fails.
    """
    try:
        sys.stdout.flush()
    except OSError:
        # The interpreter would flush again while it shuts down, and end with a code of its own.
        with contextlib.suppress(OSError, ValueError):
            _point_at_nothing(sys.stdout.fileno())
        raise


def write_bytes(data: bytes) -> None:
    """Write to stdout as it is, past the locale: what a program reads is UTF-8 everywhere.

    Args:
        data: UTF-8.
    """
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(data.decode())
        return
    sys.stdout.flush()
    buffer.write(data)


class _Pipe(io.FileIO):
    """An output that goes on when its reader is gone; stderr also on a full disk, for there is nobody left to tell."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if self.fileno() == _STDOUT and not isinstance(error, BrokenPipeError):
                raise
            _point_at_nothing(self.fileno())
            return memoryview(data).nbytes


def _prepare_output(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        return os.fdopen(descriptor, "w", encoding="utf-8", closefd=False)
    # A stream that somebody put in place (a test, a notebook) is theirs.
    if stream is not (sys.__stdout__ if descriptor == _STDOUT else sys.__stderr__):
        return stream
    wrapper = cast("io.TextIOWrapper", stream)
    wrapper.reconfigure(errors="backslashreplace")
    if wrapper.isatty():
        return wrapper
    return io.TextIOWrapper(
        io.BufferedWriter(_Pipe(descriptor, "wb", closefd=False)),
        encoding=wrapper.encoding,
        errors="backslashreplace",
        line_buffering=descriptor == _STDERR,
    )


def _fill_closed_descriptors() -> None:
    """Open the null device in place of closed standard streams, or the next file or socket opened would take theirs."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(opened, True)  # noqa: FBT003 - positional by definition
    os.close(opened)


def _point_at_nothing(descriptor: int) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)
