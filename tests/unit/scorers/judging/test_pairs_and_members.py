"""Pairs in both orders, panels and cascades, and what is made anew of their votes."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.domain import Vote
from promptship.errors import ScorerSetupError, ServerError
from promptship.scorers import measure_order_bias, panel_votes
from promptship.scorers._judging.members import reduce_votes

OURS, THEIRS = "It leaves on Monday.", "No idea."


def prefers(said, text):
    """A judge that prefers the answer with this text, wherever it stands."""

    def answer(request):
        shown = request.messages[-1].text
        return said("first" if shown.index(text) < shown.index("The second answer:") else "second")

    return answer


# --- pairs


@pytest.mark.parametrize(("better", "value", "word"), [(OURS, 1.0, "better"), (THEIRS, 0.0, "worse")])
def test_the_answer_that_both_orders_prefer_wins(bench, judged, said, better, value, word):
    model = bench.answers(prefers(said, better))
    score = bench.score("pairwise", judged(OURS, expected=THEIRS))
    assert (score.value, score.passed, score.category) == (value, bool(value), word)
    assert len(model.calls) == 2
    shown = [request.messages[-1].text for request in model.calls]
    assert [text.index(OURS) < text.index(THEIRS) for text in shown] == [True, False]


@pytest.mark.parametrize("place", ["first", "second"])
def test_a_judge_that_prefers_a_place_abstains_and_is_counted(bench, judged, said, place):
    bench.answers([said(place)])
    item = judged(OURS, expected=THEIRS)
    score = bench.score("pairwise", item)
    assert (score.value, score.passed, score.category) == (None, None, "abstain")
    assert score.reason == f"the judge prefers the answer shown {place} in both orders"
    tie = bench.score("pairwise", item, disagreement="tie")
    assert (tie.value, tie.category) == (0.5, "tie")
    bias = measure_order_bias([score, tie])
    assert (bias.pairs, bias.consistency, bias.towards_first) == (2, 0.0, 1.0 if place == "first" else -1.0)


def test_a_pair_without_a_verdict_in_one_order_is_unscored(bench, judged, said):
    bench.answers([said("first"), "hm", "hm"])
    score = bench.score("pairwise", judged(OURS, expected=THEIRS))
    assert (score.value, score.category) == (None, "unscored")
    assert measure_order_bias([score]).consistency is None


def test_ties_are_offered_where_they_are_wanted(bench, judged, said):
    bench.answers([said("tie")])
    item = judged(OURS, expected=THEIRS)
    assert bench.score("pairwise", item, ties=True).value == 0.5
    assert bench.score("pairwise", item).value is None
    with pytest.raises(ScorerSetupError, match="compares with another answer"):
        bench.score("pairwise", judged(OURS))


def test_the_best_is_not_beaten_by_any(bench, judged, said):
    bench.answers(prefers(said, OURS))
    candidates = [THEIRS, "Soon, perhaps."]
    best = bench.score("select-best", judged(OURS), candidates=candidates)
    assert (best.value, best.passed, len(best.votes)) == (1.0, True, 4)
    second = bench.score("select-best", judged(THEIRS, references=(OURS, "Soon, perhaps. " + OURS)))
    assert (second.value, second.passed) == (0.0, False)
    assert second.reason == "beaten by candidate 1, 2; It says so."
    with pytest.raises(ScorerSetupError, match="there are 0"):
        bench.score("select-best", judged(OURS))


# --- panels


def panel(bench, said, *verdicts, **written):
    for number, verdict in enumerate(verdicts):
        bench.answers([verdict if verdict == "?" else said(verdict)], f"m{number}")
    members = [
        {"type": "llm-rubric", "name": f"j{n}", "judge": f"m{n}", "value": "Is kind.", "unsure": True, "weight": n + 1}
        for n in range(len(verdicts))
    ]
    return bench.build("panel", scorers=members, **written)


@pytest.mark.parametrize(
    ("verdicts", "reducer", "value", "passed"),
    [
        (("yes", "yes", "no"), "mean", 0.5, True),
        (("no", "no", "yes"), "median", 0.5, True),
        (("yes", "yes", "yes"), "unanimous", 1.0, True),
        (("no", "no", "no"), "unanimous", 0.0, False),
        (("yes", "yes", "no"), "unanimous", 0.5, None),
        (("yes", "yes", "?"), "unanimous", 1.0, None),
        (("yes", "yes", "no"), "majority", 0.5, None),
        (("no", "yes", "yes"), "majority", 5 / 6, True),
        (("yes", "?", "no"), "majority", 0.25, None),
        (("unsure", "?", "no"), "majority", 0.0, None),
        (("unsure", "no", "no"), "majority", 0.0, False),
        (("yes", "yes", "?"), "mean", None, None),
        (("?", "?", "?"), "majority", None, None),
    ],
)
def test_a_panel_reduces_the_votes_of_its_members(bench, judged, said, verdicts, reducer, value, passed):
    score = bench.wait(panel(bench, said, *verdicts, reducer=reducer), judged())
    assert score.passed is passed
    assert score.value == (value if value is None else pytest.approx(value))
    assert [vote.criterion for vote in score.votes] == [name for n in range(3) for name in (f"j{n}", f"j{n} / is-kind")]


def asked_alike(bench, said, *verdicts, **written):
    """A panel whose members have no weight of their own."""
    for number, verdict in enumerate(verdicts):
        bench.answers([verdict if verdict == "?" else said(verdict)], f"m{number}")
    members = [
        {"type": "llm-rubric", "name": f"j{n}", "judge": f"m{n}", "value": "Is kind.", "unsure": True}
        for n in range(len(verdicts))
    ]
    return bench.build("panel", scorers=members, **written)


@pytest.mark.parametrize("reducer", ["mean", "median", "majority", "unanimous"])
def test_weights_in_one_place_are_the_weights_of_the_members(bench, judged, said, reducer):
    verdicts = ("no", "yes", "yes")
    apart = panel(bench, said, *verdicts, reducer=reducer)
    together = asked_alike(bench, said, *verdicts, reducer=reducer, weights={"j2": 3, "j0": 1, "j1": 2})
    one, other = bench.wait(apart, judged()), bench.wait(together, judged())
    assert (one.value, one.passed) == (other.value, other.passed)
    assert apart.judge == together.judge


@pytest.mark.parametrize("reducer", ["mean", "median", "majority", "unanimous"])
def test_a_member_of_weight_zero_is_recorded_and_does_not_count(bench, judged, said, reducer):
    alone = asked_alike(bench, said, "no", "yes", "?", reducer=reducer, weights={"j0": 0, "j1": 1, "j2": 0})
    score = bench.wait(alone, judged())
    assert (score.value, score.passed) == (1.0, True)
    assert [vote.category for vote in panel_votes(score)] == ["fail", "pass", "unscored"]


def test_the_votes_of_members_are_told_from_those_that_they_were_made_of(bench, judged, said):
    score = bench.wait(panel(bench, said, "yes", "no", "unsure"), judged())
    assert [(vote.criterion, vote.category) for vote in panel_votes(score)] == [
        ("j0", "pass"), ("j1", "fail"), ("j2", "abstain")
    ]  # fmt: skip
    assert panel_votes(bench.wait(cascade(bench, said, "yes", "no"), judged())) == ()


def test_a_panel_keeps_what_each_judge_wrote(bench, judged, said):
    score = bench.wait(panel(bench, said, "yes", "?"), judged())
    assert score.reason == "no verdict of j1"
    assert score.votes[3].raw.startswith("?")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0.1, 5)), min_size=2, max_size=7))
def test_a_weighted_median_has_at_most_half_of_the_weight_on_either_side(rows):
    votes = [Vote(criterion=str(n), value=value) for n, (value, _) in enumerate(rows)]
    weights = [weight for _, weight in rows]
    median = reduce_votes(votes, weights, "median").value
    half = sum(weights) / 2 + 1e-9
    assert sum(weight for value, weight in rows if value < median) <= half
    assert sum(weight for value, weight in rows if value > median) <= half


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"scorers": ["icontains"]}, "a list of at least two"),
        ({"scorers": ["icontains", "icontains"]}, "two members are called 'icontains'"),
        ({"scorers": ["icontains", {"type": "perplexity", "name": "p"}]}, "only measures"),
        ({"scorers": ["icontains", "contains"], "reducer": "vote"}, "reducer is 'vote'"),
        ({"scorers": ["icontains", "contains"], "reducer": "majority", "threshold": 0.5}, "takes no threshold"),
        ({"scorers": ["icontains", "contanis"]}, "did you mean 'contains'"),
        ({"scorers": ["icontains", "contains"], "weights": {"icontains": 1}}, "one for each of icontains, contains"),
        ({"scorers": ["icontains", "contains"], "weights": [1, 2]}, "weights are [1, 2]"),
        ({"scorers": ["icontains", "contains"], "weights": {"icontains": 0, "contains": 0}}, "nobody decides"),
        ({"scorers": ["icontains", "contains"], "weights": {"icontains": -1, "contains": 1}}, "'icontains' is -1"),
        ({"scorers": ["icontains", "contains"], "weights": {"icontains": True, "contains": 1}}, "is True"),
        (
            {"scorers": [{"type": "icontains", "weight": 2}, "contains"], "weights": {"icontains": 1, "contains": 1}},
            "'icontains' has a `weight`, and the panel has `weights`",
        ),
    ],
)
def test_what_is_wrong_with_a_panel_is_said_at_set_up(bench, written, message):
    with pytest.raises(ScorerSetupError) as caught:
        bench.build("panel", **written)
    assert message in str(caught.value)


def test_members_are_asked_at_once_and_ended_where_one_fails(bench, judged, said):
    slow = bench.answers([said("yes")], "m0", latency_s=5)
    bench.answers([ServerError("down", status=500)], "m1")
    members = [{"type": "llm-rubric", "name": f"j{n}", "judge": f"m{n}", "value": "Is kind."} for n in range(2)]
    scorer = bench.build("panel", scorers=members)

    async def run():
        with pytest.raises(ServerError):
            await scorer.score(judged())

    asyncio.run(asyncio.wait_for(run(), 2))
    assert slow.in_flight == 0


# --- cascades


def cascade(bench, said, *verdicts):
    for number, verdict in enumerate(verdicts):
        bench.answers([said(verdict)], f"m{number}")
    members = [
        {"type": "llm-rubric", "name": f"j{n}", "judge": f"m{n}", "value": "Is kind.", "unsure": True}
        for n in range(len(verdicts))
    ]
    return bench.build("cascade", scorers=members)


@pytest.mark.parametrize(
    ("verdicts", "asked", "passed"),
    [
        (("yes", "no", "no"), 1, True),
        (("unsure", "no", "yes"), 2, False),
        (("unsure", "unsure", "yes"), 3, True),
        (("unsure", "unsure", "unsure"), 3, None),
    ],
)
def test_a_cascade_asks_the_next_judge_only_where_the_cheaper_abstains(bench, judged, said, verdicts, asked, passed):
    score = bench.wait(cascade(bench, said, *verdicts), judged())
    assert [len(model.calls) for model in bench.models.values()] == [1] * asked + [0] * (3 - asked)
    assert (score.passed, score.measure) == (passed, float(asked))
    assert score.definition == f"cascade[j{asked - 1}]"
    assert (score.category == "abstain") == (passed is None)


def test_a_member_of_a_cascade_may_be_any_scorer(bench, judged, said):
    bench.answers([said("yes")])
    members = [
        {"type": "icontains", "value": "refund"},
        {"type": "llm-rubric", "value": "Is kind."},
    ]
    scorer = bench.build("cascade", scorers=members)
    assert bench.wait(scorer, judged("We refund it.")).definition == "cascade[icontains]"


# --- anew


def test_a_score_is_made_anew_under_another_threshold_without_a_call(bench, judged, said):
    model = bench.answers([said(1)])
    value = {"criteria": [{"text": "Is kind.", "anchors": {0: "a", 1: "b", 2: "c"}}]}
    strict = bench.build("llm-rubric", value=value)
    stored = bench.wait(strict, judged())
    assert (stored.value, stored.passed) == (0.5, False)
    mild = bench.build("llm-rubric", value=value, threshold=0.5)
    anew = mild.rescore(stored)
    assert (anew.value, anew.passed, anew.votes) == (0.5, True, stored.votes)
    assert anew.judge == mild.judge != stored.judge
    assert strict.rescore(stored).passed is False
    assert bench.build("not-llm-rubric", value=value, threshold=0.5).rescore(stored).passed is False
    assert len(model.calls) == 1


def test_a_panel_is_reduced_anew_without_a_call(bench, judged, said):
    stored = bench.wait(panel(bench, said, "yes", "yes", "no"), judged())
    calls = [len(model.calls) for model in bench.models.values()]
    members = [
        {"type": "llm-rubric", "name": f"j{n}", "judge": f"m{n}", "value": "Is kind.", "unsure": True} for n in range(3)
    ]
    anew = bench.build("panel", scorers=members, reducer="majority").rescore(stored)
    assert (anew.value, anew.passed) == (pytest.approx(2 / 3), True)
    heavier = bench.build("panel", scorers=members, reducer="majority", weights={"j0": 1, "j1": 0.5, "j2": 3})
    assert heavier.rescore(stored).passed is False
    assert bench.build("panel", scorers=[*members, "icontains"]).rescore(stored) is None
    assert [len(model.calls) for model in bench.models.values()] == calls


def test_a_pair_is_ruled_on_anew_as_a_tie(bench, judged, said):
    bench.answers([said("first")])
    stored = bench.score("pairwise", judged(OURS, expected=THEIRS))
    assert bench.build("pairwise", disagreement="tie").rescore(stored).value == 0.5


def test_a_cascade_that_would_have_to_ask_is_not_made_anew(bench, judged, said):
    stored = bench.wait(cascade(bench, said, "yes", "no"), judged())
    members = [
        {
            "type": "llm-rubric",
            "name": "j0",
            "judge": "m0",
            "value": "Is kind.",
            "unsure": True,
            "low": 0.1,
            "high": 0.9,
        },
        {"type": "llm-rubric", "name": "j1", "judge": "m1", "value": "Is kind.", "unsure": True},
    ]
    assert bench.build("cascade", scorers=members).rescore(stored).passed is True
    split = bench.wait(cascade(bench, said, "unsure", "no"), judged())
    assert bench.build("cascade", scorers=members[::-1]).rescore(stored) is None
    assert bench.build("cascade", scorers=members).rescore(split).passed is False


def test_a_score_without_votes_is_not_made_anew(bench, judged):
    scorer = bench.build("icontains", value="refund")
    assert scorer.rescore(bench.wait(scorer, judged())) is None
    assert scorer.judge == ""


def test_what_a_disagreement_comes_to_is_ruled_on_anew_without_a_call(bench, judged, said):
    model = bench.answers([said("first")])
    abstains, ties = bench.build("pairwise"), bench.build("pairwise", disagreement="tie")
    score = bench.wait(abstains, judged(expected="No."))
    again = ties.rescore(score)
    assert (score.value, score.category, again.value, again.category) == (None, "abstain", 0.5, "tie")
    assert len(model.calls) == 2
    assert abstains.asked == ties.asked
    assert abstains.judge != ties.judge
    assert abstains.asked != bench.build("pairwise", ties=True).asked
