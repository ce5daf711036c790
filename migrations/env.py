"""Runs the migrations of our bookkeeping tables on the connection that `replicator.target.migrate` hands over."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
dialect = context.config.attributes["dialect"]
context.configure(
    connection=connection,
    version_table=context.config.attributes["version_table"],
    version_table_schema=dialect.schema or None,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
