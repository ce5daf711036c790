"""Objects read anew at a person's word: whole, or what belongs to some ids. Their tables stay readable meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import inspect, select

from replicator import periods
from replicator.catalog import OBJECTS, by_name
from replicator.errors import UsageError
from replicator.options import layouts
from replicator.target.bookkeeping import bookkeeping
from replicator.target.schema import object_table
from replicator.target.state import State

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from replicator.catalog.model import Object
    from replicator.options import Options
    from replicator.target.database import Target


def whole(target: Target, options: Options, names: Iterable[str]) -> Options:
    """Everything of those objects, usage in every month that there are rows of; their parents as in any run."""
    names = frozenset(names)
    objects = tuple(thing for thing in OBJECTS if thing.name in names)
    return periods.settled(target, replace(options, objects=objects, anew=names), all_known=True)


def by_id(target: Target, options: Options, thing: Object, ids: Sequence[str]) -> Options:
    """The details of those ids and the listings below them, in every replicated object that has any."""
    if thing.window:
        raise UsageError(f"{thing.name} is read by time, not by id: `replicator refresh {thing.name}` reads it anew.")
    with target.reading() as connection:
        replicated = State(bookkeeping(target.dialect), target.place.scope).every(connection)
    below = [each for each in _below(thing) if each.name in replicated and not each.window]
    # What nobody named stays for its own time.
    return replace(options.patient(), objects=(thing, *below), ids=frozenset(ids))


def _below(thing: Object) -> Iterator[Object]:
    found = {thing.name}
    for each in OBJECTS:
        if found.intersection(parent.object for parent in each.parents):
            found.add(each.name)
            yield each


def unknown(target: Target, options: Options, thing: Object, ids: Sequence[str]) -> list[str]:
    """Those ids that neither the object nor its parents have, once they were read."""
    with target.reading() as connection:
        return [each for each in ids if not _is_known(target, connection, options, thing, each)]


def _is_known(target: Target, connection: Connection, options: Options, thing: Object, identifier: str) -> bool:
    places = [(thing, "id")] if any(column.name == "id" for column in thing.columns) else []
    places += [(by_name[parent.object], column) for parent in thing.parents for column in parent.params.values()]
    for owner, column in places:
        table = object_table(target, layouts([owner], options)[owner.name])
        alive: tuple[ColumnElement[bool], ...] = (table.c[column] == identifier, table.c._deleted_at.is_(None))
        if not inspect(connection).has_table(table.name, schema=table.schema):
            continue
        if connection.execute(select(table.c[column]).where(*alive).limit(1)).first():
            return True
    return False
