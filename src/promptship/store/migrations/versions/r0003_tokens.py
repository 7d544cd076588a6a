"""Tokens of a server, requests that are done once only, and word of each event to all replicas."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_REVOKED = (
    "OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL AND NEW.id = OLD.id AND NEW.name = OLD.name"
    " AND NEW.hash = OLD.hash AND NEW.scopes = OLD.scopes AND NEW.event_seq = OLD.event_seq"
)


def upgrade() -> None:
    """Add the tables; nothing that was there is changed, so older code goes on working."""
    op.create_table(
        "token",
        *(_text(name) for name in ("id", "name", "kind", "hash", "scopes", "created_at", "created_by")),
        *(_text("expires_at", null=True), _text("revoked_at", null=True)),
        sa.Column("event_seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_token"),
        sa.ForeignKeyConstraint(["event_seq"], ["ledger_event.seq"], name="fk_token_event_seq"),
    )
    op.create_table(
        "request_key",
        *(_text(name) for name in ("token_id", "key", "fingerprint", "created_at")),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("token_id", "key", name="pk_request_key"),
    )
    op.create_index("ix_request_key_created_at", "request_key", ["created_at"])
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=null)


def _guard_sqlite() -> None:
    message = "of a token only its end may be written"
    for event, when in (("UPDATE ON token", f" WHEN NOT ({_REVOKED})"), ("DELETE ON token", "")):
        name = f"token_no_{event.partition(' ')[0].lower()}"
        op.execute(f"CREATE TRIGGER {name} BEFORE {event}{when} BEGIN SELECT RAISE(ABORT, '{message}'); END")
    taken = "EXISTS (SELECT 1 FROM token WHERE id = NEW.id)"
    refuse = f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    op.execute(f"CREATE TRIGGER token_no_replace BEFORE INSERT ON token WHEN {taken} {refuse}")


def _guard_postgresql() -> None:
    message = "of a token only its end may be written"
    refuse = f"RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation'"
    for name, event, test in (
        ("token_no_update", "UPDATE ON token FOR EACH ROW", f"IF {_REVOKED} THEN RETURN NEW; END IF; "),
        ("token_no_delete", "DELETE ON token FOR EACH ROW", ""),
        ("token_no_truncate", "TRUNCATE ON token FOR EACH STATEMENT", ""),
    ):
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {test}{refuse}; END$$")
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} EXECUTE FUNCTION {name}()")
    # In the database, so that replicas hear of what the command line writes, too.
    op.execute(
        "CREATE FUNCTION ledger_event_notify() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM pg_notify('promptship_events', NEW.seq::text); RETURN NULL; END$$"
    )
    op.execute(
        "CREATE TRIGGER ledger_event_notify AFTER INSERT ON ledger_event FOR EACH ROW"
        " EXECUTE FUNCTION ledger_event_notify()"
    )
