"""Evaluate prompts on one evalset: prepare everything that can be wrong, then pay."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from promptship.domain import Closure, JsonObject, PromptVersion, Variant
from promptship.errors import Problem, PromptshipError, ReferenceNotFoundError, SourceError, UsageError
from promptship.evalsets import Evalset, Selection, load_outputs, select_cases
from promptship.evaluation._cards import project_cards
from promptship.evaluation._early import ASKS_ALL, EarlyVerdict, is_known_early
from promptship.evaluation._instruments import ProjectPrompts
from promptship.evaluation._outputs_target import OutputsTarget
from promptship.evaluation._prompt_target import PromptTarget
from promptship.evaluation._python_target import PythonTarget, load_callable, source_digest
from promptship.evaluation._verdict import count_looks, decide_run, is_held_out_run, today_utc
from promptship.gates import Baseline, Policy, check_gates
from promptship.runner import Run, RunPlan, execute, list_runs
from promptship.scorers import ScorerContext, build_scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from promptship.domain import Case, CellRecord, Instruments, ModelConfig, Target
    from promptship.models import ModelHub
    from promptship.project import Project
    from promptship.prompts import Renderer
    from promptship.runner import Progress, StopSignal
    from promptship.scorers import CheckedScorer

__all__ = [
    "EvalOptions",
    "OwnScorers",
    "PreparedEvaluation",
    "load_versions",
    "open_context",
    "prepare_evaluation",
    "run_evaluation",
]

_MOST_PROBLEMS = 20
# A template that fails for every case is found by the first few; rendering all of them twice would double the work.
_RENDERED_FIRST = 8
# Each takes about a kilobyte. Scorers of later cases are built twice, once to check them and once to score.
_MOST_KEPT_SCORERS = 20_000


@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """What a command may change about an evaluation.

    Attributes:
        prompts: References that replace the evalset's own; empty to keep them.
        versions: Versions that stand in no file, evaluated instead of any reference.
        models: Model configs that replace each prompt's own, one variant for each; empty to keep it.
        repeats: Samples per case and variant, at least 1.
        concurrency: Cells in flight; None for the project's setting.
        selection: Which cases.
        last_failed: Only the cases that did not pass in the last finished run of the evalset.
        resume: Continue an unfinished run of the same plan.
        baseline: What gates against a baseline are decided against: a run, a git revision, `base`; None for each gate's
            own.
        experiment: Name under which the run is found again.
        note: For people.
        holdout: Evaluate on the cases that the evalset sets aside, instead of on the others.
        stop_early: End the run as soon as its verdict is certain.
    """

    prompts: tuple[str, ...] = ()
    versions: tuple[PromptVersion, ...] = ()
    models: tuple[str, ...] = ()
    repeats: int = 1
    concurrency: int | None = None
    selection: Selection = field(default_factory=Selection)
    last_failed: bool = False
    resume: bool = True
    baseline: str | None = None
    experiment: str = ""
    note: str = ""
    holdout: bool = False
    stop_early: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether every cell that the evalset itself asks for is evaluated."""
        return self.selection == Selection() and not (
            self.last_failed or self.prompts or self.versions or self.models or self.holdout
        )


@dataclass(frozen=True, kw_only=True)
class PreparedEvaluation:
    """An evaluation in which nothing that can be checked before the first call is wrong.

    Attributes:
        plan: The matrix.
        targets: One per variant of the plan, in its order.
        versions: Prompt versions under test, one per variant; None for a target without one.
        evalset: The evalset.
    """

    plan: RunPlan
    targets: tuple[Target, ...]
    versions: tuple[PromptVersion | None, ...]
    evalset: Evalset


