"""The intervals that decisions rest on: of pass rates on the same cases, and of mean scores."""

import math

import numpy as np
import pytest
import scipy.stats as reference
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from promptship import stats
from promptship.errors import UnpairedScoresError, UsageError
from promptship.stats._bootstrap import _Medians, _Statistic
from promptship.stats._tango import score_interval, shows_more_than

Z = reference.norm.ppf(0.975)


def marks(n, wins, losses):
    """Pass marks of n cases of which so many are won and lost; half of the others pass."""
    rest = n - wins - losses
    same = [1] * (rest // 2) + [0] * (rest - rest // 2)
    return [0] * wins + [1] * losses + same, [1] * wins + [0] * losses + same


def test_the_interval_of_bentur_is_tangos():
    """Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33(16), table VI: airway reactivity, 1, 1, 7, 12."""
    found = score_interval(21, 1, 7, confidence=0.95, side="two", correction=0)
    assert (round(found.estimate, 3), round(found.low, 3), round(found.high, 3)) == (-0.286, -0.517, -0.026)


@pytest.mark.parametrize(("n", "wins", "losses"), [(21, 1, 7), (160, 40, 20), (1600, 150, 86), (50, 12, 2), (30, 3, 0)])
def test_tangos_ends_are_roots_of_the_quartic_of_yang_sun_and_hardin(n, wins, losses):
    """Yang, Sun and Hardin (2013), Statistics in Medicine 32(8): a closed form of what we find by halving."""
    g, more, both = Z**2, wins - losses, wins + losses
    quartic = [
        n**2 * (n / g + 1) ** 2,
        -n * more * (n / g + 1) * (4 * n / g + 1),
        2 * n * more**2 * (3 * n / g + 2) / g - n**2 * (both / g + 1),
        n * more * (2 * both / g + 1) - more**3 * (4 * n / g + 1) / g,
        more**2 * (more**2 / g - both) / g,
    ]
    roots = np.roots(quartic)
    real = np.sort(roots[abs(roots.imag) < 1e-9].real)
    found = score_interval(n, wins, losses, confidence=0.95, side="two", correction=0)
    for end in (found.low, found.high):
        assert abs(real - end).min() < 1e-9


@pytest.mark.parametrize("difference", [-0.3, -0.05, 0.0, 0.1])
def test_the_score_rests_on_the_likeliest_rates_at_the_supposed_difference(difference):
    n, wins, losses = 80, 9, 17
    found = minimize_scalar(
        lambda loss: (
            -(
                wins * math.log(loss + difference)
                + losses * math.log(loss)
                + (n - wins - losses) * math.log(1 - 2 * loss - difference)
            )
        ),
        bounds=(max(0, -difference) + 1e-9, (1 - difference) / 2 - 1e-9),
        method="bounded",
        options={"xatol": 1e-12},
    )
    variance = n * (2 * found.x + difference * (1 - difference))
    score = (wins - losses - n * difference - 0.5) / math.sqrt(variance)
    beyond = [
        shows_more_than(n, np.array([wins]), np.array([losses]), difference, score + step) for step in (-1e-6, 1e-6)
    ]
    assert [shown.item() for shown in beyond] == [score > 0, False]


@given(st.integers(2, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))))
@example((5, 5, 0))
@example((5, 0, 5))
@example((2, 0, 0))
def test_the_score_interval_is_an_interval_and_mirrors(counts):
    n, wins, losses = counts[0], counts[1], min(counts[2], counts[0] - counts[1])
    found, mirrored = (stats.paired_difference(*marks(n, *both)) for both in ((wins, losses), (losses, wins)))
    assert -1 <= found.low < found.high <= 1
    assert found.low <= found.estimate <= found.high
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-12)
    one_sided = stats.paired_difference(*marks(n, wins, losses), confidence=0.975, side="lower")
    assert (one_sided.low, one_sided.high) == (pytest.approx(found.low, abs=1e-12), 1.0)


def test_the_test_and_the_interval_say_the_same():
    n, wins, losses = 40, *np.meshgrid(np.arange(20), np.arange(20))
    shown = shows_more_than(n, wins.ravel(), losses.ravel(), -0.08, reference.norm.ppf(0.95))
    for lost, won, says in zip(losses.ravel(), wins.ravel(), shown, strict=True):
        low = score_interval(n, int(won), int(lost), confidence=0.95, side="lower").low
        assert (low > -0.08) == says


