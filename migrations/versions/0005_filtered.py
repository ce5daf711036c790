"""How many records of a listing the condition `where` left out, so that its counts stay whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Gives `run_objects` the column `filtered`; a killed upgrade may have done so already where DDL commits."""
    dialect = context.config.attributes["dialect"]
    schema = dialect.schema or None
    name = "run_objects" if dialect.schema else "_replicator_run_objects"
    known = {each["name"] for each in sa.inspect(op.get_bind()).get_columns(name, schema=schema)}
    if "filtered" not in known:
        op.add_column(name, sa.Column("filtered", sa.BigInteger, nullable=False, server_default="0"), schema=schema)
