"""Untrusted values in templates: an opaque proxy that prints a mark, never its text.

The proxy is no `str`, so whatever does not know it prints a mark or fails. What knows it (filters, tests, attributes,
calls and operators of the sandbox) works on the raw value and wraps the result again. Numbers, booleans and null are
not wrapped. What a template decides because of a value (`{% if %}`, a table lookup) is not followed.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import TYPE_CHECKING, Any

from jinja2 import Undefined

from promptship.errors import RenderError
from promptship.prompts._marks import MARK, STATE, UNTRUSTED, has_control

if TYPE_CHECKING:
    import re

__all__ = ["Untrusted", "find_untrusted", "raw_value", "unwrap", "wrap"]

_CONTAINERS = (list, tuple, dict, set)
_PLAIN = (bool, int, float, Undefined)


class Untrusted:
    """An untrusted value; `_v` is the value, `_name` the input that it came from."""

    __slots__ = ("_name", "_v")

    def __init__(self, value: Any, name: str) -> None:
        self._v = value
        self._name = name

    def __str__(self) -> str:
        if not isinstance(self._v, str):
            raise RenderError(f"the untrusted input {self._name!r} is no text here; print it with '| tojson'")
        return STATE.get().keep(UNTRUSTED, self._v, self._name)

    __html__ = __str__

    def __repr__(self) -> str:
        return str(self) if isinstance(self._v, str) else f"<untrusted {self._name}>"

    def __format__(self, format_spec: str) -> str:
        return str(self)

    def __len__(self) -> int:
        return len(self._v)

    def __bool__(self) -> bool:
        return bool(self._v)

    def __iter__(self) -> Iterator[Any]:
        name = self._name
        return (wrap(item, name) for item in self._v)

    def __contains__(self, item: object) -> bool:
        return unwrap(item) in self._v

    def __hash__(self) -> int:
        return hash(self._v)

    def __eq__(self, other: object) -> bool:
        return bool(self._v == unwrap(other))

    def __lt__(self, other: object) -> bool:
        return bool(self._v < unwrap(other))

    def __le__(self, other: object) -> bool:
        return bool(self._v <= unwrap(other))

    def __gt__(self, other: object) -> bool:
        return bool(self._v > unwrap(other))

    def __ge__(self, other: object) -> bool:
        return bool(self._v >= unwrap(other))


def raw_value(value: Untrusted) -> Any:
    """Return the raw value of a proxy."""
    return value._v  # noqa: SLF001 - the proxy hides its value from templates, not from this module


def wrap(value: Any, name: str) -> Any:
    """Wrap what was made from an untrusted value; numbers, booleans, null and proxies stay as they are."""
    if value is None or isinstance(value, _PLAIN) or type(value) is Untrusted:
        return value
    if isinstance(value, Iterator | KeysView | ValuesView | ItemsView):
        return Untrusted(list(value), name)
    return Untrusted(value, name)


def unwrap(value: Any, seen: dict[int, Any] | None = None) -> Any:
    """Return `value` with every proxy in it replaced by its raw value, and every mark in text by what it stands for."""
    kind = type(value)
    if kind is Untrusted:
        return raw_value(value)
    if kind is str:
        return _open_marks(value) if has_control(value) else value
    if kind not in _CONTAINERS:
        return value
    # A list that a template nests in itself again and again is small, but long if each way to it is walked.
    seen = {} if seen is None else seen
    if id(value) not in seen:
        if kind is dict:
            seen[id(value)] = {unwrap(key, seen): unwrap(item, seen) for key, item in value.items()}
        else:
            seen[id(value)] = kind([unwrap(item, seen) for item in value])
    return seen[id(value)]


def _open_marks(text: str) -> str:
    """Replace marks by the untrusted text they stand for: inside an untrusted value a mark would be no mark."""
    state = STATE.get()

    def open_one(mark: re.Match[str]) -> str:
        if mark[1] != state.nonce or mark[2] != UNTRUSTED:
            raise RenderError("text that holds a role tag cannot be joined with an untrusted value")
        return str(state.slots[int(mark[3])][0])

    return MARK.sub(open_one, text)


def find_untrusted(*values: Any) -> str | None:
    """Return the input that the first proxy in `values` came from, searching lists and objects; None for none."""
    waiting = list(values)
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind is Untrusted:
            return str(value._name)  # noqa: SLF001 - see `raw_value`
        if kind in _CONTAINERS and id(value) not in seen:
            seen.add(id(value))
            if kind is dict:
                waiting.extend(value.keys())
                waiting.extend(value.values())
            else:
                waiting.extend(value)
    return None
