"""Bounds that hold at every look: against the formulas, and against being looked at all the time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln
from scipy.stats import beta

from promptship import stats
from promptship.errors import UsageError

COUNTS = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS, st.sampled_from([0.9, 0.95, 0.99]))
def test_the_ends_of_a_rate_sequence_are_where_the_evidence_reaches_its_limit(counts, confidence):
    passed, n = counts
    found = stats.rate_confidence_sequence(passed, n, confidence=confidence)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    for end in {found.low, found.high} - {0.0, 1.0}:
        mixture = betaln(0.5 + passed, 0.5 + n - passed) - betaln(0.5, 0.5)
        likelihood = passed * math.log(end) + (n - passed) * math.log1p(-end)
        assert mixture - likelihood == pytest.approx(-math.log(1 - confidence), abs=1e-6)


@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["two-sided", "worse", "better"]))
def test_the_sign_process_is_the_mean_likelihood_ratio_over_its_mixture(wins, losses, alternative):
    process = stats.SignEProcess(alternative, prior=1.0)
    process.update(wins=wins, losses=losses)
    low, high = {"two-sided": (0, 1), "worse": (0, 0.5), "better": (0.5, 1)}[alternative]
    total = quad(lambda p: (2 * p) ** wins * (2 - 2 * p) ** losses, low, high, epsabs=0, epsrel=1e-11)[0]
    assert process.e_value == pytest.approx(total / (high - low), rel=1e-8)


def test_the_expected_evidence_of_a_fair_coin_is_one():
    for alternative in ("two-sided", "worse", "better"):
        total = 0.0
        for wins in range(21):
            process = stats.SignEProcess(alternative)
            process.update(wins=wins, losses=20 - wins)
            total += math.comb(20, wins) / 2**20 * process.e_value
        assert total == pytest.approx(1, abs=1e-9)


def test_evidence_of_thousands_of_pairs_neither_overflows_nor_breaks():
    process = stats.SignEProcess("worse")
    process.update(wins=40_000, losses=10)
    assert 0 <= process.e_value < 1
    process.update(losses=200_000)
    assert process.is_shown(1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_empirical_bernstein_sequence_follows_its_recursion(values):
    weights = centre = cost = total = spread = 0.0
    limit = math.log(2 / 0.05)
    mean, variance = 0.5, 0.25
    for place, value in enumerate(values, start=1):
        bet = min(math.sqrt(2 * limit / (variance * place * math.log1p(place))), 0.5)
        cost += 4 * (value - mean) ** 2 * (-math.log1p(-bet) - bet) / 4
        weights, centre, total = weights + bet, centre + bet * value, total + value
        mean = (0.5 + total) / (place + 1)
        spread += (value - mean) ** 2
        variance = (0.25 + spread) / (place + 1)
    found = stats.empirical_bernstein_sequence(values)
    reach = (limit + cost) / weights
    assert found.low == pytest.approx(max(0, centre / weights - reach), abs=1e-9)
    assert found.high == pytest.approx(min(1, centre / weights + reach), abs=1e-9)


def test_the_asymptotic_sequence_has_no_ends_before_it_may_be_trusted():
    values = np.random.default_rng(1).exponential(size=600)
    early = stats.asymptotic_confidence_sequence(values[:399])
    assert (early.low, early.high) == (-math.inf, math.inf)
    found = stats.asymptotic_confidence_sequence(values)
    rho = (-2 * math.log(0.05) + math.log(-2 * math.log(0.05)) + 1) / 400
    inner = 2 * (600 * rho + 1) / (600**2 * rho) * math.log(math.sqrt(600 * rho + 1) / 0.05)
    assert found.high - found.estimate == pytest.approx(values.std() * math.sqrt(inner), abs=1e-9)


def simulate(seed, draw, is_wrong, processes=400, length=400):
    """The share of processes in which some look is wrong; a look after every case from 2 to 20, then every tenth."""
    rng = np.random.default_rng(seed)
    looks = [*range(2, 20), *range(20, length + 1, 10)]
    return (
        sum(any(is_wrong(values, n) for n in looks) for values in (draw(rng, length) for _ in range(processes)))
        / processes
    )


def test_a_rate_sequence_is_seldom_wrong_however_often_it_is_looked_at():
    def is_wrong(values, n):
        found = stats.rate_confidence_sequence(int(values[n - 1]), n)
        return not found.low <= 0.8 <= found.high

    assert simulate(1, lambda rng, n: np.cumsum(rng.random(n) < 0.8), is_wrong, processes=200) <= 0.05


def test_a_sign_process_seldom_cries_wolf():
    def is_wrong(values, n):
        process = stats.SignEProcess("worse")
        process.update(wins=int(values[n - 1]), losses=n - int(values[n - 1]))
        return process.is_shown(0.05)

    assert simulate(2, lambda rng, n: np.cumsum(rng.random(n) < 0.5), is_wrong) <= 0.05


def test_an_empirical_bernstein_sequence_is_seldom_wrong():
    def is_wrong(values, n):
        found = stats.empirical_bernstein_sequence(values[:n])
        return not found.low <= 0.8 <= found.high

    assert simulate(3, lambda rng, n: beta.rvs(8, 2, size=n, random_state=rng), is_wrong, processes=200) <= 0.05


def test_an_asymptotic_sequence_is_seldom_wrong():
    def is_wrong(values, n):
        found = stats.asymptotic_confidence_sequence(values[:n])
        return not found.low <= 1 <= found.high

    assert simulate(4, lambda rng, n: rng.exponential(size=n), is_wrong) <= 0.05


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: stats.rate_confidence_sequence(3, 2), "3 of 2; expected"),
        (lambda: stats.rate_confidence_sequence(0, 0), "0 of 0"),
        (lambda: stats.rate_confidence_sequence(1, 2, prior=(0, 1)), "expected two figures above 0"),
        (
            lambda: stats.empirical_bernstein_sequence([0.5, 1.5]),
            "scores from 0.5 to 1.5; expected scores within 0 to 1",
        ),
        (lambda: stats.empirical_bernstein_sequence([]), "0 figures"),
        (lambda: stats.asymptotic_confidence_sequence([1.0]), "1 figures; expected at least 2"),
        (lambda: stats.asymptotic_confidence_sequence([1, 2], tight_at=1), "tight_at: 1"),
        (lambda: stats.SignEProcess(prior=0), "a prior of 0"),
        (lambda: stats.SignEProcess().update(wins=-1), "-1 wins and 0 losses"),
    ],
)
def test_bad_sequences_get_a_sentence(call, said):
    with pytest.raises(UsageError, match=said):
        call()
