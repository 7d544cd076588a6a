"""YAML with the core schema of YAML 1.2, duplicate keys refused, bounded, and with a place for every value."""

from __future__ import annotations

import copy
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from promptship.errors import Problem, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import JsonValue

__all__ = ["YamlDocument", "parse_yaml"]

_DEEPEST = 64
_MOST_ALIASED = 10_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING_TAGS = {"!", "tag:yaml.org,2002:str"}
_PLAIN_TAGS = {None, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED_INTEGER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER = 400


@dataclass(slots=True)
class _Places:
    """Where a value, its key, and what is below it stand."""

    line: int
    column: int
    key: tuple[int, int] | None = None
    below: dict[str | int, _Places] | None = None

    def add(self, step: str | int, places: _Places) -> None:
        """Note where the value at `step` stands."""
        if self.below is None:
            self.below = {}
        self.below[step] = places


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A parsed document.

    Attributes:
        value: The data; None for an empty document.
        path: The file, as messages name it.
    """

    value: JsonValue
    path: str
    _places: _Places

    def place(self, path: Sequence[str | int] = (), *, value: bool = False) -> tuple[int, int]:
        r"""Return line and column, both 1-based, of what stands at `path`.

        Args:
            path: Keys and indexes from the top. Where there is nothing at it, the nearest thing above counts.
            value: True for the place of the value; by default the place of its key, where it has one.

        Example:
            >>> parse_yaml("a:\n  b: 1", path="x.yaml").place(("a", "b"))
            (2, 3)
        """
        places = self._places
        for step in path:
            found = (places.below or {}).get(step)
            if found is None:
                break
            places = found
        if places.key is not None and not value:
            return places.key
        return places.line, places.column

    def problem(
        self, path: Sequence[str | int], message: str, *, hint: str | None = None, value: bool = False
    ) -> Problem:
        """Build a problem that stands at `path` (see `place`)."""
        line, column = self.place(path, value=value)
        return Problem(path=self.path, line=line, column=column, message=message, hint=hint)


def parse_yaml(text: str, *, path: str, first_line: int = 1, numbered: frozenset[str] = frozenset()) -> YamlDocument:
    r"""Parse one YAML document.

    Plain scalars are read as YAML 1.2 does: only `true` and `false` are booleans, `no`, `12:30:45` and dates are text.
    Keys are text. Aliases are allowed as long as what they repeat stays small.

    Args:
        text: The document, with line feeds as newlines.
        path: The file, as messages name it.
        first_line: Line of the file on which `text` begins.
        numbered: Keys of mappings whose own keys may be whole numbers, which become text.

    Raises:
        SourceError: Not YAML; duplicate keys, merge keys, keys that are no text, tags, several documents, numbers that
            JSON cannot hold, nesting beyond 64 levels, or aliases that repeat more than 10,000 values.

    Example:
        >>> parse_yaml("answer: no\nat: 2024-01-31", path="x.yaml").value
        {'answer': 'no', 'at': '2024-01-31'}
        >>> parse_yaml("levels: {0: bad, 1: good}", path="x.yaml", numbered=frozenset({"levels"})).value
        {'levels': {'0': 'bad', '1': 'good'}}
    """
    builder = _Builder(path, first_line, numbered)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.YAMLError as error:
        builder.problems.append(_explain(error, path, first_line))
    if builder.problems:
        raise SourceError(builder.problems)
    root = builder.root
    return YamlDocument(root.value, path, root.places)


def _events(text: str) -> Iterator[yaml.Event]:
    loader = _LOADER(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _explain(error: yaml.YAMLError, path: str, first_line: int) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    context = getattr(error, "context", None)
    message = f"not valid YAML: {said}" + (f" ({context})" if context else "")
    hint = None
    if "'\\t'" in message or "tab" in message:
        hint = "indent with spaces, not tabs"
    elif "mapping values are not allowed" in message:
        hint = "quote a value that holds ': '"
    if mark is None:
        return Problem(path=path, line=first_line, message=message, hint=hint)
    return Problem(path=path, line=mark.line + first_line, column=mark.column + 1, message=message, hint=hint)


@dataclass(slots=True)
class _Frame:
    """A collection that is being read; `size` counts the values in it."""

    value: Any
    places: _Places
    anchor: str | None
    key: str | None = None
    key_place: tuple[int, int] | None = None
    expects_key: bool = True
    ignored: bool = False
    size: int = 1


@dataclass(slots=True)
class _Anchored:
    value: Any
    size: int


class _Builder:
    """Turns parser events into values, without recursion and with every problem noted."""

    def __init__(self, path: str, first_line: int, numbered: frozenset[str]) -> None:
        self._numbered = numbered
        self.problems: list[Problem] = []
        self.root = _Frame([], _Places(first_line, 1), None)
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._aliased = 0
        self._documents = 0
        self._path = path
        self._first_line = first_line
        self.root.value = None

    def take(self, event: yaml.Event) -> None:
        """Read one event."""
        match event:
            case yaml.ScalarEvent():
                self._take_scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.AliasEvent():
                self._take_alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._stop(event, "a second YAML document begins here; expected one", hint="remove the line '---'")

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.value, dict) and frame.expects_key:
            self._take_key(frame, event)
            return
        value = self._resolve(event)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(value, 1)
        self._add(value, self._places(event), 1)

    def _take_key(self, frame: _Frame, event: yaml.ScalarEvent) -> None:
        value = self._resolve(event)
        if self._is_number_of_its_own(event, value):
            value = event.value
        frame.expects_key = False
        frame.key_place = self._place(event)
        frame.key = event.value
        frame.ignored = True
        if event.value == "<<" and not event.style:
            self._note(event, "merge keys ('<<') are not part of YAML 1.2", hint="write the keys out")
        elif not isinstance(value, str):
            self._note(event, f"the key {event.value!r} is not text", hint=f'write it in quotes: "{event.value}"')
        elif value in frame.value:
            first = (frame.places.below or {})[value]
            self._note(event, f"duplicate key {value!r}; it is already given in line {first.line}")
        else:
            frame.ignored = False

    def _is_number_of_its_own(self, event: yaml.ScalarEvent, value: JsonValue) -> bool:
        """Whether a key is a whole number, written in the one way that reads the same as text, where it may be one."""
        above = self._stack[-2].key if len(self._stack) > 1 else None
        return above in self._numbered and type(value) is int and str(value) == event.value

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self._check_tag(event, event.tag)
        if len(self._stack) >= _DEEPEST:
            self._stop(event, f"nested deeper than {_DEEPEST} levels")
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].expects_key:
            self._stop(event, "a key must be text", hint="quote a key or a value that begins with '{' or '['")
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Frame(value, self._places(event), event.anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        if frame.anchor:
            self._anchors[frame.anchor] = _Anchored(frame.value, frame.size)
        self._add(frame.value, frame.places, frame.size)

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        anchored = self._anchors.get(event.anchor or "")
        if anchored is None:
            self._stop(event, f"the alias *{event.anchor} stands for nothing that is complete at this point")
            return
        self._aliased += anchored.size
        if self._aliased > _MOST_ALIASED:
            self._stop(event, f"aliases repeat more than {_MOST_ALIASED:,} values", hint="write the values out")
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].expects_key:
            self._stop(event, "a key must be text, not an alias")
        self._add(copy.deepcopy(anchored.value), self._places(event), anchored.size)

    def _add(self, value: JsonValue, places: _Places, size: int) -> None:
        if not self._stack:
            self.root.value, self.root.places = value, places
            return
        frame = self._stack[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.places.add(len(frame.value), places)
            frame.value.append(value)
            return
        frame.expects_key = True
        if not frame.ignored and frame.key is not None:
            places.key = frame.key_place
            frame.places.add(frame.key, places)
            frame.value[frame.key] = value

    def _resolve(self, event: yaml.ScalarEvent) -> JsonValue:
        text: str = event.value
        if event.tag is not None and event.tag not in _STRING_TAGS:
            self._check_tag(event, event.tag)
        # A plain scalar has the style None in the parser written in Python and "" in libyaml's.
        return text if event.tag or event.style else self._resolve_plain(event, text)

    def _resolve_plain(self, event: yaml.ScalarEvent, text: str) -> JsonValue:
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text[:1] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
            return text
        if _INTEGER.fullmatch(text):
            return int(text)
        if _BASED_INTEGER.fullmatch(text):
            return int(text, 0)
        number = float(text) if _FLOAT.fullmatch(text) else None
        if _NO_NUMBER.fullmatch(text) or (number is not None and math.isinf(number)):
            self._note(event, f"{text} is not a number that JSON can hold", hint="quote it if it is text")
            return text
        return text if number is None else number

    def _check_tag(self, event: yaml.Event, tag: str | None) -> None:
        if tag not in _PLAIN_TAGS:
            shown = (tag or "").replace("tag:yaml.org,2002:", "!!")
            self._note(event, f"the YAML tag {shown} is not allowed", hint="remove the tag; quote text that needs it")

    def _place(self, event: yaml.Event) -> tuple[int, int]:
        mark: Any = event.start_mark
        return mark.line + self._first_line, mark.column + 1

    def _places(self, event: yaml.Event) -> _Places:
        return _Places(*self._place(event))

    def _note(self, event: yaml.Event, message: str, *, hint: str | None = None) -> None:
        line, column = self._place(event)
        self.problems.append(Problem(path=self._path, line=line, column=column, message=message, hint=hint))

    def _stop(self, event: yaml.Event, message: str, *, hint: str | None = None) -> None:
        self._note(event, message, hint=hint)
        raise SourceError(self.problems)
