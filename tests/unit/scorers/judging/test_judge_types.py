"""What each type asks, and what the answers come to."""

from __future__ import annotations

import math

import pytest

from promptship.domain import Response, Step, TokenLogprob, Vote
from promptship.errors import BadRequestError, ScorerError, ScorerSetupError, ServerError
from promptship.scorers import list_scorers
from promptship.scorers._judging.combining import average_precision

PASSAGES = [{"id": "1", "text": "The tent left on Monday."}, {"id": "2", "text": "Our shop is blue."}]


def asked(model):
    """Return the last user message of each call."""
    return [request.messages[-1].text for request in model.calls]


def by_text(said, **verdicts):
    """Answer with the verdict of the first word that the user message holds."""

    def answer(request):
        text = "\n".join(message.text for message in request.messages)
        return said(next(verdict for word, verdict in verdicts.items() if word in text))

    return answer


# --- rubric


def test_each_criterion_is_asked_by_itself_and_weighed(bench, judged, said):
    model = bench.answers(by_text(said, kind=2, sum="no"))
    value = {
        "criteria": [
            {"name": "tone", "text": "Is kind.", "weight": 3, "anchors": {0: "a", 1: "b", 2: "c"}},
            "Names a sum.",
        ]
    }
    score = bench.score("llm-rubric", judged(), value=value)
    assert len(model.calls) == 2
    assert score.value == pytest.approx(0.75)
    assert [vote.category for vote in score.votes] == ["2", "no"]
    assert "Names a sum." not in model.calls[0].messages[0].text
    assert model.calls[0].output_schema["properties"]["verdict"] == {"type": "integer", "enum": [0, 1, 2]}
    assert model.calls[0].params == {"temperature": 0}


def test_a_failing_rubric_says_why_in_the_judges_words(bench, judged, said):
    bench.answers([said("no", "No sum is named. Hence no.")])
    score = bench.score("llm-rubric", judged("Perhaps."), value="Names the sum.")
    assert (score.passed, score.reason) == (False, "No sum is named. Hence no.")


def test_the_expected_answer_is_a_reference_unless_switched_off(bench, judged, said):
    model = bench.answers([said("yes")])
    bench.score("llm-rubric", judged(expected="Yes, 30 EUR."), value="Is right.")
    bench.score("llm-rubric", judged(expected="Yes, 30 EUR."), value="Is right.", reference="none")
    assert ["Yes, 30 EUR." in text for text in asked(model)] == [True, False]


def test_a_reference_is_written_where_the_case_has_none(bench, judged, said):
    model = bench.answers(lambda request: said("yes") if request.output_schema else "You get 30 EUR.")
    bench.score("llm-rubric", judged(), value=["Is right.", "Is kind."], reference="generate")
    assert len(model.calls) == 3
    assert all("You get 30 EUR." in text for text in asked(model)[1:])
    with pytest.raises(ScorerSetupError, match="the case has no `expected`"):
        bench.score("llm-rubric", judged(), value="Is right.", reference="expected")


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("I'm sorry, but I can't help with that request.", "refusal"),
        (" \n", "empty"),
        (Response(text="You get 30", finish_reason="length"), "truncated"),
        (Response(text="", finish_reason="content_filter"), "filtered"),
    ],
)
def test_what_is_no_answer_does_not_stand_for_a_good_one(bench, judged, said, written, kind):
    model = bench.answers(lambda request: said("yes") if request.output_schema else written)
    score = bench.score("llm-rubric", judged(), value=["Is right.", "Is kind."], reference="generate")
    assert (score.value, score.category) == (None, "unscored")
    assert [(vote.criterion, vote.category) for vote in score.votes] == [("reference", kind)]
    assert f"reference: no usable verdict ({kind})" in score.reason
    assert len(model.calls) == 1


def test_a_judge_that_may_be_unsure_abstains(bench, judged, said):
    bench.answers([said("unsure")])
    score = bench.score("llm-rubric", judged(), value="Is right.", unsure=True)
    assert (score.value, score.passed, score.category) == (None, None, "abstain")


