"""Whatever interrupts a run, its totals are those of its rows, and in the end those of an undisturbed run."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from runner_kit import Lab, Sums, make_plan

from promptship.domain import Case, Output, RunSummary
from promptship.errors import BudgetExceededError, CallTimeoutError, InfrastructureError
from promptship.runner import Run, list_runs, summarize

CASES = 24
PLAN = make_plan(CASES, variants=("a", "b"), repeats=2)


class Stopping(Sums):
    """Sums that stops the run after some calls, and times out in some."""

    def __init__(self, calls: int, time_out_every: int) -> None:
        super().__init__()
        self.calls = calls
        self.time_out_every = time_out_every

    async def run(self, case: Case, *, repeat: int) -> Output:
        if len(self.asked) >= self.calls:
            raise BudgetExceededError("stop")
        output = await super().run(case, repeat=repeat)
        await asyncio.sleep(0)
        if self.time_out_every and len(self.asked) % self.time_out_every == 0:
            raise CallTimeoutError("slow")
        return output


def without_wall(summary: RunSummary) -> RunSummary:
    def timeless(group: Any) -> Any:
        return replace(group, totals=replace(group.totals, wall_s=0.0))

    return RunSummary(
        overall=timeless(summary.overall),
        variants={label: timeless(group) for label, group in summary.variants.items()},
        slices=summary.slices,
    )


async def _undisturbed(folder: Path) -> RunSummary:
    run = await Lab(folder).run(PLAN, Sums(), Sums())
    return without_wall(run.summary)


def _recount(run: Run) -> None:
    records = list(run.records())
    summary = run.summary
    counted = Counter(record.outcome for record in records)
    totals = summary.overall.totals
    assert counted == Counter(
        {"passed": totals.passed, "failed": totals.failed, "error": totals.error, "unscored": totals.unscored}
    )
    assert totals.cases == len(records)
    assert totals.requests == sum(record.output.calls for record in records if record.output)
    assert len({record.key for record in records}) == len(records)
    assert without_wall(summarize(run.manifest, records)) == without_wall(summary)


def _damage(run: Run, cut: int) -> None:
    """Cut bytes off the newest files, as a kill in mid-write or a power failure does."""
    for path in sorted(run.directory.glob("*.jsonl"))[-1 - cut % 2 :: 2]:
        content = path.read_bytes()
        path.write_bytes(content[: max(0, len(content) - cut)])


stops = st.tuples(
    st.integers(min_value=0, max_value=4 * CASES),
    st.integers(min_value=0, max_value=7).filter(lambda every: every != 1),
    st.integers(min_value=1, max_value=40),
    st.integers(min_value=0, max_value=400),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(stops, max_size=4))
def test_totals_equal_a_recount_and_an_undisturbed_run(interruptions: list[tuple[int, int, int, int]]) -> None:
    async def story() -> None:
        with TemporaryDirectory() as name:
            expected = await _undisturbed(Path(name) / "undisturbed")
            lab = Lab(Path(name) / "disturbed")
            for calls, time_out_every, concurrency, cut in interruptions:
                targets = [Stopping(calls // 2, time_out_every), Stopping(calls, time_out_every)]
                try:
                    await lab.run(PLAN, *targets, concurrency=concurrency)
                except (BudgetExceededError, InfrastructureError):
                    (unfinished,) = (row.run_id for row in list_runs(lab.runs_dir) if not row.finished)
                    run = Run.load(lab.runs_dir / unfinished)
                    _recount(run)
                    _damage(run, cut)
                    _recount(Run.load(run.directory))
            run = await lab.run(PLAN, Sums(), Sums())
            _recount(run)
            assert without_wall(run.summary) == expected
            assert Run.load(run.directory).summary == run.summary

    asyncio.run(story())


@settings(max_examples=15, deadline=None)
@given(st.integers(min_value=0, max_value=30), st.integers(min_value=1, max_value=30))
def test_a_finished_call_is_never_asked_for_again(calls: int, concurrency: int) -> None:
    async def story() -> None:
        with TemporaryDirectory() as name:
            lab = Lab(Path(name))
            first, second = Stopping(calls, 0), Sums()
            plan = make_plan(40)
            try:
                await lab.run(plan, first, concurrency=concurrency)
            except BudgetExceededError:
                await lab.run(plan, second, concurrency=concurrency)
            assert sorted(first.asked + second.asked) == [(f"case-{number:05d}", 0) for number in range(40)]

    asyncio.run(story())
