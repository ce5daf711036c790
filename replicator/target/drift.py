"""What `schema_changes` keeps: what a run changed, and what nobody expected of the API or a table, each thing once."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.target.alterations import SchemaChange
    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.database import Target

log = logging.getLogger(__name__)

#: Of one object at most so many rows: somebody may send names that are values.
_MOST = 1000
_LONGEST = 500


def record(
    target: Target, connection: Connection, books: Bookkeeping, run_id: str, changes: Sequence[SchemaChange]
) -> None:
    """Keeps what is changed, in the caller's transaction; not twice what a run recorded that was cut short by it."""
    table, runs, scope = books.schema_changes, books.runs, target.place.scope
    went_on = select(books.run_objects.c.run_id)
    cut_short = (runs.c.id == table.c.run_id, runs.c.status.in_(("failed", "interrupted")), runs.c.id.not_in(went_on))
    query = select(table.c.object, table.c.change).where(table.c.scope == scope, *cut_short)
    known = {(row.object, row.change) for row in connection.execute(query)}
    shared = {"scope": scope, "run_id": run_id, "seen_at": target.dialect.now(connection)}
    new = [each for each in changes if (each.object, str(each)) not in known]
    if new:
        rows = [{"id": uuid.uuid4().hex, "object": each.object, "change": str(each), **shared} for each in new]
        connection.execute(insert(table), rows)


def note(
    target: Target, connection: Connection, books: Bookkeeping, run_id: str, name: str, seen: Iterable[str]
) -> None:
    """Keeps, and logs, what was not kept of that object before; in the caller's transaction."""
    said = dict.fromkeys(each[:_LONGEST] for each in seen)
    if not said:
        return
    table, scope = books.schema_changes, target.place.scope
    query = select(table.c.change).where(table.c.scope == scope, table.c.object == name)
    known = set(connection.execute(query).scalars())
    new = [each for each in said if each not in known][: max(0, _MOST - len(known))]
    shared = {"scope": scope, "object": name, "run_id": run_id, "drift": True}
    shared["seen_at"] = target.dialect.now(connection)
    if new:
        connection.execute(insert(table), [{"id": uuid.uuid4().hex, "change": each, **shared} for each in new])
    for each in new:
        log.warning("schema drift", extra={"object": name, "change": each})
