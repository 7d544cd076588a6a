"""Evidence and approvals come in, and labels move on them. All of it is events; the envelopes are blobs.

Events and blobs are append-only in the database itself, so evidence needs no table of its own that could differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from promptship.domain import Actor, Attestation, Evidence, canonical_json
from promptship.errors import PromotionRefusedError, ReferenceNotFoundError, SignatureError, UsageError
from promptship.registry._change import read_payload
from promptship.registry._labels import move_label, unmoved
from promptship.registry._promotion import Approval, decide_promotion
from promptship.registry._push import hash_bytes
from promptship.registry._resolve import resolve_version
from promptship.registry._texts import check_label, check_text, format_time
from promptship.signing import Envelope, parse_public_key, verify_envelope
from promptship.store import BlobRow

if TYPE_CHECKING:
    from promptship.domain import JsonObject, LedgerEvent, StoredVersion
    from promptship.registry._change import Change
    from promptship.registry._labels import LabelMove
    from promptship.registry._policy import ReleasePolicy
    from promptship.registry._promotion import Promotion
    from promptship.signing import PublicKey
    from promptship.store import UnitOfWork

__all__ = [
    "ENVELOPE_TYPE",
    "STATEMENT_MEDIA_TYPE",
    "PromotionRequest",
    "TrustedKey",
    "answer_request",
    "attest",
    "find_attestations",
    "find_keys",
    "find_requests",
    "open_promotion",
    "promote",
    "read_evidence",
    "request_promotion",
    "revoke_key",
    "trust_key",
]

ENVELOPE_TYPE = "application/vnd.dsse+json"
STATEMENT_MEDIA_TYPE = "application/vnd.in-toto+json"
_LARGEST_ENVELOPE = 1_000_000
_APPROVAL_AGE_S = 7 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A key of the trust list.

    Attributes:
        key: The key.
        at: Since when it is trusted, ISO 8601 UTC.
        actor: Who trusted it.
        revoked_at: Since when nothing that it signed counts; None while it does.
    """

    key: PublicKey
    at: str
    actor: str
    revoked_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRequest:
    """Somebody asks that a label moves to one digest.

    Attributes:
        id: The event that asked.
        prompt: The prompt.
        label: The label.
        number: The version.
        digest: Its digest; an approval is bound to it.
        actor: Who asks.
        reason: Why.
        at: ISO 8601 UTC.
        expires_at: Until when it can be approved, and approvals of it count; ISO 8601 UTC.
        approvals: Who agreed.
        rejected_by: Who refused; "" for nobody.
        rejection: Why.
    """

    id: int
    prompt: str
    label: str
    number: int
    digest: str
    actor: Actor
    reason: str
    at: str
    expires_at: str
    approvals: tuple[Approval, ...] = ()
    rejected_by: str = ""
    rejection: str = ""

    def is_open(self, now: str) -> bool:
        """Whether it can still be answered at a time, ISO 8601 UTC."""
        return not self.rejected_by and self.expires_at > now


def find_keys(unit: UnitOfWork) -> list[TrustedKey]:
    """Return every key that was ever trusted, in the order they came in, as it stands now."""
    found: dict[str, TrustedKey] = {}
    for event in reversed(unit.ledger.find(kinds=("trust", "revoke"))):
        facts = read_payload(event)
        if event.kind == "trust":
            key = parse_public_key(facts["pem"], name=facts["name"])
            found[key.keyid] = TrustedKey(key=key, at=event.at, actor=facts["actor"]["name"])
        else:
            old = found[facts["keyid"]]
            found[facts["keyid"]] = TrustedKey(key=old.key, at=old.at, actor=old.actor, revoked_at=event.at)
    return list(found.values())


