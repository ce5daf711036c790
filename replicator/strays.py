"""Edits of tables that nobody can write to through Segment's API, found by whoever asks for them.

A row is as it was published if its record, put together again, has the fingerprint that the row bears. That takes a
look at each row, so that no run does it; and of a row with a masked secret nobody can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from sqlalchemy import func, inspect, select

from replicator.convert import sent
from replicator.edits import Edit, refuse_behind
from replicator.encoder import Encoder
from replicator.merge.values import holds_mask
from replicator.rows import Rejected, rebuild
from replicator.target.schema import by_name_of, object_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator import masks
    from replicator.rows import Layout
    from replicator.target.database import Target

_AT_ONCE = 1000


def rows(target: Target, connection: Connection, layout: Layout) -> int:
    """How many there are to look at; 0 where there is no table, or its rows are figures of a window of time."""
    table = object_table(target, layout)
    if layout.object.window or not inspect(connection).has_table(table.name, schema=table.schema):
        return 0
    refuse_behind(connection, table, layout)
    query = select(func.count()).select_from(table).where(table.c._deleted_at.is_(None))
    return int(connection.execute(query).scalar_one())


@dataclass(frozen=True, slots=True)
class Strays:
    """In one database; `key` is the one of its fingerprints."""

    target: Target
    mask: masks.Mask
    key: bytes

    def of(self, connection: Connection, layout: Layout) -> Iterator[Edit]:
        """The rows that a person changed, by key."""
        table = object_table(self.target, layout)
        query = select(*by_name_of(table)).where(table.c._deleted_at.is_(None)).order_by(table.c[layout.primary_key])
        encoder = Encoder(layout, self.mask, self.key)
        found = connection.execution_options(yield_per=_AT_ONCE).execute(query).mappings()
        for row in found:
            if not _is_as_published(encoder, dict(row)):
                yield _edit(layout, dict(row))


def _edit(layout: Layout, row: Mapping[str, Any]) -> Edit:
    known_as = {name: row[name] for name in layout.object.natural if name in row}
    name = layout.object.name
    why = f"{name} cannot be changed through their table: the edit stays until the record changes in Segment"
    return Edit(name, str(row[layout.primary_key]), "update", known_as, (), (why,))


def _given(layout: Layout, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the record got from what it was asked for with; the name of its partition tells the most of it."""
    fields = {column.field for column in layout.object.columns}
    found = {c.field: sent(c.type, row[c.name]) for c in layout.columns if c.given and row[c.name] is not None}
    named = dict(parse_qsl(row.get("_partition") or ""))
    as_fields = {layout.object.listing.given_as.get(name, name): value for name, value in named.items()}
    return found | {name: value for name, value in as_fields.items() if name in fields}


def _is_as_published(encoder: Encoder, row: Mapping[str, Any]) -> bool:
    layout = encoder.layout
    if any(row.get(column.name) is not None for column in layout.columns if column.secret) or layout.covers:
        return True
    try:
        record = rebuild(layout, row)
        given = _given(layout, row)
        if holds_mask(record):
            return True
        if place := layout.object.listing.position:
            # It was counted, and stands in the record as if it had been sent.
            record[place] = given.pop(place)
        (made,) = encoder.encode([record], plain=False, given=given, partition=None)
    except (ValueError, TypeError):
        # A person wrote what is no JSON, or no time.
        return False
    names = [name for name, _ in layout.staged]
    return not isinstance(made, Rejected) and made[names.index("_fingerprint")] == row["_fingerprint"]
