"""The filters and tests that templates may use: a list of what is allowed, each behind one guard.

The guard unwraps untrusted arguments, wraps the result again, keeps text that holds marks away from what would break
them, and bounds what a filter can make.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

from jinja2 import Undefined
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.tests import TESTS
from jinja2.utils import pass_environment

from promptship.errors import RenderError
from promptship.prompts._marks import MOST_CHARS, STATE, check_length, has_mark
from promptship.prompts._taint import Untrusted, find_untrusted, unwrap, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jinja2 import Environment

__all__ = ["CONCAT", "LOOP", "SLICE", "allowed_filters", "allowed_tests", "check_arguments", "check_product", "text_of"]

# Names that no template can write: the parser of the sandbox puts them in place of `~`, `x[a:b]` and `for`.
CONCAT, SLICE, LOOP = "~", "[:]", "for …"

_MOST_COUNT = 100_000
_MOST_NODES = 100_000
_LONGEST_WIDTH = 4
_WIDTH = re.compile(rf"\*|[0-9]{{{_LONGEST_WIDTH + 1}}}")
_KEEPS_MARKS = {"trim", "indent", "string", "join", CONCAT}
_TEXT_FILTERS = {
    *("capitalize", "center", "format", "indent", "lower", "replace", "striptags", "title", "trim", "truncate"),
    *("upper", "urlencode", "wordcount", "wordwrap"),
}
_FROM_JINJA = (
    *("abs", "batch", "capitalize", "center", "count", "dictsort", "filesizeformat", "first", "float", "groupby"),
    *("int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse"),
    *("round", "select", "selectattr", "slice", "sort", "striptags", "title", "trim", "truncate", "unique", "upper"),
    *("urlencode", "wordcount", "wordwrap", "format", "indent", "replace", "sum"),
)


def allowed_filters() -> dict[str, Callable[..., Any]]:
    """Return every filter that a template may use, by name, each behind the guard."""
    plain = {name: FILTERS[name] for name in _FROM_JINJA}
    ours = {"join": _join, "tojson": _to_json, "string": text_of, CONCAT: _concat, SLICE: _slice}
    guarded = {name: _guard(name, function) for name, function in {**plain, **ours}.items()}
    return {**guarded, "default": _default, "d": _default, LOOP: _count_rounds}


def allowed_tests() -> dict[str, Callable[..., Any]]:
    """Return every test that a template may use, by name; each looks at raw values and answers yes or no."""
    tests: dict[str, Any] = dict(TESTS)
    return {name: _unwrapping(function) for name, function in tests.items()}


def text_of(value: Any) -> str:
    """Return what `{{ value }}` prints.

    Raises:
        RenderError: Null, a list, an object, or anything else that has no text of its own.
    """
    if isinstance(value, str | int | float | Undefined) or type(value) is Untrusted:
        return str(value)
    if value is None:
        raise RenderError("null cannot be printed", hint="give it a text: {{ value | default('none', true) }}")
    if isinstance(value, list | tuple | dict):
        kind = "an object" if isinstance(value, dict) else "a list"
        raise RenderError(f"{kind} cannot be printed as it is", hint="use '| tojson', '| join(\", \")', or a loop")
    raise RenderError(f"a {type(value).__name__} cannot be printed", hint="call it, or use '| list' or '| join'")


def check_arguments(name: str, values: Iterable[Any]) -> None:
    """Refuse arguments with which a filter or method would make too much.

    Raises:
        RenderError: The result could be too long.
    """
    values = tuple(values)
    if name in _TEXT_FILTERS and values and isinstance(values[0], list | tuple | dict):
        raise RenderError(f"{name!r} is for text, not for a {type(values[0]).__name__}")
    if name != "truncate" and any(type(item) is int and abs(item) > _MOST_COUNT for item in values[1:]):
        raise RenderError(f"{name!r} takes numbers up to {_MOST_COUNT:,} here")
    first = values[0] if values else None
    if isinstance(first, str):
        check_length(_result_length(name, first, values[1:]))


def _result_length(name: str, text: str, arguments: tuple[Any, ...]) -> int:
    """Bound the length of what `name` makes of `text`; 0 where it cannot grow much."""
    texts = [item for item in arguments if isinstance(item, str)]
    numbers = [item for item in arguments if type(item) is int]
    match name:
        case "replace" if len(texts) > 1:
            return len(text) + (text.count(texts[0]) * len(texts[1]))
        case "indent":
            return (text.count("\n") + 1) * (max([4, *numbers, *map(len, texts)])) + len(text)
        case "wordwrap" | "truncate":
            return len(text) * max(1, *map(len, texts)) if texts else 0
        case "join" if len(arguments) == 1 and isinstance(arguments[0], list | tuple):
            return len(text) * len(arguments[0]) + sum(len(item) for item in arguments[0] if isinstance(item, str))
        case _:
            return 0


def _guard(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    skipped = 1 if hasattr(function, "jinja_pass_arg") else 0
    keeps_marks = name in _KEEPS_MARKS

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        values = (*args[skipped:], *kwargs.values())
        source = find_untrusted(*values)
        if source is None:
            if not keeps_marks and any(map(has_mark, values)):
                raise RenderError(f"{name!r} cannot be applied to text with tags or untrusted values in it: {_APPLY}")
            check_arguments(name, values)
            return _check_result(function(*args, **kwargs))
        _check_format(name, values)
        passed = [unwrap(item) for item in args[skipped:]]
        named = {key: unwrap(item) for key, item in kwargs.items()}
        check_arguments(name, (*passed, *named.values()))
        return wrap(_check_result(function(*args[:skipped], *passed, **named)), source)

    if name == "format":
        return _check_widths(guarded)
    return guarded


_APPLY = "apply it to the value itself"


def _check_result(result: Any) -> Any:
    if isinstance(result, str):
        check_length(len(result))
    return result


def _check_format(name: str, values: tuple[Any, ...]) -> None:
    if name == "format" and type(values[0]) is Untrusted:
        raise RenderError("an untrusted value cannot be a format string")


def _check_widths(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def checked(value: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, str) and _WIDTH.search(value):
            raise RenderError(f"a width of more than {_LONGEST_WIDTH} digits in the format string {value!r}")
        if any(isinstance(item, list | tuple | dict) for item in (*args, *kwargs.values())):
            raise RenderError("'format' prints text and numbers; use '| tojson' or '| join' for lists and objects")
        return function(value, *args, **kwargs)

    return checked


def _unwrapping(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def unwrapped(*args: Any, **kwargs: Any) -> Any:
        if find_untrusted(*args) is None:
            return function(*args, **kwargs)
        return function(*map(unwrap, args), **kwargs)

    return unwrapped


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:  # noqa: FBT001, FBT002 - as Jinja names and passes it
    """Return one of the two arguments as it is: an untrusted one stays untrusted, by itself."""
    if isinstance(value, Undefined) or (boolean and not value):
        return default_value
    return value


@pass_environment
def _join(environment: Environment, value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    if attribute is not None:
        value = map(make_attrgetter(environment, attribute), value)
    texts = [text_of(item) for item in value]
    check_length(sum(map(len, texts)) + len(texts) * len(text_of(d)))
    return text_of(d).join(texts)


def _concat(values: Iterable[Any]) -> str:
    texts = [text_of(item) for item in values]
    check_length(sum(map(len, texts)))
    return "".join(texts)


def _slice(value: Any, start: int | None, stop: int | None, step: int | None) -> Any:
    if not isinstance(value, str | list | tuple):
        raise RenderError(f"only text and lists can be sliced, not a {type(value).__name__}")
    return value[start:stop:step]


def _to_json(value: Any, indent: int | None = None) -> str:
    """Write JSON with sorted keys, so that equal inputs print alike; characters are not escaped as for HTML."""
    if isinstance(value, Undefined):
        return str(value)
    _check_json(value, [0])
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=indent, allow_nan=False)
    if "\\u0002" in text or "\\u0003" in text:
        raise RenderError(f"'tojson' cannot be applied to text with tags or untrusted values in it: {_APPLY}")
    return text


def _check_json(value: Any, count: list[int]) -> None:
    """Count values, because a list that a template nests in itself again and again is small until it is printed."""
    count[0] += 1
    if count[0] > _MOST_NODES:
        raise RenderError(f"'tojson' writes up to {_MOST_NODES:,} values")
    if isinstance(value, dict):
        for item in value.values():
            _check_json(item, count)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_json(item, count)


def _count_rounds(value: Any) -> Any:
    """Count the rounds of a loop before it begins."""
    if not hasattr(value, "__len__"):
        value = list(value)
    STATE.get().count_rounds(len(value))
    return value


def check_product(left: Any, right: Any) -> None:
    """Refuse `text * n` and `list * n` that would be too long, and powers of whole numbers that would.

    Raises:
        RenderError: The result could be too long.
    """
    for repeated, times in ((left, right), (right, left)):
        if isinstance(repeated, str | list | tuple) and isinstance(times, int):
            limit = MOST_CHARS if isinstance(repeated, str) else _MOST_COUNT
            if len(repeated) * times > limit:
                raise RenderError(f"a repetition makes more than {limit:,} items")
