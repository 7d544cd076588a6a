"""Disks that are full or read-only, runs that are killed, and commands that run side by side."""

import json
import shutil
import subprocess
import sys
import time

import pytest

CASES = 300
ANSWER = 2000


@pytest.fixture
def long(cli):
    """The sample project with cases whose answers fill a small disk."""
    rows = [{"id": f"c{n}", "inputs": {"text": f"{n} " + "x" * ANSWER}, "expected": f"{n} x"} for n in range(CASES)]
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    cli.write("prompts/models.yaml", "default: {model: 'fake/echo?latency_s=0.01', limits: {concurrency: 16}}\n")
    return cli


@pytest.fixture
def mount(cli):
    """Mounts something on a folder of the project; skips where this machine lets us mount nothing."""
    mounted = []

    def do(folder, *options):
        folder.mkdir(exist_ok=True)
        if shutil.which("mount") is None:
            pytest.skip("there is no mount(8)")
        done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"this machine lets us mount nothing: {done.stderr.strip()}")
        if folder not in mounted:
            mounted.append(folder)

    yield do
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def rows_of(cli):
    return sum(path.read_bytes().count(b"\n") for path in cli.folder.glob(".promptship/runs/*/journal-*.jsonl"))


def test_a_full_disk_ends_the_run_and_after_making_room_the_same_command_goes_on(long, mount):
    state = long.folder / ".promptship"
    mount(state, "-t", "tmpfs", "-o", "size=400k", "tmpfs")
    done = long("eval", "echo", code=3)
    assert "No space left on device" in done.stderr
    assert "hint:" in done.stderr
    kept = rows_of(long)
    assert 0 < kept < CASES
    mount(state, "-o", "remount,size=32m")
    found = long.json("eval", "echo")
    assert (found["totals"]["cases"], found["totals"]["passed"]) == (CASES, CASES)
    assert found["totals"]["requests"] <= CASES
    assert len(list((state / "runs").iterdir())) == 1


def test_a_read_only_project_is_refused_before_anything_is_paid(long, mount, tmp_path_factory):
    state = long.folder / ".promptship"
    mount(state, "-t", "tmpfs", "-o", "ro", "tmpfs")
    for arguments in ([], ["--no-cache"]):
        done = long("eval", "echo", *arguments, code=3)
        assert "read-only" in done.stderr.lower()
        assert str(state) in done.stderr
        assert "hint:" in done.stderr
    assert "echo" in long("eval", "echo", "--dry-run", "--no-cache").stdout
    assert long("run", "echo", "-i", "text=x", "--no-cache").stdout == "x\n"
    elsewhere = tmp_path_factory.mktemp("state")
    assert long.json("eval", "echo", env={"PROMPTSHIP_STATE_DIR": str(elsewhere)})["verdict"] == "pass"
    assert len(list((elsewhere / "runs").iterdir())) == 1


def test_a_report_that_cannot_be_written_is_named(cli, mount):
    place = cli.folder / "out"
    mount(place, "-t", "tmpfs", "-o", "ro", "tmpfs")
    done = cli("eval", "echo", "--report", "html", "--output", "out/report.html", code=3)
    assert "out/report.html" in done.stderr
    assert cli.json("runs", "show", "last")["verdict"] == "pass"
    assert "out/x.csv" in cli("runs", "export", "last", "-o", "out/x.csv", code=3).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are a POSIX matter")
def test_a_limit_on_file_sizes_keeps_what_is_done(long):
    program = (
        "import os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)\n"
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    done = long.through(program, 200_000, "eval", "echo", "--no-cache", code=3)
    assert "File too large" in done.stderr
    kept = rows_of(long)
    assert 0 < kept < CASES
    found = long.json("eval", "echo", "--no-cache")
    assert (found["totals"]["passed"], found["totals"]["requests"]) == (CASES, CASES)


def test_two_evals_of_one_plan_at_once_both_end_whole(long):
    both = [long.start("eval", "echo", "--json") for _ in range(2)]
    ended = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], [stderr for _, stderr in ended]
    found = [json.loads(stdout) for stdout, _ in ended]
    assert [run["totals"]["passed"] for run in found] == [CASES, CASES]
    assert len({run["run_id"] for run in found}) == 2


def test_a_killed_run_is_scored_by_other_scorers_without_paying_again(long):
    process = long.start("eval", "echo", "--concurrency", "4", "--no-cache")
    try:
        while rows_of(long) < 40:
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
    kept = rows_of(long)
    assert 40 <= kept < CASES
    long.write(
        "evalsets/echo.yaml",
        "prompt: echo\nscorers: [{type: contains, value: xxx}]\ngates: [observed(pass_rate) >= 1]\ncases: echo.jsonl\n",
    )
    found = long.json("eval", "echo", "--no-cache", "--cases")
    assert (found["totals"]["cases"], found["totals"]["passed"]) == (CASES, CASES)
    assert "contains" in found["metrics"]
    assert "icontains" not in found["metrics"]
    # Every cell was paid for once, but for the four in flight; had all been asked anew, there would be `kept` more.
    assert CASES <= rows_of(long) <= CASES + 4 < CASES + kept
    assert len(list(long.folder.glob(".promptship/runs/*/manifest.json"))) == 1
    assert len({case["id"] for case in found["cases"]}) == CASES
