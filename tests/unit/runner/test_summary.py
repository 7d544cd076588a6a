"""Figures of a run against figures worked out by hand."""

from __future__ import annotations

import random
from typing import Any

import pytest

from promptship.domain import CellError, CellKey, CellRecord, Output, RunManifest, Score, Variant
from promptship.runner import summarize
from promptship.runner._summary import percentile

MANIFEST = RunManifest(
    run_id="20261123-094510-3fa2c1",
    plan_digest="sha256:0",
    evalset="sums",
    evalset_path="sums.yaml",
    evalset_digest="sha256:1",
    scoring_digest="sha256:2",
    variants=(Variant(label="a"), Variant(label="b")),
    scorers=("similar",),
)


def record(number: int, outcome: Any, *, variant: int = 0, language: str = "de", **output: Any) -> CellRecord:
    value = output.pop("value", None)
    judged = output.pop("judged", 0.0)
    return CellRecord(
        key=CellKey(variant, f"c{number}", 0),
        outcome=outcome,
        inputs={},
        expected=None,
        tags={"language": language},
        cluster=None,
        output=None if outcome == "error" else Output(**{"text": "", "cost_usd": 0.01, "latency_s": 1.0, **output}),
        scores={} if outcome == "error" else {"similar": Score(value=value, cost_usd=judged)},
        error=CellError(kind="CallTimeoutError", message="slow") if outcome == "error" else None,
    )


RECORDS = [
    record(0, "passed", value=1.0, latency_s=1.0, calls=1),
    record(1, "failed", value=0.4, latency_s=2.0, calls=1, language="en"),
    record(2, "unscored", latency_s=3.0, calls=1, judged=0.002),
    record(3, "error", language="en"),
    record(0, "passed", variant=1, value=0.8, latency_s=4.0, cost_usd=0.03, cached_calls=1, provenance="cached"),
    record(1, "passed", variant=1, value=0.6, latency_s=5.0, cost_usd=0.05, calls=1, cached_calls=3, language="en"),
]


def test_totals_count_outcomes_calls_and_the_money_paid_now() -> None:
    totals = summarize(MANIFEST, RECORDS, wall_s=2.5).overall.totals
    assert (totals.cases, totals.passed, totals.failed, totals.error, totals.unscored) == (6, 3, 1, 1, 1)
    assert (totals.requests, totals.cached, totals.wall_s) == (4, 4, 2.5)
    # Three calls at 0.01, one call of four in an output of 0.05, and a judge of 0.002.
    assert totals.cost_usd == pytest.approx(0.03 + 0.0125 + 0.002)


def test_metrics_leave_errors_and_abstentions_out_and_ignore_the_cache() -> None:
    metrics = summarize(MANIFEST, RECORDS).overall.metrics
    figures = {name: (metric.mean, metric.n) for name, metric in metrics.items()}
    assert figures == {
        "pass_rate": (0.75, 4),
        "error_rate": (pytest.approx(1 / 6), 6),
        "scored_share": (pytest.approx(4 / 6), 6),
        "cost_usd": (pytest.approx(0.11), 5),
        "cost_usd_per_case": (pytest.approx(0.022), 5),
        "latency_p50_s": (3.0, 5),
        "latency_p95_s": (pytest.approx(4.8), 5),
        "similar": (pytest.approx(0.7), 4),
    }


def test_variants_and_slices_hold_their_own_cells() -> None:
    summary = summarize(MANIFEST, RECORDS)
    assert list(summary.variants) == ["a", "b"]
    assert summary.variants["a"].totals.pass_rate == 0.5
    assert summary.variants["b"].totals.pass_rate == 1.0
    assert list(summary.slices["a"]) == ["language=de", "language=en"]
    assert summary.slices["a"]["language=en"].totals.failed == 1
    assert summary.slices["a"]["language=en"].totals.error == 1
    assert summary.slices["b"]["language=en"].metrics["similar"].mean == 0.6
    parts = [group for slices in summary.slices.values() for group in slices.values()]
    assert sum(part.totals.cases for part in parts) == 6


def test_figures_do_not_depend_on_the_order_of_the_rows() -> None:
    rows = [record(n, "passed", value=0.1 * (n % 7), cost_usd=10.0 ** (n % 9 - 8), calls=1) for n in range(200)]
    expected = summarize(MANIFEST, rows)
    random.Random(1).shuffle(rows)  # noqa: S311 - an order, no secret
    assert summarize(MANIFEST, rows) == expected


def test_an_unknown_price_makes_money_unknown_and_nothing_else() -> None:
    group = summarize(MANIFEST, [*RECORDS, record(7, "passed", cost_usd=None, calls=1)]).overall
    assert group.totals.cost_usd is None
    assert group.metrics["cost_usd"].mean is None
    assert group.metrics["cost_usd_per_case"].mean is None
    assert group.metrics["latency_p50_s"].mean == 2.5
    cached = summarize(MANIFEST, [record(7, "passed", cost_usd=None, cached_calls=1)]).overall
    assert cached.totals.cost_usd == 0.0


def test_a_run_of_errors_alone_has_no_rates() -> None:
    group = summarize(MANIFEST, [record(0, "error"), record(1, "error")]).overall
    assert group.totals.pass_rate is None
    assert group.metrics["error_rate"].mean == 1.0
    assert group.metrics["cost_usd"].mean is None
    assert group.metrics["similar"].mean is None
    assert group.metrics["latency_p95_s"].mean is None


def test_stored_outputs_without_a_latency_have_none() -> None:
    rows = [record(0, "passed", provenance="stored", latency_s=0.0), record(1, "passed", latency_s=2.0)]
    metric = summarize(MANIFEST, rows).overall.metrics["latency_p50_s"]
    assert (metric.mean, metric.n) == (2.0, 1)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        # numpy.percentile with its default method, numpy 2.3.
        ([15.0, 20.0, 35.0, 40.0, 50.0], 0.4, 29.0),
        ([15.0, 20.0, 35.0, 40.0, 50.0], 0.95, 48.0),
        ([1.0], 0.95, 1.0),
        ([1.0, 2.0], 0.0, 1.0),
        ([1.0, 2.0], 1.0, 2.0),
        ([], 0.5, None),
    ],
)
def test_percentiles_are_those_of_definition_7(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == (expected if expected is None else pytest.approx(expected))
