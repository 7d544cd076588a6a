"""Execute a plan: workers take cells from one lazy stream, and what is done is on the disk before it counts."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from promptship.errors import BudgetExceededError, RunInterruptedError, StorageError, UsageError
from promptship.runner._breaker import Breaker
from promptship.runner._cell import Cell, CellRunner, record_of
from promptship.runner._codec import OUTCOME_OF_LETTER, decode_output
from promptship.runner._columns import paid_usd
from promptship.runner._manifest import utc_now
from promptship.runner._partial import Watch
from promptship.runner._progress import Progress
from promptship.runner._run import Run
from promptship.runner._summary import summarize_columns
from promptship.runner._writer import open_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from promptship.domain import CaseOutcome, CellRecord, Target
    from promptship.runner._cell import CellResult
    from promptship.runner._partial import PartialRun
    from promptship.runner._plan import RunPlan
    from promptship.runner._progress import StopSignal
    from promptship.runner._writer import RunWriter

__all__ = ["execute"]

_PROGRESS_EVERY_S = 0.1
_SYNC_EVERY_S = 1.0
_LONGEST_HOLD_S = 0.02
# Beyond some dozens of cells nothing is gained, and their inputs and known outputs are all in memory.
_BEGUN_AT_ONCE = 64
_CANCEL_PATIENCE_S = 2.0


async def execute(
    plan: RunPlan,
    targets: Sequence[Target],
    *,
    runs_dir: Path,
    concurrency: int,
    resume: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
    on_cell: Callable[[CellRecord], None] | None = None,
    stop: StopSignal | None = None,
    give_up_after: int = 20,
    grace_s: float = 10.0,
    clock: Callable[[], datetime] = utc_now,
    git_commit: str | None = None,
    promptship_version: str = "",
    is_decided: Callable[[PartialRun], bool] | None = None,
) -> Run:
    """Fill every cell of `plan` and return the finished run.

    Cells that an unfinished run of the same plan has already paid for are not paid again; its errors are tried again.

    Args:
        plan: What to run.
        targets: One per variant of the plan, in its order.
        runs_dir: Folder of all runs; made where it is missing.
        concurrency: Cells in flight, at least 1.
        resume: Continue the newest unfinished run of the same plan that nobody works on.
        on_progress: Called about ten times a second from the event loop, and once at the end.
        on_cell: Called from the event loop with each cell as soon as it counts, those of earlier attempts first.
        stop: Asks to stop early.
        give_up_after: Cells that may end in the same infrastructure error before one has succeeded, at least 1.
        grace_s: Seconds that calls in flight get to finish where the run ends early.
        clock: Tells the time that the run is dated with, in UTC.
        git_commit: Commit of the working tree; None outside git.
        promptship_version: Version that makes the run.
        is_decided: Looks now and then at what is known, and says whether the rest is needed no more; the run then
            finishes without it. With it cases are run in random order.

    Raises:
        UsageError: Targets and variants differ in number, or `concurrency` is below 1.
        StorageError: The disk is full or the folder is read-only; finished cells stay.
        BudgetExceededError: The next call could cost too much; finished cells stay.
        CassetteMissError: A frozen run needs a call that was never recorded; the message names the case.
        InfrastructureError: Every call fails in the same way; finished cells stay.
        RunInterruptedError: `stop` was requested; finished cells stay.
    """
    if len(targets) != len(plan.variants) or concurrency < 1 or give_up_after < 1:
        raise UsageError(
            f"cannot run {len(plan.variants)} variants with {len(targets)} targets, concurrency {concurrency}, "
            f"give_up_after {give_up_after}"
        )
    with open_writer(
        plan,
        runs_dir,
        resume=resume,
        clock=clock,
        git_commit=git_commit,
        promptship_version=promptship_version,
    ) as writer:
        breaker = Breaker(give_up_after, max(give_up_after, 2 * concurrency))
        execution = _Execution(plan, targets, writer, breaker=breaker, on_cell=on_cell, is_decided=is_decided)
        await execution.run(concurrency, on_progress=on_progress, stop=stop, grace_s=grace_s)
        writer.finish(clock(), skipped=execution.left)
    # The figures come from each row as it was written; the same code reads them back from the disk.
    summary = summarize_columns(writer.manifest, writer.columns, wall_s=writer.wall_s)
    return Run(writer.directory, writer.manifest, summary=summary)


class _Execution:
    """One attempt at a plan: its workers, its counters, and how it ends."""

    def __init__(
        self,
        plan: RunPlan,
        targets: Sequence[Target],
        writer: RunWriter,
        *,
        breaker: Breaker,
        on_cell: Callable[[CellRecord], None] | None,
        is_decided: Callable[[PartialRun], bool] | None,
    ) -> None:
        self._on_cell = on_cell
        self._plan = plan
        self._writer = writer
        self._breaker = breaker
        self._runner = CellRunner(plan, targets, writer)
        self._watch = None if is_decided is None else Watch(plan, writer, is_decided)
        self._is_decided = False
        self._cells = self._begun_cells()
        self._counts: dict[CaseOutcome, int] = {"passed": 0, "failed": 0, "error": 0, "unscored": 0}
        self._resumed = self._count_stored()
        self._in_flight = 0
        self._cached = 0
        self._cost_usd = 0.0
        self._started = self._breathed = time.perf_counter()
        self._failure: Exception | None = None
        self._halted = asyncio.Event()
        self._aborted = asyncio.Event()

    async def run(
        self,
        concurrency: int,
        *,
        on_progress: Callable[[Progress], None] | None,
        stop: StopSignal | None,
        grace_s: float,
    ) -> None:
        """Fill the cells that are left; raise what kept from it once nothing is in flight any more."""
        self._tell_stored()
        with self._heeding(stop):
            workers = [asyncio.create_task(self._work()) for _ in range(min(concurrency, self.left))]
            keepers = [asyncio.create_task(self._keep_synced())]
            if on_progress is not None:
                keepers.append(asyncio.create_task(self._keep_told(on_progress)))
            try:
                await self._drain(workers, grace_s)
            finally:
                await _cancel(workers)
                await _cancel(keepers)
                self._cells.close()
        if on_progress is not None:
            on_progress(self._progress())
        self._raise_if_unfinished()

    @property
    def left(self) -> int:
        """Cells that have not been run."""
        return self._plan.cells - sum(self._counts.values())

    def _begun_cells(self) -> Generator[Cell]:
        """Yield what is left to do; the targets have been told of some cells at a time."""
        with closing(self._remaining_cells()) as left:
            while cells := list(islice(left, _BEGUN_AT_ONCE)):
                self._runner.begin(cells)
                yield from cells

    def _remaining_cells(self) -> Generator[Cell]:
        """Yield what is left to do, case by case, so that no repeat and no variant falls behind the others."""
        plan, index, count = self._plan, self._writer.index, 0
        with index.open() as reader:
            # One shared generator and no task per case: memory does not grow with the evalset.
            for number, case in enumerate(plan.cases()) if self._watch is None else self._watch.cases:
                count += 1
                if count > plan.case_count:
                    break
                self._writer.check_case(number, case)
                for repeat in range(plan.repeats):
                    for variant in range(len(plan.variants)):
                        position = index.position(number, variant, repeat)
                        if not index.is_done(position):
                            row = reader.output_row(position) if index.has_output(position) else None
                            stored = None if row is None else decode_output(row["o"])
                            yield Cell(case=case, key=(number, variant, repeat), stored=stored)
        if count != plan.case_count:
            raise UsageError(
                f"the cases of {plan.spec.path or plan.spec.name} have changed while they were evaluated",
                hint="run the command again",
            )

    def _count_stored(self) -> int:
        """Count what earlier attempts have finished, and return how many cells that is."""
        index = self._writer.index
        for position in range(index.cells):
            if index.is_done(position):
                self._counts[OUTCOME_OF_LETTER[index.outcome_letter(position)]] += 1
        return sum(self._counts.values())

    def _tell_stored(self) -> None:
        """Tell of the cells that earlier attempts have finished."""
        if self._on_cell is None or not self._resumed:
            return
        plan, index = self._plan, self._writer.index
        numbers = {case.id: number for number, case in enumerate(plan.cases())}
        for record in Run(self._writer.directory, self._writer.manifest).records():
            if index.is_done(index.position(numbers[record.key.case_id], record.key.variant, record.key.repeat)):
                self._on_cell(record)

    async def _work(self) -> None:
        try:
            while not self._halted.is_set():
                cell = next(self._cells, None)
                if cell is None:
                    return
                await self._fill(cell)
                await self._breathe()
        except Exception as error:  # noqa: BLE001 - raised by `run` when nothing is in flight any more
            # What cannot be stored need not be waited for: it would be paid again in any case.
            self._halt(error, at_once=isinstance(error, StorageError))

    async def _fill(self, cell: Cell) -> None:
        self._in_flight += 1
        try:
            result = await self._runner.run(cell)
        finally:
            self._in_flight -= 1
        self._count(result)
        if self._on_cell is not None:
            self._on_cell(record_of(cell, result))
        if self._watch is not None and self._watch.note(self._writer.index.position(*cell.key)):
            self._is_decided = True
            self._halt()
        failure = self._breaker.record(result)
        # With no cell left there is nothing to save; the gates say what the errors mean.
        if failure is not None and self.left:
            self._halt(failure)

    def _count(self, result: CellResult) -> None:
        self._counts[result.outcome] += 1
        self._cost_usd += result.scoring_usd
        output = result.output
        if output is not None:
            self._cached += output.cached_calls
            self._cost_usd += paid_usd(output.cost_usd, output.calls, output.cached_calls) or 0.0

    async def _breathe(self) -> None:
        """Let the event loop turn now and then, also where targets answer without ever waiting."""
        if time.perf_counter() - self._breathed < _LONGEST_HOLD_S:
            return
        # The clock is set back when the loop has come round, so that each worker does one cell at most till then.
        asyncio.get_running_loop().call_soon(self._set_breathed)
        await asyncio.sleep(0)

    def _set_breathed(self) -> None:
        self._breathed = time.perf_counter()

    def _halt(self, failure: Exception | None = None, *, at_once: bool = False) -> None:
        """Start no further cell; with `at_once` do not wait for those in flight either."""
        self._failure = self._failure or failure
        self._halted.set()
        if at_once:
            self._aborted.set()

    @contextmanager
    def _heeding(self, stop: StopSignal | None) -> Iterator[None]:
        """Halt when `stop` is requested, or has been."""
        if stop is None:
            yield
            return
        loop = asyncio.get_running_loop()

        def listen(level: int) -> None:
            loop.call_soon_threadsafe(self._stop, level)

        with stop.listening(listen):
            if stop.level:
                self._stop(stop.level)
            yield

    def _stop(self, level: int) -> None:
        self._halt(at_once=level > 1)

    async def _drain(self, workers: list[asyncio.Task[None]], grace_s: float) -> None:
        """Wait for the workers; once halted, only so long as calls in flight are given."""
        if not workers:
            return
        finished = asyncio.create_task(asyncio.wait(workers))
        halted = asyncio.create_task(self._halted.wait())
        aborted = asyncio.create_task(self._aborted.wait())
        try:
            await asyncio.wait({finished, halted}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({finished, aborted}, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (finished, halted, aborted):
                task.cancel()

    async def _keep_synced(self) -> None:
        while True:
            await asyncio.sleep(_SYNC_EVERY_S)
            try:
                self._writer.flush()
                await asyncio.to_thread(self._writer.sync)
            except StorageError as error:
                self._halt(error, at_once=True)
                return

    async def _keep_told(self, on_progress: Callable[[Progress], None]) -> None:
        while True:
            try:
                if self.left:
                    on_progress(self._progress())
            except Exception as error:  # noqa: BLE001 - raised by `run` when nothing is in flight any more
                self._halt(error)
                return
            await asyncio.sleep(_PROGRESS_EVERY_S)

    def _progress(self) -> Progress:
        counts = self._counts
        return Progress(
            total=self._plan.cells,
            done=sum(counts.values()),
            passed=counts["passed"],
            failed=counts["failed"],
            errors=counts["error"],
            unscored=counts["unscored"],
            cached=self._cached,
            cost_usd=self._cost_usd,
            in_flight=self._in_flight,
            elapsed_s=time.perf_counter() - self._started,
            resumed=self._resumed,
        )

    def _raise_if_unfinished(self) -> None:
        failure = self._failure
        if isinstance(failure, BudgetExceededError) and failure.hint is None:
            failure.hint = "what is done is kept; the same command with a higher --max-cost goes on from there"
        if failure is not None:
            raise failure
        if self.left and not self._is_decided:
            raise RunInterruptedError(
                f"run {self._writer.manifest.run_id} was stopped with {self.left} of {self._plan.cells} cells left",
                hint="what is done is kept; the same command resumes",
            )


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for their end, but not for ever on one that will not end."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CANCEL_PATIENCE_S)
