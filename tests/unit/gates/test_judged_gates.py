"""Gates that carry the error of a judge, and gates on the judges themselves."""

from dataclasses import replace

import numpy as np
import pytest

from promptship.domain import (
    Admission,
    CardFigure,
    CardLabels,
    CardMark,
    CardSlice,
    GroupSummary,
    JudgeCard,
    MetricSummary,
    RunManifest,
    RunSummary,
    Totals,
    parse_gate,
)
from promptship.errors import UsageError
from promptship.gates import Baseline, Policy, check_gates, decide_verdict
from promptship.runner import CaseTable, JudgedCells

MANIFEST = RunManifest(
    run_id="r",
    plan_digest="p",
    evalset="replies",
    evalset_path="replies.yaml",
    evalset_digest="e",
    scoring_digest="s",
    scorers=("kind", "short"),
    required=("kind", "short"),
    judges={"kind": "sha256:1"},
)


def make_card(kappa=(0.7, 0.62, 0.8), *, admitted=True, slices=(), marks=()):
    return JudgeCard(
        name="kindness",
        judge="sha256:1",
        type="llm-rubric",
        admission=Admission(
            admitted=admitted, kappa_at_least=0.6, reasons=() if admitted else ("kappa 0.2 is below 0.6",)
        ),
        labels=CardLabels(
            items=60, labels=60, labelled=60, good=30, bad=30, unsure=0, raters=("a",), sources={}, weighted=False,
            digest="d",
        ),
        counts={},
        figures={"kappa": CardFigure(estimate=kappa[0], low=kappa[1], high=kappa[2], n=60)},
        slices=slices,
        marks=marks,
    )  # fmt: skip


def make_slice(name, kappa, *, admitted):
    figure = CardFigure(estimate=kappa, low=kappa - 0.1, high=kappa + 0.1, n=20)
    return CardSlice(
        slice=name, kappa=figure, agreement=figure, admitted=admitted, reason="" if admitted else "too low"
    )


def make_table(truth, verdicts, labelled, *, lost=None, marks=(), required=True, tags=None):
    """Cases of which a judge says `verdicts`; people said the truth of the first `labelled`."""
    count = len(truth)
    said = np.asarray(verdicts, dtype=float).reshape(count, 1)
    gone = np.zeros((count, 1), dtype=bool) if lost is None else np.asarray(lost).reshape(count, 1)
    known = (np.arange(count) < labelled).reshape(count, 1)
    passed = (said == 1) & ~gone
    cells = JudgedCells(
        name="kindness",
        verdicts=said,
        labels=np.where(known, np.asarray(truth, dtype=float).reshape(count, 1), np.nan),
        weights=np.ones((count, 1)),
        lost=gone,
        marks=tuple(marks),
        is_required=required,
    )
    ids = tuple(f"c{number}" for number in range(count))
    return CaseTable(
        case_ids=ids,
        clusters=ids,
        tags=tuple(tags or ({},) * count),
        outcomes=np.where(passed, ord("p"), ord("f")).astype(np.uint8),
        metrics={"pass_rate": passed.astype(float), "kind": said, "latency_s": np.ones((count, 1))},
        judged={"kind": cells},
    )


def judge(rng, truth, *, sensitivity=0.95, specificity=0.5):
    return np.where(truth, rng.random(len(truth)) < sensitivity, rng.random(len(truth)) >= specificity).astype(float)


def decide(gates, table, *, baseline=None, cards=None, manifest=MANIFEST, **policy):
    passed = int(np.nansum(table.metrics["pass_rate"]))
    totals = Totals(cases=len(table), passed=passed, failed=len(table) - passed)
    group = GroupSummary(totals=totals, metrics={"pass_rate": MetricSummary(mean=totals.pass_rate, n=len(table))})
    names = {f"{tag}={value}" for tags in table.tags for tag, value in tags.items()}
    summary = RunSummary(overall=group, variants={"v": group}, slices={"v": dict.fromkeys(names, group)})
    found = Baseline(name="b", table=baseline)
    return decide_verdict(
        manifest,
        [parse_gate(gate) for gate in gates],
        summary,
        policy=Policy(**policy),
        table_of=lambda label: table,
        baseline_of=None if baseline is None else lambda versus, label: found,
        cards=cards,
    )


def test_a_lenient_judge_does_not_carry_a_bad_prompt_over_the_threshold():
    rng = np.random.default_rng(1)
    truth = rng.random(400) < 0.6
    table = make_table(truth, judge(rng, truth), 100)
    (gate,) = decide(["pass_rate >= 0.7"], table).gates
    assert table.metrics["pass_rate"].mean() > 0.75
    assert (gate.finding, gate.outcome, gate.decided_by) == ("fail", "fail", "bound")
    assert gate.low < 0.6 < gate.high < 0.7
    assert "by 'kindness' alone, mended by 100 labels, 100 of these answers" in gate.reason
    (plain,) = decide(["observed(pass_rate) >= 0.7"], table).gates
    assert plain.outcome == "pass"


