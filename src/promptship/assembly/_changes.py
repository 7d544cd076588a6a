"""Changes of a prompt evaluated: differences of two versions, and mutants of one."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from promptship.evaluation import (
    DIFF_LEVELS,
    DiffParts,
    EvalOptions,
    diff_prompts,
    mutate_prompt,
    open_base,
    project_cards,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptship.assembly._workspace import Workspace
    from promptship.domain import PromptDiff, PromptVersion
    from promptship.evalsets import Evalset
    from promptship.evaluation import DiffLevel, MutantResult
    from promptship.prompts import Mutation
    from promptship.runner import Progress, Run, StopSignal

__all__ = ["diff_all", "mutate_all"]


async def diff_all(
    workspace: Workspace,
    pairs: Sequence[tuple[str | None, str | None]],
    *,
    levels: Sequence[DiffLevel] = DIFF_LEVELS,
    base: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: StopSignal | None = None,
) -> list[PromptDiff]:
    """Compare pairs of prompt versions, on the evalsets that evaluate them where behaviour is asked for.

    Args:
        workspace: Where and how.
        pairs: References of baseline and candidate; None for a side that does not exist.
        levels: What to look at.
        base: Git revision whose evalsets the evidence is compared with; None to leave the evidence out.
        on_progress: Told how far the current evaluation is.
        stop: Ends it early; what is done is kept.

    Raises:
        UsageError: A reference, an evalset or a revision is wrong.
        InfrastructureError: A call failed; the same command goes on from there.
        BudgetExceededError: The next call could cost too much; likewise.
    """
    hub = workspace.open_hub()

    async def evaluate(evalset: Evalset, recorded_for: Evalset, reference: str) -> Run:
        options = EvalOptions(prompts=(reference,))
        return await workspace.evaluate(evalset, options, recorded_for=recorded_for, on_progress=on_progress, stop=stop)

    parts = DiffParts(
        project=workspace.project,
        levels=levels,
        count_tokens=lambda closure, text: hub.count_tokens(closure.model, text),
        evaluate=evaluate,
    )
    found = []
    with open_base(workspace.project, base) if base else nullcontext() as evidence:
        for before, after in pairs:
            sides = [workspace.project.load_prompt(side).version if side else None for side in (before, after)]
            found.append(await diff_prompts(parts, *sides, base=evidence))
    return found


async def mutate_all(
    workspace: Workspace,
    version: PromptVersion,
    mutations: Sequence[Mutation],
    evalsets: Sequence[Evalset],
    *,
    on_result: Callable[[MutantResult], None] | None = None,
) -> list[MutantResult]:
    """Evaluate a prompt's mutants; see `promptship.evaluation.mutate_prompt`.

    Raises:
        InfrastructureError: A call failed; the same command goes on from there.
        BudgetExceededError: The next call could cost too much; likewise.
    """

    async def evaluate(evalset: Evalset, mutant: PromptVersion) -> Run:
        return await workspace.evaluate(evalset, EvalOptions(versions=(mutant,)))

    return await mutate_prompt(
        version, mutations, evalsets, evaluate, cards=project_cards(workspace.project), on_result=on_result
    )
