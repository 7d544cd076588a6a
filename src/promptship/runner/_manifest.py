"""A run's manifest and verdict as files."""

from __future__ import annotations

import secrets
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import GateVerdict, RunManifest, Variant, Verdict
from promptship.errors import StorageError
from promptship.runner._files import storage_errors, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from promptship.runner._plan import RunPlan

__all__ = [
    "load_manifest",
    "load_verdict",
    "new_manifest",
    "new_run_id",
    "save_manifest",
    "save_verdict",
    "utc_now",
]

_FORMAT = 1
_MANIFEST = "manifest.json"
_VERDICT = "verdict.json"
_REQUIRED = ("run_id", "plan_digest", "evalset", "evalset_path", "evalset_digest", "scoring_digest")


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


def new_run_id(now: datetime) -> str:
    """Return an id that sorts by time: `YYYYMMDD-HHMMSS-` and six hex digits."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def new_manifest(
    plan: RunPlan, *, run_id: str, now: datetime, git_commit: str | None, promptship_version: str
) -> RunManifest:
    """Say what a run of `plan` is of."""
    spec = plan.spec
    return RunManifest(
        run_id=run_id,
        plan_digest=plan.plan_digest,
        evalset=spec.name,
        evalset_path=spec.path,
        evalset_digest=plan.evalset_digest,
        scoring_digest=plan.scoring_digest,
        kind=spec.kind,
        variants=plan.variants,
        scorers=tuple(scorer.name for scorer in plan.scorers),
        required=tuple(scorer.name for scorer in plan.scorers if scorer.required),
        repeats=plan.repeats,
        cells=plan.cells,
        complete=plan.complete,
        selection=plan.selection,
        gates=tuple(gate.text for gate in spec.gates),
        created=now.isoformat(),
        git_commit=git_commit,
        promptship_version=promptship_version,
        experiment=plan.experiment,
        note=plan.note,
        judges=plan.judges,
        asked=plan.asked,
        format=_FORMAT,
    )


def save_manifest(directory: Path, manifest: RunManifest) -> None:
    """Write the manifest, whole or not at all.

    Raises:
        StorageError: It could not be written.
    """
    write_whole(directory / _MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def load_manifest(directory: Path) -> RunManifest:
    """Read the manifest of the run in `directory`.

    Raises:
        StorageError: It is missing, damaged, or written by a newer version.
    """
    path = directory / _MANIFEST
    row = _load_object(path)
    version = row.get("format")
    if isinstance(version, int) and version > _FORMAT:
        raise StorageError(
            f"{str(path)!r} has format {version}; this version of Promptship reads up to {_FORMAT}",
            hint="pip install --upgrade promptship",
        )
    if missing := [key for key in _REQUIRED if not isinstance(row.get(key), str)]:
        raise _damaged(path, f"{missing[0]!r} is missing")
    try:
        known = {field.name: row[field.name] for field in fields(RunManifest) if field.name in row}
        for key in ("scorers", "required", "gates"):
            known[key] = tuple(known.get(key, ()))
        known["variants"] = tuple(Variant(**variant) for variant in row["variants"])
        return RunManifest(**known)
    except (TypeError, KeyError) as error:
        raise _damaged(path, str(error)) from None


def save_verdict(directory: Path, verdict: Verdict) -> None:
    """Write a run's verdict, whole or not at all.

    Raises:
        StorageError: It could not be written.
    """
    write_whole(directory / _VERDICT, orjson.dumps(verdict, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def load_verdict(directory: Path) -> Verdict | None:
    """Read the verdict of the run in `directory`; None where its gates were not asked.

    Raises:
        StorageError: It is damaged.
    """
    path = directory / _VERDICT
    if not path.exists():
        return None
    row = _load_object(path)
    try:
        gates = tuple(GateVerdict(**gate) for gate in row.pop("gates"))
        return Verdict(**{**row, "notes": tuple(row.get("notes", ()))}, gates=gates)
    except (TypeError, KeyError) as error:
        raise _damaged(path, str(error)) from None


def _load_object(path: Path) -> dict[str, Any]:
    with storage_errors("read", path):
        content = path.read_bytes()
    try:
        row = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(row, dict):
        raise _damaged(path, "it holds no object")
    return row


def _damaged(path: Path, reason: str) -> StorageError:
    run_id = path.parent.name
    return StorageError(f"{str(path)!r} is damaged: {reason}", hint=f"promptctl runs rm {run_id}")
