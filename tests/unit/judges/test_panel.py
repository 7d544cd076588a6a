"""What judges are worth together: correlated errors, weights without labels, and rules measured on labels."""

from __future__ import annotations

import numpy as np
import pytest

from promptship.domain import CardMark
from promptship.errors import UsageError
from promptship.judges import dawid_skene, effective_votes, measure_panel


def voters(sensitivity, specificity, n=4000, seed=0):
    """Judges who err independently given the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.6
    chance = np.where(truth[:, None], sensitivity, 1 - np.asarray(specificity))
    return truth, (rng.random((n, len(sensitivity))) < chance).astype(float)


def test_copies_are_one_vote_and_strangers_are_as_many_as_they_are():
    rng = np.random.default_rng(1)
    wrong = (rng.random((20_000, 5)) < 0.2).astype(float)

    assert effective_votes(np.repeat(wrong[:, :1], 5, axis=1)) == pytest.approx(1.0)
    assert effective_votes(wrong) == pytest.approx(5.0, rel=0.05)


@pytest.mark.parametrize(("shared", "expected"), [(0.5, 3 / 2), (0.25, 2.0)])
def test_errors_that_are_shared_at_times_are_worth_what_kish_says(shared, expected):
    """Source: k / (1 + (k - 1) r) of three judges whose errors are one and the same with probability r."""
    rng = np.random.default_rng(2)
    own, common = rng.random((200_000, 3)) < 0.3, rng.random((200_000, 1)) < 0.3
    # Two who copy with probability c each share an error with probability c squared.
    wrong = np.where(rng.random((200_000, 3)) < shared**0.5, common, own).astype(float)

    assert effective_votes(wrong) == pytest.approx(expected, rel=0.03)


def test_without_errors_no_correlation_is_known():
    assert effective_votes(np.zeros((50, 3))) is None


def test_errors_that_exclude_each_other_are_worth_more_than_any_number():
    wrong = np.tile(np.eye(2), (20, 1))

    assert effective_votes(wrong) == float("inf")


def test_votes_alone_say_how_often_each_judge_is_right():
    sensitivity, specificity = (0.9, 0.8, 0.7, 0.95), (0.85, 0.9, 0.6, 0.7)
    truth, votes = voters(sensitivity, specificity)
    votes[np.random.default_rng(3).random(votes.shape) < 0.1] = np.nan
    votes = votes[~np.isnan(votes).all(axis=1)]

    found = dawid_skene(votes)

    assert found.sensitivity == pytest.approx(sensitivity, abs=0.03)
    assert found.specificity == pytest.approx(specificity, abs=0.03)
    assert found.prevalence == pytest.approx(truth.mean(), abs=0.03)


def test_two_votes_by_hand():
    """One step by hand from the majority, so that the formulas are those of Dawid and Skene (1979)."""
    votes = np.asarray([[1.0, 1, 1]] * 6 + [[0.0, 0, 0]] * 4)

    found = dawid_skene(votes)

    assert found.sensitivity == pytest.approx([7 / 8] * 3, abs=0.01)
    assert found.specificity == pytest.approx([5 / 6] * 3, abs=0.01)
    assert (found.good > 0.5).tolist() == [True] * 6 + [False] * 4


def test_a_judge_that_guesses_weighs_nothing():
    _, votes = voters((0.9, 0.9, 0.9, 0.5), (0.9, 0.9, 0.9, 0.5), n=20_000)

    weights = dawid_skene(votes).weights

    assert weights[3] < 0.05
    assert weights[:3] == pytest.approx(np.log(9), abs=0.15)


def test_judges_that_mostly_agree_are_no_evidence_from_one_or_two():
    with pytest.raises(UsageError, match="three or more"):
        dawid_skene(np.ones((20, 2)))
    with pytest.raises(UsageError, match="no vote at all"):
        dawid_skene(np.full((20, 3), np.nan))


class Card:
    """The part of a card that panels read."""

    def __init__(self, name, verdicts, truth):
        self.name = name
        self.marks = [
            CardMark(
                case=f"c{place}",
                output_digest="sha256:1",
                human=bool(human),
                judge=None if np.isnan(verdict) else bool(verdict),
            )
            for place, (verdict, human) in enumerate(zip(verdicts, truth, strict=True))
        ]


def test_independent_judges_are_better_together_and_copies_are_not():
    truth, votes = voters((0.8, 0.8, 0.8), (0.8, 0.8, 0.8), n=600)
    strangers = measure_panel([Card(f"j{place}", votes[:, place], truth) for place in range(3)])
    copies = measure_panel([Card(f"j{place}", votes[:, 0], truth) for place in range(3)])

    together = {rule.name: rule for rule in strangers.together}
    best = max(rule.agreement.estimate for rule in strangers.alone)
    assert together["majority"].agreement.low > best
    assert together["unanimous"].agreement.estimate > together["majority"].agreement.estimate
    assert together["unanimous"].coverage.estimate < 1
    assert strangers.effective > 2.5
    assert copies.effective == pytest.approx(1.0)
    assert copies.together[0].agreement == copies.alone[0].agreement


def test_a_missing_verdict_is_neither_side():
    truth = np.asarray([1.0] * 30)
    votes = np.column_stack([truth, truth, np.full(30, np.nan)])
    found = measure_panel([Card(f"j{place}", votes[:, place], truth) for place in range(3)])

    rules = {rule.name: rule.coverage.estimate for rule in found.together}
    assert rules["majority"] == 1.0
    assert rules["unanimous"] == 0.0


def test_one_judge_is_no_panel():
    with pytest.raises(UsageError, match="no panel"):
        measure_panel([Card("a", np.ones(30), np.ones(30))])
