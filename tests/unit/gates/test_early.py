"""A verdict before the run is over is the verdict of the whole run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.domain import RunManifest, RunSummary, parse_gate
from promptship.gates import Baseline, Policy, decide_early, decide_verdict
from promptship.gates._early import _group_of
from promptship.runner import CaseTable

MANIFEST = RunManifest(
    run_id="r", plan_digest="p", evalset="s", evalset_path="s.yaml", evalset_digest="e", scoring_digest="s"
)
LENIENT = Policy(max_error_rate=1.0, min_scored=0.0)
GATES = [
    "observed(pass_rate) >= 0.8",
    "pass_rate >= 0.8",
    {"metric": "pass_rate", "at_most": 0.9},
    "observed(polite) >= 0.5",
    "observed(latency_p95_s) <= 2",
    "error_rate <= 0.1",
    {"metric": "pass_rate", "at_least": 0.7, "slice": "half=a"},
    {"metric": "pass_rate", "at_least": 0.5, "each": "half"},
    {"metric": "pass_rate", "versus": "base"},
    {"metric": "pass_rate", "versus": "base", "each": "half"},
    {"no_new_failures": True, "versus": "base"},
]


def table_of(letters, *, polite=None, latency=None):
    """A case for each letter: p, f, e, u, or a dot for one that has not been run."""
    count = len(letters)
    ids = tuple(f"c{number}" for number in range(count))
    rate = [{"p": 1.0, "f": 0.0}.get(letter, np.nan) for letter in letters]
    columns = {
        "pass_rate": rate,
        "polite": polite if polite is not None else rate,
        "latency_s": latency if latency is not None else np.where([one in ".e" for one in letters], np.nan, 1.0),
        "cost_usd": np.where([one in ".e" for one in letters], np.nan, 0.01),
    }
    return CaseTable(
        case_ids=ids,
        clusters=ids,
        tags=tuple({"half": "ab"[number % 2]} for number in range(count)),
        outcomes=np.array([0 if letter == "." else ord(letter) for letter in letters], dtype=np.uint8).reshape(-1, 1),
        metrics={name: np.array(values, dtype=float).reshape(-1, 1) for name, values in columns.items()},
    )


def baseline_of(letters):
    found = Baseline(name="base", table=table_of(letters))
    return lambda versus, label: found


def early(gate, letters, *, base=None, policy=LENIENT, **figures):
    return decide_early(
        [parse_gate(gate)],
        {"v": table_of(letters, **figures)},
        policy=policy,
        baseline_of=baseline_of(base) if base else None,
    )


def whole(gate, letters, base):
    table = table_of(letters)
    slices = {f"half={one}": _group_of(table.where(("half", one))) for one in "ab"}
    summary = RunSummary(overall=_group_of(table), variants={"v": _group_of(table)}, slices={"v": slices})
    return decide_verdict(
        MANIFEST,
        [parse_gate(gate)],
        summary,
        policy=LENIENT,
        table_of=lambda _: table,
        baseline_of=baseline_of(base),
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.parametrize("gate", GATES, ids=str)
def test_what_is_certain_is_what_the_whole_run_says(gate, data):
    count = data.draw(st.integers(4, 24))
    base = data.draw(st.lists(st.sampled_from("pppf"), min_size=count, max_size=count))
    final = data.draw(st.lists(st.sampled_from("ppf"), min_size=count, max_size=count))
    done = data.draw(st.lists(st.sampled_from([True, True, True, False]), min_size=count, max_size=count))
    partial = [letter if known else "." for letter, known in zip(final, done, strict=True)]
    verdict = early(gate, partial, base=base)
    if verdict is not None:
        assert verdict.outcome == whole(gate, final, base).outcome


@pytest.mark.parametrize(
    ("gate", "letters", "outcome"),
    [
        ("observed(pass_rate) >= 0.8", "fff.......", "fail"),
        ("observed(pass_rate) >= 0.8", "ff........", None),
        ("observed(pass_rate) >= 0.8", "pppppppp..", "pass"),
        ("pass_rate >= 0.5", "p" * 70 + "." * 30, "pass"),
        ("pass_rate >= 0.5", "f" * 70 + "." * 30, "fail"),
        ("observed(latency_p95_s) <= 2", "p" * 60 + "." * 40, None),
        ("observed(cost_usd) <= 0.05", "p" * 6 + "." * 4, "fail"),
        ("error_rate <= 0.1", "eeee......", "fail"),
    ],
)
def test_an_end_is_called_no_sooner_and_no_later_than_it_is_certain(gate, letters, outcome):
    verdict = early(gate, letters)
    assert (verdict and verdict.outcome) == outcome


def test_a_lost_comparison_is_certain_before_its_end():
    verdict = early({"metric": "pass_rate", "versus": "base"}, "f" * 12 + "." * 8, base="p" * 20)
    assert verdict is not None
    assert verdict.gates[0].finding == "fail"
    assert "certain after 12 of 20 cells" in verdict.gates[0].reason
    assert early({"metric": "pass_rate", "versus": "base"}, "f" * 4 + "." * 16, base="p" * 20) is None
    assert early({"metric": "pass_rate", "versus": "base"}, "p" * 16 + "." * 4, base="p" * 20).outcome == "pass"


def test_one_gate_that_fails_ends_it_and_the_others_are_left_open():
    gates = [parse_gate("observed(pass_rate) >= 0.9"), parse_gate("observed(latency_p95_s) <= 2")]
    verdict = decide_early(gates, {"v": table_of("ff........")}, policy=LENIENT)
    assert verdict.outcome == "fail"
    assert [gate.outcome for gate in verdict.gates] == ["fail", "warn"]
    assert "left open" in verdict.gates[1].reason


def test_errors_beyond_the_limit_end_it_as_infrastructure():
    verdict = early("observed(pass_rate) >= 0.5", "e........." * 10, policy=Policy())
    assert verdict.gates[0].decided_by == "policy"
    assert early("observed(pass_rate) >= 0.5", "e" + "." * 199, policy=Policy()) is None


def test_scores_with_repeats_or_families_wait_for_the_end_where_a_bound_decides():
    table = table_of("f" * 60 + "." * 4)
    twice = CaseTable(
        case_ids=table.case_ids,
        clusters=tuple(str(number // 2) for number in range(64)),
        tags=table.tags,
        outcomes=table.outcomes,
        metrics=table.metrics,
    )
    assert decide_early([parse_gate("pass_rate >= 0.5")], {"v": twice}, policy=LENIENT) is None
    assert decide_early([parse_gate("observed(pass_rate) >= 0.5")], {"v": twice}, policy=LENIENT).outcome == "fail"


def test_evidence_in_random_order_decides_sooner_and_only_in_random_order():
    letters = "p" * 80 + "." * 920
    gate, tables = [parse_gate("pass_rate >= 0.8")], {"v": table_of(letters)}
    first = {f"c{number}" for number in range(80)}
    verdict = decide_early(gate, tables, policy=LENIENT, first_cases=first)
    assert (verdict.outcome, verdict.gates[0].low > 0.8, verdict.gates[0].n) == ("pass", True, 80)
    assert decide_early(gate, tables, policy=LENIENT) is None
    versus, lost = [parse_gate({"metric": "pass_rate", "versus": "base"})], {"v": table_of("f" * 14 + "." * 986)}
    found = decide_early(
        versus, lost, policy=LENIENT, first_cases=first, baseline_of=baseline_of("p" * 500 + "f" * 500)
    )
    assert found.outcome == "fail"
    assert "14 lost and 0 won" in found.gates[0].reason


def test_evidence_turns_few_runs_of_equal_quality_red():
    rng = np.random.default_rng(4)
    gate = [parse_gate({"metric": "pass_rate", "versus": "base"})]
    red = 0
    for _ in range(200):
        base = rng.random(120) < 0.8
        after = np.where(rng.random(120) < 0.2, rng.random(120) < 0.8, base)
        letters, before = ("".join("p" if mark else "f" for mark in marks) for marks in (after, base))
        for look in range(10, 120, 10):
            verdict = decide_early(
                gate,
                {"v": table_of(letters[:look] + "." * (120 - look))},
                policy=LENIENT,
                first_cases={f"c{number}" for number in range(look)},
                baseline_of=baseline_of(before),
            )
            if verdict is not None:
                red += verdict.outcome == "fail"
                break
    assert red <= 16
