"""Whether a label may move: a pure decision over a rule, evidence and approvals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from promptship.registry._policy import LabelRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import Actor, Attestation, GateEvidence, StoredVersion
    from promptship.registry._policy import EvidenceRule

__all__ = ["Approval", "Promotion", "decide_promotion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Somebody agreed that a label moves to one digest.

    Attributes:
        actor: Who; only somebody whom the registry knows counts.
        requested_by: Name of the actor that asked.
        at: When, ISO 8601 UTC.
        expires_at: Until when it counts, ISO 8601 UTC.
    """

    actor: Actor
    requested_by: str
    at: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A decision.

    Attributes:
        missing: What is missing, a sentence each; empty where the label may move.
        attestations: Digests of the evidence that counts.
        approved_by: Names of those who agreed.
    """

    missing: tuple[str, ...]
    attestations: tuple[str, ...]
    approved_by: tuple[str, ...]

    @property
    def allowed(self) -> bool:
        """Whether the label may move."""
        return not self.missing


def decide_promotion(
    rule: LabelRule | None,
    version: StoredVersion,
    attestations: Sequence[Attestation],
    approvals: Sequence[Approval],
    *,
    actor: Actor,
    now: str,
) -> Promotion:
    """Decide whether a label may move to a version.

    Of an evalset the newest evidence decides, not the best: whoever evaluates until one run passes has shown nothing.

    Args:
        rule: What the label asks; None for "evidence of any one evalset".
        version: Where it is to move.
        attestations: Evidence whose signature was checked, of this digest or others.
        approvals: Who agreed.
        actor: Who moves it.
        now: ISO 8601 UTC.
    """
    rule = rule or LabelRule()
    newest: dict[str, Attestation] = {}
    for one in sorted(attestations, key=lambda one: one.evidence.created_at):
        if (one.evidence.prompt, one.evidence.digest) == (version.prompt, version.digest):
            newest[one.evidence.evalset] = one
    agreed = _agreed(rule, version, approvals, now)
    missing: list[str] = []
    if not rule.lets_move(actor):
        missing.append(f"{actor.name!r} may not move this label; {', '.join(rule.may_move)} may")
    counted: list[str] = []
    for asked, found in _asked(rule, newest):
        gaps = list(_evidence_gaps(asked, found, rule, version, now))
        missing += gaps
        counted += [found.digest] if found and not gaps else []
    if len(agreed) < rule.approvals:
        missing.append(_approvals_missing(rule, agreed))
    return Promotion(missing=tuple(missing), attestations=tuple(counted), approved_by=tuple(agreed))


def _asked(rule: LabelRule, newest: dict[str, Attestation]) -> Iterator[tuple[EvidenceRule | None, Attestation | None]]:
    """Yield each evalset that is asked for with its newest evidence; without a rule, all evidence there is."""
    for one in rule.evidence:
        yield one, newest.get(one.evalset)
    if not rule.evidence:
        yield from ((None, found) for found in newest.values())
        if not newest:
            yield None, None


def _evidence_gaps(
    asked: EvidenceRule | None, found: Attestation | None, rule: LabelRule, version: StoredVersion, now: str
) -> Iterator[str]:
    if found is None:
        on = f"evalset {asked.evalset!r}" if asked else "any evalset"
        named = version.ref if version.number else version.prompt
        yield f"no evidence of {named} ({version.digest[7:19]}) on {on}"
        return
    evidence = found.evidence
    where = f"evalset {evidence.evalset!r}, run {evidence.run_id}"
    if old := _too_old(evidence.created_at, evidence.expires_at, rule.max_age_s, now):
        yield f"{where}: {old}"
    for gate in evidence.gates:
        if not gate.passed:
            yield f"{where}: gate {gate.gate!r} {_say(gate)}"
    decided = {gate.gate for gate in evidence.gates}
    for gate_asked in asked.gates if asked else ():
        if gate_asked.text not in decided:
            yield f"{where}: gate {gate_asked.text!r} was not decided when the evidence was made"
    if not evidence.gates and evidence.outcome != "pass":
        yield f"{where}: it did not pass"


def _too_old(created: str, expires: str | None, max_age_s: int | None, now: str) -> str | None:
    if expires is not None and expires <= now:
        return f"its evidence expired on {expires[:16]}"
    if max_age_s is None:
        return None
    age = datetime.fromisoformat(now) - datetime.fromisoformat(created)
    if age <= timedelta(seconds=max_age_s):
        return None
    return f"its evidence is {_span(age)} old, and {_span(timedelta(seconds=max_age_s))} is the limit"


def _span(age: timedelta) -> str:
    return f"{age.days} days" if age.days > 1 else f"{age.total_seconds() / 3600:.0f} hours"


def _say(gate: GateEvidence) -> str:
    said = {"fail": "fails", "inconclusive": "is inconclusive"}.get(gate.finding, "warns")
    figure = "" if gate.value is None else f": {gate.value:.4g}"
    bounds = "" if gate.low is None or gate.high is None else f" ({gate.low:.4g} to {gate.high:.4g})"
    return f"{said}{figure}{bounds}, n = {gate.n}"


def _agreed(rule: LabelRule, version: StoredVersion, approvals: Sequence[Approval], now: str) -> list[str]:
    counted = [one for one in approvals if one.actor.authenticated and one.expires_at > now]
    if not rule.self_approval:
        counted = [one for one in counted if one.actor.name not in {version.author, one.requested_by}]
    return list(dict.fromkeys(one.actor.name for one in counted))


def _approvals_missing(rule: LabelRule, agreed: Sequence[str]) -> str:
    by = f" ({', '.join(agreed)} agreed)" if agreed else ""
    others = "" if rule.self_approval else ", of people other than the author and who asked"
    return f"{rule.approvals - len(agreed)} of {rule.approvals} approvals{others}{by}"
