"""Prompts, versions, labels, the ledger, evalsets and runs; and the triggers that keep what is immutable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import op

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_FROZEN = ("version", "edge", "ledger_event", "evalset_version", "run", "run_variant")
_ERASED = "OLD.salt IS NOT NULL AND NEW.content IS NULL AND NEW.salt IS NULL AND NEW.erased_at IS NOT NULL"
_SAME_BLOB = "NEW.digest = OLD.digest AND NEW.size = OLD.size AND NEW.media_type = OLD.media_type"
_NEXT_SEQ = "(SELECT coalesce(max(seq), 0) + 1 FROM ledger_event)"
_LAST_HASH = "(SELECT hash FROM ledger_event WHERE seq = NEW.seq - 1)"
_OUT_OF_LINE = f"NEW.seq <> {_NEXT_SEQ} OR (NEW.seq > 1 AND NEW.prev_hash <> {_LAST_HASH})"
_TAKEN = (
    "EXISTS (SELECT 1 FROM version WHERE id = NEW.id OR (prompt_id = NEW.prompt_id"
    " AND (number = NEW.number OR digest = NEW.digest)))"
)


def upgrade() -> None:
    """Make the tables and their guards on a blank database."""
    _make_ledger()
    _make_prompts()
    _make_states()
    _make_records()
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _column(name: str, kind: type[TypeEngine[Any]] = sa.String, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind(), nullable=null)


def _number(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, autoincrement="auto" if key else False)


def _refer(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}")


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _make_ledger() -> None:
    op.create_table(
        "blob",
        *(_column("digest"), _column("media_type"), _number("size")),
        *(_column("content", sa.LargeBinary, null=True), _column("salt", sa.LargeBinary, null=True)),
        *(_column("subject", null=True), _column("created_at"), _column("erased_at", null=True)),
        _key("blob", "digest"),
    )
    _index("blob", "created_at")
    _index("blob", "subject")
    op.create_table(
        "ledger_event",
        *(_number("seq"), _column("kind"), _column("prompt", null=True), _column("label", null=True)),
        *(_column("evidence", null=True), _column("at"), _column("payload", sa.Text)),
        *(_column("prev_hash"), _column("hash")),
        _key("ledger_event", "seq"),
        _unique("ledger_event", "hash"),
    )
    _index("ledger_event", "prompt", "seq")
    op.create_table(
        "ledger_head",
        *(_number("id"), _number("seq"), _column("hash"), _column("at")),
        _key("ledger_head", "id"),
    )
    nothing = f"sha256:{'0' * 64}"
    op.execute(f"INSERT INTO ledger_head (id, seq, hash, at) VALUES (1, 0, '{nothing}', '')")  # noqa: S608 - a constant


def _make_prompts() -> None:
    op.create_table(
        "prompt",
        *(_number("id", key=True), _column("name"), _number("next_number"), _column("created_at")),
        _key("prompt", "id"),
        _unique("prompt", "name"),
    )
    op.create_table(
        "version",
        *(_number("id", key=True), _number("prompt_id"), _number("number"), _column("digest")),
        *(_number("major"), _number("minor"), _number("patch"), _column("model_name")),
        *(_column("description", sa.Text), _column("message", sa.Text), _column("author"), _column("author_kind")),
        *(_column("git_commit", null=True), _column("forked_from", null=True), _column("search_text", sa.Text)),
        *(_column("created_at"), _number("event_seq")),
        _key("version", "id"),
        _refer("version", "prompt_id", "prompt.id"),
        _refer("version", "digest", "blob.digest"),
        _refer("version", "event_seq", "ledger_event.seq"),
        _unique("version", "prompt_id", "number"),
        _unique("version", "prompt_id", "digest"),
    )
    _index("version", "digest")
    op.create_table(
        "edge",
        *(_number("version_id"), _column("partial"), _column("digest")),
        _key("edge", "version_id", "partial"),
        _refer("edge", "version_id", "version.id"),
    )
    _index("edge", "digest")


def _make_states() -> None:
    op.create_table(
        "version_tag",
        *(_number("version_id"), _column("tag"), _number("event_seq")),
        _key("version_tag", "version_id", "tag"),
        _refer("version_tag", "version_id", "version.id"),
        _refer("version_tag", "event_seq", "ledger_event.seq"),
    )
    _index("version_tag", "tag")
    op.create_table(
        "tombstone",
        *(_number("version_id"), _column("reason", sa.Text), _column("actor"), _column("at"), _number("event_seq")),
        _key("tombstone", "version_id"),
        _refer("tombstone", "version_id", "version.id"),
        _refer("tombstone", "event_seq", "ledger_event.seq"),
    )
    op.create_table(
        "label",
        *(_number("prompt_id"), _column("name"), _number("version_id"), _column("moved_at"), _number("event_seq")),
        _key("label", "prompt_id", "name"),
        _refer("label", "prompt_id", "prompt.id"),
        _refer("label", "version_id", "version.id"),
        _refer("label", "event_seq", "ledger_event.seq"),
    )


def _make_records() -> None:
    op.create_table(
        "evalset_version",
        *(_number("id", key=True), _column("name"), _column("digest"), _column("kind"), _number("cases")),
        *(_column("document"), _column("created_at"), _number("event_seq")),
        _key("evalset_version", "id"),
        _refer("evalset_version", "document", "blob.digest"),
        _refer("evalset_version", "event_seq", "ledger_event.seq"),
        _unique("evalset_version", "name", "digest"),
    )
    _index("evalset_version", "digest")
    op.create_table(
        "run",
        *(_column("run_id"), _column("digest"), _column("evalset"), _column("evalset_digest")),
        *(_column("scoring_digest"), _column("complete", sa.Boolean), _column("outcome", null=True)),
        *(_column("finished_at"), _column("created_at"), _number("event_seq")),
        _key("run", "run_id"),
        _refer("run", "digest", "blob.digest"),
        _refer("run", "event_seq", "ledger_event.seq"),
    )
    _index("run", "digest")
    _index("run", "evalset_digest")
    op.create_table(
        "run_variant",
        *(_column("run_id"), _number("position"), _column("label"), _column("prompt"), _column("digest")),
        _key("run_variant", "run_id", "position"),
        _refer("run_variant", "run_id", "run.run_id"),
    )
    _index("run_variant", "digest")


def _guard_sqlite() -> None:
    for table in _FROZEN:
        for action in ("UPDATE", "DELETE"):
            _trigger_sqlite(f"{table}_no_{action.lower()}", f"{action} ON {table}", None, f"{table} is append-only")
    # INSERT OR REPLACE deletes without asking the triggers of DELETE, so a taken key is refused before.
    _trigger_sqlite("version_no_replace", "INSERT ON version", _TAKEN, "a version is never replaced")
    _trigger_sqlite("ledger_event_in_line", "INSERT ON ledger_event", _OUT_OF_LINE, "an event follows the last one")
    _trigger_sqlite("blob_no_delete", "DELETE ON blob", None, "blob is append-only")
    kept = f"NOT ({_SAME_BLOB} AND {_ERASED})"
    _trigger_sqlite("blob_only_erase", "UPDATE ON blob", kept, "of a blob only a payload may be erased")
    exists = "EXISTS (SELECT 1 FROM blob WHERE digest = NEW.digest)"
    _trigger_sqlite("blob_no_replace", "INSERT ON blob", exists, "a blob is never replaced")


def _trigger_sqlite(name: str, event: str, condition: str | None, message: str) -> None:
    when = f" WHEN {condition}" if condition else ""
    op.execute(f"CREATE TRIGGER {name} BEFORE {event}{when} BEGIN SELECT RAISE(ABORT, '{message}'); END")


def _guard_postgresql() -> None:
    for table in _FROZEN:
        _trigger_postgresql(f"{table}_no_change", f"UPDATE OR DELETE ON {table}", None, f"{table} is append-only")
    for table in (*_FROZEN, "blob"):
        _trigger_postgresql(
            f"{table}_no_truncate", f"TRUNCATE ON {table}", None, f"{table} is append-only", each="STATEMENT"
        )
    _trigger_postgresql("ledger_event_in_line", "INSERT ON ledger_event", _OUT_OF_LINE, "an event follows the last one")
    _trigger_postgresql("blob_no_delete", "DELETE ON blob", None, "blob is append-only")
    kept = f"NOT ({_SAME_BLOB} AND {_ERASED})"
    _trigger_postgresql("blob_only_erase", "UPDATE ON blob", kept, "of a blob only a payload may be erased")


def _trigger_postgresql(name: str, event: str, condition: str | None, message: str, *, each: str = "ROW") -> None:
    test = f"IF NOT ({condition}) THEN RETURN NEW; END IF; " if condition else ""
    body = f"BEGIN {test}RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation'; END"
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} FOR EACH {each} EXECUTE FUNCTION {name}()")
