"""Handlebars source to pieces: text and tags, with the white space that Handlebars takes away already gone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from promptship.converters._tree import UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Piece", "PieceKind", "read_pieces"]

PieceKind: TypeAlias = Literal["text", "value", "open", "inverse", "else", "close", "partial", "comment"]

_OPENING = re.compile(r"\\?\{\{")
_SIGIL: dict[str, PieceKind] = {"#": "open", "^": "inverse", "/": "close", ">": "partial", "!": "comment"}
_ALONE: set[PieceKind] = {"open", "inverse", "else", "close", "partial", "comment"}
_ELSE = re.compile(r"else\b(?!\s*[.=])")


@dataclass(slots=True)
class Piece:
    """A text or a tag.

    Attributes:
        kind: What it is; `else` may hold a condition of its own.
        text: The text, or what stands between the braces, without sigil.
        line: 1-based line on which it begins.
        indent: Blanks before a partial that stands alone on its line.
    """

    kind: PieceKind
    text: str
    line: int
    indent: str = ""


def read_pieces(source: str, *, first_line: int = 1) -> list[Piece]:
    r"""Cut Handlebars source into pieces.

    Tags that stand alone on their line take the line with them, `~` takes white space away, `\{{` is text.

    Args:
        source: The template, with line feeds as newlines.
        first_line: Line of the file on which it begins.

    Raises:
        UntranslatableError: Braces that are not closed.

    Source:
        Handlebars language guide (expressions, whitespace control, comments); Mustache specification (standalone).

    Example:
        >>> [(piece.kind, piece.text) for piece in read_pieces("a\n{{#if b}}\nc\n{{/if}}\n")]
        [('text', 'a\n'), ('open', 'if b'), ('text', 'c\n'), ('close', 'if'), ('text', '')]
    """
    marks = list(_scan(source, first_line))
    _strip_lines(marks)
    _strip_tildes(marks)
    return [Piece(mark.kind, mark.text, mark.line, mark.indent) for mark in marks]


@dataclass(slots=True)
class _Mark:
    kind: PieceKind
    text: str
    line: int
    before: bool = False
    after: bool = False
    indent: str = ""


def _scan(source: str, first_line: int) -> Iterator[_Mark]:
    """Yield text and tags in turn, beginning and ending with text."""
    at, text = 0, ""
    for found in _OPENING.finditer(source):
        if found.start() < at:
            continue
        text += source[at : found.start()]
        at = found.start()
        if found[0].startswith("\\"):
            if text.endswith("\\"):
                at += 1  # an escaped backslash, then a tag
            else:
                text, at = text + "{{", found.end()
                continue
        line = source.count("\n", 0, at) + first_line
        mark, at = _read_tag(source, at, line)
        yield _Mark("text", text, line)
        yield mark
        text = ""
    yield _Mark("text", text + source[at:], source.count("\n", 0, at) + first_line)


def _read_tag(source: str, at: int, line: int) -> tuple[_Mark, int]:
    if source.startswith("{{{{", at):
        raise UntranslatableError("raw blocks ({{{{…}}}}) have no counterpart", line)
    if source.startswith(("{{!--", "{{~!--"), at):
        return _read_comment(source, at, line)
    triple = source.startswith("{{{", at)
    opening, closing = ("{{{", "}}}") if triple else ("{{", "}}")
    end = _find_end(source, at + len(opening), closing)
    if end < 0:
        raise UntranslatableError(f"{opening!r} is not closed", line)
    inside = source[at + len(opening) : end]
    mark = _mark_of(inside, line, triple=triple)
    return mark, end + len(closing)


def _find_end(source: str, at: int, closing: str) -> int:
    """Return where a tag ends, past braces inside strings; -1 where it does not."""
    quote = ""
    while at < len(source):
        character = source[at]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif source.startswith(closing, at):
            return at
        at += 1
    return -1


def _read_comment(source: str, at: int, line: int) -> tuple[_Mark, int]:
    end = re.compile(r"--(~?)\}\}").search(source, at)
    if end is None:
        raise UntranslatableError("a comment is not closed", line)
    mark = _Mark("comment", "", line, before=source.startswith("{{~", at), after=bool(end[1]))
    return mark, end.end()


def _mark_of(inside: str, line: int, *, triple: bool) -> _Mark:
    before, after = inside.startswith("~"), inside.endswith("~")
    content = inside.removeprefix("~").removesuffix("~").strip()
    if triple or not content:
        return _Mark("value", content, line, before, after)
    if content[0] == "&":
        return _Mark("value", content[1:].strip(), line, before, after)
    if content[0] in _SIGIL:
        kind = _SIGIL[content[0]]
        rest = content[1:].strip()
        if kind == "inverse" and not rest:
            kind = "else"
        return _Mark(kind, "" if kind == "comment" else rest, line, before, after)
    found = _ELSE.match(content)
    if found:
        return _Mark("else", content[found.end() :].strip(), line, before, after)
    return _Mark("value", content, line, before, after)


def _strip_lines(marks: list[_Mark]) -> None:
    """Take the line away from tags that stand alone on it, as decided on the source before any of it is gone."""
    texts = [mark.text for mark in marks]
    for index in range(1, len(marks), 2):
        if marks[index].kind not in _ALONE:
            continue
        before, after = texts[index - 1], texts[index + 1]
        blank = re.search(r"(?:\n|\A)([ \t]*)\Z" if index == 1 else r"\n([ \t]*)\Z", before)
        rest = re.match(r"[ \t]*(?:\n|\Z)" if index == len(marks) - 2 else r"[ \t]*\n", after)
        if blank is None or rest is None:
            continue
        if blank[1]:
            marks[index - 1].text = marks[index - 1].text.removesuffix(blank[1])
        marks[index].indent = blank[1]
        cut = marks[index + 1]
        cut.text = cut.text[rest.end() :]


def _strip_tildes(marks: list[_Mark]) -> None:
    for index in range(1, len(marks), 2):
        if marks[index].before:
            marks[index - 1].text = marks[index - 1].text.rstrip()
        if marks[index].after:
            marks[index + 1].text = marks[index + 1].text.lstrip()
