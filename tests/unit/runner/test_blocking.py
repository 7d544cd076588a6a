"""Running a coroutine from blocking code, with and without Ctrl-C."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from runner_kit import Lab, Sums, make_plan

from promptship.domain import Output
from promptship.errors import UsageError
from promptship.runner import Run, StopSignal, run_blocking
from promptship.runner._threads import DaemonThreads

if TYPE_CHECKING:
    from promptship.domain import Case


def press_ctrl_c(*after_s: float) -> None:
    """Send this process SIGINT after so many seconds, as a terminal does."""
    for delay_s in after_s:
        threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGINT)).start()


def test_the_result_comes_back(lab: Lab) -> None:
    run = run_blocking(lambda: lab.run(make_plan(5)))
    assert run.summary.overall.totals.passed == 5


def test_an_error_comes_back_as_itself() -> None:
    async def fail() -> None:
        raise UsageError("no such evalset", hint="look again")

    with pytest.raises(UsageError, match="no such evalset") as caught:
        run_blocking(fail)
    assert caught.value.hint == "look again"


def test_it_runs_on_uvloop_where_that_is_installed() -> None:
    async def name() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run_blocking(name).startswith("uvloop")


def test_context_variables_of_the_caller_are_seen() -> None:
    tenant = contextvars.ContextVar("tenant", default="nobody")
    tenant.set("nordwind")

    async def read() -> str:
        return tenant.get()

    assert run_blocking(read) == "nordwind"


def test_it_works_in_a_thread_that_gets_no_signals(lab: Lab) -> None:
    found: list[Run] = []
    thread = threading.Thread(target=lambda: found.append(run_blocking(lambda: lab.run(make_plan(5)))))
    thread.start()
    thread.join(timeout=10)
    assert found[0].summary.overall.totals.passed == 5


def test_ctrl_c_stops_an_attended_run_and_keeps_what_is_done(lab: Lab) -> None:
    stop = StopSignal()
    target = Sums(delay_s=0.2)
    press_ctrl_c(0.3)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run_blocking(lambda: lab.run(make_plan(100), target, stop=stop, concurrency=4), stop=stop)
    assert signal.getsignal(signal.SIGINT) is before
    kept = Run.load(lab.directories[0]).summary.overall.totals
    assert kept.requests == len(target.asked) == 8


def test_a_second_ctrl_c_drops_calls_in_flight(lab: Lab) -> None:
    stop = StopSignal()
    press_ctrl_c(0.2, 0.4)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_blocking(lambda: lab.run(make_plan(9), Sums(delay_s=60), stop=stop), stop=stop)
    assert time.monotonic() - started < 4


def test_ctrl_c_cancels_what_heeds_no_signal() -> None:
    closed: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            closed.append("closed")

    press_ctrl_c(0.1)
    with pytest.raises(KeyboardInterrupt):
        run_blocking(work)
    assert closed == ["closed"]


def test_ctrl_c_after_the_last_cell_does_not_throw_the_result_away(lab: Lab) -> None:
    stop = StopSignal()

    async def work() -> Run:
        run = await lab.run(make_plan(5), stop=stop)
        stop.request()
        return run

    assert run_blocking(work, stop=stop).manifest.finished is not None


def test_a_third_ctrl_c_leaves_a_callable_that_hangs_and_the_process_ends() -> None:
    code = """
import asyncio, sys, time
from promptship.runner import StopSignal, run_blocking

async def work():
    sys.stdout.write("up\\n")
    sys.stdout.flush()
    while True:
        try:
            await asyncio.to_thread(time.sleep, 3600)
        except asyncio.CancelledError:
            pass

try:
    run_blocking(work, stop=StopSignal())
except KeyboardInterrupt:
    sys.exit(130)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    assert process.wait(timeout=10) == 130
    process.stdout.close()


def test_blocking_targets_run_side_by_side(lab: Lab) -> None:
    class Blocking:
        async def run(self, case: Case, *, repeat: int) -> Output:
            return await asyncio.to_thread(self._answer, case)

        def _answer(self, case: Case) -> Output:
            time.sleep(0.2)
            return Output(text=str(case.expected))

    started = time.monotonic()
    run = run_blocking(lambda: lab.run(make_plan(128), Blocking(), concurrency=64))
    assert time.monotonic() - started < 2
    assert run.summary.overall.totals.passed == 128


def test_daemon_threads_reuse_idle_threads_and_grow_to_their_limit() -> None:
    before = set(threading.enumerate())
    pool = DaemonThreads(4)
    names: list[Any] = [pool.submit(lambda: threading.current_thread().name).result() for _ in range(20)]
    assert len(set(names)) <= 2
    barrier = threading.Barrier(4, timeout=5)
    assert len([future.result(5) for future in [pool.submit(barrier.wait) for _ in range(4)]]) == 4
    waiting = [pool.submit(time.sleep, 0.01) for _ in range(20)]
    assert [future.result(5) for future in waiting] == [None] * 20
    assert len(set(threading.enumerate()) - before) <= 4
    pool.shutdown()


def test_daemon_threads_hand_on_what_a_call_raises() -> None:
    pool = DaemonThreads(1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(5)
    assert pool.submit(int, "7").result(5) == 7
    pool.shutdown()
