"""A key that does not show itself, and text freed of it."""

from __future__ import annotations

from urllib.parse import quote

from promptship.errors import UsageError

__all__ = ["Secret"]

_SHORTEST_IN_ERRORS = 4
# A shorter "key" such as `test` is a placeholder for a server without keys, and an ordinary word of an answer.
_SHORTEST_IN_ANSWERS = 8
_REDACTED = "[redacted]"


class Secret:
    """An API key. Its text is reachable by `reveal` alone; `repr` and `str` hide it.

    Args:
        value: The key; surrounding white space is dropped, as `$(cat file)` leaves some.
        source: The name of the variable it came from, for messages.

    Raises:
        UsageError: The key is empty or cannot stand in an HTTP header.
    """

    __slots__ = ("_bytes", "_spellings", "_value")

    def __init__(self, value: str, *, source: str) -> None:
        key = value.strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(
                f"the environment variable {source!r} does not hold a usable key",
                hint="a key is one word of printable ASCII characters",
            )
        self._value = key
        self._bytes = key.encode()
        self._spellings = dict.fromkeys((key, quote(key, safe="")))

    def reveal(self) -> str:
        """Return the key, for the one header that carries it."""
        return self._value

    def redact(self, text: str) -> str:
        """Return `text`, an error message, without the key."""
        if len(self._value) < _SHORTEST_IN_ERRORS:
            return text
        for spelling in self._spellings:
            text = text.replace(spelling, _REDACTED)
        return text

    def redact_answer(self, payload: bytes) -> bytes:
        """Return the bytes of an answer without the key; a server may echo its headers into the text."""
        if len(self._bytes) < _SHORTEST_IN_ANSWERS or self._bytes not in payload:
            return payload
        return payload.replace(self._bytes, _REDACTED.encode())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"
