"""What the replicated audit trail says has moved since something was read last: ids, and until when a read may miss it.

Who asks compares that moment with the time of its own last read, so it does not matter which run stored an event, which
read the object, or how either of them ended.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, inspect, select

from replicator.catalog import by_name
from replicator.target.bookkeeping import bookkeeping
from replicator.target.names import as_stored
from replicator.target.schema import object_table
from replicator.target.state import State

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from replicator.target.database import Target

TRAIL = "AuditEvents"
#: How far the API's clock, which dates events, may go behind the database's, which dates reads, where it is not known.
SLACK = timedelta(minutes=2)
#: Events bear whole seconds.
_SECOND = timedelta(seconds=1)

Moved = Mapping[str, datetime]


@dataclass(slots=True)
class Hints:
    """Those of one run, asked for once its trail is stored. `reach`: what was read longer ago is read again anyway."""

    target: Target
    reach: timedelta
    _found: Moved | None = None
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def moved(self, now: datetime) -> Moved:
        """By id, the moment after which a read shows what its last event tells of.

        That is when the event was stored: whatever was read before may not show it. Where the event is much older than
        that, as those of the first run are, a read soon after it does.
        """
        with self._asking:
            if self._found is None:
                with self.target.reading() as connection:
                    self._found = self._ask(connection, now - self.reach)
            return self._found

    def _ask(self, connection: Connection, since: datetime) -> Moved:
        table = trail_table(self.target, connection, "resource_id", "timestamp", "type")
        if table is None:
            return {}
        behind = self._behind(connection)
        stored, happened = func.max(table.c._synced_at), func.max(table.c.timestamp)
        query = select(table.c.resource_id, stored, happened).group_by(table.c.resource_id)
        # A read of ours leaves an event, too (resources.md, "Change detection").
        query = query.where(table.c._synced_at >= since, table.c.type.not_like("%Retrieved"))
        return {
            identifier: _until(stored, moment_of(happened), behind)
            for identifier, stored, happened in connection.execute(query)
            if identifier is not None
        }

    def _behind(self, connection: Connection) -> timedelta:
        """How far the API's clock goes behind ours: the trail's bookmark is the time when it was listed, less that."""
        state = State(bookkeeping(self.target.dialect), self.target.place.scope).read(connection, TRAIL)
        if state.bookmark is None or state.listed_at is None:
            return SLACK
        behind = state.listed_at - datetime.fromisoformat(state.bookmark)
        return behind + _SECOND if behind >= timedelta(0) else SLACK


def _until(stored: datetime, happened: datetime | None, behind: timedelta) -> datetime:
    return stored if happened is None else min(stored, happened + behind)


def trail_table(target: Target, connection: Connection, *needed: str) -> Table | None:
    """The audit trail's table as it is, whatever this run reads; None where it lacks one of those columns."""
    layout = as_stored(target, connection, by_name[TRAIL])
    wanted = object_table(target, layout)
    inspector = inspect(connection)
    if not inspector.has_table(wanted.name, schema=wanted.schema):
        return None
    there = {column["name"] for column in inspector.get_columns(wanted.name, schema=wanted.schema)}
    kept = tuple(each for each in layout.columns if layout.called(each.name) in there)
    if not {each.name for each in kept}.issuperset(needed):
        return None
    return object_table(target, replace(layout, columns=kept))


def moment_of(value: Any) -> datetime | None:
    """An event's time; SQLite keeps the API's times as the text that they came in. None where a mask hides it."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value if isinstance(value, datetime) else None
