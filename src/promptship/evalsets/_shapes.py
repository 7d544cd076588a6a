"""What values may look like: one description from which checking, messages and the JSON Schema for editors are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from promptship.errors import Problem, did_you_mean

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping

    from promptship.domain import JsonObject
    from promptship.evalsets._places import Keys, Spot

__all__ = ["Anything", "Choice", "Flag", "Flaw", "Listed", "Mapped", "Number", "Record", "Shape", "Text", "describe"]

_LONGEST_SHOWN = 60
_KINDS = {str: "text", bool: "", int: "the number", float: "the number", list: "a list", dict: "a mapping"}


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong at `keys` below a value; `at_value` False means that the key itself is wrong."""

    keys: Keys
    message: str
    hint: str | None = None
    at_value: bool = True

    def at(self, spot: Spot) -> Problem:
        """Return the problem with its place."""
        line, column = spot.place(self.keys, value=self.at_value)
        return Problem(path=spot.path, line=line, column=column, message=self.message, hint=self.hint)


class Shape(Protocol):
    """A description of values."""

    def accepts(self, value: Any) -> bool:
        """Tell whether `value` has this shape; fast, for every case of a set."""
        ...

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """Say what is wrong with a value that stands at `keys`; nothing where it is accepted."""
        ...

    def schema(self) -> JsonObject:
        """Return the JSON Schema that accepts the same values."""
        ...


@dataclass(frozen=True)
class Anything:
    """Any JSON value."""

    def accepts(self, value: Any) -> bool:  # noqa: ARG002 - the Protocol's parameter
        """See `Shape.accepts`."""
        return True

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:  # noqa: ARG002 - likewise
        """See `Shape.flaws`."""
        return iter(())

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {}


@dataclass(frozen=True)
class Text:
    """Text; not empty unless `empty` says so.

    Attributes:
        expected: How messages call it.
        pattern: What the whole text must match; None for any text.
        longest: Most characters.
    """

    expected: str = "text"
    empty: bool = False
    pattern: re.Pattern[str] | None = None
    longest: int | None = None

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        if type(value) is not str or not (value or self.empty):
            return False
        if self.longest is not None and len(value) > self.longest:
            return False
        return self.pattern is None or self.pattern.fullmatch(value) is not None

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if not self.accepts(value):
            hint = f'write it in quotes: "{value}"' if type(value) in {int, float} else None
            most = f" of at most {self.longest} characters" if self.longest is not None else ""
            yield _wrong(value, keys, self.expected + most, hint)

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        found: JsonObject = {"type": "string"}
        if not self.empty:
            found["minLength"] = 1
        if self.longest is not None:
            found["maxLength"] = self.longest
        if self.pattern is not None:
            found["pattern"] = f"^(?:{self.pattern.pattern})$"
        return found


@dataclass(frozen=True)
class Number:
    """A number, not below `least`; without a fraction if `whole`."""

    least: float | None = None
    whole: bool = False

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        # Exact types: to `isinstance`, True is a number.
        if type(value) is not int and (self.whole or type(value) is not float):
            return False
        return bool(self.least is None or value >= self.least)

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if not self.accepts(value):
            expected = "a whole number" if self.whole else "a number"
            yield _wrong(value, keys, expected if self.least is None else f"{expected} from {self.least:g} up")

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        found: JsonObject = {"type": "integer" if self.whole else "number"}
        if self.least is not None:
            found["minimum"] = self.least
        return found


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return type(value) is bool

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if not self.accepts(value):
            yield _wrong(value, keys, "true or false")

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[str | int, ...]

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return type(value) in {str, int} and value in self.values

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if not self.accepts(value):
            near = did_you_mean(value, map(str, self.values)) if isinstance(value, str) else ""
            flaw = _wrong(value, keys, " or ".join(map(str, self.values)))
            yield Flaw(keys, flaw.message + near, flaw.hint)

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {"enum": list(self.values)}


