"""Runs as one JSON object, the shape of `promptctl eval --json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.report._reading import add_totals, case_order, gates_of, merge_findings, merge_outcomes, variant_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import (
        CellRecord,
        GateVerdict,
        JsonObject,
        JsonValue,
        MetricSummary,
        Output,
        Score,
        Totals,
        Vote,
    )
    from promptship.report._run_like import RunLike

__all__ = ["cell_as_json", "render_json"]


def render_json(runs: Sequence[RunLike], *, cases: bool) -> JsonObject:
    """Render runs as the object that `promptctl eval --json` prints.

    Args:
        runs: One run is the top level itself. Several are summed up there: `run_id` is None, each gate names its
            `evalset`, totals are added, metrics are keyed `evalset:metric`, and `runs` holds each run's own object.
        cases: Whether to list every cell under `cases`.

    Returns:
        `run_id, digest, verdict, outcome, gates, totals, metrics, variants`, with `cases` and `runs` where they apply.
        `verdict` is the finding (pass, fail, inconclusive), `outcome` what follows from it (pass, warn, fail); both are
        None where a run was not finished. `digest` is the prompt version's, None where there is not exactly one.
    """
    if len(runs) == 1:
        return _run_as_json(runs[0], cases=cases)
    each = [_run_as_json(run, cases=cases) for run in runs]
    digests = {variant.digest for run in runs for variant in run.manifest.variants}
    metrics: JsonObject = {}
    variants: list[JsonValue] = []
    for run in runs:
        name = run.manifest.evalset
        metrics |= {f"{name}:{key}": _metric(metric) for key, metric in run.summary.overall.metrics.items()}
        variants += [{"evalset": name, **variant} for variant in _variants(run)]
    found: JsonObject = {
        "run_id": None,
        "digest": _single(digests),
        "verdict": merge_findings(runs),
        "outcome": merge_outcomes(runs),
        "gates": [{"evalset": gate.evalset, **_gate(gate)} for gate in gates_of(runs)],
        "totals": _totals(add_totals(run.summary.overall.totals for run in runs)),
        "metrics": metrics,
        "variants": variants,
        "runs": list(each),
    }
    return found


def cell_as_json(run: RunLike, record: CellRecord) -> JsonObject:
    """Return one cell as an object: its case, its variant, output, scores and error."""
    return {
        "id": record.key.case_id,
        "variant": variant_label(run, record),
        "repeat": record.key.repeat,
        "outcome": record.outcome,
        "inputs": record.inputs,
        "expected": record.expected,
        "tags": dict(record.tags),
        "cluster": record.cluster,
        "place": record.case_place,
        "output": _output(record.output) if record.output else None,
        "scores": {name: _score(score) for name, score in record.scores.items()},
        "error": _error(record),
    }


def _run_as_json(run: RunLike, *, cases: bool) -> JsonObject:
    found: JsonObject = {
        "run_id": run.manifest.run_id,
        "digest": _single({variant.digest for variant in run.manifest.variants}),
        "verdict": run.verdict.finding if run.verdict else None,
        "outcome": run.verdict.outcome if run.verdict else None,
        "gates": [_gate(gate) for gate in gates_of([run])],
        "totals": _totals(run.summary.overall.totals),
        "metrics": _metrics(run.summary.overall.metrics),
        "notes": list(run.verdict.notes) if run.verdict else [],
        "looks": run.verdict.looks if run.verdict else 0,
        "evalset": run.manifest.evalset,
        "variants": list(_variants(run)),
    }
    if cases:
        found["cases"] = [cell_as_json(run, record) for record in sorted(run.records(), key=case_order)]
    return found


def _single(digests: set[str]) -> str | None:
    return next(iter(digests)) or None if len(digests) == 1 else None


def _variants(run: RunLike) -> list[JsonObject]:
    found: list[JsonObject] = []
    for variant in run.manifest.variants:
        entry: JsonObject = {
            "label": variant.label,
            "prompt": variant.prompt or None,
            "digest": variant.digest or None,
            "model": variant.model_id or None,
        }
        if group := run.summary.variants.get(variant.label):
            entry["totals"] = _totals(group.totals)
            entry["metrics"] = _metrics(group.metrics)
        found.append(entry)
    return found


def _gate(gate: GateVerdict) -> JsonObject:
    return {
        "gate": gate.gate,
        "verdict": gate.finding,
        "outcome": gate.outcome,
        "value": gate.value,
        "low": gate.low,
        "high": gate.high,
        "n": gate.n,
        "reason": gate.reason,
        "decided_by": gate.decided_by,
        "needed": gate.needed,
        "subject": gate.subject or None,
    }


def _totals(totals: Totals) -> JsonObject:
    return {
        "cases": totals.cases,
        "passed": totals.passed,
        "failed": totals.failed,
        "error": totals.error,
        "unscored": totals.unscored,
        "requests": totals.requests,
        "cached": totals.cached,
        "cost_usd": totals.cost_usd,
        "wall_s": totals.wall_s,
        "judge_requests": totals.judge_requests,
        "judge_cached": totals.judge_cached,
    }


def _metrics(metrics: Mapping[str, MetricSummary]) -> JsonObject:
    return {name: _metric(metric) for name, metric in metrics.items()}


def _metric(metric: MetricSummary) -> JsonObject:
    return {"mean": metric.mean, "low": metric.low, "high": metric.high, "n": metric.n}


def _output(output: Output) -> JsonObject:
    return {
        "text": output.text,
        "data": output.data,
        "messages": list(output.messages),
        "finish_reason": output.finish_reason,
        "served_model": output.served_model,
        "provenance": output.provenance,
        "cost_usd": output.cost_usd,
        "latency_s": output.latency_s,
        "usage": {
            "prompt_tokens": output.usage.prompt_tokens,
            "completion_tokens": output.usage.completion_tokens,
            "cached_tokens": output.usage.cached_tokens,
        },
    }


def _score(score: Score) -> JsonObject:
    found: JsonObject = {"value": score.value, "passed": score.passed, "reason": score.reason}
    if score.measure is not None:
        found |= {"measure": score.measure, "unit": score.unit}
    if score.category is not None:
        found["category"] = score.category
    if score.definition:
        found["definition"] = score.definition
    if score.judge:
        found["judge"] = score.judge
    if score.votes:
        found["votes"] = [_vote(vote) for vote in score.votes]
    return found


def _vote(vote: Vote) -> JsonObject:
    return {
        "criterion": vote.criterion,
        "value": vote.value,
        "category": vote.category,
        "confidence": vote.confidence,
        "raw": vote.raw,
    }


def _error(record: CellRecord) -> JsonObject | None:
    error = record.error
    return {"kind": error.kind, "message": error.message, "scorer": error.scorer or None} if error else None
