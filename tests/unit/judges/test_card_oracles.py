"""The figures of a whole card against scikit-learn, scipy and statsmodels, from the verdicts that the card keeps."""

from __future__ import annotations

import random

import numpy as np
import pytest
from judge_kit import RuleJudge
from scipy.stats import spearmanr
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss, cohen_kappa_score, recall_score, roc_auc_score
from statsmodels.stats.inter_rater import cohens_kappa

from promptship.judges import CardOptions, OpenJudge, gather_labels, make_card

QUICK = CardOptions(probes=False)


def lean(text: str) -> float:
    """Lean towards what people say, and be wrong at times; of ten different scores, so that there are ties."""
    drawn = random.Random(text).random()  # noqa: S311 - a made-up judge
    return round(0.35 * ("Thank" in text) + 0.65 * drawn, 1)


async def card_of(bench, rated, *, labels=None):
    file = bench.judge(rated, labels=labels, model="fast", threshold=0.5)
    return await make_card(OpenJudge(file=file, scorer=RuleJudge(lean)), gather_labels(file, root=bench.root), QUICK)


def columns(card):
    rows = [(float(mark.human), float(mark.judge), mark.score, mark.weight) for mark in card.marks]
    return np.asarray(rows, dtype=float).T


@pytest.fixture
def many():
    return [(f"{'Thank you' if place % 2 else 'Go'} {place}", "good" if place % 2 else "bad") for place in range(80)]


async def test_a_card_says_what_the_oracles_say(bench, many):
    card = await card_of(bench, many)
    human, judge, score, _ = columns(card)
    table = np.zeros((2, 2))
    np.add.at(table, (human.astype(int), judge.astype(int)), 1)
    rates, means = calibration_curve(human, score, n_bins=8, strategy="quantile")

    figures = {name: figure.estimate for name, figure in card.figures.items()}
    assert figures["kappa"] == pytest.approx(cohen_kappa_score(human, judge), abs=1e-9)
    assert figures["kappa"] == pytest.approx(cohens_kappa(table, return_results=False), abs=1e-9)
    assert figures["agreement"] == pytest.approx(accuracy_score(human, judge), abs=1e-9)
    assert figures["sensitivity"] == pytest.approx(recall_score(human, judge), abs=1e-9)
    assert figures["specificity"] == pytest.approx(recall_score(human, judge, pos_label=0), abs=1e-9)
    assert figures["auroc"] == pytest.approx(roc_auc_score(human, score), abs=1e-9)
    assert figures["brier"] == pytest.approx(brier_score_loss(human, score), abs=1e-9)
    assert figures["rank_correlation"] == pytest.approx(spearmanr(human, score).statistic, abs=1e-9)
    assert [one.good.estimate for one in card.reliability] == pytest.approx(rates.tolist(), abs=1e-9)
    assert [one.score for one in card.reliability] == pytest.approx(means.tolist(), abs=1e-9)


async def test_a_card_of_labels_with_propensities_says_what_the_oracles_say_with_weights(bench, many):
    labels = [
        bench.label(place, text, rating, source="escalation", propensity=0.2 + 0.1 * (place % 7))
        for place, (text, rating) in enumerate(many)
    ]
    card = await card_of(bench, many, labels=labels)
    human, judge, score, weights = columns(card)

    assert len(set(weights.round(9))) == 7
    figures = {name: figure.estimate for name, figure in card.figures.items()}
    assert figures["kappa"] == pytest.approx(cohen_kappa_score(human, judge, sample_weight=weights), abs=1e-9)
    assert figures["agreement"] == pytest.approx(accuracy_score(human, judge, sample_weight=weights), abs=1e-9)
    assert figures["auroc"] == pytest.approx(roc_auc_score(human, score, sample_weight=weights), abs=1e-9)
    assert figures["brier"] == pytest.approx(brier_score_loss(human, score, sample_weight=weights), abs=1e-9)
