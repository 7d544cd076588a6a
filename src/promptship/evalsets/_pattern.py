"""The expressions of `-k`: words joined by and, or, not, and parentheses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Matcher", "parse_pattern"]

Matcher: TypeAlias = "Callable[[str], bool]"
"""Takes case-folded text and tells whether the pattern matches it."""

_TOKEN: Final = re.compile(r"""\s*(?:(?P<sign>[()])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^\s()"']+))""")
_OPERATORS: Final = frozenset({"and", "or", "not", "(", ")"})
_HINT: Final = "write words joined by and, or, not and parentheses: 'refund and not (german or spanish)'"
_DEEPEST: Final = 50


class _Token(NamedTuple):
    text: str
    column: int
    is_word: bool


def parse_pattern(pattern: str) -> Matcher:
    """Parse a pattern; a word matches where it stands anywhere in the text, in any case.

    Args:
        pattern: Words (in quotes where they hold spaces), `and`, `or`, `not`, parentheses; `and` binds tighter
            than `or`.

    Raises:
        UsageError: It is not such an expression; with the column.

    Example:
        >>> parse_pattern("refund and not german")("refund language=english")
        True
    """
    return _Parser(pattern).parse()


class _Parser:
    """A recursive descent over the tokens."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._tokens = self._split()
        self._at = 0
        self._depth = 0

    def parse(self) -> Matcher:
        """Parse the whole pattern."""
        found = self._either()
        if (token := self._peek()) is not None:
            raise self._error(f"{token.text!r} is not expected here", token.column)
        return found

    def _split(self) -> list[_Token]:
        tokens, at, text = [], 0, self._pattern.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._error("a quote is not closed", at + 1)
            kind = match.lastgroup or ""
            word = match[kind]
            is_word = kind in {"double", "single"} or word.lower() not in _OPERATORS
            tokens.append(_Token(word if is_word else word.lower(), match.start(kind) + 1, is_word))
            at = match.end()
        return tokens

    def _either(self) -> Matcher:
        found = self._both()
        while self._take("or"):
            found = _either(found, self._both())
        return found

    def _both(self) -> Matcher:
        found = self._one()
        while self._take("and"):
            found = _both(found, self._one())
        return found

    def _one(self) -> Matcher:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"nested deeper than {_DEEPEST} levels", 1)
        found = self._negated() if self._take("not") else self._group() if self._take("(") else self._word()
        self._depth -= 1
        return found

    def _negated(self) -> Matcher:
        inner = self._one()
        return lambda text: not inner(text)

    def _group(self) -> Matcher:
        found = self._either()
        if not self._take(")"):
            raise self._error("')' is missing", len(self._pattern) + 1)
        return found

    def _word(self) -> Matcher:
        token = self._peek()
        if token is None:
            raise self._error("a word is missing at the end", len(self._pattern) + 1)
        if not token.is_word or not token.text:
            raise self._error(f"expected a word, found {token.text!r}", token.column)
        self._at += 1
        word = token.text.casefold()
        return lambda text: word in text

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, operator: str) -> bool:
        token = self._peek()
        if token is None or token.is_word or token.text != operator:
            return False
        self._at += 1
        return True

    def _error(self, message: str, column: int) -> UsageError:
        return UsageError(f"-k {self._pattern!r}, column {column}: {message}", hint=_HINT)


def _either(left: Matcher, right: Matcher) -> Matcher:
    return lambda text: left(text) or right(text)


def _both(left: Matcher, right: Matcher) -> Matcher:
    return lambda text: left(text) and right(text)