@pytest.mark.parametrize(("level", "passed"), [(0, False), (1, False), (2, None), (3, True), (4, True)])
def test_between_low_and_high_the_judge_abstains(bench, judged, said, level, passed):
    bench.answers([said(level)])
    value = {"criteria": [{"text": "Is kind.", "anchors": dict.fromkeys(range(5), "x")}]}
    score = bench.score("llm-rubric", judged(), value=value, low=0.25, high=0.75)
    assert (score.passed, score.value) == (passed, level / 4)
    assert score.category == ("abstain" if passed is None else str(level))


def test_not_inverts_a_judge_but_never_its_silence(bench, judged, said):
    bench.answers([said("yes")])
    assert bench.score("not-llm-rubric", judged(), value="Is rude.").passed is False
    bench.answers(["?"])
    assert bench.score("not-llm-rubric", judged(), value="Is rude.").passed is None


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"value": []}, "the rubric has 0 criteria"),
        ({"value": [{"name": "a"}]}, "a criterion is {'name': 'a'}; expected a text"),
        ({"value": ["A b.", "a B!"]}, "two criteria are called 'a-b'"),
        ({"value": [{"text": "x", "anchors": {"0": "a"}}]}, "expected 2 to 11"),
        ({"value": [{"text": "x", "anchors": {"0": "a", "-1": "b"}}]}, "the anchor '-1'"),
        ({"value": [{"text": "x", "anchors": {"0": "a", "1": ""}}]}, "does not say what 1 means"),
        ({"value": [{"text": "x", "wieght": 2}]}, "did you mean 'weight'"),
        ({"value": [{"text": "x", "weight": 0}]}, "has the weight 0"),
        ({}, "needs a `value`"),
        ({"value": "x", "form": "xml"}, "form is 'xml'; expected one of auto, json, choice"),
        ({"value": "x", "low": 0.5}, "low and high are 0.5 and None"),
        ({"value": "x", "low": 0.5, "high": 0.7, "threshold": 0.5}, "write one or both"),
        ({"value": "x", "judge": 3}, "judge is 3"),
        ({"value": "x", "prompt": "judges/none"}, "there is no prompt 'judges/none' in the project"),
        ({"value": "x", "rationale": True}, "rationale is True"),
    ],
)
def test_what_is_wrong_with_a_judge_is_said_at_set_up(bench, written, message):
    bench.answers(["x"])
    with pytest.raises(ScorerSetupError, match=r"evalsets/a.yaml:7: scorer 'llm-rubric'") as caught:
        bench.build("llm-rubric", **written)
    assert message in str(caught.value)


def test_a_failure_of_the_model_is_an_error_and_no_vote(bench, judged):
    bench.answers([ServerError("down", status=500)])
    with pytest.raises(ServerError):
        bench.score("llm-rubric", judged(), value=["a", "b"])


def test_closed_qa_asks_for_one_criterion(bench, judged, said):
    model = bench.answers([said("yes")])
    assert bench.score("model-graded-closedqa", judged("In 1815."), value="Names a year.").passed is True
    assert "Criterion: Names a year." in model.calls[0].messages[0].text


# --- ready made


def test_a_summary_is_rated_by_four_criteria(bench, judged, said):
    model = bench.answers(by_text(said, **{"Criterion: The summary states nothing": 0, "Criterion: The summary": 2}))
    score = bench.score("summary", judged("Short.", inputs={"text": "A long text."}))
    assert len(model.calls) == 4
    assert score.value == pytest.approx(4 / 7)
    assert "A long text." in asked(model)[0]
    with pytest.raises(ScorerSetupError, match="holds the source text"):
        bench.score("translation", judged("Kurz.", inputs={}))


def test_a_translation_may_have_a_rubric_of_its_own(bench, judged, said):
    model = bench.answers([said("yes")])
    bench.score("translation", judged("Hallo"), value="Keeps the form of address.")
    assert len(model.calls) == 1