def trust_key(change: Change, key: PublicKey) -> TrustedKey:
    """Put a key on the trust list; once. A key that was revoked stays revoked.

    Raises:
        UsageError: It was revoked.
    """
    known = next((one for one in find_keys(change.unit) if one.key.keyid == key.keyid), None)
    if known is not None:
        if known.revoked_at is not None:
            said = f"key {known.key.name!r} ({key.keyid[:12]}) was revoked on {known.revoked_at[:10]}"
            raise UsageError(said, hint="promptctl keys create makes another one")
        return known
    change.record("trust", facts={"keyid": key.keyid, "name": check_text("name", key.name), "pem": key.pem})
    return TrustedKey(key=key, at=change.at, actor=change.actor.name)


def revoke_key(change: Change, keyid: str, *, reason: str) -> TrustedKey:
    """Let nothing count any more that a key signed.

    Args:
        change: Who does it, where and when.
        keyid: Its id, or the beginning of it.
        reason: Why.

    Raises:
        ReferenceNotFoundError: There is no such key, or several.
    """
    found = [one for one in find_keys(change.unit) if one.key.keyid.startswith(keyid) and one.revoked_at is None]
    if len(found) != 1 or not keyid:
        said = f"{len(found)} keys that are trusted begin with {keyid!r}; one was expected"
        raise ReferenceNotFoundError(said, hint="promptctl keys list")
    key = found[0].key
    change.record("revoke", facts={"keyid": key.keyid, "name": key.name, "reason": check_text("reason", reason)})
    return TrustedKey(key=key, at=found[0].at, actor=found[0].actor, revoked_at=change.at)


def attest(change: Change, envelope: Envelope) -> Attestation:
    """Keep evidence, once, after its signature was checked.

    Raises:
        SignatureError: It is not signed by a key that is trusted here.
        UsageError: It is no evidence, too large, or of a time to come.
        ReferenceNotFoundError: The version that it is about was never pushed.
    """
    key = verify_envelope(envelope, _trusted(change.unit))[0]
    evidence = read_evidence(envelope)
    version = _subject(change.unit, evidence)
    if evidence.created_at > format_time(datetime.fromisoformat(change.at) + timedelta(minutes=5)):
        raise UsageError(f"the evidence is of {evidence.created_at}, which is still to come", hint="set the clock")
    content = canonical_json(envelope.as_json())
    if len(content) > _LARGEST_ENVELOPE:
        raise UsageError(f"the evidence has {len(content):,} bytes; at most {_LARGEST_ENVELOPE:,} are kept")
    digest = hash_bytes(content)
    made = Attestation(evidence=evidence, digest=digest, keyid=key.keyid, key_name=key.name)
    if change.unit.blobs.find(digest) is None:
        blob = BlobRow(
            digest=digest, media_type=ENVELOPE_TYPE, size=len(content), content=content, created_at=change.at
        )
        change.unit.blobs.add([blob])
        facts: JsonObject = {"number": version.number, "digest": version.digest, "keyid": key.keyid}
        facts |= {"evalset": evidence.evalset, "run_id": evidence.run_id, "outcome": evidence.outcome}
        change.record("attest", prompt=version.prompt, evidence=digest, facts=facts)
    return made


def read_evidence(envelope: Envelope) -> Evidence:
    """Return what an envelope says, whoever signed it.

    Raises:
        UsageError: It is no evidence of an evaluation.
    """
    if envelope.payload_type != STATEMENT_MEDIA_TYPE:
        raise UsageError(f"an envelope of {envelope.payload_type!r} is no evidence of an evaluation")
    try:
        return Evidence.from_statement(orjson.loads(envelope.payload))
    except orjson.JSONDecodeError as error:
        raise UsageError(f"this is no evidence of an evaluation: {error}") from None


def find_attestations(unit: UnitOfWork, prompt: str, *, digest: str | None = None) -> list[Attestation]:
    """Return the evidence about a prompt whose key is still trusted, the newest first.

    Args:
        unit: Where to look.
        prompt: Name of the prompt.
        digest: Of this version only.
    """
    keys = {key.keyid: key for key in _trusted(unit)}
    found = []
    for event in unit.ledger.find(prompt=prompt, kinds=("attest",), digest=digest):
        facts = read_payload(event)
        if facts["keyid"] in keys and digest in {None, facts["digest"]}:
            found.append(_load(unit, event, keys[facts["keyid"]]))
    return found


