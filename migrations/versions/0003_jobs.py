"""Which job a run was of, so that the daemon can tell from the ledger when the next one is due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from replicator.catalog.model import Type

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Gives `runs` the column `job`; a killed upgrade may have done so already where DDL commits."""
    dialect = context.config.attributes["dialect"]
    schema = dialect.schema or None
    name = "runs" if dialect.schema else "_replicator_runs"
    known = {each["name"] for each in sa.inspect(op.get_bind()).get_columns(name, schema=schema)}
    if "job" not in known:
        op.add_column(name, sa.Column("job", dialect.type_of(Type.TEXT, key=True)), schema=schema)