HISTORY = [
    {"role": "user", "content": "My order is 7."},
    {"role": "assistant", "content": "Thank you."},
    {"role": "user", "content": "Where is it?"},
]


def test_each_reply_of_a_conversation_is_judged_with_what_came_before(bench, judged, said):
    model = bench.answers(lambda request: said("no" if "I like tea." in request.messages[-1].text else "yes"))
    score = bench.score("conversation-relevance", judged("I like tea.", inputs={"history": HISTORY}))
    assert [vote.criterion for vote in score.votes] == ["message-2", "message-4"]
    assert (score.value, score.passed) == (0.5, True)
    assert "Where is it?" not in asked(model)[0]
    assert "[3] user:\nWhere is it?" in asked(model)[1]


@pytest.mark.parametrize("kind", ["conversation-completeness", "conversation-memory"])
def test_a_conversation_is_judged_as_a_whole(bench, judged, said, kind):
    model = bench.answers([said(1)])
    assert bench.score(kind, judged("It left.", inputs={"history": HISTORY})).value == 0.5
    assert "[4] assistant:\nIt left." in asked(model)[0]


def test_a_role_has_to_be_named(bench, judged, said):
    model = bench.answers([said(2)])
    assert bench.score("conversation-role", judged(), value="A pirate.").passed
    assert "A pirate." in model.calls[0].messages[0].text
    with pytest.raises(ScorerSetupError, match="value is 3"):
        bench.build("conversation-role", value=3)


def test_a_goal_comes_from_the_scorer_or_the_case(bench, judged, said):
    model = bench.answers([said("yes")])
    assert bench.score("goal-success", judged(expected="Get the money back.")).passed
    assert "Goal: Get the money back." in model.calls[0].messages[0].text
    with pytest.raises(ScorerSetupError, match="there is no goal"):
        bench.score("goal-success", judged())


@pytest.mark.parametrize("kind", ["trajectory-goal", "trajectory:goal-success"])
def test_a_trajectory_is_judged_by_its_steps(bench, judged, said, kind):
    model = bench.answers([said("no", "The refund failed. Hence no.", ["no such order"])])
    steps = (Step(kind="tool", name="refund", input={"order": 7}, error="no such order"),)
    score = bench.score(kind, judged("Refunded!", output={"steps": steps}), value="Refund order 7.")
    assert score.passed is False
    assert '[1] tool refund\n  input: {"order":7}\n  error: no such order' in asked(model)[0]


# --- facts and passages


@pytest.mark.parametrize(
    ("verdict", "scores", "value"),
    [("same", {}, 1), ("disagree", {}, 0), ("subset", {}, 1), ("subset", {"subset": 0.4}, 0.4), ("superset", {}, 1)],
)
def test_factuality_is_one_of_five_verdicts(bench, judged, said, verdict, scores, value):
    bench.answers([said(verdict)])
    score = bench.score("factuality", judged(expected="30 EUR."), scores=scores)
    assert (score.value, score.category) == (value, verdict)


def test_factuality_needs_a_reference(bench, judged, said):
    bench.answers([said("same")])
    assert bench.score("model-graded-factuality", judged(), value="30 EUR.").passed
    with pytest.raises(ScorerSetupError, match="there is no reference"):
        bench.score("factuality", judged())
    with pytest.raises(ScorerSetupError, match="gives 'same' the value 2"):
        bench.build("factuality", scores={"same": 2})


def test_sql_is_compared_under_its_schema(bench, judged, said):
    model = bench.answers([said("different")])
    item = judged("SELECT id FROM orders", expected="SELECT id FROM orders WHERE paid")
    score = bench.score("sql-equivalence", item, schema="CREATE TABLE orders (id INT, paid BOOL)")
    assert (score.passed, score.category) == (False, "different")
    assert "CREATE TABLE orders" in model.calls[0].messages[0].text


