"""The live rows of a parent, as its children's partitions are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from replicator.catalog import OBJECTS
from replicator.partitions import HELD
from replicator.target.base import Base
from replicator.target.schema import object_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.rows import Layout
    from replicator.target.database import Target


def live_rows(target: Target, connection: Connection, layout: Layout) -> list[Mapping[str, Any]]:
    """Only the columns that some child names, and the fingerprint."""
    table = object_table(target, layout)
    named = _named_by_children(layout.object.name)
    columns = [table.c[each.name] for each in layout.columns if each.name in named]
    query = select(*columns, table.c._fingerprint).where(table.c._deleted_at.is_(None))
    base = Base.of(target, layout, table)
    if base is None:
        return [dict(row) for row in connection.execute(query).mappings()]
    # Of what only people know Segment has no children.
    found = [dict(row) for row in connection.execute(query.where(~base.local)).mappings()]
    # The children of what was deleted here stay as they are until Segment knows of it: an edit of one of them there
    # would not show otherwise.
    wished = select(*(base.base.c[each.key] for each in columns)).where(base.wished_away)
    return found + [{**row, "_fingerprint": HELD} for row in connection.execute(wished).mappings()]


def _named_by_children(name: str) -> set[str]:
    parents = [parent for thing in OBJECTS for parent in thing.parents if parent.object == name]
    return {column for parent in parents for column in (*parent.params.values(), *parent.where)}
