"""The edits as they wait here, each refused where another row says that it cannot be meant so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from replicator.edits import edits
from replicator.sync.rules import less_unfit
from replicator.sync.written import RULES
from replicator.target.base import Base

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.edits import Edit
    from replicator.rows import Layout
    from replicator.target.database import Target


def fit(target: Target, connection: Connection, layout: Layout) -> list[Edit]:
    """Of a writable object, by id."""
    found = list(edits(target, connection, layout))
    if layout.object.name == RULES:
        found = less_unfit(found)
    if any(each.kind == "delete" for each in found):
        found = _less_rekeyed(target, connection, layout, found)
    return found


def _less_rekeyed(target: Target, connection: Connection, layout: Layout, found: list[Edit]) -> list[Edit]:
    """A row that was given another key is no deletion, whose base is left, and no new record."""
    base = Base.of(target, layout)
    rekeyed = _rekeyed(connection, base, layout) if base else {}
    name = layout.primary_key
    why = {was: f"its row was given another {name}, {now}: give it this one again" for was, now in rekeyed.items()}
    why |= {now: f"its {name} was {was}: give it that one again" for was, now in rekeyed.items()}
    return [replace(each, refused=(*each.refused, why[each.id])) if each.id in why else each for each in found]


def _rekeyed(connection: Connection, base: Base, layout: Layout) -> dict[str, str]:
    """By the keys that rows had, those that they were given: what nobody may edit of them is as in the base."""
    thing, row, was = layout.object, base.table.c, base.base.c
    names = [name for name in base.compared if name in thing.natural or name not in thing.editable]
    # What a join can go by makes it quick.
    always = {*thing.natural} - {*thing.renamable}
    same = (row[name] == was[name] if name in always else row[name].is_not_distinct_from(was[name]) for name in names)
    query = select(was[base.key], row[base.key]).where(base.wished_away, ~base.known, ~base.local, *same)
    return {str(one): str(other) for one, other in connection.execute(query)}
