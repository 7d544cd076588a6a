"""The tables. What may be read from outside are values of `promptship.domain`; these stay behind the door."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, MetaData, Text, UniqueConstraint
from sqlmodel import Field, Index, SQLModel

__all__ = [
    "METADATA",
    "Blob",
    "Edge",
    "EvalsetRow",
    "Event",
    "Head",
    "LabelRow",
    "PromptRow",
    "RequestRow",
    "RunRow",
    "RunVariantRow",
    "TagRow",
    "TokenRow",
    "TombstoneRow",
    "VersionRow",
]

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class _Table(SQLModel):
    metadata = METADATA


class Blob(_Table, table=True):
    """Content by its digest.

    Attributes:
        digest: `sha256:` of the content; of a payload `hmac-sha256:` of it under the salt.
        media_type: What the content is.
        size: Bytes of the content, also after it was erased.
        content: None once it was erased.
        salt: Of payloads, which can be erased; None for what never is.
        subject: Whom a payload is about; None where nobody said.
        created_at: ISO 8601 UTC.
        erased_at: ISO 8601 UTC; None while the content is there.
    """

    __tablename__ = "blob"

    digest: str = Field(primary_key=True)
    media_type: str
    size: int
    content: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    salt: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    subject: str | None = Field(default=None, index=True)
    created_at: str = Field(index=True)
    erased_at: str | None = None


class PromptRow(_Table, table=True):
    """A name, and the number that its next version gets."""

    __tablename__ = "prompt"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    next_number: int
    created_at: str


class VersionRow(_Table, table=True):
    """An immutable version of a prompt. `event_seq` is the event that made it."""

    __tablename__ = "version"
    __table_args__ = (UniqueConstraint("prompt_id", "number"), UniqueConstraint("prompt_id", "digest"))

    id: int | None = Field(default=None, primary_key=True)
    prompt_id: int = Field(foreign_key="prompt.id")
    number: int
    digest: str = Field(foreign_key="blob.digest", index=True)
    major: int
    minor: int
    patch: int
    model_name: str
    description: str = Field(sa_column=Column(Text, nullable=False))
    message: str = Field(sa_column=Column(Text, nullable=False))
    author: str
    author_kind: str
    git_commit: str | None = None
    forked_from: str | None = None
    search_text: str = Field(sa_column=Column(Text, nullable=False))
    created_at: str
    event_seq: int = Field(foreign_key="ledger_event.seq")


class Edge(_Table, table=True):
    """A partial that a version is made of."""

    __tablename__ = "edge"

    version_id: int = Field(foreign_key="version.id", primary_key=True)
    partial: str = Field(primary_key=True)
    digest: str = Field(index=True)


class TagRow(_Table, table=True):
    """A word on a version."""

    __tablename__ = "version_tag"

    version_id: int = Field(foreign_key="version.id", primary_key=True)
    tag: str = Field(primary_key=True, index=True)
    event_seq: int = Field(foreign_key="ledger_event.seq")


class TombstoneRow(_Table, table=True):
    """A version that was withdrawn."""

    __tablename__ = "tombstone"

    version_id: int = Field(foreign_key="version.id", primary_key=True)
    reason: str = Field(sa_column=Column(Text, nullable=False))
    actor: str
    at: str
    event_seq: int = Field(foreign_key="ledger_event.seq")


class LabelRow(_Table, table=True):
    """Where a label points now."""

    __tablename__ = "label"

    prompt_id: int = Field(foreign_key="prompt.id", primary_key=True)
    name: str = Field(primary_key=True)
    version_id: int = Field(foreign_key="version.id")
    moved_at: str
    event_seq: int = Field(foreign_key="ledger_event.seq")


class Event(_Table, table=True):
    """One link of the chain.

    Attributes:
        seq: 1, 2, 3 … without a gap.
        kind: What happened.
        prompt: Name of the prompt that it happened to; None for other things.
        label: The label that moved; None for other kinds.
        evidence: Digest of what a move was decided on; None without.
        at: ISO 8601 UTC, never before the event before it.
        payload: Canonical JSON; its UTF-8 bytes are what was hashed.
        prev_hash: Hash of the event before; 64 zeros for the first.
        hash: `sha256:` of the payload.
    """

    __tablename__ = "ledger_event"
    __table_args__ = (Index(None, "prompt", "seq"), Index(None, "kind", "seq"))

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str
    prompt: str | None = None
    label: str | None = None
    evidence: str | None = None
    at: str
    payload: str = Field(sa_column=Column(Text, nullable=False))
    prev_hash: str
    hash: str = Field(unique=True)


class Head(_Table, table=True):
    """The last event: one row, which writers lock."""

    __tablename__ = "ledger_head"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq: int
    hash: str
    at: str


class EvalsetRow(_Table, table=True):
    """An immutable version of an evalset; `document` is the blob that names its cases."""

    __tablename__ = "evalset_version"
    __table_args__ = (UniqueConstraint("name", "digest"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str
    digest: str = Field(index=True)
    kind: str
    cases: int
    document: str = Field(foreign_key="blob.digest")
    created_at: str
    event_seq: int = Field(foreign_key="ledger_event.seq")


class RunRow(_Table, table=True):
    """A finished run; `digest` is the blob that holds its figures and names its rows."""

    __tablename__ = "run"

    run_id: str = Field(primary_key=True)
    digest: str = Field(foreign_key="blob.digest", index=True)
    evalset: str
    evalset_digest: str = Field(index=True)
    scoring_digest: str
    complete: bool
    outcome: str | None = None
    finished_at: str
    created_at: str
    event_seq: int = Field(foreign_key="ledger_event.seq")


class RunVariantRow(_Table, table=True):
    """A column of a run: which version was evaluated."""

    __tablename__ = "run_variant"

    run_id: str = Field(foreign_key="run.run_id", primary_key=True)
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    label: str
    prompt: str
    digest: str = Field(index=True)


class TokenRow(_Table, table=True):
    """A server's token; `scopes` are words with a space between them."""

    __tablename__ = "token"

    id: str = Field(primary_key=True)
    name: str
    kind: str
    hash: str
    scopes: str
    created_at: str
    created_by: str
    expires_at: str | None = None
    revoked_at: str | None = None
    event_seq: int = Field(foreign_key="ledger_event.seq")


class RequestRow(_Table, table=True):
    """A request that its sender gave a key: it is done once, and answered alike each time.

    Attributes:
        token_id: Whose key it is.
        key: The header `Idempotency-Key`.
        fingerprint: Digest of method, path and body.
        created_at: ISO 8601 UTC.
        status: Of the answer; None where the server died before it was kept.
        body: The answer.
    """

    __tablename__ = "request_key"

    token_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    created_at: str = Field(index=True)
    status: int | None = None
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
