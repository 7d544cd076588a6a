from __future__ import annotations

import csv
import io
import re
import unicodedata
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from promptship.report import (
    escape_ci_log,
    escape_csv,
    escape_html,
    escape_markdown,
    escape_terminal,
    escape_xml,
    fence_markdown,
)

HOSTILE = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("<>&\"'`*_[]()#@!|~:=+-\\\n\r\t\x00\x1b\x7f\x9b\u202e\u2028\u2066\ud800\ufeff\uff1d"),
    ),
    max_size=80,
)
BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


class Tags(HTMLParser):
    """Collects what a parser takes for markup, and the text that remains."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(HOSTILE)
@example("\x1b]0;title\x07")
@example("a\u202eb")
@example("\U000e0041")
def test_nothing_printed_can_command_a_terminal(text: str) -> None:
    safe = escape_terminal(text)
    assert all(unicodedata.category(char) not in {"Cc", "Cs"} for char in safe if char != "\n")
    assert not BIDI & set(safe)


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs"])))
def test_ordinary_text_is_printed_unchanged(text: str) -> None:
    assert escape_terminal(text) == text


def test_a_windows_line_end_is_no_hidden_character() -> None:
    assert escape_terminal("one\r\ntwo\rthree") == "one\ntwo\nthree"


@given(st.text(alphabet=st.sampled_from(":# \nav[so]teamciy\x1b0;m"), max_size=60))
@example("  ::error::x")
@example("\x1b[31m::error::x")
@example("x ##[error]y")
@example("##VSO[task.setvariable]")
def test_no_line_of_a_log_commands_the_ci_system(text: str) -> None:
    for line in escape_ci_log(text).split("\n"):
        assert not re.sub(r"\x1b\[[0-9;]*m", "", line).strip().startswith("::")
        assert not re.search(r"##(\[|vso\[|teamcity\[)", line, re.IGNORECASE)


@given(HOSTILE)
@example("# title")
@example("1. item")
@example("a | b")
@example("<img src=x onerror=alert(1)>")
@example("[x](javascript:alert(1))")
@example("- - -")
@example("    code")
@example("&lt;")
def test_markdown_shows_the_text_and_no_markup(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(f"x {escape_markdown(text)}")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    shown = "".join(child.content for child in children).replace("\u2060", "").removeprefix("x")
    assert shown.split() == escape_terminal(text).replace("\u2060", "").split()


def test_markdown_mentions_and_issue_references_are_broken() -> None:
    assert "@octocat" not in escape_markdown("@octocat")
    assert "#12" not in escape_markdown("#12")


@given(HOSTILE)
@example("```\n# out\n````")
def test_a_markdown_fence_cannot_be_closed_from_inside(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(fence_markdown(text))
    assert [token.type for token in tokens] == ["fence"]


@given(HOSTILE)
def test_no_csv_cell_is_a_formula_and_every_cell_reads_back(text: str) -> None:
    cell = escape_csv(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow([cell, "end"])
    buffer.seek(0)
    assert next(csv.reader(buffer)) == [cell, "end"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1dcmd"])
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert escape_csv(text) == "'" + text


@given(HOSTILE)
@example("\ufffe\uffff\x0b\x00")
def test_xml_is_well_formed_whatever_the_text(text: str) -> None:
    safe = escape_xml(text)
    parsed = ET.fromstring(f'<a b="{safe}">{safe}</a>')
    assert len(parsed) == 0
    assert (parsed.text or "") == parsed.get("b")


@given(st.text(st.one_of(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), st.sampled_from("\t\n\r<>&\"']"))))
@example("]]>")
@example("\r\n")
def test_xml_gives_back_what_it_can_hold(text: str) -> None:
    safe = escape_xml(text)
    assert ET.fromstring(f'<a b="{safe}"/>').get("b") == text


@given(HOSTILE)
@example("</script><script>alert(1)</script>")
@example("\" onmouseover='alert(1)")
def test_html_shows_the_text_and_no_markup(text: str) -> None:
    parser = Tags()
    safe = escape_html(text)
    parser.feed(f'<p title="{safe}">{safe}</p>')
    parser.close()
    assert [tag for tag, _ in parser.tags] == ["p"]
    assert [name for name, _ in parser.tags[0][1]] == ["title"]
    assert parser.text == parser.tags[0][1][0][1]