def test_a_harsh_judge_does_not_fail_a_good_prompt():
    rng = np.random.default_rng(2)
    truth = rng.random(500) < 0.95
    table = make_table(truth, judge(rng, truth, sensitivity=0.8, specificity=0.9), 150)
    (gate,) = decide(["kind >= 0.85"], table).gates
    assert table.metrics["kind"].mean() < 0.85
    assert (gate.finding, gate.outcome) == ("pass", "pass")


def test_cases_that_another_check_fails_stay_failed():
    truth = np.ones(200, dtype=bool)
    lost = np.arange(200) % 2 == 0
    table = make_table(truth, np.ones(200), 100, lost=lost)
    (gate,) = decide(["pass_rate >= 0.9"], table).gates
    assert gate.value == pytest.approx(0.49, abs=0.02)
    (own,) = decide(["kind >= 0.9"], table).gates
    assert own.value > 0.97


def test_labels_of_other_answers_serve_where_those_of_these_are_few_and_the_reason_says_so():
    rng = np.random.default_rng(3)
    truth = rng.random(300) < 0.6
    known = rng.random(200) < 0.6
    marks = [
        CardMark(case=f"m{place}", output_digest=f"d{place}", human=bool(good), judge=bool(said))
        for place, (good, said) in enumerate(zip(known, judge(rng, known), strict=True))
    ]
    (gate,) = decide(["pass_rate >= 0.7"], make_table(truth, judge(rng, truth), 0, marks=marks)).gates
    assert gate.finding == "fail"
    assert "mended by 200 labels, none of these answers, which are taken to be like them" in gate.reason


def test_too_few_labels_leave_the_judge_its_word():
    truth = np.arange(100) < 95
    (gate,) = decide(["pass_rate >= 0.9"], make_table(truth, truth, 19)).gates
    assert "mended" not in gate.reason
    assert gate.value == 0.95


def test_an_undecided_gate_says_how_many_labels_would_decide_it():
    rng = np.random.default_rng(4)
    truth = rng.random(2_000) < 0.8
    (gate,) = decide(["pass_rate >= 0.77"], make_table(truth, judge(rng, truth), 60)).gates
    assert (gate.finding, gate.decided_by) == ("inconclusive", "observed")
    labels = int(gate.reason.split(" labels would about decide it")[0].rsplit("; ", 1)[1].replace(",", ""))
    assert labels > 60
    assert "promptctl judge budget kindness" in gate.reason


def test_a_judge_that_only_measures_is_mended_by_its_scores():
    rng = np.random.default_rng(5)
    truth = rng.random(400) < 0.7
    table = make_table(truth, np.full(400, np.nan), 120)
    table = replace(table, metrics={**table.metrics, "kind": np.where(truth, 0.9, 0.7).reshape(-1, 1)})
    (gate,) = decide(["kind >= 0.8"], table, manifest=replace(MANIFEST, required=())).gates
    # Scores that tell good from bad without a doubt, on a scale of their own.
    assert gate.value == pytest.approx(truth.mean(), abs=0.03)
    assert gate.finding == "fail"


def test_two_equals_are_not_told_apart_by_a_judge_lenient_to_one():
    rng = np.random.default_rng(6)
    called = {True: 0, False: 0}
    for _ in range(30):
        truth = rng.random(600) < 0.7
        before = judge(rng, truth, specificity=0.4)
        after = judge(rng, truth, specificity=0.8)
        for labelled in (120, 0):
            tables = [make_table(truth, one, labelled) for one in (after, before)]
            (gate,) = decide([{"metric": "kind", "versus": "b"}], tables[0], baseline=tables[1]).gates
            called[labelled > 0] += gate.finding == "fail"
            assert ("taken at its word" in gate.reason) == (labelled == 0)
    assert called[False] >= 25
    assert called[True] <= 4


def test_a_real_loss_is_seen_through_a_judge():
    rng = np.random.default_rng(7)
    sides = []
    for rate in (0.9, 0.65):
        truth = rng.random(600) < rate
        sides.append(make_table(truth, judge(rng, truth, specificity=0.8), 150))
    gate = {"metric": "pass_rate", "versus": "b", "not_worse_by": 0.03}
    (found,) = decide([gate], sides[1], baseline=sides[0]).gates
    assert found.finding == "fail"
    assert found.high < -0.1
    (back,) = decide([gate], sides[0], baseline=sides[1]).gates
    assert back.finding == "pass"
    (better,) = decide([{"metric": "kind", "versus": "b", "better_by": 0.05}], sides[0], baseline=sides[1]).gates
    assert better.finding == "pass"
    (alike,) = decide([{"metric": "kind", "versus": "b", "equivalent_within": 0.1}], sides[0], baseline=sides[1]).gates
    assert alike.finding == "fail"


