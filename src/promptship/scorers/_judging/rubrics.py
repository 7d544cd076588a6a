"""Rubrics as evalsets write them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from promptship.errors import ScorerSetupError, did_you_mean
from promptship.scorers._criterion import show
from promptship.scorers._judging.scales import YES_NO, Level, Scale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import JsonObject, JsonValue

__all__ = ["Rated", "criteria_json", "parse_rubric", "parse_scale"]

_KEYS: Final = ("name", "text", "weight", "anchors")
_LEAST_LEVELS: Final = 2
_MOST_LEVELS: Final = 11
_MOST_CRITERIA: Final = 50
_LONGEST_NAME: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """One criterion.

    Attributes:
        name: Of its vote; unique in the rubric.
        text: What is judged.
        weight: Share in the score, above 0.
        scale: Its verdicts.
    """

    name: str
    text: str
    weight: float = 1.0
    scale: Scale = YES_NO

    def as_json(self) -> JsonObject:
        """Return what a digest is made of."""
        levels: list[JsonValue] = [*self.scale.as_json()]
        return {"name": self.name, "text": self.text, "weight": self.weight, "levels": levels}


def criteria_json(criteria: Sequence[Rated]) -> JsonValue:
    """Return what a digest is made of."""
    return [one.as_json() for one in criteria]


def parse_rubric(value: JsonValue) -> tuple[Rated, ...]:
    """Read a rubric: a criterion, a list of them, or `{criteria: [{name, text, weight, anchors}]}`.

    Raises:
        ScorerSetupError: It has another shape, a criterion without text, two of one name, or odd anchors.

    Example:
        >>> [one.name for one in parse_rubric(["Names the price.", "Is polite."])]
        ['names-the-price', 'is-polite']
    """
    written: Any = value
    if isinstance(written, dict) and "criteria" in written:
        _refuse_unknown(written, ("criteria",))
        written = written["criteria"]
    listed = written if isinstance(written, list) else [written]
    if not 1 <= len(listed) <= _MOST_CRITERIA:
        raise ScorerSetupError(f"the rubric has {len(listed)} criteria; expected 1 to {_MOST_CRITERIA}")
    found = [_parse_criterion(one) for one in listed]
    names = [one.name for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ScorerSetupError(f"two criteria are called {twice!r}", hint="give one of them a `name`")
    return tuple(found)


def _parse_criterion(written: JsonValue) -> Rated:
    row: JsonObject = written if isinstance(written, dict) else {"text": written}
    _refuse_unknown(row, _KEYS)
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ScorerSetupError(
            f"a criterion is {show(written)}; expected a text",
            hint="write {name, text, weight, anchors: {0: ..., 1: ...}}",
        )
    name = row.get("name", _name_of(text))
    if not isinstance(name, str) or not name.strip():
        raise ScorerSetupError(f"the name of a criterion is {show(name)}; expected a text")
    weight = row.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise ScorerSetupError(f"the criterion {name!r} has the weight {weight!r}; expected a number above 0")
    scale = parse_scale(row["anchors"], f"the criterion {name!r}") if "anchors" in row else YES_NO
    return Rated(name=name, text=text.strip(), weight=float(weight), scale=scale)


def _name_of(text: str) -> str:
    words = "".join(one if one.isalnum() else " " for one in text.casefold()).split()
    name = ""
    for word in words:
        if len(name) + len(word) >= _LONGEST_NAME:
            break
        name = f"{name}-{word}" if name else word
    return name or "criterion"


def parse_scale(anchors: JsonValue, owner: str) -> Scale:
    """Read anchors: what each whole number means, `{0: never, 1: sometimes, 2: always}`.

    Args:
        anchors: As written.
        owner: Whose, for messages.

    Returns:
        A scale whose lowest number is worth 0 and whose highest is worth 1.

    Raises:
        ScorerSetupError: Fewer than two, numbers that are none, or an anchor without a meaning.
    """
    if not isinstance(anchors, dict) or not _LEAST_LEVELS <= len(anchors) <= _MOST_LEVELS:
        raise ScorerSetupError(
            f"{owner} has the anchors {show(anchors)}; expected 2 to {_MOST_LEVELS} of them",
            hint="write anchors: {0: what is worst, 1: what is best}",
        )
    numbers: dict[int, str] = {}
    for key, meaning in anchors.items():
        label = str(key).strip()
        if not (label.isascii() and label.isdecimal()) or int(label) in numbers:
            raise ScorerSetupError(f"{owner} has the anchor {key!r}; expected a whole number, each once")
        if not isinstance(meaning, str) or not meaning.strip():
            raise ScorerSetupError(f"{owner} does not say what {label} means: {show(meaning)}")
        numbers[int(label)] = meaning.strip()
    low, high = min(numbers), max(numbers)
    levels = (
        Level(label=str(number), value=(number - low) / (high - low), meaning=numbers[number])
        for number in sorted(numbers)
    )
    return Scale(levels=tuple(levels))


def _refuse_unknown(row: Mapping[str, JsonValue], known: tuple[str, ...]) -> None:
    unknown = [key for key in row if key not in known]
    if unknown:
        near = did_you_mean(str(unknown[0]), known)
        raise ScorerSetupError(f"the rubric has the key {unknown[0]!r}; expected {', '.join(known)}{near}")
