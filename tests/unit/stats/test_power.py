"""What cases can show: against statsmodels, against exact sums, and against simulation."""

import math

import numpy as np
import pytest
import scipy.stats as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from promptship import stats
from promptship.errors import UsageError
from promptship.stats._tango import shows_more_than

TRIALS = 20_000
Z = reference.norm.ppf(0.95)


@given(st.integers(2, 5_000), st.floats(0.001, 1.0), st.floats(0.05, 2.0), st.sampled_from([0.01, 0.05]))
@settings(max_examples=50, deadline=None)
def test_power_of_scores_is_statsmodels(n, difference, deviation, alpha):
    expected = TTestPower().power(difference / deviation, n, alpha, alternative="larger")
    if not math.isnan(expected):
        found = stats.power_scores(n, difference, deviation, alpha=alpha)
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("n", "effect"), [(6, 19.8), (1_431, 1.0), (5_000, 0.54)])
def test_power_far_out_is_one(n, effect):
    """Where the noncentral t of some builds of scipy is NaN."""
    assert stats.power_scores(n, effect, 1.0) == pytest.approx(1.0, abs=1e-12)


def test_needed_pairs_of_scores_are_statsmodels_rounded_up():
    for effect in (0.1, 0.25, 0.5, 1.2):
        expected = TTestPower().solve_power(effect, None, 0.05, 0.8, alternative="larger")
        assert stats.needed_pairs_of_scores(-effect, 1.0) == math.ceil(expected)


def test_a_medium_effect_takes_34_pairs():
    """Two-sided at 0.05, d = 0.5, power 0.8: what R's power.t.test(type = "paired") and G*Power print."""
    assert stats.needed_pairs_of_scores(0.5, 1.0, alpha=0.025) == 34
    assert round(stats.power_scores(34, 0.5, 1.0, alpha=0.025), 4) == 0.8078


@given(st.integers(2, 400), st.floats(0.01, 3), st.floats(0.3, 0.95))
@settings(max_examples=40, deadline=None)
def test_the_smallest_detectable_difference_of_scores_has_the_power_asked_for(n, deviation, power):
    found = stats.smallest_detectable_score_difference(n, deviation, power=power)
    assert stats.power_scores(n, found, deviation) == pytest.approx(power, abs=1e-6)


def test_power_of_mcnemar_is_the_sum_over_all_outcomes():
    n, losing, winning = 30, 0.25, 0.05
    expected = 0.0
    for losses in range(n + 1):
        for wins in range(n - losses + 1):
            changed = wins + losses
            if changed and reference.binom.sf(losses - 1, changed, 0.5) <= 0.05:
                counts = [losses, wins, n - changed]
                expected += reference.multinomial.pmf(counts, n, [losing, winning, 1 - losing - winning])
    assert stats.power_mcnemar(n, losing - winning, flip_rate=losing + winning) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("n", "loss", "flips"), [(60, 0.15, 0.25), (200, 0.10, 0.2), (200, 0.05, 0.1), (1000, 0.03, 0.1)]
)
def test_power_of_mcnemar_is_what_a_simulation_finds(n, loss, flips):
    drawn = np.random.default_rng(8).multinomial(n, [(flips + loss) / 2, (flips - loss) / 2, 1 - flips], TRIALS)
    caught = np.mean(reference.binom.sf(drawn[:, 0] - 1, drawn[:, 0] + drawn[:, 1], 0.5) <= 0.05)
    assert stats.power_mcnemar(n, loss, flip_rate=flips) == pytest.approx(caught, abs=0.02)


@pytest.mark.parametrize(
    ("n", "margin", "flips", "difference", "both"),
    [(200, 0.05, 0.1, 0.0, False), (60, 0.1, 0.2, -0.02, False), (400, 0.05, 0.1, 0.01, True), (20, 0.2, 0.0, 0, True)],
)
def test_power_within_a_margin_is_what_a_simulation_finds(n, margin, flips, difference, both):
    chances = [(flips + difference) / 2, (flips - difference) / 2, 1 - flips]
    wins, losses, _ = np.random.default_rng(9).multinomial(n, chances, TRIALS).T
    shown = shows_more_than(n, wins, losses, -margin, Z)
    if both:
        shown &= shows_more_than(n, losses, wins, -margin, Z)
    found = stats.power_margin(n, margin, flip_rate=flips, difference=difference, both_sides=both)
    assert found == pytest.approx(shown.mean(), abs=0.02)


@pytest.mark.parametrize("both", [False, True])
def test_power_within_a_margin_is_the_sum_over_all_outcomes(both):
    n, margin, flips = 40, 0.15, 0.2
    wins, losses = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    kept = wins + losses <= n
    wins, losses = wins[kept], losses[kept]
    shown = shows_more_than(n, wins, losses, -margin, Z)
    if both:
        shown &= shows_more_than(n, losses, wins, -margin, Z)
    counts = np.stack([wins, losses, n - wins - losses], axis=1)[shown]
    expected = reference.multinomial.pmf(counts, n, [0.1, 0.1, 0.8]).sum()
    found = stats.power_margin(n, margin, flip_rate=flips, both_sides=both)
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("margin", [0.03, 0.05, 0.1])
def test_the_cases_that_a_margin_needs_are_enough_and_few_less_are_not(margin):
    needed = stats.needed_pairs_for_margin(margin, flip_rate=0.1)
    assert stats.power_margin(needed, margin, flip_rate=0.1) >= 0.8
    assert stats.power_margin(int(needed * 0.93), margin, flip_rate=0.1) < 0.8
    assert stats.needed_pairs_for_margin(margin, flip_rate=0.1, both_sides=True) > needed
    assert stats.needed_pairs_for_margin(1e-5, flip_rate=0.1) is None


