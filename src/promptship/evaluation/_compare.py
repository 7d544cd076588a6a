"""Compare two runs case by case: what a change of a prompt did, and how sure that is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from promptship.domain import CaseChange, ComparedSide, Comparison, MetricChange, SliceChange, digest_of
from promptship.errors import UsageError
from promptship.evaluation._bridges import Bridges, bridged_table, refuse_unbridged
from promptship.runner import OutcomeCode

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy import ndarray

    from promptship.domain import CellRecord, ChangeKind, Stability
    from promptship.domain.comparisons import MetricFinding
    from promptship.runner import CaseTable, Run

__all__ = [
    "collect_examples",
    "compare_runs",
    "compare_variants",
    "require_scored",
]

_MOST_EXAMPLES = 200

_LEAST_OVERLAP = 0.5
_LEAST_CASES = 2
# A slice of fewer can show nothing, and testing it would cost the others their power.
_LEAST_OF_SLICE = 5
_ALPHA = 0.05
_RATE = "pass_rate"
_COSTS = ("cost_usd", "latency_s")
_ORDER: tuple[ChangeKind, ...] = ("broken", "error", "fixed", "flaky", "unscored", "same")


def compare_runs(
    baseline: Run,
    candidate: Run,
    *,
    left_out: Collection[str] = (),
    least_overlap: float = _LEAST_OVERLAP,
    bridges: Bridges | None = None,
) -> list[Comparison]:
    """Compare each variant of a candidate run with its counterpart in a baseline run.

    Args:
        baseline: What was.
        candidate: What is proposed.
        left_out: Ids of cases that do not count (a quarantine).
        least_overlap: Share of the smaller side's cases, 0 to 1, that both must have.
        bridges: Where bridges between different judges are; None for none.

    Returns:
        One comparison for each label that both runs have; where each has a single variant, those two.

    Raises:
        UsageError: No variants belong together, the runs share too few cases, or different judges scored them and
            no bridge was made.
    """
    bridges = bridges or Bridges()
    refuse_unbridged(baseline.manifest, candidate.manifest, bridges)
    edited = _edited_cases(baseline, candidate)
    found = []
    for left, right in _pair_labels(baseline, candidate):
        before = bridged_table(baseline, baseline.table(left), left, candidate.manifest, bridges)
        tables = before, candidate.table(right)
        sides = _side(baseline, left, tables[0]), _side(candidate, right, tables[1])
        found.append(_compare(sides, tables, edited, frozenset(left_out), least_overlap))
    return found


def compare_variants(run: Run, *, left_out: Collection[str] = ()) -> list[Comparison]:
    """Compare each further variant of a run with its first.

    Args:
        run: A run of several prompts or models.
        left_out: Ids of cases that do not count.

    Raises:
        UsageError: It has one variant only.
    """
    labels = [variant.label for variant in run.manifest.variants]
    if len(labels) < 2:  # noqa: PLR2004 - two are a pair
        raise UsageError(
            f"run {run.manifest.run_id} has one variant, {labels[0]!r}: there is nothing to compare it with",
            hint="name a second run, or evaluate with --model or --prompt given twice",
        )
    first = run.table(labels[0])
    side = _side(run, labels[0], first)
    found = []
    for label in labels[1:]:
        table = run.table(label)
        found.append(_compare((side, _side(run, label, table)), (first, table), frozenset(), frozenset(left_out), 0.0))
    return _correct_many(found)


def _correct_many(comparisons: list[Comparison]) -> list[Comparison]:
    """Adjust for picking the best or the worst of several variants."""
    from promptship.stats import holm

    p_values = [comparison.metrics[0].p_value for comparison in comparisons]
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return [
        replace(comparison, p_of_many=None if p is None else next(adjusted))
        for comparison, p in zip(comparisons, p_values, strict=True)
    ]


def require_scored(comparisons: Sequence[Comparison]) -> None:
    """Refuse comparisons in which no case was scored on both sides, so that nothing can be said.

    Raises:
        UsageError: There is one.
    """
    for comparison in comparisons:
        if comparison.metrics[0].n == 0:
            names = f"{comparison.baseline.run_id} and {comparison.candidate.run_id}"
            raise UsageError(
                f"none of the {comparison.shared} cases that runs {names} share was scored in both: "
                "errors and abstentions say nothing of a difference",
                hint=f"look at them with: promptctl runs show {comparison.candidate.run_id}",
            )


def collect_examples(
    comparison: Comparison, baseline: Run, candidate: Run
) -> dict[str, tuple[CellRecord | None, CellRecord | None]]:
    """Read a cell of both sides for each case that changed, to show their outputs.

    Args:
        comparison: Of these runs.
        baseline: Its baseline's run.
        candidate: Its candidate's run.

    Returns:
        By case id: the first repeats, or where one of them failed, those; at most 200 cases, broken ones first.
    """
    wanted = dict.fromkeys(change.case_id for change in comparison.changes[:_MOST_EXAMPLES])
    left = _pick_cells(baseline, comparison.baseline.label, wanted)
    right = _pick_cells(candidate, comparison.candidate.label, wanted)
    return {case_id: (left.get(case_id), right.get(case_id)) for case_id in wanted}


def _pick_cells(run: Run, label: str, wanted: Collection[str]) -> dict[str, CellRecord]:
    number = [variant.label for variant in run.manifest.variants].index(label)
    found: dict[str, CellRecord] = {}
    for record in run.records(wanted):
        case_id = record.key.case_id
        if record.key.variant != number or case_id not in wanted:
            continue
        if case_id not in found or (found[case_id].outcome == "passed" and record.outcome != "passed"):
            found[case_id] = record
    return found


def _pair_labels(baseline: Run, candidate: Run) -> list[tuple[str, str]]:
    left = [variant.label for variant in baseline.manifest.variants]
    right = [variant.label for variant in candidate.manifest.variants]
    if shared := [label for label in right if label in left]:
        return [(label, label) for label in shared]
    if len(left) == len(right) == 1:
        return [(left[0], right[0])]
    raise UsageError(
        f"runs {baseline.manifest.run_id} and {candidate.manifest.run_id} have no variant in common: "
        f"{', '.join(left)} against {', '.join(right)}",
        hint="evaluate the same prompts in both, or one prompt in each",
    )


def _side(run: Run, label: str, table: CaseTable) -> ComparedSide:
    manifest = run.manifest
    variant = next(one for one in manifest.variants if one.label == label)
    return ComparedSide(
        run_id=manifest.run_id,
        label=label,
        digest=variant.digest,
        evalset=manifest.evalset,
        evalset_digest=manifest.evalset_digest,
        cases=len(table.case_ids),
        repeats=manifest.repeats,
    )


def _edited_cases(baseline: Run, candidate: Run) -> frozenset[str]:
    """Return ids under which the two runs have different cases."""
    if baseline.manifest.evalset_digest == candidate.manifest.evalset_digest:
        return frozenset()
    contents: dict[str, str] = {}
    for record in baseline.records():
        contents.setdefault(record.key.case_id, digest_of([record.inputs, record.expected]))
    return frozenset(
        record.key.case_id
        for record in candidate.records()
        if (known := contents.get(record.key.case_id)) and known != digest_of([record.inputs, record.expected])
    )


def _compare(
    sides: tuple[ComparedSide, ComparedSide],
    tables: tuple[CaseTable, CaseTable],
    edited: frozenset[str],
    left_out: frozenset[str],
    least_overlap: float,
) -> Comparison:
    ids = [set(table.case_ids) for table in tables]
    usable = (ids[0] & ids[1]) - edited - left_out
    _refuse_little(sides, ids, len(usable), least_overlap)
    left, right = tables[0].keep(usable).pair(tables[1].keep(usable))
    changes = _case_changes(left, right)
    counts = {kind: sum(change.kind == kind for change in changes) for kind in _ORDER}
    return Comparison(
        baseline=sides[0],
        candidate=sides[1],
        shared=len(usable),
        only_baseline=len(ids[0] - ids[1]),
        only_candidate=len(ids[1] - ids[0]),
        edited=len(edited & ids[0] & ids[1]),
        metrics=_metric_changes(left, right),
        slices=_slice_changes(left, right),
        counts=counts,
        changes=tuple(sorted((one for one in changes if one.kind != "same"), key=lambda one: _ORDER.index(one.kind))),
        notes=(*_notes(sides, ids, edited, left_out & ids[0] & ids[1]), *_bridge_notes(left)),
    )


def _refuse_little(
    sides: tuple[ComparedSide, ComparedSide], ids: list[set[str]], shared: int, least_overlap: float
) -> None:
    names = f"runs {sides[0].run_id} and {sides[1].run_id}"
    smaller = min(len(ids[0]), len(ids[1]))
    if shared < _LEAST_CASES:
        raise UsageError(
            f"{names} share {shared} cases; a comparison needs at least {_LEAST_CASES}",
            hint="evaluate both on the same evalset",
        )
    if shared < least_overlap * smaller:
        raise UsageError(
            f"{names} share {shared} of {smaller} cases, less than {least_overlap:.0%}: what is left says little",
            hint="evaluate the baseline again on the evalset as it is now",
        )


def _notes(
    sides: tuple[ComparedSide, ComparedSide], ids: list[set[str]], edited: frozenset[str], left_out: frozenset[str]
) -> list[str]:
    notes = []
    if sides[0].evalset_digest != sides[1].evalset_digest:
        notes.append(
            f"THE EVALSETS DIFFER: {len(ids[0] - ids[1])} cases are gone, {len(ids[1] - ids[0])} are new and "
            f"{len(edited)} were edited; only the unchanged ones are compared, and scorers or gates may differ too"
        )
    if sides[0].repeats != sides[1].repeats:
        notes.append(f"the baseline has {sides[0].repeats} repeats of each case, the candidate {sides[1].repeats}")
    if left_out:
        notes.append(f"{len(left_out)} cases are in quarantine and do not count")
    return notes


def _bridge_notes(left: CaseTable) -> list[str]:
    if not left.bridged:
        return []
    names = ", ".join(left.bridged)
    said = f"OTHER JUDGES scored the baseline: {names} of it stand as the candidate's judges see them, estimated by a"
    return [f"{said} bridge; which cases changed may be the judges' doing"]


def _case_changes(left: CaseTable, right: CaseTable) -> list[CaseChange]:
    shares = left.case_means(_RATE), right.case_means(_RATE)
    found = []
    for row, case_id in enumerate(left.case_ids):
        before, after = _stability(left.outcomes[row]), _stability(right.outcomes[row])
        found.append(
            CaseChange(
                case_id=case_id,
                kind=_kind_of_change(before, after),
                baseline=before,
                candidate=after,
                baseline_share=_known(shares[0][row]),
                candidate_share=_known(shares[1][row]),
            )
        )
    return found


def _stability(outcomes: ndarray) -> Stability:
    # A run that was ended early may lack some repeats.
    kinds = {int(outcome) for outcome in outcomes if outcome}
    if OutcomeCode.ERROR in kinds:
        return "error"
    if OutcomeCode.UNSCORED in kinds:
        return "unscored"
    if len(kinds) > 1:
        return "flaky"
    return "stable_pass" if OutcomeCode.PASSED in kinds else "stable_fail"


def _kind_of_change(before: Stability, after: Stability) -> ChangeKind:
    if "error" in {before, after}:
        return "error"
    if "unscored" in {before, after}:
        return "unscored"
    if after == "flaky":
        return "flaky"
    if before == after:
        return "same"
    return "fixed" if after == "stable_pass" else "broken"


def _metric_changes(left: CaseTable, right: CaseTable) -> tuple[MetricChange, ...]:
    names = [name for name in left.metrics if name in right.metrics]
    scored = [_RATE, *(name for name in names if name != _RATE and name not in _COSTS)]
    tested = _correct([_change(left, right, name) for name in scored])
    return (*tested, *(_change(left, right, name) for name in _COSTS if name in names))


def _slice_changes(left: CaseTable, right: CaseTable) -> tuple[SliceChange, ...]:
    """Compare the pass rate of each slice that has cases enough to show anything."""
    names, changes = [], []
    for tag in sorted({(tag, value) for tags in left.tags for tag, value in tags.items()}):
        mine, theirs = left.where(tag), right.where(tag)
        if len(mine) >= _LEAST_OF_SLICE:
            names.append("=".join(tag))
            changes.append(_change(mine, theirs, _RATE, least=_LEAST_OF_SLICE))
    return tuple(SliceChange(name=name, change=change) for name, change in zip(names, _correct(changes), strict=True))


def _change(left: CaseTable, right: CaseTable, metric: str, *, least: int = _LEAST_CASES) -> MetricChange:
    """Compare one metric over the cases that both sides know it of."""
    import numpy as np

    if metric in left.bridged:
        return _bridged_change(left, right, metric)
    before, after = left.case_means(metric), right.case_means(metric)
    known = ~(np.isnan(before) | np.isnan(after))
    before, after = before[known], after[known]
    count = int(known.sum())
    cheap = metric in _COSTS
    change = MetricChange(
        metric=metric,
        baseline=float(before.mean()) if count else None,
        candidate=float(after.mean()) if count else None,
        difference=float((after - before).mean()) if count else None,
        n=count,
        lower_is_better=cheap,
    )
    clusters = [name for name, kept in zip(left.clusters, known, strict=True) if kept]
    if len(set(clusters)) < least:
        return replace(change, method="too few cases")
    return _with_statistics(change, before, after, clusters if len(set(clusters)) < count else None)


def _bridged_change(left: CaseTable, right: CaseTable, metric: str) -> MetricChange:
    """Compare a metric that different judges have scored, by the baseline's cases that both have looked at."""
    import numpy as np

    from promptship.stats import FEWEST_BRIDGED, bridged_difference

    before, after, other = left.case_means(metric), right.case_means(metric), left.bridged_means(metric)
    known = ~(np.isnan(before) | np.isnan(after))
    before, after, other = before[known], after[known], other[known]
    count, bridged = int(known.sum()), int((~np.isnan(other)).sum())
    change = MetricChange(metric=metric, baseline=None, candidate=None, difference=None, n=count)
    if bridged < FEWEST_BRIDGED:
        return replace(change, method=f"the bridge has {bridged} of these cases, too few")
    clusters = [name for name, kept in zip(left.clusters, known, strict=True) if kept]
    found = bridged_difference(before, after, other, clusters=clusters)
    interval = found.interval()
    return replace(
        change,
        baseline=float(after.mean()) - found.estimate,
        candidate=float(after.mean()),
        difference=found.estimate,
        low=interval.low,
        high=interval.high,
        p_value=found.p_value(),
        method=f"bridged over {bridged} cases: {interval.method}",
    )


