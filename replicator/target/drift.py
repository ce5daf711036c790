"""What the API sent, or a table turned out to be, that nobody expected: kept in `schema_changes`, each thing once."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.database import Target

log = logging.getLogger(__name__)

#: Of one object at most so many rows: somebody may send names that are values.
_MOST = 1000
_LONGEST = 500


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
