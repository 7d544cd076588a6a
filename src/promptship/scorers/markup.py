"""Scorers for answers that should be XML or HTML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from promptship.errors import MissingExtraError, ScorerSetupError
from promptship.scorers._criterion import (
    PASSED,
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    UnjudgedError,
    fail,
    show,
    text_of,
)
from promptship.scorers._html import find_html, find_html_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from promptship.domain import Score, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

_ELEMENT = re.compile(r"<[A-Za-z_]")
_UP_TO_TAG_END = re.compile(r"[^>]*+>")
_MOST_CHARACTERS = 20_000_000
_MOST_TAGS = 100_000


class _Xml(Criterion):
    """The output is XML, or XML stands in it, with the required elements."""

    def __init__(self, required: tuple[str, ...], *, whole: bool) -> None:
        self._required = required
        self._whole = whole
        self._etree = _import_etree()

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        text = text_of(item.output)
        return self._score_whole(text) if self._whole else self._score_parts(text)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        wanted = f" with {', '.join(self._required)}" if self._required else ""
        return f"{'parse as' if self._whole else 'contain'} XML{wanted}"

    def _score_whole(self, text: str) -> Score:
        # Bytes in an encoding we state: the library refuses text whose declaration names another.
        try:
            root = self._etree.fromstring(text.strip().encode(), self._parser())
        except (self._etree.XMLSyntaxError, UnicodeEncodeError) as error:
            return fail(f"is not XML: {error}" if text.strip() else "is empty, not XML")
        if root is None or root.getroottree().docinfo.internalDTD is not None:
            return fail("has a document type definition, which is not read")
        missing = self._missing(root)
        return fail(f"has no element {missing!r}") if missing else PASSED

    def _score_parts(self, text: str) -> Score:
        missing: str | None = None
        for root in self._find_parts(text):
            absent = self._missing(root)
            if absent is None:
                return PASSED
            missing = missing or absent
        return fail(f"no XML in it has the element {missing!r}" if missing else "contains no XML")

    def _find_parts(self, text: str) -> Iterator[Any]:
        """Yield the root of every well-formed element; what stands in one is not looked at again."""
        characters = tags = 0
        start = _ELEMENT.search(text)
        while start and text.find(">", start.end()) >= 0:
            root, end, read = self._read_part(text, start.start())
            if root is not None:
                yield root
            characters, tags = characters + end - start.start(), tags + read
            if characters > _MOST_CHARACTERS or tags > _MOST_TAGS:
                raise UnjudgedError("the output opens too many tags to look for XML in it")
            start = _ELEMENT.search(text, end if root is not None else start.end())

    def _read_part(self, text: str, start: int) -> tuple[Any, int, int]:
        """Read one element; return it, or None, where reading ended, and how many tags were read."""
        parser = self._etree.XMLPullParser(events=("start", "end"), **_PARSER)
        # The parser guesses the encoding from the first bytes, and waits for more where there are few.
        parser.feed(b"<?xml version='1.0'?>")
        depth = tags = 0
        end = start
        for tags, piece in enumerate(_UP_TO_TAG_END.finditer(text, start), start=1):
            end = piece.end()
            try:
                parser.feed(piece[0].encode())
                for event, element in parser.read_events():
                    depth += 1 if event == "start" else -1
                    if depth == 0:
                        return element, end, tags
            except (self._etree.XMLSyntaxError, UnicodeEncodeError):
                break
        return None, end, tags

    def _missing(self, root: Any) -> str | None:
        return next((path for path in self._required if not _has(root, path.split("."))), None)

    def _parser(self) -> Any:
        return self._etree.XMLParser(encoding="utf-8", **_PARSER)


_PARSER: dict[str, Any] = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
"""An answer is hostile: nothing is fetched, no entity is expanded, depth and size are bounded by the library."""


def _has(root: Any, path: list[str]) -> bool:
    if _local_name(root) != path[0]:
        return False
    level = [root]
    for name in path[1:]:
        level = [child for element in level for child in element if _local_name(child) == name]
    return bool(level)


def _local_name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""


def _import_etree() -> Any:
    try:
        from lxml import etree
    except ImportError:
        raise MissingExtraError("lxml", extra="eval", needed_for="reading XML") from None
    return etree


def _read_required(spec: ScorerSpec) -> tuple[str, ...]:
    if not spec.has_value:
        return ()
    required = spec.value.get("requiredElements") if isinstance(spec.value, dict) and len(spec.value) == 1 else None
    if not isinstance(required, list) or not required or not all(isinstance(path, str) and path for path in required):
        raise ScorerSetupError(
            f"the value is {show(spec.value)}; expected {{requiredElements: [root.child, …]}}",
            hint="each element is a path of names from the root, joined by dots",
        )
    return tuple(map(str, required))


def _build_is_xml(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    return _Xml(_read_required(spec), whole=True)


def _build_contains_xml(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    return _Xml(_read_required(spec), whole=False)


class _Html(Criterion):
    """The output is HTML, or HTML stands in it."""

    def __init__(self, find_error: Callable[[str], str | None], verb: str) -> None:
        self._find_error = find_error
        self._verb = verb

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        wrong = self._find_error(text_of(item.output))
        return PASSED if wrong is None else fail(wrong)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return f"{self._verb} HTML"


def _build_is_html(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del spec, context
    return _Html(find_html_error, "read as")


def _build_contains_html(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del spec, context
    return _Html(lambda text: None if find_html(text) else "contains no HTML", "contain")


_REQUIRED = "{requiredElements: [root.child, …]}: paths from the root"
_IS_XML = ScorerInfo(
    type="is-xml",
    summary="The output is one well-formed XML document, with the required elements.",
    value=_REQUIRED,
    value_is="optional",
    deviation="Documents with a document type definition fail, since one can make a parser read files. Prefixes of"
    " name spaces are left out of paths.",
    examples=(
        ScorerExample(
            scorer={"type": "is-xml", "value": {"requiredElements": ["order.id"]}},
            passes="<order><id>7</id></order>",
            fails="<order><nr>7</nr></order>",
        ),
    ),
)
_CONTAINS_XML = ScorerInfo(
    type="contains-xml",
    summary="A well-formed XML element stands somewhere in the output, with the required elements in it.",
    value=_REQUIRED + " of the element found",
    value_is="optional",
    examples=(
        ScorerExample(scorer={"type": "contains-xml"}, passes="Here: <id>7</id>, done.", fails="Here: <id>7, done."),
    ),
)
_IS_HTML = ScorerInfo(
    type="is-html",
    summary="The output is an HTML document, or HTML elements with no text beside them.",
    deviation="Tags are checked, not rules about what may stand in what. Elements that HTML does not know fail, so that"
    " XML is not taken for it, and text outside of all elements does.",
    examples=(
        ScorerExample(scorer={"type": "is-html"}, passes="<h1>Hi</h1><p>Welcome<br>back</p>", fails="Hi <b>you</b>"),
    ),
)
_CONTAINS_HTML = ScorerInfo(
    type="contains-html",
    summary="HTML stands somewhere in the output: a tag that HTML has, or two other signs of it.",
    examples=(ScorerExample(scorer={"type": "contains-html"}, passes="Press <b>Start</b>.", fails="a < b, b > c"),),
)

SCORERS: Mapping[str, ScorerFactory] = {
    "is-xml": ScorerFactory(info=_IS_XML, build=_build_is_xml),
    "contains-xml": ScorerFactory(info=_CONTAINS_XML, build=_build_contains_xml),
    "is-html": ScorerFactory(info=_IS_HTML, build=_build_is_html),
    "contains-html": ScorerFactory(info=_CONTAINS_HTML, build=_build_contains_html),
}
