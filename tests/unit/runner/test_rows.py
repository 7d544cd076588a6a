"""Rows of a run's files: nothing is lost on the way, little is written, and a line that is not whole is none."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runner_kit import make_case

from promptship.domain import CellError, Output, Score, Step, Usage, VersionUsed, Vote
from promptship.runner._codec import (
    decode_case,
    decode_error,
    decode_output,
    decode_scores,
    dump_row,
    encode_case,
    encode_error,
    encode_output,
    encode_scores,
    parse_row,
)

counts = st.integers(min_value=0, max_value=2**40)
figures = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=20)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | figures | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, jsons, max_size=3)
usages = st.builds(Usage, prompt_tokens=counts, completion_tokens=counts, cached_tokens=counts)
steps = st.builds(
    Step,
    kind=st.sampled_from(["model", "tool", "retrieval"]),
    name=texts,
    input=jsons,
    output=jsons,
    error=st.none() | texts,
    usage=st.none() | usages,
    latency_s=st.none() | figures,
)
outputs = st.builds(
    Output,
    text=texts | st.sampled_from(['{"a": 1}', "1", "true", "1.0", "[]", "null"]),
    data=jsons | st.sampled_from([{"a": 1}, 1, True, 1.0, []]),
    messages=st.lists(objects, max_size=2).map(tuple),
    steps=st.lists(steps, max_size=2).map(tuple),
    contexts=st.lists(objects, max_size=2).map(tuple),
    versions=st.lists(st.builds(VersionUsed, name=texts, digest=texts), max_size=2).map(tuple),
    usage=usages,
    cost_usd=st.none() | st.floats(min_value=0, max_value=1e6),
    latency_s=st.integers(min_value=0, max_value=10**9).map(lambda micros: micros / 1e6),
    finish_reason=st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    served_model=texts,
    provenance=st.sampled_from(["called", "cached", "replayed", "stored"]),
    calls=counts,
    cached_calls=counts,
    logprob_mean=st.none() | figures,
    choice_logprobs=st.dictionaries(texts, figures, max_size=3),
)
votes = st.builds(
    Vote,
    criterion=texts,
    value=st.none() | st.floats(min_value=0, max_value=1),
    category=st.none() | texts,
    confidence=st.none() | figures,
    raw=texts,
)
scores = st.builds(
    Score,
    value=st.none() | st.floats(min_value=0, max_value=1),
    passed=st.none() | st.booleans(),
    reason=texts,
    measure=st.none() | figures,
    unit=texts,
    category=st.none() | texts,
    confidence=st.none() | figures,
    cost_usd=st.floats(min_value=0, max_value=10),
    definition=texts,
    judge=texts,
    votes=st.lists(votes, max_size=3).map(tuple),
)


def _there_and_back(row: dict[str, Any]) -> dict[str, Any]:
    line = dump_row(row)
    assert line.count(b"\n") == 1
    parsed = parse_row(line)
    assert parsed is not None
    return parsed


def _same_types(left: Any, right: Any) -> bool:
    """Whether both are the same JSON; in Python True == 1 == 1.0."""
    return dump_row({"": left}) == dump_row({"": right})


@settings(deadline=None)
@given(outputs)
def test_an_output_comes_back_as_it_was(output: Output) -> None:
    found = decode_output(_there_and_back(encode_output(output)))
    assert found == output
    assert _same_types(found.data, output.data)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), scores), st.lists(st.sampled_from("abcd"), unique=True))
def test_scores_come_back_as_they_were(given_scores: dict[str, Score], names: list[str]) -> None:
    row = _there_and_back(encode_scores("passed", given_scores, names, None))
    assert decode_scores(row, names) == given_scores


def test_a_score_that_no_judge_gave_has_no_keys_of_judges() -> None:
    row = encode_scores("failed", {"a": Score(value=0.5, passed=False, reason="half")}, ["a"], None)
    assert row["s"] == [{"v": 0.5, "p": False, "r": "half"}]


@settings(deadline=None)
@given(texts, st.text(max_size=300), texts)
def test_an_error_comes_back_as_it_was(kind: str, message: str, scorer: str) -> None:
    error = CellError(kind=kind, message=message, scorer=scorer)
    assert decode_error(_there_and_back(encode_error(error))) == error


def test_a_case_comes_back_with_its_place() -> None:
    case = make_case(1)
    facts = decode_case(_there_and_back(encode_case(case)))
    assert (facts.id, facts.inputs, facts.expected) == (case.id, case.inputs, case.expected)
    assert (facts.tags, facts.cluster, facts.place) == (case.tags, case.cluster, "evalsets/sums.jsonl:2")


@settings(deadline=None)
@given(outputs, st.data())
def test_a_line_that_is_not_whole_is_no_row(output: Output, data: st.DataObject) -> None:
    line = dump_row({"k": [0, 0, 0], "w": 1, "o": encode_output(output)})
    cut = data.draw(st.integers(min_value=0, max_value=len(line) - 1))
    assert parse_row(line[:cut]) is None


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"1\n", b"\0\0\0\n", b"{]\n", b'{"k":[0,0,0]}'])
def test_what_is_no_object_on_a_line_is_no_row(line: bytes) -> None:
    assert parse_row(line) is None


def test_defaults_take_no_room() -> None:
    passed = Score(value=1.0, passed=True)
    row = encode_scores("passed", dict.fromkeys("abcd", passed), "abcd", None)
    assert dump_row({"k": [19999, 0, 0], **row}) == b'{"k":[19999,0,0],"r":"p","s":[1,1,1,1]}\n'
    assert dump_row(encode_output(Output(text="hi", latency_s=0.5))) == b'{"t":"hi","l":0.5}\n'


def test_every_field_of_output_and_score_is_tried_above() -> None:
    """A field added to the domain must not be dropped in silence."""
    assert len(fields(Output)) == 16
    assert len(fields(Score)) == 11
    assert len(fields(Vote)) == 5
