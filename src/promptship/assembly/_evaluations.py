"""Evaluations: of several evalsets, of one from Python, of one output, and what they would cost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from promptship.assembly._workspace import ModelOptions, Workspace
from promptship.evalsets import Evalset, Selection
from promptship.evaluation import (
    EvalOptions,
    PlanEstimate,
    ProjectPrompts,
    estimate_plan,
    run_evaluation,
)
from promptship.gates import merge_verdicts
from promptship.runner import Run, run_blocking
from promptship.scorers import ascore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptship.domain import Score, Verdict
    from promptship.runner import Progress, StopSignal

__all__ = [
    "EvaluateOptions",
    "Evaluation",
    "aevaluate",
    "ascore_with_models",
    "estimate_all",
    "evaluate",
    "evaluate_all",
]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Finished runs, one per evalset, and what their gates say together."""

    runs: tuple[Run, ...]
    verdict: Verdict


async def evaluate_all(
    workspace: Workspace,
    evalsets: Sequence[Evalset],
    options: EvalOptions,
    *,
    on_start: Callable[[Evalset, int], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: StopSignal | None = None,
) -> Evaluation:
    """Evaluate on each evalset in turn; everything of all of them is checked before the first call.

    Args:
        workspace: Where and how.
        evalsets: On what.
        options: What the command changes.
        on_start: Told the evalset and its cells before it starts.
        on_progress: Told how far the current evalset is.
        stop: Ends it early; what is done is kept.

    Raises:
        UsageError: Something the user has to mend; nothing was paid.
        InfrastructureError: A run could not go on; the same call resumes it.
        BudgetExceededError: Likewise.
    """
    prepared = [await asyncio.to_thread(workspace.prepare, evalset, options) for evalset in evalsets]
    runs = []
    for evaluation in prepared:
        if on_start:
            on_start(evaluation.evalset, evaluation.plan.cells)
        baseline_of = await workspace.find_baselines(evaluation, options, on_progress=on_progress, stop=stop)
        runs.append(
            await run_evaluation(
                workspace.project, evaluation, options, on_progress=on_progress, stop=stop, baseline_of=baseline_of
            )
        )
    verdicts = [run.verdict for run in runs if run.verdict is not None]
    return Evaluation(runs=tuple(runs), verdict=merge_verdicts(verdicts))


def estimate_all(workspace: Workspace, evalsets: Sequence[Evalset], options: EvalOptions) -> list[PlanEstimate]:
    """Check everything and say what it would cost; nothing is called.

    Raises:
        UsageError: Something the user has to mend.
    """
    hub = workspace.open_hub()
    return [estimate_plan(workspace.prepare(evalset, options), hub) for evalset in evalsets]


class EvaluateOptions(TypedDict, total=False):
    """Keyword arguments of `evaluate`; `aevaluate` says what each means."""

    prompt: str | Sequence[str]
    model: str | Sequence[str]
    repeats: int
    sample: int | None
    seed: int
    limit: int | None
    max_cost_usd: float | None
    use_cache: bool
    frozen: bool
    project: str | Path


async def aevaluate(
    evalset: str | Path,
    *,
    prompt: str | Sequence[str] = (),
    model: str | Sequence[str] = (),
    repeats: int = 1,
    sample: int | None = None,
    seed: int = 0,
    limit: int | None = None,
    max_cost_usd: float | None = None,
    use_cache: bool = True,
    frozen: bool = False,
    project: str | Path = ".",
) -> Run:
    """Evaluate on one evalset, in the caller's event loop.

    Args:
        evalset: Name, or path of the file.
        prompt: References that replace the evalset's own.
        model: Model configs that replace each prompt's own; one variant for each.
        repeats: Samples per case and variant, at least 1.
        sample: How many cases to draw; None for all.
        seed: Seed of the draw.
        limit: How many of the first cases to take; None for all.
        max_cost_usd: What all calls together may cost; None for the project's setting.
        use_cache: Answer from the response cache and fill it.
        frozen: Answer from the evalset's cassette alone.
        project: A folder in the project.

    Returns:
        The finished run; `run.verdict` says what its gates say.

    Raises:
        UsageError: Something the caller has to mend; nothing was paid.
        InfrastructureError: The run could not go on; the same call resumes it.
        BudgetExceededError: Likewise.
    """
    model_options = ModelOptions(max_cost_usd=max_cost_usd, use_cache=use_cache, frozen=frozen)
    options = EvalOptions(
        prompts=_as_tuple(prompt),
        models=_as_tuple(model),
        repeats=repeats,
        selection=Selection(sample=sample, seed=seed, limit=limit),
    )
    async with Workspace.open(Path(project), model_options) as workspace:
        evaluation = await evaluate_all(workspace, workspace.load_evalsets([str(evalset)]), options)
    return evaluation.runs[0]


def evaluate(evalset: str | Path, **options: Unpack[EvaluateOptions]) -> Run:
    """Evaluate on one evalset and wait for it; also where an event loop is running already.

    Takes the arguments of `aevaluate`, returns and raises what it does.
    """
    return run_blocking(lambda: aevaluate(evalset, **options))


def _as_tuple(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


async def ascore_with_models(workspace: Workspace, kind: str, output: str, **options: Any) -> Score:
    """Score one text by a scorer that may ask a model.

    Args:
        workspace: Whose models; it is closed then.
        kind: Type of the scorer, `not-` included.
        output: The text.
        options: What `promptship.scorers.score` takes.

    Raises:
        UsageError: The scorer cannot be built, or its model cannot be opened.
        ModelError: The model failed.
    """
    async with workspace:
        instruments, prompts = workspace.open_instruments(), ProjectPrompts(workspace.project)
        return await ascore(kind, output, instruments=instruments, prompts=prompts, **options)
