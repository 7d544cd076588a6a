"""Bytes of a source file to text: UTF-8, one byte-order mark dropped, line feeds as the only newlines."""

from __future__ import annotations

from promptship.errors import SourceError

__all__ = ["decode_source", "normalise_newlines"]

_LARGEST_BYTES = 5_000_000
_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def decode_source(data: bytes, *, path: str) -> str:
    r"""Decode a source file.

    Args:
        data: The file's bytes, at most 5 MB.
        path: The file, as messages name it.

    Returns:
        Text without a byte-order mark, in which `\n` is the only newline. Other characters that some readers take for
        newlines (U+2028, U+0085, form feed) stay as they are.

    Raises:
        SourceError: Too large, not UTF-8, or binary; with line and column of the first offending byte.

    Example:
        >>> decode_source(b"\xef\xbb\xbfone\r\ntwo\rthree", path="hello.prompt")
        'one\ntwo\nthree'
    """
    if len(data) > _LARGEST_BYTES:
        message = f"the file has {len(data):,} bytes; at most {_LARGEST_BYTES:,} are read"
        raise SourceError.at(path, None, None, message, hint="keep long data in a file of its own, such as JSONL cases")
    if data.startswith(_UTF16_BOMS):
        raise SourceError.at(path, 1, 1, "the file is UTF-16; expected UTF-8", hint="save it as UTF-8")
    data = data.removeprefix(_BOM)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line, column = _place(data[: error.start])
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        raise SourceError.at(path, line, column, message, hint="save the file as UTF-8") from None
    if "\0" in text:
        line, column = _place(data[: data.index(0)])
        message = "the file holds a NUL byte; expected text, not binary data"
        raise SourceError.at(path, line, column, message, hint="save the file as UTF-8 text")
    return normalise_newlines(text)


def normalise_newlines(text: str) -> str:
    r"""Turn `\r\n` and `\r` into `\n`, and nothing else.

    Example:
        >>> normalise_newlines("a\r\nb\rc\x0bd")
        'a\nb\nc\x0bd'
    """
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _place(before: bytes) -> tuple[int, int]:
    text = normalise_newlines(before.decode(errors="replace"))
    return text.count("\n") + 1, len(text) - text.rfind("\n")
