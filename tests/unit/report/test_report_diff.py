"""Diffs of hostile texts stay inert in every format, and long ones stay comments."""

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from promptship.domain import EvidenceChange, FieldChange, PromptDiff, RenderedGroup
from promptship.prompts import diff_lines, diff_texts
from promptship.report import render_diff_html, render_diff_json, render_diff_markdown, render_diff_terminal

MARKER = "<!-- promptship-diff -->"
ELEMENT = re.compile(r"<([a-z0-9]+)")
HOSTILE = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("<>&\"'`*_[]()#@!|~:=+-\\\n\r\t\x00\x1b\x7f\x9b\u202e\u2028\u2066\ufeff"),
    ),
    max_size=60,
)


def make(before, after, name="p"):
    return PromptDiff(
        name=name,
        baseline="a",
        candidate=after[:20] or "b",
        texts=diff_texts({"template": before}, {"template": after}),
        fields=(FieldChange(name="model.model", before=before, after=after),),
        rendered=(RenderedGroup(case_ids=(before, "c"), lines=diff_lines(before, after)),),
        rendered_cases=2,
        unrenderable=((after, before),),
        evidence=(EvidenceChange(evalset=before, effect="weakened", what=after),),
        notes=(after,),
    )


@settings(deadline=None, max_examples=60)
@given(HOSTILE, HOSTILE)
def test_no_text_becomes_markup_in_markdown(before, after):
    text = render_diff_markdown([make(before, after)])
    assert text.startswith(MARKER)
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    nested = [child for token in tokens for child in token.children or ()]
    assert {token.type for token in nested} <= {"text", "softbreak", "strong_open", "strong_close", "html_inline"}
    raw = [token.content.strip() for token in [*tokens, *nested] if token.type.startswith("html_")]
    allowed = re.compile(r"<!-- promptship-diff -->|</details>|<details( open)?>\s*<summary>[\w ]+</summary>")
    assert all(allowed.fullmatch(one) for one in raw), raw


@settings(deadline=None, max_examples=60)
@given(HOSTILE, HOSTILE)
def test_no_text_becomes_a_control_sequence_or_an_element(before, after):
    diff = make(before, after)
    plain = render_diff_terminal([diff], color=False, width=80)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]", plain)
    painted = render_diff_terminal([diff], color=True, width=80)
    assert set(re.findall(r"\x1b[^m]*m?", painted)) <= {f"\x1b[{code}m" for code in (0, 1, 2, 7, 27, 31, 32)}
    ours = {*ELEMENT.findall(render_diff_html([make("a", "b")]).decode()), "mark"}
    assert set(ELEMENT.findall(render_diff_html([diff]).decode())) <= ours
    json.dumps(render_diff_json([diff]))


@settings(deadline=None)
@given(HOSTILE, HOSTILE)
def test_a_diff_holds_both_texts_and_equal_texts_have_none(before, after):
    assert diff_lines(before, before) == ()
    assert diff_texts({"t": after}, {"t": after}) == ()
    lines = [line for text in diff_texts({"t": before}, {"t": after}) for hunk in text.hunks for line in hunk]
    gone = [line.text for line in lines if line.sign == "-"]
    came = [line.text for line in lines if line.sign == "+"]
    kept = [line.text for line in lines if line.sign == " "]
    assert set(gone) | set(kept) <= set(before.split("\n"))
    assert set(came) | set(kept) <= set(after.split("\n"))
    assert (before == after) == (not gone and not came)
    assert len(after.split("\n")) - len(before.split("\n")) == len(came) - len(gone)


def test_a_comment_that_would_be_too_long_says_what_is_left_out():
    long = "\n".join(f"line {number} " + "x" * 900 for number in range(100))
    text = render_diff_markdown([make("a", long, name=f"p{number}") for number in range(3)])
    assert len(text) < 65_536
    assert "Texts and messages are left out here" in text
    assert text.count("```") % 2 == 0
    many = render_diff_markdown([make("a", "y" * 20_000, name=f"p{number}") for number in range(9)])
    assert len(many) < 65_536
    assert "prompts are left out" in many


def test_no_prompt_is_said():
    assert render_diff_markdown([]) == f"{MARKER}\nNo prompt changed.\n"
