"""Every gate of a run decided, and all of them together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from promptship.domain import GateSpec, GateVerdict, GroupSummary, MetricSummary, RunManifest, RunSummary, Verdict
from promptship.errors import UsageError, did_you_mean
from promptship.gates._judges import JUDGE_KAPPA, RunJudges, is_on_judges
from promptship.gates._policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from promptship.domain import Finding, JudgeCard, OnInconclusive, Outcome
    from promptship.gates._absolute import Figure
    from promptship.gates._bridged import BridgedPair
    from promptship.gates._judged import JudgedFigure, JudgedPair
    from promptship.gates._versus import Baseline, PairedFigure
    from promptship.runner import CaseTable

    FindBaseline = Callable[[str, str], Baseline]
    """Gives what `versus` means for a variant's label."""

__all__ = [
    "EVERY_CASE",
    "KNOWN_METRICS",
    "Decider",
    "at_slice",
    "check_gates",
    "combine",
    "decide_policy",
    "decide_verdict",
    "merge_verdicts",
    "values_of",
]

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

_PAIRED_METRICS = ("pass_rate", "error_rate", "cost_usd_per_case", "latency_s")
EVERY_CASE = GateSpec(text="every case passes", metric="pass_rate", at_least=1.0, decide="observed")


def check_gates(
    gates: Iterable[GateSpec], scorers: Iterable[str], *, path: str, tags: Iterable[tuple[str, str]] | None = None
) -> None:
    """Refuse a gate on a metric or a slice that the run will not have, before anything is paid.

    Args:
        gates: What is asked.
        scorers: Names of the scorers.
        path: Where the gates stand, for the message.
        tags: Every tag and value that a case has; None where only a part of the cases is evaluated.

    Raises:
        UsageError: A gate names an unknown metric, tag or slice.
    """
    scorers = list(scorers)
    slices = None if tags is None else set(tags)
    for gate in gates:
        known = [*(KNOWN_METRICS if gate.versus is None else _PAIRED_METRICS), *scorers]
        if is_on_judges(gate) and gate.versus is None:
            known += [JUDGE_KAPPA, *(f"{JUDGE_KAPPA}:{name}" for name in scorers)]
        if gate.metric not in known:
            meant = did_you_mean(gate.metric, known)
            raise UsageError(
                f"{path}: the gate {gate.text!r} names {gate.metric!r}, a metric that the set does not have{meant}",
                hint=f"metrics of this evalset: {', '.join(known)}",
            )
        if slices is not None:
            _check_slice(gate, slices, path)


def _check_slice(gate: GateSpec, slices: set[tuple[str, str]], path: str) -> None:
    names = sorted({name for name, _ in slices})
    if gate.each is not None and gate.each not in names:
        raise UsageError(
            f"{path}: the gate {gate.text!r} names the tag {gate.each!r}, which no case has"
            f"{did_you_mean(gate.each, names)}",
            hint=f"tags: {', '.join(names) or 'none'}",
        )
    if gate.tag is not None and gate.tag not in slices:
        shown = sorted("=".join(one) for one in slices)
        raise UsageError(
            f"{path}: the gate {gate.text!r} names a slice that no case is in{did_you_mean('='.join(gate.tag), shown)}",
            hint=f"slices: {', '.join(shown) or 'none'}",
        )


def decide_verdict(
    manifest: RunManifest,
    gates: Sequence[GateSpec],
    summary: RunSummary,
    *,
    policy: Policy | None = None,
    table_of: Callable[[str], CaseTable] | None = None,
    baseline_of: FindBaseline | None = None,
    cards: Mapping[str, JudgeCard] | None = None,
) -> Verdict:
    """Decide every gate for every variant of a run.

    Args:
        manifest: Which run.
        gates: Its evalset's gates; the policy's own replace them, and none at all means that every case must pass.
        summary: Its figures.
        policy: Limits and defaults; None for the usual ones.
        table_of: Gives the cases of a variant; asked for only where a gate is decided on a bound or a baseline. None
            leaves thresholds to the observed figure.
        baseline_of: Gives what a gate's `versus` names; None where there is no baseline at all.
        cards: The cards of the run's judges, by scorer; None for none.

    Returns:
        `fail` if any gate fails, else `warn` if any warns, else `pass`.

    Raises:
        UsageError: A gate against a baseline names a metric that cannot be compared.
    """
    policy = policy or Policy()
    verdicts: list[GateVerdict] = []
    asked = policy.gates or gates or (EVERY_CASE,)
    judges = RunJudges(tuple(manifest.judges), manifest.required, cards or {})
    several = len(summary.variants) > 1
    for label, group in summary.variants.items():
        subject = label if several else ""
        verdicts += decide_policy(manifest.evalset, group, subject, policy.max_error_rate, policy.min_scored)
        decider = Decider(label, group, summary.slices.get(label, {}), policy, table_of, baseline_of, judges)
        found = [one for gate in asked for one in decider.decide(gate)]
        if policy.judges == "admitted":
            parts = [part for gate in asked for part in decider.parts_of(gate)]
            found = judges.decide_admission(parts) + found
        verdicts += [replace(one, evalset=manifest.evalset, subject=subject) for one in found]
    return combine(verdicts)