def prepare_evaluation(
    project: Project,
    evalset: Evalset,
    options: EvalOptions,
    open_hub: Callable[[], ModelHub],
    instruments: Instruments | None = None,
) -> PreparedEvaluation:
    """Load, build and check everything that an evaluation needs. Nothing is paid.

    Args:
        project: Where prompts and models come from.
        evalset: What to evaluate on.
        options: What the command changes.
        open_hub: Gives the hub through which models are opened; asked for only where a model is called.
        instruments: Opens what scorers measure with; None where none may be called.

    Raises:
        UsageError: Anything the user has to mend: prompts, models, scorers, gates, cases, inputs, options.
    """
    _refuse_odd_options(evalset, options)
    if options.holdout:
        evalset = evalset.held_out()
    versions = load_versions(project, evalset, options)
    variants = tuple(_variant(evalset, version, open_hub) for version in versions)
    targets = tuple(_build_target(project, evalset, version, open_hub) for version in versions)
    context = open_context(project, evalset, versions, instruments)
    scorers = tuple(build_scorer(spec, context) for spec in evalset.spec.scorers)
    names = [scorer.name for scorer in scorers]
    check_gates(evalset.spec.gates, names, path=evalset.spec.path)
    selection = _selection(project, evalset, options)
    cases = _Cases(evalset, selection)
    own = OwnScorers(context)
    count, tags = _check_cases(cases, targets, scorers, own)
    check_gates(evalset.spec.gates, names, path=evalset.spec.path, tags=tags if selection == Selection() else None)
    plan = RunPlan(
        spec=evalset.spec,
        evalset_digest=evalset.digest,
        cases_digest=evalset.cases_digest,
        variants=variants,
        cases=cases,
        case_count=count,
        scorers=scorers,
        case_scorers=own,
        repeats=options.repeats,
        selection=_selection_json(selection, options),
        complete=selection == Selection() and not options.holdout,
        subjects=_subjects(project, evalset),
        experiment=options.experiment,
        note=options.note,
    )
    return PreparedEvaluation(plan=plan, targets=targets, versions=versions, evalset=evalset)


async def run_evaluation(
    project: Project,
    prepared: PreparedEvaluation,
    options: EvalOptions,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    on_cell: Callable[[CellRecord], None] | None = None,
    stop: StopSignal | None = None,
    baseline_of: Callable[[str, str], Baseline] | None = None,
) -> Run:
    """Pay for what is not yet paid, score it, and decide the gates.

    Args:
        project: Where the run is kept.
        prepared: What to run.
        options: How many cells in flight, and whether an unfinished run is continued.
        on_progress: Told how far the run is, about ten times a second.
        on_cell: Told each cell as soon as it counts, those of earlier attempts first.
        stop: Ends it early; what is done is kept.
        baseline_of: Gives what a gate's `versus` names for a variant's label; None where there is no baseline.

    Returns:
        The finished run, its verdict saved beside it.

    Raises:
        InfrastructureError: The run could not go on; what is done is kept and the same call resumes it.
        BudgetExceededError: The next call could cost too much; likewise.
    """
    settings = project.settings
    spec = prepared.evalset.spec
    policy = Policy(max_error_rate=settings.max_error_rate, min_scored=settings.min_scored)
    cards = project_cards(project)
    ends_early = options.stop_early and is_known_early(spec.gates, prepared.plan.judges.values(), cards)
    watch = EarlyVerdict(spec, policy, baseline_of) if ends_early else None
    run = await execute(
        prepared.plan,
        prepared.targets,
        runs_dir=project.runs_dir,
        concurrency=options.concurrency or settings.concurrency,
        resume=options.resume,
        on_progress=on_progress,
        on_cell=on_cell,
        stop=stop,
        git_commit=project.git_commit(),
        promptship_version=version("promptship"),
        is_decided=watch,
    )
    verdict = watch.verdict_of(run) if watch else None
    if verdict is None:
        verdict = decide_run(
            run,
            spec.gates,
            policy=policy,
            baseline_of=baseline_of,
            quarantine=spec.quarantine,
            today=today_utc(),
            cards=cards,
        )
    notes = (*verdict.notes, ASKS_ALL) if options.stop_early and not ends_early else verdict.notes
    run.save_verdict(replace(verdict, notes=notes, looks=count_looks(project, run.manifest)))
    return run


@dataclass(frozen=True)
class _Cases:
    """The selected cases, as often as they are asked for."""

    evalset: Evalset
    selection: Selection

    def __call__(self) -> Iterator[Case]:
        return select_cases(self.evalset.cases(), self.selection)

    @property
    def is_whole(self) -> bool:
        """Whether every case of the file is among them."""
        return self.selection == Selection() and self.evalset.spec.holdout is None

    def visit(self, look: Callable[[Case], None]) -> None:
        """Hand each to `look`; where all are selected, they are read once for this and for their digest."""
        if self.selection == Selection():
            self.evalset.visit(look)
            return
        for case in self():
            look(case)


