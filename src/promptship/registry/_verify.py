"""Recompute everything: the chain, every digest, and every table that follows from the events."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import NO_EVENT
from promptship.errors import PromptshipError, StorageError
from promptship.registry._change import hash_payload, read_payload
from promptship.registry._evidence import read_evidence
from promptship.registry._push import CLOSURE_TYPE, hash_bytes, hash_text, push_facts
from promptship.registry._records import load_document, load_lines, payload_name
from promptship.registry._replay import Replay
from promptship.signing import Envelope, parse_public_key, verify_envelope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.domain import LedgerEvent, StoredEvalset, StoredRun, StoredVersion
    from promptship.store import BlobRow, UnitOfWork

__all__ = ["Flaw", "VerifyReport", "rebuild_states", "verify_all"]

_MOST_FLAWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something that is not as it was written: the table, the row, and what is wrong with it."""

    table: str
    row: str
    message: str

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What was recomputed.

    Attributes:
        events: Events of the ledger.
        versions: Versions of prompts.
        blobs: Contents by digest, those that were erased apart.
        erased: Payloads of which only the name is left.
        evalsets: Versions of evalsets.
        runs: Runs.
        attestations: Pieces of evidence.
        head: Hash of the last event.
        flaws: What is wrong, in the order it was found, the ledger's first; a hundred at most.
    """

    events: int
    versions: int
    blobs: int
    erased: int
    evalsets: int
    runs: int
    attestations: int
    head: str
    flaws: tuple[Flaw, ...]


@dataclass(kw_only=True)
class _Verification:
    unit: UnitOfWork
    replay: Replay = field(default_factory=Replay)
    flaws: list[Flaw] = field(default_factory=list)
    partials: dict[str, dict[str, str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("events", "versions", "blobs", "erased"), 0))

    def note(self, table: str, row: object, message: str) -> None:
        """Keep what is wrong, up to a number that somebody may read."""
        if len(self.flaws) < _MOST_FLAWS:
            self.flaws.append(Flaw(table=table, row=str(row), message=message))


def verify_all(unit: UnitOfWork) -> VerifyReport:
    """Verify a registry; see `VerifyReport`."""
    work = _Verification(unit=unit)
    _verify_ledger(work)
    _verify_head(work)
    _verify_blobs(work)
    _verify_versions(work)
    _verify_states(work)
    evalsets = _verify_evalsets(work)
    runs = _verify_runs(work)
    _verify_attestations(work)
    return VerifyReport(
        **work.counts,
        evalsets=evalsets,
        runs=runs,
        attestations=len(work.replay.attestations),
        head=work.replay.head.hash,
        flaws=tuple(work.flaws),
    )


def rebuild_states(unit: UnitOfWork) -> None:
    """Make labels, tags, tombstones, counters and the head anew from the ledger.

    Raises:
        StorageError: The ledger itself is wrong; nothing is changed.
    """
    work = _Verification(unit=unit)
    _verify_ledger(work)
    if work.flaws:
        raise StorageError(f"the ledger is wrong: {work.flaws[0]}", hint="promptctl db restore BACKUP")
    replay = work.replay
    unit.ledger.reset_head(replay.head)
    unit.states.clear()
    for (prompt, label), (number, at, seq) in replay.labels.items():
        unit.states.put_label(prompt, label, number, at=at, seq=seq)
    for (prompt, number), (tombstone, seq) in replay.tombstones.items():
        unit.states.put_tombstone(prompt, number, tombstone, seq=seq)
    for (prompt, number), tags in replay.tags.items():
        for tag, seq in tags.items():
            unit.states.change_tags(prompt, number, add=[tag], seq=seq)
    for prompt, number in replay.last_numbers.items():
        unit.versions.set_next_number(prompt, number + 1)


def _verify_ledger(work: _Verification) -> None:
    before, at = NO_EVENT, ""
    for count, event in enumerate(work.unit.ledger.stream(), start=1):
        work.counts["events"] = count
        flaw, contradiction = _event_flaw(event, count, before, at), _replay_flaw(work.replay, event)
        if message := flaw or contradiction:
            work.note("ledger_event", event.seq, message)
        before, at = event.hash, event.at


def _event_flaw(event: LedgerEvent, seq: int, before: str, at: str) -> str | None:
    if event.seq != seq:
        return f"event {seq} is missing before it"
    if hash_payload(event.payload) != event.hash:
        return "its hash is not that of its payload"
    if event.prev_hash != before:
        return "it does not follow the event before it"
    if event.at < at:
        return f"its time {event.at} is before the last one's"
    return None


def _replay_flaw(replay: Replay, event: LedgerEvent) -> str | None:
    try:
        facts = read_payload(event)
        columns = (event.seq, event.kind, event.prompt, event.label, event.evidence, event.at, event.prev_hash)
        said = tuple(facts.get(key) for key in ("seq", "kind", "prompt", "label", "evidence", "at", "prev"))
        if columns != said:
            return "a column differs from its payload"
        return replay.add(event, facts)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        return f"its payload cannot be read: {error}"


def _verify_head(work: _Verification) -> None:
    head, last = work.unit.head, work.replay.head
    if head != last:
        where = f"event {head.seq} ({head.hash[:19]}…), but the ledger ends at event {last.seq} ({last.hash[:19]}…)"
        work.note("ledger_head", 1, f"it says {where}")


def _verify_blobs(work: _Verification) -> None:
    for blob in work.unit.blobs.stream():
        work.counts["erased" if blob.content is None else "blobs"] += 1
        if message := _blob_flaw(blob):
            work.note("blob", blob.digest, message)
        elif blob.media_type == CLOSURE_TYPE and blob.content is not None:
            partials = orjson.loads(blob.content).get("partials")
            if partials:
                work.partials[blob.digest] = {path: hash_text(text) for path, text in partials.items()}


def _blob_flaw(blob: BlobRow) -> str | None:
    if blob.content is None:
        is_erased = blob.erased_at and blob.salt is None and blob.digest.startswith("hmac-sha256:")
        return None if is_erased else "its content is missing, and it is none that may be erased"
    name = hash_bytes(blob.content) if blob.salt is None else payload_name(blob.content, blob.salt)
    return None if name == blob.digest and len(blob.content) == blob.size else "its content is not what its digest says"


def _verify_versions(work: _Verification) -> None:
    pushes = dict(work.replay.pushes)
    counters = work.unit.versions.next_numbers()
    edges = work.unit.versions.all_partials()
    for version in work.unit.versions.list_all():
        work.counts["versions"] += 1
        facts = pushes.pop((version.prompt, version.number), None)
        if message := _version_flaw(version, facts):
            work.note("version", version.ref, message)
        if edges.get((version.prompt, version.number), {}) != work.partials.get(version.digest, {}):
            work.note("edge", version.ref, "the partials are not those of its content")
    for prompt, number in pushes:
        work.note("version", f"{prompt}@{number}", "it was pushed, and is missing")
    for prompt, last in work.replay.last_numbers.items():
        if counters.get(prompt) != last + 1:
            work.note("prompt", prompt, f"its next number is {counters.get(prompt)} instead of {last + 1}")


def _version_flaw(version: StoredVersion, facts: dict[str, Any] | None) -> str | None:
    if facts is None:
        return "no event says that it was pushed"
    said = push_facts(version) | {"tags": facts.get("tags")}
    wrong = [key for key, value in said.items() if facts.get(key) != value]
    wrong += [key for key in ("message", "description", "commit", "forked_from") if key in facts and key not in said]
    actor = facts["actor"]
    written = (version.created_at, version.event_seq, version.author, version.author_kind)
    if written != (facts["at"], facts["seq"], actor["name"], actor["kind"]):
        wrong.append("author or time")
    return f"it differs from event {facts['seq']} in {', '.join(wrong)}" if wrong else None


def _verify_states(work: _Verification) -> None:
    unit, replay = work.unit, work.replay
    labels = {
        (state.prompt, state.label): (state.number, state.moved_at, state.event_seq) for state in unit.states.labels()
    }
    graves, tags = {}, {}
    for version in unit.versions.list_all():
        if version.tombstone:
            graves[version.prompt, version.number] = version.tombstone
        tags[version.prompt, version.number] = set(version.tags)
    _compare(work, "label", labels, replay.labels)
    _verify_tokens(work)
    _compare(work, "tombstone", graves, {key: grave for key, (grave, _) in replay.tombstones.items()})
    _compare(work, "version_tag", tags, {key: set(found) for key, found in replay.tags.items()})


def _verify_tokens(work: _Verification) -> None:
    found = {
        (one.id, one.name): (one.hash, " ".join(map(str, one.scopes)), one.revoked_at is not None)
        for one in work.unit.tokens.all()
    }
    _compare(work, "token", found, work.replay.tokens)


def _compare(work: _Verification, table: str, found: dict[Any, Any], due: dict[Any, Any]) -> None:
    """Note every row that is not as the events say."""
    for key in [*found, *(key for key in due if key not in found)]:
        if found.get(key) != due.get(key):
            row = f"{key[0]}@{key[1]}"
            work.note(table, row, f"it is {_show(found.get(key))}; the events say {_show(due.get(key))}")


def _show(value: Any) -> str:
    if value is None:
        return "not there"
    return str(value[0]) if isinstance(value, tuple) else str(value)


def _verify_evalsets(work: _Verification) -> int:
    due = dict(work.replay.evalsets)
    stored = work.unit.records.evalsets()
    for one in stored:
        facts = due.pop((one.name, one.digest), None)
        if facts is None or facts["document"] != one.document or facts["seq"] != one.event_seq:
            work.note("evalset_version", f"{one.name}@{one.digest}", "no event says that it was stored so")
        _try(work, "evalset_version", f"{one.name}@{one.digest}", _evalset_flaws(work, one))
    for name, digest in due:
        work.note("evalset_version", f"{name}@{digest}", "it was stored, and is missing")
    return len(stored)


def _evalset_flaws(work: _Verification, one: StoredEvalset) -> Iterator[str]:
    lines = load_lines(work.unit, load_document(work.unit, one.document))
    if len(lines) != one.cases + 1:
        yield f"it has {len(lines) - 1} cases instead of {one.cases}"
    whole = [line for line in lines if line is not None]
    # Once a case was erased the digest cannot be recomputed; each case that is left still has its own.
    if len(whole) == len(lines):
        found = hashlib.sha256(b"".join(line + b"\n" for line in whole)).hexdigest()
        if f"sha256:{found}" != one.digest:
            yield "its cases are not what its digest says"


def _verify_runs(work: _Verification) -> int:
    due = dict(work.replay.runs)
    stored = work.unit.records.runs()
    for one in stored:
        facts = due.pop(one.run_id, None)
        if facts is None or (facts["digest"], facts["seq"]) != (one.digest, one.event_seq):
            work.note("run", one.run_id, "no event says that it was stored so")
        _try(work, "run", one.run_id, _run_flaws(work, one))
    for run_id in due:
        work.note("run", run_id, "it was stored, and is missing")
    return len(stored)


def _run_flaws(work: _Verification, one: StoredRun) -> Iterator[str]:
    manifest = load_document(work.unit, one.digest)["manifest"]
    row = (one.run_id, one.evalset, one.evalset_digest, one.scoring_digest, one.complete, one.finished_at)
    keys = ("run_id", "evalset", "evalset_digest", "scoring_digest", "complete", "finished")
    if row != tuple(manifest[key] for key in keys):
        yield "a column differs from its document"


def _verify_attestations(work: _Verification) -> None:
    for digest, facts in work.replay.attestations.items():
        _try(work, "ledger_event", str(facts["seq"]), _attestation_flaws(work, digest, facts))


def _attestation_flaws(work: _Verification, digest: str, facts: dict[str, Any]) -> Iterator[str]:
    envelope = Envelope.from_json(load_document(work.unit, digest))
    verify_envelope(envelope, [parse_public_key(work.replay.keys.get(facts["keyid"], ""), name=facts["keyid"][:12])])
    evidence = read_evidence(envelope)
    said = {"digest": evidence.digest, "evalset": evidence.evalset, "run_id": evidence.run_id}
    said |= {"outcome": evidence.outcome, "prompt": evidence.prompt}
    if any(facts[key] != value for key, value in said.items()):
        yield "it says something else than what was signed"


def _try(work: _Verification, table: str, row: str, flaws: Iterator[str]) -> None:
    try:
        for message in flaws:
            work.note(table, row, message)
    except PromptshipError as error:
        work.note(table, row, str(error))
    except (KeyError, TypeError, orjson.JSONDecodeError) as error:
        work.note(table, row, f"its document cannot be read: {error}")
