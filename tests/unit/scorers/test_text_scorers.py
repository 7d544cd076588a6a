"""Text scorers: known answers, and what they do without a value."""

from __future__ import annotations

import time

import pytest

from promptship.domain import Output
from promptship.scorers import UNJUDGED, score


@pytest.mark.parametrize(
    ("kind", "value", "passes", "fails"),
    [
        ("contains", "a.b", "xa.by", "xaxby"),
        ("contains", 0, "10", "1"),
        ("contains", 1.0, "1 apple", "one apple"),
        ("contains", 1.5, "1.5", "15"),
        ("icontains", "STRASSE", "strasse 1", "straße 1"),
        ("starts-with", "Yes", "Yes!", " Yes!"),
        ("ends-with", "?", "Really?", "Really? "),
        ("contains-any", ["a", "b"], "cab", "xyz"),
        ("contains-all", ["a", "b"], "cab", "cat"),
        ("contains-any", "red, blue", "blue sky", "green"),
        ("contains-all", '"1,000", in stock', "1,000 in stock", "1,000"),
        ("icontains-any", ["ÄRGER"], "viel ärger", "viel arger"),
        ("icontains-all", ["A", "b"], "aB", "aa"),
        ("equals", "x", "x", "x "),
        ("equals", 3, "3", "3.0"),
        ("equals", True, "true", "True"),
        ("equals", [1, {"a": None}], '[1.0, {"a": null}]', '[true, {"a": null}]'),
        ("equals", {}, "{}", "[]"),
        ("regex", r"^\d+$", "123", "12a"),
        ("regex", r"(?i)refund", "REFUND", "return"),
        ("word-count", 3, "one two  three\n", "one two"),
        ("word-count", "2", "one two", "one"),
        ("word-count", {"min": 2}, "a b", "a"),
        ("word-count", {"max": 2}, "", "a b c"),
    ],
)
def test_known_answers_of_text_scorers_and_of_their_opposites(kind, value, passes, fails):
    assert (score(kind, passes, value=value).passed, score(kind, fails, value=value).passed) == (True, False)
    opposite = f"not-{kind}"
    assert (score(opposite, passes, value=value).passed, score(opposite, fails, value=value).passed) == (False, True)


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("kitten", "sitting", 3), ("Saturday", "Sunday", 3), ("flaw", "lawn", 2), ("", "abc", 3), ("abc", "abc", 0)],
)
def test_levenshtein_known_answers(one, other, edits):
    """Source: Wagner and Fischer (1974), JACM 21(1); the examples of Wikipedia's article on the distance."""
    found = score("levenshtein", one, value=other, threshold=100)
    assert (found.measure, found.unit) == (edits, "edits")
    assert found.value == 1 - edits / max(len(one), len(other))


def test_levenshtein_allows_five_edits_unless_told_otherwise():
    assert score("levenshtein", "", value="12345").passed
    assert not score("levenshtein", "", value="123456").passed


def test_a_levenshtein_threshold_of_zero_means_none():
    assert not score("levenshtein", "ab", value="ac", threshold=0).passed
    assert score("levenshtein", "ab", value="ab", threshold=0).passed


def test_levenshtein_takes_the_nearest_of_several_texts(build, item):
    assert score("levenshtein", "sitting", value=["dog", "sittin"], threshold=1).measure == 1
    assert build("levenshtein").score(item("blau", "rot", references=("blaue",))).measure == 1


@pytest.mark.parametrize(("threshold", "passed"), [(5, False), (900, True)])
def test_levenshtein_of_very_long_texts_decides_exactly_and_soon(threshold, passed):
    text = "ab" * 500_000
    changed = "x" * 900 + text[900:]
    started = time.perf_counter()
    found = score("levenshtein", changed, value=text, threshold=threshold)
    assert (found.passed, time.perf_counter() - started < 20) == (passed, True)
    assert score("not-levenshtein", changed, value=text, threshold=threshold).passed is not passed


def test_an_expected_text_with_commas_is_one_text():
    assert not score("contains-any", "red", expected="red, blue").passed
    assert score("contains-any", "red, blue", expected="red, blue").passed
    assert score("contains-any", "red", value="red, blue").passed


def test_scorers_of_text_take_any_reference(build, item):
    for kind in ("contains", "icontains", "starts-with", "ends-with", "equals", "regex", "contains-any"):
        assert build(kind).score(item("blue", "red", references=("blue",))).passed, kind


def test_data_without_text_is_compared_as_json():
    assert score("contains", {"a": 1}, value='"a":1').passed
    assert score("equals", Output(text="", data={"a": 1}), value={"a": 1}).passed


def test_a_pattern_that_runs_away_fails_the_output_with_not_and_without():
    text = "a" * 40 + "!"
    for kind in ("regex", "not-regex"):
        found = score(kind, text, value=r"(a|aa)+$")
        assert (found.passed, found.category) == (False, UNJUDGED)
        assert "takes more than 1 s" in found.reason


def test_word_count_states_the_words():
    found = score("word-count", "one two three", value={"min": 4, "max": 9})
    assert (found.measure, found.unit, found.reason) == (3, "words", "3 words; expected 4 to 9")


@pytest.mark.parametrize(
    ("kind", "value", "text", "reason"),
    [
        ("contains", "refund", "no", "does not contain 'refund'"),
        ("not-contains", "refund", "a refund", "the output does contain 'refund'"),
        ("contains-all", ["a", "b"], "a", "does not contain 'b'"),
        ("contains-any", ["a", "b"], "c", "does not contain any of 'a', 'b'"),
        ("equals", "a", "b", "'b' does not equal 'a'"),
        ("levenshtein", "abcdefgh", "", "8 edits away; 5 allowed"),
        ("regex", r"\d", "a", r"does not match '\\d'"),
    ],
)
def test_a_failure_says_why_in_a_short_sentence(kind, value, text, reason):
    assert score(kind, text, value=value).reason == reason


def test_what_passes_has_no_reason():
    assert score("contains", "a", value="a").reason == ""
    assert score("not-contains", "a", value="b").reason == ""
    assert score("not-levenshtein", "a" * 9, value="b" * 9).reason == ""
