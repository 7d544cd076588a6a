"""Abilities from preferences against choix and statsmodels, rank correlations against scipy."""

from __future__ import annotations

import itertools
import math

import choix
import numpy as np
import pytest
import scipy.stats as reference
import statsmodels.api as sm
from choix.opt import PairwiseFcts
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.errors import StatisticsError, UnpairedScoresError, UsageError
from promptship.stats import bradley_terry, kendall, spearman

# Agresti (2002), Categorical Data Analysis, table 10.10: the American League's east in 1987, wins of the row.
BASEBALL = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]


def games_of(wins):
    size = range(len(wins))
    return [(i, j) for i, j in itertools.product(size, size) for _ in range(int(wins[i][j]))]


def table(seed, size=5):
    wins = np.random.default_rng(seed).integers(0, 6, (size, size))
    # A ring of wins: everybody is reached from everybody.
    wins[np.arange(size), (np.arange(size) + 1) % size] += 1
    np.fill_diagonal(wins, 0)
    return wins


def test_the_american_league_of_1987():
    """Agresti (2002), table 10.11: abilities against Baltimore's, whose own is 0."""
    found = bradley_terry(BASEBALL)
    against_last = found.abilities - found.abilities[-1]

    assert against_last == pytest.approx([1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0.0], abs=0.006)


@pytest.mark.parametrize("seed", range(6))
def test_abilities_are_those_of_choix(seed):
    wins = table(seed)
    games = games_of(wins)

    ours = bradley_terry(wins).abilities
    theirs = choix.ilsr_pairwise(len(wins), games, max_iter=10_000, tol=1e-14)
    dense = choix.ilsr_pairwise_dense(wins.astype(float), max_iter=10_000, tol=1e-14)

    assert ours == pytest.approx(theirs - theirs.mean(), abs=1e-9)
    assert ours == pytest.approx(dense - dense.mean(), abs=1e-9)


@pytest.mark.parametrize("penalty", [0.1, 1.0])
def test_penalised_abilities_are_those_of_choix(penalty):
    wins = [[0, 3, 0, 0], [0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0]]

    ours = bradley_terry(wins, penalty=penalty).abilities
    theirs = choix.opt_pairwise(4, games_of(wins), alpha=penalty, method="Newton-CG", tol=1e-15)

    # Its own search ends some 1e-9 short of where its own slope is 0.
    assert ours == pytest.approx(theirs, abs=1e-8)
    assert PairwiseFcts(games_of(wins), penalty).gradient(ours.copy()) == pytest.approx(np.zeros(4), abs=1e-9)


def test_errors_are_those_of_a_logistic_regression():
    found = bradley_terry(BASEBALL)
    games = games_of(BASEBALL)
    design = np.zeros((len(games), 7))
    for row, (winner, loser) in enumerate(games):
        design[row, winner], design[row, loser] = 1, -1
    # The last item is the reference, and both outcomes are there: each game is a success as it stands.
    fitted = sm.GLM(np.ones(len(games)), design[:, :6], family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
    gaps = found.covariance[:6, :6] - found.covariance[:6, 6:] - found.covariance[6:, :6] + found.covariance[6, 6]

    assert found.abilities[:6] - found.abilities[6] == pytest.approx(fitted.params, abs=1e-9)
    assert gaps == pytest.approx(fitted.cov_params(), abs=1e-9)


def test_a_pair_is_a_rate_in_log_odds():
    found = bradley_terry([[0, 30], [10, 0]])
    chance = found.chance(0, 1)
    error = math.sqrt(1 / 30 + 1 / 10)

    assert chance.estimate == pytest.approx(0.75, abs=1e-12)
    assert math.log(chance.low / (1 - chance.low)) == pytest.approx(math.log(3) - 1.959963984540054 * error)
    assert found.interval(0).high - found.interval(0).low == pytest.approx(1.959963984540054 * error)
    assert (chance.n, found.interval(1).n) == (40, 40)
    assert found.chance(0, 1, side="lower").high == 1.0
    assert found.interval(0, side="upper").low == -math.inf


def test_a_tie_is_half_a_win_of_each():
    assert bradley_terry([[0, 1.5], [0.5, 0]]).chance(0, 1).estimate == pytest.approx(0.75)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(11)
    truth = np.asarray([0.8, 0.3, -0.2, -0.9])
    chances = 1 / (1 + np.exp(truth[None, :] - truth[:, None]))
    held = []
    for _ in range(400):
        wins = np.triu(rng.binomial(40, chances), 1)
        found = bradley_terry(wins + np.tril(40 - wins.T, -1))
        for item, one in enumerate(truth):
            bound = found.interval(item)
            held.append(bound.low <= one <= bound.high)

    assert 0.93 <= np.mean(held) <= 0.97


@given(st.integers(0, 10_000), st.permutations(range(5)))
@settings(max_examples=30, deadline=None)
def test_abilities_follow_their_items_and_sum_to_nothing(seed, order):
    wins = table(seed)
    found, moved = bradley_terry(wins), bradley_terry(wins[np.ix_(order, order)])

    assert found.abilities.sum() == pytest.approx(0, abs=1e-9)
    assert moved.abilities == pytest.approx(found.abilities[order], abs=1e-9)
    assert moved.errors == pytest.approx(found.errors[order], abs=1e-9)
    assert bradley_terry(wins.T).abilities == pytest.approx(-found.abilities, abs=1e-9)


@pytest.mark.parametrize(
    ("wins", "said"),
    [
        ([[0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 4], [0, 0, 1, 0]], "items 0, 1 never met any of the others"),
        ([[0, 2, 2], [0, 0, 1], [0, 1, 0]], "items 0 never lost to any of the others"),
        ([[0, 2, 2], [1, 0, 3], [0, 0, 0]], "items 2 never won against"),
        ([[0, 0], [0, 0]], "never met"),
    ],
)
def test_an_ability_without_a_bound_is_refused_and_a_penalty_gives_one(wins, said):
    with pytest.raises(StatisticsError, match=said):
        bradley_terry(wins)
    assert np.isfinite(bradley_terry(wins, penalty=0.1).abilities).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: bradley_terry([[0, 1]]), r"shape \(1, 2\)"),
        (lambda: bradley_terry([[0]]), "at least two items"),
        (lambda: bradley_terry([[0, -1], [1, 0]]), "below 0"),
        (lambda: bradley_terry([[0, math.nan], [1, 0]]), "not finite"),
        (lambda: bradley_terry([["a", 1], [1, 0]]), "no table of numbers"),
        (lambda: bradley_terry([[0, 1], [1, 0]], penalty=-1), "penalty: -1"),
        (lambda: bradley_terry([[0, 1], [1, 0]]).chance(0, 2), "item 2; expected 0 to 1"),
        (lambda: spearman([1, 2, 3], [1, 2, 3]), "3 items"),
        (lambda: kendall([1, 2, 3, 4], [1, 2, 4, 3]), "4 items"),
        (lambda: spearman([1, 2, 3, 4, 5], [1, 2, math.inf, 3, 4]), "finite"),
    ],
)
def test_bad_figures_get_a_sentence(call, said):
    with pytest.raises(UsageError, match=said):
        call()