class OwnScorers:
    """Builds the scorers that single cases have of their own."""

    def __init__(self, context: ScorerContext) -> None:
        self._context = context
        self._kept: dict[str, tuple[Case, tuple[CheckedScorer, ...]]] = {}

    def __call__(self, case: Case) -> tuple[CheckedScorer, ...]:
        kept = self._kept.get(case.id)
        # Of a large set each reading makes the cases anew, and what a case says may differ from the last one's.
        if kept is not None and kept[0] is case:
            return kept[1]
        built = tuple(build_scorer(spec, self._context) for spec in case.scorers)
        if len(self._kept) < _MOST_KEPT_SCORERS:
            self._kept[case.id] = (case, built)
        return built


def _refuse_odd_options(evalset: Evalset, options: EvalOptions) -> None:
    if options.repeats < 1:
        raise UsageError(f"--repeats {options.repeats}: expected at least 1")
    target = evalset.spec.target
    if target.kind == "outputs" and (options.prompts or options.models):
        raise UsageError(
            f"{evalset.spec.path} scores stored outputs, so --prompt and --model change nothing",
            hint="remove the options, or remove `target` from the evalset",
        )
    if target.kind == "prompt" and not (evalset.spec.prompts or options.prompts):
        raise SourceError.at(
            evalset.spec.path, 1, 1, "the evalset names no prompt", hint="add `prompt: NAME`, or pass --prompt NAME"
        )


def load_versions(project: Project, evalset: Evalset, options: EvalOptions) -> tuple[PromptVersion | None, ...]:
    """Load the versions that an evalset, or the command, puts under test; one None for a target without a prompt.

    Raises:
        ReferenceNotFoundError: There is no such prompt.
        SourceError: A prompt is wrong.
    """
    if options.versions:
        return options.versions
    patterns = options.prompts or evalset.spec.prompts
    references = list(dict.fromkeys(name for pattern in patterns for name in project.match_prompts(pattern)))
    if evalset.spec.target.kind == "outputs" or not references:
        return (None,)
    models: tuple[str | None, ...] = options.models or (None,)
    loaded = [project.load_prompt(name, model=model).version for name in references for model in models]
    return tuple({version.label: version for version in loaded}.values())


def _variant(evalset: Evalset, version: PromptVersion | None, open_hub: Callable[[], ModelHub]) -> Variant:
    target = evalset.spec.target
    if version is None:
        return Variant(label=target.location if target.kind == "outputs" else f"python:{target.location}")
    model = version.closure.model
    return Variant(
        label=version.label,
        prompt=version.name,
        digest=version.digest,
        model=model.name,
        model_id=model.model,
        origin=open_hub().origin(model),
    )


def _build_target(
    project: Project, evalset: Evalset, version: PromptVersion | None, open_hub: Callable[[], ModelHub]
) -> Target:
    target = evalset.spec.target
    if target.kind == "outputs":
        return OutputsTarget(load_outputs(_beside(project, evalset, target.location), root=project.root))
    if target.kind == "python":
        return PythonTarget(
            load_callable(target.location, project.root),
            location=target.location,
            version=version,
            open_model=lambda: open_hub().open(_model_of(version)),
        )
    if version is None:
        raise ReferenceNotFoundError(f"{evalset.spec.path} names no prompt")
    return PromptTarget(version, open_hub().open(version.closure.model))


def _model_of(version: PromptVersion | None) -> ModelConfig:
    if version is None:
        raise UsageError("this evalset names no prompt, so no model is known", hint="add `prompt: NAME` to the evalset")
    return version.closure.model


def _beside(project: Project, evalset: Evalset, location: str) -> Path:
    return (project.root / evalset.spec.path).parent / location


def open_context(
    project: Project,
    evalset: Evalset,
    versions: tuple[PromptVersion | None, ...],
    instruments: Instruments | None,
) -> ScorerContext:
    """Return what the scorers of an evalset may know and open.

    Raises:
        UsageError: A scorer refers to the output schema, in which the prompts differ.
    """
    closures = [version.closure for version in versions if version is not None]
    _refuse_mixed_schemas(evalset, closures)
    known = ScorerContext(project_root=project.root, instruments=instruments, prompts=ProjectPrompts(project))
    if not closures:
        return known
    return replace(known, output_schema=closures[0].output.schema, tools=closures[0].tools)


