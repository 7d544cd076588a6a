"""Executes the selected cells of a session's evalsets, one evalset after the other, through the one runner."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptship.errors import PromptshipError
from promptship.testing._cell_report import CellReporter
from promptship.testing._matrix import GuardedTarget, split_into_pieces
from promptship.testing._reports import CellId, Ending, GateReport, RunFigures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from promptship.assembly import Workspace
    from promptship.domain import CellRecord
    from promptship.evaluation import EvalOptions, PreparedEvaluation
    from promptship.runner import Run
    from promptship.testing._board import Board
    from promptship.testing._loop import SessionLoop
    from promptship.testing._matrix import Piece
    from promptship.testing._window import Window

__all__ = ["Engine", "Job"]

_GRACE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One evalset of the session.

    Attributes:
        name: What items call it: its path below pytest's root.
        workspace: Where it is evaluated.
        prepared: The whole evaluation.
        selected: Its selected cells.
        strict: Whether each failing case fails.
    """

    name: str
    workspace: Workspace
    prepared: PreparedEvaluation
    selected: Sequence[CellId]
    strict: bool = False


class Engine:
    """Executes jobs in the background.

    Args:
        loop: Where.
        options: How many cells in flight.
        window: How far ahead of pytest's items; None for no limit.
    """

    def __init__(self, loop: SessionLoop, options: EvalOptions, window: Window | None) -> None:
        from promptship.runner import StopSignal

        self._loop = loop
        self._options = options
        self._window = window
        self._stop = StopSignal()
        self._work: Future[None] | None = None

    def start(self, jobs: Sequence[Job], board: Board) -> None:
        """Begin; results go to the board."""
        self._work = self._loop.submit(self._execute(jobs, board))

    def stop(self) -> None:
        """End early where something is left to do: no cell is started, those in flight get some seconds to finish."""
        if self._work is None:
            return
        self._stop.request()
        if self._window is not None:
            self._window.open()
        with suppress(TimeoutError):
            self._work.result(_GRACE_S)
            return
        self._stop.request()
        with suppress(TimeoutError):
            self._work.result(_GRACE_S)

    async def _execute(self, jobs: Sequence[Job], board: Board) -> None:
        for job in jobs:
            board.put_ending(job.name, await self._evaluate(job, board))

    async def _evaluate(self, job: Job, board: Board) -> Ending:
        started = time.perf_counter()
        complete = len(job.selected) == job.prepared.plan.cells
        try:
            runs = await self._run_all(job, board)
        except PromptshipError as error:
            said = f"{error} ({error.hint})" if error.hint else str(error)
            return Ending(complete=complete, error=said, wall_s=time.perf_counter() - started)
        except Exception as error:  # noqa: BLE001 - items wait: whatever went wrong, they must be told
            said = f"{type(error).__name__}: {error}"
            return Ending(complete=complete, error=said, wall_s=time.perf_counter() - started)
        verdict = runs[0].verdict if complete and runs else None
        has_gates = bool(job.prepared.evalset.spec.gates)
        return Ending(
            runs=[RunFigures.of(run) for run in runs],
            complete=complete,
            root=str(job.workspace.project.root),
            gates=[GateReport.of(gate) for gate in verdict.gates] if verdict else [],
            wall_s=time.perf_counter() - started,
            fails_in_silence=verdict is not None and verdict.outcome == "fail" and not has_gates,
        )

    async def _run_all(self, job: Job, board: Board) -> list[Run]:
        pieces = split_into_pieces(job.prepared, job.selected) if job.selected else []
        slots = asyncio.Semaphore(self._concurrency(job)) if len(pieces) > 1 else None
        reporter = CellReporter(job.prepared, job.workspace.project.settings, strict=job.strict)
        # Every piece is waited for: one that fails must not leave another at work on a closed workspace.
        work = [self._run_piece(job, piece, slots, reporter, board) for piece in pieces]
        found = await asyncio.gather(*work, return_exceptions=True)
        runs: list[Run] = []
        for run in found:
            if isinstance(run, BaseException):
                raise run
            runs.append(run)
        return runs

    async def _run_piece(
        self, job: Job, piece: Piece, slots: asyncio.Semaphore | None, reporter: CellReporter, board: Board
    ) -> Run:
        from promptship.evaluation import run_evaluation

        prepared = piece.prepared
        labels = [variant.label for variant in prepared.plan.variants]
        if self._window is not None or slots is not None or piece.first_repeat:
            targets = tuple(
                GuardedTarget(
                    target,
                    evalset=job.name,
                    label=label,
                    first_repeat=piece.first_repeat,
                    window=self._window,
                    slots=slots,
                )
                for target, label in zip(prepared.targets, labels, strict=True)
            )
            prepared = replace(prepared, targets=targets)

        def tell(record: CellRecord) -> None:
            cell = CellId(record.key.case_id, labels[record.key.variant], record.key.repeat + piece.first_repeat)
            board.put_cell(job.name, cell, reporter.report(cell, record))

        # Gates are decided on all cells alone, and what they are compared with may have to be evaluated first.
        complete = prepared.plan.complete
        find = job.workspace.find_baselines
        baseline_of = await find(prepared, self._options, stop=self._stop) if complete else None
        return await run_evaluation(
            job.workspace.project, prepared, self._options, on_cell=tell, stop=self._stop, baseline_of=baseline_of
        )

    def _concurrency(self, job: Job) -> int:
        return self._options.concurrency or job.workspace.project.settings.concurrency
