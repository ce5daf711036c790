"""What was sent to Segment, and what a person has to decide before it is."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

from replicator.catalog.model import Type

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Creates `push_journal` and `conflicts`."""
    dialect = context.config.attributes["dialect"]
    word, long, moment = dialect.type_of(Type.TEXT, key=True), dialect.type_of(Type.TEXT), dialect.time_type()
    repeat = {"if_not_exists": True} if dialect.ddl_commits else {}

    def table(name: str, *columns: sa.Column[Any]) -> None:
        full = name if dialect.schema else f"_replicator_{name}"
        op.create_table(full, *columns, schema=dialect.schema or None, **repeat, **dialect.table_arguments())

    def needed(kind: Any, *names: str) -> list[sa.Column[Any]]:
        return [sa.Column(name, kind, nullable=False) for name in names]

    def optional(kind: Any, *names: str) -> list[sa.Column[Any]]:
        return [sa.Column(name, kind) for name in names]

    table(
        "push_journal",
        sa.Column("id", word, primary_key=True),
        *needed(word, "scope", "run_id", "object", "record_id", "action", "status", "holder"),
        *needed(moment, "began_at"),
        *optional(moment, "ended_at"),
        *optional(long, "before", "after", "known_ids", "error"),
        *optional(word, "request_id"),
    )
    table(
        "conflicts",
        sa.Column("id", word, primary_key=True),
        *needed(word, "scope", "object", "record_id"),
        *needed(long, "reason"),
        *optional(long, "base", "local", "remote"),
        *needed(word, "run_id"),
        *needed(moment, "seen_at"),
    )
