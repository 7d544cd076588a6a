"""Two judges, one scale: the difference holds the truth, and leniency is not taken for quality."""

import math

import numpy as np
import pytest

from promptship.errors import UnpairedScoresError, UsageError
from promptship.stats import bridged_difference, bridged_kappa, bridged_shift, cohen_kappa

RUNS = 600


def simulate(rng, *, n, bridged, lift, lenient, noise, kind):
    """One comparison: the true difference by the candidate's judge, and what is estimated."""
    hard = rng.normal(0, 1, n)
    quality = hard + rng.normal(0, 0.7, n), hard + lift + rng.normal(0, 0.7, n)

    def judge(quality, shift):
        seen = quality + shift + rng.normal(0, noise, n)
        return (seen > 0).astype(float) if kind == "marks" else 1 / (1 + np.exp(-seen))

    before, other, after = judge(quality[0], lenient), judge(quality[0], 0), judge(quality[1], 0)
    asked = np.zeros(n, dtype=bool)
    strata = np.flatnonzero(before >= 0.5), np.flatnonzero(before < 0.5)
    for rows in strata:
        share = max(round(bridged * len(rows) / n), min(len(rows), bridged // 4))
        asked[rng.choice(rows, min(len(rows), share), replace=False)] = True
    return bridged_difference(before, after, np.where(asked, other, np.nan))


def true_difference(lift, noise, kind):
    """By the candidate's judge over very many cases."""
    rng = np.random.default_rng(9)
    before, after = (rng.normal(at, math.sqrt(1.49 + noise**2), 2_000_000) for at in (0, lift))
    if kind == "marks":
        return float((after > 0).mean() - (before > 0).mean())
    return float((1 / (1 + np.exp(-after))).mean() - (1 / (1 + np.exp(-before))).mean())


@pytest.mark.parametrize("kind", ["marks", "scores"])
@pytest.mark.parametrize(("lift", "lenient", "noise"), [(0.0, 1.0, 0.5), (0.0, -0.6, 0.1), (0.5, 0.8, 1.0)])
@pytest.mark.parametrize(("n", "bridged"), [(200, 60), (80, 40)])
def test_the_interval_holds_the_truth(kind, lift, lenient, noise, n, bridged):
    rng = np.random.default_rng(4)
    truth = true_difference(lift, noise, kind)
    setting = {"n": n, "bridged": bridged, "lift": lift, "lenient": lenient, "noise": noise, "kind": kind}
    found = [simulate(rng, **setting) for _ in range(RUNS)]
    held = np.mean([one.interval().low <= truth <= one.interval().high for one in found])
    # Two standard errors of a share near .95 over the runs.
    assert held >= 0.93, held
    if lift == 0:
        assert np.mean([one.p_value() < 0.05 for one in found]) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / RUNS)


def test_without_the_bridge_equal_systems_would_be_called_different():
    rng = np.random.default_rng(0)
    found = [simulate(rng, n=200, bridged=60, lift=0, lenient=1.0, noise=0.5, kind="marks") for _ in range(200)]
    raw = [one.estimate + one.shift for one in found]
    assert np.mean(raw) < -0.2
    assert abs(np.mean([one.estimate for one in found])) < 0.02


def test_a_bridge_over_all_cases_is_the_comparison_by_one_judge():
    rng = np.random.default_rng(1)
    before, other, after = rng.random((3, 400))
    found = bridged_difference(before, after, other)
    plain = after - other
    assert found.estimate == pytest.approx(plain.mean(), abs=1e-12)
    assert found.error == pytest.approx(plain.std() / math.sqrt(400), rel=0.01)
    assert bridged_shift(before, other).low == pytest.approx(bridged_shift(before, other).high)


def test_the_formula_by_hand():
    before = np.array([1.0] * 30 + [0.0] * 30)
    after = np.array([1.0] * 45 + [0.0] * 15)
    other = np.full(60, np.nan)
    other[:10] = [1] * 8 + [0] * 2
    other[30:40] = 0
    found = bridged_difference(before, after, other)
    # Ten of each stratum of thirty: the shift is -.1, the raw difference .25.
    assert found.shift == pytest.approx(-0.1)
    assert found.estimate == pytest.approx(0.35)
    changed, stayed = 3 / 12, 1 / 12
    bridge = 0.25 * (2 / 3) * (changed * (1 - changed) + stayed * (1 - stayed)) / 10
    wins, losses = (0.6 * 20 + 1) / 22, 1 / 22
    pairs = (wins + losses - (wins - losses) ** 2) / 60
    assert found.error == pytest.approx(math.sqrt(bridge + pairs), abs=1e-12)
    assert found.freedom == 18


def test_the_p_value_and_the_bounds_are_of_one_kind():
    rng = np.random.default_rng(3)
    found = simulate(rng, n=200, bridged=60, lift=-0.4, lenient=1.0, noise=0.3, kind="marks")
    p = found.p_value("worse")
    assert found.interval(1 - p, "upper").high == pytest.approx(0, abs=1e-9)
    assert found.p_value("better") == pytest.approx(1 - p)
    assert found.interval(side="lower").high == 1
    assert found.interval(side="upper").low == -1


def test_cases_of_one_origin_widen_the_interval():
    before, after = np.tile([1.0, 1.0, 0.0, 0.0], 20), np.repeat([1.0, 0.0, 1.0, 1.0], 20)
    other = before.copy()
    alone = bridged_difference(before, after, other)
    together = bridged_difference(before, after, other, clusters=[row // 20 for row in range(80)])
    assert together.error > 2 * alone.error


def test_kappa_of_two_judges_holds_that_of_all_cases():
    rng = np.random.default_rng(5)
    before = (rng.random(4000) < 0.7).astype(float)
    other = np.where(rng.random(4000) < 0.15, 1 - before, before)
    asked = rng.random(4000) < 0.1
    found = bridged_kappa(before, np.where(asked, other, np.nan))
    assert found.low < cohen_kappa(before.tolist(), other.tolist()) < found.high
    same = bridged_kappa(before, np.where(asked, before, np.nan))
    assert same.low < 1
    assert same.high > 0.98


def test_what_a_bridge_cannot_tell_is_refused():
    few = np.where(np.arange(40) < 19, 1.0, np.nan)
    with pytest.raises(UsageError, match="19 cases were looked at by both judges; expected at least 20"):
        bridged_difference(np.ones(40), np.ones(40), few)
    with pytest.raises(UnpairedScoresError):
        bridged_shift(np.ones(40), np.ones(39))
    with pytest.raises(UsageError, match="verdicts"):
        bridged_kappa(np.full(40, 0.3), np.ones(40))
