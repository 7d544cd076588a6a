"""Concurrency that is really held, and what a case costs in memory and on the disk."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

from runner_kit import Equals, Lab, Length, Sums, make_plan

from promptship.runner import run_blocking

KIT = Path(__file__).parents[2] / "unit" / "runner"
LATENCY_S = 0.2
ROUNDS = 8


def test_256_cells_are_in_flight_at_once(lab: Lab) -> None:
    # Wall time at 256 is benchmarks/harness.py's business: there the processor is the limit on a small machine.
    target = Sums(delay_s=LATENCY_S)
    run_blocking(lambda: lab.run(make_plan(2 * 256), target, concurrency=256))
    assert target.most_at_once == 256


def test_the_wall_time_of_64_in_flight_is_within_10_percent_of_ideal(lab: Lab) -> None:
    in_flight = 64
    over: list[float] = []
    # Where other processes take the processor even bare sleeps end late; those are the ideal then.
    while len(over) < 3 and min(over, default=99.0) > 1.1:
        ideal_s = max(ROUNDS * LATENCY_S, _bare_sleeps_s(in_flight))
        target = Sums(delay_s=LATENCY_S)
        plan = make_plan(ROUNDS * in_flight)
        run = run_blocking(lambda: lab.run(plan, target, concurrency=in_flight))  # noqa: B023 - called at once
        over.append(run.summary.overall.totals.wall_s / ideal_s)
        assert target.most_at_once == in_flight
    assert min(over) <= 1.1


def _bare_sleeps_s(in_flight: int) -> float:
    """Seconds that the same sleeps take with nothing around them, now on this machine."""

    async def sleep() -> None:
        for _ in range(ROUNDS):
            await asyncio.sleep(LATENCY_S)

    async def everyone() -> None:
        await asyncio.gather(*(sleep() for _ in range(in_flight)))

    started = time.perf_counter()
    run_blocking(everyone)
    return time.perf_counter() - started


def test_memory_grows_by_less_than_3_kb_a_case_up_to_20_000() -> None:
    small, large = _peak_kb(1_000), _peak_kb(20_000)
    assert (large - small) / 19_000 < 3


def _peak_kb(cases: int) -> float:
    code = f"""
import json, resource, sys, tempfile
from pathlib import Path
sys.path.insert(0, {str(KIT)!r})
from runner_kit import Lab, Sums, make_plan
from promptship.runner import run_blocking

class Forgetful(Sums):
    async def run(self, case, *, repeat):
        self.asked.clear()
        return await super().run(case, repeat=repeat)

with tempfile.TemporaryDirectory() as folder:
    run = run_blocking(lambda: Lab(Path(folder)).run(make_plan({cases}), Forgetful(), concurrency=64))
    assert run.summary.overall.totals.passed == {cases - cases // 10}
    assert sum(1 for _ in run.records()) == {cases}
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(json.loads(found.stdout))


async def test_a_case_takes_less_than_450_bytes_beyond_its_answer(lab: Lab) -> None:
    scorers = (Equals(), Equals("same"), Equals("alike"), Length())
    run = await lab.run(make_plan(1000, scorers=scorers), concurrency=64)
    answers = sum(len(record.output.text) for record in run.records() if record.output)
    written = sum(path.stat().st_size for path in run.directory.iterdir())
    assert (written - answers) / 1000 < 450
