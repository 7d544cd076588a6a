"""Agreement, calibration and conformal abstention against scikit-learn, statsmodels and mapie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapie.metrics.calibration import expected_calibration_error as mapie_calibration_error
from mapie.risk_control.methods import get_r_hat_plus
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, cohen_kappa_score, roc_auc_score
from statsmodels.stats.inter_rater import cohens_kappa

from promptship.errors import StatisticsError, UnpairedScoresError, UsageError
from promptship.stats import (
    auroc,
    brier_score,
    cohen_kappa,
    expected_calibration_error,
    fit_isotonic,
    fit_platt,
    reliability_curve,
    split_conformal_threshold,
)

SEEDS = st.integers(0, 100_000)


def sample(n, seed, *, levels=None):
    """Scores, of `levels` different ones where it is given; labels that lean on them; weights."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(size=n) if levels is None else rng.integers(0, levels, n) / (levels - 1)
    labels = (rng.uniform(size=n) < 0.15 + 0.7 * scores**2).astype(float)
    labels[:2] = 0, 1
    return scores, labels, rng.uniform(0.5, 3, n)


@given(SEEDS, st.sampled_from([None, "linear", "quadratic"]), st.integers(2, 5))
@settings(max_examples=60, deadline=None)
def test_kappa_is_that_of_scikit_learn_and_of_statsmodels(seed, weights, classes):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, classes, (2, 40))
    one[:classes] = np.arange(classes)
    table = np.zeros((classes, classes))
    np.add.at(table, (one, other), 1)

    found = cohen_kappa(one.tolist(), other.tolist(), weights=weights)

    assert found == pytest.approx(cohen_kappa_score(one, other, weights=weights), abs=1e-9)
    assert found == pytest.approx(cohens_kappa(table, wt=weights, return_results=False), abs=1e-9)


@given(SEEDS, st.booleans())
@settings(max_examples=25, deadline=None)
def test_platt_is_logistic_regression_on_his_targets_without_penalty(seed, weighted):
    scores, labels, weights = sample(120, seed)
    counted = weights if weighted else np.ones(120)
    good, bad = counted[labels > 0].sum(), counted[labels <= 0].sum()
    target = np.where(labels > 0, (good + 1) / (good + 2), 1 / (bad + 2))
    # A target between 0 and 1 is one item of either label with that much weight.
    theirs = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-14, max_iter=1_000).fit(
        np.tile(scores, 2)[:, None],
        np.repeat([1, 0], 120),
        sample_weight=np.concatenate([counted * target, counted * (1 - target)]),
    )

    ours = fit_platt(scores, labels, weights=weights.tolist() if weighted else None)

    grid = np.linspace(-0.5, 1.5, 41)
    assert ours.apply(grid) == pytest.approx(theirs.predict_proba(grid[:, None])[:, 1], abs=1e-9)
    assert [ours.slope, ours.offset] == pytest.approx([theirs.coef_[0, 0], theirs.intercept_[0]], abs=1e-7)


@given(SEEDS, st.sampled_from([None, 3, 12]))
@settings(max_examples=40, deadline=None)
def test_isotonic_is_that_of_scikit_learn_between_and_beyond_its_knots(seed, levels):
    scores, labels, weights = sample(80, seed, levels=levels)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels, sample_weight=weights)

    ours = fit_isotonic(scores, labels, weights=weights.tolist())

    grid = np.concatenate([scores, np.linspace(-0.5, 1.5, 101)])
    assert ours.apply(grid) == pytest.approx(theirs.predict(grid), abs=1e-9)


@given(SEEDS, st.sampled_from([None, 4, 15]), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_the_reliability_curve_is_that_of_scikit_learn(seed, levels, bins):
    scores, labels, _ = sample(90, seed, levels=levels)
    rates, means = calibration_curve(labels, scores, n_bins=bins, strategy="quantile")

    found = reliability_curve(scores, labels, bins=bins)

    assert [one.rate for one in found] == pytest.approx(rates.tolist(), abs=1e-9)
    assert [one.score for one in found] == pytest.approx(means.tolist(), abs=1e-9)
    assert sorted(place for one in found for place in one.places) == list(range(90))
    error = sum(one.weight * abs(one.rate - one.score) for one in found) / 90
    assert expected_calibration_error(scores, labels, bins=bins) == pytest.approx(error, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_calibration_error_is_mapies_where_its_bins_are_ours(seed):
    """Mapie cuts an order into equal parts as ours does where no scores are equal and the parts come out even."""
    scores, labels, _ = sample(100, seed)
    order = np.argsort(scores)

    theirs = mapie_calibration_error(labels[order], scores[order], num_bins=10, split_strategy="array split")

    assert expected_calibration_error(scores, labels, bins=10) == pytest.approx(theirs, abs=1e-9)


@given(SEEDS, st.sampled_from([None, 3, 10]))
@settings(max_examples=60, deadline=None)
def test_auroc_and_brier_are_those_of_scikit_learn(seed, levels):
    scores, labels, weights = sample(60, seed, levels=levels)

    assert auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-9)
    weighed = roc_auc_score(labels, scores, sample_weight=weights)
    assert auroc(scores, labels, weights=weights) == pytest.approx(weighed, abs=1e-9)
    assert brier_score(scores, labels) == pytest.approx(brier_score_loss(labels, scores), abs=1e-9)
    weighed = brier_score_loss(labels, scores, sample_weight=weights)
    assert brier_score(scores, labels, weights=weights) == pytest.approx(weighed, abs=1e-9)


@given(SEEDS, st.sampled_from([None, 6, 30]), st.sampled_from([0.05, 0.1, 0.25]))
@settings(max_examples=60, deadline=None)
def test_the_conformal_threshold_is_the_least_whose_risk_mapie_bounds_by_the_level(seed, levels, error):
    """Mapie's conformal risk control, of the answers that each threshold lets through."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(size=150) if levels is None else rng.integers(0, levels, 150) / levels
    right = (rng.uniform(size=150) < 0.6 + 0.4 * sure).astype(float)

    def bound(least):
        losses = 1 - right[sure >= least]
        return get_r_hat_plus(losses[:, None], np.asarray([least]), "crc", None, None, None)[1][0]

    kept = [least for least in np.unique(sure) if bound(least) <= error + 1e-12]

    assert split_conformal_threshold(sure, right, error=error) == (min(kept) if kept else None)


def test_an_item_of_weight_two_counts_twice():
    scores, labels = [0.9, 0.3, 0.5, 0.1, 0.3], [1, 1, 0, 0, 1]

    assert auroc(scores[:4], labels[:4], weights=[1, 2, 1, 1]) == pytest.approx(auroc(scores, labels))
    twice = expected_calibration_error(scores[:4], labels[:4], bins=1, weights=[1, 2, 1, 1])
    assert twice == pytest.approx(expected_calibration_error(scores, labels, bins=1))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: auroc([0.1, 0.2], [1, 1]), StatisticsError, "all 2 labels are 1"),
        (lambda: auroc([0.1, 0.2], [1, 0], weights=[1, 0]), UsageError, "not above 0"),
        (lambda: brier_score([0.1, 0.2], [1, 2]), UsageError, "not all 0 or 1"),
        (lambda: brier_score([0.1], [1, 0]), UnpairedScoresError, "1 scores, 2 labels"),
        (lambda: reliability_curve([0.1, 0.2], [1, 0], bins=0), UsageError, "0 bins"),
        (lambda: expected_calibration_error([np.nan], [1]), UsageError, "finite"),
    ],
)
def test_bad_scores_get_a_sentence(call, error, said):
    with pytest.raises(error, match=said):
        call()
