"""The runs of a project: list, find, remove."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import PromptshipError, ReferenceNotFoundError, StorageError, UsageError, did_you_mean
from promptship.runner._files import storage_errors
from promptship.runner._lock import RunLock
from promptship.runner._manifest import load_manifest
from promptship.runner._run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from promptship.domain import RunManifest

__all__ = ["DamagedRun", "filter_runs", "find_run", "list_damaged_runs", "list_runs", "remove_run"]

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_DIGEST = re.compile(r"[0-9a-f]{4,64}")
_LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedRun:
    """A folder among the runs that cannot be read as one, and why."""

    run_id: str
    reason: str


def list_runs(runs_dir: Path) -> list[RunManifest]:
    """Return the manifests of the readable runs in `runs_dir`, newest first.

    Raises:
        StorageError: The folder cannot be read.
    """
    return _read_all(runs_dir)[0]


def list_damaged_runs(runs_dir: Path) -> list[DamagedRun]:
    """Return the runs that `list_runs` leaves out because they cannot be read.

    Raises:
        StorageError: The folder cannot be read.
    """
    return _read_all(runs_dir)[1]


def filter_runs(
    rows: Iterable[RunManifest], *, experiment: str | None = None, search: str | None = None, digest: str | None = None
) -> list[RunManifest]:
    """Return the runs for which everything that is asked holds, in their order.

    Args:
        rows: Runs to choose from.
        experiment: Name of their experiment; None for any.
        search: Text, in any case, that the id, evalset, a variant, the experiment or the note holds.
        digest: The beginning, at least four hex digits, of the digest of a prompt version or of the evalset; `sha256:`
            before it may be left out.

    Raises:
        UsageError: The digest is none.
    """
    found = list(rows)
    if experiment is not None:
        found = [row for row in found if row.experiment == experiment]
    if search is not None:
        found = [row for row in found if search.casefold() in _searchable(row)]
    if digest is not None:
        start = digest.removeprefix("sha256:")
        if not _DIGEST.fullmatch(start):
            raise UsageError(f"{digest!r} is no digest", hint="write at least four of its hex digits")
        found = [row for row in found if any(one.startswith(f"sha256:{start}") for one in _digests(row))]
    return found


def _searchable(row: RunManifest) -> str:
    labels = (variant.label for variant in row.variants)
    return "\n".join([row.run_id, row.evalset, row.experiment, row.note, *labels]).casefold()


def _digests(row: RunManifest) -> list[str]:
    return [row.evalset_digest, *(variant.digest for variant in row.variants)]


def find_run(runs_dir: Path, text: str) -> Run:
    """Open the run that `text` names: its id, the beginning of it, or `last`.

    Raises:
        ReferenceNotFoundError: There is no such run, or more than one.
        StorageError: It is damaged.
    """
    if text == _LAST:
        newest = list_runs(runs_dir)
        if not newest:
            raise ReferenceNotFoundError("there is no run yet", hint="promptctl eval")
        return Run(runs_dir / newest[0].run_id, newest[0])
    return Run.load(runs_dir / _resolve_run_id(runs_dir, text))


def remove_run(runs_dir: Path, text: str) -> str:
    """Delete the run that `text` names, also a damaged one, and return its id.

    Raises:
        ReferenceNotFoundError: There is no such run, or more than one.
        UsageError: A process is working on it.
        StorageError: It could not be deleted.
    """
    # Not by `find_run` for ids: a damaged run must be removable.
    run_id = find_run(runs_dir, _LAST).manifest.run_id if text == _LAST else _resolve_run_id(runs_dir, text)
    directory = runs_dir / run_id
    lock = RunLock.try_acquire(directory)
    if lock is None:
        raise UsageError(f"run {run_id} is being worked on", hint="wait until it has ended, or stop it with Ctrl-C")
    try:
        with storage_errors("delete", directory):
            shutil.rmtree(directory)
    finally:
        lock.release()
    return run_id


def _run_ids(runs_dir: Path) -> list[str]:
    """Return the ids of all runs, newest first."""
    if not runs_dir.exists():
        return []
    with storage_errors("read", runs_dir):
        return sorted((path.name for path in runs_dir.iterdir() if _RUN_ID.fullmatch(path.name)), reverse=True)


def _read_all(runs_dir: Path) -> tuple[list[RunManifest], list[DamagedRun]]:
    manifests: list[RunManifest] = []
    damaged: list[DamagedRun] = []
    for run_id in _run_ids(runs_dir):
        try:
            manifests.append(load_manifest(runs_dir / run_id))
        except StorageError as error:
            damaged.append(DamagedRun(run_id=run_id, reason=_say(error)))
    # Ids hold seconds only; runs of one second are told apart by the manifest.
    manifests.sort(key=lambda manifest: (manifest.run_id[:15], manifest.created), reverse=True)
    return manifests, damaged


def _say(error: PromptshipError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)


def _resolve_run_id(runs_dir: Path, text: str) -> str:
    known = _run_ids(runs_dir)
    found = [run_id for run_id in known if run_id.startswith(text)] if text else []
    if text in found or len(found) == 1:
        return text if text in found else found[0]
    if found:
        raise ReferenceNotFoundError(f"{text!r} is the beginning of {len(found)} runs: {', '.join(found[:5])}")
    raise ReferenceNotFoundError(f"there is no run {text!r}{did_you_mean(text, known)}", hint="promptctl runs list")
