"""What judges are worth together: correlated errors, weights without labels, and rules measured on labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.domain import CardMark, Vote
from promptship.errors import UsageError
from promptship.judges import measure_panel
from promptship.judges._panel import _majority, _unanimous
from promptship.scorers._judging.members import reduce_votes

VERDICTS = {1.0: "pass", 0.0: "fail"}


def voters(sensitivity, specificity, n=4000, seed=0):
    """Judges who err independently given the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.6
    chance = np.where(truth[:, None], sensitivity, 1 - np.asarray(specificity))
    return truth, (rng.random((n, len(sensitivity))) < chance).astype(float)


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


@given(st.integers(0, 10_000), st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_rules_are_those_of_the_panel_itself(seed, judges):
    """What a card says of a majority is what the scorer `panel` makes of the same verdicts."""
    rng = np.random.default_rng(seed)
    votes = rng.choice([0.0, 1.0, np.nan], size=(20, judges))
    for rule, reducer in ((lambda v: _majority(v, np.ones(judges)), "majority"), (_unanimous, "unanimous")):
        for row, found in zip(votes, rule(votes), strict=True):
            cast = [
                Vote(criterion=str(place), value=None if np.isnan(one) else one, category=VERDICTS.get(one, "unscored"))
                for place, one in enumerate(row)
            ]
            passed = reduce_votes(cast, [1.0] * judges, reducer).passed
            assert passed is None if np.isnan(found) else passed == bool(found)