def test_every_sentence_of_an_answer_is_held_against_the_passages(bench, judged, said):
    model = bench.answers(
        lambda request: said("not_stated" if request.messages[-1].text.count("Friday") == 2 else "supported")
    )
    item = judged("It left on Monday. It comes on Friday!", output={"contexts": tuple(PASSAGES)})
    score = bench.score("context-faithfulness", item)
    assert score.value == 0.5
    assert [vote.criterion for vote in score.votes] == ["1: It left on Monday.", "2: It comes on Friday!"]
    assert len(model.calls) == 2


def test_quotes_of_context_types_come_from_the_passages(bench, judged, said):
    bench.answers([said("supported", evidence=["left on Monday"])])
    item = judged("It left on Monday.", output={"contexts": tuple(PASSAGES)})
    assert bench.score("context-faithfulness", item).passed
    bench.answers([said("supported", evidence=["left on Tuesday"])])
    assert bench.score("context-faithfulness", item).value is None


def test_an_answer_without_a_statement_fails_with_not_and_without(bench, judged, said):
    bench.answers([said("supported")])
    item = judged("…", output={"contexts": tuple(PASSAGES)})
    for kind in ("context-faithfulness", "not-context-faithfulness"):
        score = bench.score(kind, item)
        assert (score.passed, score.category) == (False, "unjudged")


def test_without_passages_there_is_nothing_to_judge_by(bench, judged, said):
    bench.answers([said("supported")])
    with pytest.raises(ScorerError, match="has no passages"):
        bench.score("context-faithfulness", judged())


def test_recall_looks_for_the_expected_answer_in_the_passages(bench, judged, said):
    model = bench.answers([said("supported"), said("contradicted")])
    item = judged("x", expected="It left on Monday. The shop is red.", contexts=tuple(PASSAGES))
    assert bench.score("context-recall", item).value == 0.5
    assert "The shop is red." in asked(model)[1]
    with pytest.raises(ScorerSetupError, match="compares with the case's `expected`"):
        bench.score("context-recall", judged(contexts=tuple(PASSAGES)))


def test_relevance_is_the_share_of_passages_that_help(bench, judged, said):
    bench.answers([said("yes"), said("no")])
    assert bench.score("context-relevance", judged(contexts=tuple(PASSAGES))).value == 0.5


@pytest.mark.parametrize(
    ("useful", "value"),
    [("110", 1.0), ("011", (1 / 2 + 2 / 3) / 2), ("101", (1 + 2 / 3) / 2), ("000", 0.0), ("001", 1 / 3)],
)
def test_precision_counts_the_order_of_passages(useful, value):
    votes = [Vote(criterion=str(place), value=float(one)) for place, one in enumerate(useful)]
    assert average_precision(votes).value == pytest.approx(value)


# --- g-eval


def token(text, *top):
    return TokenLogprob(token=text, logprob=math.log(dict(top)[text]), top=tuple((t, math.log(p)) for t, p in top))


def test_a_rating_is_the_expectation_over_the_probabilities_of_its_token(bench, judged):
    spread = token("4", ("4", 0.5), ("5", 0.25), (" 5", 0.15), ("The", 0.1))
    model = bench.answers([Response(text="4", logprobs=(token(" ", (" ", 1.0)), spread))])
    score = bench.score("g-eval", judged(), value="Is kind.")
    assert score.value == pytest.approx((0.5 * 0.75 + 0.4 * 1.0) / 0.9)
    assert (score.definition, score.votes[0].category) == ("g-eval[logprobs]", "4")
    assert score.confidence == pytest.approx(0.5 / 0.9)
    assert model.calls[0].params["top_logprobs"] == 20


def test_without_probabilities_samples_are_averaged_and_the_road_is_named(bench, judged):
    model = bench.answers(lambda request: "4" if request.repeat % 2 else "2")
    scorer = bench.build("g-eval", value="Is kind.", samples=4)
    score = bench.wait(scorer, judged())
    assert (score.value, score.definition) == (0.5, "g-eval[samples-4]")
    assert len(model.calls) == 5
    assert [request.repeat for request in model.calls[1:]] == [0, 1, 2, 3]
    assert model.calls[1].params["temperature"] == 1.0
    bench.wait(scorer, judged())
    assert len(model.calls) == 9, "the road that is known not to work was tried again"


