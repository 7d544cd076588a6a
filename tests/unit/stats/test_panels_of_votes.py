"""Dawid and Skene on their own data, and what correlated votes are worth."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.errors import StatisticsError, UnpairedScoresError, UsageError
from promptship.stats import dawid_skene, effective_votes

# Dawid and Skene (1979), table 1: 45 patients by five anaesthetists, of whom the first judged three times.
ANAESTHETISTS = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 1211111
1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121
1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
"""
WHO = [1, 1, 1, 2, 3, 4, 5]


def patients():
    return np.asarray([[int(digit) - 1 for digit in row] for row in ANAESTHETISTS.split()])


def voters(sensitivity, specificity, n=4000, seed=0):
    """Raters who err independently given the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.6
    chance = np.where(truth[:, None], sensitivity, 1 - np.asarray(specificity))
    return truth.astype(int), (rng.random((n, len(sensitivity))) < chance).astype(int)


def by_definition(votes, classes, rounds, smoothing):
    """The same expectation-maximisation, product by product, for raters of one column each."""
    items, raters = votes.shape
    guess = [[sum(v == c for v in row) / sum(v >= 0 for v in row) for c in range(classes)] for row in votes]
    for _ in range(rounds):
        share = [(sum(g[c] for g in guess) + smoothing) / (items + classes * smoothing) for c in range(classes)]
        table = np.zeros((raters, classes, classes))
        for r in range(raters):
            for c in range(classes):
                row = [sum(g[c] for g, v in zip(guess, votes, strict=True) if v[r] == said) + smoothing
                       for said in range(classes)]  # fmt: skip
                table[r, c] = np.asarray(row) / sum(row)
        for i, row in enumerate(votes):
            joint = [share[c] * math.prod(table[r, c, v] for r, v in enumerate(row) if v >= 0) for c in range(classes)]
            guess[i] = [one / sum(joint) for one in joint]
    return np.asarray(guess), table, np.asarray(share)


def test_the_anaesthetists_of_dawid_and_skene():
    """Their table 2: the marginals, and the errors of the first observer for the two common classes."""
    found = dawid_skene(patients(), classes=4, raters=WHO, smoothing=0)

    assert found.raters == (1, 2, 3, 4, 5)
    assert found.prevalence == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.005)
    assert found.confusions[0][:2] == pytest.approx(np.asarray([[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0]]), abs=0.005)
    assert found.confusions[0][2] == pytest.approx([0, 0.34, 0.66, 0], abs=0.005)
    assert found.converged


@pytest.mark.parametrize("smoothing", [0.5, 1.0])
def test_each_round_is_the_formulas_written_out(smoothing):
    votes = np.random.default_rng(4).integers(-1, 3, (30, 4))
    votes[:, 0] = np.random.default_rng(5).integers(0, 3, 30)

    for rounds in (1, 7):
        found = dawid_skene(votes, classes=3, smoothing=smoothing, most_rounds=rounds, tolerance=1e-300)
        posteriors, confusions, prevalence = by_definition(votes, 3, rounds, smoothing)
        assert found.posteriors == pytest.approx(posteriors, abs=1e-9)
        assert found.confusions == pytest.approx(confusions, abs=1e-9)
        assert found.prevalence == pytest.approx(prevalence, abs=1e-9)


def test_every_round_makes_the_votes_likelier():
    votes = patients()
    likely = [
        dawid_skene(votes, classes=4, raters=WHO, smoothing=0, most_rounds=rounds).log_likelihood
        for rounds in range(1, 26)
    ]

    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(likely))
    assert likely[-1] > likely[0]


def test_votes_alone_say_how_often_each_rater_is_right():
    sensitivity, specificity = (0.9, 0.8, 0.7, 0.95), (0.85, 0.9, 0.6, 0.7)
    truth, votes = voters(sensitivity, specificity)
    votes[np.random.default_rng(3).random(votes.shape) < 0.1] = -1
    votes = votes[(votes >= 0).any(axis=1)]

    found = dawid_skene(votes)

    assert found.confusions[:, 1, 1] == pytest.approx(sensitivity, abs=0.03)
    assert found.confusions[:, 0, 0] == pytest.approx(specificity, abs=0.03)
    assert found.prevalence[1] == pytest.approx(truth.mean(), abs=0.03)


def test_one_mind_of_three_is_right_but_not_for_certain():
    """By hand: all agree on 6 and 4 items, and one imagined vote of each kind is added."""
    votes = [[1, 1, 1]] * 6 + [[0, 0, 0]] * 4

    found = dawid_skene(votes)

    assert found.confusions[:, 1, 1] == pytest.approx([7 / 8] * 3, abs=0.01)
    assert found.confusions[:, 0, 0] == pytest.approx([5 / 6] * 3, abs=0.01)
    assert found.classes.tolist() == [1] * 6 + [0] * 4


def test_a_rater_who_guesses_weighs_nothing_and_the_others_their_log_odds():
    _, votes = voters((0.9, 0.9, 0.9, 0.5), (0.9, 0.9, 0.9, 0.5), n=20_000)

    weights = dawid_skene(votes).weights

    assert weights[3] < 0.05
    assert weights[:3] == pytest.approx(np.log(9), abs=0.15)


def test_the_weight_of_a_rater_of_four_classes_is_zero_at_a_quarter():
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 4, 8_000)
    right = rng.random((8_000, 4)) < [0.9, 0.9, 0.8, 0.0]
    votes = np.where(right, truth[:, None], (truth[:, None] + rng.integers(1, 4, right.shape)) % 4)
    votes[:, 3] = rng.integers(0, 4, 8_000)

    weights = dawid_skene(votes, classes=4).weights

    assert weights == pytest.approx([math.log(0.9 * 3 / 0.1)] * 2 + [math.log(0.8 * 3 / 0.2), 0], abs=0.15)


@given(
    st.integers(2, 3).flatmap(
        lambda k: st.tuples(
            st.just(k),
            st.lists(st.lists(st.integers(0, k - 1), min_size=3, max_size=3), min_size=2, max_size=15),
            st.randoms(use_true_random=False),
        )
    )
)
@settings(max_examples=40, deadline=None)
def test_shares_sum_to_one_and_the_order_of_items_and_raters_does_not_matter(drawn):
    classes, rows, random = drawn
    votes = np.asarray(rows)
    items, columns = random.sample(range(len(votes)), len(votes)), random.sample(range(3), 3)

    found = dawid_skene(votes, classes=classes, most_rounds=30)
    moved = dawid_skene(votes[np.ix_(items, columns)], classes=classes, most_rounds=30)

    for part in (found.posteriors, found.confusions, found.prevalence):
        assert part.sum(axis=-1) == pytest.approx(1.0)
        assert (part >= 0).all()
    assert moved.posteriors == pytest.approx(found.posteriors[items], abs=1e-6)
    assert moved.weights == pytest.approx(found.weights[columns], abs=1e-6)


def test_hundreds_of_raters_do_not_underflow():
    _, votes = voters((0.6,) * 600, (0.6,) * 600, n=50)

    found = dawid_skene(votes)

    assert np.isfinite(found.posteriors).all()
    assert np.isfinite(found.log_likelihood)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: dawid_skene([[0, 1]] * 9), StatisticsError, "three or more"),
        (lambda: dawid_skene([[0, 1, 1]] * 9, raters="aab"), StatisticsError, "2 raters"),
        (lambda: dawid_skene([[0, 1, 1]], raters="ab"), UnpairedScoresError, "2 raters for 3 columns"),
        (lambda: dawid_skene([[0, 1, 1], [-1, -1, -1]]), StatisticsError, "item 1 has no vote"),
        (lambda: dawid_skene([[0, 1, 2]]), UsageError, "rater 2 on item 0 is 2; expected 0 to 1"),
        (lambda: dawid_skene([[0, 1, -2]]), UsageError, "is -2"),
        (lambda: dawid_skene([[0.0, 1.0, math.nan]]), UsageError, "float64"),
        (lambda: dawid_skene([[0, 1, 1], [0, 1]]), UsageError, "different numbers of votes"),
        (lambda: dawid_skene([]), UsageError, r"shape \(0,\)"),
        (lambda: dawid_skene([[0, 1, 1]], classes=1), UsageError, "1 classes"),
        (lambda: dawid_skene([[0, 1, 1]], smoothing=-1), UsageError, "smoothing -1"),
        (lambda: effective_votes([[1], [0]]), UsageError, "no panel"),
        (lambda: effective_votes([[1, 2], [0, 1]], classes=3), UsageError, "without the truth"),
        (lambda: effective_votes([[1, 1], [0, 1]], truth=[1]), UnpairedScoresError, "1 truths and 2 items"),
    ],
)
def test_what_cannot_be_answered_says_why(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_copies_are_one_vote_and_strangers_are_as_many_as_they_are():
    truth, votes = voters((0.8,) * 5, (0.8,) * 5, n=20_000)

    assert effective_votes(np.repeat(votes[:, :1], 5, axis=1), truth=truth) == pytest.approx(1.0)
    assert effective_votes(votes, truth=truth) == pytest.approx(5.0, rel=0.05)


@pytest.mark.parametrize(("shared", "expected"), [(0.5, 3 / 2), (0.25, 2.0)])
def test_errors_that_are_shared_at_times_are_worth_what_kish_says(shared, expected):
    """Source: k / (1 + (k - 1) r) of three raters whose errors are one and the same with probability r."""
    rng = np.random.default_rng(2)
    own, common = rng.random((200_000, 3)) < 0.3, rng.random((200_000, 1)) < 0.3
    # Two who copy with probability c each share an error with probability c squared.
    wrong = np.where(rng.random((200_000, 3)) < shared**0.5, common, own).astype(int)

    assert effective_votes(wrong, truth=np.zeros(200_000, dtype=int)) == pytest.approx(expected, rel=0.03)


def test_the_correlation_is_that_of_numpy_over_pairs_that_both_voted_on():
    rng = np.random.default_rng(6)
    votes = rng.integers(-1, 2, (60, 3))
    truth = rng.integers(0, 2, 60)
    found = []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        both = (votes[:, one] >= 0) & (votes[:, other] >= 0)
        wrong = [(votes[both, rater] != truth[both]).astype(float) for rater in (one, other)]
        found.append(np.corrcoef(*wrong)[0, 1])

    assert effective_votes(votes, truth=truth) == pytest.approx(3 / (1 + 2 * np.mean(found)), abs=1e-9)


def test_without_the_truth_agreement_on_it_counts_as_repetition():
    truth, votes = voters((0.8,) * 4, (0.8,) * 4, n=20_000)

    found = effective_votes(votes)

    assert 1 < found < effective_votes(votes, truth=truth)
    assert effective_votes(np.repeat(votes[:, :1], 4, axis=1)) == pytest.approx(1.0)


def test_an_item_of_unknown_truth_has_no_part():
    _, votes = voters((0.8,) * 3, (0.8,) * 3, n=500)
    truth = np.ones(500, dtype=int)
    truth[250:] = -1

    assert effective_votes(votes, truth=truth) == pytest.approx(effective_votes(votes[:250], truth=truth[:250]))


def test_errors_that_nobody_makes_have_no_correlation():
    assert effective_votes(np.zeros((50, 3), dtype=int), truth=np.zeros(50, dtype=int)) is None
    assert effective_votes(np.ones((50, 3), dtype=int)) is None


def test_errors_that_exclude_each_other_are_worth_more_than_any_number():
    votes = np.tile(np.eye(2, dtype=int), (20, 1))

    assert effective_votes(votes, truth=np.zeros(40, dtype=int)) == float("inf")
