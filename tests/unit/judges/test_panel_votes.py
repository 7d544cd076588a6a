"""What the recorded votes of a panel say of its members, with no label and no call."""

from __future__ import annotations

import numpy as np
import pytest

from promptship.domain import Score, Vote
from promptship.judges._panel_votes import measure_panel_votes
from promptship.stats import dawid_skene, effective_votes

VERDICTS = {1: "pass", 0: "fail", -1: "unscored"}


def score_of(row, *, definition="panel[majority-3]"):
    votes = []
    for place, said in enumerate(row):
        value = None if said < 0 else float(said)
        votes.append(Vote(criterion=f"j{place}", value=value, category=VERDICTS[int(said)]))
        # What a member's vote was made of is no vote of the panel, whatever it says.
        votes.append(Vote(criterion=f"j{place} / is-kind", value=1.0, category="pass"))
    return Score(value=None, definition=definition, votes=tuple(votes))


def rows_of(table, **given):
    return [(f"c{place}", score_of(row, **given)) for place, row in enumerate(table)]


def voters(accuracy, n, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    right = rng.random((n, len(accuracy))) < accuracy
    return np.where(right, truth[:, None], 1 - truth[:, None])


def test_weights_and_repetitions_are_those_of_the_votes():
    table = voters((0.9, 0.8, 0.7), 300)
    table[np.random.default_rng(1).random(table.shape) < 0.1] = -1
    table = table[(table >= 0).any(axis=1)]

    found = measure_panel_votes(rows_of(table))

    assert found.outputs == len(table)
    assert found.weights == pytest.approx(
        dict(zip(("j0", "j1", "j2"), dawid_skene(table).weights.tolist(), strict=True))
    )
    assert found.weights["j0"] > found.weights["j1"] > found.weights["j2"] > 0
    assert found.distinct == pytest.approx(effective_votes(table))
    assert [one.votes for one in found.members] == (table >= 0).sum(axis=0).tolist()
    assert [one.accuracy for one in found.members] == pytest.approx([0.9, 0.8, 0.7], abs=0.07)
    alike = [(row == row[0]).all() and row[0] >= 0 for row in table]
    assert found.unanimous.estimate == pytest.approx(np.mean(alike))
    assert found.unanimous.low < found.unanimous.estimate < found.unanimous.high


def test_copies_are_one_vote():
    table = np.repeat(voters((0.8,), 60), 3, axis=1)

    found = measure_panel_votes(rows_of(table))

    assert found.distinct == pytest.approx(1.0)
    assert found.unanimous.estimate == 1.0


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (voters((0.9, 0.8), 50), "3 members or more"),
        (voters((0.9, 0.8, 0.8), 19), "20 outputs or more; there are 19"),
        (np.ones((60, 3), dtype=int), "all but 0 are of one"),
    ],
)
def test_votes_that_say_nothing_of_the_members_give_no_weights_and_say_why(table, said):
    found = measure_panel_votes(rows_of(table))

    assert found.weights == {}
    assert said in found.reason
    assert all(one.accuracy is None for one in found.members)


def test_an_output_without_any_verdict_has_no_part():
    table = voters((0.9, 0.8, 0.7), 40)
    silent = np.full((10, 3), -1)

    assert measure_panel_votes(rows_of(np.concatenate([table, silent]))).outputs == 40
    assert measure_panel_votes(rows_of(silent)) is None


def test_other_judges_are_no_panel():
    assert measure_panel_votes(rows_of(voters((0.9,) * 3, 30), definition="llm-rubric[2]")) is None
    assert measure_panel_votes([("c", Score(value=1.0, definition="cascade[cheap]"))]) is None
