"""Events are found by their kind, and a schema says which versions of the code may use it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index and the word on compatibility; nothing that was there is changed."""
    op.create_index("ix_ledger_event_kind_seq", "ledger_event", ["kind", "seq"])
    op.create_table("promptship_compatibility", sa.Column("works_from", sa.String(), nullable=False))
    op.execute("INSERT INTO promptship_compatibility (works_from) VALUES ('0002')")
