"""How many columns of a terminal a text takes, and cutting and filling to a width."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["display_width", "fill", "shorten", "wrap"]

_ZERO_WIDTH_JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_REGIONAL = range(0x1F1E6, 0x1F200)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def display_width(text: str) -> int:
    """Return the columns that `text` takes on a terminal that knows Unicode; our own colours take none.

    East Asian wide and fullwidth characters take two, combining and format characters none; an emoji sequence (joined,
    with a skin tone, two regional indicators) takes two as a whole.

    Source:
        Unicode Standard Annex 11 (East Asian Width), Technical Standard 51 (emoji sequences).

    Example:
        >>> display_width("é"), display_width("日本"), display_width("👩‍💻")
        (1, 4, 2)
    """
    # Nearly all text is ASCII, and the character table is slow.
    if text.isascii() and "\x1b" not in text:
        return len(text)
    return sum(_widths(_ANSI.sub("", text)))


def shorten(text: str, width: int) -> str:
    """Cut `text` to at most `width` columns; an ellipsis says that something is missing.

    Example:
        >>> shorten("reimbursement", 6)
        'reimb…'
    """
    if display_width(text) <= width:
        return text
    return _take(text, max(width - 1, 0)) + "…" if width > 0 else ""


def fill(text: str, width: int, *, right: bool = False) -> str:
    """Add blanks until `text` takes `width` columns: after it, or before it where `right` aligns."""
    blanks = " " * max(width - display_width(text), 0)
    return blanks + text if right else text + blanks


def wrap(text: str, width: int, *, lines: int) -> list[str]:
    """Break `text` into at most `lines` lines of at most `width` columns, at blanks where there are any.

    Args:
        text: Text that may hold line feeds.
        width: Columns, at least 2.
        lines: Most lines to return, at least 1; the last one ends in an ellipsis where text is left over.
    """
    found: list[str] = []
    for paragraph in text.splitlines() or [""]:
        rest = paragraph.rstrip()
        while True:
            if len(found) == lines:
                found[-1] = shorten(found[-1] + " …", width) if not found[-1].endswith("…") else found[-1]
                return found
            head = _head(rest, width)
            found.append(head.rstrip())
            rest = rest[len(head) :].lstrip()
            if not rest:
                break
    return found


def _head(text: str, width: int) -> str:
    head = _take(text, width)
    if len(head) == len(text):
        return head
    cut = head.rfind(" ")
    # A long word is cut; a line with a blank in its second half is broken there.
    return head[: cut + 1] if cut > len(head) // 2 else head or text[:1]


def _take(text: str, width: int) -> str:
    total = 0
    for index, columns in enumerate(_widths(text)):
        total += columns
        if total > width:
            return text[:index]
    return text


def _widths(text: str) -> list[int]:
    widths: list[int] = []
    previous = ""
    flags = 0
    # What follows a joiner, a skin tone, and every second regional indicator belong to the picture before them.
    for char in text:
        code = ord(char)
        columns = _columns(char)
        flags = flags + 1 if code in _REGIONAL else 0
        if previous == _ZERO_WIDTH_JOINER or code in _SKIN_TONES:
            columns = 0 if widths and any(widths) else columns
        elif flags:
            columns = 2 if flags % 2 else 0
        elif char == _EMOJI_STYLE and widths and widths[-1] == 1:
            columns = 1
        widths.append(columns)
        previous = char
    return widths


def _columns(char: str) -> int:
    if char.isascii():
        return 1
    if unicodedata.category(char) in {"Mn", "Me", "Cf"} or "\u1160" <= char <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
