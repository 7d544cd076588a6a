"""Under xdist one worker executes for all: full concurrency, each cell once, one verdict."""

import re
import signal
import time
from pathlib import Path

import pytest

import promptship

pytest_plugins = ["pytester"]


def cases(count, wait_s=0.02):
    return [
        {"id": f"c{n:03}", "inputs": {"text": f"t{n}", "wait_s": wait_s}, "expected": "t" if n % 10 else "never"}
        for n in range(count)
    ]


@pytest.fixture
def meetings(tmp_path):
    """Environment whose temporary folder is watched: nothing of ours may stay in it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    yield {"TMPDIR": str(folder)}
    assert [path for path in folder.iterdir() if path.name.startswith("promptship-")] == []


@pytest.mark.parametrize(
    "dist",
    ["load", pytest.param("worksteal", marks=pytest.mark.slow), pytest.param("loadfile", marks=pytest.mark.slow)],
)
def test_each_cell_is_paid_once_and_the_verdict_is_given_once(project, meetings, dist):
    project.evalset(cases=cases(60), gates=["observed(pass_rate) >= 0.8"])
    code, out = project.run_apart("evalsets", "-n", "2", "--dist", dist, env=meetings)
    assert code == 0, out
    assert re.search(r"55 passed, 6 xfailed", out), out
    assert len(project.calls) == len(set(project.calls)) == 60
    (run,) = map(promptship.Run.load, project.runs)
    assert run.manifest.complete
    assert out.count("evalsets/echo.yaml: 54 passed, 6 failed") == 1
    assert out.count("promptctl runs open") == 1


@pytest.mark.slow
def test_a_failing_gate_fails_the_session(project, meetings):
    project.evalset(cases=cases(20), gates=["observed(pass_rate) >= 0.95"])
    code, out = project.run_apart("evalsets", "-n", "2", env=meetings)
    assert code == 1, out
    assert "observed(pass_rate) >= 0.95: fail: 0.9" in out


@pytest.mark.slow
def test_deselected_cells_are_not_paid(project, meetings):
    project.evalset(cases=cases(20), gates=["observed(pass_rate) >= 0.5"])
    code, out = project.run_apart("evalsets", "-n", "2", "-k", "c00 or gate", "-rs", env=meetings)
    assert code == 0, out
    assert "10 of 20 are selected" in out
    assert len(project.calls) == 10


@pytest.mark.slow
def test_several_evalsets_and_python_tests_share_the_workers(project, meetings):
    for name in ("a", "b", "c"):
        project.evalset(name, cases=cases(10), gates=["observed(pass_rate) >= 0.5"])
    project.write("test_plain.py", "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_plain(n): pass\n")
    code, out = project.run_apart("evalsets", "test_plain.py", "-n", "3", env=meetings)
    assert code == 0, out
    assert "50 passed, 3 xfailed" in out
    assert len(project.calls) == 30
    assert len(project.runs) == 3


def test_collecting_pays_for_nothing(project, meetings):
    project.evalset(cases=cases(5))
    project.run_apart("evalsets", "-n", "2", "--collect-only", env=meetings)
    assert project.calls == []


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["holder", "another"])
def test_the_others_finish_what_a_killed_worker_has_begun(project, meetings, killed):
    project.evalset(cases=cases(50, wait_s=0.3), gates=["observed(pass_rate) >= 0.8"])
    worker = "gw0" if killed == "holder" else "gw1"
    # The lease goes to whoever runs a test first, so the other one comes later.
    project.write(
        "conftest.py",
        f"""
import os, pytest, signal, threading, time

@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker == "gw1":
        time.sleep(0.5)
    if worker == "{worker}":
        threading.Timer(1.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
""",
    )
    code, out = project.run_apart("evalsets", "-n", "2", "--promptship-concurrency", "4", env=meetings)
    assert "crashed" in out, out
    # One item fails, the one that the worker was at; its cell and all others have been evaluated.
    assert code == 1, out
    assert set(project.calls) == {f"t{n}" for n in range(50)}
    assert len(project.calls) <= 50 + 4
    (run,) = map(promptship.Run.load, project.runs)
    assert run.summary.overall.totals.passed == 45
    assert len(list(run.directory.glob("journal-*"))) == (2 if killed == "holder" else 1)


@pytest.mark.slow
def test_exitfirst_ends_the_execution_too(project, meetings):
    many = cases(300, wait_s=0.05)
    project.evalset(cases=many)
    options = ("-n", "2", "-x", "--promptship-concurrency", "2", "-p", "no:randomly")
    code, out = project.run_apart("evalsets", *options, env=meetings)
    assert code in {1, 2}, out
    # The worker that does not fail would wait for cells that come late; in random order they fail late too.
    assert len(project.calls) < 150
    assert "crashed" not in out


@pytest.mark.slow
def test_an_interrupted_session_ends_soon_and_keeps_what_is_done(project, meetings):
    project.evalset(cases=cases(400, wait_s=0.05))
    process = project.start("evalsets", "-n", "2", "--promptship-concurrency", "2", env=meetings)
    deadline = time.monotonic() + 60
    while len(project.calls) < 10:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2, out
    assert time.monotonic() - began < 30
    paid = len(project.calls)
    assert paid < 400
    (run,) = map(promptship.Run.load, project.runs)
    assert run.manifest.finished is None
    assert run.summary.overall.totals.cases >= paid - 4


@pytest.mark.slow
def test_a_plain_session_that_is_interrupted_keeps_what_is_done(project):
    project.evalset(cases=cases(400, wait_s=0.05))
    process = project.start("evalsets", "--promptship-concurrency", "2")
    deadline = time.monotonic() + 60
    while len(project.calls) < 10:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2, out
    (run,) = map(promptship.Run.load, project.runs)
    assert run.summary.overall.totals.cases >= len(project.calls) - 2
    assert "not finished" in out


@pytest.mark.slow
def test_the_meeting_place_is_private(project, meetings):
    project.evalset(cases=cases(6, wait_s=0.3))
    process = project.start("evalsets", "-n", "2", "--promptship-concurrency", "1", env=meetings)
    found = []
    deadline = time.monotonic() + 60
    while not found and process.poll() is None and time.monotonic() < deadline:
        found = [path.stat().st_mode & 0o777 for path in Path(meetings["TMPDIR"]).glob("promptship-*")]
        time.sleep(0.02)
    process.communicate(timeout=60)
    assert found
    assert set(found) == {0o700}
