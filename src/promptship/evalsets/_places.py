"""Where a value of a case stands in its file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from promptship.prompts import YamlDocument

__all__ = ["Keys", "RowSpot", "Spot", "YamlSpot", "find_column", "find_duplicate"]

Keys: TypeAlias = "tuple[str | int, ...]"
"""Keys and indexes from a value down to what is meant."""

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class Spot(Protocol):
    """Knows the places of a value and of what is below it."""

    @property
    def path(self) -> str:
        """The file, as messages name it."""
        ...

    @property
    def line(self) -> int:
        """1-based line on which the value begins."""
        ...

    def place(self, keys: Keys, *, value: bool = False) -> tuple[int, int | None]:
        """Return line and column of a key (or of its value) below; None for a column that is not known."""
        ...


@dataclass(slots=True)
class RowSpot:
    """A row of a JSONL, CSV or Parquet file.

    Attributes:
        path: The file, as messages name it.
        line: 1-based line, or row where the format has no lines.
        text: The row's JSON; None in other formats, where only the row can be named.
    """

    path: str
    line: int
    text: bytes | None = None

    def place(self, keys: Keys, *, value: bool = False) -> tuple[int, int | None]:
        """See `Spot.place`."""
        if self.text is None:
            return self.line, None
        return self.line, find_column(self.text.decode(errors="replace"), keys, value=value)


@dataclass(slots=True)
class YamlSpot:
    """A value in a YAML document, at `prefix`."""

    document: YamlDocument
    prefix: Keys = ()

    @property
    def path(self) -> str:
        """See `Spot.path`."""
        return self.document.path

    @property
    def line(self) -> int:
        """See `Spot.line`."""
        return self.document.place(self.prefix)[0]

    def place(self, keys: Keys, *, value: bool = False) -> tuple[int, int | None]:
        """See `Spot.place`."""
        return self.document.place((*self.prefix, *keys), value=value)


def find_column(text: str, keys: Keys, *, value: bool = False) -> int:
    """Return the 1-based column at which what `keys` leads to begins in one line of JSON.

    Args:
        text: Valid JSON on one line.
        keys: The way down; where it ends early, the last thing found counts.
        value: True for the column of the value, by default that of its key.

    Example:
        >>> find_column('{"id": "a", "tags": {"n": 5}}', ("tags", "n"))
        22
    """
    key_at = at = _skip(text, 0)
    for step in keys:
        found = _enter(text, at, step)
        if found is None:
            break
        key_at, at = found
    return (at if value else key_at) + 1


def _enter(text: str, at: int, step: str | int) -> tuple[int, int] | None:
    """Return where the key of `step` and its value begin, in the container that begins at `at`."""
    if text[at] not in "{[":
        return None
    is_object, index, at = text[at] == "{", 0, _skip(text, at + 1)
    while text[at] not in "]}":
        key: str | int = index
        key_at = at
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        if key == step:
            return key_at, at
        at = _skip(text, _DECODER.raw_decode(text, at)[1])
        at = _skip(text, at + 1) if text[at] == "," else at
        index += 1
    return None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def find_duplicate(text: str) -> tuple[str, int] | None:
    """Return the first key that stands twice in one object of a line of JSON, and its 1-based column; None for none.

    Example:
        >>> find_duplicate('{"a": {"b": 1, "b": 2}}')
        ('b', 16)
    """
    found: list[tuple[str, int]] = []
    _walk(text, _skip(text, 0), found)
    return min(found, key=lambda one: one[1], default=None)


def _walk(text: str, at: int, found: list[tuple[str, int]]) -> int:
    """Note duplicate keys in the value that begins at `at`, and return where it ends."""
    if text[at] not in "{[":
        return _DECODER.raw_decode(text, at)[1]
    is_object, seen, at = text[at] == "{", set(), _skip(text, at + 1)
    while text[at] not in "]}":
        if is_object:
            key, end = _DECODER.raw_decode(text, at)
            if key in seen:
                found.append((key, at + 1))
            seen.add(key)
            at = _skip(text, _skip(text, end) + 1)
        at = _skip(text, _walk(text, at, found))
        at = _skip(text, at + 1) if text[at] == "," else at
    return at + 1
