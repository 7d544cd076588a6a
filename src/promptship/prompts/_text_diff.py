"""Texts side by side: line by line, and word by word within lines that changed."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from promptship.domain import DiffLine, TextDiff

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["diff_lines", "diff_texts"]

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_CONTEXT = 2
# Below this two lines have too little in common for marks within them to help.
_LEAST_ALIKE = 0.4


def diff_texts(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[TextDiff, ...]:
    """Compare named texts; those that are equal are left out.

    Args:
        before: Texts by name.
        after: Likewise; a name that only one side has is wholly gone or new.
    """
    names = dict.fromkeys([*before, *after])
    found = []
    for name in names:
        old, new = before.get(name), after.get(name)
        if old != new:
            lines = list(_changed_lines(_lines_of(old), _lines_of(new)))
            found.append(TextDiff(name=name, hunks=tuple(_hunks(lines))))
    return tuple(found)


def diff_lines(before: str, after: str) -> tuple[DiffLine, ...]:
    """Compare two texts and return the lines that changed, with two lines around each."""
    hunks = _hunks(list(_changed_lines(_lines_of(before), _lines_of(after))))
    return tuple(line for hunk in hunks for line in hunk)


def _lines_of(text: str | None) -> list[str]:
    return text.split("\n") if text is not None else []


def _changed_lines(before: Sequence[str], after: Sequence[str]) -> Iterator[DiffLine]:
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    for kind, from_1, to_1, from_2, to_2 in matcher.get_opcodes():
        if kind == "equal":
            yield from (DiffLine(sign=" ", pieces=((False, line),)) for line in before[from_1:to_1])
        else:
            yield from _replaced(before[from_1:to_1], after[from_2:to_2])


def _replaced(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffLine]:
    """Return what went and what came; where lines pair up one to one, with the words that changed in them."""
    pairs = [_pieces(left, right) for left, right in zip(old, new, strict=False)] if len(old) == len(new) else []
    for index, line in enumerate(old):
        yield DiffLine(sign="-", pieces=pairs[index][0] if pairs else ((True, line),))
    for index, line in enumerate(new):
        yield DiffLine(sign="+", pieces=pairs[index][1] if pairs else ((True, line),))


def _pieces(old: str, new: str) -> tuple[tuple[tuple[bool, str], ...], tuple[tuple[bool, str], ...]]:
    left, right = _WORD.findall(old), _WORD.findall(new)
    matcher = difflib.SequenceMatcher(a=left, b=right, autojunk=False)
    if matcher.ratio() < _LEAST_ALIKE:
        return ((True, old),), ((True, new),)
    gone, came = [], []
    for kind, from_1, to_1, from_2, to_2 in matcher.get_opcodes():
        changed = kind != "equal"
        if to_1 > from_1:
            gone.append((changed, "".join(left[from_1:to_1])))
        if to_2 > from_2:
            came.append((changed, "".join(right[from_2:to_2])))
    return tuple(gone), tuple(came)


def _hunks(lines: Sequence[DiffLine]) -> Iterator[tuple[DiffLine, ...]]:
    """Keep the lines near a change."""
    near = [False] * len(lines)
    for place, line in enumerate(lines):
        if line.sign != " ":
            for other in range(max(0, place - _CONTEXT), min(len(lines), place + _CONTEXT + 1)):
                near[other] = True
    hunk: list[DiffLine] = []
    for line, kept in zip(lines, near, strict=True):
        if kept:
            hunk.append(line)
        elif hunk:
            yield tuple(hunk)
            hunk = []
    if hunk:
        yield tuple(hunk)
