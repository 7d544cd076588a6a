"""Scorers as evalsets write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from promptship.domain import ScorerSpec
from promptship.errors import Problem, SourceError
from promptship.evalsets._shapes import Anything, Flag, Flaw, Listed, Number, Record, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from promptship.domain import JsonObject, JsonValue
    from promptship.evalsets._places import Keys
    from promptship.evalsets._shapes import Shape

__all__ = ["SCORERS", "Place", "build_scorer_spec", "build_scorer_specs", "parse_scorer", "scorer_definition"]

Place: TypeAlias = "Callable[[Keys], tuple[int, int | None]]"
"""Line and column of what keys lead to, from the scorer down."""

_NAME = re.compile(r"[\w][\w.:/-]*")
_SET = "assert-set"
_OWN_KEYS = frozenset({"type", "name", "value", "threshold", "weight", "required"})
_EXAMPLE = "write {type: contains, value: refund}, or a bare name such as icontains"
_TYPE = Text("a scorer type such as contains or not-regex", pattern=_NAME)


class _ScorerShape:
    """A bare name, or a mapping with `type`; an `assert-set` has scorers of its own."""

    def __init__(self) -> None:
        fields: dict[str, Shape] = {
            "type": _TYPE,
            "name": Text("a name of letters, digits and . _ - / :", pattern=_NAME),
            "value": Anything(),
            "threshold": Number(),
            "weight": Number(least=0),
            "required": Flag(),
        }
        self._record = Record("a scorer", fields, required=frozenset({"type"}), open=True, example=_EXAMPLE)
        self._members = _Scorers(self, least=1)

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        if type(value) is str:
            return _TYPE.accepts(value)
        if not self._record.accepts(value):
            return False
        return not _is_set(value) or self._members.accepts(value.get("scorers"))

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if type(value) is str:
            if not _TYPE.accepts(value):
                yield Flaw(keys, f"{value!r} is not the name of a scorer", _EXAMPLE)
            return
        yield from self._record.flaws(value, keys)
        if _is_set(value):
            if "scorers" not in value:
                hint = "promptfoo's `assert` is `scorers` here" if "assert" in value else None
                yield Flaw(keys, f"an {_SET} needs the key 'scorers', a list of scorers", hint)
            else:
                yield from self._members.flaws(value["scorers"], (*keys, "scorers"))

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        one: JsonObject = {"$ref": "#/$defs/scorer"}
        return one

    def definition(self) -> JsonObject:
        """Return the schema that `schema` refers to."""
        a_set: JsonObject = {"properties": {"type": {"enum": [_SET, f"not-{_SET}"]}}, "required": ["type"]}
        members: JsonObject = {"properties": {"scorers": self._members.schema()}, "required": ["scorers"]}
        mapping: JsonObject = {**self._record.schema(), "if": a_set, "then": members}
        return {"anyOf": [_TYPE.schema(), mapping]}


@dataclass(frozen=True)
class _Scorers(Listed):
    """A list of scorers with different names."""

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return super().accepts(value) and len(set(map(_name_of, value))) == len(value)

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        found = list(super().flaws(value, keys))
        yield from found
        if found:
            return
        first: dict[str, int] = {}
        for index, item in enumerate(value):
            if first.setdefault(_name_of(item), index) != index:
                message = f"two scorers are called {_name_of(item)!r}"
                yield Flaw((*keys, index), message, "give one of them a `name`; it is the name of its metric")


_SCORER = _ScorerShape()
SCORERS = _Scorers(_SCORER)


def scorer_definition() -> JsonObject:
    """Return the JSON Schema of one scorer, to stand under `$defs/scorer`."""
    return _SCORER.definition()


def parse_scorer(
    value: JsonValue,
    *,
    path: str = "",
    place: Place | None = None,
    defaults: Mapping[str, JsonValue] | None = None,
) -> ScorerSpec:
    """Parse a scorer as written: `icontains`, or `{type, name, value, threshold, weight, required, …}`.

    Args:
        value: A bare name, which compares with the case's `expected`, or a mapping. Keys that are not named above go
            to `params`, and the type decides about them. The scorers of an `assert-set` are checked too, and stand in
            its params as mappings written in full.
        path: The file, for messages.
        place: Finds line and column of a key below; None where the scorer stands in no file.
        defaults: Keys for a mapping or a name that does not state them, such as `required`.

    Raises:
        SourceError: It is neither; with everything that is wrong.

    Example:
        >>> parse_scorer({"type": "levenshtein", "value": "Paris", "threshold": 2}).threshold
        2.0
    """
    flaws = list(_SCORER.flaws(value, ()))
    if flaws:
        raise SourceError(_problem(flaw, path, place) for flaw in flaws)
    return build_scorer_spec(value, path=path, line=(place(())[0] or 0) if place else 0, defaults=defaults)


def build_scorer_specs(
    values: Any, *, path: str, line: int, defaults: Mapping[str, JsonValue] | None = None
) -> tuple[ScorerSpec, ...]:
    """Build the scorers of a list that its shape accepted."""
    return tuple(build_scorer_spec(value, path=path, line=line, defaults=defaults) for value in values)


def build_scorer_spec(
    value: Any, *, path: str, line: int, defaults: Mapping[str, JsonValue] | None = None
) -> ScorerSpec:
    """Build a scorer that its shape accepted."""
    written: dict[str, Any] = {"type": value} if type(value) is str else value
    if defaults:
        written = {**defaults, **written}
    params = {key: item for key, item in written.items() if key not in _OWN_KEYS}
    if _is_set(written):
        # Without the defaults: what a member of a set counts is said in the set.
        members = build_scorer_specs(written["scorers"], path=path, line=line)
        params["scorers"] = [spec.as_json() for spec in members]
    threshold, weight, required = written.get("threshold"), written.get("weight"), written.get("required")
    return ScorerSpec(
        type=written["type"],
        name=written.get("name") or written["type"],
        value=written.get("value"),
        threshold=None if threshold is None else float(threshold),
        required=True if required is None else required,
        weight=1.0 if weight is None else float(weight),
        params=params,
        has_value="value" in written,
        path=path,
        line=line,
    )


def _is_set(value: Any) -> bool:
    return type(value) is dict and value.get("type") in {_SET, f"not-{_SET}"}


def _name_of(value: Any) -> str:
    return value if type(value) is str else value.get("name") or value["type"]


def _problem(flaw: Flaw, path: str, place: Place | None) -> Problem:
    line, column = place(flaw.keys) if place else (None, None)
    return Problem(path=path or None, line=line, column=column, message=flaw.message, hint=flaw.hint)
