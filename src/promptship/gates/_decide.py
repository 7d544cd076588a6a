"""Plain thresholds on the figures of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.domain import GateSpec, GateVerdict, GroupSummary, MetricSummary, RunManifest, RunSummary, Verdict
from promptship.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from promptship.domain import Finding, Outcome

__all__ = ["KNOWN_METRICS", "check_gates", "decide_verdict", "merge_verdicts"]

KNOWN_METRICS = (
    "pass_rate",
    "error_rate",
    "scored_share",
    "cost_usd",
    "cost_usd_per_case",
    "latency_p50_s",
    "latency_p95_s",
)
"""Metrics that every run has; the names of its scorers are metrics too."""

_EVERY_CASE = GateSpec(text="every case passes", metric="pass_rate", at_least=1.0, decide="observed")
_NO_INTERVAL = "decided on the observed figure, which has no interval in this version"


def check_gates(gates: Iterable[GateSpec], scorers: Iterable[str], *, path: str) -> None:
    """Refuse a gate on a metric that the run will not have, before anything is paid.

    Raises:
        UsageError: A gate names an unknown metric.
    """
    known = [*KNOWN_METRICS, *scorers]
    for gate in gates:
        if gate.metric not in known:
            meant = did_you_mean(gate.metric, known)
            raise UsageError(
                f"{path}: the gate {gate.text!r} names {gate.metric!r}, a metric that the set does not have{meant}",
                hint=f"metrics of this evalset: {', '.join(known)}",
            )


def decide_verdict(
    manifest: RunManifest,
    gates: Sequence[GateSpec],
    summary: RunSummary,
    *,
    max_error_rate: float = 0.01,
    min_scored: float = 0.99,
) -> Verdict:
    """Decide every gate for every variant of a run.

    Args:
        manifest: Which run.
        gates: Its evalset's gates; none means that every case must pass.
        summary: Its figures.
        max_error_rate: Share of cells, 0 to 1, that may have ended in an error.
        min_scored: Share of cells without an error, 0 to 1, that must have been scored.

    Returns:
        `fail` if any gate fails, else `warn` if any warns, else `pass`. An interval is not computed yet, so a bound
        is decided on the observed figure and the reason says so.
    """
    verdicts: list[GateVerdict] = []
    several = len(summary.variants) > 1
    for label, group in summary.variants.items():
        subject = label if several else ""
        verdicts += _decide_policy(manifest, group, subject, max_error_rate, min_scored)
        for gate in gates or (_EVERY_CASE,):
            judged = group if gate.tag is None else summary.slices.get(label, {}).get("=".join(gate.tag))
            verdicts.append(_decide_gate(manifest, gate, judged, subject))
    return _combine(verdicts)


def merge_verdicts(verdicts: Iterable[Verdict]) -> Verdict:
    """Return one verdict over several runs: the worst of them, with all their gates."""
    return _combine([gate for verdict in verdicts for gate in verdict.gates])


def _combine(gates: list[GateVerdict]) -> Verdict:
    findings = {gate.finding for gate in gates}
    outcomes = {gate.outcome for gate in gates}
    finding: Finding = "fail" if "fail" in findings else "inconclusive" if "inconclusive" in findings else "pass"
    outcome: Outcome = "fail" if "fail" in outcomes else "warn" if "warn" in outcomes else "pass"
    failing = [gate for gate in gates if gate.outcome == "fail"]
    reason = f"{len(failing)} of {len(gates)} gates failed" if failing else f"all {len(gates)} gates pass"
    return Verdict(finding=finding, outcome=outcome, gates=tuple(gates), reason=reason)


def _decide_policy(
    manifest: RunManifest, group: GroupSummary, subject: str, max_error_rate: float, min_scored: float
) -> list[GateVerdict]:
    """Judge whether the run is sound enough to be judged; silent where it is."""
    totals = group.totals
    found = []
    error_rate = totals.error / totals.cases if totals.cases else 0.0
    if error_rate > max_error_rate:
        found.append(
            GateVerdict(
                gate=f"error_rate <= {max_error_rate:g}",
                finding="fail",
                outcome="fail",
                value=error_rate,
                n=totals.cases,
                reason=f"{totals.error} of {totals.cases} cells ended in an error, which says nothing of the prompt",
                decided_by="policy",
                evalset=manifest.evalset,
                subject=subject,
            )
        )
    answered = totals.cases - totals.error
    scored = 1 - totals.unscored / answered if answered else 1.0
    if scored < min_scored:
        found.append(
            GateVerdict(
                gate=f"scored_share >= {min_scored:g}",
                finding="inconclusive",
                outcome="fail",
                value=scored,
                n=answered,
                reason=f"{totals.unscored} of {answered} answers could not be scored",
                decided_by="policy",
                evalset=manifest.evalset,
                subject=subject,
            )
        )
    return found


def _decide_gate(manifest: RunManifest, gate: GateSpec, group: GroupSummary | None, subject: str) -> GateVerdict:
    metric = (group.metrics.get(gate.metric) if group else None) or MetricSummary(mean=None)
    finding, reason = _judge(gate, metric)
    return GateVerdict(
        gate=gate.text,
        finding=finding,
        outcome="pass" if finding == "pass" else "fail",
        value=metric.mean,
        low=metric.low,
        high=metric.high,
        n=metric.n,
        reason=reason,
        decided_by="observed",
        evalset=manifest.evalset,
        subject=subject,
    )


def _judge(gate: GateSpec, metric: MetricSummary) -> tuple[Finding, str]:
    if metric.mean is None:
        where = f" with {'='.join(gate.tag)}" if gate.tag else ""
        return "inconclusive", f"there is no figure for {gate.metric}{where}"
    if gate.at_least is not None:
        passed, comparison, threshold = metric.mean >= gate.at_least, "below", gate.at_least
    else:
        threshold = gate.at_most if gate.at_most is not None else 0.0
        passed, comparison = metric.mean <= threshold, "above"
    note = _NO_INTERVAL if gate.decide == "bound" else ""
    if passed:
        return "pass", note
    said = f"{metric.mean:.4g} is {comparison} {threshold:g}"
    return "fail", f"{said}; {note}" if note else said
