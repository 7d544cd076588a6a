"""A verdict before the run is over: as soon as nothing that is still to come could change it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptship.domain import GateVerdict, GroupSummary, MetricSummary, Totals
from promptship.gates._decide import EVERY_CASE, Decider, at_slice, combine, decide_policy, values_of
from promptship.runner import OutcomeCode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy import ndarray

    from promptship.domain import GateSpec, Verdict
    from promptship.gates._decide import FindBaseline
    from promptship.gates._policy import Policy
    from promptship.gates._versus import Baseline
    from promptship.runner import CaseTable

__all__ = ["decide_early"]

_RATES = frozenset({"pass_rate", "error_rate", "scored_share"})
_LATENCIES = frozenset({"latency_p50_s", "latency_p95_s"})
_COSTS = frozenset({"cost_usd", "cost_usd_per_case"})
# Beyond any cost and any latency, and still a number that can be interpolated.
_ENDLESS = 1e12


def decide_early(
    gates: Sequence[GateSpec],
    tables: Mapping[str, CaseTable],
    *,
    policy: Policy,
    first_cases: Collection[str] = (),
    baseline_of: FindBaseline | None = None,
    evalset: str = "",
) -> Verdict | None:
    """Decide a run that is not over, if its verdict is certain.

    A gate is certain where it says the same whether all cells that are still to come pass or fail (have score 1 or 0,
    cost and last nothing or without end); that is asked only of gates which cannot turn in between. Where the cases
    come in random order, a bound on the pass rate and a plain gate against a baseline are also certain once
    evidence that may be looked at any number of times decides them at the gate's level.

    Args:
        gates: The evalset's.
        tables: By variant, every planned case; a cell that has not been run has outcome 0 and no figures.
        policy: Limits and defaults.
        first_cases: Cases that are done and are the first ones of a random order; empty where the order is not random.
        baseline_of: Gives what a gate's `versus` names; None where there is no baseline at all.
        evalset: Its name, for the verdict.

    Returns:
        The verdict where a gate is certain to fail or all gates are certain; None where more cells are needed. That
        cells end in errors is counted for those that have been run, and not expected of the others.
    """
    found: list[GateVerdict] = []
    is_certain = True
    for label, table in tables.items():
        subject = label if len(tables) > 1 else ""
        watch = _Watch(label, table, policy, frozenset(first_cases), baseline_of)
        limits = decide_policy(evalset, watch.group(high=True), subject, policy.max_error_rate, policy.min_scored)
        found += limits
        for gate in policy.gates or gates or (EVERY_CASE,):
            decided = watch.decide(gate)
            is_certain = is_certain and decided is not None
            verdicts = watch.left_open(gate) if decided is None else decided
            found += [replace(one, evalset=evalset, subject=subject) for one in verdicts]
    if is_certain or any(one.outcome == "fail" for one in found):
        return combine(found)
    return None


@dataclass(frozen=True)
class _Watch:
    """Looks at the cells of one variant that have been run."""

    label: str
    table: CaseTable
    policy: Policy
    first_cases: frozenset[str]
    baseline_of: FindBaseline | None

    @property
    def done(self) -> int:
        """Cells that have been run."""
        return int((self.table.outcomes != 0).sum())

    @property
    def is_simple(self) -> bool:
        """Whether each case is one cell and its own origin, so that rates are judged by counts alone."""
        return self.table.outcomes.shape[1] == 1 and not self.table.has_clusters

    def group(self, *, high: bool) -> GroupSummary:
        """Return the figures if all that is to come passes, or fails."""
        return _group_of(_fill(self.table, "pass_rate", high=high))

    def decide(self, gate: GateSpec) -> list[GateVerdict] | None:
        """Return a gate's verdicts, one for each value of a tag that it names; None where they are not certain."""
        decided = self._decide_versus(gate) if gate.versus is not None else self._decide_threshold(gate)
        if decided is None and (by_evidence := self._decide_by_evidence(gate)) is not None:
            return [by_evidence]
        return decided

    def left_open(self, gate: GateSpec) -> list[GateVerdict]:
        """Return the verdict of a gate that was not needed."""
        reason = f"left open after {self._of_all()}: the verdict is certain without it"
        return [
            GateVerdict(
                gate=gate.text, finding="inconclusive", outcome="warn", value=None, reason=reason, decided_by="early"
            )
        ]

    def _of_all(self) -> str:
        return f"{self.done:,} of {self.table.outcomes.size:,} cells"

    def _decide_threshold(self, gate: GateSpec) -> list[GateVerdict] | None:
        is_observed = gate.decide == "observed" or gate.metric == "cost_usd"
        by_count = gate.metric in _LATENCIES or (gate.metric in _RATES and self.is_simple)
        if not (is_observed or by_count) or (gate.metric in _COSTS and _lacks_costs(self.table)):
            return None
        ends = [self._judge_filled(gate, high=high) for high in (True, False)]
        if [one.outcome for one in ends[0]] != [one.outcome for one in ends[1]]:
            return None
        return [self._certain(one, same=one.finding == other.finding) for one, other in zip(*ends, strict=True)]

    def _judge_filled(self, gate: GateSpec, *, high: bool) -> list[GateVerdict]:
        filled = _fill(self.table, gate.metric, high=high)
        tags = [gate.tag] if gate.tag else [(gate.each, one) for one in values_of(filled, gate.each)]
        slices = {f"{name}={value}": _group_of(filled.where((name, value))) for name, value in tags if name}
        judge = Decider(self.label, _group_of(filled), slices, self.policy, lambda _: filled, None)
        return judge.decide(gate)

    def _decide_versus(self, gate: GateSpec) -> list[GateVerdict] | None:
        baseline = self._baseline(gate)
        if baseline is None or baseline.table is None:
            # Without a table nothing is compared: what that means is known before the first cell.
            return Decider(
                self.label, self.group(high=True), {}, self.policy, lambda _: self.table, self.baseline_of
            ).decide(gate)
        if baseline.table.bridged:
            # The bridge's own error does not shrink with what is still to come.
            return None
        if gate.no_new_failures:
            return self._find_new_failures(gate, baseline.table)
        if not _is_plain(gate) or not self.is_simple:
            return None
        return self._test_ends(gate, baseline.table)

    def _baseline(self, gate: GateSpec) -> Baseline | None:
        return self.baseline_of(gate.versus or "", self.label) if self.baseline_of else None

    def _find_new_failures(self, gate: GateSpec, baseline: CaseTable) -> list[GateVerdict] | None:
        from promptship.gates._versus import judge_new_failures

        if gate.each is not None:
            return None
        mine = self.table.where(gate.tag)
        finding, reason, count = judge_new_failures(mine, baseline)
        if finding == "pass" and (mine.outcomes == 0).any():
            return None
        verdict = _verdict(gate, float(count), len(mine))
        return [
            self._certain(
                replace(verdict, finding=finding, outcome="pass" if finding == "pass" else "fail"), said=reason
            )
        ]

    def _test_ends(self, gate: GateSpec, baseline: CaseTable) -> list[GateVerdict] | None:
        """Test with all that is to come passed, and with all of it failed."""
        from promptship.stats import holm, sign_test

        names = [gate.tag] if gate.each is None else [(gate.each, one) for one in values_of(self.table, gate.each)]
        parts = [_count_changes(self.table.where(tag), baseline) for tag in names]
        best = holm([sign_test(one.wins + one.may_win, one.losses, "worse") for one in parts]) if parts else []
        worst = holm([sign_test(one.wins, one.losses + one.may_lose, "worse") for one in parts]) if parts else []
        found = []
        for tag, part, p_best, p_worst in zip(names, parts, best, worst, strict=True):
            if (p_best <= gate.alpha) != (p_worst <= gate.alpha):
                return None
            named = gate if gate.each is None or tag is None else at_slice(gate, "=".join(tag))
            finding = "fail" if p_best <= gate.alpha else "pass"
            verdict = _verdict(named, part.difference, part.known)
            found.append(self._certain(replace(verdict, finding=finding, outcome=finding)))  # type: ignore[arg-type]  # both words are findings and outcomes
        return found or None

    def _decide_by_evidence(self, gate: GateSpec) -> GateVerdict | None:
        """Ask evidence that may be looked at any number of times."""
        if not self.first_cases or gate.metric != "pass_rate" or gate.tag or gate.each or not self.is_simple:
            return None
        first = self.table.keep(self.first_cases)
        if gate.versus is None:
            return self._bound_rate(gate, first) if gate.decide == "bound" else None
        baseline = self._baseline(gate)
        if baseline is None or baseline.table is None or baseline.table.bridged or not _is_plain(gate):
            return None
        return self._weigh_signs(gate, _count_changes(first, baseline.table))

    def _bound_rate(self, gate: GateSpec, first: CaseTable) -> GateVerdict | None:
        from promptship.stats import rate_confidence_sequence

        passed = int((first.outcomes == OutcomeCode.PASSED).sum())
        scored = passed + int((first.outcomes == OutcomeCode.FAILED).sum())
        if not scored:
            return None
        found = rate_confidence_sequence(passed, scored, confidence=1 - gate.alpha)
        if gate.at_least is not None:
            passes, fails = found.low >= gate.at_least, found.high < gate.at_least
        else:
            limit = gate.at_most if gate.at_most is not None else 0.0
            passes, fails = found.high <= limit, found.low > limit
        if not (passes or fails):
            return None
        verdict = replace(_verdict(gate, found.estimate, scored), low=found.low, high=found.high)
        verdict = replace(verdict, finding="pass" if passes else "fail", outcome="pass" if passes else "fail")
        return replace(verdict, reason=f"shown by {scored:,} cases in random order, however often one looks")

    def _weigh_signs(self, gate: GateSpec, part: _Changes) -> GateVerdict | None:
        from promptship.stats import SignEProcess

        process = SignEProcess("worse")
        process.update(wins=part.wins, losses=part.losses)
        if not process.is_shown(gate.alpha):
            return None
        reason = f"{part.losses} lost and {part.wins} won of {part.known:,} cases in random order: evidence enough"
        verdict = _verdict(gate, part.difference, part.known)
        return replace(verdict, finding="fail", outcome="fail", reason=f"{reason}, however often one looks")

    def _certain(self, verdict: GateVerdict, *, same: bool = True, said: str = "") -> GateVerdict:
        if (self.table.outcomes != 0).all():
            return replace(verdict, reason=said or verdict.reason)
        reason = f"certain after {self._of_all()}, whatever the others say"
        return replace(
            verdict,
            finding=verdict.finding if same else "inconclusive",
            low=None,
            high=None,
            needed=None,
            reason=f"{said}; {reason}" if said else reason,
            decided_by="early",
        )


