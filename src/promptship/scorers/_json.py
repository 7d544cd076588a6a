"""JSON in answers: read within bounds, found in prose, compared by value."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NoReturn

import orjson

from promptship.scorers._criterion import UnjudgedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.domain import JsonValue

__all__ = ["find_json", "json_type", "parse_json", "same_json"]

_MOST_WORK = 10_000_000
"""Characters that may be read while JSON is looked for in prose; brackets that never close cost the rest each time."""
_WORK_TOO_DEEP = 10_000
_OBJECT_START = re.compile(r"\{")
_ANY_START = re.compile(r"[\[{]")


def parse_json(text: str) -> JsonValue:
    """Parse text that is JSON as a whole.

    Raises:
        ValueError: It is not: NaN, lone surrogates and more than 1024 levels are not taken either.
    """
    found: JsonValue = orjson.loads(text)
    return found


def find_json(text: str, *, lists: bool = False) -> Iterator[JsonValue]:
    """Yield the JSON objects in prose from left to right, the outermost of each; with `lists`, lists too.

    What stands in a list is yielded after the list itself.

    Raises:
        UnjudgedError: So many brackets open and never close that looking on would take too long.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse)
    starts = _ANY_START if lists else _OBJECT_START
    work = 0
    start = starts.search(text)
    while start:
        at = start.start()
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            end, work = at + 1, work + error.pos - at
        # Not all errors say where: integers of thousands of digits, NaN, and what is nested too deeply.
        except (ValueError, RecursionError):
            end, work = at + 1, work + _WORK_TOO_DEEP
        else:
            yield value
            # An object is skipped whole, a list is gone into: what fits a schema may stand in it.
            end, work = (end, work) if isinstance(value, dict) else (at + 1, work + end - at)
        if work > _MOST_WORK:
            raise UnjudgedError("the output opens too many brackets to look for JSON in it")
        start = starts.search(text, end)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def same_json(left: JsonValue, right: JsonValue) -> bool:
    """Compare two JSON values: order of keys does not count, 1 equals 1.0, true does not equal 1.

    Example:
        >>> same_json({"a": 1, "b": [True]}, {"b": [True], "a": 1.0})
        True
    """
    # A stack instead of recursion: answers may be nested deeper than Python calls.
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            pairs.extend((one[key], other[key]) for key in one)
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            pairs.extend(zip(one, other, strict=True))
        elif json_type(one) != json_type(other) or one != other:
            return False
    return True


def json_type(value: JsonValue) -> str:
    """Return JSON's name for the type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
