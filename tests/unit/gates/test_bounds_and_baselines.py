"""Gates decided on bounds and against baselines, over cases made up for the purpose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import GroupSummary, MetricSummary, RunManifest, RunSummary, Totals, parse_gate
from promptship.errors import ExitCode, SourceError, UsageError
from promptship.gates import Baseline, Policy, check_gates, decide_verdict, exit_code_of, load_policy
from promptship.runner import CaseTable

MANIFEST = RunManifest(
    run_id="r", plan_digest="p", evalset="replies", evalset_path="replies.yaml", evalset_digest="e", scoring_digest="s"
)


def make_table(marks, *, tags=None, clusters=None, **metrics):
    """A case for each mark: 1 passed, 0 failed, None an error."""
    count = len(marks)
    ids = tuple(f"c{number}" for number in range(count))
    letters = [ord("e" if mark is None else "p" if mark else "f") for mark in marks]
    rate = np.array([[np.nan if mark is None else float(mark)] for mark in marks])
    columns = {name: np.array(values, dtype=float).reshape(count, -1) for name, values in metrics.items()}
    return CaseTable(
        case_ids=ids,
        clusters=tuple(clusters or ids),
        tags=tuple(tags or ({},) * count),
        outcomes=np.array(letters, dtype=np.uint8).reshape(count, 1),
        metrics={"pass_rate": rate, "latency_s": np.ones((count, 1)), "cost_usd": np.zeros((count, 1)), **columns},
    )


def decide(gate, table, baseline=None, **policy):
    passed = int(np.nansum(table.metrics["pass_rate"]))
    totals = Totals(cases=len(table), passed=passed, failed=len(table) - passed)
    group = GroupSummary(totals=totals, metrics={"pass_rate": MetricSummary(mean=totals.pass_rate, n=len(table))})
    found = baseline if isinstance(baseline, Baseline) else Baseline(name="b", table=baseline)
    names = {f"{tag}={value}" for tags in table.tags for tag, value in tags.items()}
    summary = RunSummary(overall=group, variants={"v": group}, slices={"v": dict.fromkeys(names, group)})
    return decide_verdict(
        MANIFEST,
        [parse_gate(gate)],
        summary,
        policy=Policy(max_error_rate=1.0, **policy),
        table_of=lambda label: table,
        baseline_of=None if baseline is None else lambda versus, label: found,
    )


def marks(passed, failed):
    return [1] * passed + [0] * failed


@pytest.mark.parametrize(
    ("passed", "failed", "finding", "outcome"),
    [
        (100, 0, "pass", "pass"),
        (93, 7, "inconclusive", "warn"),
        (88, 12, "inconclusive", "fail"),
        (50, 50, "fail", "fail"),
    ],
)
def test_a_rate_is_decided_on_its_one_sided_bound(passed, failed, finding, outcome):
    verdict = decide("pass_rate >= 0.9", make_table(marks(passed, failed)))
    (gate,) = verdict.gates
    assert (gate.finding, gate.outcome) == (finding, outcome)
    assert gate.low <= gate.value <= gate.high
    assert "Wilson" in gate.reason


def test_an_inconclusive_gate_says_how_many_cases_would_decide():
    (gate,) = decide("pass_rate >= 0.9", make_table(marks(93, 7))).gates
    assert 150 < gate.needed < 400
    (again,) = decide("pass_rate >= 0.9", make_table(marks(93 * gate.needed // 100 + 1, 7 * gate.needed // 100))).gates
    assert again.finding == "pass"
    assert f"{gate.needed:,} cases would decide it" in gate.reason


def test_what_an_inconclusive_gate_does_is_said_by_the_gate_or_by_the_policy():
    table = make_table(marks(93, 7))
    gate = {"metric": "pass_rate", "at_least": 0.9}
    assert decide({**gate, "on_inconclusive": "pass"}, table).outcome == "pass"
    assert exit_code_of(decide({**gate, "on_inconclusive": "fail"}, table)) == ExitCode.INCONCLUSIVE
    assert decide(gate, table, threshold_inconclusive="fail").outcome == "fail"
    assert exit_code_of(decide(gate, make_table(marks(88, 12)))) == ExitCode.GATE_FAILED


def test_families_of_cases_widen_the_bound():
    alone = make_table(marks(90, 10))
    families = make_table(marks(90, 10), clusters=[f"f{number // 10}" for number in range(100)])
    lows = [decide("pass_rate >= 0.5", table).gates[0].low for table in (alone, families)]
    assert lows[1] < lows[0]
    assert "cluster" in decide("pass_rate >= 0.5", families).gates[0].reason


def test_a_percentile_has_a_bound_only_with_cases_enough():
    slow = make_table([1] * 100)
    slow.metrics["latency_s"][:] = np.linspace(1, 2, 100).reshape(100, 1)
    (gate,) = decide("latency_p95_s <= 2", slow).gates
    assert (gate.finding, gate.high <= 2) == ("pass", True)
    (gate,) = decide("latency_p95_s <= 2", make_table([1] * 20)).gates
    assert (gate.finding, gate.outcome, gate.high) == ("inconclusive", "warn", None)


def test_errors_and_unscored_cases_have_rates_of_their_own():
    table = make_table([1] * 90 + [None] * 10)
    assert decide("error_rate <= 0.02", table).gates[0].finding == "fail"
    assert decide("scored_share >= 0.5", table).gates[0].finding == "pass"
    assert decide("pass_rate >= 0.9", table).gates[0].n == 90


def test_no_figure_is_inconclusive_and_never_passes():
    verdict = decide("pass_rate >= 0.9", make_table([None] * 5))
    assert (verdict.gates[0].finding, verdict.outcome) == ("inconclusive", "fail")


def test_each_value_of_a_tag_is_a_gate_of_its_own():
    tags = [{"language": "de"}] * 50 + [{"language": "en"}] * 50
    verdict = decide({"metric": "pass_rate", "at_least": 0.8, "each": "language"}, make_table(marks(50, 50), tags=tags))
    assert [(gate.gate, gate.finding) for gate in verdict.gates] == [
        ("pass_rate >= 0.8 [language=de]", "pass"),
        ("pass_rate >= 0.8 [language=en]", "fail"),
    ]


def test_the_plain_gate_against_a_baseline_is_the_exact_one_sided_test():
    baseline = make_table([1] * 40)
    gate = {"metric": "pass_rate", "versus": "base"}
    assert decide(gate, make_table(marks(36, 4)), baseline).gates[0].finding == "pass"
    worse = decide(gate, make_table(marks(35, 5)), baseline).gates[0]
    assert (worse.finding, worse.value) == ("fail", -0.125)
    assert "p = 0.0312 for worse" in worse.reason
    assert "in 4 of 5 tries" in decide(gate, make_table(marks(40, 0)), baseline).gates[0].reason


@pytest.mark.parametrize(
    ("lost", "count", "finding", "outcome"),
    [(0, 300, "pass", "pass"), (1, 40, "inconclusive", "warn"), (30, 300, "fail", "fail")],
)
def test_not_worse_by_a_margin_passes_fails_or_warns(lost, count, finding, outcome):
    gate = {"metric": "pass_rate", "versus": "base", "not_worse_by": 0.03}
    (found,) = decide(gate, make_table(marks(count - lost, lost)), make_table([1] * count)).gates
    assert (found.finding, found.outcome) == (finding, outcome)


def test_better_and_equivalent_ask_for_their_own_proof():
    before, after = make_table(marks(50, 50)), make_table(marks(90, 10))
    assert decide({"metric": "pass_rate", "versus": "b", "better_by": 0.2}, after, before).gates[0].finding == "pass"
    assert decide({"metric": "pass_rate", "versus": "b", "better_by": 0.6}, after, before).gates[0].finding == "fail"
    near = {"metric": "pass_rate", "versus": "b", "equivalent_within": 0.1}
    assert decide(near, before, make_table(marks(50, 50))).gates[0].finding == "pass"
    assert decide(near, after, before).gates[0].finding == "fail"


def test_slower_is_worse():
    before, after = make_table([1] * 30), make_table([1] * 30)
    after.metrics["latency_s"][:] += np.linspace(0.4, 0.6, 30).reshape(30, 1)
    (gate,) = decide({"metric": "latency_s", "versus": "b"}, after, before).gates
    assert (gate.finding, gate.value > 0.4) == ("fail", True)
    assert gate.low <= gate.value <= gate.high
    assert decide({"metric": "latency_s", "versus": "b"}, before, after).gates[0].finding == "pass"


def test_slices_against_a_baseline_are_corrected_for_being_many():
    tags = [{"slice": str(number % 8)} for number in range(80)]
    after = make_table([0 if number % 8 == 0 and number < 40 else 1 for number in range(80)], tags=tags)
    before = make_table([1] * 80, tags=tags)
    alone = decide({"metric": "pass_rate", "versus": "b", "slice": "slice=0"}, after, before)
    assert alone.gates[0].finding == "fail"
    each = decide({"metric": "pass_rate", "versus": "b", "each": "slice"}, after, before)
    assert [gate.finding for gate in each.gates] == ["pass"] * 8


def test_a_new_failure_among_the_chosen_cases_is_named():
    tags = [{"tier": "1"}] * 5 + [{"tier": "2"}] * 5
    before, after = make_table([1] * 10, tags=tags), make_table([1, 1, 0, 1, 1, 1, 1, 1, 1, 0], tags=tags)
    (gate,) = decide({"no_new_failures": "tier=1", "versus": "b"}, after, before).gates
    assert (gate.finding, gate.value, gate.reason) == ("fail", 1.0, "c2")
    assert decide({"no_new_failures": True, "versus": "b"}, before, after).outcome == "pass"


def test_no_baseline_is_said_and_warns_or_does_what_the_policy_says():
    nothing = Baseline(name="production", reason="no version is called that")
    gate = {"metric": "pass_rate", "versus": "production"}
    verdict = decide(gate, make_table([1] * 5), nothing)
    assert (verdict.outcome, verdict.gates[0].decided_by) == ("warn", "no_baseline")
    assert "no version is called that" in verdict.gates[0].reason
    assert decide({**gate, "no_baseline": "fail"}, make_table([1] * 5), nothing).outcome == "fail"
    assert decide(gate, make_table([1] * 5), nothing, no_baseline="pass").outcome == "pass"


def test_fewer_than_two_shared_cases_decide_nothing():
    verdict = decide({"metric": "pass_rate", "versus": "b"}, make_table([1]), make_table([0]))
    assert (verdict.gates[0].finding, verdict.gates[0].reason) == ("inconclusive", "fewer than two cases to compare")


def test_a_constant_score_and_a_missing_one_are_no_trouble():
    table = make_table([1] * 40, polite=[0.7] * 40)
    assert decide("polite >= 0.6", table).gates[0].finding == "pass"
    # Ten cases say nothing of a quarter of all that there may be.
    few = make_table([1] * 10, polite=[0.7] * 10)
    assert decide("polite >= 0.6", few).gates[0].finding == "inconclusive"
    holes = make_table([1] * 10, polite=[0.7, np.nan] * 5)
    assert decide("polite >= 0.6", holes).gates[0].n == 5
    with pytest.raises(UsageError, match="cannot be compared case by case"):
        decide({"metric": "latency_p95_s", "versus": "b"}, table, table)


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.floats(0, 1))
def test_the_bound_never_contradicts_the_figure(found, threshold):
    (gate,) = decide({"metric": "pass_rate", "at_least": threshold}, make_table(found)).gates
    if gate.finding == "pass":
        assert gate.value >= threshold
    if gate.finding == "fail":
        assert gate.value < threshold


def test_an_unknown_slice_or_tag_is_refused_before_anything_is_paid():
    tags = [("language", "de"), ("language", "en")]
    with pytest.raises(UsageError, match="did you mean 'language=de'"):
        check_gates(
            [parse_gate({"metric": "pass_rate", "at_least": 1, "slice": "language=dd"})], [], path="p", tags=tags
        )
    with pytest.raises(UsageError, match="did you mean 'language'"):
        check_gates([parse_gate({"metric": "pass_rate", "at_least": 1, "each": "langage"})], [], path="p", tags=tags)
    with pytest.raises(UsageError, match="a metric that the set does not have"):
        check_gates([parse_gate({"metric": "latency_p95_s", "versus": "base"})], [], path="p")


def test_a_policy_is_read_with_all_that_is_wrong_in_it(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("gates:\n  - pass_rate >= 0.9\n  - {metric: pass_rate, versus: base}\nmax_error_rate: 0.02\n")
    policy = load_policy(path)
    assert [gate.text for gate in policy.gates] == ["pass_rate >= 0.9", "pass_rate not shown worse than base"]
    assert policy.max_error_rate == 0.02
    path.write_text("gate: []\nmin_scored: 2\ngates:\n  - pass_rate > 1\non_inconclusive: {baseline: maybe}\n")
    with pytest.raises(SourceError) as caught:
        load_policy(path)
    found = {str(problem).removeprefix(f"{path}:").split(": ")[0] for problem in caught.value.problems}
    assert found == {"1:1", "2:1", "4:5", "5:19"}
    with pytest.raises(SourceError, match="cannot be read"):
        load_policy(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "gate",
    [
        {"not_worse_by": 0.02},
        {"better_by": 0.01},
        {"equivalent_within": 0.02},
    ],
    ids=str,
)
def test_an_open_comparison_names_the_cases_that_would_decide_it_and_they_do(gate):
    before = [1] * 76 + [0] * 4
    after = [0] + [1] * 76 + [0] * 3
    gate = {"metric": "pass_rate", "versus": "base", **gate}
    if "better_by" in gate:
        after = [1] * 79 + [0]
    (found,) = decide(gate, make_table(after), make_table(before)).gates
    assert found.finding == "inconclusive"
    assert f"{found.needed:,} cases would decide it" in found.reason
    times = -(-found.needed // 80) + 2
    (more,) = decide(gate, make_table(after * times), make_table(before * times)).gates
    assert more.finding == "pass"


def with_repeats(shares, repeats, seed):
    rng = np.random.default_rng(seed)
    table = make_table([1] * len(shares))
    marks = (rng.random((len(shares), repeats)) < np.array(shares).reshape(-1, 1)).astype(float)
    table.metrics["pass_rate"] = marks
    letters = np.where(marks > 0, ord("p"), ord("f")).astype(np.uint8)
    return CaseTable(
        case_ids=table.case_ids, clusters=table.clusters, tags=table.tags, outcomes=letters, metrics=table.metrics
    )


def test_flaky_cases_are_decided_by_repeats_and_steady_ones_are_not():
    flaky = with_repeats([0.85] * 60, 2, seed=1)
    observed = float(flaky.metrics["pass_rate"].mean())
    (gate,) = decide(f"pass_rate >= {observed - 0.01}", flaky).gates
    assert gate.finding == "inconclusive"
    assert "repeats of these, would decide it" in gate.reason
    steady = with_repeats([1.0] * 51 + [0.0] * 9, 2, seed=1)
    assert "repeats" not in decide("pass_rate >= 0.84", steady).gates[0].reason
    versus = {"metric": "pass_rate", "versus": "b", "not_worse_by": 0.05}
    (gate,) = decide(versus, flaky, with_repeats([0.85] * 60, 2, seed=2)).gates
    assert gate.finding == "inconclusive"
    assert "repeats of these" in gate.reason


def test_bounds_of_money_and_time_are_told_in_their_own_direction():
    before, after = make_table([1] * 30), make_table([1] * 30)
    after.metrics["latency_s"][:] += np.linspace(0.4, 0.6, 30).reshape(30, 1)
    (gate,) = decide({"metric": "latency_s", "versus": "b", "not_worse_by": 1.0}, after, before).gates
    assert gate.finding == "pass"
    assert "at worst +0.5" in gate.reason
