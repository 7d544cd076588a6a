"""Scorers of XML and HTML."""

from __future__ import annotations

import pytest

from promptship.scorers import UNJUDGED, score


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("<root><child>Content</child></root>", True),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><r>ü</r>\n', True),
        ("<root><child>Content</child></root", False),
        ("<a/><b/>", False),
        ("text <a/>", False),
        ("", False),
        ("<a>\ud800</a>", False),
        ('<!DOCTYPE r [<!ENTITY a "x">]><r>&a;</r>', False),
        ('<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>', False),
        ("<a>" * 1000 + "</a>" * 1000, False),
    ],
)
def test_is_xml_takes_one_well_formed_document(text, passed):
    assert score("is-xml", text).passed is passed
    assert score("not-is-xml", text).passed is not passed


@pytest.mark.parametrize(
    ("paths", "text", "passed"),
    [
        (["analysis.color"], "<analysis><color>Red</color></analysis>", True),
        (["analysis.color", "analysis.size"], "<analysis><color>Red</color></analysis>", False),
        (["root.parent.child"], "<root><parent/><parent><child/></parent></root>", True),
        (["child"], "<root><child/></root>", False),
        (["r.c"], '<r xmlns="urn:x" xmlns:y="urn:y"><y:c/></r>', True),
    ],
)
def test_required_elements_are_paths_from_the_root(paths, text, passed):
    value = {"requiredElements": paths}
    assert score("is-xml", text, value=value).passed is passed
    assert score("contains-xml", f"Sure: {text} Bye!", value=value).passed is passed


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("Sure: <r><c>1</c></r> bye", True),
        ("a < b <r/>", True),
        ("<br> and <r>x</r>", True),
        ("<div>open", False),
        ("<a><b></a></b>", False),
        ("no", False),
        ("", False),
        ("a < b > c", False),
    ],
)
def test_contains_xml_finds_a_whole_element(text, passed):
    assert score("contains-xml", text).passed is passed


def test_contains_xml_gives_up_on_tags_that_never_close():
    for kind in ("contains-xml", "not-contains-xml"):
        found = score(kind, "<a>" * 300_000)
        assert (found.passed, found.category) == (False, UNJUDGED)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("<!DOCTYPE html><html><head><title>a < b</title></head><body><p>x</body></html>", ""),
        ("<div>Content</div>", ""),
        ("<h1>Title</h1>\n<p>Paragraph</p>", ""),
        ('<img src="test.jpg" />', ""),
        ("<ul><li>a<li>b</ul>", ""),
        ("<svg viewBox='0 0 1 1'><path d='M0 0'/></svg>", ""),
        ("<my-card>x</my-card>", ""),
        ("<script>if (a < b) { x = '<div>' }</script>", ""),
        ("<!-- hi --><p>x</p>", ""),
        ("<p title='a > b'>x</p>", ""),
        ("Just text", "text stands outside"),
        ("Text before <div>HTML</div> text after", "text stands outside"),
        ("<div>a</div> and <div>b</div>", "text stands outside"),
        ('<?xml version="1.0"?><root>x</root>', "begins no tag"),
        ("<root>x</root>", "<root> is no element of HTML"),
        ("<div>Unclosed <b>x</b>", "<div> is not closed"),
        ("<b><i>x</b></i>", "</b> stands where <i> is open"),
        ("<div/>", "the slash means nothing"),
        ("</div>", "</div> closes nothing"),
        ("<p>a</br></p>", "</br> closes nothing"),
        ("<!-- open <p>x</p>", "a comment is not closed"),
        ("<p>a < b</p>", "a tag is broken"),
        ("<!-- only -->", "holds no element"),
        ("", "is empty"),
    ],
)
def test_is_html_says_what_is_wrong(text, wrong):
    found = score("is-html", text)
    assert found.passed is not bool(wrong)
    assert wrong in found.reason


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("Press <b>Start</b>.", True),
        ("line<br>line", True),
        ("<!DOCTYPE html>", True),
        ("<thing>x &amp; y</thing>", True),
        ("<x a='1'>", True),
        ("Tom &amp; Ann <!-- note -->", True),
        ("a < b and c > d", False),
        ("<example>", False),
        ("write to <ann@example.com>", False),
        ("AT&amp;T", False),
        ("", False),
    ],
)
def test_contains_html_needs_a_tag_of_html_or_two_signs(text, passed):
    assert score("contains-html", text).passed is passed