@pytest.mark.parametrize("n", [10, 60, 200])
@pytest.mark.parametrize("margin", [0.03, 0.05, 0.1])
def test_non_inferiority_errs_in_at_most_5_percent_whatever_share_of_cases_changes(n, margin):
    """Exactly, by summing over all outcomes at the margin; Newcombe's interval errs in up to 16 % here."""
    wins, losses = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    kept = wins + losses <= n
    wins, losses = wins[kept], losses[kept]
    shown = shows_more_than(n, wins, losses, -margin, reference.norm.ppf(0.95))
    counts = np.stack([wins, losses, n - wins - losses], axis=1)[shown]
    for winning in (0.0, 0.005, 0.02, 0.1, 0.3):
        chances = [winning, winning + margin, 1 - 2 * winning - margin]
        assert reference.multinomial.pmf(counts, n, chances).sum() <= 0.05


@pytest.mark.parametrize("size", [60, 3000])
def test_the_bootstrap_is_scipys_to_the_last_digits(size):
    values = np.random.default_rng(1).exponential(size=size)
    found = stats.bootstrap_bca(values, seed=7)
    expected = reference.bootstrap((values,), np.mean, n_resamples=2_000, rng=np.random.default_rng(7))
    ends = expected.confidence_interval
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), abs=1e-9)


@pytest.mark.parametrize("n", [2, 3, 8, 60, 61])
def test_medians_are_drawn_as_if_each_sample_had_been_sorted(n):
    values = np.random.default_rng(n).normal(size=n)
    quick, plain = _Medians(values), _Statistic(values, np.median)
    assert quick.observed() == pytest.approx(plain.observed(), abs=1e-12)
    assert np.sort(quick.leave_one_out()) == pytest.approx(np.sort(plain.leave_one_out()), abs=1e-12)
    places = np.sort(np.unique(plain.draw(4_000, 1)))[:-1]
    shares = [(source.draw(4_000, 2)[:, None] <= places).mean(axis=0) for source in (quick, plain)]
    assert abs(shares[0] - shares[1]).max() < 0.04


def test_clusters_are_drawn_whole():
    values, clusters = [0.0] * 10 + [1.0] * 10, ["a"] * 5 + ["b"] * 5 + ["c"] * 5 + ["d"] * 5
    alone, families = stats.bootstrap_bca(values), stats.bootstrap_bca(values, clusters=clusters)
    assert (alone.n, families.n) == (20, 4)
    assert families.high - families.low > alone.high - alone.low


def test_an_interval_without_any_difference_is_as_wide_as_so_few_cases_allow():
    same = [0.2, 0.9, 0.4, 0.7, 0.5] * 4
    found = stats.paired_difference(same, same, side="lower")
    unseen = 1 - 0.05 ** (1 / 20)
    assert found.low == pytest.approx(-0.7 * unseen, abs=1e-9)
    assert not stats.non_inferiority(same, same, margin=0.05).shown
    assert stats.non_inferiority(same * 10, same * 10, margin=0.05).shown
    assert not stats.tost([1, 1, 1, 1], [1, 1, 1, 1], margin=0.1, clusters=["a", "a", "b", "b"]).shown


def test_a_constant_score_is_no_certainty():
    found = stats.mean_interval([0.8] * 10, within=(0, 1), side="lower")
    assert (found.estimate, found.high) == (pytest.approx(0.8), 1.0)
    assert found.low == pytest.approx(0.8 * 0.05**0.1, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.sampled_from(["two", "lower", "upper"]))
@example([0.0, 1.8e-140], "two")
@example([0.0, 5e-324], "two")
@settings(max_examples=40, deadline=None)
def test_a_mean_interval_holds_the_mean_and_is_never_narrower_than_t(values, side):
    found = stats.mean_interval(values, within=(0, 1), side=side)
    student = stats.t_interval(values, side=side)
    assert found.low <= max(student.low, 0) <= min(student.high, 1) <= found.high
    assert 0 <= found.low <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.high <= 1