def merge_verdicts(verdicts: Iterable[Verdict]) -> Verdict:
    """Return one verdict over several runs: the worst of them, with all their gates."""
    verdicts = list(verdicts)
    merged = combine([gate for verdict in verdicts for gate in verdict.gates])
    notes = tuple(note for verdict in verdicts for note in verdict.notes)
    return replace(merged, notes=notes, looks=max((verdict.looks for verdict in verdicts), default=0))


def combine(gates: list[GateVerdict]) -> Verdict:
    """Return what all gates say together: the worst finding and the worst outcome."""
    findings = {gate.finding for gate in gates}
    outcomes = {gate.outcome for gate in gates}
    finding: Finding = "fail" if "fail" in findings else "inconclusive" if "inconclusive" in findings else "pass"
    outcome: Outcome = "fail" if "fail" in outcomes else "warn" if "warn" in outcomes else "pass"
    failing = [gate for gate in gates if gate.outcome == "fail"]
    warning = sum(gate.outcome == "warn" for gate in gates)
    reason = f"{len(failing)} of {len(gates)} gates failed" if failing else f"all {len(gates)} gates pass"
    if warning and not failing:
        reason = f"{warning} of {len(gates)} gates only warn"
    return Verdict(finding=finding, outcome=outcome, gates=tuple(gates), reason=reason)


def decide_policy(
    evalset: str, group: GroupSummary, subject: str, max_error_rate: float, min_scored: float
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
                evalset=evalset,
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
                evalset=evalset,
                subject=subject,
            )
        )
    return found