@dataclass(frozen=True, slots=True)
class _Changes:
    """Cases that changed so far, and those that still may."""

    wins: int
    losses: int
    may_win: int
    may_lose: int
    known: int

    @property
    def difference(self) -> float | None:
        return (self.wins - self.losses) / self.known if self.known else None


def _count_changes(table: CaseTable, baseline: CaseTable) -> _Changes:
    mine, theirs = table.pair(baseline)
    import numpy as np

    before = theirs.case_means("pass_rate")
    usable = ~np.isnan(before)
    outcomes = mine.outcomes[:, 0]
    open_, passed, failed = (usable & (outcomes == letter) for letter in (0, OutcomeCode.PASSED, OutcomeCode.FAILED))
    return _Changes(
        wins=int((passed & (before == 0)).sum()),
        losses=int((failed & (before > 0)).sum()),
        may_win=int((open_ & (before == 0)).sum()),
        may_lose=int((open_ & (before > 0)).sum()),
        known=int((passed | failed).sum()),
    )


def _is_plain(gate: GateSpec) -> bool:
    return gate.metric == "pass_rate" and not gate.no_new_failures and not gate.has_margin


def _lacks_costs(table: CaseTable) -> bool:
    """Whether an output has an unknown price, so that there will be no figure."""
    import numpy as np

    answered = (table.outcomes != 0) & (table.outcomes != OutcomeCode.ERROR)
    return bool(np.isnan(table.metrics["cost_usd"][answered]).any())


