"""What `versus` in a gate means: a stored run, or the prompt as it was at a revision, evaluated on the same cases."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from promptship.errors import CassetteMissError, ReferenceNotFoundError, UsageError
from promptship.evaluation._bridges import Bridges, bridged_table, describe_clash
from promptship.evaluation._cards import judged_table, project_cards
from promptship.evaluation._verdict import is_held_out_run
from promptship.gates import Baseline
from promptship.runner import Run, find_run, list_runs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from promptship.domain import PromptVersion, RunManifest
    from promptship.evaluation._cards import Cards
    from promptship.evaluation._evaluate import EvalOptions, PreparedEvaluation
    from promptship.project import Project

__all__ = ["baseline_of_run", "find_baselines", "find_stored_baseline", "versus_of"]

_RUN_ID = re.compile(r"\d{8}-[0-9a-f-]*")
_LAST = "last"
_BASE = "base"
_LABELS = frozenset({"production", "staging"})


def versus_of(prepared: PreparedEvaluation, override: str | None) -> list[str]:
    """Return what the gates of an evaluation are decided against, each once.

    Args:
        prepared: The evaluation.
        override: What the command names instead; None to take each gate's own.
    """
    named = dict.fromkeys(gate.versus for gate in prepared.evalset.spec.gates if gate.versus)
    return [override] if override and named else list(named)


async def find_baselines(
    project: Project,
    prepared: PreparedEvaluation,
    options: EvalOptions,
    evaluate: Callable[[EvalOptions], Awaitable[Run]],
) -> Callable[[str, str], Baseline]:
    """Find, and where it was never evaluated evaluate, what each gate's `versus` names.

    Args:
        project: Where runs and revisions are.
        prepared: The evaluation that is to be judged.
        options: Those of the command; `options.baseline` replaces each gate's own `versus`.
        evaluate: Evaluates on the same evalset with other options; what the cache knows costs nothing.

    Returns:
        A function from `versus` and a variant's label to its baseline.

    Raises:
        ReferenceNotFoundError: A run that does not exist, or a revision that git does not know.
        UsageError: The run is of another evalset.
    """
    found: dict[tuple[str, str], Baseline] = {}
    for versus in versus_of(prepared, options.baseline):
        for variant, version in zip(prepared.plan.variants, prepared.versions, strict=True):
            if _names_run(versus):
                found[versus, variant.label] = _of_stored_run(project, versus, prepared, variant.label)
            else:
                found[versus, variant.label] = await _at_revision(project, versus, version, options, evaluate)

    def baseline_of(versus: str, label: str) -> Baseline:
        return found[options.baseline or versus, label]

    return baseline_of


def baseline_of_run(
    run: Run,
    label: str,
    judged: RunManifest | None = None,
    *,
    cards: Cards | None = None,
    bridges: Bridges | None = None,
) -> Baseline:
    """Take the variant of a stored run that `label` is compared with: the one called alike, or its only one.

    Args:
        run: The stored run.
        label: The variant that is compared with it.
        judged: The run that is decided on; one that other judges have scored needs a bridge to be its baseline.
        cards: Cards of judges, by digest, whose labels of the run's answers are taken along; None for none.
        bridges: Where bridges between different judges are; None for none.
    """
    labels = [variant.label for variant in run.manifest.variants]
    name = label if label in labels else labels[0] if len(labels) == 1 else None
    if name is None:
        reason = f"run {run.manifest.run_id} has no variant {label!r}, but {', '.join(labels)}"
        return Baseline(name=run.manifest.run_id, reason=reason)
    table = judged_table(run, name, cards or {})
    if judged is not None:
        try:
            table = bridged_table(run, table, name, judged, bridges or Bridges())
        except UsageError as error:
            return Baseline(name=run.manifest.run_id, reason=f"{error} ({error.hint})")
    return Baseline(name=f"run {run.manifest.run_id}", table=table)


def find_stored_baseline(project: Project, versus: str, judged: Run, label: str) -> Baseline:
    """Find what `versus` means for a stored run without any call: among the runs that are there.

    Args:
        project: Where runs and revisions are.
        versus: A run, `last`, a git revision, or `base`.
        judged: The run that is judged.
        label: Its variant.

    Raises:
        ReferenceNotFoundError: A run that does not exist, or a revision that git does not know.
    """
    rows = [
        row
        for row in list_runs(project.runs_dir)
        if row.evalset == judged.manifest.evalset
        and _is_whole(row)
        and is_held_out_run(row) is is_held_out_run(judged.manifest)
    ]
    if versus == _LAST:
        earlier = [row for row in rows if row.run_id < judged.manifest.run_id]
        last = Run(project.runs_dir / earlier[0].run_id, earlier[0]) if earlier else None
        return (
            baseline_of_run(last, label, judged.manifest, cards=project_cards(project), bridges=Bridges(project))
            if last
            else Baseline(name=versus, reason="there is no earlier run")
        )
    if _names_run(versus):
        named, cards = find_run(project.runs_dir, versus), project_cards(project)
        return baseline_of_run(named, label, judged.manifest, cards=cards, bridges=Bridges(project))
    return _find_version(project, versus, judged, label, rows)


def _find_version(project: Project, versus: str, judged: Run, label: str, rows: list[RunManifest]) -> Baseline:
    """Look among the runs for one of the version that a revision has."""
    variant = next(one for one in judged.manifest.variants if one.label == label)
    current = project.load_prompt(variant.prompt).version if variant.prompt else None
    before = _version_at(project, versus, current)
    if isinstance(before, Baseline) and not before.is_candidate:
        return before
    digest = variant.digest if isinstance(before, Baseline) else before.digest
    if digest == variant.digest:
        return Baseline(name=versus, is_candidate=True)
    for row in rows:
        for one in row.variants:
            if one.digest == digest and not describe_clash(row, judged.manifest):
                return baseline_of_run(Run(project.runs_dir / row.run_id, row), one.label, cards=project_cards(project))
    return Baseline(name=versus, reason="that version was never evaluated on this evalset; promptctl eval does it")


def _of_stored_run(project: Project, versus: str, prepared: PreparedEvaluation, label: str) -> Baseline:
    run = _find_run(project, versus, prepared)
    if run is None:
        return Baseline(name=versus, reason="this is the first run")
    # What the run under way will say of its judges.
    judged = replace(run.manifest, run_id="this run", judges=prepared.plan.judges)
    return baseline_of_run(run, label, judged, cards=project_cards(project), bridges=Bridges(project))


def _is_whole(manifest: RunManifest) -> bool:
    return manifest.finished is not None and not manifest.skipped


def _names_run(versus: str) -> bool:
    return versus == _LAST or _RUN_ID.fullmatch(versus) is not None


def _find_run(project: Project, versus: str, prepared: PreparedEvaluation) -> Run | None:
    """Return the run that is named; None where `last` is asked for and there is none."""
    name = prepared.evalset.spec.name
    if versus != _LAST:
        run = find_run(project.runs_dir, versus)
        if run.manifest.evalset != name:
            raise UsageError(f"run {run.manifest.run_id} is of the evalset {run.manifest.evalset!r}, not of {name!r}")
        return run
    for manifest in list_runs(project.runs_dir):
        same_part = is_held_out_run(manifest) is prepared.evalset.is_held_out
        if manifest.evalset == name and _is_whole(manifest) and same_part:
            return Run(project.runs_dir / manifest.run_id, manifest)
    return None


async def _at_revision(
    project: Project,
    versus: str,
    version: PromptVersion | None,
    options: EvalOptions,
    evaluate: Callable[[EvalOptions], Awaitable[Run]],
) -> Baseline:
    before = _version_at(project, versus, version)
    if isinstance(before, Baseline):
        return before
    name = f"{before.name} at {_short(before.label.partition('@')[2].removeprefix('git:'))}"
    model = _model_override(before)
    reference = before.label.removesuffix(f"+{model}") if model else before.label
    try:
        run = await evaluate(
            replace(options, prompts=(reference,), models=(model,) if model else (), baseline=None, stop_early=False)
        )
    except CassetteMissError:
        return Baseline(name=name, reason=f"the cassette holds no answers of {name}")
    return replace(baseline_of_run(run, before.label, cards=project_cards(project)), name=name)


def _version_at(project: Project, versus: str, version: PromptVersion | None) -> PromptVersion | Baseline:
    """Return the prompt as it was; a baseline where that says all: there is none, or it is the candidate itself."""
    if version is None:
        return Baseline(name=versus, reason="the evalset evaluates no prompt of this project")
    if versus in _LABELS:
        return _labelled(project, versus, version)
    revision = project.base_commit() if versus == _BASE else versus
    if revision is None:
        return Baseline(name=versus, reason="there is no git repository with a default branch and a commit")
    try:
        before = project.load_prompt(f"{version.name}@git:{revision}", model=_model_override(version)).version
    except ReferenceNotFoundError as error:
        if "knows no revision" in str(error):
            raise
        return Baseline(name=versus, reason=f"{version.name!r} is new: it is not in {_short(revision)}")
    if before.digest == version.digest:
        return Baseline(name=f"{version.name} at {_short(revision)}", is_candidate=True)
    return before


def _labelled(project: Project, label: str, version: PromptVersion) -> PromptVersion | Baseline:
    """Return the version that a label of the registry points at, as `_version_at` does."""
    try:
        before = project.load_prompt(f"{version.name}@{label}", model=_model_override(version)).version
    except ReferenceNotFoundError:
        return Baseline(name=label, reason=f"no version of {version.name!r} is labelled {label!r} yet")
    if before.digest == version.digest:
        return Baseline(name=f"{version.name} at {label}", is_candidate=True)
    return before


def _model_override(version: PromptVersion) -> str | None:
    """Return the model that replaces the prompt's own; None where it is its own."""
    return version.label.rpartition("+")[2] if "+" in version.label else None


def _short(revision: str) -> str:
    return revision[:12] if re.fullmatch(r"[0-9a-f]{40}", revision) else revision
