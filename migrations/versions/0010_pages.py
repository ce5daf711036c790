"""`listings` remembers the pages of a listing: one that has the same again is not decoded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from replicator.catalog.model import Type

revision = "0010"
down_revision = "0008"


def upgrade() -> None:
    """Gives `listings` the column `pages`; a killed upgrade may have done so already where DDL commits."""
    dialect = context.config.attributes["dialect"]
    schema = dialect.schema or None
    name = "listings" if dialect.schema else "_replicator_listings"
    known = {each["name"] for each in sa.inspect(op.get_bind()).get_columns(name, schema=schema)}
    if "pages" not in known:
        op.add_column(name, sa.Column("pages", dialect.type_of(Type.TEXT)), schema=schema)
