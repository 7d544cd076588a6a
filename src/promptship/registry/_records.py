"""Evalsets and runs are kept: what proves something in a document by digest, what may be personal in blobs apart."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import CellKey, Digest, StoredEvalset, StoredRun, canonical_json
from promptship.errors import ReferenceNotFoundError, StorageError, UsageError
from promptship.registry._push import hash_bytes
from promptship.store import BlobRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from promptship.domain import CaseOutcome, CellRecord, JsonObject, RunManifest, RunSummary, Verdict
    from promptship.evalsets import Evalset
    from promptship.registry._change import Change
    from promptship.store import UnitOfWork

__all__ = [
    "EvalsetDraft",
    "RunDraft",
    "StoredCell",
    "evalset_draft",
    "keep_evalset",
    "keep_run",
    "load_blob",
    "load_cells",
    "load_document",
    "load_lines",
    "payload_name",
    "run_draft",
]

_EVALSET_TYPE = "application/vnd.promptship.evalset+json"
_RUN_TYPE = "application/vnd.promptship.run+json"
_CASE_TYPE = "application/vnd.promptship.case+json"
_CELL_TYPE = "application/vnd.promptship.cell+json"
_SUBJECT_TAG = "subject"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalsetDraft:
    """An evalset made ready outside the transaction: its name, digest and kind, and the blobs that it becomes."""

    name: str
    digest: Digest
    kind: str
    cases: int
    document: BlobRow
    payloads: list[BlobRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDraft:
    """A run made ready outside the transaction."""

    manifest: RunManifest
    outcome: str | None
    document: BlobRow
    payloads: list[BlobRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCell:
    """A cell of a stored run: what it counts as, and what each scorer said.

    Attributes:
        key: Which cell.
        outcome: What counts.
        scores: Value and pass mark by scorer; None where there is none.
        payload: Name of the blob with inputs and output.
    """

    key: CellKey
    outcome: CaseOutcome
    scores: Mapping[str, tuple[float | None, bool | None]]
    payload: str


def payload_name(content: bytes, salt: bytes) -> str:
    """Return the name of a payload: nobody can test a guess of its content against it once the salt is gone."""
    return f"hmac-sha256:{hmac.new(salt, content, hashlib.sha256).hexdigest()}"


def evalset_draft(evalset: Evalset, *, at: str) -> EvalsetDraft:
    """Read an evalset's cases and make blobs of them.

    Raises:
        SourceError: Cases are wrong.
    """
    digest = evalset.digest
    header, *lines = evalset.canonical_lines()
    payloads = [_payload(line, _subject_of_line(line), _CASE_TYPE, at) for line in lines]
    document: JsonObject = {
        "evalset": 1,
        "name": evalset.spec.name,
        "digest": digest,
        "header": orjson.loads(header),
        "cases": [row.digest for row in payloads],
    }
    return EvalsetDraft(
        name=evalset.spec.name,
        digest=digest,
        kind=evalset.spec.kind,
        cases=len(lines),
        document=_document(document, _EVALSET_TYPE, at),
        payloads=payloads,
    )


def keep_evalset(change: Change, draft: EvalsetDraft) -> StoredEvalset:
    """Store an evalset, unless the registry has it under its name and digest."""
    unit = change.unit
    known = unit.records.evalsets(draft.name, draft.digest)
    if known:
        return known[0]
    unit.blobs.add([draft.document, *draft.payloads])
    facts: JsonObject = {
        "evalset": draft.name,
        "digest": draft.digest,
        "type": draft.kind,
        "cases": draft.cases,
        "document": draft.document.digest,
    }
    event = change.record("evalset", facts=facts)
    stored = StoredEvalset(
        name=draft.name,
        digest=draft.digest,
        kind=draft.kind,
        cases=draft.cases,
        document=draft.document.digest,
        created_at=change.at,
        event_seq=event.seq,
    )
    unit.records.add_evalset(stored)
    return stored


def run_draft(
    manifest: RunManifest, summary: RunSummary, verdict: Verdict | None, records: Iterable[CellRecord], *, at: str
) -> RunDraft:
    """Make blobs of a run.

    Raises:
        UsageError: It is not finished.
    """
    if manifest.finished is None:
        raise UsageError(f"run {manifest.run_id} is not finished", hint="the same `promptctl eval` resumes it")
    payloads: list[BlobRow] = []
    cells: list[Any] = []
    for record in records:
        row = _payload(_cell_content(record), _subject(record.tags, record.cluster), _CELL_TYPE, at)
        payloads.append(row)
        scores = {name: [score.value, score.passed] for name, score in record.scores.items()}
        cells.append([*record.key, record.outcome, scores, row.digest])
    document = _as_json({"run": 1, "manifest": manifest, "summary": summary, "verdict": verdict, "cells": cells})
    return RunDraft(
        manifest=manifest,
        outcome=verdict.outcome if verdict else None,
        document=_document(document, _RUN_TYPE, at),
        payloads=payloads,
    )


def keep_run(change: Change, draft: RunDraft) -> StoredRun:
    """Store a run, unless the registry has it.

    Raises:
        UsageError: The registry has another run of that id.
    """
    unit, manifest = change.unit, draft.manifest
    known = unit.records.find_run(manifest.run_id)
    if known is not None:
        if (known.finished_at, known.scoring_digest) != (manifest.finished, manifest.scoring_digest):
            raise UsageError(f"the registry has another run {manifest.run_id!r}, finished {known.finished_at}")
        return known
    unit.blobs.add([draft.document, *draft.payloads])
    digest = Digest(draft.document.digest)
    facts: JsonObject = {
        "run_id": manifest.run_id,
        "digest": digest,
        "evalset": manifest.evalset,
        "evalset_digest": manifest.evalset_digest,
        "versions": [variant.digest for variant in manifest.variants],
    }
    event = change.record("run", facts=facts)
    stored = StoredRun(
        run_id=manifest.run_id,
        digest=digest,
        evalset=manifest.evalset,
        evalset_digest=manifest.evalset_digest,
        scoring_digest=manifest.scoring_digest,
        complete=manifest.complete,
        outcome=draft.outcome,
        finished_at=manifest.finished or "",
        created_at=change.at,
        event_seq=event.seq,
    )
    unit.records.add_run(stored, manifest.variants)
    return stored


def load_blob(unit: UnitOfWork, digest: str) -> bytes:
    """Return stored content that is never erased.

    Raises:
        StorageError: It is missing, or does not have its digest.
    """
    blob = unit.blobs.find(digest)
    if blob is None or blob.content is None or hash_bytes(blob.content) != digest:
        raise StorageError(f"the document {digest} is not what its digest says", hint="promptctl verify")
    return blob.content


def load_document(unit: UnitOfWork, digest: str) -> dict[str, Any]:
    """Return a stored document.

    Raises:
        StorageError: It is missing, or does not have its digest.
    """
    found: dict[str, Any] = orjson.loads(load_blob(unit, digest))
    return found


def load_cells(unit: UnitOfWork, run_id: str, *, version: str | None = None) -> list[StoredCell]:
    """Return the cells of a stored run, in its order.

    Args:
        unit: Where to look.
        run_id: The run.
        version: Of the variants with this digest only; None for all.

    Raises:
        ReferenceNotFoundError: There is no such run.
        StorageError: Its document is damaged.
    """
    run = unit.records.find_run(run_id)
    if run is None:
        raise ReferenceNotFoundError(f"the registry has no run {run_id!r}", hint="promptctl push --run RUN")
    document = load_document(unit, run.digest)
    variants = [one["digest"] for one in document["manifest"]["variants"]]
    return [
        StoredCell(
            key=CellKey(variant, case_id, repeat),
            outcome=outcome,
            scores={name: (value, passed) for name, (value, passed) in scores.items()},
            payload=payload,
        )
        for variant, case_id, repeat, outcome, scores, payload in document["cells"]
        if version in {None, variants[variant]}
    ]


def load_lines(unit: UnitOfWork, document: Mapping[str, Any]) -> list[bytes | None]:
    """Return the canonical lines that an evalset's digest is made of: its header, then its cases; None for erased ones.

    Raises:
        StorageError: A case's blob is missing.
    """
    lines: list[bytes | None] = [canonical_json(document["header"])]
    for name in document["cases"]:
        blob = unit.blobs.find(name)
        if blob is None:
            raise StorageError(f"the case {name} is missing", hint="promptctl verify")
        lines.append(blob.content)
    return lines


def _subject(tags: Mapping[str, str], cluster: str | None) -> str | None:
    """Return whom a case is about: its tag `subject`, else the origin that it shares with others."""
    return tags.get(_SUBJECT_TAG) or cluster


def _subject_of_line(line: bytes) -> str | None:
    case = orjson.loads(line)
    return _subject(case.get("tags", {}), case.get("cluster"))


def _payload(content: bytes, subject: str | None, media_type: str, at: str) -> BlobRow:
    salt = secrets.token_bytes(32)
    return BlobRow(
        digest=payload_name(content, salt),
        media_type=media_type,
        size=len(content),
        content=content,
        salt=salt,
        subject=subject,
        created_at=at,
    )


def _document(value: JsonObject, media_type: str, at: str) -> BlobRow:
    content = canonical_json(value)
    return BlobRow(digest=hash_bytes(content), media_type=media_type, size=len(content), content=content, created_at=at)


def _cell_content(record: CellRecord) -> bytes:
    whole = asdict(record)
    kept = ("inputs", "expected", "tags", "cluster", "output", "scores", "error", "case_place")
    return orjson.dumps({name: whole[name] for name in kept})


def _as_json(value: Any) -> Any:
    """Return what orjson makes of dataclasses, as plain JSON."""
    return orjson.loads(orjson.dumps(value))
