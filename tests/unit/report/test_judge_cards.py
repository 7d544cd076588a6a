"""Cards of judges as text and as a page."""

from __future__ import annotations

import re

import pytest

from promptship.domain import (
    Admission,
    CardFigure,
    CardLabels,
    CardMark,
    CardNull,
    CardProbe,
    CardSlice,
    JudgeCard,
    ReliabilityBin,
)
from promptship.report import render_card_html, render_card_markdown, render_card_terminal

HOSTILE = "<img src=x onerror=alert(1)>|`@everyone`\x1b[31m"


def figure(estimate, low=None, high=None, n=40):
    return CardFigure(estimate=estimate, low=low, high=high, n=n, method="BCa bootstrap")


def make_card(*, admitted=True, name="tone", **fields):
    half = figure(0.5, 0.3, 0.7)
    return JudgeCard(
        **{
            "name": name,
            "judge": "sha256:" + "0" * 64,
            "type": "llm-rubric",
            "model": "default",
            "policy": "Good is polite.",
            "admission": Admission(
                admitted=admitted, kappa_at_least=0.6, reasons=() if admitted else ("kappa is 0.10, below 0.6",)
            ),
            "labels": CardLabels(
                items=50, labels=80, labelled=40, good=25, bad=15, unsure=2, raters=("ada", "bob"),
                sources={"sample": 80}, weighted=False, digest="sha256:1",
            ),
            "counts": {
                "true_good": 20, "false_good": 5, "false_bad": 5, "true_bad": 10, "abstained": 0, "unscored": 0,
            },
            "figures": {"kappa": figure(0.62, 0.4, 0.8), "agreement": figure(0.75, 0.6, 0.86), "auroc": half},
            "human": {"kappa": figure(0.81, 0.7, 0.9)},
            "nulls": (CardNull(name="length", kappa=half, agreement=half, above=figure(0.2, 0.05, 0.35)),),
            "reliability": (ReliabilityBin(score=0.2, good=figure(0.25, 0.05, 0.5, 12)),),
            "probes": (CardProbe(name="injection", what="10/10", flips=half, towards_good=half, shift=half),),
            "slices": (CardSlice(slice="language=de", kappa=figure(None), agreement=half, admitted=False),),
            "marks": (CardMark(case="a", output_digest="sha256:2", human=True, judge=None),),
            **fields,
        }
    )  # fmt: skip


def test_the_headline_says_how_far_the_judge_and_people_agree():
    text = render_card_terminal(make_card(), width=200)

    assert text.splitlines()[0] == (
        "admitted: tone: kappa with people is 0.62 (0.40 to 0.80) on 40 labelled outputs; "
        "people among each other reach 0.81 (0.70 to 0.90)"
    )


def test_a_judge_that_is_not_admitted_says_why_in_every_face():
    card = make_card(admitted=False)

    for text in (render_card_terminal(card, width=100), render_card_markdown(card), render_card_html([card]).decode()):
        assert "not admitted" in text
        assert re.search(r"kappa is 0\\?\.10", text)


def test_a_figure_that_is_not_determined_is_a_dash_and_no_zero():
    row = next(line for line in render_card_terminal(make_card(), width=100).splitlines() if "language=de" in line)

    assert row.split()[1:3] == ["-", "-"]


def test_hostile_names_and_policies_are_escaped_in_every_face():
    card = make_card(name=HOSTILE, policy=HOSTILE, notes=(HOSTILE,))

    assert "<img" not in render_card_html([card]).decode()
    assert "\x1b" not in render_card_terminal(card, width=100)
    markdown = render_card_markdown(card)
    assert "@everyone" not in markdown
    assert "<img" not in markdown.replace("\\<", "")


def test_the_page_runs_no_script_and_draws_intervals_and_the_reliability_curve():
    page = render_card_html([make_card()]).decode()

    assert "<script" not in page
    assert "default-src &#x27;none&#x27;" in page
    assert 'aria-label="kappa: 0.62, from 0.40 to 0.80"' in page
    assert 'aria-label="score 0.20: 25% good"' in page


def test_equal_cards_give_equal_pages():
    assert render_card_html([make_card()]) == render_card_html([make_card()])


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_of_the_terminal_is_wider_than_the_terminal(width):
    lines = render_card_terminal(make_card(), width=width).splitlines()

    assert max(map(len, lines)) <= width
