"""Ends a run as soon as its verdict is certain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from promptship.evaluation._verdict import describe_quarantine, quarantined_cases, today_utc
from promptship.gates import decide_early, is_on_judges

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from promptship.domain import EvalsetSpec, GateSpec, Verdict
    from promptship.gates import Baseline, Policy
    from promptship.runner import PartialRun, Run

__all__ = ["ASKS_ALL", "EarlyVerdict", "is_known_early"]


ASKS_ALL = "run to its end: what a judge's labels make of its verdicts is known only when all of them are there"


def is_known_early(gates: Iterable[GateSpec], judges: Iterable[str], cards: Container[str]) -> bool:
    """Whether a verdict may be certain before a run is over.

    Args:
        gates: What is asked of it.
        judges: Digests of its judges.
        cards: Digests of the judges that have a card.
    """
    return not any(judge in cards for judge in judges) and not any(map(is_on_judges, gates))


class EarlyVerdict:
    """Looks at a run while it is made; called, it says whether the rest is needed no more.

    Args:
        spec: The evalset.
        policy: Limits and defaults.
        baseline_of: Gives what a gate's `versus` names; None where there is no baseline.
    """

    def __init__(self, spec: EvalsetSpec, policy: Policy, baseline_of: Callable[[str, str], Baseline] | None) -> None:
        self._spec = spec
        self._policy = policy
        self._baseline_of = baseline_of
        self._today = today_utc()
        self._left_out = quarantined_cases(spec.quarantine, self._today)
        self._verdict: Verdict | None = None

    def __call__(self, partial: PartialRun) -> bool:
        """Decide on what is known; keep the verdict where it is certain."""
        tables = partial.tables
        if self._left_out:
            tables = {label: table.drop(self._left_out) for label, table in tables.items()}
        self._verdict = decide_early(
            self._spec.gates,
            tables,
            policy=self._policy,
            first_cases=partial.first_cases,
            baseline_of=self._baseline_of,
            evalset=self._spec.name,
        )
        return self._verdict is not None

    def verdict_of(self, run: Run) -> Verdict | None:
        """Return the verdict that ended the run, with what that saved; None where it ran to its end."""
        manifest = run.manifest
        if self._verdict is None or not manifest.skipped:
            return None
        saved = f"ended early: {manifest.skipped:,} of {manifest.cells:,} cells were not needed"
        notes = (saved, *describe_quarantine(self._spec.quarantine, self._today))
        return replace(self._verdict, notes=notes)
