"""The audit trail as it was replicated, asked who changed the records of one object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from replicator.blame import SLACK, Blame, Event, blame
from replicator.hints import moment_of, trail_table
from replicator.target.bookkeeping import bookkeeping
from replicator.target.schema import by_name_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.catalog.model import Object
    from replicator.target.database import Target

_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Change:
    """A version of a record that began at a moment, when the run published it; `before` began the version before."""

    row: Mapping[str, Any]
    at: datetime
    run_id: str
    before: datetime | None


@dataclass(frozen=True, slots=True)
class Trail:
    """For one object. `reread` is how long a run may leave unread what nothing says that it moved."""

    target: Target
    thing: Object
    reread: timedelta

    def blames(self, connection: Connection, changes: Sequence[Change]) -> list[Blame]:
        """Who made each of them; no one can be told where the audit trail was not replicated."""
        starts = self._listings(connection)
        windows = [self._since(starts, change) for change in changes]
        seen = [since for since in windows if since is not None]
        if not seen:
            return [Blame()] * len(changes)
        ids = {identifier for change in changes for identifier in self._ids(change)}
        last = max(change.at for change in changes)
        events = self._events(connection, sorted(ids), min(seen) - SLACK, last + SLACK)
        return [
            blame(
                [event for identifier in self._ids(change) for event in events.get(identifier, ())],
                *self._own_and_parents(change),
                since,
                change.at,
            )
            for change, since in zip(changes, windows, strict=True)
        ]

    def _own_and_parents(self, change: Change) -> tuple[str | None, Collection[str]]:
        names = {column for parent in self.thing.parents for column in self._named(parent.params)}
        parents = {str(change.row[name]) for name in names if change.row.get(name) is not None}
        return (str(change.row["id"]) if "id" in change.row else None), parents

    def _named(self, params: Iterable[str]) -> set[str]:
        """The object's own columns that hold those parameters of its listing."""
        fields = {self.thing.listing.given_as.get(name, name) for name in params}
        return {column.name for column in self.thing.columns if column.given and column.field in fields}

    def _ids(self, change: Change) -> set[str]:
        own, parents = self._own_and_parents(change)
        return {*parents, own} if own is not None else set(parents)

    def _listings(self, connection: Connection) -> list[tuple[str, datetime]]:
        """The runs that read the object, and when they began to, in their order."""
        books = bookkeeping(self.target.dialect)
        runs, objects = books.runs, books.run_objects
        query = select(objects.c.run_id, objects.c.started_at).join(runs, runs.c.id == objects.c.run_id)
        mine = (runs.c.scope == self.target.place.scope, objects.c.object == self.thing.name)
        read = objects.c.status.in_(("done", "partial"))
        return [
            (row.run_id, row.started_at) for row in connection.execute(query.where(*mine, read).order_by("started_at"))
        ]

    def _since(self, starts: Sequence[tuple[str, datetime]], change: Change) -> datetime | None:
        """When the record surely was as before: the listing before the one that showed the change began then."""
        own = next((start for run_id, start in starts if run_id == change.run_id), None)
        earlier = [start for _, start in starts if own is not None and start < own]
        if not earlier:
            return change.before
        # A run may have left the record's parent or details unread.
        return earlier[-1] - (self.reread if self.thing.parents or self.thing.detail else timedelta(0))

    def _events(
        self, connection: Connection, ids: Sequence[str], begin: datetime, end: datetime
    ) -> Mapping[str, Sequence[Event]]:
        table = trail_table(self.target, connection, "timestamp", "type", "actor", "resource_id")
        if table is None:
            return {}
        found: dict[str, list[Event]] = defaultdict(list)
        query = select(*by_name_of(table)).where(table.c.type.not_like("%Retrieved"))
        for at in range(0, len(ids), _CHUNK):
            about = table.c.resource_id.in_(ids[at : at + _CHUNK])
            # A read leaves an event, too.
            for row in connection.execute(query.where(about)).mappings():
                moment = moment_of(row["timestamp"])
                if moment is not None and begin <= moment <= end:
                    who = str(row.get("actor_email") or row["actor"])
                    found[row["resource_id"]].append(Event(moment, str(row["type"]), who, str(row["resource_id"])))
        return found