def _fill(table: CaseTable, metric: str, *, high: bool) -> CaseTable:
    """Return the table with all cells run: those to come have the highest, or the lowest, figure of the metric."""
    import numpy as np

    open_ = table.outcomes == 0
    bad = {"error_rate": OutcomeCode.ERROR, "scored_share": OutcomeCode.UNSCORED}.get(metric, OutcomeCode.FAILED)
    good_first = high if metric != "error_rate" else not high
    figures: dict[str, ndarray] = {}
    for name, values in table.metrics.items():
        most = _ENDLESS if name in {"latency_s", "cost_usd"} else 1.0
        figures[name] = np.where(open_, most if high else 0.0, values)
    outcomes = np.where(open_, OutcomeCode.PASSED if good_first else bad, table.outcomes).astype(table.outcomes.dtype)
    return replace(table, outcomes=outcomes, metrics=figures)


def _group_of(table: CaseTable) -> GroupSummary:
    """Return a table's figures as a finished run's are: each cell counts once."""
    counts = [int((table.outcomes == letter).sum()) for letter in OutcomeCode]
    cells = table.outcomes.size
    totals = Totals(cases=cells, passed=counts[0], failed=counts[1], error=counts[2], unscored=counts[3])
    metrics = {name: _mean(values) for name, values in table.metrics.items()}
    metrics["pass_rate"] = MetricSummary(mean=totals.pass_rate, n=totals.passed + totals.failed)
    metrics["error_rate"] = MetricSummary(mean=totals.error / cells if cells else None, n=cells)
    metrics["scored_share"] = MetricSummary(mean=totals.scored_share, n=cells)
    metrics |= dict(_money_and_time(table))
    return GroupSummary(totals=totals, metrics=metrics)


def _money_and_time(table: CaseTable) -> Iterator[tuple[str, MetricSummary]]:
    import numpy as np

    known = {name: table.metrics[name][~np.isnan(table.metrics[name])] for name in ("cost_usd", "latency_s")}
    cost, latency = known["cost_usd"], known["latency_s"]
    yield "cost_usd", MetricSummary(mean=math.fsum(cost) if len(cost) else None, n=len(cost))
    yield "cost_usd_per_case", _mean(cost)
    for percent in (50, 95):
        value = float(np.percentile(latency, percent)) if len(latency) else None
        yield f"latency_p{percent}_s", MetricSummary(mean=value, n=len(latency))


def _mean(values: ndarray) -> MetricSummary:
    import numpy as np

    known = values[~np.isnan(values)]
    return MetricSummary(mean=math.fsum(known) / len(known) if len(known) else None, n=len(known))


def _verdict(gate: GateSpec, value: float | None, n: int) -> GateVerdict:
    return GateVerdict(gate=gate.text, finding="inconclusive", outcome="warn", value=value, n=n, decided_by="early")
