"""Texts as judges are held to them: sentences to judge one by one, and whether a quote stands in a text."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["canonicalise", "find_invented_quote", "split_claims"]

_SAME: Final = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u0060", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    "\u2026": "...",
    "\u00a0": " ",
}
_TABLE: Final = str.maketrans(_SAME)
_CUT: Final = re.compile(r"\s*(?:\[\s*\.\.\.\s*\]|\.\.\.)\s*")
_EDGES: Final = "\"' .,;:!?"
# A stop ends a sentence before white space and what can begin one; not after a title, an initial or a number.
_STOP: Final = re.compile(
    r"(?<!\b[A-Z])(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bNr)(?<!\bNo)(?<!\be\.g)(?<!\bi\.e)(?<!\bz\.B)(?<!\bvs)"
    r"(?<!\betc)(?<!\bca)(?<!\bapprox)[.!?]+[\"'\u201d\u2019)\]]*(?=\s+[^\sa-z])|[\u3002\uff01\uff1f]+"
)
_LINE: Final = re.compile(r"\n+")
_BULLET: Final = re.compile(r"^\s*(?:[-*\u2022\u2013]|\d{1,3}[.)])\s+|^\s*#+\s+")
_SAYS: Final = re.compile(r"\w")


def canonicalise(text: str) -> str:
    """Return a text as quotes are compared: compatibility forms, case, quotation marks, dashes and spaces made one.

    Invisible characters go. Nothing else does: words, figures and signs stay what they are.

    Example:
        >>> canonicalise("  \u201cFi\u2011ve\u201d  EUROS ")
        '"fi-ve" euros'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_TABLE)).translate(_TABLE)
        text = "".join(one for one in text if unicodedata.category(one) != "Cf")
    return " ".join(text.casefold().split())


def find_invented_quote(quotes: Iterable[str], texts: Iterable[str]) -> str | None:
    """Return the first quote that stands in none of the texts; None where all do.

    A quote may leave out a middle with three dots; its parts then have to come in this order in one text. Quotation
    marks and stops at its ends do not count, and an empty quote quotes nothing.
    """
    known = [canonicalise(text) for text in texts]
    for quote in quotes:
        parts = [part for piece in _CUT.split(canonicalise(quote)) if (part := piece.strip(_EDGES))]
        if not any(_holds(text, parts) for text in known):
            return quote
    return None


def _holds(text: str, parts: list[str]) -> bool:
    place = 0
    for part in parts:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return True


def split_claims(text: str, *, most: int = 40) -> list[str]:
    """Split a text into sentences, each to be judged by itself.

    Args:
        text: Prose or a list; a line of a list is a sentence.
        most: At most so many; beyond, neighbours are put together, so that nothing goes unjudged.

    Example:
        >>> split_claims("It costs 3.50 EUR, says Dr. Roe. It left today!")
        ['It costs 3.50 EUR, says Dr. Roe.', 'It left today!']
    """
    claims: list[str] = []
    for line in _LINE.split(text):
        line = _BULLET.sub("", line)  # noqa: PLW2901 - the line without its bullet
        start = 0
        for stop in _STOP.finditer(line):
            claims.append(line[start : stop.end()].strip())
            start = stop.end()
        claims.append(line[start:].strip())
    claims = [claim for claim in claims if _SAYS.search(claim)]
    if len(claims) <= most:
        return claims
    step = -(-len(claims) // most)
    return [" ".join(claims[at : at + step]) for at in range(0, len(claims), step)]
