"""The ladder that detectors climb: text as written, made canonical, and with one layer of encoding taken off."""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from promptship.safety._confusables import LOOK_ALIKES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LONGEST_TEXT", "Road", "TextTooLongError", "View", "canonicalise", "read_views"]

LONGEST_TEXT: Final = 200_000
"""Characters that detectors read. What is longer is refused and not read in part: the rest may hold the secret."""

Road = Literal["canonical", "spaced", "hidden", "base64", "hex", "percent", "rot13", "entities", "escapes"]

_TAG_FIRST, _TAG_LAST = 0xE0020, 0xE007E
_TAG_BASE = 0xE0000
_MOST_REMEMBERED = 20_000
_SPOILT_SHARE = 0.1
_SPOILT = "\ufffd"
_SHORTEST_DECODED = 4
# Every pattern succeeds once it has read its least length, so that no text makes a search quadratic.
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}")
_WRAPPED = re.compile(r"(?<=[A-Za-z0-9+/]{40})\r?\n(?=[A-Za-z0-9+/])")
_HEX = re.compile(r"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{2}[ :,]?){8,}")
_ESCAPES = re.compile(r"\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\u\{[0-9a-fA-F]{1,6}\}")
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_ENTITY = re.compile(r"&#?[0-9A-Za-z]{1,31};?")
_SPACED = re.compile(r"(?<![^\s])(?:[^\s][ .*_-]){4,}(?:[^\s](?![^\s]))?")
_SEPARATORS = str.maketrans("", "", " .*_-")
_ROT13 = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)


class TextTooLongError(ValueError):
    """The text has more characters than detectors read."""

    def __init__(self, length: int) -> None:
        super().__init__(f"the text has {length} characters; safety detectors read up to {LONGEST_TEXT}")


@dataclass(frozen=True, slots=True)
class View:
    """One way to read a text: by which road it was reached, and what stands there."""

    road: Road
    text: str


class _Fold(dict[int, str]):
    """What `str.translate` puts for each code point; learnt as texts need it."""

    def __missing__(self, code: int) -> str:
        found = _fold(code)
        # A text of every character there is must not stay in memory for ever.
        if len(self) < _MOST_REMEMBERED:
            self[code] = found
        return found


def _fold(code: int) -> str:
    look = LOOK_ALIKES.get(code)
    if look is not None:
        return look
    letter = chr(code)
    if letter in "\n\t":
        return letter
    kind = unicodedata.category(letter)
    # Format and control characters, and marks put on letters, are invisible to a reader or noise.
    if kind in {"Cf", "Cc", "Mn", "Me", "Cn", "Co", "Cs"}:
        return ""
    return " " if kind in {"Zs", "Zl", "Zp"} else letter


_FOLD = _Fold()
# Fillers that Unicode calls letters and that nobody sees.
_FOLD.update(dict.fromkeys((0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800), ""))


def canonicalise(text: str) -> str:
    r"""Return text as a reader sees it: NFKC, no invisible characters, no stacked marks, look-alikes in ASCII.

    Meant for detectors, not for people: accents are dropped ("señor" becomes "senor"), and a word in Cyrillic turns
    into a mixture.

    Args:
        text: Any text, at most `LONGEST_TEXT` characters.

    Returns:
        The canonical text; applying it again changes nothing.

    Raises:
        TextTooLongError: The text is longer than that.

    Example:
        >>> canonicalise("\uff29gn\u200b\u043ere")
        'Ignore'
    """
    if len(text) > LONGEST_TEXT:
        raise TextTooLongError(len(text))
    return _canonicalise(text)


def _canonicalise(text: str) -> str:
    if text.isascii():
        return text if text.isprintable() else text.translate(_FOLD)
    # Decomposed, so that marks stand alone and fall; cut, since one ligature may stand for eighteen characters.
    return unicodedata.normalize("NFKD", text).translate(_FOLD)[: 2 * LONGEST_TEXT]


def read_views(text: str, *, rot13: bool = True) -> tuple[View, ...]:
    """Return the canonical text and, where the text holds encodings, what one layer of decoding gives.

    Args:
        text: Any text, at most `LONGEST_TEXT` characters.
        rot13: Whether to read the whole text as rot13 too; every text has such a reading.

    Returns:
        Views that differ from the canonical one, which is first. Their number is bounded by the kinds of encoding,
        their lengths together by a small multiple of the text's.

    Raises:
        TextTooLongError: The text is too long.

    Example:
        >>> [view.text for view in read_views("run cm0gLXJmIH4vZGF0YQ== now", rot13=False)][1:]
        ['rm -rf ~/data']
    """
    plain = canonicalise(text)
    views = [View("canonical", plain)]
    seen = {plain}
    for road, found in _decode(text, plain, rot13=rot13):
        readable = _canonicalise(found)
        if readable.strip() and readable not in seen:
            seen.add(readable)
            views.append(View(road, readable))
    return tuple(views)


def _decode(text: str, plain: str, *, rot13: bool) -> Iterator[tuple[Road, str]]:
    if not text.isascii():
        yield "hidden", "".join(chr(ord(c) - _TAG_BASE) for c in text if _TAG_FIRST <= ord(c) <= _TAG_LAST)
    # Each test is one scan in C; nearly every text ends here with one view.
    if _SPACED.search(plain):
        yield "spaced", _SPACED.sub(lambda run: run[0].translate(_SEPARATORS) + " ", plain)
    yield "base64", _pieces(_BASE64, _WRAPPED.sub("", plain), _from_base64)
    yield "hex", _pieces(_HEX, plain, _from_hex)
    if "%" in plain and _PERCENT.search(plain):
        yield "percent", urllib.parse.unquote(plain, errors="ignore")
    if "&" in plain and _ENTITY.search(plain):
        yield "entities", html.unescape(plain)
    if "\\" in plain and _ESCAPES.search(plain):
        yield "escapes", _ESCAPES.sub(_from_escape, plain)
    if rot13:
        yield "rot13", plain.translate(_ROT13)


def _pieces(pattern: re.Pattern[str], text: str, decode: Callable[[str], str]) -> str:
    return "\n".join(filter(None, (decode(run[0]) for run in pattern.finditer(text))))


def _from_base64(run: str) -> str:
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    # A run may begin with letters that belong to the text before it: each alignment is tried.
    for start in range(4):
        piece = body[start:]
        piece = piece[: len(piece) - 1] if len(piece) % 4 == 1 else piece
        found = _readable(base64.b64decode(piece + "=" * (-len(piece) % 4)))
        if found:
            return found
    return ""


def _from_hex(run: str) -> str:
    digits = run.translate(str.maketrans("", "", " :,"))
    try:
        return _readable(binascii.unhexlify(digits))
    except binascii.Error:  # pragma: no cover - the pattern takes pairs of hexadecimal digits alone
        return ""


def _from_escape(found: re.Match[str]) -> str:
    code = int(found[0][2:].strip("{}"), 16)
    return chr(code) if code <= 0x10FFFF else ""  # noqa: PLR2004 - the last code point


def _readable(found: bytes) -> str:
    """Return the text that bytes are, or "" where they are none."""
    # A run may begin or end with letters of the text around it, which spoil a byte or two.
    text = found.decode(errors="replace")
    spoilt = text.count(_SPOILT) + sum(not (letter.isprintable() or letter.isspace()) for letter in text)
    if len(text) < _SHORTEST_DECODED or spoilt > 1 + _SPOILT_SHARE * len(text):
        return ""
    return text.replace(_SPOILT, "")