def test_a_constant_side_has_no_order():
    for measure in (spearman, kendall):
        with pytest.raises(StatisticsError, match="all 6 figures of one side are 2"):
            measure([1, 2, 3, 4, 5, 6], [2] * 6)
        with pytest.raises(UnpairedScoresError):
            measure([1, 2, 3, 4, 5, 6], [1, 2])


COLUMNS = st.integers(5, 30).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(-6, 6), min_size=n, max_size=n)] * 2).filter(
        lambda both: all(len(set(one)) > 1 for one in both)
    )
)


@given(COLUMNS)
@settings(deadline=None)
def test_coefficients_are_those_of_scipy_and_of_their_definitions(columns):
    one, other = columns
    rho, tau = spearman(one, other), kendall(one, other)
    signs = [
        (np.sign(a - b), np.sign(c - d)) for (a, c), (b, d) in itertools.combinations(zip(one, other, strict=True), 2)
    ]
    left, right = (sum(sign[side] != 0 for sign in signs) for side in (0, 1))

    assert rho.estimate == pytest.approx(reference.spearmanr(one, other).statistic, abs=1e-9)
    assert tau.estimate == pytest.approx(reference.kendalltau(one, other).statistic, abs=1e-9)
    assert tau.estimate == pytest.approx(sum(a * b for a, b in signs) / math.sqrt(left * right), abs=1e-9)
    for found in (rho, tau):
        assert -1 <= found.low <= found.estimate <= found.high <= 1


def test_intervals_are_the_published_formulas():
    """Bonett and Wright (2000), and Fieller, Hartley and Pearson (1957), written out."""
    one, other = np.arange(30), np.random.default_rng(1).permutation(30) + 2 * np.arange(30)
    for measure, spread in (
        (spearman, lambda r: math.sqrt((1 + r**2 / 2) / 27)),
        (kendall, lambda r: math.sqrt(0.437 / 26)),
    ):
        found = measure(one, other, confidence=0.9)
        reach = reference.norm.ppf(0.95) * spread(found.estimate)
        assert found.low == pytest.approx(math.tanh(math.atanh(found.estimate) - reach), abs=1e-9)
        assert found.high == pytest.approx(math.tanh(math.atanh(found.estimate) + reach), abs=1e-9)
        assert measure(one, other, confidence=0.95, side="lower").low == pytest.approx(found.low, abs=1e-9)


@pytest.mark.parametrize(("measure", "truth"), [(spearman, 6 / math.pi * math.asin(0.25)), (kendall, 1 / 3)])
def test_intervals_of_correlated_normals_hold_the_truth(measure, truth):
    """Of a correlation of one half; the truths are Pearson's 6/pi asin(r/2) and Greiner's 2/pi asin(r)."""
    rng = np.random.default_rng(9)
    held = []
    for _ in range(800):
        one = rng.normal(size=40)
        found = measure(one, 0.5 * one + math.sqrt(0.75) * rng.normal(size=40))
        held.append(found.low <= truth <= found.high)

    assert 0.93 <= np.mean(held) <= 0.975


@pytest.mark.parametrize("measure", [spearman, kendall])
def test_a_perfect_order_of_few_is_no_certainty(measure):
    few, many = (measure(range(n), range(n)) for n in (6, 60))

    assert few.estimate == few.high == 1.0
    assert few.low < 0.9 < many.low < 1
    assert measure(range(6), range(6, 0, -1)).high == pytest.approx(-few.low)


@pytest.mark.parametrize("measure", [spearman, kendall])
def test_copies_of_a_case_are_no_evidence(measure):
    rng = np.random.default_rng(2)
    one = rng.normal(size=20)
    other = one + rng.normal(size=20)
    copied = measure(np.repeat(one, 5), np.repeat(other, 5), clusters=np.repeat(np.arange(20), 5).tolist())
    alone = measure(one, other)

    assert copied.n == 20
    assert copied.high - copied.low > 0.7 * (alone.high - alone.low)
    assert copied.method == "cluster BCa bootstrap"
