"""Metrics of overlap: answers known from their papers, and the libraries as oracles."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.meteor_score import single_meteor_score
from rouge_score import rouge_scorer

from promptship.scorers import UNJUDGED, score
from promptship.scorers.overlap import score_meteor, score_token_f1

CAT = "the cat sat on the mat"
WORDS = st.lists(
    st.sampled_from(["the", "cat", "cats", "sat", "sitting", "on", "mat", "mats"]), min_size=1, max_size=12
)


class NoWordNet:
    """METEOR's dictionary of synonyms, with none in it."""

    def synsets(self, word: str) -> list[Any]:
        return []


@pytest.mark.parametrize(
    ("kind", "text", "reference", "params", "value"),
    [
        # Lin (2004), ROUGE: the example of section 3, "police kill the gunman" against "police killed the gunman".
        ("rouge-n", "police kill the gunman", "police killed the gunman", {}, 3 / 4),
        ("rouge-n", "police kill the gunman", "police killed the gunman", {"n": 2}, 1 / 3),
        ("rouge-n", "police kill the gunman", "police killed the gunman", {"stemmer": True}, 1),
        ("rouge-n", "police", "police killed the gunman", {"measure": "precision"}, 1),
        ("rouge-n", "police", "police killed the gunman", {"measure": "fmeasure"}, 0.4),
        ("rouge-n", "Grüße aus Köln", "grüße aus köln", {}, 1),
        # Papineni et al. (2002), BLEU: precisions 6/6, 4/5, 3/4, 2/3 and the brevity penalty exp(1 - 7/6).
        ("bleu", CAT, "the cat sat on the red mat", {}, math.exp(1 - 7 / 6) * (1 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25),
        ("bleu", "The cat sat on the mat", CAT, {"lowercase": True}, 1),
        ("bleu", "猫坐在垫子上", "猫坐在垫子上", {"tokenize": "zh"}, 1),
        # Wu et al. (2016), GLEU: 15 shared n-grams of 18 and of 22.
        ("gleu", CAT, "the cat sat on the red mat", {}, 15 / 22),
        ("gleu", "The cat.", "the cat", {}, 1),
        # Popović (2015), chrF: precisions 1, 1, recalls 2/3, 1/2, beta 2.
        ("chrf", "ab", "abc", {}, 5 * (7 / 12) / (4 + 7 / 12)),
        # Banerjee and Lavie (2005), METEOR; the three examples of Wikipedia's article.
        ("meteor", "on the mat sat the cat", CAT, {}, 0.5),
        ("meteor", CAT, CAT, {}, 1 - 0.5 * (1 / 6) ** 3),
        ("meteor", "the cat was sat on the mat", CAT, {}, 0.9654),
        ("meteor", "the cats sat on the mats", CAT, {}, 1 - 0.5 * (1 / 6) ** 3),
        # Rajpurkar et al. (2018), SQuAD 2.0: 2 x shared / (both lengths), articles and punctuation gone.
        ("f1", "The cat sat down.", "a cat sat", {}, 2 * 2 / 5),
        ("f1", "the", "an", {}, 1),
        ("f1", "nothing", "the", {}, 0),
    ],
)
def test_known_answers_of_overlap_metrics(kind, text, reference, params, value):
    assert score(kind, text, value=reference, **params).value == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "params", "definition"),
    [
        ("bleu", {}, "bleu[sacrebleu-13a]"),
        ("bleu", {"tokenize": "intl", "lowercase": True}, "bleu[sacrebleu-intl-lc]"),
        ("rouge-n", {}, "rouge-1-fmeasure[rouge-score]"),
        ("rouge-n", {"n": 2, "measure": "fmeasure", "stemmer": True}, "rouge-2-fmeasure[rouge-score-stemmed]"),
        ("gleu", {}, "gleu[nltk-1to4-lc-whitespace]"),
        ("chrf", {}, "chrf[sacrebleu-chrF2]"),
        ("chrf", {"word_order": 2}, "chrf[sacrebleu-chrF2++]"),
        ("meteor", {}, "meteor[exact+porter]"),
        ("f1", {}, "f1[squad-2.0]"),
    ],
)
def test_every_score_names_the_definition_that_was_computed(kind, params, definition):
    assert score(kind, CAT, value=CAT, **params).definition == definition
    assert score(kind, "dog", value=CAT, **params).definition == definition


@pytest.mark.parametrize(
    ("kind", "default"), [("rouge-n", 0.75), ("bleu", 0.5), ("gleu", 0.5), ("chrf", 0.5), ("meteor", 0.5), ("f1", 0.5)]
)
def test_default_thresholds_are_those_of_promptfoo(kind, default):
    for text in (CAT, "the cat sat on a mat", "the cat sat down", "the cat", "dog"):
        found = score(kind, text, value=CAT)
        assert found.passed == (found.value >= default)


def test_the_best_of_several_references_counts():
    for kind in ("rouge-n", "bleu", "gleu", "chrf", "meteor", "f1"):
        best = score(kind, CAT, value=CAT).value
        assert score(kind, CAT, value=["a dog ran over there", CAT]).value == pytest.approx(best), kind


def test_the_output_with_no_words_scores_zero():
    for kind in ("rouge-n", "bleu", "gleu", "chrf", "meteor", "f1"):
        for text in ("", "  \n", "..."):
            assert score(kind, text, value=CAT).value == 0, (kind, text)


def test_an_output_too_long_for_a_metric_fails_with_not_and_without():
    for kind in ("bleu", "not-bleu"):
        found = score(kind, "word " * 30_000, value=CAT)
        assert (found.passed, found.value, found.category) == (False, 0, UNJUDGED)


def test_stemming_survives_words_that_no_language_has():
    for word in ("y" * 50_000, "oed", "aing", "sses", "y" * 64):
        assert score("meteor", word, value=word).value > 0.4
        assert score("rouge-n", word, value=word, stemmer=True).value == 1


@given(WORDS, WORDS)
def test_meteor_is_that_of_nltk_without_synonyms(words, reference):
    from nltk.stem.porter import PorterStemmer

    theirs = single_meteor_score(reference, words, wordnet=NoWordNet())
    assert score_meteor(words, reference, PorterStemmer().stem) == pytest.approx(theirs)


@given(st.text(st.characters(max_codepoint=127)), st.text(st.characters(max_codepoint=127)).filter(str.strip))
def test_rouge_of_ascii_text_is_that_of_rouge_score(text, reference):
    theirs = rouge_scorer.RougeScorer(["rouge2"]).score(reference, text)["rouge2"]
    assert score("rouge-n", text, value=reference, n=2).value == pytest.approx(theirs.fmeasure)


@given(WORDS, WORDS)
def test_token_f1_is_symmetric_and_one_for_the_same_words(words, others):
    assert score_token_f1(" ".join(words), " ".join(others)) == score_token_f1(" ".join(others), " ".join(words))
    assert score_token_f1(" ".join(words), " ".join(reversed(words))) == 1
