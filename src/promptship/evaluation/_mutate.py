"""Which instructions of a prompt no evaluation notices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptship.domain import PromptVersion
from promptship.errors import UsageError
from promptship.evaluation._base_evidence import evalsets_of
from promptship.evaluation._baselines import baseline_of_run
from promptship.evaluation._compare import compare_runs
from promptship.evaluation._verdict import decide_run, quarantined_cases, today_utc
from promptship.gates import Policy
from promptship.prompts import list_mutations
from promptship.stats import sign_test

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from promptship.evalsets import Evalset
    from promptship.evaluation._cards import Cards
    from promptship.project import Project
    from promptship.prompts import Mutation
    from promptship.runner import Run

__all__ = ["MutantResult", "mutate_prompt", "plan_mutants"]

_ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantResult:
    """What became of a mutated prompt.

    Attributes:
        line: Line of the template.
        instruction: What was dropped or negated.
        kind: Which of the two.
        noticed_by: Evalsets whose gates fail, or on which it is shown to pass fewer cases; empty where none noticed.
        difference: Change of the pass rate on the evalset that it changed most; None where nothing was scored.
    """

    line: int
    instruction: str
    kind: str
    noticed_by: tuple[str, ...]
    difference: float | None


def plan_mutants(project: Project, name: str) -> tuple[PromptVersion, list[Mutation], list[Evalset]]:
    """Find the instructions of a prompt and the evalsets that should notice them.

    Raises:
        ReferenceNotFoundError: There is no such prompt.
        SourceError: The prompt or an evalset is wrong.
        UsageError: No evalset evaluates it, or it has no instruction.
    """
    version = project.load_prompt(name).version
    mutations = list_mutations(version.closure.template)
    evalsets = evalsets_of(project, version.name)
    if not evalsets:
        raise UsageError(f"no evalset evaluates {name!r}, so nothing could notice a change of it")
    if not mutations:
        raise UsageError(f"{name!r} has no instruction of three words or more in its own template")
    return version, mutations, evalsets


async def mutate_prompt(
    version: PromptVersion,
    mutations: Sequence[Mutation],
    evalsets: Sequence[Evalset],
    evaluate: Callable[[Evalset, PromptVersion], Awaitable[Run]],
    *,
    cards: Cards | None = None,
    on_result: Callable[[MutantResult], None] | None = None,
) -> list[MutantResult]:
    """Evaluate a prompt without each of its instructions, and with each turned round.

    Args:
        version: The prompt as it is.
        mutations: What to try.
        evalsets: On what.
        evaluate: Evaluates a version on an evalset; what the cache knows costs nothing.
        cards: Cards of judges, by digest; None for none.
        on_result: Told each result as it comes.

    Raises:
        InfrastructureError: A call failed; what is done is kept.
        BudgetExceededError: The next call could cost too much; likewise.
    """
    whole = {evalset.spec.name: await evaluate(evalset, version) for evalset in evalsets}
    found = []
    for number, mutation in enumerate(mutations, start=1):
        closure = replace(version.closure, template=mutation.template)
        label = f"{version.label}~{number}"
        mutant = PromptVersion(name=version.name, closure=closure, origin=version.origin, label=label)
        noticed, differences = [], []
        for evalset in evalsets:
            run = await evaluate(evalset, mutant)
            difference, is_noticed = _judge(evalset, whole[evalset.spec.name], run, cards or {})
            differences += [] if difference is None else [difference]
            noticed += [evalset.spec.name] if is_noticed else []
        result = MutantResult(
            line=mutation.line,
            instruction=mutation.instruction,
            kind=mutation.kind,
            noticed_by=tuple(noticed),
            difference=max(differences, key=abs, default=None),
        )
        found.append(result)
        if on_result is not None:
            on_result(result)
    return found


def _judge(evalset: Evalset, before: Run, after: Run, cards: Cards) -> tuple[float | None, bool]:
    """Return the change of the pass rate, and whether gates or the paired test notice it."""
    label = before.manifest.variants[0].label
    quarantine, today = evalset.spec.quarantine, today_utc()
    verdict = decide_run(
        after,
        evalset.spec.gates,
        policy=Policy(),
        baseline_of=lambda _versus, _label: baseline_of_run(before, label, cards=cards),
        quarantine=quarantine,
        today=today,
        cards=cards,
    )
    (comparison,) = compare_runs(before, after, left_out=quarantined_cases(quarantine, today))
    rate = comparison.metrics[0]
    losses, wins = comparison.counts.get("broken", 0), comparison.counts.get("fixed", 0)
    return rate.difference, verdict.outcome == "fail" or sign_test(wins, losses, "worse") <= _ALPHA
