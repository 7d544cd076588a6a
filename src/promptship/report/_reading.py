"""What every report reads from a run: its verdict, its failing cells, the slices that stand out."""

from __future__ import annotations

import heapq
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from promptship.domain import Totals, digest_output
from promptship.errors import CanonicalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from promptship.domain import CellRecord, Finding, GateVerdict, JsonValue, Outcome, Score, Verdict
    from promptship.report._run_like import RunLike

__all__ = [
    "SliceDifference",
    "add_totals",
    "as_text",
    "case_order",
    "differing_slices",
    "explain",
    "first_not_passed",
    "gates_of",
    "headline",
    "merge_findings",
    "merge_outcomes",
    "notes_of",
    "output_digest",
    "reason_of",
    "say_requests",
    "threshold_of",
    "variant_label",
]

_LEAST_N = 5
_STANDARD_ERRORS = 2
_THRESHOLD = re.compile(r"(>=|<=)\s*([-+]?[0-9.]+(?:[eE][-+]?\d+)?)")
_NO_INTERVAL = "no interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceDifference:
    """A slice whose pass rate is far from its variant's; rates are shares, `n` counts scored cells of the slice."""

    variant: str
    name: str
    rate: float
    whole: float
    n: int


def gates_of(runs: Sequence[RunLike]) -> list[GateVerdict]:
    """Return the gates of all runs in order."""
    return [gate for run in runs if run.verdict for gate in run.verdict.gates]


def merge_findings(runs: Sequence[RunLike]) -> Finding | None:
    """Return the worst finding, or None where no run has a verdict or one is missing and none fails."""
    found = [run.verdict.finding if run.verdict else None for run in runs]
    # A run that was not judged leaves the whole open, unless another one fails it anyway.
    order: tuple[Finding | None, ...] = ("fail", None, "inconclusive", "pass")
    return next((finding for finding in order if finding in found), None)


def merge_outcomes(runs: Sequence[RunLike]) -> Outcome | None:
    """Return the worst outcome; None as in `merge_findings`."""
    found = [run.verdict.outcome if run.verdict else None for run in runs]
    order: tuple[Outcome | None, ...] = ("fail", None, "warn", "pass")
    return next((outcome for outcome in order if outcome in found), None)


def headline(runs: Sequence[RunLike]) -> str:
    """Say in one phrase what decided: how many gates failed or warn."""
    gates = gates_of(runs)
    if merge_outcomes(runs) is None:
        unfinished = any(run.manifest.finished is None for run in runs)
        return "a run did not finish" if unfinished else "the gates were not asked"
    if failing := [gate for gate in gates if gate.outcome == "fail"]:
        open_only = all(gate.finding == "inconclusive" and gate.decided_by != "observed" for gate in failing)
        return _share_of(len(failing), len(gates), "could not be decided" if open_only else "failed")
    if warned := sum(gate.outcome == "warn" for gate in gates):
        return _share_of(warned, len(gates), "warned")
    return _share_of(len(gates), len(gates), "passed") if gates else "there were no gates"


def reason_of(gate: GateVerdict) -> str:
    """Return the gate's reason; a figure that was decided without an interval says so."""
    if gate.decided_by == "observed" and gate.low is None and gate.high is None and gate.value is not None:
        return f"{gate.reason}; {_NO_INTERVAL}" if gate.reason else _NO_INTERVAL
    return gate.reason


def notes_of(verdict: Verdict | None) -> list[str]:
    """Return what has to be known beside the gates, and how many versions have been looked at so far."""
    if verdict is None:
        return []
    notes = list(verdict.notes)
    if verdict.looks > 1:
        notes.append(f"version number {verdict.looks} that is judged on this evalset as it is; one may pass by luck")
    return notes


def threshold_of(gate: GateVerdict) -> tuple[Literal[">=", "<="], float] | None:
    """Return comparison and figure of a threshold gate; None for a gate of another shape."""
    match = _THRESHOLD.search(gate.gate)
    if match is None:
        return None
    return ">=" if match[1] == ">=" else "<=", float(match[2])


