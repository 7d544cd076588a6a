"""Maps from scores to probabilities, against scipy, and conformal abstention by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import isotonic_regression, minimize

from promptship.errors import UnpairedScoresError, UsageError
from promptship.stats import Calibration, fit_isotonic, fit_platt, split_conformal_threshold


def sample(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.uniform(size=n)
    return scores, (rng.uniform(size=n) < scores**2).astype(float)


def test_platt_minimises_the_cross_entropy_of_its_targets():
    scores, labels = sample(200)
    found = fit_platt(scores, labels)
    good = labels.sum()
    target = np.where(labels > 0, (good + 1) / (good + 2), 1 / (len(labels) - good + 2))

    def loss(point: np.ndarray) -> float:
        reach = point[0] * scores + point[1]
        return float((np.logaddexp(0, reach) - target * reach).sum())

    best = minimize(loss, [0.0, 0.0], tol=1e-14)
    assert loss(np.asarray([found.slope, found.offset])) <= best.fun + 1e-9
    assert [found.slope, found.offset] == pytest.approx(best.x.tolist(), abs=1e-4)


def test_platt_stays_finite_where_scores_separate_the_classes():
    found = fit_platt([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])

    assert 0.5 < found.apply([0.9])[0] < 0.95


def test_isotonic_agrees_with_scipy():
    scores, labels = sample(300, seed=2)
    weights = np.random.default_rng(1).uniform(0.5, 2, 300)
    order = np.argsort(scores)

    found = fit_isotonic(scores, labels, weights=weights.tolist())

    expected = isotonic_regression(labels[order], weights=weights[order]).x
    assert found.apply(scores[order]) == pytest.approx(expected, abs=1e-9)


def test_isotonic_pools_equal_scores():
    found = fit_isotonic([0.5, 0.5, 0.5, 0.9], [1, 0, 0, 1])

    assert found.apply([0.5, 0.9, 2.0, -1.0]).tolist() == pytest.approx([1 / 3, 1, 1, 1 / 3])


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])
def test_a_map_survives_json(fit):
    found = fit(*sample(50))

    assert Calibration.from_json(found.as_json()) == found


@pytest.mark.parametrize(
    "value", [None, {}, {"method": "tree"}, {"method": "isotonic", "scores": [2, 1], "probabilities": [0, 1]}]
)
def test_what_is_no_map_is_refused(value):
    with pytest.raises(UsageError, match="no calibration map"):
        Calibration.from_json(value)


def test_labels_of_one_class_fit_nothing():
    with pytest.raises(UsageError, match="all 3 labels are 1"):
        fit_platt([0.1, 0.2, 0.3], [1, 1, 1])
    with pytest.raises(UnpairedScoresError):
        fit_isotonic([0.1, 0.2], [1, 0, 1])


def test_conformal_abstention_keeps_the_error_over_a_thousand_splits():
    rng = np.random.default_rng(7)
    errors, answered = [], 0
    for _ in range(1_000):
        sure = rng.uniform(0.5, 1, size=400)
        right = (rng.uniform(size=400) < sure).astype(float)
        threshold = split_conformal_threshold(sure[:200], right[:200], error=0.1)
        kept = sure[200:] >= threshold if threshold is not None else np.zeros(200, dtype=bool)
        answered += int(kept.sum())
        errors.append(0.0 if not kept.any() else 1 - right[200:][kept].mean())

    assert answered > 20_000
    assert np.mean(errors) <= 0.1 + 3 * np.std(errors) / np.sqrt(len(errors))


def test_nothing_is_answered_where_no_level_can_be_kept():
    assert split_conformal_threshold([0.9, 0.8], [1, 1], error=0.1) is None
    assert split_conformal_threshold([0.9] * 30, [1] * 30, error=0.1) == 0.9