def test_many_scores_take_a_t_interval_as_statsmodels_does():
    from statsmodels.stats.weightstats import DescrStatsW, ttost_paired

    rng = np.random.default_rng(4)
    before = rng.random(2_500)
    after = before + rng.normal(0.002, 0.2, 2_500)
    low, high = DescrStatsW(after - before).tconfint_mean()
    found = stats.paired_difference(before, after)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    equivalence = stats.tost(before, after, margin=0.01)
    assert equivalence.shown == (ttost_paired(after, before, -0.01, 0.01)[0] <= 0.05)
    narrow = ttost_paired(after, before, equivalence.low, equivalence.high + 1)[1]
    assert narrow[1] == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: stats.t_interval([0.5]), "1 figures; expected at least 2"),
        (lambda: stats.t_interval([]), "0 figures"),
        (lambda: stats.t_interval([0.1, math.nan]), "figure 1 is nan; expected finite numbers"),
        (lambda: stats.t_interval([0.1, math.inf]), "figure 1 is inf"),
        (lambda: stats.t_interval(["yes", "no"]), r"figures \['yes', 'no'\]; expected one sequence of numbers"),
        (lambda: stats.t_interval([[0.1, 0.2]]), "shape"),
        (lambda: stats.t_interval([0.1, 0.2], confidence=95), "confidence: 95; expected a share"),
        (lambda: stats.bootstrap_bca([0.1, None]), "figure 1 is nan"),
        (lambda: stats.bootstrap_bca([0.1, 0.2], resamples=10), "10 resamples; expected at least 100"),
        (lambda: stats.bootstrap_bca([0.1, 0.2], statistic="mode"), "statistic: 'mode'; expected 'mean', 'median'"),
        (lambda: stats.bootstrap_bca([1, 2, 3], statistic="median", clusters="aab"), "for a mean only"),
        (lambda: stats.clustered_mean([0.1, 0.2], ["a", "a"]), "all 2 cases are of one cluster, 'a'"),
        (lambda: stats.mean_interval([0.1, 1.2], within=(0, 1)), "figures from 0.1 to 1.2; expected figures within"),
        (lambda: stats.mcnemar([], []), "0 figures; expected at least 1"),
        (lambda: stats.mcnemar([1, 0.5], [1, 1]), "0.5 is no pass mark; expected 0 or 1"),
        (lambda: stats.tost([0, 1], [0, 1], margin=0), "a margin of 0; expected more than 0"),
        (lambda: stats.non_inferiority([0, 1], [0, 1], margin=math.nan), "a margin of nan"),
        (lambda: stats.tost([0, 1], [0, 1], margin=0.1, alpha=0.5), "2 alpha: 1.0"),
        (lambda: stats.wilson(3, 2), "3 of 2; expected"),
        (lambda: stats.wilson(0, 0), "0 of 0; expected at least one case"),
        (lambda: stats.clopper_pearson(-1, 5), "-1 of 5"),
        (lambda: stats.zero_events_upper(0), "0 of 0"),
        (lambda: stats.holm([0.1, 1.5]), "the p-value 1.5; expected a probability"),
        (lambda: stats.benjamini_hochberg([math.nan]), "the p-value nan"),
        (lambda: stats.quantile_interval([], 0.5), "0 figures; expected at least 1"),
    ],
)
def test_bad_figures_get_a_sentence(call, said):
    with pytest.raises(UsageError, match=said):
        call()


@pytest.mark.parametrize(
    "compare",
    [
        stats.mcnemar,
        stats.paired_permutation,
        stats.paired_difference,
        lambda one, other: stats.tost(one, other, margin=0.1),
        lambda one, other: stats.non_inferiority(one, other, margin=0.1),
    ],
)
def test_sides_of_different_lengths_are_refused(compare):
    with pytest.raises(UnpairedScoresError, match="3 figures of the baseline and 2 of the candidate"):
        compare([1, 0, 1], [1, 0])


def test_clusters_must_be_one_for_each_case():
    with pytest.raises(UnpairedScoresError, match="1 clusters for 2 cases"):
        stats.paired_difference([0.1, 0.2], [0.1, 0.3], clusters=["a"])
