"""What executing a plan does with its cells."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from runner_kit import Calls, Equals, Lab, Length, Sums, make_case, make_plan

from promptship.domain import Case, CellRecord, Digest, Output, Score, ScoreInput, ScorerSpec
from promptship.errors import (
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    CallTimeoutError,
    CassetteMissError,
    ConnectionFailedError,
    ExitCode,
    InfrastructureError,
    RenderError,
    RunInterruptedError,
    StorageError,
    UsageError,
)
from promptship.runner import Progress, Run, StopSignal


class Failing(Sums):
    """Sums that raises for some cases."""

    def __init__(self, error: BaseException, *numbers: int, **options: Any) -> None:
        super().__init__(**options)
        self._error = error
        self.numbers = set(numbers)

    async def run(self, case: Case, *, repeat: int) -> Output:
        output = await super().run(case, repeat=repeat)
        if int(case.id[-5:]) in self.numbers:
            raise self._error
        return output


class Answering:
    """Gives the same output to every case, without ever waiting."""

    def __init__(self, output: Any) -> None:
        self.output = output

    async def run(self, case: Case, *, repeat: int) -> Output:
        return self.output


def outcomes(run: Run) -> dict[str, int]:
    totals = run.summary.overall.totals
    return {"passed": totals.passed, "failed": totals.failed, "error": totals.error, "unscored": totals.unscored}


async def test_every_cell_is_run_once_and_kept_in_the_order_of_the_plan(lab: Lab) -> None:
    targets = [Sums(delay_s=0.001), Sums()]
    run = await lab.run(make_plan(7, variants=("a", "b"), repeats=3), *targets)
    keys = [record.key for record in run.records()]
    assert keys == [(variant, make_case(n).id, repeat) for n in range(7) for variant in (0, 1) for repeat in range(3)]
    expected = sorted((make_case(n).id, repeat) for n in range(7) for repeat in range(3))
    assert [sorted(target.asked) for target in targets] == [expected, expected]
    assert run.manifest.finished is not None
    assert run.manifest.cells == len(keys)


async def test_a_record_holds_all_that_is_known_of_its_cell(lab: Lab) -> None:
    run = await lab.run(make_plan(10))
    record = list(run.records())[9]
    case = make_case(9)
    assert (record.inputs, record.expected, record.tags) == (case.inputs, case.expected, case.tags)
    assert (record.cluster, record.case_place) == ("cluster-4", "evalsets/sums.jsonl:10")
    assert record.outcome == "failed"
    assert record.output == await Sums().run(case, repeat=0)
    assert record.scores["equals"] == Score(value=0.0, passed=False, reason="got '11'")
    assert record.scores["length"] == Score(value=0.2, measure=2, unit="characters")
    assert list(record.scores) == ["equals", "length"]


def as_stored(records: list[CellRecord]) -> list[CellRecord]:
    """Sort records, and round their times as the journal does."""
    found = []
    for record in sorted(records, key=lambda record: record.key):
        output = record.output and replace(record.output, latency_s=round(record.output.latency_s, 6))
        found.append(replace(record, output=output))
    return found


async def test_each_cell_is_told_as_it_would_be_read_back(lab: Lab) -> None:
    told: list[CellRecord] = []
    target = Failing(CallTimeoutError("slow"), 3)
    run = await lab.run(make_plan(10, repeats=2), target, on_cell=told.append)
    assert as_stored(told) == sorted(run.records(), key=lambda record: record.key)
    assert {record.outcome for record in told} == {"passed", "failed", "error"}


async def test_a_resumed_run_tells_the_cells_of_earlier_attempts_too(lab: Lab) -> None:
    await _interrupt(lab, make_plan(20), 8)
    told: list[CellRecord] = []
    run = await lab.run(make_plan(20), Sums(), on_cell=told.append)
    assert as_stored(told) == sorted(run.records(), key=lambda record: record.key)


async def test_concurrency_is_reached_and_never_passed(lab: Lab) -> None:
    target = Sums(delay_s=0.01)
    await lab.run(make_plan(60), target, concurrency=16)
    assert target.most_at_once == 16


async def test_variants_of_a_case_are_asked_for_together(lab: Lab) -> None:
    fast, slow = Sums(), Sums()
    order: list[str] = []

    class Noted:
        def __init__(self, name: str, target: Sums) -> None:
            self.name, self.target = name, target

        async def run(self, case: Case, *, repeat: int) -> Output:
            order.append(self.name)
            return await self.target.run(case, repeat=repeat)

    await lab.run(make_plan(10, variants=("a", "b")), Noted("a", fast), Noted("b", slow), concurrency=1)
    assert order == ["a", "b"] * 10


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CallTimeoutError("no answer within 60 s"), "CallTimeoutError"),
        (RenderError("the prompt has no input 'x'"), "RenderError"),
        (KeyError("answer"), "KeyError"),
        (SystemExit(3), "SystemExit"),
        (asyncio.CancelledError("let out by the target"), "CancelledError"),
    ],
)
async def test_a_target_that_fails_makes_its_own_cell_an_error(lab: Lab, error: BaseException, kind: str) -> None:
    run = await lab.run(make_plan(10), Failing(error, 3))
    record = list(run.records())[3]
    assert outcomes(run) == {"passed": 8, "failed": 1, "error": 1, "unscored": 0}
    assert record.outcome == "error"
    assert record.output is None
    assert record.scores == {}
    assert record.error is not None
    assert (record.error.kind, record.error.message, record.error.scorer) == (kind, str(error), "")
    assert record.inputs == make_case(3).inputs


async def test_a_scorer_that_fails_makes_the_cell_an_error_and_keeps_the_other_scores(lab: Lab) -> None:
    plan = make_plan(3, scorers=(Equals(), Calls(lambda item: 1 / 0 if item.case.id == "case-00002" else _pass())))
    run = await lab.run(plan)
    record = list(run.records())[2]
    assert outcomes(run) == {"passed": 2, "failed": 0, "error": 1, "unscored": 0}
    assert record.error is not None
    assert (record.error.kind, record.error.scorer) == ("ZeroDivisionError", "calls")
    assert record.output is not None
    assert record.scores == {"equals": _pass()}


def _pass() -> Score:
    return Score(value=1.0, passed=True)


@pytest.mark.parametrize("wrong", [Score(value=float("nan")), Score(value=1.5), Score(value=-0.1), 0.5, None])
async def test_what_is_no_score_is_an_error_and_moves_no_mean(lab: Lab, wrong: Any) -> None:
    plan = make_plan(4, scorers=(Calls(lambda item: wrong if item.case.id == "case-00001" else _pass()),))
    run = await lab.run(plan)
    assert outcomes(run) == {"passed": 3, "failed": 0, "error": 1, "unscored": 0}
    assert run.summary.overall.metrics["calls"].mean == 1.0
    assert run.summary.overall.metrics["calls"].n == 3


async def test_an_abstaining_required_scorer_leaves_the_cell_unscored(lab: Lab) -> None:
    run = await lab.run(make_plan(4, scorers=(Calls(lambda item: Score(value=None)),)))
    assert outcomes(run) == {"passed": 0, "failed": 0, "error": 0, "unscored": 4}
    assert run.summary.overall.totals.pass_rate is None


async def test_scorers_of_one_case_alone_count_for_that_case(lab: Lab) -> None:
    spec = ScorerSpec(type="never", name="never")
    cases = [make_case(0), replace(make_case(1), scorers=(spec,)), make_case(2)]
    never = Calls(lambda item: Score(value=0.0, passed=False), name="never")
    plan = make_plan(3, cases=lambda: iter(cases), case_scorers=lambda case: (never,) if case.scorers else ())
    records = list((await lab.run(plan)).records())
    assert [record.outcome for record in records] == ["passed", "failed", "passed"]
    assert ["never" in record.scores for record in records] == [False, True, False]


async def test_an_output_that_json_cannot_hold_is_an_error_of_its_cell(lab: Lab) -> None:
    run = await lab.run(make_plan(2), Answering(Output(text="x", data={"a": {1, 2}})))  # type: ignore[dict-item]
    record = next(run.records())
    assert record.error is not None
    assert record.error.kind == "TypeError"
    assert "stored as JSON" in record.error.message


async def test_lone_surrogates_and_huge_integers_come_back_as_they_were(lab: Lab) -> None:
    output = Output(text="half a pair: \ud83d", data={"n": 2**80})
    run = await lab.run(make_plan(1), Answering(output))
    assert next(run.records()).output == output


async def test_a_long_error_message_is_cut(lab: Lab) -> None:
    run = await lab.run(make_plan(1), Failing(RenderError("x" * 100_000), 0))
    record = next(run.records())
    assert record.error is not None
    assert len(record.error.message) < 2100


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AuthenticationError("401 from http://host: bad key"), ExitCode.INFRASTRUCTURE),
        (BudgetExceededError("the next call may cost 0.02 USD"), ExitCode.OVER_BUDGET),
        (CassetteMissError("a call that was never recorded"), ExitCode.INFRASTRUCTURE),
        (StorageError("cannot write the cache"), ExitCode.INFRASTRUCTURE),
    ],
)
async def test_what_would_go_wrong_for_every_cell_stops_the_run(lab: Lab, error: Exception, code: ExitCode) -> None:
    target = Failing(error, 10, delay_s=0.005)
    with pytest.raises(type(error), match=str(error)) as caught:
        await lab.run(make_plan(200), target, concurrency=4)
    assert caught.value.exit_code == code
    assert len(target.asked) < 20
    (directory,) = lab.directories
    run = Run.load(directory)
    assert run.manifest.finished is None
    assert run.summary.overall.totals.error == 0


async def test_a_missing_recording_names_the_case(lab: Lab) -> None:
    target = Failing(CassetteMissError("a call was never recorded", hint="record it"), 2)
    with pytest.raises(CassetteMissError, match=r"case 'case-00002' \(evalsets/sums.jsonl:3\): a call") as caught:
        await lab.run(make_plan(5), target)
    assert caught.value.hint == "record it"


async def test_over_budget_lets_paid_calls_finish_and_says_how_to_go_on(lab: Lab) -> None:
    class Budgeted(Sums):
        async def run(self, case: Case, *, repeat: int) -> Output:
            if len(self.asked) >= 10:
                raise BudgetExceededError("the next call could cost too much")
            return await super().run(case, repeat=repeat)

    target = Budgeted(delay_s=0.02)
    with pytest.raises(BudgetExceededError) as caught:
        await lab.run(make_plan(50), target, concurrency=4)
    assert caught.value.hint is not None
    assert "--max-cost" in caught.value.hint
    assert Run.load(lab.directories[0]).summary.overall.totals.requests == 10
    rest = Sums()
    run = await lab.run(make_plan(50), rest)
    assert len(rest.asked) == 40
    assert run.summary.overall.totals.requests == 50


async def test_a_dead_server_is_not_hammered(lab: Lab) -> None:
    target = Failing(ConnectionFailedError("connection refused"), *range(20_000))
    with pytest.raises(
        InfrastructureError, match="20 cells in a row ended in ConnectionFailedError: connection refused"
    ):
        await lab.run(make_plan(20_000), target, concurrency=8)
    assert len(target.asked) < 40


async def test_a_server_that_dies_half_way_ends_the_run_too(lab: Lab) -> None:
    target = Failing(ConnectionFailedError("connection refused"), *range(100, 20_000))
    with pytest.raises(InfrastructureError, match="gave up"):
        await lab.run(make_plan(20_000), target, concurrency=16)
    assert len(target.asked) < 200


async def test_a_burst_as_large_as_what_is_in_flight_does_not_end_a_run(lab: Lab) -> None:
    target = Failing(ConnectionFailedError("reset"), *range(100, 164))
    run = await lab.run(make_plan(300), target, concurrency=64)
    assert run.summary.overall.totals.error == 64


async def test_errors_that_differ_or_are_the_cases_own_do_not_end_a_run(lab: Lab) -> None:
    class Mixed:
        async def run(self, case: Case, *, repeat: int) -> Output:
            number = int(case.id[-5:])
            raise (BadRequestError, CallTimeoutError, RenderError)[number % 3]("no")

    run = await lab.run(make_plan(90), Mixed())
    assert run.summary.overall.totals.error == 90
    run = await lab.run(make_plan(90), Failing(RenderError("no"), *range(90)), resume=False)
    assert run.summary.overall.totals.error == 90


async def test_a_finished_run_is_left_alone_and_a_new_one_made(lab: Lab) -> None:
    first = await lab.run(make_plan(5))
    before = {path.name: path.read_bytes() for path in first.directory.iterdir()}
    target = Sums()
    second = await lab.run(make_plan(5), target)
    assert first.directory != second.directory
    assert len(target.asked) == 5
    assert before == {path.name: path.read_bytes() for path in first.directory.iterdir()}


async def _interrupt(lab: Lab, plan: Any, after: int) -> None:
    with pytest.raises(BudgetExceededError):
        await lab.run(plan, Failing(BudgetExceededError("stop"), after), concurrency=1)


async def test_resume_asks_only_for_what_is_missing(lab: Lab) -> None:
    await _interrupt(lab, make_plan(20), 8)
    target = Sums()
    run = await lab.run(make_plan(20), target)
    assert [case_id for case_id, _ in target.asked] == [make_case(n).id for n in range(8, 20)]
    assert outcomes(run) == {"passed": 18, "failed": 2, "error": 0, "unscored": 0}
    assert len(lab.directories) == 1
    assert [record.key.case_id for record in run.records()] == [make_case(n).id for n in range(20)]


async def test_resume_tries_errors_again(lab: Lab) -> None:
    class Flaky(Failing):
        async def run(self, case: Case, *, repeat: int) -> Output:
            if case.id == "case-00015":
                raise BudgetExceededError("stop")
            return await super().run(case, repeat=repeat)

    with pytest.raises(BudgetExceededError):
        await lab.run(make_plan(20), Flaky(CallTimeoutError("slow"), 3, 4), concurrency=1)
    target = Sums()
    run = await lab.run(make_plan(20), target)
    assert sorted(target.asked)[:2] == [("case-00003", 0), ("case-00004", 0)]
    assert len(target.asked) == 7
    assert outcomes(run) == {"passed": 18, "failed": 2, "error": 0, "unscored": 0}


async def test_resume_is_refused_where_the_plan_differs(lab: Lab) -> None:
    await _interrupt(lab, make_plan(20), 8)
    for changes in ({"repeats": 2}, {"subjects": {"a": 1}}, {"selection": {"limit": 3}}):
        target = Sums()
        await lab.run(make_plan(20, **changes), target)
        assert len(target.asked) == 20 * changes.get("repeats", 1)


async def test_without_resume_everything_is_asked_anew(lab: Lab) -> None:
    await _interrupt(lab, make_plan(20), 8)
    target = Sums()
    await lab.run(make_plan(20), target, resume=False)
    assert len(target.asked) == 20


async def test_other_scorers_score_stored_outputs_without_a_call(lab: Lab) -> None:
    digest = Digest("sha256:" + "ee" * 32)
    await _interrupt(lab, make_plan(20, cases_digest=digest), 12)
    longer = Calls(lambda item: Score(value=1.0, passed=len(item.output.text) > 1), name="two-digits")
    target = Sums()
    plan = make_plan(20, cases_digest=digest, scorers=(longer,))
    plan = replace(plan, spec=replace(plan.spec, scorers=(ScorerSpec(type="x", name="two-digits"),)))
    run = await lab.run(plan, target)
    assert len(target.asked) == 8
    assert outcomes(run) == {"passed": 11, "failed": 9, "error": 0, "unscored": 0}
    assert run.manifest.scorers == ("two-digits",)
    assert all(list(record.scores) == ["two-digits"] for record in run.records())


async def test_cases_that_moved_are_never_mixed_into_an_old_run(lab: Lab) -> None:
    await _interrupt(lab, make_plan(20), 8)
    plan = make_plan(20, cases=lambda: map(make_case, range(5, 25)))
    target = Sums()
    with pytest.raises(StorageError, match="cannot be resumed: its case number 1 is not 'case-00005'"):
        await lab.run(plan, target)
    assert target.asked == []


@pytest.mark.parametrize("given", [19, 21])
async def test_cases_that_change_while_they_are_read_leave_the_run_unfinished(lab: Lab, given: int) -> None:
    with pytest.raises(UsageError, match="have changed while they were evaluated"):
        await lab.run(make_plan(20, cases=lambda: map(make_case, range(given))))
    assert Run.load(lab.directories[0]).manifest.finished is None


async def test_an_error_while_cases_are_read_ends_the_run(lab: Lab) -> None:
    def broken() -> Any:
        yield from map(make_case, range(5))
        raise UsageError("line 6 is not JSON")

    with pytest.raises(UsageError, match="line 6 is not JSON"):
        await lab.run(make_plan(20, cases=broken))


async def test_progress_ends_with_the_totals_of_the_run(lab: Lab) -> None:
    seen: list[Progress] = []
    run = await lab.run(make_plan(30), Sums(delay_s=0.02), on_progress=seen.append, concurrency=2)
    last = seen[-1]
    totals = run.summary.overall.totals
    assert (last.done, last.total, last.in_flight) == (30, 30, 0)
    assert (last.passed, last.failed, last.errors, last.unscored) == (totals.passed, totals.failed, 0, 0)
    assert last.cost_usd == pytest.approx(0.03)
    assert 3 <= len(seen) <= 15
    assert any(0 < progress.done < 30 for progress in seen)


async def test_progress_is_told_although_no_target_ever_waits(lab: Lab) -> None:
    class Busy:
        async def run(self, case: Case, *, repeat: int) -> Output:
            end = time.perf_counter() + 0.0005
            while time.perf_counter() < end:
                pass
            return Output(text="1")

    seen: list[Progress] = []
    await lab.run(make_plan(2000), Busy(), on_progress=seen.append, concurrency=64)
    assert len(seen) >= 4


async def test_resumed_cells_count_as_done_from_the_start(lab: Lab) -> None:
    await _interrupt(lab, make_plan(20), 8)
    seen: list[Progress] = []
    await lab.run(make_plan(20), on_progress=seen.append)
    assert (seen[0].done, seen[0].passed, seen[0].resumed) == (8, 8, 8)
    assert seen[-1].cost_usd == pytest.approx(0.012)


async def test_a_failing_progress_display_ends_the_run_and_is_reported(lab: Lab) -> None:
    def broken(progress: Progress) -> None:
        raise BrokenPipeError("stderr is gone")

    with pytest.raises(BrokenPipeError):
        await lab.run(make_plan(50), Sums(delay_s=0.01), on_progress=broken)


async def test_stop_lets_calls_in_flight_finish(lab: Lab) -> None:
    stop = StopSignal()
    target = Sums(delay_s=0.1)
    asyncio.get_running_loop().call_later(0.05, stop.request)
    with pytest.raises(RunInterruptedError, match="with 46 of 50 cells left") as caught:
        await lab.run(make_plan(50), target, concurrency=4, stop=stop)
    assert caught.value.exit_code == ExitCode.INTERRUPTED
    assert len(target.asked) == 4
    assert Run.load(lab.directories[0]).summary.overall.totals.requests == 4


async def test_a_second_stop_drops_calls_in_flight(lab: Lab) -> None:
    stop = StopSignal()
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, stop.request)
    loop.call_later(0.1, stop.request)
    started = time.perf_counter()
    with pytest.raises(RunInterruptedError, match="with 50 of 50 cells left"):
        await lab.run(make_plan(50), Sums(delay_s=30), concurrency=4, stop=stop)
    assert time.perf_counter() - started < 2


async def test_calls_in_flight_get_no_more_than_the_grace(lab: Lab) -> None:
    stop = StopSignal()
    asyncio.get_running_loop().call_later(0.05, stop.request)
    started = time.perf_counter()
    with pytest.raises(RunInterruptedError):
        await lab.run(make_plan(50), Sums(delay_s=30), concurrency=4, stop=stop, grace_s=0.1)
    assert time.perf_counter() - started < 2


async def test_a_stop_requested_before_the_start_asks_nothing(lab: Lab) -> None:
    stop = StopSignal()
    stop.request()
    target = Sums()
    with pytest.raises(RunInterruptedError):
        await lab.run(make_plan(5), target, stop=stop)
    assert target.asked == []


async def test_a_cancelled_run_keeps_what_is_done_and_lets_its_lock_go(lab: Lab) -> None:
    class Slower(Sums):
        async def run(self, case: Case, *, repeat: int) -> Output:
            self.delay_s = 0 if case.id < "case-00010" else 30
            return await super().run(case, repeat=repeat)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lab.run(make_plan(20), Slower(), concurrency=4), 0.3)
    target = Sums()
    await lab.run(make_plan(20), target)
    assert len(target.asked) == 10
    assert len(lab.directories) == 1


async def test_targets_must_match_the_variants(lab: Lab) -> None:
    with pytest.raises(UsageError, match="2 variants with 1 targets"):
        await lab.run(make_plan(5, variants=("a", "b")), Sums())
    with pytest.raises(UsageError, match="concurrency 0"):
        await lab.run(make_plan(5), concurrency=0)


@pytest.mark.parametrize(
    "changes", [{"variants": ()}, {"case_count": 0}, {"repeats": 0}, {"variants": make_plan(1).variants * 2}]
)
def test_a_plan_with_nothing_to_run_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        replace(make_plan(5), **changes)


def test_scorers_decide_the_plan_only_where_the_cases_have_no_digest_of_their_own() -> None:
    one, other = Digest("sha256:" + "01" * 32), Digest("sha256:" + "02" * 32)
    plan = make_plan(5)
    assert replace(plan, evalset_digest=one).plan_digest != replace(plan, evalset_digest=other).plan_digest
    fixed = replace(plan, cases_digest=one)
    assert replace(fixed, evalset_digest=one).plan_digest == replace(fixed, evalset_digest=other).plan_digest
    assert make_plan(5, scorers=(Length(),)).plan_digest == plan.plan_digest


@pytest.mark.parametrize(("cost_usd", "rows_written"), [(0.0, 0), (0.01, 3)])
async def test_scores_that_were_paid_for_are_written_at_once(lab: Lab, cost_usd: float, rows_written: int) -> None:
    written = []

    def judge(_: ScoreInput) -> Score:
        # The first line of the file says what it holds.
        written.append([path.read_bytes().count(b"\n") - 1 for path in lab.runs_dir.glob("*/scores*")])
        return Score(value=1.0, passed=True, cost_usd=cost_usd)

    run = await lab.run(make_plan(4, scorers=(Calls(judge),)), concurrency=1)

    assert written[-1] == [rows_written]
    assert [record.outcome for record in run.records()] == ["passed"] * 4


class Knowing(Sums):
    """Sums that knows the outputs of even cases, and remembers of which cells it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, int]] = []

    def begin(self, cells: Any) -> list[Any]:
        self.told += [(case.id, repeat) for case, repeat in cells]
        return [self._begin(case, repeat) for case, repeat in cells]

    def _begin(self, case: Case, repeat: int) -> Any:
        number = int(case.id[-5:])
        if number % 2:
            return partial(self.run, case, repeat=repeat)
        return Output(text=str(number + 1), provenance="cached", cached_calls=1)