def add_totals(totals: Iterable[Totals]) -> Totals:
    """Add totals up; a cost is known only where all are."""
    parts = list(totals)
    costs = [part.cost_usd for part in parts if part.cost_usd is not None]
    return Totals(
        cases=sum(part.cases for part in parts),
        passed=sum(part.passed for part in parts),
        failed=sum(part.failed for part in parts),
        error=sum(part.error for part in parts),
        unscored=sum(part.unscored for part in parts),
        requests=sum(part.requests for part in parts),
        cached=sum(part.cached for part in parts),
        cost_usd=sum(costs) if len(costs) == len(parts) else None,
        wall_s=sum(part.wall_s for part in parts),
        judge_requests=sum(part.judge_requests for part in parts),
        judge_cached=sum(part.judge_cached for part in parts),
    )


def say_requests(totals: Totals) -> str:
    """Say how many answers were asked for and how many came from the cache, those of judges apart."""
    said = f"{totals.requests:,} requests, {totals.cached:,} cached"
    if not totals.judge_requests and not totals.judge_cached:
        return said
    return f"{said}; {totals.judge_requests:,} by judges, {totals.judge_cached:,} cached"


def case_order(record: CellRecord) -> tuple[str, int, str, int, int]:
    """Return a key that sorts cells as a reader meets the cases: file, line, id, variant, repeat."""
    path, _, line = record.case_place.rpartition(":")
    # As numbers, or line 10 would stand before line 9.
    place = (path, int(line)) if line.isdecimal() else (record.case_place, 0)
    return (*place, record.key.case_id, record.key.variant, record.key.repeat)


def first_not_passed(run: RunLike, limit: int) -> tuple[list[CellRecord], int]:
    """Return the first `limit` cells that did not pass, in reading order, and how many there are.

    One pass over the run; never more than `limit` cells in memory.
    """
    # A heap of `limit`, not a sort: a run may hold a million cells.
    totals = run.summary.overall.totals
    waiting = (record for record in run.records() if record.outcome != "passed")
    return heapq.nsmallest(limit, waiting, key=case_order), totals.cases - totals.passed


def explain(record: CellRecord, required: frozenset[str]) -> list[tuple[str, str]]:
    """Say why a cell did not pass: pairs of who says so (a scorer, or the error's kind) and the reason."""
    if record.error is not None:
        who = f"{record.error.kind} in {record.error.scorer}" if record.error.scorer else record.error.kind
        return [(who, record.error.message)]
    verdicts = [(name, score) for name, score in record.scores.items() if score.passed is not True]
    # A scorer that only measures did not decide; it is named only where nothing else is left to name.
    counted = [(name, _say(score)) for name, score in verdicts if name in required]
    return counted or [(name, _say(score)) for name, score in verdicts]


def variant_label(run: RunLike, record: CellRecord) -> str:
    """Return the label of the cell's variant."""
    variants = run.manifest.variants
    return variants[record.key.variant].label if record.key.variant < len(variants) else f"#{record.key.variant}"


def output_digest(record: CellRecord) -> str | None:
    """Return the digest that labels know the cell's output by; None where there is no output that could be labelled."""
    if record.output is None:
        return None
    try:
        return digest_output(record.output)
    except CanonicalError:
        return None


def differing_slices(run: RunLike) -> list[SliceDifference]:
    """Return slices whose pass rate is more than two standard errors away from their variant's, widest gap first.

    A pointer for a reader, no test: a slice of fewer than five scored cells is left out.

    Source:
        Standard error of a share, sqrt(p (1 - p) / n), with p of the whole variant.
    """
    found = []
    for variant, slices in run.summary.slices.items():
        whole = run.summary.variants[variant].totals.pass_rate if variant in run.summary.variants else None
        for name, group in slices.items():
            rate, n = group.totals.pass_rate, group.totals.passed + group.totals.failed
            if whole is None or rate is None or n < _LEAST_N:
                continue
            if abs(rate - whole) > _STANDARD_ERRORS * (whole * (1 - whole) / n) ** 0.5:
                found.append(SliceDifference(variant=variant, name=name, rate=rate, whole=whole, n=n))
    return sorted(found, key=lambda item: (-abs(item.rate - item.whole), item.variant, item.name))


def as_text(value: JsonValue) -> str:
    """Return text as it is and any other value as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _say(score: Score) -> str:
    said = score.reason or ("did not pass" if score.passed is False else "gave no verdict")
    if score.value is not None and score.value not in {0, 1}:
        return f"{said} (score {score.value:.4g})"
    return said


def _share_of(some: int, count: int, verb: str) -> str:
    if count == 1:
        return f"the gate {verb}"
    return f"all {count} gates {verb}" if some == count else f"{some} of {count} gates {verb}"
