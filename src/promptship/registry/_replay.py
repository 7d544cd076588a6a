"""The state that the events of a ledger come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptship.domain import LedgerHead, Tombstone

if TYPE_CHECKING:
    from promptship.domain import LedgerEvent

__all__ = ["Replay"]


@dataclass(kw_only=True)
class Replay:
    """What labels, tags, tombstones and counters must be after the events so far.

    Attributes:
        pushes: What the event of each push says, by prompt and number.
        last_numbers: The largest number of each prompt.
        labels: Number, time and event of each label, by prompt and label.
        tombstones: Tombstone and event, by prompt and number.
        tags: The event that put each tag on a version, by prompt and number.
        evalsets: What was said of each evalset, by name and digest.
        runs: What was said of each run, by its id.
        attestations: What was said of each piece of evidence, by the digest of its envelope.
        keys: The PEM of each key that was trusted, by its id.
        revoked: Ids of keys that were revoked.
        requests: The digest that each request is about, by its event.
        releases: Names of releases.
        tokens: Hash and scopes of each token, and whether it was revoked, by its id and name.
        head: The last event.
    """

    pushes: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    last_numbers: dict[str, int] = field(default_factory=dict)
    labels: dict[tuple[str, str], tuple[int, str, int]] = field(default_factory=dict)
    tombstones: dict[tuple[str, int], tuple[Tombstone, int]] = field(default_factory=dict)
    tags: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    evalsets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    attestations: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    requests: dict[int, str] = field(default_factory=dict)
    releases: set[str] = field(default_factory=set)
    tokens: dict[tuple[str, str], tuple[str, str, bool]] = field(default_factory=dict)
    head: LedgerHead = field(default_factory=LedgerHead)

    def add(self, event: LedgerEvent, facts: dict[str, Any]) -> str | None:
        """Take in the next event.

        Args:
            event: The event.
            facts: Its payload.

        Returns:
            What cannot be right about it after those before; None where it can.
        """
        self.head = LedgerHead(seq=event.seq, hash=event.hash, at=event.at)
        apply = getattr(self, f"_apply_{event.kind}", None)
        if apply is None:
            return f"the unknown kind {event.kind!r}"
        said: str | None = apply(event, facts)
        return said

    def _apply_push(self, event: LedgerEvent, facts: dict[str, Any]) -> str | None:
        prompt, number = event.prompt or "", facts["number"]
        last = self.last_numbers.get(prompt, 0)
        self.pushes[prompt, number] = facts
        self.last_numbers[prompt] = number
        self.tags[prompt, number] = dict.fromkeys(facts.get("tags", ()), event.seq)
        return None if number == last + 1 else f"number {number} of {prompt!r} follows number {last}"

    def _apply_label(self, event: LedgerEvent, facts: dict[str, Any]) -> str | None:
        key = (event.prompt or "", event.label or "")
        before = facts.get("from", {}).get("number")
        stood = self.labels[key][0] if key in self.labels else None
        self.labels[key] = (facts["number"], event.at, event.seq)
        if before != stood:
            return f"it moves {key[1]!r} from number {before}, which stood at {stood}"
        pushed = self.pushes.get((key[0], facts["number"]))
        return None if pushed and pushed["digest"] == facts["digest"] else "its version was never pushed"

    _apply_rollback = _apply_label
    _apply_promote = _apply_label

    def _apply_unlabel(self, event: LedgerEvent, facts: dict[str, Any]) -> str | None:
        del facts
        gone = self.labels.pop((event.prompt or "", event.label or ""), None)
        return None if gone else "it takes away a label that was not there"

    def _apply_tombstone(self, event: LedgerEvent, facts: dict[str, Any]) -> str | None:
        grave = Tombstone(reason=facts["reason"], actor=facts["actor"]["name"], at=event.at)
        self.tombstones[event.prompt or "", facts["number"]] = (grave, event.seq)
        return None

    def _apply_reinstate(self, event: LedgerEvent, facts: dict[str, Any]) -> str | None:
        gone = self.tombstones.pop((event.prompt or "", facts["number"]), None)
        return None if gone else "it reinstates a version that was not withdrawn"

    def _apply_tag(self, event: LedgerEvent, facts: dict[str, Any]) -> str | None:
        tags = self.tags.setdefault((event.prompt or "", facts["number"]), {})
        for tag in facts["remove"]:
            tags.pop(tag, None)
        tags |= dict.fromkeys(facts["add"], event.seq)
        return None

    def _apply_evalset(self, _: LedgerEvent, facts: dict[str, Any]) -> str | None:
        self.evalsets[facts["evalset"], facts["digest"]] = facts
        return None

    def _apply_run(self, _: LedgerEvent, facts: dict[str, Any]) -> str | None:
        self.runs[facts["run_id"]] = facts
        return None

    def _apply_erase(self, _: LedgerEvent, __: dict[str, Any]) -> str | None:
        return None

    def _apply_trust(self, _: LedgerEvent, facts: dict[str, Any]) -> str | None:
        self.keys[facts["keyid"]] = facts["pem"]
        return None

    def _apply_revoke(self, _: LedgerEvent, facts: dict[str, Any]) -> str | None:
        self.revoked.add(facts["keyid"])
        return None if facts["keyid"] in self.keys else "it revokes a key that was never trusted"

    def _apply_attest(self, event: LedgerEvent, facts: dict[str, Any]) -> str | None:
        self.attestations[event.evidence or ""] = facts
        pushed = self.pushes.get((event.prompt or "", facts["number"]))
        if not pushed or pushed["digest"] != facts["digest"]:
            return "its version was never pushed"
        counts = facts["keyid"] in self.keys and facts["keyid"] not in self.revoked
        return None if counts else "its key was not trusted then"

    def _apply_request(self, event: LedgerEvent, facts: dict[str, Any]) -> str | None:
        self.requests[event.seq] = facts["digest"]
        return None

    def _apply_approve(self, _: LedgerEvent, facts: dict[str, Any]) -> str | None:
        asked = self.requests.get(facts["request"])
        return None if asked == facts["digest"] else "it answers a request that was never made"

    _apply_reject = _apply_approve

    def _apply_release(self, _: LedgerEvent, facts: dict[str, Any]) -> str | None:
        known = facts["release"] in self.releases
        self.releases.add(facts["release"])
        return f"release {facts['release']!r} was there already" if known else None

    def _apply_token(self, _: LedgerEvent, facts: dict[str, Any]) -> str | None:
        self.tokens[facts["id"], facts["name"]] = (facts["hash"], facts["scopes"], False)
        return None

    def _apply_untoken(self, _: LedgerEvent, facts: dict[str, Any]) -> str | None:
        made = self.tokens.get((facts["id"], facts["name"]))
        if made is None:
            return "it revokes a token that was never made"
        self.tokens[facts["id"], facts["name"]] = (made[0], made[1], True)
        return None
