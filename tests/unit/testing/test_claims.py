"""What paired figures show."""

import random

import pytest

from promptship.testing._claims import decide_claim


def decide(before, after, expect="no_decrease", margin=0.05, clusters=None):
    names = clusters or [str(number) for number in range(len(before))]
    return decide_claim(before, after, names, expect=expect, margin=margin).finding


def marks(passed, count):
    return [1.0] * passed + [0.0] * (count - passed)


@pytest.mark.parametrize(
    ("before", "after", "margin", "finding"),
    [
        (marks(100, 100), marks(100, 100), 0.05, "pass"),
        (marks(100, 100), marks(80, 100), 0.05, "fail"),
        (marks(100, 100), marks(98, 100), 0.05, "inconclusive"),
        (marks(10, 10), marks(10, 10), 0.05, "inconclusive"),
        (marks(80, 100), marks(100, 100), 0.05, "pass"),
        (marks(1, 1), marks(1, 1), 0.5, "inconclusive"),
    ],
)
def test_an_invariance_is_decided_on_the_bound_and_refuted_by_the_test(before, after, margin, finding):
    assert decide(before, after, margin=margin) == finding


@pytest.mark.parametrize(
    ("expect", "finding"),
    [("increase", "pass"), ("decrease", "fail"), ("no_decrease", "pass"), ("no_increase", "fail")],
)
def test_a_rise_is_a_rise(expect, finding):
    before = [0.1 * (number % 5) for number in range(40)]
    after = [figure + 0.3 for figure in before]
    assert decide(before, after, expect) == finding


def test_no_change_shows_no_direction():
    same = [0.1 * (number % 7) for number in range(40)]
    assert decide(same, same, "increase") == "inconclusive"
    assert decide(same, same, "no_decrease", margin=0.05) == "pass"


@pytest.mark.parametrize("expect", ["increase", "no_decrease"])
def test_false_alarms_are_rare(expect):
    draw = random.Random(7)  # noqa: S311 - reproducible
    alarms = 0
    for _ in range(60):
        before = [float(draw.random() < 0.8) for _ in range(40)]
        after = [float(draw.random() < 0.8) for _ in range(40)]
        alarms += decide(before, after, expect) == "fail"
    # 5 % of 60 is 3; 9 or more would happen in less than 1 of 300 series.
    assert alarms <= 8


def test_shared_origins_are_not_counted_as_many():
    before, after = marks(100, 100), marks(90, 100)
    assert decide(before, after) == "fail"
    clusters = [str(number // 10) for number in range(100)]
    assert decide(before, after, clusters=clusters) != "fail"
