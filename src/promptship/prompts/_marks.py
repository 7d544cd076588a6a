r"""Marks: what role tags and untrusted values leave in rendered text, and the state of one render behind them.

A mark is `\x02` + 39 random digits + `:` + one digit of kind + one number + `:` + site + `\x03`. Digits survive
`upper` and `lower`. The 39 digits are drawn anew for each render, so no value can hold a mark; values that hold `\x02`
or `\x03` are refused where they are trusted, and never stand in the text that is split where they are not.
"""

from __future__ import annotations

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptship.errors import RenderError

if TYPE_CHECKING:
    from promptship.domain import JsonValue

__all__ = [
    "HISTORY",
    "MARK",
    "MEDIA",
    "MOST_CHARS",
    "ROLE",
    "STATE",
    "TOOL",
    "UNTRUSTED",
    "RenderState",
    "check_length",
    "has_control",
    "has_mark",
]

ROLE, UNTRUSTED, HISTORY, MEDIA, TOOL = "0", "1", "2", "3", "4"
MARK = re.compile("\x02([0-9]{39}):([0-4])([0-9]+):([0-9]+)\x03")

MOST_CHARS = 4_000_000
_MOST_LOOPS = 200_000
_MOST_SLOTS = 100_000
_NONCE_BYTES = 16
_NONCES_PER_BLOCK = 256


_nonces: list[str] = []


def _draw_nonce() -> str:
    """Draw 39 digits from the system's randomness, a block at a time: asking for it takes longer than a render."""
    try:
        # Atomic, so that no two renders get the same one, whatever their threads.
        return _nonces.pop()
    except IndexError:
        block = os.urandom(_NONCE_BYTES * _NONCES_PER_BLOCK)
        drawn = [
            f"{int.from_bytes(block[start : start + _NONCE_BYTES]):039d}"
            for start in range(0, len(block), _NONCE_BYTES)
        ]
        nonce = drawn.pop()
        _nonces.extend(drawn)
        return nonce


@dataclass(slots=True)
class RenderState:
    """What one render keeps out of its text.

    Attributes:
        nonce: 39 digits that no value can know.
        slots: Untrusted values as (text, input), media objects and tool call ids, by the number in their mark.
        rounds: Rounds of loops so far.
        chars: Characters of untrusted text so far.
    """

    nonce: str = field(default_factory=_draw_nonce)
    slots: list[tuple[JsonValue, str]] = field(default_factory=list)
    rounds: int = 0
    chars: int = 0

    def keep(self, kind: str, value: JsonValue, name: str, site: int = 0) -> str:
        """Store a value and return the mark that stands for it.

        Raises:
            RenderError: More than 100,000 values, or more characters than a rendered prompt may have.
        """
        if len(self.slots) >= _MOST_SLOTS:
            raise RenderError(f"the template prints more than {_MOST_SLOTS:,} untrusted values")
        if isinstance(value, str):
            self.chars += len(value)
            check_length(self.chars)
        self.slots.append((value, name))
        return f"\x02{self.nonce}:{kind}{len(self.slots) - 1}:{site}\x03"

    def count_rounds(self, rounds: int) -> None:
        """Count rounds of a loop.

        Raises:
            RenderError: More than 200,000 in one render.
        """
        self.rounds += rounds
        if self.rounds > _MOST_LOOPS:
            raise RenderError(f"the template's loops take more than {_MOST_LOOPS:,} rounds")


def check_length(chars: int) -> None:
    """Refuse text that is longer than a rendered prompt may be.

    Raises:
        RenderError: More than 4,000,000 characters.
    """
    if chars > MOST_CHARS:
        raise RenderError(f"the template makes more than {MOST_CHARS:,} characters of text")


STATE: ContextVar[RenderState] = ContextVar("promptship_render")


def has_mark(value: object) -> bool:
    """Say whether `value` is text that holds a mark or a part of one.

    Example:
        >>> has_mark("plain"), has_mark(3)
        (False, False)
    """
    return isinstance(value, str) and has_control(value)


def has_control(text: str) -> bool:
    """Say whether `text` holds one of the two control characters that delimit marks."""
    return "\x02" in text or "\x03" in text
