"""A change: events, and the tables that follow from them, in one unit of work."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import LedgerEvent, canonical_json
from promptship.registry._texts import check_text

if TYPE_CHECKING:
    from promptship.domain import Actor, EventKind, JsonObject, LedgerHead
    from promptship.store import UnitOfWork

__all__ = ["LEDGER_FORMAT", "Change", "hash_payload", "make_event", "read_payload"]

LEDGER_FORMAT = 1
"""Fixes what an event's payload is and how it is hashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one actor does in one unit of work, at one time.

    Attributes:
        unit: Where it is written; it holds the ledger's lock.
        actor: Who does it.
        at: When, ISO 8601 UTC, not before the last event.
    """

    unit: UnitOfWork
    actor: Actor
    at: str

    def record(
        self,
        kind: EventKind,
        *,
        prompt: str | None = None,
        label: str | None = None,
        evidence: str | None = None,
        facts: JsonObject | None = None,
    ) -> LedgerEvent:
        """Append an event.

        Args:
            kind: What happened.
            prompt: To which prompt.
            label: Which label moved.
            evidence: Digest of what it was decided on.
            facts: All else that there is to say.
        """
        event = make_event(
            self.unit.head,
            kind=kind,
            at=self.at,
            actor=self.actor,
            prompt=prompt,
            label=label,
            evidence=evidence,
            facts=facts or {},
        )
        self.unit.ledger.append(event)
        return event


def make_event(
    head: LedgerHead,
    *,
    kind: str,
    at: str,
    actor: Actor,
    prompt: str | None,
    label: str | None,
    evidence: str | None,
    facts: JsonObject,
) -> LedgerEvent:
    """Make the event that follows `head`."""
    check_text("actor", actor.name)
    payload: JsonObject = {
        "ledger": LEDGER_FORMAT,
        "seq": head.seq + 1,
        "prev": head.hash,
        "kind": kind,
        "at": at,
        "actor": actor.as_json(),
        **facts,
    }
    named = {"prompt": prompt, "label": label, "evidence": evidence}
    payload |= {key: value for key, value in named.items() if value is not None}
    text = canonical_json(payload).decode()
    return LedgerEvent(
        seq=head.seq + 1,
        kind=kind,
        prompt=prompt,
        label=label,
        evidence=evidence,
        at=at,
        payload=text,
        prev_hash=head.hash,
        hash=hash_payload(text),
    )


def hash_payload(payload: str) -> str:
    """Return `sha256:` and the hex digest of a payload's UTF-8 bytes."""
    return f"sha256:{hashlib.sha256(payload.encode('utf-8', 'surrogatepass')).hexdigest()}"


def read_payload(event: LedgerEvent) -> dict[str, Any]:
    """Return what an event says.

    Raises:
        orjson.JSONDecodeError: Somebody changed it.
    """
    found: dict[str, Any] = orjson.loads(event.payload)
    return found
