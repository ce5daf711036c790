"""What the replicated audit trail says has moved since an object was read last: ids, and when their events were stored.

Events bring a reread forward once, in whichever run that is: the run that stored them may have died before it came to
the object, and another job may read the object without the trail.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, inspect, or_, select

from replicator.catalog import by_name
from replicator.target.names import as_stored
from replicator.target.schema import object_table

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.database import Target

TRAIL = "AuditEvents"
_NEEDED = frozenset({"resource_id", "type"})

Moved = Mapping[str, datetime]


@dataclass(slots=True)
class Hints:
    """Those of one run; objects that were read last in the same run share one question."""

    target: Target
    books: Bookkeeping
    run_id: str
    _found: dict[frozenset[str], Moved] = field(default_factory=dict)
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def of(self, name: str, since: datetime) -> Moved:
        """For that object; what was stored before `since` is read again anyway."""
        with self._asking, self.target.reading() as connection:
            runs = self._runs(connection, name, since)
            if runs not in self._found:
                self._found[runs] = self._named(connection, runs)
            return self._found[runs]

    def _runs(self, connection: Connection, name: str, since: datetime) -> frozenset[str]:
        """This run, and those that stored events after the last one that read the object whole."""
        runs, objects = self.books.runs, self.books.run_objects
        ours = select(objects.c.run_id, objects.c.started_at).join(runs, runs.c.id == objects.c.run_id)
        ours = ours.where(runs.c.scope == self.target.place.scope, objects.c.status.in_(("done", "partial")))
        newest = ours.where(objects.c.object == name).order_by(objects.c.started_at.desc()).limit(1)
        last = connection.execute(newest.where(objects.c.complete)).first() or connection.execute(newest).first()
        trail = ours.where(objects.c.object == TRAIL, objects.c.inserted > 0)
        later = objects.c.started_at >= since
        if last is not None:
            # One that read everything did not wait for the trail; the first of all stored what was long before.
            first = connection.execute(trail.order_by(objects.c.started_at).limit(1)).first()
            same = objects.c.run_id == last.run_id
            after = and_(objects.c.started_at >= last.started_at, ~same)
            later = and_(later, after if first and first.run_id == last.run_id else or_(after, same))
        return frozenset(row.run_id for row in connection.execute(trail.where(later))) | {self.run_id}

    def _named(self, connection: Connection, runs: frozenset[str]) -> Moved:
        table = self._table(connection)
        if table is None:
            return {}
        query = select(table.c.resource_id, func.max(table.c._synced_at)).where(table.c._run_id.in_(sorted(runs)))
        # A read of ours leaves an event, too (resources.md, "Change detection").
        query = query.where(table.c.type.not_like("%Retrieved")).group_by(table.c.resource_id)
        return {identifier: moment for identifier, moment in connection.execute(query) if identifier is not None}

    def _table(self, connection: Connection) -> Table | None:
        """As it is, whatever this run reads; None where it does not hold what is needed."""
        layout = as_stored(self.target, connection, by_name[TRAIL])
        wanted = object_table(self.target, layout)
        inspector = inspect(connection)
        if not inspector.has_table(wanted.name, schema=wanted.schema):
            return None
        there = {column["name"] for column in inspector.get_columns(wanted.name, schema=wanted.schema)}
        kept = tuple(each for each in layout.columns if layout.called(each.name) in there)
        if not {each.name for each in kept} >= _NEEDED:
            return None
        return object_table(self.target, replace(layout, columns=kept))