@pytest.mark.parametrize(
    ("gate", "kappa", "finding", "outcome"),
    [
        ("judge_kappa >= 0.6", (0.7, 0.62, 0.8), "pass", "pass"),
        ("judge_kappa >= 0.6", (0.65, 0.5, 0.8), "inconclusive", "warn"),
        ("judge_kappa >= 0.6", (0.55, 0.4, 0.7), "inconclusive", "fail"),
        ("judge_kappa >= 0.6", (0.3, 0.2, 0.4), "fail", "fail"),
        ("judge_kappa:kind >= 0.6", (0.7, 0.62, 0.8), "pass", "pass"),
        ("observed(judge_kappa) >= 0.6", (0.65, 0.5, 0.8), "pass", "pass"),
        (
            {"metric": "judge_kappa", "at_least": 0.6, "on_inconclusive": "fail"},
            (0.65, 0.5, 0.8),
            "inconclusive",
            "fail",
        ),
    ],
)
def test_a_gate_on_the_judge_reads_its_card(gate, kappa, finding, outcome):
    table = make_table(np.ones(30), np.ones(30), 0)
    (found,) = decide([gate], table, cards={"kind": make_card(kappa)}).gates
    assert (found.finding, found.outcome) == (finding, outcome)
    assert (found.value, found.low, found.high) == kappa
    assert "60 labels of 'kindness'" in found.reason


def test_a_judge_without_a_card_fails_and_so_does_a_set_without_a_judge():
    table = make_table(np.ones(30), np.ones(30), 0)
    (found,) = decide(["judge_kappa >= 0.6"], table).gates
    assert (found.finding, found.outcome) == ("fail", "fail")
    assert "the judge of 'kind', as it is now, has no card" in found.reason
    (none,) = decide(["judge_kappa >= 0.6"], table, manifest=replace(MANIFEST, judges={})).gates
    assert (none.outcome, none.reason) == ("fail", "no scorer of the run is a judge")


def test_each_slice_is_asked_of_the_card_and_a_slice_without_labels_fails():
    tags = [{"language": "en" if place % 2 else "de"} for place in range(30)]
    table = make_table(np.ones(30), np.ones(30), 0, tags=tags)
    card = make_card(slices=(make_slice("language=en", 0.8, admitted=True),))
    gate = {"metric": "judge_kappa", "at_least": 0.6, "each": "language"}
    german, english = decide([gate], table, cards={"kind": card}).gates
    assert (english.outcome, english.value) == ("pass", 0.8)
    assert german.outcome == "fail"
    assert "the card of 'kindness' says nothing of language=de" in german.reason


def test_a_policy_refuses_judges_that_are_not_admitted_where_a_gate_asks_them():
    tags = [{"language": "en" if place % 2 else "de"} for place in range(60)]
    table = make_table(np.ones(60), np.ones(60), 0, tags=tags)
    slices = (make_slice("language=en", 0.8, admitted=True), make_slice("language=de", 0.1, admitted=False))
    admitted, refused = make_card(slices=slices), make_card(admitted=False)
    gates = ["pass_rate >= 0.5", {"metric": "kind", "at_least": 0.5, "each": "language"}]

    def failing(cards, asked=gates, **policy):
        return [
            (one.gate, one.reason) for one in decide(asked, table, cards=cards, **policy).gates if one.outcome == "fail"
        ]

    assert failing({}) == []
    assert failing({"kind": admitted}, gates[:1], judges="admitted") == []
    assert failing({"kind": admitted}, judges="admitted") == [
        ("the judge of 'kind' is admitted on language=de", "'kindness' is not admitted there: too low")
    ]
    ((name, reason),) = failing({"kind": refused}, gates[:1], judges="admitted")
    assert (name, reason) == ("the judge of 'kind' is admitted", "'kindness' is not admitted: kappa 0.2 is below 0.6")
    assert "has no card" in failing({}, gates[:1], judges="admitted")[0][1]
    assert failing({}, ["latency_p50_s <= 4"], judges="admitted", threshold_inconclusive="pass") == []


def test_gates_on_judges_are_checked_before_anything_is_paid():
    check_gates([parse_gate("judge_kappa >= 0.6"), parse_gate("judge_kappa:kind >= 0.6")], ["kind"], path="e.yaml")
    with pytest.raises(UsageError, match="did you mean 'judge_kappa:kind'"):
        check_gates([parse_gate("judge_kappa:kins >= 0.6")], ["kind"], path="e.yaml")
    with pytest.raises(UsageError, match="a metric that the set does not have"):
        check_gates([parse_gate({"metric": "judge_kappa", "versus": "base"})], ["kind"], path="e.yaml")