@given(st.integers(1, 2_000), st.floats(0, 1), st.floats(0.01, 0.99))
def test_power_of_a_threshold_is_the_chance_of_the_counts_that_pass(n, rate, threshold):
    passing = [k for k in (0, n // 3, n // 2, n - 1, n) if stats.wilson(k, n, side="lower").low >= threshold]
    found = stats.power_rate(n, rate, threshold=threshold)
    if passing:
        assert found >= reference.binom.sf(min(passing) - 1, n, rate) - 1e-9
    fewest = next((k for k in range(n + 1) if stats.wilson(k, n, side="lower").low >= threshold), n + 1)
    assert found == pytest.approx(reference.binom.sf(fewest - 1, n, rate), abs=1e-9)


def test_power_below_a_threshold_is_its_mirror_image():
    for n, rate, threshold in ((300, 0.003, 0.0101), (50, 0.2, 0.33), (10, 0.0, 0.1)):
        below = stats.power_rate(n, rate, threshold=threshold, side="upper")
        above = stats.power_rate(n, 1 - rate, threshold=1 - threshold)
        assert below == pytest.approx(above, abs=1e-9)


def test_the_cases_that_a_threshold_needs_are_enough():
    for rate, threshold in ((0.95, 0.9), (0.85, 0.9), (0.002, 0.01), (1.0, 0.9), (0.0, 0.01)):
        observed = stats.needed_cases(rate, threshold)
        noticed = stats.needed_cases(rate, threshold, power=0.8)
        assert noticed >= observed
        side = "lower" if rate > threshold else "upper"
        assert stats.power_rate(noticed, rate, threshold=threshold, side=side) >= 0.8
    assert stats.needed_cases(0.9, 0.9) is None
    assert stats.needed_cases(0.90001, 0.9, power=0.8) is None


def test_needed_cases_and_detectable_differences_are_each_others_converse():
    for n in (60, 200, 1000):
        loss = stats.smallest_detectable_difference(n, flip_rate=0.1)
        assert stats.power_mcnemar(n, loss, flip_rate=max(0.1, loss)) == pytest.approx(0.8, abs=0.005)
        assert stats.needed_pairs(loss * 1.05, flip_rate=0.1) <= n * 1.05
    assert stats.smallest_detectable_difference(3, flip_rate=0.1) is None
    assert stats.needed_pairs(1e-5, flip_rate=0.1) is None


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: stats.power_mcnemar(100, 0.2, flip_rate=0.1), "a difference of 0.2 with 0.1 of 100 cases changing"),
        (lambda: stats.power_mcnemar(0, 0.1, flip_rate=0.1), "of 0 cases"),
        (lambda: stats.needed_pairs(0, flip_rate=0.1), "a difference of 0; expected a share above 0"),
        (lambda: stats.needed_pairs(0.1, flip_rate=0.1, power=1), "power: 1; expected a share"),
        (lambda: stats.power_scores(1, 0.1, 0.2), "1 pairs with a deviation of 0.2; expected at least two"),
        (lambda: stats.power_scores(10, 0.1, 0), "10 pairs with a deviation of 0"),
        (lambda: stats.power_scores(10, -0.1, 1), "a difference of -0.1; expected one that is not negative"),
        (lambda: stats.power_scores(10, 0.1, math.nan), "a deviation of nan"),
        (lambda: stats.needed_pairs_of_scores(0, 0.3), "a difference of 0; expected one that is not 0"),
        (lambda: stats.smallest_detectable_score_difference(9, 1, power=0.04), "power: 0.04; expected more than alpha"),
        (lambda: stats.power_rate(10, 1.2, threshold=0.9), "a rate of 1.2 and a threshold of 0.9"),
        (lambda: stats.power_rate(0, 0.5, threshold=0.9), "0 cases; expected at least one"),
        (lambda: stats.needed_cases(math.nan, 0.9), "a rate of nan"),
        (lambda: stats.power_margin(50, 0, flip_rate=0.1), "margin: 0; expected a share"),
        (lambda: stats.power_margin(1, 0.1, flip_rate=0.1), "1 cases; expected at least two"),
        (lambda: stats.power_margin(50, 0.1, flip_rate=0.1, difference=0.2), "a difference of 0.2 with 0.1 of the"),
        (
            lambda: stats.needed_pairs_for_margin(0.05, flip_rate=0.1, difference=-0.05),
            "expected a difference within it",
        ),
    ],
)
def test_impossible_plans_get_a_sentence(call, said):
    with pytest.raises(UsageError, match=said):
        call()
