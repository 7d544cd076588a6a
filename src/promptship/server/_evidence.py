"""Routes of evidence: keys, attestations, promotions, requests and releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request  # noqa: TC002 - FastAPI reads annotations
from starlette.responses import Response

from promptship.domain import Attestation, LedgerEvent, LedgerHead
from promptship.errors import ReferenceNotFoundError
from promptship.registry import LabelMove, Promotion, PromotionRequest, Release, TrustedKey, read_evidence
from promptship.server._described import gives, gives_page
from promptship.server._fields import (  # noqa: TC001 - FastAPI reads annotations
    After,
    AnswerBody,
    AttestBody,
    KeyBody,
    Limit,
    Name,
    OptionalText,
    PromotionBody,
    ReasonBody,
    Ref,
    ReleaseBody,
    Time,
)
from promptship.server._replies import actor_of, change, page, prompt_of, reply, require, state_of, visible
from promptship.signing import Envelope, parse_public_key

if TYPE_CHECKING:
    from promptship.registry import EvidenceDesk

__all__ = ["router"]

router = APIRouter(tags=["evidence"])


def _desk(request: Request) -> EvidenceDesk:
    return state_of(request).registry.evidence


@router.get("/policy", responses={200: {"description": "The policy file", "content": {"application/yaml": {}}}})
def policy(request: Request) -> Response:
    """Return the policy file that the server was started with; empty where there is none."""
    require(request, "read")
    return Response(state_of(request).options.policy, media_type="application/yaml")


@router.get("/keys", responses=gives("TrustedKey", many=True))
def keys(request: Request) -> Response:
    """List keys, the revoked ones too."""
    require(request, "read")
    return reply(request, list[TrustedKey], _desk(request).keys())


@router.post("/keys", responses=gives("TrustedKey"))
def trust(request: Request, body: KeyBody) -> Response:
    """Let what a key signs count."""
    require(request, "admin")
    key, actor = parse_public_key(body.pem, name=body.name), actor_of(request)
    return change(request, TrustedKey, lambda registry: registry.evidence.trust(key, actor=actor))


@router.delete("/keys/{keyid}", responses=gives("TrustedKey"))
def revoke(request: Request, keyid: Name, reason: OptionalText = None) -> Response:
    """Let nothing count any more that a key signed."""
    require(request, "admin")
    actor = actor_of(request)
    return change(request, TrustedKey, lambda one: one.evidence.revoke(keyid, actor=actor, reason=reason or ""))


@router.get("/attestations", responses=gives("Attestation", many=True))
def attestations(request: Request, prompt: Ref, digest: OptionalText = None) -> Response:
    """List the evidence about a prompt that counts, the newest first."""
    require(request, "read", prompt=prompt)
    return reply(request, list[Attestation], _desk(request).attestations(prompt, digest=digest))


@router.post("/attestations", responses=gives("Attestation"))
def attest(request: Request, body: AttestBody) -> Response:
    """Keep signed evidence."""
    envelope = Envelope.from_json(body.envelope)
    require(request, "attest", prompt=read_evidence(envelope).prompt)
    actor = actor_of(request)
    return change(request, Attestation, lambda registry: registry.evidence.attest(envelope, actor=actor))


@router.get("/promotions/check", responses=gives("Promotion"))
def check(request: Request, ref: Ref, label: Ref) -> Response:
    """Say what a promotion would miss."""
    require(request, "read", prompt=prompt_of(ref))
    return reply(request, Promotion, _desk(request).check(ref, label, actor=actor_of(request)))


@router.post("/promotions", responses=gives("LabelMove"))
def promote(request: Request, body: PromotionBody) -> Response:
    """Let a label point at a version for which there is all that the policy asks; 409 names what is missing."""
    _require_promote(request, body, prompt_of(body.reference))
    actor = actor_of(request)
    return change(
        request,
        LabelMove,
        lambda one: one.evidence.promote(
            body.reference, body.label, actor=actor, reason=body.reason, break_glass=body.break_glass
        ),
    )


def _require_promote(request: Request, body: PromotionBody | ReleaseBody, prompt: str) -> None:
    """Whoever may promote on evidence may not therefore promote without."""
    require(request, "promote", prompt=prompt, label=body.label)
    if body.break_glass is not None:
        require(request, "break-glass", prompt=prompt, label=body.label)


@router.get("/requests", responses=gives_page("PromotionRequest"))
def requests(request: Request, prompt: OptionalText = None, after: After = None, limit: Limit = 100) -> Response:
    """List requests for a promotion with their answers."""
    found = visible(request, _desk(request).requests(prompt))
    return page(request, PromotionRequest, found, key=lambda one: one.id, after=after, limit=limit)


@router.post("/requests", responses=gives("PromotionRequest"))
def ask(request: Request, body: PromotionBody) -> Response:
    """Ask others to agree to a promotion."""
    require(request, "promote", prompt=prompt_of(body.reference), label=body.label)
    actor = actor_of(request)
    return change(
        request,
        PromotionRequest,
        lambda one: one.evidence.request(body.reference, body.label, actor=actor, reason=body.reason),
    )


@router.post("/requests/{request_id}/answer", responses=gives("PromotionRequest"))
def answer(request: Request, request_id: int, body: AnswerBody) -> Response:
    """Agree to a request, or refuse it with a reason."""
    found = next((one for one in visible(request, _desk(request).requests()) if one.id == request_id), None)
    if found is None:
        raise ReferenceNotFoundError(f"there is no request {request_id}", hint="promptctl approve lists them")
    require(request, "approve", prompt=found.prompt, label=found.label)
    actor = actor_of(request)
    return change(
        request, PromotionRequest, lambda one: one.evidence.answer(request_id, actor=actor, reject=body.reject)
    )


@router.get("/releases", responses=gives("Release", many=True))
def releases(request: Request) -> Response:
    """List releases, the newest first."""
    require(request, "read")
    return reply(request, list[Release], _desk(request).releases())


@router.post("/releases", responses=gives("Release"))
def release(request: Request, body: ReleaseBody) -> Response:
    """Promote several versions together."""
    for reference in body.references:
        _require_promote(request, body, prompt_of(reference))
    actor = actor_of(request)
    return change(
        request,
        Release,
        lambda one: one.evidence.release(
            body.name, body.references, body.label, actor=actor, reason=body.reason, break_glass=body.break_glass
        ),
    )


@router.post("/releases/{name}/rollback", responses=gives("LabelMove", many=True))
def roll_back_release(request: Request, name: Name, body: ReasonBody) -> Response:
    """Let every label of a release point where it pointed before it."""
    found = next((one for one in _desk(request).releases() if one.name == name), None)
    for prompt, *_ in found.members if found else ():
        require(request, "promote", "label", prompt=prompt, label=found.label if found else None)
    require(request, "read")
    actor = actor_of(request)
    return change(
        request,
        tuple[LabelMove, ...],
        lambda one: one.evidence.roll_back_release(name, actor=actor, reason=body.reason),
    )


@router.get("/head", responses=gives("LedgerHead"))
def head(request: Request) -> Response:
    """Return the last event, for an anchor."""
    require(request, "read")
    return reply(request, LedgerHead, _desk(request).head())


@router.get("/audit", responses=gives_page("LedgerEvent"))
def audit(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    label: OptionalText = None,
    since: Time = None,
    until: Time = None,
    after: After = None,
    limit: Limit = 1_000,
) -> Response:
    """Return whole events as they were hashed, in their order."""
    require(request, "read")
    found = _desk(request).events(label=label, since=since, until=until)
    return page(request, LedgerEvent, found, key=lambda one: one.seq, after=after, limit=limit)


@router.get("/content/{digest}", responses={200: {"description": "Bytes", "content": {"application/octet-stream": {}}}})
def content(request: Request, digest: Name) -> Response:
    """Return a closure, a document or an envelope by its digest."""
    require(request, "read")
    return Response(_desk(request).content(digest), media_type="application/octet-stream")