def test_a_provider_that_refuses_to_give_probabilities_is_sampled(bench, judged):
    def answer(request):
        return BadRequestError("logprobs are not supported", status=400) if "logprobs" in request.params else "3"

    bench.answers(answer)
    assert bench.score("g-eval", judged(), value="Is kind.", samples=2).definition == "g-eval[samples-2]"


def test_a_stated_road_without_probabilities_is_an_error_and_no_raw_number(bench, judged):
    bench.answers(["5"])
    with pytest.raises(ScorerSetupError, match="gives no probabilities"):
        bench.score("g-eval", judged(), value="Is kind.", road="logprobs")


def test_a_local_model_rates_by_the_likelihood_of_each_number(bench, judged):
    bench.provider = "local"
    chances = {"1": 0.1, "2": 0.1, "3": 0.2, "4": 0.2, "5": 0.4}
    model = bench.answers([Response(text="5", choice_logprobs={k: math.log(v) for k, v in chances.items()})])
    score = bench.score("g-eval", judged(), value="Is kind.")
    assert score.value == pytest.approx(0.1 * 0.25 + 0.2 * 0.5 + 0.2 * 0.75 + 0.4)
    assert score.definition == "g-eval[choices]"
    assert model.calls[0].choices == ("1", "2", "3", "4", "5")


@pytest.mark.parametrize("raw", ["10/10", "7", "", "I would say 4", '{"score": 5}'])
def test_a_rating_off_the_scale_is_unscored(bench, judged, raw):
    bench.answers([Response(text=raw, logprobs=(token("4", ("4", 1.0)),))])
    score = bench.score("g-eval", judged(), value="Is kind.")
    assert (score.value, score.category) == (None, "unscored")


def test_samples_of_which_most_are_no_rating_are_unscored(bench, judged):
    bench.answers(lambda request: "4" if request.repeat == 0 else "well")
    score = bench.score("g-eval", judged(), value="Is kind.", samples=3, road="samples")
    assert (score.value, [vote.value for vote in score.votes]) == (None, [0.75, None, None])


def test_anchors_of_two_digits_are_sampled(bench, judged):
    bench.answers(["10"])
    value = {"criteria": [{"text": "Is kind.", "anchors": {0: "a", 10: "b"}}]}
    assert bench.score("g-eval", judged(), value=value, samples=2).definition == "g-eval[samples-2]"
    with pytest.raises(ScorerSetupError, match="two tokens"):
        bench.build("g-eval", value=value, road="logprobs")


# --- relevance


def test_an_answer_is_as_relevant_as_the_questions_that_it_answers(bench, judged, said):
    model = bench.answers(lambda request: said("no") if request.output_schema else "Do I get money back?\nSure.")
    score = bench.score("answer-relevance", judged(), questions=2)
    assert score.value == pytest.approx(1.0)
    assert [vote.criterion for vote in score.votes] == ["evasive", "question-1", "question-2"]
    assert sorted(request.repeat for request in model.calls) == [0, 0, 1]


def test_an_evasive_answer_is_not_relevant(bench, judged, said):
    bench.answers(lambda request: said("yes") if request.output_schema else "Do I get money back?")
    score = bench.score("answer-relevance", judged("I do not know."))
    assert (score.value, score.passed) == (0.0, False)


def test_a_question_that_was_not_written_leaves_it_unscored(bench, judged, said):
    bench.answers(lambda request: said("no") if request.output_schema else " \n")
    assert bench.score("answer-relevance", judged()).value is None


# --- all


def test_every_type_of_the_issue_is_there():
    types = {info.type for info in list_scorers()}
    assert types >= {
        "llm-rubric", "g-eval", "factuality", "model-graded-factuality", "model-graded-closedqa", "closed-qa",
        "answer-relevance", "context-faithfulness", "context-recall", "context-relevance", "context-precision",
        "summary", "translation", "sql-equivalence", "conversation-relevance", "goal-success", "trajectory-goal",
        "pairwise", "select-best", "panel", "cascade",
    }  # fmt: skip
