"""Runs as the ledger has them: the newest, one of them object by object, and what each did to one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from replicator.errors import UsageError
from replicator.target.bookkeeping import bookkeeping

if TYPE_CHECKING:
    from replicator.target.database import Target

Row = Mapping[str, Any]


def newest(target: Target, limit: int, before: datetime | None = None) -> list[dict[str, Any]]:
    """The runs, newest first; those that began before that moment, if one is given."""
    runs = bookkeeping(target.dialect).runs
    mine = [runs.c.scope == target.place.scope, *([runs.c.started_at < before] if before else [])]
    query = select(runs).where(*mine).order_by(runs.c.started_at.desc(), runs.c.id).limit(limit)
    with target.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def one(target: Target, run: str) -> dict[str, Any]:
    """The run whose id begins so, and its `objects`. Raises UsageError where it is none, or several."""
    books = bookkeeping(target.dialect)
    begins = (books.runs.c.scope == target.place.scope, books.runs.c.id.startswith(run, autoescape=True))
    with target.reading() as connection:
        found = connection.execute(select(books.runs).where(*begins).limit(2)).mappings().all()
        if len(found) != 1:
            what = "Several runs begin with" if found else "There is no run"
            raise UsageError(f"{what} {run!r}: `replicator runs` lists them.")
        objects = select(books.run_objects).where(books.run_objects.c.run_id == found[0]["id"])
        rows = connection.execute(objects.order_by(books.run_objects.c.object)).mappings().all()
    return {**found[0], "objects": [dict(row) for row in rows]}


def of_object(target: Target, name: str, limit: int) -> Sequence[Row]:
    """What the newest runs that read the object did to it, newest first."""
    books = bookkeeping(target.dialect)
    runs, objects = books.runs, books.run_objects
    query = select(objects, runs.c.mode).join(runs, runs.c.id == objects.c.run_id)
    mine = (runs.c.scope == target.place.scope, objects.c.object == name)
    with target.reading() as connection:
        rows = connection.execute(query.where(*mine).order_by(objects.c.started_at.desc()).limit(limit)).mappings()
        return [dict(row) for row in rows]


def schema_changes(target: Target, limit: int) -> Sequence[Row]:
    """What was added to tables, and the drift that was seen, newest first."""
    changes = bookkeeping(target.dialect).schema_changes
    query = select(changes).where(changes.c.scope == target.place.scope)
    with target.reading() as connection:
        rows = connection.execute(query.order_by(changes.c.seen_at.desc(), changes.c.id).limit(limit)).mappings()
        return [dict(row) for row in rows]