@dataclass(frozen=True)
class Listed:
    """A list of one shape, with at least `least` items."""

    item: Shape
    least: int = 0

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return type(value) is list and len(value) >= self.least and all(map(self.item.accepts, value))

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if type(value) is not list or len(value) < self.least:
            hint = f"write it as a list: [{describe(value)}]" if type(value) is str else None
            yield _wrong(value, keys, "a list" if self.least == 0 else f"a list of at least {self.least}", hint)
            return
        for index, item in enumerate(value):
            yield from self.item.flaws(item, (*keys, index))

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        found: JsonObject = {"type": "array", "items": self.item.schema()}
        if self.least:
            found["minItems"] = self.least
        return found


@dataclass(frozen=True)
class Mapped:
    """A mapping from any names to values of one shape."""

    item: Shape

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return type(value) is dict and all(map(self.item.accepts, value.values()))

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if type(value) is not dict:
            yield _wrong(value, keys, "a mapping")
            return
        for name, item in value.items():
            yield from self.item.flaws(item, (*keys, name))

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {"type": "object", "additionalProperties": self.item.schema()}


@dataclass(frozen=True)
class Record:
    """A mapping of known keys. `null` under a key that is not required is the same as leaving the key out.

    Attributes:
        called: How messages call such a mapping, with its article.
        fields: Shapes by key.
        required: Keys that must be there.
        open: Whether other keys may stand beside the known ones; keys that begin with `x-` always may.
        elsewhere: Hints for keys of other tools.
        example: Ends the hint for a missing key.
    """

    called: str
    fields: Mapping[str, Shape]
    required: frozenset[str] = frozenset()
    open: bool = False
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    example: str = ""

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        if type(value) is not dict or not self.required <= value.keys():
            return False
        for key, item in value.items():
            shape = self.fields.get(key)
            if shape is None:
                if not self.open and not key.startswith("x-"):
                    return False
            elif not shape.accepts(item) and (item is not None or key in self.required):
                return False
        return True

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if type(value) is not dict:
            yield _wrong(value, keys, self.called, self.example or None)
            return
        for key, item in value.items():
            shape = self.fields.get(key)
            if shape is None:
                yield from self._unknown(key, keys)
            elif item is not None or key in self.required:
                yield from shape.flaws(item, (*keys, key))
        for key in sorted(self.required - value.keys()):
            yield Flaw(keys, f"the key {key!r} is missing in {self.called}", self.example or None)

    def _unknown(self, key: str, keys: Keys) -> Iterator[Flaw]:
        if self.open or key.startswith("x-"):
            return
        hint = self.elsewhere.get(key) or f"known are {', '.join(sorted(self.fields))}, and keys that begin with x-"
        message = f"unknown key {key!r} in {self.called}{did_you_mean(key, self.fields)}"
        yield Flaw((*keys, key), message, hint, at_value=False)

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        properties: JsonObject = {
            key: shape.schema() if key in self.required else _nullable(shape.schema())
            for key, shape in self.fields.items()
        }
        found: JsonObject = {"type": "object", "properties": properties}
        if self.required:
            found["required"] = [*sorted(self.required)]
        if not self.open:
            found["patternProperties"] = {"^x-": {}}
            found["additionalProperties"] = False
        return found


def describe(value: Any) -> str:
    """Return a value as messages show it: its repr, cut to about 60 characters."""
    shown = repr(value[: _LONGEST_SHOWN + 1] if isinstance(value, str) else value)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 1] + "…"


def _wrong(value: Any, keys: Keys, expected: str, hint: str | None = None) -> Flaw:
    name = _dotted(keys)
    kind = "null" if value is None else _KINDS.get(type(value), type(value).__name__)
    found = kind if value is None or type(value) in {list, dict} else f"{kind} {describe(value)}".strip()
    if value in ("", [], {}):
        found = f"{kind} that is empty"
    return Flaw(
        keys, f"{name}: expected {expected}, found {found}" if name else f"expected {expected}, found {found}", hint
    )


def _dotted(keys: Keys) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _nullable(schema: JsonObject) -> JsonObject:
    if not schema or schema.get("type") == "null":
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    if set(schema) == {"enum"} and isinstance(schema["enum"], list):
        return {"enum": [*schema["enum"], None]}
    return {"anyOf": [schema, {"type": "null"}]}
