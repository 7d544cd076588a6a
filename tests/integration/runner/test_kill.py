"""Kills, Ctrl-C and two processes at once: nothing that was finished is paid twice, nothing is lost."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from promptship.runner import Run, list_runs

if TYPE_CHECKING:
    from promptship.domain import Totals

WORKER = Path(__file__).with_name("worker.py")
CASES, CONCURRENCY = 120, 16


def start(folder: Path, *, log: str = "calls.log", cases: int = CASES, delay_s: float = 0.05) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKER), str(folder / "runs"), str(folder / log), str(cases), str(CONCURRENCY)]
    return subprocess.Popen(
        [*command, str(delay_s)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> Any:
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    return json.loads(out) if out.startswith("{") else out


def calls(folder: Path, what: str, log: str = "calls.log") -> Counter[str]:
    path = folder / log
    lines = path.read_text().splitlines() if path.exists() else []
    return Counter(line.removeprefix(f"{what} ") for line in lines if line.startswith(f"{what} "))


def wait_for_calls(folder: Path, number: int, what: str = "end") -> None:
    deadline = time.monotonic() + 30
    while calls(folder, what).total() < number:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def journaled(folder: Path) -> set[str]:
    """Cases with an output on the disk, read without the code under test."""
    found = set()
    names: dict[int, str] = {}
    for path in folder.glob("runs/*/journal-*.jsonl"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            if "c" in row:
                names[row["k"][0]] = row["c"]["id"]
            if "o" in row:
                found.add(names[row["k"][0]])
    return found


def undisturbed_totals(cases: int = CASES) -> dict[str, Any]:
    wrong = cases // 10
    return {"cases": cases, "passed": cases - wrong, "failed": wrong, "error": 0, "unscored": 0, "requests": cases}


@pytest.mark.parametrize("seed", range(5))
def test_after_kill_9_resume_pays_again_only_for_what_was_in_flight(tmp_path: Path, seed: int) -> None:
    when = random.Random(seed)  # noqa: S311 - a moment, no secret
    for _ in range(2):
        process = start(tmp_path)
        wait_for_calls(tmp_path, calls(tmp_path, "end").total() + when.randrange(1, CASES // 3))
        time.sleep(when.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before = calls(tmp_path, "start")
        done = journaled(tmp_path)
        in_flight = before.keys() - done
        assert len(in_flight) <= CONCURRENCY
    totals = finish(start(tmp_path))
    after = calls(tmp_path, "start")
    assert [name for name in done if after[name] != before[name]] == []
    assert after.total() - CASES <= 2 * CONCURRENCY
    assert {key: totals[key] for key in undisturbed_totals()} == undisturbed_totals()
    assert totals["cost_usd"] == pytest.approx(0.001 * CASES, abs=1e-12)
    (manifest,) = list_runs(tmp_path / "runs")
    records = list(Run.load(tmp_path / "runs" / manifest.run_id).records())
    assert Counter(record.outcome for record in records) == {"passed": totals["passed"], "failed": totals["failed"]}
    assert {record.key.case_id for record in records} == set(after)


def test_ctrl_c_lets_calls_in_flight_finish_and_exits_130(tmp_path: Path) -> None:
    process = start(tmp_path, delay_s=0.2)
    wait_for_calls(tmp_path, 20)
    process.send_signal(signal.SIGINT)
    assert finish(process, 130) == "interrupted\n"
    assert calls(tmp_path, "start") == calls(tmp_path, "end")
    assert journaled(tmp_path) == calls(tmp_path, "end").keys()
    assert calls(tmp_path, "start").total() < CASES
    totals = finish(start(tmp_path))
    assert calls(tmp_path, "start").total() == CASES
    assert {key: totals[key] for key in undisturbed_totals()} == undisturbed_totals()


def test_a_second_ctrl_c_leaves_at_once_and_keeps_what_is_done(tmp_path: Path) -> None:
    process = start(tmp_path, delay_s=60)
    wait_for_calls(tmp_path, CONCURRENCY, "start")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    assert finish(process, 130) == "interrupted\n"
    assert time.monotonic() - started < 3
    assert finish(start(tmp_path, delay_s=0.01))["passed"] == undisturbed_totals()["passed"]


def test_two_processes_never_work_on_one_run(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for_calls(tmp_path, 40)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = len(journaled(tmp_path))
    pair = [start(tmp_path, log=f"calls-{number}.log") for number in (1, 2)]
    reports = [finish(one) for one in pair]
    assert reports[0]["run_id"] != reports[1]["run_id"]
    made = sorted(calls(tmp_path, "start", f"calls-{number}.log").total() for number in (1, 2))
    assert made == [CASES - before, CASES]
    for report in reports:
        assert {key: report[key] for key in undisturbed_totals()} == undisturbed_totals()


def test_totals_are_those_of_the_rows_also_of_a_killed_run(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for_calls(tmp_path, 50)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (manifest,) = list_runs(tmp_path / "runs")
    run = Run.load(tmp_path / "runs" / manifest.run_id)
    assert manifest.finished is None
    totals: Totals = run.summary.overall.totals
    counted = Counter(record.outcome for record in run.records())
    assert (totals.passed, totals.failed, totals.unscored) == (
        counted["passed"],
        counted["failed"],
        counted["unscored"],
    )
    assert totals.cases == len(journaled(tmp_path))
    assert totals.wall_s > 0
