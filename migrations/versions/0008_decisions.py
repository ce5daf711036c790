"""What persons decided: deletions that a run may perform, conflicts that were resolved; who, and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from replicator.catalog.model import Type

revision = "0008"
down_revision = "0006"


def upgrade() -> None:
    """Creates `decisions`."""
    dialect = context.config.attributes["dialect"]
    word, long, moment = dialect.type_of(Type.TEXT, key=True), dialect.type_of(Type.TEXT), dialect.time_type()
    repeat = {"if_not_exists": True} if dialect.ddl_commits else {}
    op.create_table(
        "decisions" if dialect.schema else "_replicator_decisions",
        sa.Column("id", word, primary_key=True),
        *(sa.Column(name, word, nullable=False) for name in ("scope", "kind", "object", "record_id")),
        sa.Column("what", long, nullable=False),
        sa.Column("decided_by", word, nullable=False),
        sa.Column("decided_at", moment, nullable=False),
        sa.Column("used_by", word),
        sa.Column("used_at", moment),
        schema=dialect.schema or None,
        **repeat,
        **dialect.table_arguments(),
    )
