"""Figures against published examples and against scipy and statsmodels."""

import math

import numpy as np
import pytest
import scipy.stats as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from promptship import stats

COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_rates_agree_with_statsmodels(counts, confidence):
    passed, n = counts
    for ours, method in ((stats.wilson, "wilson"), (stats.clopper_pearson, "beta")):
        found = ours(passed, n, confidence=confidence)
        low, high = proportion_confint(passed, n, alpha=1 - confidence, method=method)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@given(COUNTS)
def test_a_one_sided_bound_is_an_end_of_the_two_sided_interval_at_twice_the_level(counts):
    passed, n = counts
    both = stats.wilson(passed, n, confidence=0.9)
    assert stats.wilson(passed, n, side="lower").low == pytest.approx(both.low, abs=1e-12)
    assert stats.wilson(passed, n, side="upper").high == pytest.approx(both.high, abs=1e-12)
    assert stats.wilson(passed, n, side="lower").high == 1.0


def test_wilson_of_newcombes_first_example():
    """Newcombe (1998), Statistics in Medicine 17(8), table I: 81 of 263."""
    found = stats.wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    exact = stats.clopper_pearson(81, 263)
    assert (round(exact.low, 4), round(exact.high, 4)) == (0.2527, 0.3676)


def test_the_bound_of_nothing_seen_is_the_exact_one_sided_limit():
    for n in (1, 10, 100, 3000):
        assert stats.zero_events_upper(n) == pytest.approx(stats.clopper_pearson(0, n, side="upper").high, abs=1e-9)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(wins, losses):
    before = [False] * wins + [True] * losses + [True]
    after = [True] * wins + [False] * losses + [True]
    expected = reference_mcnemar([[1, losses], [wins, 0]], exact=True).pvalue
    assert stats.mcnemar(before, after).p_value == pytest.approx(min(1.0, expected), abs=1e-9)
    for alternative, side in (("worse", "greater"), ("better", "less")):
        expected = reference.binomtest(losses, wins + losses, alternative=side).pvalue if wins + losses else 1.0
        assert stats.mcnemar(before, after, alternative=alternative).p_value == pytest.approx(expected, abs=1e-9)


def test_mcnemar_of_many_changes_is_exact_too():
    before, after = [True] * 5_200 + [False] * 4_800, [False] * 5_200 + [True] * 4_800
    expected = reference.binomtest(5_200, 10_000).pvalue
    assert stats.mcnemar(before, after).p_value == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=40), st.sampled_from([0.9, 0.95]))
def test_the_t_interval_is_scipys(values, confidence):
    found = stats.t_interval(values, confidence=confidence)
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    low, high = reference.t.ppf([(1 - confidence) / 2, (1 + confidence) / 2], len(values) - 1) * error + np.mean(values)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-7)


def test_clustered_errors_are_those_of_a_regression_on_a_constant():
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(12), rng.integers(1, 6, 12))
    values = rng.normal(size=12)[clusters] + rng.normal(size=len(clusters))
    fitted = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    found = stats.clustered_mean(values, clusters.tolist())
    error = float(fitted.bse[0]) * math.sqrt(12 / 11)
    assert found.high - found.estimate == pytest.approx(reference.t.ppf(0.975, 11) * error, abs=1e-9)
    assert found.n == 12


@settings(max_examples=25, deadline=None)  # statsmodels takes its time
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_corrections_agree_with_statsmodels(p_values):
    assert stats.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist(), abs=1e-9)
    expected = multipletests(p_values, method="fdr_bh")[1].tolist()
    assert stats.benjamini_hochberg(p_values) == pytest.approx(expected, abs=1e-9)


def test_permutation_with_few_cases_is_the_exact_test_of_scipy():
    before, after = np.array([0.1, 0.4, 0.5, 0.9, 0.3, 0.7, 0.2]), np.array([0.3, 0.8, 0.45, 0.95, 0.6, 0.7, 0.5])
    for alternative, name in (("two-sided", "two-sided"), ("better", "greater"), ("worse", "less")):
        expected = reference.permutation_test(
            (after - before,), np.mean, permutation_type="samples", alternative=name, n_resamples=np.inf
        ).pvalue
        found = stats.paired_permutation(before, after, alternative=alternative)
        assert found.p_value == pytest.approx(expected, abs=1e-9)


def test_kappa_agrees_with_statsmodels_and_with_cohens_table():
    table = np.array([[20, 5], [10, 15]])
    one = ["yes"] * 25 + ["no"] * 25
    other = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert stats.cohen_kappa(one, other) == pytest.approx(cohens_kappa(table, return_results=False), abs=1e-9)
    grades = np.random.default_rng(3).integers(0, 4, (2, 80))
    counts = np.zeros((4, 4))
    np.add.at(counts, (grades[0], grades[1]), 1)
    for weights, name in (("linear", "linear"), ("quadratic", "quadratic")):
        expected = cohens_kappa(counts, wt=name, return_results=False)
        assert stats.cohen_kappa(grades[0].tolist(), grades[1].tolist(), weights=weights) == pytest.approx(expected)


def test_krippendorffs_own_example_with_missing_ratings():
    """Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section E."""
    none = None
    ratings = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, none, none, none],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, none, 3],
        [none, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, none],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, none],
    ]
    found = [stats.krippendorff_alpha(ratings, level=level) for level in ("nominal", "ordinal", "interval")]
    assert [round(alpha, 3) for alpha in found] == [0.743, 0.815, 0.849]


def test_ac1_of_gwets_table():
    """Gwet (2008), table 2 style: 118 of 125 items positive for both raters; by hand from the formula."""
    one = ["+"] * 118 + ["+"] * 5 + ["-"] * 2
    other = ["+"] * 118 + ["-"] * 5 + ["+"] * 2
    share = (123 + 120) / 250
    chance = 2 * share * (1 - share)
    assert stats.gwet_ac1(one, other) == pytest.approx((118 / 125 - chance) / (1 - chance), abs=1e-12)
    assert stats.cohen_kappa(one, other) < 0 < stats.gwet_ac1(one, other)


def test_pass_at_k_is_the_mean_over_all_draws():
    from itertools import combinations

    marks = [1, 1, 0, 0, 1, 0]
    for k in (1, 2, 4):
        draws = list(combinations(marks, k))
        assert stats.pass_at_k(6, 3, k) == pytest.approx(sum(map(any, draws)) / len(draws))
        assert stats.pass_hat_k(6, 3, k) == pytest.approx(sum(map(all, draws)) / len(draws))


def test_variance_components_are_found_again():
    rng = np.random.default_rng(2)
    cases = rng.normal(0, 2.0, (3000, 1, 1))
    answers = rng.normal(0, 1.0, (3000, 4, 1))
    found = stats.variance_components(cases + answers + rng.normal(0, 0.5, (3000, 4, 3)))
    assert (found.case, found.generation, found.judge) == pytest.approx((4.0, 1.0, 0.25), rel=0.08)
    assert stats.variance_components([[1, 1], [0, 0]]).judge is None
