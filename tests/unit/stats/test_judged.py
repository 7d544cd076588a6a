"""Rates by a judge: against sums by hand, against simulation, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship import stats
from promptship.errors import UnpairedScoresError, UsageError

NAN = math.nan


def test_the_rate_is_that_of_either_verdict_weighted_by_how_often_it_falls():
    verdicts = [1] * 800 + [0] * 200
    labels = [1] * 18 + [0] * 2 + [NAN] * 780 + [1] * 5 + [0] * 15 + [NAN] * 180
    found = stats.judged_rate(verdicts, labels)
    # Means of the Beta posteriors with Jeffreys' prior.
    share, passed, failed = 800.5 / 1001, 18.5 / 21, 5.5 / 21
    assert found.estimate == pytest.approx(share * passed + (1 - share) * failed, abs=0.003)
    assert found.low < found.estimate < found.high
    assert (found.n, found.method) == (1000, "post-stratified by the judge's verdict")


def test_labels_that_follow_the_verdict_do_not_move_the_rate():
    verdicts = [1] * 800 + [0] * 200
    few = [1] * 9 + [0] + [NAN] * 790 + [1] * 50 + [0] * 150
    many = [1] * 90 + [0] * 10 + [NAN] * 700 + [1] * 50 + [0] * 150
    one, other = stats.judged_rate(verdicts, few), stats.judged_rate(verdicts, many)
    assert one.estimate == pytest.approx(other.estimate, abs=0.03)
    assert other.high - other.low < one.high - one.low


def test_a_verdict_without_labels_leaves_the_rate_open():
    found = stats.judged_rate([1] * 50 + [0] * 50, [1] * 20 + [NAN] * 80)
    assert found.low < 0.55
    assert found.high > 0.9


def test_cases_of_one_origin_are_not_as_many():
    rng = np.random.default_rng(1)
    verdicts = np.repeat((rng.random(60) < 0.7).astype(float), 5)
    labels = np.where(np.arange(300) < 100, verdicts, NAN)
    clusters = np.repeat(np.arange(60), 5).tolist()
    alone, together = (stats.judged_rate(verdicts, labels, clusters=one) for one in (None, clusters))
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_weights_say_for_how_many_a_label_stands():
    verdicts, labels = [1.0] * 40, [1.0, 0.0] * 10 + [NAN] * 20
    even = stats.judged_rate(verdicts, labels, weights=[2.0] * 40)
    assert even.estimate == pytest.approx(stats.judged_rate(verdicts, labels).estimate, abs=1e-9)
    good = stats.judged_rate(verdicts, labels, weights=[3.0, 1.0] * 20)
    assert good.estimate > even.estimate
    assert good.estimate == pytest.approx(0.73, abs=0.02)  # 15 of 20, drawn to a half by the prior


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 1.0, NAN])), min_size=1, max_size=60),
    st.sampled_from(["two", "lower", "upper"]),
)
def test_the_interval_stays_within_what_a_rate_can_be(cases, side):
    verdicts, labels = [float(one) for one, _ in cases], [two for _, two in cases]
    if all(math.isnan(label) for label in labels):
        with pytest.raises(UsageError, match="no case has a label"):
            stats.judged_rate(verdicts, labels)
        return
    found = stats.judged_rate(verdicts, labels, side=side, draws=500)
    assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_a_lenient_judge_makes_no_difference_between_equals():
    rng = np.random.default_rng(3)
    called = []
    for trial in range(120):
        sides = []
        for specificity in (0.8, 0.5):
            truth = rng.random(600) < 0.7
            verdicts = np.where(truth, rng.random(600) < 0.9, rng.random(600) >= specificity).astype(float)
            labels = np.where(np.arange(600) < 90, truth.astype(float), NAN)
            sides.append((verdicts, labels))
        found = stats.judged_difference(*sides, draws=1_000, seed=trial)
        called.append(not found.low <= 0 <= found.high)
    # Raw verdicts differ in nearly all of these.
    assert np.mean(called) <= 0.1


def test_a_case_that_is_bad_whatever_the_judge_says_is_never_good():
    # The judge decides 60 of 100 and passes 45; what it passes is good in 18 of 20, what it fails in 2 of 10.
    verdicts = [1] * 45 + [0] * 15 + [NAN] * 40
    labels = [1] * 18 + [0] * 2 + [NAN] * 25 + [1] * 2 + [0] * 8 + [NAN] * 45
    found = stats.judged_rate(verdicts, labels)
    share, passed, failed = 45.5 / 61, 18.5 / 21, 2.5 / 11
    expected = 60.5 / 101 * (share * passed + (1 - share) * failed)
    assert found.estimate == pytest.approx(expected, abs=0.003)
    assert found.n == 100


def test_labels_of_other_outputs_say_how_right_the_judge_is_and_not_how_often_it_passes():
    verdicts, none = [1] * 80 + [0] * 20, [NAN] * 100
    marks = stats.JudgeLabels(verdicts=[1] * 20 + [0] * 30, labels=[1] * 18 + [0] * 2 + [1] * 6 + [0] * 24)
    found = stats.judged_rate(verdicts, none, elsewhere=marks)
    inside = stats.judged_rate([1] * 80 + [0] * 30, [1] * 18 + [0] * 2 + [NAN] * 60 + [1] * 6 + [0] * 24)
    share, passed, failed = 80.5 / 101, 18.5 / 21, 6.5 / 31
    assert found.estimate == pytest.approx(share * passed + (1 - share) * failed, abs=0.003)
    assert inside.estimate < found.estimate


def test_intervals_with_lost_cases_and_labels_of_other_outputs_hold_the_truth():
    rng = np.random.default_rng(9)
    held = []
    for trial in range(300):
        truth = rng.random(700) < 0.8
        verdicts = np.where(rng.random(700) < 0.85, truth, ~truth).astype(float)
        marks = stats.JudgeLabels(verdicts=verdicts[600:], labels=truth[600:].astype(float))
        lost = rng.random(600) < 0.2
        mine = np.where(lost, NAN, verdicts[:600])
        found = stats.judged_rate(mine, np.full(600, NAN), elsewhere=marks, draws=1_000, seed=trial)
        held.append(found.low <= 0.8 * 0.8 <= found.high)
    assert 0.92 <= np.mean(held) <= 0.99


def test_the_p_value_of_worse_goes_with_the_interval():
    rng = np.random.default_rng(8)
    sides = []
    for rate in (0.8, 0.75):
        truth = rng.random(500) < rate
        verdicts = np.where(rng.random(500) < 0.9, truth, ~truth).astype(float)
        sides.append((np.where(rng.random(500) < 0.1, NAN, verdicts), np.where(np.arange(500) < 120, truth, NAN)))
    p_value = stats.judged_worse(*sides)
    assert 0 < p_value < 0.05
    for alpha in (p_value * 0.8, p_value * 1.25):
        high = stats.judged_difference(*sides, side="upper", confidence=1 - alpha).high
        assert (high < 0) == (p_value <= alpha)
    assert stats.judged_worse(sides[1], sides[0]) == pytest.approx(1 - p_value, abs=0.02)


def test_a_real_difference_is_seen():
    rng = np.random.default_rng(4)
    sides = []
    for rate in (0.5, 0.8):
        truth = rng.random(1_000) < rate
        verdicts = np.where(rng.random(1_000) < 0.9, truth, ~truth).astype(float)
        sides.append((verdicts, np.where(np.arange(1_000) < 200, truth.astype(float), NAN)))
    found = stats.judged_difference(*sides, side="lower")
    assert found.low > 0.1
    assert found.high == 1.0


def test_ppi_with_a_perfect_judge_is_the_mean_of_everything():
    rng = np.random.default_rng(5)
    people, many = rng.normal(size=50), rng.normal(size=5_000)
    found = stats.prediction_powered_mean(many, people, people)
    trust = people.var(ddof=1) / ((1 + 50 / 5_000) * np.concatenate([many, people]).var(ddof=1))
    assert found.estimate == pytest.approx(trust * many.mean() + (1 - trust) * people.mean(), abs=1e-9)
    alone = stats.t_interval(people)
    assert found.high - found.low < 0.3 * (alone.high - alone.low)


def test_ppi_with_a_judge_that_says_nothing_is_the_mean_of_the_labels():
    people = np.random.default_rng(6).normal(size=40)
    found = stats.prediction_powered_mean([0.5] * 100, [0.5] * 40, people)
    alone = stats.t_interval(people)
    assert (found.estimate, found.low, found.high) == pytest.approx((alone.estimate, alone.low, alone.high))


def test_ppi_holds_its_level_on_one_side_too():
    rng = np.random.default_rng(7)
    missed = []
    for _ in range(400):
        truth = rng.normal(size=540)
        scores = truth + rng.normal(size=540)
        found = stats.prediction_powered_mean(scores[40:], scores[:40], truth[:40], side="lower")
        missed.append(found.low > 0)
        assert found.high == math.inf
    assert np.mean(missed) <= 0.08


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda: stats.judged_rate([0.5], [1]), UsageError, "neither 0 nor 1"),
        (lambda: stats.judged_rate([2, 1], [1, NAN]), UsageError, "neither 0 nor 1"),
        (lambda: stats.judged_rate([math.inf, 1], [1, NAN]), UsageError, "expected finite"),
        (lambda: stats.judged_rate([1, 0], [0.5, NAN]), UsageError, "neither 0 nor 1"),
        (lambda: stats.judged_rate([1, 0], [1]), UnpairedScoresError, "2 verdicts and 1 labels"),
        (lambda: stats.judged_rate([1, 0], [NAN, NAN]), UsageError, "no case has a label"),
        (lambda: stats.judged_rate([1, 0], [1, NAN], weights=[0, 1]), UsageError, "above 0"),
        (lambda: stats.judged_difference(([1], [1]), ([1, 0], [1, 0])), UnpairedScoresError, "1 verdicts of the"),
        (lambda: stats.prediction_powered_mean([1, 2], [1, 2], [1, 2, 3]), UnpairedScoresError, "2 scores of the"),
    ],
)
def test_what_cannot_be_estimated_is_said(call, kind, said):
    with pytest.raises(kind, match=said):
        call()
