"""Changes of inputs that should not matter: the same ones in every session, since they follow from text and seed."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any, Final

from promptship.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promptship.domain import Case, JsonValue

    Change = Callable[[JsonValue], JsonValue]

__all__ = ["CHANGES", "changed_values"]

_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_WORDS_PER_TYPO = 8
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")


def changed_values(
    case: Case, name: str, change: str | Change | Mapping[str, Sequence[JsonValue]], *, variants: int, seed: int
) -> list[JsonValue]:
    """Return values that take the place of one input of a case, each different from it.

    Args:
        case: The case.
        name: Name of the input.
        change: `typos`, `case`, `order`; a function from the value to another; or the values themselves by case id.
        variants: Values at most; ignored where they are given by case id.
        seed: Another seed changes other letters.

    Returns:
        Distinct values; none where the change leaves the value as it is.

    Raises:
        UsageError: There is no such change, or the case has no such input.
    """
    if name not in case.inputs:
        meant = did_you_mean(name, case.inputs)
        raise UsageError(f"case {case.id!r} has no input {name!r}{meant}", hint=f"inputs: {', '.join(case.inputs)}")
    value = case.inputs[name]
    if isinstance(change, str):
        found = [_built_in(change)(value, random.Random(f"{seed}:{case.id}:{number}")) for number in range(variants)]  # noqa: S311 - reproducible, not secret
    elif callable(change):
        found = [change(value)]
    else:
        found = list(change.get(case.id, ()))
    distinct: list[JsonValue] = []
    for one in found:
        if one != value and one not in distinct:
            distinct.append(one)
    return distinct


def _built_in(name: str) -> Callable[[JsonValue, random.Random], JsonValue]:
    if name not in CHANGES:
        meant = did_you_mean(name, CHANGES)
        raise UsageError(f"there is no change {name!r}{meant}", hint=f"known: {', '.join(CHANGES)}, or a function")
    return CHANGES[name]


def misspell(value: JsonValue, draw: random.Random) -> JsonValue:
    """Misspell a word in eight, one at least: two letters swapped, one dropped or one doubled; first letters stay."""
    if not isinstance(value, str):
        return value
    words = list(_WORD.finditer(value))
    if not words:
        return value
    chosen = draw.sample(words, max(1, len(words) // _WORDS_PER_TYPO))
    for match in sorted(chosen, key=lambda match: match.start(), reverse=True):
        value = value[: match.start()] + _misspell_word(match[0], draw) + value[match.end() :]
    return value


def _misspell_word(word: str, draw: random.Random) -> str:
    # Two equal neighbours swapped would be no typo.
    places = [at for at in range(1, len(word) - 1) if word[at] != word[at + 1]] or [1]
    at = draw.choice(places)
    match draw.randrange(3):
        case 0:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 1:
            return word[:at] + word[at + 1 :]
        case _:
            return word[:at] + word[at] + word[at:]


def change_case(value: JsonValue, draw: random.Random) -> JsonValue:
    """Write a text in lower, upper or swapped case."""
    return draw.choice((str.lower, str.upper, str.swapcase))(value) if isinstance(value, str) else value


def reorder(value: JsonValue, draw: random.Random) -> JsonValue:
    """Shuffle the items of a list, the lines of a text, or the sentences of a text of one line."""
    if isinstance(value, str):
        separator = "\n" if "\n" in value.strip() else " "
        parts: list[Any] = value.split("\n") if separator == "\n" else _SENTENCE_END.split(value)
        return separator.join(_shuffled(parts, draw))
    return _shuffled(value, draw) if isinstance(value, list) else value


def _shuffled(parts: list[Any], draw: random.Random) -> list[Any]:
    return draw.sample(parts, len(parts))


CHANGES: Final = {"typos": misspell, "case": change_case, "order": reorder}
"""Changes by the name under which a marker asks for them."""
