"""Agreement with missing labels, and the split of variance, against their definitions."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f_oneway

from promptship import stats
from promptship.errors import UnpairedScoresError, UsageError

RATINGS = st.integers(2, 8).flatmap(
    lambda items: st.lists(
        st.lists(st.one_of(st.none(), st.integers(1, 4)), min_size=items, max_size=items), min_size=2, max_size=4
    )
)


def alpha_by_definition(ratings, distance):
    """Mean distance within items over mean distance among all pairable values."""
    units = [[value for value in column if value is not None] for column in zip(*ratings, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    values = list(itertools.chain(*units))
    if len(set(values)) < 2:
        return None
    n = len(values)
    within = sum(sum(distance(a, b) for a, b in itertools.permutations(u, 2)) / (len(u) - 1) for u in units) / n
    among = sum(distance(a, b) for a, b in itertools.permutations(values, 2))
    return 1 - within / (among / (n * (n - 1)))


@given(RATINGS)
@settings(max_examples=60, deadline=None)
def test_alpha_is_its_definition_at_nominal_and_interval_level(ratings):
    for level, distance in (("nominal", lambda a, b: float(a != b)), ("interval", lambda a, b: float(a - b) ** 2)):
        found, expected = stats.krippendorff_alpha(ratings, level=level), alpha_by_definition(ratings, distance)
        assert found is None if expected is None else found == pytest.approx(expected, abs=1e-9)


def test_nan_and_none_are_both_missing():
    none = [[1, 2, None, 3], [1, 2, 2, None], [1, 3, 2, 3]]
    nan = [[math.nan if value is None else value for value in row] for row in none]
    for level in ("nominal", "ordinal", "interval"):
        assert stats.krippendorff_alpha(nan, level=level) == stats.krippendorff_alpha(none, level=level)


def test_agreement_that_says_nothing_is_none():
    assert stats.cohen_kappa(["a", "a"], ["a", "a"]) is None
    assert stats.gwet_ac1(["a", "a"], ["a", "a"]) is None
    assert stats.krippendorff_alpha([[1, 1], [1, 1]]) is None
    assert stats.krippendorff_alpha([[1, None], [None, 2]]) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=40))
def test_agreement_is_symmetric_and_at_most_one(pairs):
    one, other = zip(*pairs, strict=True)
    for measure in (stats.cohen_kappa, stats.gwet_ac1):
        found, mirrored = measure(one, other), measure(other, one)
        assert (found is None) == (mirrored is None)
        if found is not None:
            assert found == pytest.approx(mirrored, abs=1e-12)
            assert found <= 1 + 1e-12


def test_mean_squares_are_those_of_an_analysis_of_variance():
    scores = np.random.default_rng(3).normal(size=(12, 1)) + np.random.default_rng(4).normal(0, 0.5, size=(12, 5))
    found = stats.variance_components(scores)
    ratio = f_oneway(*scores).statistic
    assert (5 * found.case + found.generation) / found.generation == pytest.approx(ratio, abs=1e-9)
    assert found.generation == pytest.approx(scores.var(axis=1, ddof=1).mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: stats.cohen_kappa([], []), "no label"),
        (lambda: stats.cohen_kappa(["a", None], ["a", "b"]), "item 1 is labelled None and 'b'"),
        (lambda: stats.gwet_ac1([1, 2], [1, math.nan]), "item 1 is labelled 2 and nan"),
        (lambda: stats.krippendorff_alpha([[1, 2], [1]]), "different numbers of items"),
        (lambda: stats.krippendorff_alpha([["a", "b"], ["a", "a"]], level="interval"), "have no distances"),
        (lambda: stats.pass_at_k(5, 6, 1), "6 of 5 answers passed"),
        (lambda: stats.pass_hat_k(5, 2, 6), "k = 6"),
        (lambda: stats.variance_components([[1, 2]]), "shape"),
        (lambda: stats.variance_components([[1, math.nan], [0, 1]]), "not finite"),
    ],
)
def test_bad_ratings_get_a_sentence(call, said):
    with pytest.raises(UsageError, match=said):
        call()


def test_raters_of_different_items_are_refused():
    with pytest.raises(UnpairedScoresError, match="2 labels and 1"):
        stats.cohen_kappa(["a", "b"], ["a"])
