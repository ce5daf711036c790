"""Writes that were sent and of which nobody knows whether they had their effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from replicator import exact
from replicator.target.base import SAID
from replicator.target.bookkeeping import bookkeeping

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from replicator.target.database import Target

#: By column, what such writes found and what they sent, in their order.
Sent = dict[str, list[tuple[Any, Any]]]


def is_open(journal: Table) -> ColumnElement[bool]:
    """Of a row of the journal: it is of such a write."""
    return journal.c.action.in_(("create", "update")) & journal.c.status.in_(("sent", "lost"))


def unanswered(target: Target, connection: Connection, name: str) -> dict[str, Sent]:
    """By record of that object."""
    table = bookkeeping(target.dialect).push_journal
    mine = (table.c.scope == target.place.scope, table.c.object == name, is_open(table))
    query = select(table.c.record_id, table.c.before, table.c.after).where(*mine).order_by(table.c.began_at)
    found: dict[str, Sent] = {}
    for row in connection.execute(query):
        sent, before = found.setdefault(row.record_id, {}), exact.load(row.before)
        for column, value in exact.load(row.after).items():
            if column not in SAID:
                sent.setdefault(column, []).append((before.get(column), value))
    return found