@dataclass(frozen=True)
class Decider:
    """Decides gates for one variant.

    Attributes:
        label: The variant's.
        group: Its figures.
        slices: Its figures by slice.
        policy: Limits and defaults.
        table_of: Gives its cases; None leaves thresholds to the observed figure.
        baseline_of: Gives what a gate's `versus` names; None where there is no baseline at all.
        judges: Which scorers are judges, and which of them are needed.
    """

    label: str
    group: GroupSummary
    slices: Mapping[str, GroupSummary]
    policy: Policy
    table_of: Callable[[str], CaseTable] | None
    baseline_of: FindBaseline | None
    judges: RunJudges = field(default_factory=RunJudges)

    def decide(self, gate: GateSpec) -> list[GateVerdict]:
        """Return the gate's verdict, or one for each value of the tag and each judge that it names."""
        if gate.versus is not None:
            return self._decide_versus(gate)
        parts = self.parts_of(gate)
        if is_on_judges(gate):
            return [one for part in parts for one in self.judges.decide_kappa(part)] or [_nothing(gate)]
        return [self._decide_threshold(part) for part in parts] or [_nothing(gate)]

    def parts_of(self, gate: GateSpec) -> list[GateSpec]:
        """Return a gate by itself, or one for each value of the tag that it names."""
        if gate.each is None:
            return [gate]
        names = sorted(name for name in self.slices if name.partition("=")[0] == gate.each)
        return [at_slice(gate, name) for name in names]

    def _decide_threshold(self, gate: GateSpec) -> GateVerdict:
        if gate.decide == "observed" or self.table_of is None or gate.metric == "cost_usd":
            return self._decide_observed(gate)
        from promptship.gates._absolute import bound_figure, judge_threshold, needed_for, needed_repeats
        from promptship.gates._judged import bound_judged

        table = self.table_of(self.label).where(gate.tag)
        if judged := bound_judged(table, gate.metric, gate.alpha):
            return self._decide_judged(gate, judged)
        figure = bound_figure(table, gate.metric, gate.alpha)
        if figure is None:
            return _nothing(gate)
        finding, reason = judge_threshold(gate, figure)
        verdict = _verdict_on(gate, figure, finding, reason)
        if finding != "inconclusive":
            return verdict
        needed = needed_for(gate, figure)
        if needed is not None:
            repeats = needed_repeats([table], gate.metric, needed / figure.n)
            reason += f"; {_say_needed(needed, repeats)} would decide it if the figure stays"
        on_inconclusive = gate.on_inconclusive or self.policy.threshold_inconclusive
        return _settle(replace(verdict, needed=needed, reason=reason), on_inconclusive, _meets(gate, figure.value))

    def _decide_judged(self, gate: GateSpec, judged: JudgedFigure) -> GateVerdict:
        """Decide on what people would say, as far as a judge and their labels tell."""
        from promptship.gates._absolute import judge_threshold

        finding, reason = judge_threshold(gate, judged.figure)
        reason += f"; {judged.describe()}"
        if finding == "inconclusive" and (labels := judged.needed_labels(gate)):
            reason += f"; {labels:,} labels would about decide it: promptctl judge budget {judged.judge}"
        verdict = _verdict_on(gate, judged.figure, finding, reason)
        if finding != "inconclusive":
            return verdict
        on_inconclusive = gate.on_inconclusive or self.policy.threshold_inconclusive
        return _settle(verdict, on_inconclusive, _meets(gate, judged.figure.value))

    def _decide_observed(self, gate: GateSpec) -> GateVerdict:
        group = self.group if gate.tag is None else self.slices.get("=".join(gate.tag))
        metric = (group.metrics.get(gate.metric) if group else None) or MetricSummary(mean=None)
        if metric.mean is None:
            return _nothing(gate)
        passed = _meets(gate, metric.mean)
        said = "below" if gate.at_least is not None else "above"
        threshold = gate.at_least if gate.at_least is not None else gate.at_most
        return GateVerdict(
            gate=gate.text,
            finding="pass" if passed else "fail",
            outcome="pass" if passed else "fail",
            value=metric.mean,
            n=metric.n,
            reason="" if passed else f"{metric.mean:.4g} is {said} {threshold:g}",
            decided_by="observed",
        )

    def _decide_versus(self, gate: GateSpec) -> list[GateVerdict]:
        from promptship.gates._versus import Baseline

        nothing = Baseline(name=gate.versus or "", reason="no baseline was given")
        baseline = self.baseline_of(gate.versus or "", self.label) if self.baseline_of else nothing
        if baseline.is_candidate:
            return [_plain(gate, "pass", "pass", f"{baseline.name} is this very version", "baseline")]
        if baseline.table is None or self.table_of is None:
            outcome = self.policy.no_baseline or gate.no_baseline
            return [_plain(gate, "inconclusive", outcome, f"no baseline: {baseline.reason}", "no_baseline")]
        table = self.table_of(self.label)
        parts = (
            [gate]
            if gate.each is None
            else [at_slice(gate, f"{gate.each}={one}") for one in values_of(table, gate.each)]
        )
        return self._compare(parts, table, baseline.table) or [_nothing(gate)]

    def _compare(self, gates: list[GateSpec], table: CaseTable, baseline: CaseTable) -> list[GateVerdict]:
        """Judge one gate, or one for each slice, whose tests are then corrected for being many."""
        from promptship.gates._bridged import pair_bridged
        from promptship.gates._judged import pair_judged
        from promptship.gates._versus import PairedFigure, is_enough, judge_new_failures, p_value_worse, pair_figures
        from promptship.stats import holm

        found: list[GateVerdict] = []
        pairs: list[tuple[GateSpec, PairedFigure | JudgedPair | BridgedPair]] = []
        for gate in gates:
            mine = table.where(gate.tag)
            if gate.no_new_failures and baseline.bridged:
                found.append(_nothing(gate, "other judges scored the baseline, and a bridge says nothing of one case"))
                continue
            if gate.no_new_failures:
                finding, reason, count = judge_new_failures(mine, baseline)
                outcome: Outcome = "pass" if finding == "pass" else "fail"
                found.append(
                    replace(_plain(gate, finding, outcome, reason, "baseline"), value=float(count), n=len(mine))
                )
                continue
            if judged := pair_judged(gate, mine, baseline.where(gate.tag)):
                pairs.append((gate, judged))
                continue
            if gate.metric in baseline.bridged:
                bridged = pair_bridged(gate, mine, baseline)
                if bridged is None:
                    found.append(_nothing(gate, "other judges scored the baseline, and the bridge has too few"))
                else:
                    pairs.append((gate, bridged))
                continue
            pair = pair_figures(gate, mine, baseline)
            if is_enough(pair):
                pairs.append((gate, pair))
            else:
                found.append(_nothing(gate, "fewer than two cases to compare"))
        p_values = holm([p_value_worse(one) if isinstance(one, PairedFigure) else one.p_worse for _, one in pairs])
        sides = (table, baseline)
        for (part, one), p in zip(pairs, p_values, strict=True):
            if isinstance(one, PairedFigure):
                found.append(self._judge_pair(part, one, p, sides))
            else:
                found.append(self._judge_judged(part, one, p))
        return found

    def _judge_judged(self, gate: GateSpec, pair: JudgedPair | BridgedPair, p_worse: float) -> GateVerdict:
        from promptship.gates._judged import judge_pair

        finding, reason = judge_pair(gate, pair, p_worse=p_worse)
        verdict = replace(
            _plain(gate, finding, "pass" if finding == "pass" else "fail", reason, "baseline"),
            value=pair.whole.estimate,
            low=pair.whole.low,
            high=pair.whole.high,
            n=pair.whole.n,
        )
        if finding != "inconclusive":
            return verdict
        on_inconclusive = gate.on_inconclusive or self.policy.baseline_inconclusive
        return _settle(verdict, on_inconclusive, pair.whole.estimate >= 0)

    def _judge_pair(
        self, gate: GateSpec, pair: PairedFigure, p_worse: float, sides: tuple[CaseTable, CaseTable]
    ) -> GateVerdict:
        from promptship.gates._absolute import needed_repeats
        from promptship.gates._judged import say_uncorrected
        from promptship.gates._versus import judge_versus, needed_share
        from promptship.stats import paired_difference

        finding, reason = judge_versus(gate, pair, p_worse=p_worse)
        reason += say_uncorrected(gate, sides[0])
        interval = paired_difference(pair.before, pair.after, clusters=pair.clusters)
        ends = sorted((pair.sign * interval.low, pair.sign * interval.high))
        outcome: Outcome = "pass" if finding == "pass" else "fail"
        verdict = replace(
            _plain(gate, finding, outcome, reason, "baseline"),
            value=pair.difference,
            low=ends[0],
            high=ends[1],
            n=len(pair.before),
        )
        if finding != "inconclusive":
            return verdict
        if share := needed_share(gate, pair):
            needed = math.ceil(share * len(pair.before))
            mine = sides[0].where(gate.tag)
            repeats = needed_repeats(mine.pair(sides[1]), gate.metric, share)
            reason += f"; {_say_needed(needed, repeats)} would decide it if the difference stays"
            verdict = replace(verdict, needed=needed, reason=reason)
        on_inconclusive = gate.on_inconclusive or self.policy.baseline_inconclusive
        return _settle(verdict, on_inconclusive, pair.sign * pair.difference >= 0)


