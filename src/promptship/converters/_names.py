"""Names for what other tools leave without one that we could use."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["NameGiver", "slug"]

_LONGEST = 60


def slug(text: str, *, otherwise: str = "prompt") -> str:
    """Return a name of letters, digits, `-` and `.` made from any text.

    Example:
        >>> slug("Reply, in the company's tone!")
        'reply-in-the-company-s-tone'
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    made = re.sub(r"[^a-z0-9.]+", "-", plain).strip("-.")[:_LONGEST].rstrip("-.")
    return made or otherwise


class NameGiver:
    """Gives each wish a name that was not given before."""

    def __init__(self, taken: set[str] | None = None) -> None:
        self.taken = set(taken or ())

    def give(self, wish: str) -> str:
        """Return `wish`, or the first of `wish-2`, `wish-3` … that is free."""
        name, number = wish, 1
        while name in self.taken:
            number += 1
            name = f"{wish}-{number}"
        self.taken.add(name)
        return name
