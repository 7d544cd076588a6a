"""Judge a stored run again: other gates, another baseline, no call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from promptship.errors import UsageError
from promptship.evalsets import load_evalset
from promptship.evaluation._baselines import baseline_of_run, find_stored_baseline
from promptship.evaluation._bridges import Bridges, refuse_unbridged
from promptship.evaluation._cards import project_cards
from promptship.evaluation._verdict import count_looks, decide_run, today_utc
from promptship.gates import Policy, check_gates

if TYPE_CHECKING:
    from promptship.domain import QuarantinedCase, Verdict
    from promptship.gates import Baseline
    from promptship.project import Project
    from promptship.runner import Run

__all__ = ["judge_run"]


def judge_run(project: Project, run: Run, *, policy: Policy | None = None, baseline: Run | None = None) -> Verdict:
    """Decide gates for a finished run.

    Args:
        project: Where evalset, runs and revisions are.
        run: What is judged; it stays as it is.
        policy: Gates and limits; None, or one without gates, for the evalset's own gates as they are written now.
        baseline: What every gate against a baseline is decided against; None for each gate's own `versus`.

    Raises:
        UsageError: The run is unfinished, its evalset is gone, or a gate names what the run does not have.
    """
    manifest = run.manifest
    if baseline is not None:
        refuse_unbridged(baseline.manifest, manifest, Bridges(project))
    if manifest.finished is None:
        raise UsageError(
            f"run {manifest.run_id} is unfinished, so a verdict would be of a part", hint="promptctl eval resumes it"
        )
    if manifest.skipped:
        raise UsageError(
            f"run {manifest.run_id} was ended early, {manifest.skipped} of its {manifest.cells} cells were not run",
            hint="evaluate again without --stop-early: answers come from the cache",
        )
    settings = project.settings
    policy = policy or Policy(max_error_rate=settings.max_error_rate, min_scored=settings.min_scored)
    gates = policy.gates
    quarantine: tuple[QuarantinedCase, ...] = ()
    path = project.root / manifest.evalset_path
    if not gates or path.exists():
        spec = load_evalset(path, root=project.root).spec
        gates, quarantine = gates or spec.gates, spec.quarantine
    tags = {item for label in run.summary.slices for item in _tags_of(run, label)} if manifest.complete else None
    check_gates(gates, manifest.scorers, path=f"run {manifest.run_id}", tags=tags)

    cards = project_cards(project)

    def baseline_of(versus: str, label: str) -> Baseline:
        if baseline is not None:
            return baseline_of_run(baseline, label, manifest, cards=cards, bridges=Bridges(project))
        return find_stored_baseline(project, versus, run, label)

    verdict = decide_run(
        run, gates, policy=policy, baseline_of=baseline_of, quarantine=quarantine, today=today_utc(), cards=cards
    )
    return replace(verdict, looks=count_looks(project, manifest))


def _tags_of(run: Run, label: str) -> list[tuple[str, str]]:
    named = (name.partition("=") for name in run.summary.slices[label])
    return [(tag, value) for tag, _, value in named]
