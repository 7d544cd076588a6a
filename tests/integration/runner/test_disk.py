"""Disks that are full or read-only: a StorageError with a hint, nothing torn, and finished cells stay."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from runner_kit import Lab, Sums, make_plan

from promptship.errors import ExitCode, StorageError
from promptship.runner import Run
from promptship.runner._files import AppendFile, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKER = Path(__file__).with_name("worker.py")


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A file system of our own, 256 KiB large."""
    place = tmp_path / "mount"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets us mount nothing")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def test_a_full_disk_ends_the_run_and_keeps_every_finished_cell(mount: Path) -> None:
    lab = Lab(mount / "runs")
    ballast = mount / "ballast"
    ballast.write_bytes(bytes(100 * 1024))
    target = Sums()
    with pytest.raises(StorageError, match="No space left on device") as caught:
        await lab.run(make_plan(2000), target)
    assert caught.value.exit_code == ExitCode.INFRASTRUCTURE
    assert caught.value.hint is not None
    assert "free some space" in caught.value.hint
    for path in lab.directories[0].glob("*.jsonl"):
        lines = path.read_bytes().split(b"\n")
        assert lines.pop() == b""
        assert all(json.loads(line) for line in lines)
    kept = Run.load(lab.directories[0]).summary.overall.totals
    assert 100 < kept.cases < len(target.asked) + 1


async def test_after_making_room_the_same_plan_goes_on(mount: Path) -> None:
    lab = Lab(mount / "runs")
    ballast = mount / "ballast"
    ballast.write_bytes(bytes(200 * 1024))
    with pytest.raises(StorageError):
        await lab.run(make_plan(400), Sums())
    kept = Run.load(lab.directories[0]).summary.overall.totals.cases
    ballast.unlink()
    target = Sums()
    run = await lab.run(make_plan(400), target)
    assert 0 < kept < 400
    assert len(target.asked) == 400 - kept
    assert run.summary.overall.totals.passed == 360


async def test_a_disk_without_room_for_the_manifest_leaves_no_half_run(mount: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (mount / "ballast").write_bytes(bytes(512 * 1024))
    with pytest.raises(StorageError, match="No space left"):
        await Lab(mount / "runs").run(make_plan(5), Sums())
    assert list((mount / "runs").iterdir()) == []


def test_a_read_only_folder_is_refused_before_anything_is_paid(mount: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
    target = Sums()
    with pytest.raises(StorageError, match="Read-only file system") as caught:
        asyncio.run(Lab(mount / "runs").run(make_plan(5), target))
    assert caught.value.hint is not None
    assert "state_dir" in caught.value.hint
    assert target.asked == []


async def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    target = Sums()
    with pytest.raises(StorageError, match="Not a directory") as caught:
        await Lab(tmp_path / "state" / "runs").run(make_plan(5), target)
    assert caught.value.hint == "a file stands where the folder should be; move it away"
    assert target.asked == []


def test_a_limit_on_file_sizes_says_so_and_what_is_done_is_resumed(tmp_path: Path) -> None:
    command = [sys.executable, str(WORKER), str(tmp_path / "runs"), str(tmp_path / "calls.log"), "300", "8", "0.001"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    cut = subprocess.run(command, capture_output=True, check=False, text=True, preexec_fn=limit)
    said = json.loads(cut.stdout)
    assert (cut.returncode, said["error"]) == (3, "StorageError")
    assert "File too large" in said["said"]
    assert "ulimit -f" in said["hint"]
    journal = next(tmp_path.glob("runs/*/journal-1.jsonl")).read_bytes()
    assert journal.endswith(b"\n")
    assert len(journal) <= 20_000
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    totals = json.loads(done.stdout)
    assert (totals["passed"], totals["failed"], totals["requests"]) == (270, 30, 300)


def test_a_short_write_leaves_nothing_of_the_line(mount: Path) -> None:
    file = AppendFile(mount / "lines")
    file.append(b"first\n")
    with pytest.raises(StorageError):
        file.append(b"x" * (512 * 1024) + b"\n")
    assert (mount / "lines").read_bytes() == b"first\n"
    file.append(b"second\n")
    file.close()
    assert (mount / "lines").read_bytes() == b"first\nsecond\n"


def test_a_whole_file_is_the_old_or_the_new_one(mount: Path) -> None:
    write_whole(mount / "manifest.json", b"old")
    with pytest.raises(StorageError, match="No space left"):
        write_whole(mount / "manifest.json", b"x" * (512 * 1024))
    assert (mount / "manifest.json").read_bytes() == b"old"
    assert [path.name for path in mount.iterdir()] == ["manifest.json"]


def test_an_append_file_is_nobody_elses(tmp_path: Path) -> None:
    (tmp_path / "journal-1.jsonl").write_text("theirs\n")
    with pytest.raises(StorageError, match="File exists"):
        AppendFile(tmp_path / "journal-1.jsonl")
    assert (tmp_path / "journal-1.jsonl").read_text() == "theirs\n"
