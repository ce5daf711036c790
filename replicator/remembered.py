"""What the database remembers of earlier runs, for the bill of the next one: counts, and which listings are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from replicator.due import ALWAYS, Terms, is_due
from replicator.options import Options, layouts, reads_details
from replicator.partitions import partitions
from replicator.target import evolve, migrate
from replicator.target.bookkeeping import REVISION, bookkeeping
from replicator.target.known import Known
from replicator.target.live import live_rows
from replicator.target.schema import object_table
from replicator.target.state import State

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.catalog.model import Object
    from replicator.rows import Layout
    from replicator.target.database import Target


@dataclass(frozen=True, slots=True)
class Due:
    """One listing: how many records it held, and whether the next run reads it, as far as is known before it."""

    records: int
    due: bool


@dataclass(frozen=True, slots=True)
class Remembered:
    """By object; an object is missing where nothing is known."""

    #: Live rows as of the last listing that published.
    records: Mapping[str, int] = field(default_factory=dict)
    #: The listings of objects that can be told one by one: those without a window whose tables are as they should be.
    listings: Mapping[str, Sequence[Due]] = field(default_factory=dict)
    #: Records whose details need not be asked for again, if they are listed as they were.
    fresh: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, target: Target | None, objects: Sequence[Object], options: Options) -> Remembered:
        """Reads alone; the objects' parents are among them."""
        if target is None:
            return cls()
        with target.reading() as connection:
            if migrate.revision(connection, target.dialect) != REVISION:
                return cls()
            books, scope = bookkeeping(target.dialect), target.place.scope
            states = State(books, scope).every(connection)
            wanted = layouts(objects, options)
            changed = {change.object for change in evolve.plan(target, connection, wanted.values())}
            reader = _Reader(target, connection, options, Known(books, scope), wanted, target.dialect.now(connection))
            told = {name: state.records for name, state in states.items() if state.records is not None}
            ready = [
                thing for thing in objects if thing.name in told and not thing.window and thing.name not in changed
            ]
            names = {thing.name for thing in ready}
            whole = [thing for thing in ready if all(parent.object in names for parent in thing.parents)]
            return cls(
                told,
                {thing.name: reader.listings(thing, told[thing.name]) for thing in whole},
                {thing.name: reader.fresh(thing) for thing in whole if reads_details(thing, options)},
            )


@dataclass(frozen=True, slots=True)
class _Reader:
    target: Target
    connection: Connection
    options: Options
    known: Known
    layouts: Mapping[str, Layout]
    now: datetime

    def listings(self, thing: Object, records: int) -> list[Due]:
        parents = {
            each.object: live_rows(self.target, self.connection, self.layouts[each.object]) for each in thing.parents
        }
        found = self.known.listings(self.connection, thing.name)
        terms = Terms(
            now=self.now,
            reread=self.options.reread_of(thing),
            full=self._full(thing),
            details=reads_details(thing, self.options),
            hints=dict.fromkeys(self.options.ids, ALWAYS),
        )
        layout = self.layouts[thing.name]
        every = partitions(thing, parents, (), self.now)
        unknown = records if len(every) == 1 else 0
        return [
            Due(known.records if known else unknown, is_due(layout, each, known, terms))
            for each in every
            for known in [found.get(each.name)]
        ]

    def fresh(self, thing: Object) -> int:
        if self._full(thing):
            return 0
        known = self.known.details(self.connection, thing.name, object_table(self.target, self.layouts[thing.name]))
        reread = self.options.reread_of(thing)
        return sum(self.now - each.read_at < reread for each in known.values())

    def _full(self, thing: Object) -> bool:
        return self.options.full or thing.name in self.options.anew
