"""Runs migrations on the connection that the store hands over, inside the transaction that it has begun."""

from alembic import context

from promptship.store._models import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, version_table="promptship_schema")
with context.begin_transaction():
    context.run_migrations()
