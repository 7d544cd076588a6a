"""Whatever a model wrote, a scorer answers: a score between 0 and 1, soon, and `not-` is its exact opposite."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promptship.domain import Case, Output, ScoreInput, ScorerSpec, Step
from promptship.scorers import UNJUDGED, build_scorer, list_scorers

SCORERS = [
    (info.type, {**info.examples[0].scorer}, info.examples[0].expected)
    for info in list_scorers()
    if info.type != "python" and not info.asks
]
HUGE = {
    "brackets": "[" * 1_000_000,
    "objects": '{"a":' * 50_000,
    "empty lists": "[]" * 100_000,
    "angles": "<" * 300_000,
    "tags": "<a>" * 100_000,
    "open tags": "<a " * 100_000,
    "comments": "<!--" * 60_000,
    "quotes": '<a b="' * 40_000,
    "one word": "y" * 1_000_000,
    "words": "word " * 200_000,
    "fences": "`" * 50_000,
    "backslashes": "\\" * 100_000,
    "surrogates": "\ud800" * 1000,
    "deep lists": "[" * 1000 + "]" * 1000,
    "deep objects": '{"a":' * 1000 + "1" + "}" * 1000,
    "deep calls": '{"function":' * 1000 + "1" + "}" * 1000,
    "entities": '<!DOCTYPE l [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]><r>&b;</r>',
    "zeros": "\x00" * 100_000,
    "parentheses": "select " + "(" * 20_000,
    "digits": "9" * 50_000,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["name", "function", "arguments", "tool_calls", "input", "type", "functionCall", "content"])
CALLS = st.recursive(
    st.none() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
TEXT = (
    st.text(st.characters(exclude_categories=()))
    | st.text(st.sampled_from('<>/abp "=&;!-{}[]:,1`\n'))
    | st.lists(st.sampled_from(["select ", "from ", "t ", "(", ")", ",", "'", "as ", "insert ", "```", "--"])).map(
        "".join
    )
)
STEPS = st.lists(
    st.builds(Step, kind=st.sampled_from(["tool", "model"]), name=st.text(max_size=5), input=CALLS), max_size=3
)
OUTPUTS = st.builds(
    Output,
    text=TEXT,
    data=st.none() | JSON | CALLS,
    messages=st.lists(st.dictionaries(KEYS, CALLS, max_size=3), max_size=2).map(tuple),
    steps=STEPS.map(tuple),
    cost_usd=st.none() | st.floats(0),
    latency_s=st.floats(0, 1e6),
    logprob_mean=st.none() | st.floats(max_value=0),
)


def pair(kind, written, expected):
    """Return a scorer, its opposite and the case for both."""
    written = dict(written)
    written.pop("type")
    value, threshold = written.pop("value", None), written.pop("threshold", None)
    specs = [
        ScorerSpec(
            type=name, name=name, value=value, has_value=value is not None, threshold=threshold, params=dict(written)
        )
        for name in (kind, f"not-{kind}")
    ]
    return (*map(build_scorer, specs), Case(id="c", inputs={}, expected=expected))


def check_pair(scorer, opposite, item):
    found, inverted = scorer.score(item), opposite.score(item)
    assert found.value is None or 0 <= found.value <= 1
    assert len(found.reason) <= 200
    assert len(inverted.reason) <= 200
    found.reason.encode()
    inverted.reason.encode()
    if found.passed is None or found.category == UNJUDGED:
        assert (inverted.value, inverted.passed) == (found.value, found.passed)
    else:
        assert (inverted.value, inverted.passed) == (1 - found.value, not found.passed)
        assert bool(found.reason) is not found.passed
        assert bool(inverted.reason) is found.passed


@pytest.mark.parametrize(("kind", "written", "expected"), SCORERS, ids=[kind for kind, *_ in SCORERS])
def test_no_output_is_too_hostile(kind, written, expected):
    scorer, opposite, case = pair(kind, written, expected)
    for name, text in HUGE.items():
        started = time.process_time()
        check_pair(scorer, opposite, ScoreInput(output=Output(text=text), case=case))
        assert time.process_time() - started < 10, name


@pytest.mark.parametrize(("kind", "written", "expected"), SCORERS, ids=[kind for kind, *_ in SCORERS])
def test_any_output_gets_a_score_and_not_inverts_it_exactly(kind, written, expected):
    scorer, opposite, case = pair(kind, written, expected)

    @settings(max_examples=15, deadline=None)
    @given(OUTPUTS)
    @example(Output(text=""))
    @example(Output(text=None))  # type: ignore[arg-type]  # a target may hand this over
    @example(Output(text="", data=float("nan")))
    def check(output):
        check_pair(scorer, opposite, ScoreInput(output=output, case=case))

    check()
