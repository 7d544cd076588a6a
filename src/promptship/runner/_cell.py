"""One cell: ask the target, store the output, score it, store the scores."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptship.domain import (
    CellError,
    CellKey,
    CellRecord,
    EagerTarget,
    Output,
    Score,
    ScoreInput,
    counting_judge_calls,
    decide_outcome,
)
from promptship.errors import (
    AuthenticationError,
    BudgetExceededError,
    CassetteMissError,
    InfrastructureError,
    StorageError,
)
from promptship.runner._codec import decode_case, encode_case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import BegunOutput, Case, CaseOutcome, JudgeCalls, Scorer, Target
    from promptship.runner._plan import RunPlan
    from promptship.runner._writer import RunWriter

__all__ = ["Cell", "CellResult", "CellRunner", "record_of"]

_STOPS_THE_RUN = (AuthenticationError, BudgetExceededError, CassetteMissError, StorageError)
"""What would go wrong in the same way for every other cell."""


@dataclass(slots=True, kw_only=True)
class Cell:
    """One place of the matrix that is to be filled.

    Attributes:
        case: The case.
        key: Place of the case in the plan, variant, repeat.
        stored: The output, where an earlier attempt has paid for it; None where it has to be asked for.
        begun: What the target knows of it or how it is asked; None where the target has not been told of it.
    """

    case: Case
    key: tuple[int, int, int]
    stored: Output | None = None
    begun: BegunOutput | None = None


@dataclass(slots=True, kw_only=True)
class CellResult:
    """What a cell came to.

    Attributes:
        outcome: What counts.
        output: What this attempt was given by the target; None where it failed or had been paid for before.
        error: Why the outcome is `error`.
        infrastructure: Whether that error is the network's, the provider's or the disk's.
        scoring_usd: What scoring cost.
        scores: By scorer name, as far as they were given.
        judge_calls: Answers that its judges were given; None for none.
    """

    outcome: CaseOutcome
    output: Output | None = None
    error: CellError | None = None
    infrastructure: bool = False
    scoring_usd: float = 0.0
    scores: Mapping[str, Score] = field(default_factory=dict)
    judge_calls: JudgeCalls | None = None


def record_of(cell: Cell, result: CellResult) -> CellRecord:
    """Return what `Run.records` would read back of a cell that has just been filled."""
    facts = decode_case(encode_case(cell.case))
    _, variant, repeat = cell.key
    return CellRecord(
        key=CellKey(variant, facts.id, repeat),
        outcome=result.outcome,
        inputs=facts.inputs,
        expected=facts.expected,
        tags=facts.tags,
        cluster=facts.cluster,
        output=result.output or cell.stored,
        scores=result.scores,
        error=result.error,
        case_place=facts.place,
        judge_calls=result.judge_calls,
        material=facts.material,
    )


class CellRunner:
    """Fills cells and writes down what came out, the output before its scores.

    Args:
        plan: Scorers come from it.
        targets: One per variant.
        writer: Where rows go.
    """

    def __init__(self, plan: RunPlan, targets: Sequence[Target], writer: RunWriter) -> None:
        self._targets = targets
        self._eager = [(number, one) for number, one in enumerate(targets) if isinstance(one, EagerTarget)]
        self._scorers = plan.scorers
        self._case_scorers = plan.case_scorers
        self._required = frozenset(scorer.name for scorer in plan.scorers if scorer.required)
        self._writer = writer

    def begin(self, cells: Sequence[Cell]) -> None:
        """Tell the targets of the cells that they will be asked for, where they want to know."""
        for variant, target in self._eager:
            asked = [cell for cell in cells if cell.key[1] == variant and cell.stored is None]
            begun = target.begin([(cell.case, cell.key[2]) for cell in asked])
            for cell, one in zip(asked, begun, strict=True):
                cell.begun = one

    async def run(self, cell: Cell) -> CellResult:
        """Fill one cell.

        Raises:
            AuthenticationError: No call of this run would be answered.
            BudgetExceededError: The next call could cost too much.
            CassetteMissError: A frozen run needs a call that was never recorded; the message names the case.
            StorageError: A row could not be written.
        """
        try:
            if cell.stored is not None:
                return await self._score(cell, cell.stored)
            return await self._ask(cell)
        except CassetteMissError as error:
            case = cell.case
            place = f" ({case.path}:{case.line})" if case.path else ""
            raise CassetteMissError(f"case {case.id!r}{place}: {error}", hint=error.hint) from error

    async def _ask(self, cell: Cell) -> CellResult:
        output: Output | None = None
        failure: BaseException | None = None
        try:
            output = await self._output_of(cell)
        except asyncio.CancelledError as error:
            _reraise_if_ours(error)
            failure = error
        except _STOPS_THE_RUN:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a target raises is this cell's error
            failure = error
        reason = None if failure is None else _error_of(failure)
        # Written before it is scored: from here on a kill costs nothing that was paid.
        reason = self._writer.append_output(cell.key, cell.case, output=output, error=reason)
        if output is None or reason is not None:
            infrastructure = isinstance(failure, InfrastructureError)
            return CellResult(outcome="error", error=reason, infrastructure=infrastructure)
        return await self._score(cell, output)

    async def _output_of(self, cell: Cell) -> Output:
        begun = cell.begun
        if isinstance(begun, Output):
            return begun
        if begun is not None:
            return await begun()
        return await self._targets[cell.key[1]].run(cell.case, repeat=cell.key[2])

    async def _score(self, cell: Cell, output: Output) -> CellResult:
        scorers, required = self._scorers, self._required
        if cell.case.scorers:
            own = self._case_scorers(cell.case)
            scorers = (*scorers, *own)
            required = required.union(scorer.name for scorer in own if scorer.required)
        with counting_judge_calls() as calls:
            scores, reason, infrastructure = await _score_all(scorers, ScoreInput(output=output, case=cell.case))
        outcome = decide_outcome(reason, scores, required)
        self._writer.append_scores(cell.key, outcome, scores, reason, calls)
        return CellResult(
            outcome=outcome,
            output=None if cell.stored is not None else output,
            error=reason,
            infrastructure=infrastructure,
            scoring_usd=sum(score.cost_usd for score in scores.values()),
            scores=scores,
            judge_calls=calls if calls.called or calls.cached else None,
        )


async def _score_all(scorers: Sequence[Scorer], item: ScoreInput) -> tuple[Mapping[str, Score], CellError | None, bool]:
    """Return the scores, why the first scorer that failed did, and whether that was the infrastructure's fault."""
    scores: dict[str, Score] = {}
    failure: BaseException | None = None
    reason: CellError | None = None
    for scorer in scorers:
        try:
            found = scorer.score(item)
            scores[scorer.name] = _checked(found if isinstance(found, Score) else await found)
        except asyncio.CancelledError as error:
            _reraise_if_ours(error)
            failure, reason = failure or error, reason or _error_of(error, scorer.name)
        except _STOPS_THE_RUN:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a scorer raises is this cell's error
            failure, reason = failure or error, reason or _error_of(error, scorer.name)
    return scores, reason, isinstance(failure, InfrastructureError)


def _checked(score: object) -> Score:
    """Refuse what is no score, before it moves a mean; NaN fails the comparison too."""
    if not isinstance(score, Score):
        raise TypeError(f"expected a Score, got {type(score).__name__}: {score!r}")
    if score.value is not None and not 0.0 <= score.value <= 1.0:
        raise ValueError(f"the value {score.value!r} is not between 0 and 1")
    return score


def _reraise_if_ours(error: asyncio.CancelledError) -> None:
    """Tell a cancellation of this run from one that a target or scorer let escape."""
    task = asyncio.current_task()
    if task is None or task.cancelling():
        raise error


def _error_of(error: BaseException, scorer: str = "") -> CellError:
    message = str(error) or type(error).__name__
    hint = getattr(error, "hint", None)
    if hint:
        # A cell has one text for what went wrong, and a reader of it wants the remedy too.
        message = f"{message} ({hint.replace(chr(10), '; ')})"
    return CellError(kind=type(error).__name__, message=message, scorer=scorer)