def _load(unit: UnitOfWork, event: LedgerEvent, key: PublicKey) -> Attestation:
    blob = unit.blobs.find(event.evidence or "")
    if blob is None or blob.content is None:
        raise SignatureError(f"the evidence of event {event.seq} is missing", hint="promptctl verify")
    envelope = Envelope.from_json(orjson.loads(blob.content))
    # The database's word is not enough: whoever can write to it cannot sign.
    verify_envelope(envelope, [key])
    return Attestation(evidence=read_evidence(envelope), digest=blob.digest, keyid=key.keyid, key_name=key.name)


def _trusted(unit: UnitOfWork) -> list[PublicKey]:
    return [one.key for one in find_keys(unit) if one.revoked_at is None]


def _subject(unit: UnitOfWork, evidence: Evidence) -> StoredVersion:
    found = unit.versions.find_digest(evidence.prompt, evidence.digest)
    if not found:
        said = f"the evidence is about {evidence.prompt!r} {evidence.digest[7:19]}, which was never pushed"
        raise ReferenceNotFoundError(said, hint=f"promptctl push {evidence.prompt}")
    return found[0]


def open_promotion(
    unit: UnitOfWork, version: StoredVersion, label: str, policy: ReleasePolicy, *, actor: Actor, now: str
) -> Promotion:
    """Decide whether a label may move, and change nothing."""
    requests = find_requests(unit, prompt=version.prompt, label=label)
    approvals = [
        one
        for request in requests
        if request.digest == version.digest and not request.rejected_by
        for one in request.approvals
    ]
    return decide_promotion(
        policy.rule_for(version.prompt, label),
        version,
        find_attestations(unit, version.prompt, digest=version.digest),
        approvals,
        actor=actor,
        now=now,
    )


def promote(
    change: Change,
    reference: str,
    label: str,
    policy: ReleasePolicy,
    *,
    reason: str = "",
    break_glass: str | None = None,
    release: str | None = None,
) -> LabelMove:
    """Let a label point at a version for which there is all that the policy asks; in the transaction of `change`.

    Args:
        change: Who does it, where and when.
        reference: The version.
        label: The label.
        policy: What labels ask.
        reason: Why.
        break_glass: Why it is done although something is missing; the event says what. None to refuse then.
        release: Name of the release that it is part of.

    Raises:
        PromotionRefusedError: Something is missing.
        ReferenceNotFoundError: There is no such version, or it was withdrawn.
        UsageError: The label or a reason is wrong.
    """
    check_label(label)
    version = resolve_version(change.unit, reference)
    before = change.unit.states.find_label(version.prompt, label)
    if before is not None and before.number == version.number:
        return unmoved(before)
    decision = open_promotion(change.unit, version, label, policy, actor=change.actor, now=change.at)
    if not decision.allowed and break_glass is None:
        raise refuse(version, label, decision)
    facts: JsonObject = {"attestations": list(decision.attestations), "policy": policy.digest}
    facts |= {"approved_by": list(decision.approved_by)} if decision.approved_by else {}
    facts |= {"release": release} if release else {}
    if not decision.allowed:
        facts |= {"break_glass": _require_text("break-glass", break_glass), "missing": list(decision.missing)}
    evidence = decision.attestations[0] if decision.attestations else None
    return move_label(change, "promote", version, label, reason=reason, evidence=evidence, facts=facts)


def refuse(version: StoredVersion, label: str, decision: Promotion) -> PromotionRefusedError:
    """Make the error that names what is missing."""
    said = f"{version.ref} may not become {label!r} yet; missing:"
    hint = f"promptctl eval --prompt {version.ref}, then promote again; in an emergency --break-glass REASON"
    return PromotionRefusedError(said, decision.missing, hint=hint)


