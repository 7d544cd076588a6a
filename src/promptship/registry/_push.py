"""Versions come in, are copied to another name, are withdrawn, and get tags."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptship.domain import Digest, StoredVersion, Tombstone, canonical_json, parse_prompt_name
from promptship.errors import StorageError, UsageError
from promptship.prompts import diff_contract, parse_closure, semver_step
from promptship.registry._resolve import find_named, resolve_version
from promptship.registry._texts import check_tags, check_text
from promptship.store import BlobRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptship.domain import Closure, JsonObject
    from promptship.registry._change import Change
    from promptship.store import UnitOfWork

__all__ = [
    "CLOSURE_TYPE",
    "Draft",
    "Pushed",
    "change_tags",
    "fork_version",
    "hash_bytes",
    "hash_text",
    "load_closure",
    "make_draft",
    "push_draft",
    "push_facts",
    "reinstate_version",
    "require_not_withdrawn",
    "withdraw_version",
]

CLOSURE_TYPE = "application/vnd.promptship.closure+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The version that a push came to; `created` is False where the registry had it already."""

    version: StoredVersion
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version before it has a number; made outside the transaction, which is short then."""

    prompt: str
    closure: Closure
    content: bytes
    digest: Digest
    message: str
    description: str
    git_commit: str | None
    tags: list[str]
    forked_from: str | None = None

    def blob(self, at: str) -> BlobRow:
        """Return the row that keeps the content."""
        size = len(self.content)
        return BlobRow(digest=self.digest, media_type=CLOSURE_TYPE, size=size, content=self.content, created_at=at)


def make_draft(
    prompt: str,
    closure: Closure,
    *,
    message: str,
    description: str,
    git_commit: str | None,
    tags: Iterable[str],
    forked_from: str | None = None,
) -> Draft:
    """Check everything that is to be pushed.

    Raises:
        UsageError: The name, a text or a tag is wrong.
        CanonicalError: The closure has no canonical form.
    """
    parse_prompt_name(prompt)
    content = canonical_json(closure.as_json())
    return Draft(
        prompt=prompt,
        closure=closure,
        content=content,
        digest=Digest(hash_bytes(content)),
        message=check_text("message", message),
        description=check_text("description", description),
        git_commit=git_commit,
        tags=check_tags(tags),
        forked_from=forked_from,
    )


def push_draft(change: Change, draft: Draft) -> Pushed:
    """Give a draft the prompt's next number, unless the registry has its content under that name.

    Raises:
        UsageError: The same content was withdrawn.
    """
    unit = change.unit
    known, before = unit.versions.find_same_or_last(draft.prompt, draft.digest)
    if known:
        require_not_withdrawn(known)
        return Pushed(version=known, created=False)
    semver = _next_semver(unit, draft, before)
    number = unit.versions.claim_number(draft.prompt, at=change.at)
    version = StoredVersion(
        prompt=draft.prompt,
        number=number,
        digest=draft.digest,
        semver=semver,
        model_name=draft.closure.model.name,
        description=draft.description,
        message=draft.message,
        author=change.actor.name,
        author_kind=change.actor.kind,
        git_commit=draft.git_commit,
        forked_from=draft.forked_from,
        created_at=change.at,
        event_seq=unit.head.seq + 1,
        tags=tuple(draft.tags),
    )
    _keep(change, draft, version)
    return Pushed(version=version, created=True)


def _keep(change: Change, draft: Draft, version: StoredVersion) -> None:
    unit = change.unit
    unit.blobs.add([draft.blob(change.at)])
    change.record("push", prompt=draft.prompt, facts=push_facts(version))
    partials = {path: hash_text(text) for path, text in draft.closure.partials.items()}
    unit.versions.add(version, partials=partials, search_text=_search_text(draft, version))
    unit.states.change_tags(draft.prompt, version.number, add=draft.tags, seq=version.event_seq)


def push_facts(version: StoredVersion) -> JsonObject:
    """Return what the event of a push says of the version, besides its prompt, its time and its author."""
    facts: JsonObject = {
        "number": version.number,
        "digest": version.digest,
        "semver": version.semver_text,
        "model": version.model_name,
    }
    said = {
        "message": version.message,
        "description": version.description,
        "commit": version.git_commit,
        "forked_from": version.forked_from,
    }
    facts |= {key: value for key, value in said.items() if value}
    return facts | ({"tags": list(version.tags)} if version.tags else {})


def hash_text(text: str) -> str:
    """Return the digest of a partial's text."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def fork_version(unit: UnitOfWork, reference: str, name: str, *, message: str) -> Draft:
    """Make a draft of another prompt from a version.

    Raises:
        ReferenceNotFoundError: There is no such version.
        UsageError: The name is none, or that of the prompt itself.
    """
    source = resolve_version(unit, reference)
    if source.prompt == name:
        raise UsageError(f"{source.ref} is a version of {name!r} already", hint="name another prompt")
    return make_draft(
        name,
        load_closure(unit, source),
        message=message or f"Fork of {source.ref}",
        description=source.description,
        git_commit=source.git_commit,
        tags=source.tags,
        forked_from=source.ref,
    )


