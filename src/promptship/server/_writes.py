"""Routes that change something; each change is an event with the token's bearer as its actor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request  # noqa: TC002 - FastAPI reads annotations
from starlette.responses import Response  # noqa: TC002 - the same

from promptship.domain import (
    CellRecord,
    Digest,
    PromptVersion,
    RunManifest,
    RunSummary,
    StoredEvalset,
    StoredRun,
    StoredVersion,
    Verdict,
    canonical_json,
    parse_prompt_name,
)
from promptship.errors import StorageError, UsageError
from promptship.prompts import parse_closure
from promptship.registry import LabelMove, Pushed, parse_wire
from promptship.server._described import gives
from promptship.server._fields import (  # noqa: TC001 - FastAPI reads annotations
    EraseBody,
    EvalsetBody,
    ForkBody,
    LabelBody,
    LabelName,
    Name,
    OptionalText,
    PushBody,
    ReasonBody,
    RunBody,
    TagBody,
    VersionBody,
)
from promptship.server._replies import actor_of, change, prompt_of, require

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["router"]

router = APIRouter(tags=["write"])

_WRONG = (AttributeError, KeyError, TypeError, ValueError, RecursionError)


@router.post("/prompts/{name:path}/versions", responses=gives("Pushed", status=201) | gives("Pushed"), status_code=201)
def push(request: Request, name: Name, body: PushBody) -> Response:
    """Store a version: 201 with its number, 200 where the prompt has the same content already."""
    require(request, "push", prompt=name)
    version = _parse_version(name, body)
    actor = actor_of(request)
    return change(
        request,
        Pushed,
        lambda registry: registry.push(
            version,
            actor=actor,
            message=body.message,
            description=body.description,
            git_commit=body.git_commit,
            tags=body.tags,
        ),
        status=lambda pushed: 201 if pushed.created else 200,
    )


def _parse_version(name: str, body: PushBody) -> PromptVersion:
    """Read a closure, and refuse one that is not exactly what it was digested as."""
    parse_prompt_name(name)
    sent = body.closure.model_dump(by_alias=True, exclude_unset=True)
    content = canonical_json(sent)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if body.digest not in {None, digest}:
        raise UsageError(f"digest: the closure has {digest}, not {body.digest}", hint="it was changed on its way")
    try:
        found = parse_closure(content, model_name=body.model_name, ref=name)
        version = PromptVersion(name=name, closure=found, origin=name, label=name)
        same = version.digest == digest
    except (StorageError, *_WRONG) as error:
        raise UsageError(f"closure: {error}") from None
    if not same:
        raise UsageError("closure: a key stands at its default; it is left out of a closure")
    _check_schemas(body)
    return version


def _check_schemas(body: PushBody) -> None:
    from jsonschema import Draft202012Validator, SchemaError

    closure = body.closure
    for field, schema in (("input", closure.input), ("output.schema", closure.output.schema_ or {})):
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise UsageError(f"closure.{field}: {error.message}") from None
        except _WRONG:
            raise UsageError(f"closure.{field}: it is no JSON Schema") from None


@router.post("/forks", responses=gives("Pushed", status=201) | gives("Pushed"), status_code=201)
def fork(request: Request, body: ForkBody) -> Response:
    """Copy a version to another prompt."""
    require(request, "read", prompt=prompt_of(body.reference))
    require(request, "push", prompt=body.name)
    actor = actor_of(request)
    return change(
        request,
        Pushed,
        lambda registry: registry.fork(body.reference, body.name, actor=actor, message=body.message),
        status=lambda pushed: 201 if pushed.created else 200,
    )


@router.post("/withdrawals", responses=gives("StoredVersion"))
def withdraw(request: Request, body: VersionBody) -> Response:
    """Put a tombstone on a version."""
    require(request, "push", prompt=prompt_of(body.reference))
    actor = actor_of(request)
    return change(
        request, StoredVersion, lambda registry: registry.withdraw(body.reference, actor=actor, reason=body.reason)
    )


@router.post("/reinstatements", responses=gives("StoredVersion"))
def reinstate(request: Request, body: VersionBody) -> Response:
    """Take a tombstone away."""
    require(request, "push", prompt=prompt_of(body.reference))
    actor = actor_of(request)
    return change(
        request, StoredVersion, lambda registry: registry.reinstate(body.reference, actor=actor, reason=body.reason)
    )


@router.post("/tags", responses=gives("StoredVersion"))
def tag(request: Request, body: TagBody) -> Response:
    """Add tags to a version and take tags away."""
    require(request, "push", prompt=prompt_of(body.reference))
    actor = actor_of(request)
    return change(
        request,
        StoredVersion,
        lambda registry: registry.tag(body.reference, actor=actor, add=body.add, remove=body.remove),
    )


@router.put("/labels/{label}", responses=gives("LabelMove"))
def put_label(request: Request, label: LabelName, body: LabelBody) -> Response:
    """Let a label point at a version; one that the policy names moves by a promotion instead."""
    require(request, "label", prompt=prompt_of(body.reference), label=label)
    actor = actor_of(request)
    return change(
        request,
        LabelMove,
        lambda registry: registry.put_label(
            body.reference, label, actor=actor, reason=body.reason, evidence=body.evidence
        ),
    )


@router.delete("/prompts/{name:path}/labels/{label}", responses=gives("LabelMove"))
def drop_label(request: Request, name: Name, label: LabelName, reason: OptionalText = None) -> Response:
    """Take a label away."""
    require(request, "label", prompt=name, label=label)
    actor = actor_of(request)
    return change(
        request, LabelMove, lambda registry: registry.drop_label(name, label, actor=actor, reason=reason or "")
    )


@router.post("/prompts/{name:path}/labels/{label}/rollback", responses=gives("LabelMove"))
def roll_back(request: Request, name: Name, label: LabelName, body: ReasonBody) -> Response:
    """Let a label point where it pointed before; again, and it goes one further back."""
    require(request, "promote", "label", prompt=name, label=label)
    actor = actor_of(request)
    return change(request, LabelMove, lambda registry: registry.roll_back(name, label, actor=actor, reason=body.reason))


@dataclass(frozen=True, slots=True)
class _Spec:
    name: str
    kind: str


class _SentEvalset:
    """An evalset that came as lines; its digest is computed from them."""

    def __init__(self, body: EvalsetBody) -> None:
        self.spec = _Spec(body.name, body.kind)
        self._lines = [line.encode() for line in body.lines]
        whole = hashlib.sha256(b"".join(line + b"\n" for line in self._lines))
        self.digest = Digest(f"sha256:{whole.hexdigest()}")

    def canonical_lines(self) -> Iterator[bytes]:
        """Yield the lines; see `Evalset.canonical_lines`."""
        return iter(self._lines)


@router.post("/evalsets", responses=gives("StoredEvalset"))
def store_evalset(request: Request, body: EvalsetBody) -> Response:
    """Store an evalset by its digest."""
    require(request, "push")
    parse_prompt_name(body.name)
    sent = _SentEvalset(body)
    if sent.digest != body.digest:
        raise UsageError(
            f"digest: the lines have {sent.digest}, not {body.digest}", hint="they were changed on the way"
        )
    for place, line in enumerate(body.lines):
        _check_line(place, line)
    actor = actor_of(request)
    # The registry asks an evalset for what this one has, and nothing else.
    evalset: Any = sent
    return change(request, StoredEvalset, lambda registry: registry.store_evalset(evalset, actor=actor))


def _check_line(place: int, line: str) -> None:
    try:
        value = orjson.loads(line)
        same = isinstance(value, dict) and canonical_json(value) == line.encode()
        tags = value.get("tags", {}) if same else None
    except (UsageError, *_WRONG):
        same = False
    if not same or not isinstance(tags, dict) or not all(isinstance(one, str) for one in tags.values()):
        raise UsageError(f"lines.{place}: it is no object as canonical JSON writes it")


@router.post("/runs", responses=gives("StoredRun"))
def store_run(request: Request, body: RunBody) -> Response:
    """Store a finished run."""
    require(request, "push")
    manifest = parse_wire(RunManifest, body.manifest, what="manifest")
    summary = parse_wire(RunSummary, body.summary, what="summary")
    verdict = None if body.verdict is None else parse_wire(Verdict, body.verdict, what="verdict")
    records = parse_wire(list[CellRecord], body.records, what="records")
    if any(not 0 <= record.key.variant < len(manifest.variants) for record in records):
        raise UsageError("records: a cell is of a variant that the manifest does not have")
    actor = actor_of(request)
    return change(
        request, StoredRun, lambda registry: registry.store_run(manifest, summary, verdict, records, actor=actor)
    )


@router.post("/erasures", responses={200: {"description": "Payloads and bytes that were erased"}})
def erase(request: Request, body: EraseBody) -> Response:
    """Erase payloads for good."""
    require(request, "admin")
    actor = actor_of(request)
    return change(
        request,
        dict[str, int],
        lambda registry: dict(
            zip(
                ("payloads", "bytes"),
                registry.erase(actor=actor, subject=body.subject, before=body.before, reason=body.reason),
                strict=True,
            )
        ),
    )
