"""What the bookkeeping of one connection says about its health. Few queries, each over a day or one row an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, select

from replicator.catalog import by_name
from replicator.ledger import SENDING
from replicator.settings.alerts import KINDS
from replicator.target.bookkeeping import bookkeeping
from replicator.target.quarantine import Quarantine
from replicator.target.state import ObjectState, State

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.database import Target

#: Sums are over the runs that began within it, so that they cost the same however old the ledger is.
WINDOW = timedelta(hours=24)
CHANGES = ("inserted", "updated", "deleted", "quarantined")
#: A run that ended so left right rows behind.
SUCCESS = ("done", "partial")


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest ended run of a job; `job` is "" for runs that were asked for by hand."""

    job: str
    status: str
    began: datetime
    ended: datetime
    id: str = ""
    #: One sentence, where something went wrong.
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """One reading, by the database's clock. What the ledger says nothing of is not there."""

    now: datetime
    #: By job and status.
    runs: Mapping[tuple[str, str], int]
    requests: int
    last: Sequence[LastRun]
    succeeded: datetime | None
    #: By object, each of CHANGES.
    rows: Mapping[str, Mapping[str, int]]
    objects: Mapping[str, ObjectState]
    quarantined: Mapping[str, int]
    #: By object, edits that the workspace contradicts.
    conflicts: Mapping[str, int]
    #: By kind, the alerts that stand; by channel, how many of them it could not be told yet.
    alerts: Mapping[str, int]
    untold: Mapping[str, int]


def read(target: Target) -> Figures:
    """Asks the database. Raises TargetError."""
    books, scope = bookkeeping(target.dialect), target.place.scope
    with target.reading() as connection:
        now = target.dialect.now(connection)
        counted = _runs(connection, books, scope, now - WINDOW)
        objects = State(books, scope).every(connection)
        return Figures(
            now=now,
            runs={(row.job or "", row.status): int(row.runs) for row in counted},
            requests=sum(int(row.requests or 0) for row in counted),
            last=_last(connection, books, scope),
            succeeded=_succeeded(connection, books, scope),
            rows=_rows(connection, books, scope, now - WINDOW),
            objects=objects,
            quarantined={
                **dict.fromkeys(objects, 0),
                **Quarantine(books, target.dialect, scope, "").counts(connection),
            },
            conflicts=_conflicts(connection, books, scope, objects),
            alerts=_alerts(connection, books, scope),
            untold=_untold(connection, books, scope),
        )


def _conflicts(
    connection: Connection, books: Bookkeeping, scope: str, objects: Mapping[str, ObjectState]
) -> Mapping[str, int]:
    table = books.conflicts
    query = select(table.c.object, func.count().label("rows")).where(table.c.scope == scope).group_by(table.c.object)
    editable = {name: 0 for name in objects if name in by_name and by_name[name].editable}
    return {**editable, **{row.object: int(row.rows) for row in connection.execute(query)}}


def _alerts(connection: Connection, books: Bookkeeping, scope: str) -> Mapping[str, int]:
    table = books.alerts
    stands = (table.c.scope == scope, table.c.closed_at.is_(None))
    query = select(table.c.kind, func.count().label("rows")).where(*stands).group_by(table.c.kind)
    return {**dict.fromkeys(KINDS, 0), **{row.kind: int(row.rows) for row in connection.execute(query)}}


def _untold(connection: Connection, books: Bookkeeping, scope: str) -> Mapping[str, int]:
    """A channel that was never to be told anything is not known here."""
    table, alerts = books.alert_tells, books.alerts
    failing = func.sum(case((table.c.attempts > 0, 1), else_=0)).label("rows")
    query = select(table.c.channel, failing).join(alerts, alerts.c.id == table.c.alert_id)
    rows = connection.execute(query.where(alerts.c.scope == scope).group_by(table.c.channel))
    return {row.channel: int(row.rows) for row in rows}


def _runs(connection: Connection, books: Bookkeeping, scope: str, since: datetime) -> Sequence[Any]:
    runs = books.runs
    query = select(runs.c.job, runs.c.status, func.count().label("runs"), func.sum(runs.c.requests).label("requests"))
    recent = (runs.c.scope == scope, runs.c.started_at >= since)
    return connection.execute(query.where(*recent).group_by(runs.c.job, runs.c.status)).all()


def _last(connection: Connection, books: Bookkeeping, scope: str) -> Sequence[LastRun]:
    runs = books.runs
    ended = (runs.c.scope == scope, runs.c.finished_at.is_not(None))
    newest = (
        select(runs.c.job, func.max(runs.c.started_at).label("began")).where(*ended).group_by(runs.c.job).subquery()
    )
    same_job = func.coalesce(runs.c.job, "") == func.coalesce(newest.c.job, "")
    found = select(runs).join(newest, and_(same_job, runs.c.started_at == newest.c.began)).where(*ended)
    # Two runs by hand may have begun in the same moment.
    last = {row.job or "": row for row in connection.execute(found)}
    return [
        LastRun(job, row.status, row.started_at, row.finished_at, row.id, row.error)
        for job, row in sorted(last.items())
    ]


def _succeeded(connection: Connection, books: Bookkeeping, scope: str) -> datetime | None:
    runs = books.runs
    # What only sent edits says nothing about how fresh the rows are.
    mine = (runs.c.scope == scope, runs.c.status.in_(SUCCESS), runs.c.mode.not_in(SENDING))
    query = select(runs.c.finished_at).where(*mine)
    found: datetime | None = connection.execute(query.order_by(runs.c.finished_at.desc()).limit(1)).scalar()
    return found


def _rows(connection: Connection, books: Bookkeeping, scope: str, since: datetime) -> Mapping[str, Mapping[str, int]]:
    runs, objects = books.runs, books.run_objects
    sums = [func.sum(objects.c[name]).label(name) for name in CHANGES]
    query = select(objects.c.object, *sums).join(runs, runs.c.id == objects.c.run_id)
    recent = (runs.c.scope == scope, runs.c.started_at >= since)
    found = connection.execute(query.where(*recent).group_by(objects.c.object)).mappings()
    return {row["object"]: {name: int(row[name]) for name in CHANGES} for row in found}
