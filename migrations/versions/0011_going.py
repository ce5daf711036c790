"""`object_state` says which rows a deletion that waits for a person would take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from replicator.catalog.model import Type

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Gives `object_state` the column `going`; a killed upgrade may have done so already where DDL commits."""
    dialect = context.config.attributes["dialect"]
    schema = dialect.schema or None
    name = "object_state" if dialect.schema else "_replicator_object_state"
    known = {each["name"] for each in sa.inspect(op.get_bind()).get_columns(name, schema=schema)}
    if "going" not in known:
        op.add_column(name, sa.Column("going", dialect.type_of(Type.TEXT)), schema=schema)
