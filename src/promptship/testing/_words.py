"""Differences between two texts, word by word, in plain characters."""

from __future__ import annotations

import difflib
import re
from typing import Final

__all__ = ["mark_differences"]

_WORDS: Final = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_WORDS = 400
_LEAST_ALIKE = 0.3


def mark_differences(expected: str, given: str) -> str:
    """Mark in `given` what is not in `expected`, and what of `expected` is missing.

    Returns:
        The text with `[-missing-]` and `{+additional+}`; "" where the texts are equal, too long, or have too little in
        common for the marks to be read.

    Example:
        >>> mark_differences("Paris is the capital", "Paris is a capital")
        'Paris is [-the-]{+a+} capital'
    """
    before, after = _WORDS.findall(expected), _WORDS.findall(given)
    if expected == given or max(len(before), len(after)) > _MOST_WORDS:
        return ""
    steps = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    shared = [word for kind, _, _, j1, j2 in steps if kind == "equal" for word in after[j1:j2]]
    if _count(shared) < _LEAST_ALIKE * max(_count(before), _count(after)):
        return ""
    parts = []
    for kind, i1, i2, j1, j2 in steps:
        gone, come = "".join(before[i1:i2]), "".join(after[j1:j2])
        if kind == "equal":
            parts.append(come)
            continue
        parts += [f"[-{gone}-]" if gone else "", f"{{+{come}+}}" if come else ""]
    return "".join(parts)


def _count(words: list[str]) -> int:
    """Count words and signs; blanks stand between any two texts."""
    return sum(not word.isspace() for word in words)