def request_promotion(
    change: Change, reference: str, label: str, policy: ReleasePolicy, *, reason: str
) -> PromotionRequest:
    """Ask that a label moves to a version.

    Raises:
        ReferenceNotFoundError: There is no such version.
        UsageError: The label or the reason is wrong.
    """
    check_label(label)
    version = resolve_version(change.unit, reference)
    rule = policy.rule_for(version.prompt, label)
    age = timedelta(seconds=rule.approval_age_s if rule else _APPROVAL_AGE_S)
    expires = format_time(datetime.fromisoformat(change.at) + age)
    facts: JsonObject = {"number": version.number, "digest": version.digest, "expires_at": expires}
    facts["reason"] = check_text("reason", reason)
    event = change.record("request", prompt=version.prompt, label=label, facts=facts)
    return _as_request(event)


def answer_request(change: Change, request_id: int, *, reject: str | None = None) -> PromotionRequest:
    """Agree to a request, or refuse it.

    Args:
        change: Who does it, where and when.
        request_id: The request.
        reject: Why it is refused; None to agree.

    Raises:
        ReferenceNotFoundError: There is no such request.
        UsageError: It has expired or was rejected, or nobody has checked who agrees.
    """
    request = next((one for one in find_requests(change.unit) if one.id == request_id), None)
    if request is None:
        raise ReferenceNotFoundError(f"there is no request {request_id}", hint="promptctl approve lists them")
    if not request.is_open(change.at):
        said = (
            f"was rejected by {request.rejected_by}" if request.rejected_by else f"expired on {request.expires_at[:16]}"
        )
        hint = f"promptctl promote {request.prompt}@{request.number} {request.label} --request"
        raise UsageError(f"request {request_id} {said}", hint=hint)
    if reject is None and not change.actor.authenticated:
        said = f"nobody has checked that this is {change.actor.name!r}, so the approval would not count"
        raise UsageError(
            said,
            hint="answer through a server, whose token says who it is: promptctl serve; or use --break-glass REASON",
        )
    facts: JsonObject = {"request": request_id, "number": request.number, "digest": request.digest}
    facts |= {} if reject is None else {"reason": _require_text("reject", reject)}
    change.record("approve" if reject is None else "reject", prompt=request.prompt, label=request.label, facts=facts)
    return next(one for one in find_requests(change.unit, prompt=request.prompt) if one.id == request_id)


def find_requests(unit: UnitOfWork, *, prompt: str | None = None, label: str | None = None) -> list[PromotionRequest]:
    """Return requests with their answers, in the order they were made."""
    found: dict[int, PromotionRequest] = {}
    for event in reversed(unit.ledger.find(prompt=prompt, label=label, kinds=("request", "approve", "reject"))):
        if event.kind == "request":
            found[event.seq] = _as_request(event)
        else:
            facts = read_payload(event)
            found[facts["request"]] = _answered(found[facts["request"]], event, Actor(**facts["actor"]))
    return list(found.values())


def _as_request(event: LedgerEvent) -> PromotionRequest:
    facts = read_payload(event)
    return PromotionRequest(
        id=event.seq,
        prompt=event.prompt or "",
        label=event.label or "",
        number=facts["number"],
        digest=facts["digest"],
        actor=Actor(**facts["actor"]),
        reason=facts["reason"],
        at=event.at,
        expires_at=facts["expires_at"],
    )


def _answered(request: PromotionRequest, event: LedgerEvent, actor: Actor) -> PromotionRequest:
    if event.kind == "reject":
        return replace(request, rejected_by=actor.name, rejection=read_payload(event)["reason"])
    approval = Approval(actor=actor, requested_by=request.actor.name, at=event.at, expires_at=request.expires_at)
    return replace(request, approvals=(*request.approvals, approval))


def _require_text(name: str, text: str | None) -> str:
    kept = check_text(name, text or "")
    if not kept:
        raise UsageError(f"{name} needs a reason", hint="it stays in the ledger for whoever asks later")
    return kept
