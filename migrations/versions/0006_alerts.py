"""What people are told: the conditions that stand, and which channel was told of each; which changes are drift."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

from replicator.catalog.model import Type

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Creates `alerts` and `alert_tells`, and gives `schema_changes` the column `drift`."""
    dialect = context.config.attributes["dialect"]
    schema = dialect.schema or None
    word, long, moment = dialect.type_of(Type.TEXT, key=True), dialect.type_of(Type.TEXT), dialect.time_type()
    repeat = {"if_not_exists": True} if dialect.ddl_commits else {}

    def named(name: str) -> str:
        return name if dialect.schema else f"_replicator_{name}"

    def table(name: str, *columns: sa.Column[Any]) -> None:
        op.create_table(named(name), *columns, schema=schema, **repeat, **dialect.table_arguments())

    table(
        "alerts",
        sa.Column("id", word, primary_key=True),
        *(sa.Column(name, word, nullable=False) for name in ("scope", "kind", "job", "object", "detail")),
        sa.Column("why", long, nullable=False),
        sa.Column("run_id", word),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("closed_at", moment),
    )
    table(
        "alert_tells",
        sa.Column("alert_id", word, primary_key=True),
        sa.Column("channel", word, primary_key=True),
        sa.Column("told", word, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("claim", word),
        sa.Column("claimed_at", moment),
        sa.Column("told_at", moment),
        sa.Column("error", long),
    )
    changes = named("schema_changes")
    if "drift" not in {each["name"] for each in sa.inspect(op.get_bind()).get_columns(changes, schema=schema)}:
        op.add_column(
            changes,
            sa.Column("drift", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.false()),
            schema=schema,
        )
