"""Whether text is HTML, in one pass and in time linear in its length.

Conforming parsers build a tree and take minutes over what a model in a loop can write in 50,000 characters; this reads
tags alone.
"""

from __future__ import annotations

import re

from promptship.errors import did_you_mean

__all__ = ["find_html", "find_html_error"]

_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)(?:\s[^\"'<>]*+(?:(?:\"[^\"]*+\"|'[^']*+')[^\"'<>]*+)*+|/)?+/?+>"
)
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_MAY_STAY_OPEN = frozenset(
    {"html", "head", "body", "p", "li", "dt", "dd", "option", "optgroup", "thead", "tbody", "tfoot", "tr", "td", "th"}
    | {"colgroup", "caption", "rt", "rp"}
)
_RAW = frozenset({"script", "style", "textarea", "title"})
_FOREIGN = frozenset({"svg", "math"})
_KNOWN = (
    _VOID
    | _MAY_STAY_OPEN
    | _RAW
    | _FOREIGN
    | frozenset(
        re.findall(
            r"\w+",
            """a abbr address article aside audio b bdi bdo blockquote button canvas center cite code data datalist del
            details dfn dialog div dl em fieldset figcaption figure font footer form h1 h2 h3 h4 h5 h6 header hgroup i
            iframe ins kbd label legend main map mark menu meter nav noscript object ol output picture pre progress q
            ruby s samp search section select slot small span strike strong sub summary sup table template time tt u ul
            var video""",
        )
    )
)
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_ATTRIBUTE = re.compile(r"\s[a-zA-Z-]{1,64}\s?=\s?(?:\"[^\"<>]*+\"|'[^'<>]*+')")
_LOOSE_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9-]*+)(?:\s[^<>]*+)?/?>")
_ENOUGH = 2


def find_html(text: str) -> bool:
    """Tell whether HTML stands somewhere in the text.

    A tag of an element that HTML has, or a doctype, is enough; else two of: some other tag, an entity, an attribute, a
    comment.

    Example:
        >>> find_html("Press <b>Start</b>."), find_html("a < b and b > c")
        (True, False)
    """
    names = {match[1].lower() for match in _LOOSE_TAG.finditer(text)}
    if names & _KNOWN or "<!doctype html" in text.lower():
        return True
    comment = text.find("<!--")
    clues = [names, _ENTITY.search(text), _ATTRIBUTE.search(text), comment >= 0 and text.find("-->", comment) >= 0]
    return sum(map(bool, clues)) >= _ENOUGH


def find_html_error(text: str) -> str | None:
    """Say why text is not HTML as a whole: a document, or elements with nothing beside them.

    Elements have to be closed, but for those whose end tag HTML makes optional, and to be known to HTML, custom ones
    (with a hyphen) and the content of `svg` and `math` excepted.

    Returns:
        What is wrong first; None where nothing is.

    Example:
        >>> find_html_error("<ul><li>one<li>two</ul>")
        >>> find_html_error("<div><b>one</b>")
        '<div> is not closed'
    """
    text = text.strip()
    if not text.startswith("<") or not text.endswith(">"):
        return "text stands outside of all elements" if text else "is empty"
    return _Reader(text).read()


class _Reader:
    """Reads tags from left to right and keeps the names of open elements."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[str] = []
        self._elements = 0

    def read(self) -> str | None:
        """Return the first error."""
        while self._at < len(self._text):
            wrong = self._read_markup() if self._text[self._at] == "<" else self._read_text()
            if wrong:
                return wrong
        unclosed = [name for name in self._open if name not in _MAY_STAY_OPEN]
        if unclosed:
            return f"<{unclosed[-1][:40]}> is not closed"
        return None if self._elements else "holds no element"

    def _read_text(self) -> str | None:
        end = self._text.find("<", self._at)
        outside = not self._open and not self._text[self._at : end].isspace()
        self._at = end if end >= 0 else len(self._text)
        return "text stands outside of all elements" if outside else None

    def _read_markup(self) -> str | None:
        text, at = self._text, self._at
        if text.startswith("<!--", at):
            return self._skip("-->", at + len("<!--"), "a comment is not closed")
        if text[at : at + 9].lower() == "<!doctype":
            return self._skip(">", at, "the doctype is not closed")
        match = _TAG.match(text, at)
        if match is None:
            return (
                "the first character after a '<' begins no tag" if text[at + 1 : at + 2] in "?!" else "a tag is broken"
            )
        self._at = match.end()
        name = match["name"].lower()
        return self._close(name) if match["end"] else self._begin(name, closed=match[0].endswith("/>"))

    def _skip(self, end: str, start: int, otherwise: str) -> str | None:
        found = self._text.find(end, start)
        self._at = found + len(end)
        return otherwise if found < 0 else None

    def _begin(self, name: str, *, closed: bool) -> str | None:
        foreign = not _FOREIGN.isdisjoint(self._open[-1:]) or (bool(self._open) and self._open[-1].startswith("svg:"))
        if foreign:
            name = f"svg:{name}"
        elif name not in _KNOWN and "-" not in name:
            return f"<{name[:40]}> is no element of HTML{did_you_mean(name[:40], _KNOWN)}"
        self._elements += 1
        if name in _VOID or (closed and (foreign or name in _FOREIGN)):
            return None
        if closed:
            return f"<{name[:40]}/> is not closed: the slash means nothing in HTML"
        self._open.append(name)
        if name in _RAW:
            end = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(self._text, self._at)
            self._at = end.start() if end else len(self._text)
        return None

    def _close(self, name: str) -> str | None:
        if name in _VOID:
            return f"</{name}> closes nothing"
        while self._open:
            last = self._open.pop()
            if last.removeprefix("svg:") == name:
                return None
            if last not in _MAY_STAY_OPEN:
                return f"</{name[:40]}> stands where <{last[:40]}> is open"
        return f"</{name[:40]}> closes nothing"
