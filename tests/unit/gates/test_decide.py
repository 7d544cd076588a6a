import pytest

from promptship.domain import GroupSummary, MetricSummary, RunManifest, RunSummary, Totals, parse_gate
from promptship.errors import ExitCode, UsageError
from promptship.gates import check_gates, decide_verdict, exit_code_of, merge_verdicts

MANIFEST = RunManifest(
    run_id="r", plan_digest="p", evalset="replies", evalset_path="replies.yaml", evalset_digest="e", scoring_digest="s"
)


def group(*, passed=9, failed=1, error=0, unscored=0, **metrics):
    totals = Totals(
        cases=passed + failed + error + unscored, passed=passed, failed=failed, error=error, unscored=unscored
    )
    found = {"pass_rate": MetricSummary(mean=totals.pass_rate, n=passed + failed)}
    found |= {name: MetricSummary(mean=mean, n=totals.cases) for name, mean in metrics.items()}
    return GroupSummary(totals=totals, metrics=found)


def decide(*gates, variants=None, slices=None):
    variants = variants or {"v": group()}
    summary = RunSummary(overall=next(iter(variants.values())), variants=variants, slices=slices or {})
    return decide_verdict(MANIFEST, [parse_gate(gate) for gate in gates], summary)


@pytest.mark.parametrize(
    ("gate", "finding", "code"),
    [
        ("observed(pass_rate) >= 0.9", "pass", ExitCode.PASS),
        ("observed(pass_rate) >= 0.91", "fail", ExitCode.GATE_FAILED),
        ("observed(pass_rate) <= 0.9", "pass", ExitCode.PASS),
        ("observed(pass_rate) <= 0.89", "fail", ExitCode.GATE_FAILED),
        ("cost_usd <= 1", "inconclusive", ExitCode.INCONCLUSIVE),
    ],
)
def test_a_threshold_is_met_at_its_own_figure_and_a_missing_figure_never_passes(gate, finding, code):
    verdict = decide(gate)
    assert (verdict.finding, exit_code_of(verdict)) == (finding, code)


def test_a_bound_without_rows_is_decided_on_the_observed_figure():
    (gate,) = decide("pass_rate >= 0.9").gates
    assert (gate.finding, gate.decided_by, gate.low) == ("pass", "observed", None)


def test_a_set_without_gates_demands_that_every_case_passes():
    assert decide().outcome == "fail"
    assert decide(variants={"v": group(passed=10, failed=0)}).outcome == "pass"


def test_each_variant_is_judged_by_itself():
    verdict = decide("observed(pass_rate) >= 0.9", variants={"good": group(), "bad": group(passed=1, failed=9)})
    assert [(gate.subject, gate.finding) for gate in verdict.gates] == [("good", "pass"), ("bad", "fail")]


def test_a_slice_gate_reads_the_slice():
    slices = {"v": {"language=de": group(passed=1, failed=1)}}
    gate = {"metric": "pass_rate", "at_least": 0.8, "slice": "language=de"}
    assert decide(gate, slices=slices).gates[0].value == 0.5
    assert decide(gate).finding == "inconclusive"


def test_too_many_errors_are_the_infrastructure_and_not_the_prompt():
    verdict = decide("observed(pass_rate) >= 0.5", variants={"v": group(passed=97, failed=1, error=2)})
    assert (verdict.outcome, exit_code_of(verdict)) == ("fail", ExitCode.INFRASTRUCTURE)


def test_unscored_answers_beyond_the_limit_are_inconclusive():
    verdict = decide("observed(pass_rate) >= 0.5", variants={"v": group(passed=97, failed=1, unscored=2)})
    assert (verdict.finding, exit_code_of(verdict)) == ("inconclusive", ExitCode.INCONCLUSIVE)


def test_the_worst_of_several_verdicts_is_the_verdict():
    good = decide("observed(pass_rate) >= 0.5")
    bad = decide("observed(pass_rate) >= 0.99")
    assert merge_verdicts([good, bad]).finding == "fail"
    assert merge_verdicts([good, good]).reason == "all 2 gates pass"


def test_a_gate_on_an_unknown_metric_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'pass_rate'"):
        check_gates([parse_gate("pas_rate >= 0.9")], ["icontains"], path="replies.yaml")
    check_gates([parse_gate("icontains >= 0.9")], ["icontains"], path="replies.yaml")
