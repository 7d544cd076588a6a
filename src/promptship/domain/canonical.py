"""Canonical JSON (RFC 8785) and the digests made from it: one content, one digest, on every machine."""

from __future__ import annotations

import contextlib
import hashlib
import math
import unicodedata
from typing import TYPE_CHECKING, Any, NewType, NoReturn

import orjson
import rfc8785

from promptship.errors import CanonicalError

if TYPE_CHECKING:
    from promptship.domain.json_types import JsonValue

__all__ = ["Digest", "canonical_json", "digest_of", "short_digest"]

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hex digits."""

_LARGEST_INTEGER = 2**53 - 1
_DEEPEST = 100


def canonical_json(value: JsonValue) -> bytes:
    """Render `value` as canonical JSON.

    Stricter than RFC 8785 where two readers could disagree: integers beyond 2^53 - 1, floats that look like such
    integers, lone surrogates, keys that differ only in Unicode normalisation, and all that is not JSON are refused.

    Args:
        value: None, bool, int, float, str, list, tuple, or dict with str keys, nested at most 100 deep.

    Returns:
        UTF-8 bytes, keys sorted by UTF-16 code units, no insignificant white space.

    Raises:
        CanonicalError: The value has no canonical form; the message names the path inside it.

    Source:
        RFC 8785, JSON Canonicalization Scheme.

    Example:
        >>> canonical_json({"b": 1.0, "a": [True, None]})
        b'{"a":[true,null],"b":1}'
    """
    if _is_simple(value, 0):
        # A lone surrogate is what orjson still refuses; the strict road below names its place.
        with contextlib.suppress(orjson.JSONEncodeError):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    _check(value, "$", 0)
    return rfc8785.dumps(value)


def digest_of(value: JsonValue) -> Digest:
    """Return `sha256:` and the hex digest of the canonical JSON of `value`.

    Raises:
        CanonicalError: The value has no canonical form.

    Example:
        >>> digest_of({})[:15]
        'sha256:44136fa3'
    """
    return Digest("sha256:" + hashlib.sha256(canonical_json(value)).hexdigest())


def short_digest(digest: str) -> str:
    """Return the first twelve hex digits, for people to read.

    Example:
        >>> short_digest("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
        '44136fa355b3'
    """
    return digest.removeprefix("sha256:")[:12]


def _is_simple(value: Any, depth: int) -> bool:
    """Tell whether orjson writes what RFC 8785 demands, many times as fast: ASCII keys, no floats, nothing odd."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_LARGEST_INTEGER <= value <= _LARGEST_INTEGER)
    if depth >= _DEEPEST:
        return False
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str or not key.isascii() or not _is_simple(item, depth + 1):
                return False
        return True
    return kind is list and all(_is_simple(item, depth + 1) for item in value)


def _check(value: object, path: str, depth: int) -> None:
    if depth > _DEEPEST:
        _refuse(path, f"nested deeper than {_DEEPEST} levels")
    match value:
        case None | bool():
            return
        case str():
            _check_text(value, path)
        case int():
            if abs(value) > _LARGEST_INTEGER:
                _refuse(path, f"the integer {value} is beyond 2^53 - 1; write it as a string")
        case float():
            _check_float(value, path)
        case list() | tuple():
            for index, item in enumerate(value):
                _check(item, f"{path}[{index}]", depth + 1)
        case dict():
            _check_object(value, path, depth)
        case _:
            _refuse(path, f"{value!r} is a {type(value).__name__}, which JSON does not have; write it as a string")


def _check_text(value: str, path: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse(path, f"{value!r} holds a lone surrogate, which UTF-8 cannot carry")


def _check_float(value: float, path: str) -> None:
    if not math.isfinite(value):
        _refuse(path, f"{value} is not a number that JSON can hold")
    if abs(value) > _LARGEST_INTEGER:
        _refuse(path, f"the number {value} is beyond 2^53 - 1 and would read as an integer; write it as a string")


def _check_object(value: dict[Any, object], path: str, depth: int) -> None:
    seen: dict[str, str] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            _refuse(path, f"the key {key!r} is a {type(key).__name__}; write it as a string")
        _check_text(key, path)
        normal = key if key.isascii() else unicodedata.normalize("NFC", key)
        if normal in seen:
            _refuse(path, f"the keys {seen[normal]!r} and {key!r} differ only in Unicode normalisation")
        seen[normal] = key
        _check(item, f"{path}.{key}", depth + 1)


def _refuse(path: str, reason: str) -> NoReturn:
    raise CanonicalError(f"{path}: {reason}")
