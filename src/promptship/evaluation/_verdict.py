"""What the gates say of a finished run: quarantine, looks and all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from promptship.evalsets import load_evalset
from promptship.evaluation._cards import cards_of, judged_table
from promptship.gates import decide_verdict
from promptship.runner import list_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from promptship.domain import GateSpec, QuarantinedCase, RunManifest, Verdict
    from promptship.evaluation._cards import Cards
    from promptship.gates import Baseline, Policy
    from promptship.project import Project
    from promptship.runner import CaseTable, Run

__all__ = [
    "count_looks",
    "decide_run",
    "describe_quarantine",
    "find_quarantined",
    "is_held_out_run",
    "quarantined_cases",
    "today_utc",
]

_SHOWN = 5


def today_utc() -> date:
    """Return the day it is, in UTC."""
    return datetime.now(UTC).date()


def decide_run(
    run: Run,
    gates: Sequence[GateSpec],
    *,
    policy: Policy,
    baseline_of: Callable[[str, str], Baseline] | None,
    quarantine: Sequence[QuarantinedCase] = (),
    today: date,
    cards: Cards | None = None,
) -> Verdict:
    """Decide gates for a run, without the cases that are in quarantine.

    Args:
        run: A finished run.
        gates: Those of its evalset.
        policy: Limits and defaults.
        baseline_of: Gives what a gate's `versus` names for a variant's label; None where there is no baseline.
        quarantine: The evalset's list.
        today: Decides which entries still hold.
        cards: Cards of judges, by digest; None for none.
    """
    left_out = quarantined_cases(quarantine, today)

    @cache
    def table_of(label: str) -> CaseTable:
        table = judged_table(run, label, cards or {})
        return table.drop(left_out) if left_out else table

    verdict = decide_verdict(
        run.manifest,
        gates,
        run.summary_without(left_out) if left_out else run.summary,
        policy=policy,
        table_of=table_of,
        baseline_of=baseline_of,
        cards=cards_of(run.manifest, cards or {}),
    )
    return replace(verdict, notes=(*verdict.notes, *describe_quarantine(quarantine, today)))


def quarantined_cases(quarantine: Sequence[QuarantinedCase], today: date) -> frozenset[str]:
    """Return the ids of the cases that do not count today."""
    return frozenset(one.case_id for one in quarantine if one.until >= today.isoformat())


def find_quarantined(project: Project, run: Run) -> frozenset[str]:
    """Return the cases that the evalset of a run, as it is now, has in quarantine; none where it is gone.

    Raises:
        SourceError: The evalset is wrong.
    """
    path = project.root / run.manifest.evalset_path
    if not path.exists():
        return frozenset()
    return quarantined_cases(load_evalset(path, root=project.root).spec.quarantine, today_utc())


def count_looks(project: Project, manifest: RunManifest) -> int:
    """Count the versions that have been evaluated on the very evalset of a run, its own included.

    The same version evaluated again says nothing new, so it counts once.
    """
    seen = {
        variant.digest or variant.label
        for row in list_runs(project.runs_dir)
        if row.evalset_digest == manifest.evalset_digest and is_held_out_run(row) == is_held_out_run(manifest)
        for variant in row.variants
        if row.finished is not None or row.run_id == manifest.run_id
    }
    return len(seen)


def is_held_out_run(manifest: RunManifest) -> bool:
    """Whether a run is of the cases that its evalset sets aside."""
    return manifest.selection.get("holdout") == "only"


def describe_quarantine(quarantine: Sequence[QuarantinedCase], today: date) -> list[str]:
    """Say which cases do not count, and which count again."""
    current = [one for one in quarantine if one.until >= today.isoformat()]
    ended = [one for one in quarantine if one.until < today.isoformat()]
    notes = []
    if current:
        notes.append(f"in quarantine, run but not counted: {_list(current, 'until')}")
    if ended:
        notes.append(f"QUARANTINE ENDED, counted again: {_list(ended, 'it ended after')}")
    return notes


def _list(entries: Sequence[QuarantinedCase], word: str) -> str:
    shown = [f"{one.case_id} ({word} {one.until}{f', {one.reason}' if one.reason else ''})" for one in entries[:_SHOWN]]
    more = len(entries) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