async def test_what_a_target_knows_at_once_is_not_asked_for(lab: Lab) -> None:
    target = Knowing()

    run = await lab.run(make_plan(200, variants=("plain", "knowing"), repeats=2), Sums(), target)

    cells = [(f"case-{number:05d}", repeat) for number in range(200) for repeat in range(2)]
    assert sorted(target.told) == cells
    assert sorted(target.asked) == [cell for cell in cells if int(cell[0][-5:]) % 2]
    assert outcomes(run) == {"passed": 720, "failed": 80, "error": 0, "unscored": 0}
    assert run.summary.variants["knowing"].totals.cached == 200
    assert run.summary.variants["plain"].totals.cached == 0


async def test_a_cell_that_is_paid_for_is_not_begun_again(lab: Lab) -> None:
    def broken(item: ScoreInput) -> Score:
        raise ValueError(item.case.id)

    def end(record: CellRecord) -> None:
        raise RuntimeError(record.key.case_id)

    plan, first, second = make_plan(20, scorers=(Calls(broken),)), Knowing(), Knowing()
    with pytest.raises(RuntimeError, match="case-00000"):
        await lab.run(plan, first, on_cell=end, concurrency=1)

    await lab.run(plan, second)

    assert ("case-00000", 0) in first.told
    assert sorted(second.told) == [(f"case-{number:05d}", 0) for number in range(1, 20)]
