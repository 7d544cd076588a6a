"""From an English answer to the figures that the fitted model weighs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.safety._refusal_cues import CONTRACTIONS, CUES, DECLINING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

__all__ = ["HEAD", "RefusalFeatures", "read_refusal_features", "undo_contractions"]

HEAD: Final = 600
"""Characters of an answer that are read: those that the labelled answers had. A refusal says so early."""
_START: Final = 200
_GRAM: Final = 5
_NEAR_END: Final = 150
_SPREAD: Final = 20

_SENTENCE_END: Final = re.compile(r"[.!?:](?:\s|$)|\n")
_LIST_ITEM: Final = re.compile(r"^\s{0,6}(?:\d{1,3}[.)]|[-*•])\s", re.MULTILINE)
_WORD: Final = re.compile(r"[a-z]+|\d+")
_BLANKS: Final = re.compile(r"\s+")
_FIRST_PERSON: Final = frozenset({"i", "me", "my"})
_SECOND_PERSON: Final = frozenset({"you", "your"})
_NEGATIONS: Final = frozenset({"not", "no", "never", "cannot"})


@dataclass(frozen=True, slots=True)
class RefusalFeatures:
    """What an answer shows.

    Attributes:
        cues: Figure by name, most of them 1.0: which phrases, where, how the answer is built.
        grams: Its runs of five characters, blanks made one.
        starts: Those of its beginning.
    """

    cues: Mapping[str, float]
    grams: AbstractSet[str]
    starts: AbstractSet[str]


def read_refusal_features(text: str) -> RefusalFeatures:
    """Read the figures of an answer.

    Args:
        text: Canonical English text; what stands after `HEAD` characters is not looked at.

    Returns:
        The figures; the same for the same text, on every machine.

    Example:
        >>> sorted(read_refusal_features("Sorry, but I can't help.").cues)[:3]
        ['1:cannot', '1:cannot-serve', '1:sorry-but']
    """
    marked = "^" + undo_contractions(text.strip()[:HEAD].lower())
    line = _BLANKS.sub(" ", marked)
    grams = _grams_of(line + " ")
    return RefusalFeatures(_read_cues(marked, grams), grams, _grams_of(line[: _START + 1] + " "))


def undo_contractions(text: str) -> str:
    """Return lower-case English with `can't` as `cannot`, `unable to` too: one spelling for one thing said."""
    for short, long in CONTRACTIONS:
        text = text.replace(short, long)
    return text


def _grams_of(text: str) -> AbstractSet[str]:
    return {text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)}


# A phrase can only be there if the run of characters that it begins with is: a look into a set instead of a search.
_HEADED: Final = tuple((name, tuple((phrase, phrase[:_GRAM]) for phrase in phrases)) for name, phrases in CUES.items())


def _read_cues(text: str, grams: AbstractSet[str]) -> dict[str, float]:
    first, second = _ends_of_sentences(text)
    found: dict[str, float] = {}
    declined: int | None = None
    for name, phrases in _HEADED:
        present = [
            (at, phrase)
            for phrase, head in phrases
            if (head in grams or len(head) < _GRAM) and (at := text.find(phrase)) >= 0
        ]
        if not present:
            continue
        low = min(present)[0]
        high = max(text.rfind(phrase) for _, phrase in present)
        _place(found, name, low, high, ends=(first, second, len(text)))
        if name in DECLINING:
            declined = low if declined is None else min(declined, low)
    _read_lists(found, text, declined)
    _read_build(found, text)
    return found


def _ends_of_sentences(text: str) -> tuple[int, int]:
    ends = [end.end() for _, end in zip(range(2), _SENTENCE_END.finditer(text), strict=False)]
    ends += [len(text)] * (2 - len(ends))
    return ends[0], ends[1]


def _place(found: dict[str, float], name: str, low: int, high: int, *, ends: tuple[int, int, int]) -> None:
    """Note that a cue is there, whether more than once, and where: first sentence, second, or near the end."""
    first, second, length = ends
    found[f"c:{name}"] = 1.0
    if high > low + _SPREAD:
        found[f"n:{name}"] = 1.0
    if low < first:
        found[f"1:{name}"] = 1.0
    elif low < second:
        found[f"2:{name}"] = 1.0
    if high >= first and length - high < _NEAR_END:
        found[f"z:{name}"] = 1.0


def _read_lists(found: dict[str, float], text: str, declined: int | None) -> None:
    items = [item.start() for item in _LIST_ITEM.finditer(text[1:])]
    if not items:
        return
    found["list"] = 1.0
    found["items"] = min(6, len(items)) / 4
    if items[0] < 5:  # noqa: PLR2004 - the answer is a list
        found["list-first"] = 1.0
    if declined is not None and declined < items[0]:
        found["list-after"] = 1.0


# Scaled to about 1, as the phrases are, so that one penalty serves all.
def _read_build(found: dict[str, float], text: str) -> None:
    words = _WORD.findall(text)
    tenth = max(1, len(words)) / 10
    found["length"] = len(text) / HEAD
    found["short"] = float(len(text) < 60)  # noqa: PLR2004
    found["medium"] = float(len(text) < 300)  # noqa: PLR2004
    found["cut"] = float(len(text) >= HEAD - 20)
    found["first-person"] = sum(word in _FIRST_PERSON for word in words) / tenth
    found["second-person"] = sum(word in _SECOND_PERSON for word in words) / tenth
    found["negations"] = sum(word in _NEGATIONS for word in words) / tenth
    found["numbers"] = sum(map(str.isdigit, words)) / tenth
    found["colon"] = float(":" in text)
    found["code"] = float("```" in text)
    found["lines"] = min(5, text.count("\n")) / 3
    found["quotes"] = float('"' in text)
