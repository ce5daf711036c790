"""What an incremental run knows: which listings were finished when, and what a record's details were read for."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

from replicator.catalog.model import Type

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates `listings` and `details`, and gives the tables of runs and objects what goes with them."""
    dialect = context.config.attributes["dialect"]
    word, moment = dialect.type_of(Type.TEXT, key=True), dialect.time_type()
    schema = dialect.schema or None
    repeat = {"if_not_exists": True} if dialect.ddl_commits else {}

    def full(name: str) -> str:
        return name if dialect.schema else f"_replicator_{name}"

    def table(name: str, *columns: sa.Column[Any]) -> None:
        op.create_table(full(name), *columns, schema=schema, **repeat, **dialect.table_arguments())

    def key(name: str) -> sa.Column[Any]:
        return sa.Column(name, word, primary_key=True)

    def needed(kind: Any, *names: str) -> list[sa.Column[Any]]:
        return [sa.Column(name, kind, nullable=False) for name in names]

    table(
        "listings",
        key("scope"),
        key("object"),
        key("partition"),
        *needed(word, "mark"),
        sa.Column("listed_at", moment),
        *needed(sa.BigInteger, "records"),
        *needed(word, "ids"),
    )
    table(
        "details",
        key("scope"),
        key("object"),
        key("id"),
        *needed(word, "listed", "fingerprint"),
        *needed(moment, "read_at"),
    )
    added = {
        "run_objects": [
            sa.Column("ids", word),
            sa.Column("skipped", sa.BigInteger, nullable=False, server_default="0"),
        ],
        "object_state": [sa.Column("ids", word), sa.Column("epoch", sa.BigInteger)],
    }
    for name, columns in added.items():
        known = {each["name"] for each in sa.inspect(op.get_bind()).get_columns(full(name), schema=schema)}
        for column in columns:
            if column.name not in known:
                op.add_column(full(name), column, schema=schema)