def _refuse_mixed_schemas(evalset: Evalset, closures: list[Closure]) -> None:
    """`{$ref: output}` means one schema; variants with different ones cannot share a scorer."""
    refers = any(spec.value == {"$ref": "output"} for spec in evalset.spec.scorers)
    if refers and any(closure.output.schema != closures[0].output.schema for closure in closures):
        raise UsageError(
            f"{evalset.spec.path}: a scorer refers to the output schema, but the prompts under test differ in it",
            hint="evaluate them one by one with --prompt, or write the schema into the scorer",
        )


def _selection(project: Project, evalset: Evalset, options: EvalOptions) -> Selection:
    if not options.last_failed:
        return options.selection
    for row in list_runs(project.runs_dir):
        if row.evalset != evalset.spec.name or is_held_out_run(row) is not evalset.is_held_out:
            continue
        if row.finished is not None:
            failed = Run.load(project.runs_dir / row.run_id).records()
            ids = frozenset(record.key.case_id for record in failed if record.outcome != "passed")
            if not ids:
                raise UsageError(f"no case failed in the last run of {evalset.spec.name!r} ({row.run_id})")
            return replace(options.selection, only_ids=ids)
    raise UsageError(f"there is no finished run of {evalset.spec.name!r} to take failures from")


def _check_cases(
    cases: _Cases, targets: tuple[Target, ...], scorers: tuple[CheckedScorer, ...], own: OwnScorers
) -> tuple[int, set[tuple[str, str]]]:
    """Count the cases, collect their tags, and find every case that no call could make right."""
    renderers = [target.renderer for target in targets if isinstance(target, PromptTarget)]
    problems: list[Problem] = []
    tags: set[tuple[str, str]] = set()
    count = 0
    spec = cases.evalset.spec
    quarantined = {one.case_id for one in spec.quarantine}

    def look(case: Case) -> None:
        nonlocal count
        count += 1
        tags.update(case.tags.items())
        quarantined.discard(case.id)
        problem = _problem_of(case, renderers, scorers, own, render=count <= _RENDERED_FIRST)
        if problem and len(problems) < _MOST_PROBLEMS:
            problems.append(problem)

    cases.visit(look)
    if problems:
        raise SourceError(problems)
    if count == 0:
        raise UsageError(f"no case of {spec.path} is selected", hint="look at --slice, -k, --limit and --sample")
    versus = next((gate for gate in spec.gates if gate.versus), None)
    if count == 1 and versus is not None and cases.is_whole:
        raise UsageError(
            f"{spec.path}: the gate {versus.text!r} compares cases, and the set has one",
            hint="write at least two cases, or a threshold",
        )
    if quarantined and cases.is_whole:
        raise UsageError(
            f"{spec.path}: the quarantine names {min(quarantined)!r}, a case that the set does not have",
            hint="remove the entry, or mend the id",
        )
    return count, tags


def _problem_of(
    case: Case,
    renderers: list[Renderer],
    scorers: tuple[CheckedScorer, ...],
    own: OwnScorers,
    *,
    render: bool,
) -> Problem | None:
    try:
        if case.turns:
            raise UsageError("cases with `turns` (conversations) are not available in this version")
        for renderer in renderers:
            if render:
                renderer.render(case.inputs)
            else:
                renderer.check(case.inputs)
        for scorer in (*scorers, *(own(case) if case.scorers else ())):
            scorer.check(case)
    except PromptshipError as error:
        message = f"case {case.id!r}: {error}"
        return Problem(path=case.path, line=case.line, message=message, hint=error.hint)
    return None


def _selection_json(selection: Selection, options: EvalOptions) -> JsonObject:
    found: JsonObject = {}
    if selection.pattern:
        found["pattern"] = selection.pattern
    if selection.sample is not None:
        found |= {"sample": selection.sample, "seed": selection.seed}
    if selection.slices:
        found["slice"] = " ".join(f"{tag}={value}" for tag, value in selection.slices)
    if selection.limit is not None:
        found["limit"] = selection.limit
    if options.holdout:
        found["holdout"] = "only"
    if options.last_failed:
        found["last_failed"] = [*sorted(selection.only_ids or ())]
    return found


def _subjects(project: Project, evalset: Evalset) -> JsonObject:
    target = evalset.spec.target
    if target.kind == "python":
        return {"source": source_digest(load_callable(target.location, project.root))}
    if target.kind == "outputs":
        return {"outputs": load_outputs(_beside(project, evalset, target.location), root=project.root).digest}
    return {}
