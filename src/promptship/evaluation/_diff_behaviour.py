"""Two versions of a prompt on the same cases, by today's evalsets and by those of the base revision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from promptship.domain import BehaviourDiff
from promptship.errors import CassetteMissError, UsageError
from promptship.evaluation._baselines import baseline_of_run
from promptship.evaluation._cards import project_cards
from promptship.evaluation._compare import compare_runs
from promptship.evaluation._evidence import is_other_evidence
from promptship.evaluation._verdict import decide_run, quarantined_cases, today_utc
from promptship.gates import Policy, check_gates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from promptship.domain import Closure, EvalsetSpec, PromptVersion, Verdict
    from promptship.evalsets import Evalset
    from promptship.evaluation._base_evidence import BaseEvidence
    from promptship.evaluation._cards import Cards
    from promptship.project import Project
    from promptship.runner import Run
    from promptship.settings import Settings

    _Versions = tuple[PromptVersion, PromptVersion]

__all__ = ["DIFF_LEVELS", "DiffLevel", "DiffParts", "diff_behaviour"]

DiffLevel = Literal["text", "contract", "rendered", "behaviour"]
DIFF_LEVELS: tuple[DiffLevel, ...] = ("text", "contract", "rendered", "behaviour")

_LEAST_CASES = 2
_SHOWN_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class DiffParts:
    """What a diff needs from outside.

    Attributes:
        project: Where prompts and evalsets are.
        levels: What to look at.
        count_tokens: Counts the tokens of a text as a model would.
        evaluate: Evaluates a reference on an evalset; what the cache knows costs nothing. The second evalset is the one
            whose recorded answers may be used. Asked for `behaviour` only.
    """

    project: Project
    levels: Sequence[DiffLevel]
    count_tokens: Callable[[Closure, str], int]
    evaluate: Callable[[Evalset, Evalset, str], Awaitable[Run]]


async def diff_behaviour(
    parts: DiffParts, versions: _Versions, evalsets: Sequence[Evalset], base: BaseEvidence | None
) -> tuple[list[BehaviourDiff], list[str]]:
    """Evaluate two versions of a prompt on each of its evalsets.

    Args:
        parts: What is needed from outside.
        versions: Baseline and candidate.
        evalsets: Those of the working tree.
        base: Those of the base revision; None to leave them out.

    Returns:
        One entry for each evalset of two cases or more, and what could not be done.

    Raises:
        UsageError: The candidate cannot be evaluated on its own evalsets.
        InfrastructureError: A call failed; what is done is kept.
        BudgetExceededError: The next call could cost too much; likewise.
    """
    if not evalsets:
        return [], ["no evalset evaluates this prompt, so nothing is known of its behaviour"]
    found, notes = [], []
    for evalset in evalsets:
        if evalset.count() < _LEAST_CASES:
            notes.append(f"{evalset.spec.name} has too few cases to compare anything")
            continue
        judge = _Judge(parts, evalset, versions)
        diff = await judge.by_today()
        found.append(await judge.by_base(diff, base) if base else diff)
    return found, notes


class _Judge:
    """Evaluates both versions on one evalset, as it is and as it was."""

    def __init__(self, parts: DiffParts, evalset: Evalset, versions: _Versions) -> None:
        self._parts = parts
        self._evalset = evalset
        self._before, self._after = versions
        self._settings = parts.project.settings
        self._cards = project_cards(parts.project)
        self._runs: tuple[Run | None, Run] | None = None

    async def by_today(self) -> BehaviourDiff:
        """Say what the evalset of the working tree says."""
        spec = self._evalset.spec
        right = await self._evaluate(self._evalset, self._after)
        try:
            left = await self._evaluate(self._evalset, self._before)
        except (UsageError, CassetteMissError) as error:
            self._runs = None, right
            verdict = _decide(None, right, spec, self._settings, self._cards)
            why = f"{self._before.label} cannot be evaluated on it, so nothing is compared: {_first_line(error)}"
            return BehaviourDiff(evalset=spec.name, comparison=None, verdict=verdict, uncompared=why)
        self._runs = left, right
        (comparison,) = compare_runs(left, right, left_out=quarantined_cases(spec.quarantine, today_utc()))
        verdict = _decide(left, right, spec, self._settings, self._cards)
        return BehaviourDiff(evalset=spec.name, comparison=comparison, verdict=verdict)

    async def by_base(self, diff: BehaviourDiff, base: BaseEvidence) -> BehaviourDiff:
        """Add what the evalset and the limits of the base revision say, where they are others and still apply."""
        known = base.evalsets.get(self._evalset.spec.name)
        limits = base.settings or self._settings
        is_alike = known is not None and not is_other_evidence(known, self._evalset)
        if known is None or (is_alike and _policy(limits) == _policy(self._settings)):
            return diff
        try:
            left, right = await self._runs_on(known, base.commit)
            check_gates(known.spec.gates, right.manifest.scorers, path=known.spec.path)
            return replace(diff, base_verdict=_decide(left, right, known.spec, limits, self._cards))
        except (UsageError, CassetteMissError) as error:
            return replace(diff, base_reason=f"the evalset as it was does not apply any more: {_first_line(error)}")

    async def _runs_on(self, known: Evalset, commit: str) -> tuple[Run | None, Run]:
        """Evaluate on the evalset as it was, under a name of its own: it is no evidence for today's."""
        if self._runs is not None and _asks_alike(known, self._evalset):
            return self._runs
        named = known.renamed(f"{known.spec.name}@{commit[:_SHOWN_DIGITS]}")
        return await self._evaluate(named, self._before), await self._evaluate(named, self._after)

    async def _evaluate(self, evalset: Evalset, version: PromptVersion) -> Run:
        return await self._parts.evaluate(evalset, self._evalset, version.label)


def _asks_alike(before: Evalset, after: Evalset) -> bool:
    """Return whether both ask and score the same, so that one run serves the gates of both."""
    return (
        before.cases_digest == after.cases_digest
        and before.spec.scoring_digest() == after.spec.scoring_digest()
        and before.spec.target == after.spec.target
        and before.spec.holdout == after.spec.holdout
    )


def _decide(left: Run | None, right: Run, spec: EvalsetSpec, settings: Settings, cards: Cards) -> Verdict:
    label = right.manifest.variants[0].label
    return decide_run(
        right,
        spec.gates,
        policy=_policy(settings),
        baseline_of=None if left is None else lambda _versus, _label: baseline_of_run(left, label, cards=cards),
        quarantine=spec.quarantine,
        today=today_utc(),
        cards=cards,
    )


def _policy(settings: Settings) -> Policy:
    return Policy(max_error_rate=settings.max_error_rate, min_scored=settings.min_scored)


def _first_line(error: Exception) -> str:
    """Return the first of what may be one problem for each case."""
    first, *more = str(error).split("\n")
    return f"{first} (and {len(more)} more)" if more else first
