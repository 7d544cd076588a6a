"""Sets of scorers: weights, thresholds, and what abstains, fails or cannot be judged inside."""

from __future__ import annotations

import pytest

from promptship.domain import Case, Output
from promptship.errors import ScorerError, ScorerSetupError
from promptship.scorers import UNJUDGED, score

A = {"type": "contains", "value": "a"}
B = {"type": "contains", "value": "b", "name": "has-b"}
C = {"type": "contains", "value": "c", "name": "has-c", "weight": 2}


@pytest.mark.parametrize(
    ("text", "threshold", "value", "passed"),
    [
        ("abc", None, 1, True),
        ("ab", None, 0.5, False),
        ("ab", 0.5, 0.5, True),
        ("ac", 0.8, 0.75, False),
        ("", 0, 0, True),
        ("c", 0.5, 0.5, True),
    ],
)
def test_members_count_by_weight(text, threshold, value, passed):
    found = score("assert-set", text, scorers=[A, B, C], threshold=threshold)
    assert (found.value, found.passed) == (value, passed)
    opposite = score("not-assert-set", text, scorers=[A, B, C], threshold=threshold)
    assert (opposite.value, opposite.passed) == (1 - value, not passed)


def test_thirds_reach_two_thirds():
    assert score("assert-set", "ab", scorers=[A, B, {**C, "weight": 1}], threshold=2 / 3).passed
    tenths = [{"type": "contains", "value": "a", "name": f"n{n}", "weight": 0.1} for n in range(10)]
    assert score("assert-set", "a", scorers=tenths, threshold=1).passed


def test_a_failure_names_the_members_that_failed():
    assert score("assert-set", "a", scorers=[A, B, C]).reason == (
        "has-b: does not contain 'b'; has-c: does not contain 'c'"
    )


def test_members_that_are_only_measured_do_not_count():
    for extra in ({**B, "weight": 0}, {**B, "required": False}, {"type": "cost"}):
        assert score("assert-set", "a", scorers=[A, extra]).value == 1


def test_a_set_abstains_where_a_member_does():
    found = score("assert-set", "a", scorers=[A, {"type": "cost", "threshold": 1}])
    assert (found.value, found.passed) == (None, None)
    assert found.reason.startswith("cost abstains: no price")


def test_a_member_that_cannot_judge_fails_the_set_with_not_and_without():
    deep = {"type": "json-schema", "value": {"$ref": "#"}}
    for kind in ("assert-set", "not-assert-set"):
        found = score(kind, "{}", scorers=[A, deep])
        assert (found.passed, found.category) == (False, UNJUDGED)


def test_sets_nest_and_take_bare_names_and_opposites():
    inner = {"type": "assert-set", "scorers": [A, B], "threshold": 0.5}
    assert score("assert-set", "a", scorers=[inner, "icontains", "not-is-json"], expected="A").value == pytest.approx(
        (0.5 + 1 + 1) / 3
    )


def test_functions_in_a_set_are_waited_for(monkeypatch):
    monkeypatch.setattr("keyword.iskeyword", lambda output: 0.5)
    function = {"type": "python", "value": "keyword:iskeyword"}
    assert score("assert-set", "a", scorers=[A, function]).value == 0.75
    assert score("not-assert-set", "a", scorers=[A, function]).value == 0.25


def test_a_function_that_fails_in_a_set_is_an_error(monkeypatch):
    monkeypatch.setattr("keyword.iskeyword", lambda output: 1 / 0)
    with pytest.raises(ScorerError, match="raised ZeroDivisionError"):
        score("assert-set", "a", scorers=[A, {"type": "python", "value": "keyword:iskeyword"}])


@pytest.mark.parametrize(
    ("scorers", "message"),
    [
        ([{"type": "regex", "value": "("}], "scorer 'regex': the regular expression '(' is broken"),
        ([{"type": "contain", "value": "x"}], "did you mean 'contains'?"),
        ([{"value": "x"}], "type"),
        ([{**A, "weight": 0}], "no scorer of the set counts"),
        ([{"type": "cost"}], "no scorer of the set counts"),
        ("contains", "needs `scorers`"),
    ],
)
def test_mistakes_inside_a_set_are_found_in_set_up(build, scorers, message):
    for kind in ("assert-set", "not-assert-set"):
        with pytest.raises(ScorerSetupError) as caught:
            build(kind, scorers=scorers)
        assert message in str(caught.value)
        assert str(caught.value).startswith("evalsets/a.yaml:7: scorer ")


def test_check_looks_into_the_set(build):
    scorer = build("assert-set", scorers=["icontains"])
    with pytest.raises(ScorerSetupError, match="nothing to compare with"):
        scorer.check(Case(id="c", inputs={}))


def test_the_cost_of_a_set_is_that_of_its_members(monkeypatch):
    monkeypatch.setattr("keyword.iskeyword", lambda output: {"score": 1, "cost_usd": 0.25})
    function = {"type": "python", "value": "keyword:iskeyword"}
    found = score("assert-set", Output(text="a"), scorers=[A, function, {**function, "name": "other"}])
    assert found.cost_usd == 0.5
