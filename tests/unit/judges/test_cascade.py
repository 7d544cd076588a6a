"""Cascades: the cheap judge first, the dear one where it abstains."""

from __future__ import annotations

import numpy as np
import pytest

from promptship.domain import CardMark
from promptship.errors import UnpairedScoresError, UsageError
from promptship.judges import CascadeStage, cascade_frontier, run_cascade, stages_of


def made(n=400, seed=0):
    """A cheap judge that knows when it is sure, and a dear one that is nearly always right."""
    rng = np.random.default_rng(seed)
    human = rng.integers(0, 2, n).astype(float)
    sure = rng.uniform(0, 1, n)
    cheap = np.where(rng.uniform(size=n) < 0.5 + sure / 2, human, 1 - human)
    dear = np.where(rng.uniform(size=n) < 0.97, human, 1 - human)
    stages = [
        CascadeStage(name="cheap", good=cheap, sure=sure, cost=1),
        CascadeStage(name="dear", good=dear, sure=np.ones(n), cost=100),
    ]
    return stages, human, [f"c{place}" for place in range(n)]


def test_each_stage_decides_what_it_is_sure_of_and_hands_on_the_rest():
    nan = float("nan")
    stages = [
        CascadeStage(name="one", good=np.asarray([1.0, 0, nan, 1]), sure=np.asarray([0.9, 0.2, 0.9, 0.5]), cost=1),
        CascadeStage(name="two", good=np.asarray([0.0, 1, 0, nan]), sure=np.ones(4), cost=10),
    ]

    verdicts, asked = run_cascade(stages, [0.6, -np.inf])

    assert verdicts[:3].tolist() == [1, 1, 0]
    assert np.isnan(verdicts[3])
    assert asked.tolist() == [0, 1, 1, 1]


def test_a_cascade_saves_where_the_cheap_judge_knows_when_it_is_sure():
    points = {point.error: point for point in cascade_frontier(*made(), errors=(0.02, 0.1))}

    assert points[0.1].cost < 75
    assert points[0.1].reached[0] == 1
    assert points[0.1].agreement.estimate > 0.88
    assert points[0.1].cost < points[0.02].cost
    assert points[0.02].agreement.estimate > 0.93


def test_a_cheap_judge_that_guesses_decides_nothing():
    stages, human, clusters = made()
    guess = CascadeStage(name="guess", good=np.resize([0.0, 1.0], len(human)), sure=np.ones(len(human)), cost=1)

    point = cascade_frontier([guess, stages[1]], human, clusters, errors=(0.1,))[0]

    assert point.reached == (1.0, 1.0)
    assert point.cost == pytest.approx(101)


def test_the_error_of_the_cheap_stage_is_kept_on_items_it_had_not_seen():
    errors = []
    for seed in range(30):
        stages, human, clusters = made(seed=seed)
        silent = CascadeStage(name="none", good=np.full(len(human), np.nan), sure=np.zeros(len(human)), cost=0)
        point = cascade_frontier([stages[0], silent], human, clusters, errors=(0.1,))[0]
        if point.coverage.estimate:
            errors.append(1 - point.agreement.estimate)

    assert len(errors) > 20
    assert np.mean(errors) <= 0.1 + 3 * np.std(errors) / np.sqrt(len(errors))


def test_judges_without_common_labels_are_refused():
    class Card:
        name = "x"
        marks = (CardMark(case="a", output_digest="sha256:1", human=True, judge=True),)

    with pytest.raises(UnpairedScoresError, match="share 1 labelled items"):
        stages_of([Card(), Card()], [1, 2])
    with pytest.raises(UsageError, match="1 judges and 1 costs"):
        stages_of([Card()], [1])
