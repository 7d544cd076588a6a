"""Answers of judges that are no verdict are unscored, and never a zero; those that are mended count."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from promptship.domain import Response

TEXT = "We refund 30 EUR within a week. Sincerely, Nordwind."

# What models have been seen to write where a verdict was asked for, in our own words.
BAD = {
    "prose": ("The reply is clear and kind, I would say it meets the criterion.", "prose"),
    "prose around an object": ('Sure! {"evidence": [], "rationale": "ok", "verdict": "yes"} Anything else?', "prose"),
    "half an object": ('{"evidence": [], "rationale": "It names', "broken-json"),
    "two objects": (
        '{"evidence": [], "rationale": "a", "verdict": "no"}\n{"evidence": [], "rationale": "b", "verdict": "yes"}',
        "broken-json",
    ),
    "empty": ("", "empty"),
    "blank": (" \n ", "empty"),
    "refusal": ("I'm sorry, but I can't help with that.", "refusal"),
    "Spanish refusal": ("Lo siento, no puedo ayudar con eso.", "refusal"),
    "nested verdict": ('{"result": {"evidence": [], "rationale": "fine", "verdict": "yes"}}', "wrong-shape"),
    "second verdict nested": (
        '{"evidence": [], "rationale": "x", "verdict": "no", "final": {"verdict": "yes"}}',
        "wrong-shape",
    ),
    "second verdict": ('{"evidence": [], "rationale": "x", "verdict": "no", "verdict": "yes"}', "repeated-key"),
    "second score": ('{"evidence": [], "rationale": "x", "verdict": "yes", "score": 10}', "wrong-shape"),
    "off the scale": ('{"evidence": [], "rationale": "x", "verdict": "maybe"}', "off-scale"),
    "a number for a word": ('{"evidence": [], "rationale": "x", "verdict": 1}', "off-scale"),
    "true for a word": ('{"evidence": [], "rationale": "x", "verdict": true}', "off-scale"),
    "null": ('{"evidence": [], "rationale": "x", "verdict": null}', "off-scale"),
    "NaN": ('{"evidence": [], "rationale": "x", "verdict": NaN}', "off-scale"),
    "no reasons": ('{"evidence": [], "rationale": "  ", "verdict": "yes"}', "wrong-shape"),
    "no quotes": ('{"rationale": "x", "verdict": "yes"}', "wrong-shape"),
    "quotes that are no list": ('{"evidence": "We refund", "rationale": "x", "verdict": "yes"}', "wrong-shape"),
    "an invented quote": (
        '{"evidence": ["We refund 300 EUR"], "rationale": "It names a sum.", "verdict": "yes"}',
        "invented-quote",
    ),
    "an empty list's brackets": ("[]", "prose"),
    "reasons against the verdict": (
        '{"evidence": [], "rationale": "No date is named. Hence no.", "verdict": "yes"}',
        "contradiction",
    ),
    "reasons against the verdict in words": (
        '{"evidence": [], "rationale": "It is vague and does not fully meet the criterion.", "verdict": "yes"}',
        "contradiction",
    ),
    "a nest": ("[" * 100_000, "prose"),
    "a nested nest": ('{"a":' * 10_000, "broken-json"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_given_twice_is_unscored_and_kept(bench, judged, name):
    raw, kind = BAD[name]
    model = bench.answers([raw])
    score = bench.score("llm-rubric", judged(TEXT), value="Names the sum.")
    assert (score.value, score.passed, score.category) == (None, None, "unscored")
    assert [(vote.value, vote.category) for vote in score.votes] == [(None, kind)]
    assert score.votes[0].raw.startswith(raw[:1000])
    assert kind in score.reason
    assert len(model.calls) == 2


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_repaired_once(bench, judged, said, name):
    model = bench.answers([BAD[name][0], said("yes", "It names 30 EUR. Hence yes.", ["30 EUR"])])
    score = bench.score("llm-rubric", judged(TEXT), value="Names the sum.")
    assert (score.value, score.passed) == (1.0, True)
    assert len(model.calls) == 2
    last = model.calls[1].messages
    assert [message.role for message in last] == ["system", "user", "assistant", "user"]
    assert last[-1].text.startswith("That cannot be used: ")
    told = last[-1].text.partition("\n\n")[2]
    assert told.startswith("Answer with one JSON object")
    assert told in last[0].text


OTHERS = ("closed-qa", "goal-success", "summary", "translation", "pairwise", "g-eval")
# Their scale is one of numbers, where 1 is a verdict.
RATED = {"summary", "translation"}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in OTHERS for name in BAD if kind not in RATED or name != "a number for a word"],
)
def test_a_bad_answer_is_no_verdict_of_any_judge(bench, judged, name, kind):
    bench.answers([BAD[name][0]])
    value = "Names the sum." if kind in {"closed-qa", "goal-success", "g-eval"} else None
    item = judged(TEXT, inputs={"mail": "Where is my money?"}, expected="We are looking into it.")
    score = bench.score(kind, item, value=value)
    assert (score.value, score.passed, score.category) == (None, None, "unscored")
    assert all(vote.value is None for vote in score.votes)


@pytest.mark.parametrize(("reason", "kind"), [("length", "truncated"), ("content_filter", "filtered")])
def test_an_answer_that_was_not_ended_by_the_model_is_no_verdict(bench, judged, said, reason, kind):
    bench.answers([Response(text=said("yes"), finish_reason=reason)])
    score = bench.score("llm-rubric", judged(TEXT), value="Names the sum.")
    assert (score.value, score.votes[0].category) == (None, kind)


@pytest.mark.parametrize("verdict", [11, -1, 0.5, "4/5", "10/10", 3.5, "five", [4], {"score": 4}])
def test_a_number_off_the_scale_is_unscored(bench, judged, said, verdict):
    bench.answers([said(verdict)])
    value = {"criteria": [{"name": "tone", "text": "Is kind.", "anchors": {n: f"level {n}" for n in range(1, 6)}}]}
    score = bench.score("llm-rubric", judged(TEXT), value=value)
    assert (score.value, score.votes[0].category) == (None, "off-scale")


@pytest.mark.parametrize(("verdict", "value"), [(1, 0.0), ("2", 0.25), (5, 1.0), (5.0, 1.0)])
def test_a_number_on_the_scale_is_worth_its_place(bench, judged, said, verdict, value):
    bench.answers([said(verdict)])
    anchors = {n: f"level {n}" for n in range(1, 6)}
    score = bench.score("llm-rubric", judged(TEXT), value={"criteria": [{"text": "Is kind.", "anchors": anchors}]})
    assert score.value == value


@pytest.mark.parametrize(
    "raw",
    [
        '```json\n{"evidence": [], "rationale": "ok", "verdict": "yes"}\n```',
        '<think>Maybe {"verdict": "no"}?</think>\n{"evidence": [], "rationale": "ok", "verdict": "Yes."}',
        '{"evidence": ["\\u201cwe  REFUND 30 EUR ... nordwind\\u201d"], "rationale": "ok", "verdict": "yes"}',
        '{"evidence": [], "rationale": "A verdict of no would need a missing sum. Hence yes.", "verdict": "yes"}',
    ],
)
def test_what_says_the_same_in_another_form_is_a_verdict(bench, judged, raw):
    model = bench.answers([raw])
    assert bench.score("llm-rubric", judged(TEXT), value="Names the sum.").passed is True
    assert len(model.calls) == 1


def test_one_criterion_without_a_verdict_leaves_the_whole_unscored(bench, judged, said):
    bench.answers(lambda request: said("yes") if "Is polite" in request.messages[0].text else "No idea.")
    score = bench.score("llm-rubric", judged(TEXT), value=["Is polite.", "Names the sum."])
    assert (score.value, score.passed, score.category) == (None, None, "unscored")
    assert score.reason == "names-the-sum: no usable verdict (prose)"
    assert [vote.value for vote in score.votes] == [1.0, None]


def test_a_text_that_no_one_can_send_is_judged_all_the_same(bench, judged, said):
    model = bench.answers([said("yes")])
    assert bench.score("llm-rubric", judged("Half a pair: \ud800"), value="Is brief.").passed
    assert "Half a pair: ?" in model.calls[0].messages[1].text


# What SmolLM2-135M-Instruct (Apache-2.0) wrote when it was asked by `llm-rubric` with `form: json`, unedited.
RECORDED = json.loads((Path(__file__).parent / "recorded_answers.json").read_text())


@pytest.mark.parametrize("kind", ["llm-rubric", "closed-qa", "goal-success", "summary"])
@pytest.mark.parametrize("row", RECORDED, ids=range(len(RECORDED)))
def test_what_a_small_model_wrote_instead_of_a_verdict_is_none(bench, judged, row, kind):
    bench.answers([Response(text=row["raw"], finish_reason=row["finish_reason"])])
    value = None if kind == "summary" else "Names a sum."
    score = bench.score(kind, judged(row["text"], inputs={"mail": "Where is my money?"}), value=value)
    assert (score.value, score.passed, score.category) == (None, None, "unscored")
    assert {vote.category for vote in score.votes} <= {"prose", "truncated"}


def test_a_reader_that_takes_the_first_object_it_finds_would_have_been_fooled():
    found = [re.search(r"\{.*?\}", row["raw"]) for row in RECORDED]
    assert "yes" in [json.loads(one[0])["verdict"] for one in found if one]
