"""What of the ledger's figures may need a person: the newest runs of each job, and what objects complain of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select

from replicator.ledger import KILLED, SENDING
from replicator.target.bookkeeping import bookkeeping
from replicator.target.state import State
from replicator.watch.figures import SUCCESS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.database import Target

#: Drift is news for so long.
NEWS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Ended:
    """The newest run of a job that came to an end by itself or was killed; `job` is "" for runs by hand."""

    job: str
    #: "push" for the newest run that sent edits, whoever asked for it; "hand" for runs without a job; else "".
    detail: str
    run: str
    status: str
    error: str | None
    killed: bool = False
    #: Whether the run before it was killed too.
    killed_before: bool = False


@dataclass(frozen=True, slots=True)
class Troubles:
    """One reading, by the database's clock."""

    now: datetime
    ended: Sequence[Ended]
    #: By run: object, status and reason of those that are not right.
    wrong: Mapping[str, Sequence[tuple[str, str, str | None]]]
    #: By job: when its newest success ended, and when its oldest run began.
    succeeded: Mapping[str, datetime]
    began: Mapping[str, datetime]
    #: By object whose deletions wait for a person: why, and the run.
    held: Mapping[str, tuple[str, str | None]]
    #: By object: how many, and the newest one's reason.
    conflicts: Mapping[str, tuple[int, str]]
    quarantined: Mapping[str, tuple[int, str]]
    #: By object and run.
    drift: Mapping[tuple[str, str], Sequence[str]]


def read(connection: Connection, target: Target) -> Troubles:
    """Asks the database, in the caller's transaction."""
    books, scope = bookkeeping(target.dialect), target.place.scope
    now = target.dialect.now(connection)
    ended = _ended(connection, books, scope, now)
    succeeded, began = _jobs(connection, books, scope, now)
    states = State(books, scope).every(connection)
    return Troubles(
        now=now,
        ended=ended,
        wrong=_wrong(connection, books, [each.run for each in ended]),
        succeeded=succeeded,
        began=began,
        held={
            name: (state.message or "", state.run_id)
            for name, state in states.items()
            if state.status == "needs_person"
        },
        conflicts=_counted(connection, books.conflicts, scope),
        quarantined=_counted(connection, books.quarantine, scope),
        drift=_drift(connection, books, scope, now - NEWS),
    )


def _ended(connection: Connection, books: Bookkeeping, scope: str, now: datetime) -> list[Ended]:
    runs = books.runs
    pushed = case((runs.c.mode == "push", 1), else_=0)
    place = func.row_number().over(
        partition_by=[func.coalesce(runs.c.job, ""), pushed], order_by=runs.c.started_at.desc()
    )
    conclusive = (
        runs.c.scope == scope,
        # One that lies in the future was done under a wrong clock.
        runs.c.finished_at <= now,
        # A run that was stopped says nothing of how it would have ended.
        runs.c.status != "interrupted",
        runs.c.mode.not_in([mode for mode in SENDING if mode != "push"]),
    )
    columns = (runs.c.id, runs.c.job, runs.c.status, runs.c.error, pushed.label("pushed"))
    ranked = select(*columns, place.label("place")).where(*conclusive).subquery()
    rows: dict[tuple[str, bool], list[Any]] = defaultdict(list)
    for row in connection.execute(select(ranked).where(ranked.c.place <= 2).order_by(ranked.c.place)):
        rows[row.job or "", bool(row.pushed)].append(row)
    found = []
    for (job, push), (last, *before) in rows.items():
        killed = [each.error == KILLED for each in (last, *before)]
        detail = "push" if push else "" if job else "hand"
        found.append(Ended(job, detail, last.id, last.status, last.error, killed[0], all(killed) and len(killed) > 1))
    return found


def _wrong(
    connection: Connection, books: Bookkeeping, runs: Sequence[str]
) -> Mapping[str, Sequence[tuple[str, str, str | None]]]:
    table = books.run_objects
    # What needs a person is told by itself.
    wrong = (table.c.run_id.in_(runs), table.c.status.not_in(("done", "needs_person")))
    found: dict[str, list[tuple[str, str, str | None]]] = defaultdict(list)
    for row in connection.execute(select(table).where(*wrong).order_by(table.c.object)):
        found[row.run_id].append((row.object, row.status, row.error))
    return found


def _jobs(
    connection: Connection, books: Bookkeeping, scope: str, now: datetime
) -> tuple[Mapping[str, datetime], Mapping[str, datetime]]:
    runs = books.runs
    succeeded = case((runs.c.status.in_(SUCCESS) & (runs.c.finished_at <= now), runs.c.finished_at))
    query = select(runs.c.job, func.max(succeeded).label("succeeded"), func.min(runs.c.started_at).label("began"))
    jobs = (runs.c.scope == scope, runs.c.job.is_not(None), runs.c.mode.not_in(SENDING))
    rows = connection.execute(query.where(*jobs).group_by(runs.c.job)).all()
    return {row.job: row.succeeded for row in rows if row.succeeded}, {row.job: row.began for row in rows}


def _counted(connection: Connection, table: Any, scope: str) -> Mapping[str, tuple[int, str]]:
    """By object: how many rows, and the reason of one of the newest."""
    mine = table.c.scope == scope
    counts = select(table.c.object, func.count().label("rows"), func.max(table.c.seen_at).label("seen"))
    found: dict[str, tuple[int, str]] = {}
    for row in connection.execute(counts.where(mine).group_by(table.c.object)):
        newest = select(table.c.reason).where(mine, table.c.object == row.object, table.c.seen_at == row.seen)
        reason = connection.execute(newest.order_by(table.c.id).limit(1)).scalar()
        found[row.object] = int(row.rows), str(reason or "")
    return found


def _drift(
    connection: Connection, books: Bookkeeping, scope: str, since: datetime
) -> Mapping[tuple[str, str], Sequence[str]]:
    """What the run that made an object's table saw is no change: nobody had seen it otherwise."""
    table = books.schema_changes
    mine = (table.c.scope == scope, table.c.seen_at >= since)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    first: set[tuple[str, str]] = set()
    for row in connection.execute(select(table).where(*mine).order_by(table.c.object, table.c.change)):
        of = row.object, row.run_id or ""
        if row.drift:
            found[of].append(row.change)
        elif row.change.startswith("create table"):
            first.add(of)
    return {of: changes for of, changes in found.items() if of not in first}
