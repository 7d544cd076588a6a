"""The run directory that this process works on: lock, journal, scores, and the manifest that is finished at the end."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from promptship.domain import CellError
from promptship.errors import StorageError
from promptship.runner._codec import dump_row, encode_case, encode_error, encode_output, encode_scores
from promptship.runner._columns import Columns
from promptship.runner._files import AppendFile, storage_errors
from promptship.runner._index import journal_path, load_index, next_attempt, scores_path
from promptship.runner._lock import RunLock
from promptship.runner._manifest import load_manifest, new_manifest, new_run_id, save_manifest
from promptship.runner._runs import list_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from promptship.domain import Case, CaseOutcome, JudgeCalls, Output, RunManifest, Score
    from promptship.runner._plan import RunPlan

__all__ = ["RunWriter", "open_writer"]

_SCORES_PER_WRITE = 32


class RunWriter:
    """Appends rows to a run that this process alone works on.

    Attributes:
        directory: The run's folder.
        manifest: What the run is of.
        index: What earlier attempts have left there.
        columns: The figures of all rows, those of earlier attempts and each new one once it is written.
        wall_s: Seconds that all attempts together have taken; this one is counted by `finish`.
    """

    def __init__(self, directory: Path, manifest: RunManifest, *, started: float) -> None:
        self.directory = directory
        self.manifest = manifest
        self.columns = Columns.of_run(manifest)
        self.index = index = load_index(directory, manifest, self.columns)
        self.wall_s = index.wall_s
        self._started = started
        self._stored_cases = bytearray(index.cells // index.per_case)
        for case in range(len(self._stored_cases)):
            self._stored_cases[case] = index.knows_case(case)
        attempt = next_attempt(directory)
        self._journal = AppendFile(journal_path(directory, attempt))
        self._scores = AppendFile(scores_path(directory, manifest.scoring_digest, attempt))
        self._scores.append(dump_row({"names": manifest.scorers, "scoring": manifest.scoring_digest}))
        self._held: list[bytes] = []

    def append_output(
        self, cell: tuple[int, int, int], case: Case, *, output: Output | None, error: CellError | None
    ) -> CellError | None:
        """Append what came out of a cell. It counts from then on.

        Args:
            cell: Place of the case in the plan, variant, repeat.
            case: The case.
            output: What the target produced; None with an error.
            error: Why there is no output.

        Returns:
            The error, also where the output cannot be stored as JSON; None for an output.

        Raises:
            StorageError: It could not be written; nothing of it is left.
        """
        number, variant, repeat = cell
        row: dict[str, Any] = {"k": cell, "w": self._elapsed_ms()}
        # The case stands in the same write as its first row, so a kill cannot part them.
        if not self._stored_cases[number]:
            row["c"] = encode_case(case)
        line, error = _dump_output(row, output, error)
        self._journal.append(line)
        self._stored_cases[number] = 1
        self.columns.put_row(self.index.position(number, variant, repeat), row)
        return error

    def append_scores(
        self,
        cell: tuple[int, int, int],
        outcome: CaseOutcome,
        scores: Mapping[str, Score],
        error: CellError | None,
        calls: JudgeCalls | None = None,
    ) -> None:
        """Append what the scorers say of a cell's output; what was paid for at once, all else some rows at a time.

        Raises:
            StorageError: It could not be written; nothing of it is left.
        """
        names = self.manifest.scorers
        row = encode_scores(outcome, scores, names, error, calls)
        row["k"] = cell
        self._held.append(dump_row(row))
        # The output is on the disk: after a kill these rows are made anew from it.
        if len(self._held) >= _SCORES_PER_WRITE or any(score.cost_usd for score in scores.values()):
            self.flush()
        self.columns.put_scores(self.index.position(*cell), row, names)

    def _elapsed_ms(self) -> int:
        return int((time.perf_counter() - self._started) * 1000)

    def check_case(self, number: int, case: Case) -> None:
        """Refuse to mix two evalsets in one run.

        Raises:
            StorageError: An earlier attempt had another case at this place of the plan.
        """
        if self.index.knows_case(number) and not self.index.is_case(number, case.id):
            run_id = self.manifest.run_id
            raise StorageError(
                f"run {run_id} cannot be resumed: its case number {number + 1} is not {case.id!r}",
                hint=f"start anew with --no-resume, or delete it with: promptctl runs rm {run_id}",
            )

    def flush(self) -> None:
        """Write the scores that are held back; called where `append_scores` is.

        Raises:
            StorageError: They could not be written; nothing of them is left.
        """
        held, self._held = self._held, []
        if held:
            self._scores.append(b"".join(held))

    def sync(self) -> None:
        """Have everything written so far on the disk itself; may run in another thread.

        Raises:
            StorageError: The disk failed.
        """
        self._journal.sync()
        self._scores.sync()

    def finish(self, now: datetime, *, skipped: int = 0) -> None:
        """Make the run immutable: everything is on the disk, and the manifest says when it ended.

        Args:
            now: When that is.
            skipped: Cells that were not needed.

        Raises:
            StorageError: It could not be written; the run stays unfinished and can be resumed.
        """
        # Scoring the last output took time too, and the wall time is read from the rows.
        elapsed_ms = self._elapsed_ms()
        self._journal.append(dump_row({"w": elapsed_ms}))
        self.wall_s = self.index.wall_s + elapsed_ms / 1000
        self.flush()
        self.sync()
        self.manifest = replace(self.manifest, finished=now.isoformat(), skipped=skipped)
        save_manifest(self.directory, self.manifest)

    def close(self) -> None:
        """Close the files. Harmless when called twice.

        Raises:
            StorageError: The disk failed.
        """
        with ExitStack() as stack:
            stack.callback(self._scores.close)
            stack.callback(self._journal.close)
            self.flush()


def _dump_output(row: dict[str, Any], output: Output | None, error: CellError | None) -> tuple[bytes, CellError | None]:
    """Complete `row` with the output or the error; return its line, and the error where there is one now."""
    if output is not None:
        row["o"] = encode_output(output)
        try:
            return dump_row(row), None
        except (TypeError, ValueError) as wrong:
            error = CellError(kind=type(wrong).__name__, message=f"the output cannot be stored as JSON: {wrong}")
            del row["o"]
    if error is not None:
        row["e"] = encode_error(error)
    return dump_row(row), error


@contextmanager
def open_writer(
    plan: RunPlan,
    runs_dir: Path,
    *,
    resume: bool,
    clock: Callable[[], datetime],
    git_commit: str | None,
    promptship_version: str,
) -> Iterator[RunWriter]:
    """Open the newest unfinished run of `plan` that nobody works on, or a new one.

    Raises:
        StorageError: The folder cannot be written.
    """
    started = time.perf_counter()
    found = _resume(plan, runs_dir) if resume else None
    if found is None:
        now = clock()
        manifest = new_manifest(
            plan, run_id=new_run_id(now), now=now, git_commit=git_commit, promptship_version=promptship_version
        )
        found = (manifest, _create(runs_dir, manifest))
    manifest, lock = found
    directory = runs_dir / manifest.run_id
    try:
        writer = RunWriter(directory, manifest, started=started)
        try:
            yield writer
        finally:
            writer.close()
    finally:
        lock.release()


def _resume(plan: RunPlan, runs_dir: Path) -> tuple[RunManifest, RunLock] | None:
    for candidate in list_runs(runs_dir):
        if candidate.finished is not None or candidate.plan_digest != plan.plan_digest:
            continue
        directory = runs_dir / candidate.run_id
        lock = _try_lock(directory)
        if lock is None:
            continue
        # Its holder may have finished or deleted it between our look and our lock.
        manifest = _load_if_unfinished(directory)
        if manifest is not None:
            return _with_scoring(plan, directory, manifest), lock
        lock.release()
    return None


def _try_lock(directory: Path) -> RunLock | None:
    try:
        return RunLock.try_acquire(directory)
    except StorageError:
        return None


def _load_if_unfinished(directory: Path) -> RunManifest | None:
    try:
        manifest = load_manifest(directory)
    except StorageError:
        return None
    return manifest if manifest.finished is None else None


def _with_scoring(plan: RunPlan, directory: Path, manifest: RunManifest) -> RunManifest:
    """Let the manifest name the scorers of today; its outputs stay what they are."""
    today = new_manifest(
        plan,
        run_id=manifest.run_id,
        now=datetime.fromisoformat(manifest.created),
        git_commit=manifest.git_commit,
        promptship_version=manifest.promptship_version,
    )
    # A command that only goes on with a run need not repeat what it is called.
    today = replace(today, experiment=plan.experiment or manifest.experiment, note=plan.note or manifest.note)
    if today != manifest:
        save_manifest(directory, today)
    return today


def _create(runs_dir: Path, manifest: RunManifest) -> RunLock:
    """Make the run's folder under a draft name first, so that nobody sees it without its manifest and lock."""
    draft = runs_dir / f".{manifest.run_id}.tmp"
    with storage_errors("create", runs_dir):
        draft.mkdir(parents=True)
    try:
        lock = _fill_draft(draft, manifest)
        with storage_errors("create", runs_dir / manifest.run_id):
            draft.rename(runs_dir / manifest.run_id)
    except StorageError:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return lock


def _fill_draft(draft: Path, manifest: RunManifest) -> RunLock:
    save_manifest(draft, manifest)
    lock = RunLock.try_acquire(draft)
    if lock is None:
        raise StorageError(f"{str(draft)!r} is locked by another process", hint="delete it")
    return lock
