"""The first bookkeeping tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

from replicator.catalog.model import Type

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates every table of replicator/target/bookkeeping.py, as it was in the first release."""
    dialect = context.config.attributes["dialect"]
    word, long, moment = dialect.type_of(Type.TEXT, key=True), dialect.type_of(Type.TEXT), dialect.time_type()
    flag = sa.Boolean(create_constraint=False)

    def table(name: str, *columns: sa.Column[Any]) -> None:
        full = name if dialect.schema else f"_replicator_{name}"
        # Where DDL commits, a killed migration has left some of them, and the next one makes the rest.
        repeat = {"if_not_exists": True} if dialect.ddl_commits else {}
        op.create_table(full, *columns, schema=dialect.schema or None, **repeat, **dialect.table_arguments())

    def key(name: str) -> sa.Column[Any]:
        return sa.Column(name, word, primary_key=True)

    def needed(kind: Any, *names: str) -> list[sa.Column[Any]]:
        return [sa.Column(name, kind, nullable=False) for name in names]

    def optional(kind: Any, *names: str) -> list[sa.Column[Any]]:
        return [sa.Column(name, kind) for name in names]

    table("settings", key("name"), *needed(long, "value"))
    table(
        "runs",
        key("id"),
        *needed(word, "scope", "mode", "status", "holder", "version"),
        *optional(word, "workspace_id"),
        *needed(moment, "started_at", "heartbeat_at"),
        *optional(moment, "finished_at"),
        *needed(sa.BigInteger, "requests", "inserted", "updated", "unchanged", "deleted", "quarantined"),
        *optional(long, "error"),
    )
    table(
        "run_objects",
        key("run_id"),
        key("object"),
        *needed(word, "status"),
        *needed(moment, "started_at"),
        *optional(moment, "finished_at"),
        *needed(sa.BigInteger, "records", "inserted", "updated", "unchanged", "deleted", "quarantined", "duplicates"),
        *needed(sa.BigInteger, "partitions", "pages", "requests"),
        *needed(sa.Float, "seconds"),
        *needed(flag, "complete"),
        *optional(long, "unseen", "error"),
    )
    table(
        "object_state",
        key("scope"),
        key("object"),
        *needed(word, "status"),
        *optional(word, "bookmark", "layout", "run_id"),
        *optional(moment, "listed_at", "listing_began_at"),
        *optional(sa.BigInteger, "records"),
        *optional(long, "message"),
    )
    table(
        "checkpoints",
        key("scope"),
        key("object"),
        key("partition"),
        *optional(long, "cursor"),
        *needed(sa.BigInteger, "position", "pages", "staged"),
        *needed(flag, "done"),
    )
    table(
        "quarantine",
        key("id"),
        *needed(word, "scope", "object", "run_id"),
        *optional(word, "partition"),
        *needed(long, "reason", "record"),
        *needed(moment, "seen_at"),
    )
    table(
        "schema_changes",
        key("id"),
        *needed(word, "scope", "object"),
        *needed(long, "change"),
        *optional(word, "run_id"),
        *needed(moment, "seen_at"),
    )
    table("leases", key("name"), *needed(sa.BigInteger, "epoch"), *optional(word, "run_id", "holder"))