def values_of(table: CaseTable, tag: str | None) -> list[str]:
    """Return the values of a tag, sorted; none for no tag."""
    return [] if tag is None else sorted({tags[tag] for tags in table.tags if tag in tags})


def at_slice(gate: GateSpec, name: str) -> GateSpec:
    """Return a gate on each value of a tag as the gate on one of them, `tag=value`."""
    tag, _, value = name.partition("=")
    return replace(gate, tag=(tag, value), each=None, text=gate.text.replace(f"[each {tag}]", f"[{name}]"))


def _say_needed(cases: int, repeats: int | None) -> str:
    return f"{cases:,} cases" + ("" if repeats is None else f", or {repeats} repeats of these,")


def _meets(gate: GateSpec, value: float) -> bool:
    if gate.at_least is not None:
        return value >= gate.at_least
    return gate.at_most is not None and value <= gate.at_most


def _settle(verdict: GateVerdict, on_inconclusive: OnInconclusive, observed_passes: bool) -> GateVerdict:  # noqa: FBT001 - private, and named at both calls
    """Say what follows from an inconclusive finding."""
    if on_inconclusive != "observed":
        return replace(verdict, outcome=on_inconclusive)
    outcome: Outcome = "warn" if observed_passes else "fail"
    return replace(
        verdict, outcome=outcome, decided_by="observed", reason=f"{verdict.reason}; the observed figure decides"
    )


def _verdict_on(gate: GateSpec, figure: Figure, finding: Finding, reason: str) -> GateVerdict:
    return GateVerdict(
        gate=gate.text,
        finding=finding,
        outcome="pass" if finding == "pass" else "fail",
        value=figure.value,
        low=figure.low,
        high=figure.high,
        n=figure.n,
        reason=reason,
        decided_by="bound",
    )


def _plain(gate: GateSpec, finding: Finding, outcome: Outcome, reason: str, decided_by: str) -> GateVerdict:
    return GateVerdict(
        gate=gate.text, finding=finding, outcome=outcome, value=None, reason=reason, decided_by=decided_by
    )


def _nothing(gate: GateSpec, reason: str = "") -> GateVerdict:
    where = f" with {'='.join(gate.tag)}" if gate.tag else ""
    return _plain(gate, "inconclusive", "fail", reason or f"there is no figure for {gate.metric}{where}", "bound")
