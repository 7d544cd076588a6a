"""Text reduced to its letters, so that blanks, dots, dashes and digits for letters hide nothing."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["squeeze"]

_DIGITS_AS_LETTERS: Final = str.maketrans("0134578@$!|", "oieastbasii")
_OTHER: Final = re.compile(r"[^a-z0-9]+")


def squeeze(text: str, *, leet: bool = False) -> str:
    """Return the lower-case letters and digits of canonical text, in order.

    Args:
        text: Canonical text.
        leet: Whether to read digits and signs as the letters they are drawn like (`1gn0r3`).

    Example:
        >>> squeeze("I-g.n o r e"), squeeze("1gn0r3 @ll", leet=True)
        ('ignore', 'ignoreall')
    """
    lowered = text.lower()
    return _OTHER.sub("", lowered.translate(_DIGITS_AS_LETTERS) if leet else lowered)
