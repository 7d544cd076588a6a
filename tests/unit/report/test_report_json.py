from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from promptship.domain import Variant
from promptship.report import render_json

if TYPE_CHECKING:
    from types import ModuleType

TOTALS = ["cases", "passed", "failed", "error", "unscored", "requests", "cached", "cost_usd", "wall_s"]
TOTALS += ["judge_requests", "judge_cached"]


def test_one_run_has_the_documented_keys(samples: ModuleType) -> None:
    found = render_json([samples.triage_run()], cases=True)
    assert list(found)[:6] == ["run_id", "digest", "verdict", "outcome", "gates", "totals"]
    assert {"metrics", "cases", "variants"} <= found.keys()
    assert list(found["totals"]) == TOTALS
    assert {"gate", "verdict", "value", "low", "high", "n", "reason"} <= found["gates"][0].keys()
    assert all(list(metric) == ["mean", "low", "high", "n"] for metric in found["metrics"].values())


def test_verdict_is_the_finding_and_outcome_what_follows(samples: ModuleType) -> None:
    gate = samples.gate(outcome="warn", finding="inconclusive")
    found = render_json([samples.make_run([samples.make_cell()], gates=[gate])], cases=False)
    assert (found["verdict"], found["outcome"]) == ("inconclusive", "warn")
    assert "cases" not in found


def test_the_digest_is_the_only_variants(samples: ModuleType) -> None:
    one = render_json([samples.triage_run()], cases=False)
    two = render_json([samples.reply_run()], cases=False)
    assert one["digest"] == samples.DIGEST
    assert two["digest"] is None
    assert [variant["label"] for variant in two["variants"]] == ["support/reply", "support/reply+fast"]


def test_a_target_without_a_prompt_has_no_digest(samples: ModuleType) -> None:
    run = samples.make_run([samples.make_cell()], variants=[Variant(label="python:app:answer")])
    assert render_json([run], cases=False)["digest"] is None


def test_several_runs_are_summed_and_kept_apart(samples: ModuleType) -> None:
    runs = [samples.reply_run(), samples.triage_run(), samples.extract_run()]
    found = render_json(runs, cases=True)
    assert found["run_id"] is None
    assert found["totals"]["cases"] == sum(run["totals"]["cases"] for run in found["runs"]) == 384
    assert {gate["evalset"] for gate in found["gates"]} == {"support-golden", "triage", "extract"}
    assert "triage:pass_rate" in found["metrics"]
    assert found["outcome"] == "fail"
    assert len(found["runs"][1]["cases"]) == 80


def test_an_unfinished_run_among_others_leaves_no_verdict(samples: ModuleType) -> None:
    done = samples.make_run([samples.make_cell()], gates=[samples.gate()])
    torn = samples.make_run([samples.make_cell()], gates=None)
    assert render_json([done, torn], cases=False)["verdict"] is None


def test_an_unknown_price_makes_the_sum_unknown(samples: ModuleType) -> None:
    unknown = samples.make_run([samples.make_cell(cost_usd=None)])
    known = samples.make_run([samples.make_cell(cost_usd=0.5)])
    assert render_json([known, unknown], cases=False)["totals"]["cost_usd"] is None
    assert render_json([known, known], cases=False)["totals"]["cost_usd"] == 1.0


def test_the_object_is_json_and_a_case_holds_everything(samples: ModuleType) -> None:
    found = orjson.loads(orjson.dumps(render_json([samples.extract_run()], cases=True)))
    case = found["cases"][0]
    assert case["id"] == "extract-00"
    assert case["place"] == "evalsets/extract.yaml:12"
    assert case["output"]["data"] == case["expected"]
    assert case["scores"]["fields"]["passed"] is True
