"""Indexes of the tables of objects, besides the primary key.

Where DDL is part of a transaction, those of a table that a run makes are made by its first publication, once its rows
are in: at a third of the time that their upkeep takes row by row. Until then the bookkeeping says that they are due.
Making one locks no reader out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, inspect, select
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.elements import quoted_name

from replicator.target.bookkeeping import bookkeeping

if TYPE_CHECKING:
    from sqlalchemy import Connection, Index, Inspector, Table

    from replicator.target.database import Target


def name(inspector: Inspector, schema: str | None, indexes: Iterable[Index]) -> None:
    """A table that was renamed keeps its indexes, and on some databases their names are taken then."""
    new = list(indexes)
    if not new:
        return
    taken = {index["name"] for found in inspector.get_multi_indexes(schema=schema).values() for index in found}
    for index in new:
        wanted, number = str(index.name), 1
        while index.name in taken:
            number += 1
            index.name = quoted_name(f"{wanted}_{number}", quote=None)


def create_without(target: Target, connection: Connection, table: Table) -> None:
    """Makes the table, and leaves its indexes to `catch_up`."""
    if inspect(connection).has_table(table.name, schema=table.schema):
        return
    connection.execute(CreateTable(table))
    if table.indexes:
        settings, due = bookkeeping(target.dialect).settings, _due(target, table)
        connection.execute(delete(settings).where(settings.c.name == due))
        connection.execute(insert(settings).values(name=due, value=""))
        target.unindexed.add(table.name)


def catch_up(target: Target, connection: Connection, table: Table) -> None:
    """Makes the indexes that are due, in the transaction that filled the table."""
    if target.dialect.ddl_commits or not table.indexes:
        return
    settings = bookkeeping(target.dialect).settings
    mine = settings.c.name == _due(target, table)
    if table.name not in target.unindexed:
        if connection.execute(select(settings.c.name).where(mine)).first() is None:
            return
        # Another process made the table, and died.
        name(inspect(connection), table.schema, table.indexes)
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        connection.execute(CreateIndex(index))
    connection.execute(delete(settings).where(mine))


def _due(target: Target, table: Table) -> str:
    return f"unindexed:{target.place.scope}:{table.name}"
