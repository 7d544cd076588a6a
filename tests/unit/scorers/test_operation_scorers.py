"""Scorers of money, time and certainty."""

from __future__ import annotations

import math

import pytest

from promptship.domain import Output
from promptship.scorers import score


@pytest.mark.parametrize(
    ("kind", "output", "threshold", "measure", "unit", "passed"),
    [
        ("cost", {"cost_usd": 0.001}, 0.001, 0.001, "USD", True),
        ("cost", {"cost_usd": 0.0011}, 0.001, 0.0011, "USD", False),
        ("cost", {"cost_usd": 0.0}, 0, 0, "USD", True),
        ("latency", {"latency_s": 0.2}, 200, 200, "ms", True),
        ("latency", {"latency_s": 0.2, "provenance": "cached"}, 199, 200, "ms", False),
        ("perplexity", {"logprob_mean": math.log(0.5)}, 2, 2, "", True),
        ("perplexity", {"logprob_mean": math.log(0.5)}, 1.9, 2, "", False),
        ("perplexity", {"logprob_mean": -1e6}, 10, math.inf, "", False),
    ],
)
def test_figures_are_at_most_their_threshold(kind, output, threshold, measure, unit, passed):
    found = score(kind, Output(text="", **output), threshold=threshold)
    assert (found.passed, found.value, found.unit) == (passed, float(passed), unit)
    assert found.measure == pytest.approx(measure)
    assert score(f"not-{kind}", Output(text="", **output), threshold=threshold).passed is not passed


def test_without_a_threshold_a_figure_is_only_measured():
    found = score("cost", Output(text="", cost_usd=0.5))
    assert (found.passed, found.value, found.measure) == (None, None, 0.5)


@pytest.mark.parametrize("kind", ["cost", "perplexity", "perplexity-score", "not-cost", "not-perplexity"])
def test_an_unknown_figure_abstains(kind):
    found = score(kind, "Paris", threshold=0.5)
    assert (found.passed, found.value) == (None, None)
    assert found.reason


def test_perplexity_score_is_one_over_one_plus_perplexity():
    found = score("perplexity-score", Output(text="", logprob_mean=math.log(0.25)), threshold=0.2)
    assert (found.value, found.measure, found.passed) == (pytest.approx(1 / 5), pytest.approx(4), True)
    assert score("perplexity-score", Output(text="", logprob_mean=-1e9), threshold=0).value == 0
    assert score("perplexity-score", Output(text="", logprob_mean=0.0)).passed is None


@pytest.mark.parametrize(
    ("value", "reason", "passed"),
    [("stop", "stop", True), ("STOP", "stop", True), ("length", "stop", False), (["stop", "length"], "length", True)],
)
def test_finish_reason(value, reason, passed):
    assert score("finish-reason", Output(text="", finish_reason=reason), value=value).passed is passed
    assert score("finish-reason", Output(text="", finish_reason=reason), expected=value).passed is passed
