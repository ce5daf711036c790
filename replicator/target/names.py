"""What the columns of an object's tables are called where that is not as in the catalog.

Kept in the database, so that another name in the configuration renames the column that there is, with all that is in
it, and whoever looks into a table finds its columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, inspect, select

from replicator.rows import Layout
from replicator.target.bookkeeping import bookkeeping

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.catalog.model import Object
    from replicator.target.database import Target

#: By the catalog's name.
Names = Mapping[str, str]


def read(target: Target, connection: Connection) -> dict[str, Names]:
    """By object; one whose columns are all called as in the catalog is missing."""
    settings = bookkeeping(target.dialect).settings
    if not inspect(connection).has_table(settings.name, schema=settings.schema):
        return {}
    ours = _prefix(target)
    rows = connection.execute(select(settings.c.name, settings.c.value).where(settings.c.name.like("names:%")))
    return {row.name.removeprefix(ours): json.loads(row.value) for row in rows if row.name.startswith(ours)}


def as_stored(target: Target, connection: Connection, thing: Object) -> Layout:
    """All columns of the object as they are called in the database now."""
    return Layout(thing, thing.columns, names=read(target, connection).get(thing.name, {}))


def keep(target: Target, layouts: Iterable[Layout]) -> None:
    """Writes down what the columns of those layouts are called by now."""
    with target.reading() as connection:
        before = read(target, connection)
    changed = {layout.object.name: _names(layout, before.get(layout.object.name, {})) for layout in layouts}
    changed = {name: names for name, names in changed.items() if names != before.get(name, {})}
    if not changed:
        return
    settings = bookkeeping(target.dialect).settings
    with target.begin() as connection:
        for name, names in changed.items():
            key = _prefix(target) + name
            connection.execute(delete(settings).where(settings.c.name == key))
            if names:
                connection.execute(insert(settings).values(name=key, value=json.dumps(names)))


def _names(layout: Layout, before: Names) -> dict[str, Any]:
    """A column that is not stored any more keeps the name that it had."""
    stored = {each.name: layout.called(each.name) for each in layout.columns}
    return {name: called for name, called in {**before, **stored}.items() if called != name}


def _prefix(target: Target) -> str:
    return f"names:{target.place.scope}:"
