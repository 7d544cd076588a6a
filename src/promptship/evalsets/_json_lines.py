"""Lines of JSON, read strictly and in bounded memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from promptship.errors import Problem
from promptship.evalsets._files import read_lines
from promptship.evalsets._places import find_duplicate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.evalsets._files import SourceFile
    from promptship.evalsets._problems import ProblemList

__all__ = ["JsonLine", "read_json_lines"]


_DEEPEST: Final = 100


class _DuplicateKeyError(Exception):
    """An object has a key twice."""


class JsonLine(NamedTuple):
    """A line: its number from 1, its offset in bytes, its text, and its value."""

    number: int
    offset: int
    text: bytes
    value: Any


def read_json_lines(file: SourceFile, problems: ProblemList, *, strict: bool) -> Iterator[JsonLine]:
    """Yield the lines of a JSONL file that are JSON; blank lines are skipped.

    Args:
        file: One JSON value on each line.
        problems: Gets every other line.
        strict: Also look for keys that stand twice in one object; orjson takes the last without a word.
    """
    for number, offset, text in read_lines(file, problems):
        try:
            value = orjson.loads(text)
            if strict and not _has_plain_keys(text, value):
                _STRICT.decode(text.decode())
        except orjson.JSONDecodeError as error:
            if text.strip():
                problems.add(_explain(file.shown, number, text, error))
        except (_DuplicateKeyError, RecursionError):
            problems.add(_explain_structure(file.shown, number, text))
        else:
            yield JsonLine(number, offset, text, value)


def _has_plain_keys(text: bytes, value: Any) -> bool:
    """Tell quickly, for most lines, that no key stands twice; False where that takes a closer look.

    Each key of an object ends in a quote and a colon. Where no colon follows a space, there are at most as many keys
    as there are such pairs, and a key that stood twice was dropped from the value. A pair after a single backslash
    stands inside a text, as JSON within JSON does.
    """
    if b" :" in text or b"\t:" in text or b"\r:" in text:
        return False
    pairs = text.count(b'":')
    if b"\\\\" not in text:
        pairs -= text.count(b'\\":')
    return pairs == _count_keys(value, 0)


def _count_keys(value: Any, depth: int) -> int:
    kind = type(value)
    if depth > _DEEPEST or (kind is not dict and kind is not list):
        return 0
    found = len(value) if kind is dict else 0
    for item in value.values() if kind is dict else value:
        if type(item) is dict or type(item) is list:
            found += _count_keys(item, depth + 1)
    return found


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) != len(dict(pairs)):
        raise _DuplicateKeyError


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_refuse_duplicates)


def _explain(path: str, number: int, text: bytes, error: orjson.JSONDecodeError) -> Problem:
    try:
        text.decode()
    except UnicodeDecodeError as bad:
        column = len(text[: bad.start].decode()) + 1
        message = f"the byte 0x{text[bad.start]:02x} is not UTF-8"
        return Problem(path=path, line=number, column=column, message=message, hint="save the file as UTF-8")
    hint = None
    if text.strip() in {b"{", b"["}:
        hint = "write each case on one line of its own"
    column = min(error.pos, len(text.decode().rstrip())) + 1
    return Problem(path=path, line=number, column=column, message=f"not valid JSON: {error.msg}", hint=hint)


def _explain_structure(path: str, number: int, text: bytes) -> Problem:
    try:
        found = find_duplicate(text.decode())
    except RecursionError:
        found = None
    if found is None:
        return Problem(path=path, line=number, message="nested too deeply", hint="at most 100 levels are read")
    key, column = found
    return Problem(path=path, line=number, column=column, message=f"the key {key!r} stands twice in one object")
