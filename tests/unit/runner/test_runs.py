"""Runs on the disk: load, list, find, remove, and what damage does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from runner_kit import Lab, Sums, make_case, make_plan

from promptship.domain import GateVerdict, Verdict
from promptship.errors import BudgetExceededError, ReferenceNotFoundError, StorageError, UsageError
from promptship.runner import Run, find_run, list_damaged_runs, list_runs, load_verdict, remove_run
from promptship.runner._lock import RunLock

if TYPE_CHECKING:
    from pathlib import Path

VERDICT = Verdict(
    finding="fail",
    outcome="fail",
    gates=(GateVerdict(gate="pass_rate >= 0.9", finding="fail", outcome="fail", value=0.5, n=10),),
    reason="1 of 1 gates failed",
)


async def three_runs(lab: Lab) -> list[Run]:
    """Make runs a minute apart, oldest first."""
    start = datetime(2026, 11, 23, 9, 45, 10, tzinfo=UTC)
    return [
        await lab.run(make_plan(3, repeats=number), clock=lambda: start + timedelta(minutes=number))  # noqa: B023
        for number in (1, 2, 3)
    ]


async def test_a_loaded_run_equals_the_one_that_was_executed(lab: Lab) -> None:
    run = await lab.run(make_plan(12), git_commit="abc+dirty")
    loaded = Run.load(run.directory)
    assert loaded.manifest == run.manifest
    assert loaded.summary == run.summary
    assert list(loaded.records()) == list(run.records())
    assert loaded.manifest.git_commit == "abc+dirty"
    assert loaded.manifest.required == ("equals",)


async def test_the_files_of_a_run_are_those_the_documentation_names(lab: Lab) -> None:
    run = await lab.run(make_plan(3))
    digest = run.manifest.scoring_digest.removeprefix("sha256:")[:12]
    names = {path.name for path in run.directory.iterdir()}
    assert names == {"manifest.json", "journal-1.jsonl", f"scores-{digest}-1.jsonl", "lock"}
    assert run.directory.name == run.manifest.run_id
    assert json.loads((run.directory / "manifest.json").read_text())["cells"] == 3


async def test_a_verdict_is_stored_beside_its_run(lab: Lab) -> None:
    run = await lab.run(make_plan(3))
    assert run.verdict is None
    run.save_verdict(VERDICT)
    assert Run.load(run.directory).verdict == VERDICT
    assert load_verdict(run.directory) == VERDICT


async def test_runs_are_listed_newest_first_and_found_by_id_prefix_or_last(lab: Lab) -> None:
    runs = await three_runs(lab)
    ids = [run.manifest.run_id for run in runs]
    assert [row.run_id for row in list_runs(lab.runs_dir)] == ids[::-1]
    assert find_run(lab.runs_dir, "last").manifest == runs[-1].manifest
    assert find_run(lab.runs_dir, ids[0]).manifest == runs[0].manifest
    assert find_run(lab.runs_dir, ids[1][:13]).manifest == runs[1].manifest
    with pytest.raises(ReferenceNotFoundError, match="'2026' is the beginning of 3 runs"):
        find_run(lab.runs_dir, "2026")
    with pytest.raises(ReferenceNotFoundError, match="there is no run 'x'"):
        find_run(lab.runs_dir, "x")
    with pytest.raises(ReferenceNotFoundError, match="there is no run ''"):
        find_run(lab.runs_dir, "")


async def test_runs_of_one_second_are_told_apart(lab: Lab) -> None:
    now = datetime(2026, 11, 23, 9, 45, 10, tzinfo=UTC)
    made = [
        (await lab.run(make_plan(2), clock=lambda: now + timedelta(milliseconds=n))).manifest.run_id  # noqa: B023
        for n in range(8)
    ]
    assert [row.run_id for row in list_runs(lab.runs_dir)] == made[::-1]


def test_a_project_without_runs_has_none(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "runs") == []
    with pytest.raises(ReferenceNotFoundError, match="there is no run yet"):
        find_run(tmp_path / "runs", "last")


@pytest.mark.parametrize("name", ["..", "../runs", "/etc", "*", "20261123-094510-3fa2c1/.."])
def test_a_name_that_is_no_run_id_reaches_no_other_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(ReferenceNotFoundError):
        remove_run(tmp_path / "runs", name)
    assert (tmp_path / "runs").exists()


async def test_a_removed_run_is_gone(lab: Lab) -> None:
    runs = await three_runs(lab)
    assert remove_run(lab.runs_dir, runs[1].manifest.run_id) == runs[1].manifest.run_id
    assert remove_run(lab.runs_dir, "last") == runs[2].manifest.run_id
    assert [row.run_id for row in list_runs(lab.runs_dir)] == [runs[0].manifest.run_id]


async def test_a_run_that_is_worked_on_is_not_removed(lab: Lab) -> None:
    run = await lab.run(make_plan(2))
    lock = RunLock.try_acquire(run.directory)
    assert lock is not None
    with pytest.raises(UsageError, match="is being worked on"):
        remove_run(lab.runs_dir, "last")
    lock.release()
    remove_run(lab.runs_dir, "last")
    assert lab.directories == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[]", "holds no object"),
        (b"{}", "'run_id' is missing"),
        (b'{"format": 99}', "has format 99; this version of Promptship reads up to 1"),
        (None, "cannot read"),
    ],
)
async def test_a_damaged_run_does_not_break_the_list_and_can_be_removed(
    lab: Lab, content: bytes | None, said: str
) -> None:
    runs = await three_runs(lab)
    broken = runs[1].directory / "manifest.json"
    broken.unlink()
    if content is not None:
        broken.write_bytes(content)
    assert [row.run_id for row in list_runs(lab.runs_dir)] == [runs[2].manifest.run_id, runs[0].manifest.run_id]
    (damaged,) = list_damaged_runs(lab.runs_dir)
    assert damaged.run_id == runs[1].manifest.run_id
    assert said in damaged.reason
    with pytest.raises(StorageError, match=said):
        find_run(lab.runs_dir, runs[1].manifest.run_id)
    remove_run(lab.runs_dir, runs[1].manifest.run_id)
    assert list_damaged_runs(lab.runs_dir) == []


async def test_a_manifest_with_a_variant_of_a_newer_shape_is_refused(lab: Lab) -> None:
    run = await lab.run(make_plan(2))
    path = run.directory / "manifest.json"
    row = json.loads(path.read_text())
    row["variants"][0]["surprise"] = 1
    path.write_text(json.dumps(row))
    with pytest.raises(StorageError, match="surprise"):
        Run.load(run.directory)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:3] + lines[4:], "1 rows are missing"),
        (lambda lines: [*lines[:3], b"\0\0\0\0\n", *lines[4:]], r"journal-1.jsonl:4 cannot be read"),
        (lambda lines: [*lines[:3], b'{"k":[0,0,0],"w":1}\n', *lines[4:]], r"journal-1.jsonl:4 cannot be read"),
        (lambda lines: [*lines[:9], b'{"k":[99,0,0],"w":1,"o":{"t":"","l":0}}\n'], r"jsonl:10 cannot be read"),
        (lambda lines: [*lines[:9], b'{"k":"no","w":1}\n'], r"jsonl:10 cannot be read"),
    ],
)
async def test_a_finished_run_with_a_bad_row_is_refused_and_never_counted_short(
    lab: Lab, change: object, said: str
) -> None:
    run = await lab.run(make_plan(10), concurrency=1)
    path = run.directory / "journal-1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))  # type: ignore[operator]
    with pytest.raises(StorageError, match=said):
        _ = Run.load(run.directory).summary
    with pytest.raises(StorageError, match=said):
        list(Run.load(run.directory).records())


async def test_a_finished_run_with_a_lost_score_is_refused(lab: Lab) -> None:
    run = await lab.run(make_plan(10), concurrency=1)
    (path,) = run.directory.glob("scores-*.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(StorageError, match="1 rows are missing"):
        _ = Run.load(run.directory).summary


async def test_a_bad_row_of_an_unfinished_run_is_asked_for_again(lab: Lab) -> None:
    class Stopping(Sums):
        async def run(self, case, *, repeat):  # type: ignore[no-untyped-def]
            if len(self.asked) == 8:
                raise BudgetExceededError("stop")
            return await super().run(case, repeat=repeat)

    with pytest.raises(BudgetExceededError):
        await lab.run(make_plan(20), Stopping(), concurrency=1)
    journal = lab.directories[0] / "journal-1.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:3], b"\0" * 20 + b"\n", *lines[4:]]))
    target = Sums()
    run = await lab.run(make_plan(20), target)
    assert sorted(case_id for case_id, _ in target.asked) == [make_case(n).id for n in (3, *range(8, 20))]
    assert run.summary.overall.totals.requests == 20
    assert len(list(run.records())) == 20
