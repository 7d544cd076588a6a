"""Scorers that measure with a model, by models that are told what to say."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from promptship.domain import Case, Output, ScoreInput, ScorerSpec, TextLikelihood, TokenMatch
from promptship.errors import ScorerSetupError
from promptship.scorers import ScorerContext, build_scorer, list_scorers, score
from promptship.scorers.entailment import cut_windows

VECTORS = {
    "right": [1.0, 0.0],
    "up": [0.0, 1.0],
    "between": [math.sqrt(0.5), math.sqrt(0.5)],
    "left": [-1.0, 0.0],
    "far": [3.0, 4.0],
    "nothing": [0.0, 0.0],
}


@dataclass
class Told:
    """Instruments whose models say what they are told, and remember what they were asked."""

    labels: tuple[str, ...] = ("contradiction", "entailment", "neutral")
    says: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    opened: list = field(default_factory=list)
    identity: str = "told"

    def _open(self, name):
        self.opened.append(name)
        return self

    embedder = classifier = language_model = token_matcher = _open

    async def embed(self, texts):
        self.asked.append(texts)
        return np.array([VECTORS[text] for text in texts], dtype=np.float32)

    async def match(self, pairs):
        self.asked.append(pairs)
        return [TokenMatch(**self.says[pair]) for pair in pairs]

    async def classify(self, items):
        self.asked.append(items)
        rows = [self.says.get(item, self.says.get(item[1], self.says.get("*"))) for item in items]
        return [dict(zip(self.labels, row, strict=True)) for row in rows]

    async def likelihood(self, texts):
        self.asked.append(texts)
        return [self.says[text] for text in texts]


@pytest.mark.parametrize(
    ("kind", "output", "value", "threshold", "passed", "figure", "of_one"),
    [
        ("similar", "right", "right", None, True, 1.0, 1.0),
        ("similar", "between", "right", None, False, math.sqrt(0.5), math.sqrt(0.5)),
        ("similar", "between", "right", 0.7, True, math.sqrt(0.5), math.sqrt(0.5)),
        ("similar:cosine", "left", "right", None, False, -1.0, 0.0),
        ("similar", "far", "right", 0.6, True, 0.6, 0.6),
        ("similar", "nothing", "right", None, False, 0.0, 0.0),
        ("similar", "up", ["right", "up"], None, True, 1.0, 1.0),
        ("similar:dot", "far", "right", None, True, 3.0, 1.0),
        ("similar:dot", "far", "right", 3.5, False, 3.0, 1.0),
        ("similar:euclidean", "right", "right", None, True, 0.0, 1.0),
        ("similar:euclidean", "up", "right", None, False, math.sqrt(2), 1 / (1 + math.sqrt(2))),
        ("similar:euclidean", "up", ["right", "between"], 0.8, True, math.sqrt(2 - math.sqrt(2)), None),
    ],
)
def test_nearness(kind, output, value, threshold, passed, figure, of_one):
    found = score(kind, output, value=value, threshold=threshold, instruments=Told())
    assert (found.passed, found.measure) == (passed, pytest.approx(figure, abs=1e-6))
    assert found.value == pytest.approx(1 / (1 + figure) if of_one is None else of_one, abs=1e-6)
    assert found.definition.endswith("[told]")
    assert found.judge.startswith("sha256:")
    opposite = score(f"not-{kind}", output, value=value, threshold=threshold, instruments=Told())
    assert (opposite.passed, opposite.value) == (not passed, pytest.approx(1 - found.value))


def test_one_call_asks_for_the_output_and_all_references():
    told = Told()
    found = score("similar", "up", expected=["right", "up"], instruments=told, model="some/embedder")
    assert (told.opened, told.asked) == (["some/embedder"], [["up", "right", "up"]])
    assert found.passed


def test_scores_by_other_weights_or_another_threshold_cite_another_judge():
    def judge(threshold=None, **told):
        return score("similar", "up", value="up", threshold=threshold, instruments=Told(**told)).judge

    assert judge() == judge()
    assert len({judge(), judge(identity="other"), judge(threshold=0.9)}) == 3


def test_what_an_output_is_held_against_and_how_labels_are_read_is_part_of_the_judge():
    told = Told(says={"*": (0.1, 0.8, 0.1)}, labels=("contradiction", "entailment", "LABEL_2"))

    def judge(kind, **written):
        return build_scorer(
            ScorerSpec(
                type=kind,
                name="x",
                value=written.pop("value", None),
                has_value=True,
                threshold=written.pop("threshold", None),
                params=written,
            ),
            ScorerContext(instruments=told),
        )

    assert judge("similar", value="up").judge != judge("similar", value="right").judge
    plain, mapped = judge("groundedness", value="a"), judge("groundedness", value="a", labels={"neutral": "LABEL_2"})
    assert len({plain.judge, mapped.judge, judge("groundedness", value="b").judge}) == 3
    stricter = judge("groundedness", value="a", threshold=0.9)
    assert stricter.judge != plain.judge
    assert stricter.asked == plain.asked
    assert len({plain.asked, mapped.asked, judge("groundedness", value="b").asked}) == 3


@pytest.mark.parametrize("kind", ["groundedness", "contradiction"])
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 1.0])
def test_votes_on_sentences_make_the_same_score_anew_under_another_threshold(kind, threshold):
    text, told = "It left. It is red. It is old.", Told(says=SAYS)
    first = score(kind, text, value="x", instruments=told)
    again = build_scorer(
        ScorerSpec(type=kind, name="x", value="x", has_value=True, threshold=threshold),
        ScorerContext(instruments=Told(says=SAYS)),
    )

    assert again.rescore(first) == score(kind, text, value="x", threshold=threshold, instruments=told)


@pytest.mark.parametrize("value", ["", " ", [], ["up", ""], {"a": 1}, True])
def test_nothing_to_compare_with_is_a_mistake_before_anything_is_opened(value):
    told = Told()
    with pytest.raises(ScorerSetupError):
        score("similar", "up", value=value, instruments=told)
    assert told.opened == []


def test_bertscore_takes_the_best_reference_and_the_figure_that_is_written():
    says = {
        ("a", "b"): {"precision": 0.9, "recall": 0.1, "f1": 0.18},
        ("a", "c"): {"precision": 0.8, "recall": 0.8, "f1": 0.8},
    }
    f1 = score("bertscore", "a", value=["b", "c"], instruments=Told(says=says))
    precision = score("bertscore", "a", value=["b", "c"], measure="precision", instruments=Told(says=says))
    assert (f1.value, f1.passed, f1.definition) == (0.8, True, "bertscore-f1[told]")
    assert (precision.value, precision.definition) == (0.9, "bertscore-precision[told]")
    assert f1.judge != precision.judge
    with pytest.raises(ScorerSetupError, match="measure: 'f2'"):
        score("bertscore", "a", value="b", measure="f2", instruments=Told())


# Probabilities of contradiction, entailment and neutral, in the order of `Told.labels`.
SAYS = {"It left.": (0.0, 0.9, 0.1), "It is red.": (0.8, 0.1, 0.1), "It is old.": (0.3, 0.2, 0.5)}


def test_groundedness_is_the_share_of_sentences_that_a_text_entails():
    told = Told(says=SAYS)
    found = score("groundedness", "It left. It is red. It is old.", value="The parcel left.", instruments=told)
    assert (found.passed, found.value, found.measure, found.unit) == (False, pytest.approx(1 / 3), 2, "claims")
    assert found.reason == "contradicted: 'It is red.' and 1 more"
    assert [(vote.criterion, vote.value, vote.category) for vote in found.votes] == [
        ("It left.", 0.9, "entailment"),
        ("It is red.", 0.1, "contradiction"),
        ("It is old.", 0.2, "neutral"),
    ]
    # The text is the premise and the sentence the hypothesis.
    assert told.asked == [[("The parcel left.", claim) for claim in SAYS]]
    assert told.opened == ["cross-encoder/nli-deberta-v3-base"]
    assert score("groundedness", "It left.", value="x", instruments=told).passed
    assert score("groundedness", "It left. It is old.", value="x", threshold=0.5, instruments=told).passed


def test_contradiction_is_found_in_the_worst_sentence():
    told = Told(says=SAYS)
    found = score("contradiction", "It left. It is red. It is old.", value="x", instruments=told)
    assert (found.passed, found.value, found.measure) == (True, 0.8, 1)
    assert found.reason == "contradicted: 'It is red.'"
    assert score("not-contradiction", "It left. It is red.", value="x", instruments=told).passed is False
    assert score("not-contradiction", "It left. It is old.", value="x", instruments=told).passed is True


def test_a_sentence_that_one_text_entails_is_not_contradicted_by_another():
    says = {("about it", "It left."): (0.0, 0.9, 0.1), ("about else", "It left."): (0.9, 0.0, 0.1)}
    found = score("contradiction", "It left.", value=["about else", "about it"], instruments=Told(says=says))
    assert (found.passed, found.value) == (False, 0.0)
    assert score("groundedness", "It left.", value=["about else", "about it"], instruments=Told(says=says)).passed


def test_the_text_is_what_was_retrieved_before_what_the_case_gives():
    retrieved = Output(text="It left.", contexts=({"id": "1", "text": "retrieved"},))
    given = {"contexts": ["given"], "expected": "expected"}
    told = Told(says=SAYS)
    score("groundedness", retrieved, expected="expected", instruments=told)
    score("groundedness", "It left.", **given, instruments=told)
    score("groundedness", "It left.", expected="expected", instruments=told)
    score("groundedness", retrieved, value="written", instruments=told)
    assert [asked[0][0] for asked in told.asked] == ["retrieved", "given", "expected", "written"]


@pytest.mark.parametrize(
    ("output", "reason"), [("It left.", "no text"), ("", "claims nothing"), ("...", "claims nothing")]
)
def test_with_no_text_or_no_claim_it_abstains(output, reason):
    for kind in ("groundedness", "not-contradiction"):
        found = score(kind, output, value=None if reason == "no text" else "x", instruments=Told(says=SAYS))
        assert (found.passed, found.value) == (None, None)
        assert reason in found.reason


def test_labels_of_other_models_are_understood_or_asked_for():
    two = Told(labels=("ENTAILMENT", "not_entailment"), says={"It left.": (0.8, 0.2)})
    assert score("groundedness", "It left.", value="x", instruments=two).passed
    with pytest.raises(ScorerSetupError, match="contradiction"):
        score("contradiction", "It left.", value="x", instruments=two)
    bare = Told(labels=("LABEL_0", "LABEL_1"), says={"It left.": (0.9, 0.1)})
    with pytest.raises(ScorerSetupError, match="LABEL_0, LABEL_1") as caught:
        score("groundedness", "It left.", value="x", instruments=bare)
    assert "labels:" in caught.value.hint
    written = {"entailment": "LABEL_0", "contradiction": "LABEL_1"}
    assert score("groundedness", "It left.", value="x", labels=written, instruments=bare).passed
    for wrong in ({"entailment": "LABEL_7"}, {"sure": "LABEL_0"}, "LABEL_0"):
        with pytest.raises(ScorerSetupError, match="labels"):
            score("groundedness", "It left.", value="x", labels=wrong, instruments=bare)


def test_long_texts_are_cut_at_sentences_that_neighbours_share():
    text = " ".join(f"Sentence number {n} says little." for n in range(100))
    windows = cut_windows(text)
    assert all(len(window) <= 1_200 + 40 for window in windows)
    assert " ".join(windows).count("Sentence number 0 ") == 1
    assert all(f"number {n} says" in " ".join(windows) for n in range(100))
    for one, other in pairwise(windows):
        assert other.startswith(one[one.rindex("Sentence") :])
    assert cut_windows("x" * 3_000) == ["x" * 1_200, "x" * 1_200, "x" * 600]
    assert cut_windows("  ") == []


def test_of_a_long_text_only_the_passages_that_share_words_are_asked():
    texts = [f"Filler number {n} about nothing." for n in range(40)] + ["The parcel left on Monday."]
    told = Told(says={"*": (0.0, 0.9, 0.1)})
    score("groundedness", "The parcel left.", value=texts, instruments=told)
    (pairs,) = told.asked
    assert len(pairs) == 8
    assert ("The parcel left on Monday.", "The parcel left.") in pairs


MOODS = {"labels": ("NEGATIVE", "POSITIVE"), "says": {"Hurrah": (0.1, 0.9), "Alas": (0.7, 0.3)}}


def ask_mood(kind, text, **options):
    told = Told(labels=MOODS["labels"], says={(key, None): row for key, row in MOODS["says"].items()})
    return score(kind, text, instruments=told, **options), told


def test_a_classifier_gives_the_label_its_probability():
    found, told = ask_mood("classifier", "Alas", value="negative", model="some/moods")
    assert (found.passed, found.value, found.category, told.opened) == (True, 0.7, "NEGATIVE", ["some/moods"])
    found, _ = ask_mood("classifier", "Alas", value="positive", model="some/moods")
    assert (found.passed, found.value, found.category) == (False, 0.3, "NEGATIVE")
    found, _ = ask_mood("classifier", "Alas", model="some/moods")
    assert found.value == 0.7
    found, _ = ask_mood("classifier", "Alas", value="negative", model="some/moods", threshold=0.8)
    assert found.passed is False


def test_sentiment_and_toxicity_have_models_and_labels_of_their_own():
    found, told = ask_mood("sentiment", "Hurrah")
    assert (found.passed, found.value) == (True, 0.9)
    assert told.opened == ["distilbert/distilbert-base-uncased-finetuned-sst-2-english"]
    told = Told(labels=("toxic", "insult"), says={("Idiot", None): (0.9, 0.8)})
    assert score("toxicity", "Idiot", instruments=told).passed
    assert score("not-toxicity", "Idiot", instruments=told).passed is False
    assert score("toxicity", "Idiot", value="insult", instruments=told).value == 0.8
    assert set(told.opened) == {"unitary/toxic-bert"}


def test_a_label_or_model_that_is_not_there_is_a_mistake():
    with pytest.raises(ScorerSetupError, match="no label 'negativ'") as caught:
        ask_mood("classifier", "Alas", value="negativ", model="some/moods")
    assert "NEGATIVE, POSITIVE" in caught.value.hint
    for kind in ("classifier", "reward"):
        with pytest.raises(ScorerSetupError, match="which") as caught:
            score(kind, "x", expected="y", instruments=Told())
        assert "model:" in caught.value.hint


def test_a_reward_is_the_chance_of_being_the_better_answer_and_its_margin_the_confidence():
    told = Told(labels=("LABEL_0",), says={("Why?", "good"): (2.0,), ("Why?", "bad"): (0.5,)})
    options = {"inputs": {"question": "Why?"}, "model": "some/reward", "instruments": told}
    better = score("reward", "good", expected="bad", **options)
    worse = score("reward", "bad", expected="good", **options)
    chance = 1 / (1 + math.exp(-1.5))
    assert (better.passed, better.value, better.measure) == (True, pytest.approx(chance), 2.0)
    assert (worse.passed, worse.value) == (False, pytest.approx(1 - chance))
    assert better.confidence == worse.confidence == pytest.approx(2 * chance - 1)
    tie = score("reward", "good", value="good", **options)
    assert (tie.passed, tie.value, tie.confidence) == (True, 0.5, 0.0)
    alone = score("reward", "good", threshold=0.8, **options)
    assert (alone.passed, alone.value) == (True, pytest.approx(1 / (1 + math.exp(-2.0))))


def test_extreme_rewards_do_not_overflow():
    told = Told(labels=("LABEL_0",), says={("q", "good"): (1e6,), ("q", "bad"): (-1e6,)})
    options = {"inputs": {"question": "q"}, "model": "some/reward", "instruments": told}
    assert score("reward", "good", expected="bad", **options).value == 1.0
    assert score("reward", "bad", expected="good", **options).value == 0.0


def test_a_reward_says_what_it_needs():
    one, options = Told(labels=("LABEL_0",)), {"inputs": {"question": "q"}, "model": "some/reward"}
    with pytest.raises(ScorerSetupError, match="no answer to be better than"):
        score("reward", "x", instruments=one, **options)
    with pytest.raises(ScorerSetupError, match="no input 'ask'"):
        score("reward", "x", expected="y", question="ask", instruments=one, **options)
    with pytest.raises(ScorerSetupError, match="3 outputs"):
        score("reward", "x", expected="y", instruments=Told(), **options)


def test_perplexity_is_that_of_the_model_that_is_named():
    told = Told(says={"Paris": TextLikelihood(logprob=-3.0, tokens=2), "P": TextLikelihood(logprob=0.0, tokens=0)})
    found = score("perplexity", "Paris", threshold=5, model="default", instruments=told)
    assert (found.passed, found.measure) == (True, pytest.approx(math.exp(1.5)))
    assert (found.definition, told.opened) == ("perplexity[told]", [""])
    found = score("perplexity-score", "Paris", threshold=0.1, model="some/lm", instruments=told)
    assert (found.passed, found.value) == (True, pytest.approx(1 / (1 + math.exp(1.5))))
    assert score("not-perplexity", "Paris", threshold=4, model="default", instruments=told).passed is True
    assert score("perplexity", "P", threshold=5, model="default", instruments=told).passed is None
    # Without a model it asks none, as before.
    assert score("perplexity", Output(text="", logprob_mean=0.0), threshold=1).judge == ""


async def test_scorers_are_shared_by_cases_that_are_scored_at_once(build):
    import asyncio

    scorer = build("similar", context=ScorerContext(instruments=Told()))
    items = [ScoreInput(output=Output(text=text), case=Case(id=text, inputs={}, expected="right")) for text in VECTORS]
    found = await asyncio.gather(*(scorer.score(item) for item in items))
    assert [one.passed for one in found] == [True, False, False, False, False, False]
    assert scorer.judge == found[0].judge


def test_null_judges_know_nothing_of_quality():
    assert score("null:length", "one two three", value="a b c").value == 0.5
    assert score("null:length", "one two three", value=["a", "a b c d e f g"]).value == 0.3
    assert score("null:length", "", value="").value == 0.5
    assert score("null:overlap", "The cat sat", value="the cat lay").value == pytest.approx(2 / 3)
    assert score("null:overlap", "", value="x").value == 0.0
    assert score("null:majority", "anything").passed is True
    assert score("null:majority", "anything", value="fail").passed is False
    with pytest.raises(ScorerSetupError, match="pass or fail"):
        score("null:majority", "x", value="maybe")


def test_every_type_that_asks_refuses_where_no_model_may_be_opened():
    from promptship.scorers import InstrumentsNeededError

    for info in list_scorers():
        if info.asks:
            written = {key: value for key, value in info.examples[0].scorer.items() if key != "type"}
            with pytest.raises(InstrumentsNeededError):
                score(info.type, "x", expected=info.examples[0].expected, **written)
