"""What a registry holds: versions, labels, and the events of its ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from promptship.domain.canonical import Digest
    from promptship.domain.json_types import JsonObject
    from promptship.domain.names import Reference
    from promptship.domain.prompts import Closure

__all__ = [
    "NO_EVENT",
    "Actor",
    "ActorKind",
    "EventKind",
    "LabelState",
    "LedgerEvent",
    "LedgerHead",
    "StoredEvalset",
    "StoredRun",
    "StoredVersion",
    "Tombstone",
    "VersionSource",
]

ActorKind = Literal["human", "ci", "service"]
EventKind = Literal[
    "push", "label", "rollback", "unlabel", "tombstone", "reinstate", "tag", "evalset", "run", "erase",
    "attest", "promote", "request", "approve", "reject", "trust", "revoke", "release", "token", "untoken",
]  # fmt: skip
NO_EVENT = f"sha256:{'0' * 64}"
"""What the first event of a ledger has as the hash of the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did something.

    Attributes:
        name: As the ledger keeps it: `Ada <ada@example.org>`, the name of a token or of a job.
        kind: A person, a CI job, or a service.
        authenticated: Whether somebody checked that it is them; a local command's word is never that.
    """

    name: str
    kind: ActorKind = "human"
    authenticated: bool = False

    def as_json(self) -> JsonObject:
        """Return what an event says of the actor."""
        return {"name": self.name, "kind": self.kind, "authenticated": self.authenticated}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """Why a version may not be used any more, who said so, and when (ISO 8601 UTC)."""

    reason: str
    actor: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """A version of a prompt as a registry knows it.

    Attributes:
        prompt: The prompt's name.
        number: 1, 2, 3 … by prompt; never given again.
        digest: Digest of the closure.
        semver: Step of the contract against the version before; `1.0.0` for the first.
        model_name: Name of the model config that it was closed over.
        description: What the prompt's file says that it does.
        message: What the author said of the change.
        author: Name of the actor that pushed it.
        author_kind: Its kind.
        git_commit: Commit of the working tree, with `+dirty` where files differed; None outside git.
        forked_from: The version that it is a copy of, `name@7`; None for one that is none.
        created_at: ISO 8601 UTC.
        event_seq: The event that made it.
        tags: Words on it, sorted.
        tombstone: Why it was withdrawn; None where it was not.
    """

    prompt: str
    number: int
    digest: Digest
    semver: tuple[int, int, int]
    model_name: str
    description: str
    message: str
    author: str
    author_kind: str
    git_commit: str | None
    forked_from: str | None
    created_at: str
    event_seq: int
    tags: tuple[str, ...] = ()
    tombstone: Tombstone | None = None

    @property
    def ref(self) -> str:
        """Return `name@7`."""
        return f"{self.prompt}@{self.number}"

    @property
    def semver_text(self) -> str:
        """Return `1.2.0`."""
        return ".".join(map(str, self.semver))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelState:
    """Where a label points, since when (ISO 8601 UTC) and by which event."""

    prompt: str
    label: str
    number: int
    digest: Digest
    moved_at: str
    event_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHead:
    """The last event of a ledger; `seq` 0 and `at` "" where there is none."""

    seq: int = 0
    hash: str = NO_EVENT
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEvent:
    """One link of the chain.

    Attributes:
        seq: 1, 2, 3 … without a gap.
        kind: What happened.
        prompt: The prompt that it happened to; None for an evalset or a run.
        label: The label that moved; None for other kinds.
        evidence: Digest of what a move was decided on; None without.
        at: ISO 8601 UTC.
        payload: Canonical JSON, exactly as it was hashed.
        prev_hash: Hash of the event before.
        hash: `sha256:` of the payload.
    """

    seq: int
    kind: str
    prompt: str | None
    label: str | None
    evidence: str | None
    at: str
    payload: str
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvalset:
    """An evalset as it was when it was stored; `digest` is what runs cite."""

    name: str
    digest: Digest
    kind: str
    cases: int
    document: str
    created_at: str
    event_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A finished run; `digest` is that of its document, `outcome` what its gates said (None where there were none)."""

    run_id: str
    digest: Digest
    evalset: str
    evalset_digest: str
    scoring_digest: str
    complete: bool
    outcome: str | None
    finished_at: str
    created_at: str
    event_seq: int


class VersionSource(Protocol):
    """Where versions come from that are in no file: `name@7`, `name@label`, `name@^2`, `name@sha256:…`."""

    def find_version(self, reference: Reference) -> tuple[StoredVersion, Closure]:
        """Return the version and its closure.

        Raises:
            ReferenceNotFoundError: There is none, or it was withdrawn.
            StorageError: The registry cannot be read.
        """
        ...