def load_closure(unit: UnitOfWork, version: StoredVersion) -> Closure:
    """Return a version's closure.

    Raises:
        StorageError: It is missing or damaged, or does not have the version's digest.
    """
    blob = unit.blobs.find(version.digest)
    if blob is None or blob.content is None or hash_bytes(blob.content) != version.digest:
        raise StorageError(f"the content of {version.ref} is not what its digest says", hint="promptctl verify")
    return parse_closure(blob.content, model_name=version.model_name, ref=version.ref)


def hash_bytes(content: bytes) -> str:
    """Return the digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def withdraw_version(change: Change, reference: str, *, reason: str) -> StoredVersion:
    """Put a tombstone on a version: its number stays taken, and nobody can resolve it any more.

    Raises:
        UsageError: There is no reason, a label points at it, or it was withdrawn before.
        ReferenceNotFoundError: There is no such version.
    """
    reason = check_text("reason", reason)
    if not reason:
        raise UsageError("a version is withdrawn for a reason", hint="say it: --reason 'leaks the price list'")
    version = resolve_version(change.unit, reference)
    pointing = [state.label for state in change.unit.states.labels(version.prompt) if state.number == version.number]
    if pointing:
        hint = f"move it first: promptctl rollback {version.prompt} {pointing[0]}"
        raise UsageError(f"{version.ref} is {' and '.join(pointing)}", hint=hint)
    event = change.record(
        "tombstone",
        prompt=version.prompt,
        facts={"number": version.number, "digest": version.digest, "reason": reason},
    )
    grave = Tombstone(reason=reason, actor=change.actor.name, at=change.at)
    change.unit.states.put_tombstone(version.prompt, version.number, grave, seq=event.seq)
    return replace(version, tombstone=grave)


def reinstate_version(change: Change, reference: str, *, reason: str) -> StoredVersion:
    """Take a version's tombstone away.

    Raises:
        UsageError: It was not withdrawn.
        ReferenceNotFoundError: There is no such version.
    """
    version = find_named(change.unit, reference)
    if version is None:
        version = resolve_version(change.unit, reference)
    if version.tombstone is None:
        raise UsageError(f"{version.ref} was not withdrawn")
    facts: JsonObject = {"number": version.number, "digest": version.digest, "reason": check_text("reason", reason)}
    change.record("reinstate", prompt=version.prompt, facts=facts)
    change.unit.states.drop_tombstone(version.prompt, version.number)
    return replace(version, tombstone=None)


def require_not_withdrawn(version: StoredVersion) -> None:
    """Refuse to bring back by a push what somebody took away.

    Raises:
        UsageError: The version was withdrawn.
    """
    if version.tombstone is not None:
        raise UsageError(
            f"this content was withdrawn as {version.ref} on {version.tombstone.at[:10]} by {version.tombstone.actor}:"
            f" {version.tombstone.reason}",
            hint=f"if that was a mistake: promptctl withdraw {version.ref} --undo",
        )


def change_tags(change: Change, reference: str, *, add: Iterable[str], remove: Iterable[str]) -> StoredVersion:
    """Add tags to a version and take tags away; nothing is recorded where nothing changes.

    Raises:
        UsageError: A tag is none.
        ReferenceNotFoundError: There is no such version.
    """
    version = resolve_version(change.unit, reference)
    fresh = [tag for tag in check_tags(add) if tag not in version.tags]
    gone = [tag for tag in check_tags(remove) if tag in version.tags and tag not in fresh]
    if not fresh and not gone:
        return version
    facts: JsonObject = {"number": version.number, "digest": version.digest, "add": [*fresh], "remove": [*gone]}
    event = change.record("tag", prompt=version.prompt, facts=facts)
    change.unit.states.change_tags(version.prompt, version.number, add=fresh, remove=gone, seq=event.seq)
    return replace(version, tags=tuple(sorted({*version.tags, *fresh} - set(gone))))


def _next_semver(unit: UnitOfWork, draft: Draft, before: StoredVersion | None) -> tuple[int, int, int]:
    if before is None:
        return (1, 0, 0)
    major, minor, patch = before.semver
    step = semver_step(diff_contract(load_closure(unit, before), draft.closure))
    if step == "major":
        return (major + 1, 0, 0)
    return (major, minor + 1, 0) if step == "minor" else (major, minor, patch + 1)


def _search_text(draft: Draft, version: StoredVersion) -> str:
    closure = draft.closure
    parts = [draft.prompt, draft.description, draft.message, closure.model.model, version.author, *draft.tags]
    whole = "\n".join([*parts, closure.template, *closure.partials, *closure.partials.values()])
    # PostgreSQL keeps no U+0000 in texts.
    return whole.casefold().replace("\0", "")