def _with_statistics(
    change: MetricChange, before: ndarray, after: ndarray, clusters: Sequence[str] | None
) -> MetricChange:
    from promptship.stats import mcnemar, paired_difference, paired_permutation

    if (before == after).all():
        return replace(change, low=0.0, high=0.0, p_value=None if change.lower_is_better else 1.0, finding="same")
    interval = paired_difference(before, after, clusters=clusters)
    change = replace(change, low=interval.low, high=interval.high, method=interval.method)
    if change.lower_is_better:
        return replace(change, finding=_finding(change))
    binary = clusters is None and set(before.tolist()) | set(after.tolist()) <= {0.0, 1.0}
    test = mcnemar(before > 0, after > 0) if binary else paired_permutation(before, after, clusters=clusters)
    return replace(change, p_value=test.p_value, method=f"{test.method}; {interval.method}")


def _correct(changes: list[MetricChange]) -> list[MetricChange]:
    """Adjust the p-values of changes that are looked at together, and say what follows from them."""
    from promptship.stats import holm

    tested = [change for change in changes if change.p_value is not None]
    adjusted = iter(holm([change.p_value for change in tested if change.p_value is not None]) if tested else ())
    found = []
    for change in changes:
        corrected = replace(change, p_adjusted=next(adjusted)) if change.p_value is not None else change
        found.append(replace(corrected, finding=_finding(corrected)))
    return found


def _finding(change: MetricChange) -> MetricFinding:
    if change.finding == "same":
        return "same"
    if change.difference is None or change.low is None or change.high is None:
        return "unclear"
    sure = change.p_adjusted <= _ALPHA if change.p_adjusted is not None else not change.low <= 0 <= change.high
    if not sure:
        return "unclear"
    return "better" if (change.difference > 0) != change.lower_is_better else "worse"


def _known(share: float) -> float | None:
    return None if share != share else float(share)  # noqa: PLR0124 - NaN alone differs from itself
