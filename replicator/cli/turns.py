"""The jobs that have a schedule, and what the ledger of each connection says of their turns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from replicator.settings import turns
from replicator.settings.turns import Past

if TYPE_CHECKING:
    from replicator.settings import Configuration, Job
    from replicator.target.database import Target

#: So many runs of a job tell how often it failed in a row.
_LOOKED_AT = 12


@dataclass(frozen=True, slots=True)
class Turn:
    """A job of one connection: its newest run, and when it is due; None while it runs."""

    job: Job
    last: Past | None
    due: datetime | None
    #: The newest run that the ledger calls ended, "" if there is none.
    after: str = ""
    #: Whether somebody asked for a run that has not begun.
    asked: bool = False


def of(target: Target, connection: str, jobs: list[Job]) -> tuple[list[Turn], datetime]:
    """The turns of the jobs that have a schedule, by the database's clock, and what time it is there."""
    from replicator.target.decisions import Decisions

    with target.reading() as reading:
        now = target.dialect.now(reading)
        asked = Decisions(target).asked(reading)
    found = [_turn(target, connection, job, now) for job in jobs]
    # What somebody asked for is due now; not while it runs, but then.
    return [
        replace(each, due=min(each.due, now), asked=True) if each.due and each.job.name in asked else each
        for each in found
    ], now


def in_order(found: list[Turn], now: datetime) -> list[Turn]:
    """Those that are due: first what somebody asked for, then what never ran, then what ran least lately.

    Not by when they are due: a job that takes longer than its interval always is, and would go before all others.
    """

    def place(turn: Turn) -> tuple[bool, float]:
        return not turn.asked, turn.last.ended.timestamp() if turn.last and turn.last.ended else 0.0

    return sorted((turn for turn in found if turn.due and turn.due <= now), key=place)


def _turn(target: Target, connection: str, job: Job, now: datetime) -> Turn:
    runs = past(target, job.name, now)
    if job.timing is None:
        return Turn(job, runs[0] if runs else None, None)
    jitter, name = timedelta(seconds=job.jitter), f"{job.name} {connection}"
    after = next((run.id for run in runs if run.status not in {"running", "died"}), "")
    return Turn(job, runs[0] if runs else None, turns.turn(job.timing, runs, now, jitter=jitter, name=name), after)


def past(target: Target, job: str, now: datetime) -> list[Past]:
    """The newest runs of that job, the newest first. One that was killed died when it was last heard of.

    What ended and lies in the future was done under a wrong clock; nothing is known of when.
    """
    from sqlalchemy import or_, select

    from replicator.target.bookkeeping import bookkeeping
    from replicator.target.lease import dead

    runs = bookkeeping(target.dialect).runs
    query = select(runs).where(runs.c.scope == target.place.scope, runs.c.job == job)
    query = query.where(or_(runs.c.status == "running", runs.c.started_at <= now))
    with target.reading() as reading:
        rows = reading.execute(query.order_by(runs.c.started_at.desc()).limit(_LOOKED_AT)).mappings().all()
    found = []
    for row in rows:
        if row["status"] != "running":
            found.append(Past(row["status"], row["started_at"], row["finished_at"] or row["heartbeat_at"], row["id"]))
        elif dead(target, row["holder"], now - row["heartbeat_at"]):
            found.append(Past("died", row["started_at"], row["heartbeat_at"]))
        else:
            found.append(Past("running", row["started_at"], None))
    return found


def busy(target: Target, now: datetime) -> bool:
    """Whether a run goes on there that is not dead, of whatever job."""
    from sqlalchemy import select

    from replicator.target.bookkeeping import bookkeeping
    from replicator.target.lease import dead

    runs = bookkeeping(target.dialect).runs
    query = select(runs.c.holder, runs.c.heartbeat_at)
    with target.reading() as reading:
        rows = reading.execute(query.where(runs.c.scope == target.place.scope, runs.c.status == "running")).all()
    return any(not dead(target, row.holder, now - row.heartbeat_at) for row in rows)


def by_connection(found: Configuration) -> dict[str, list[Job]]:
    """Each connection that some job with a schedule is for, with those jobs."""
    scheduled = [job for job in found.jobs.values() if job.timing]
    named = {name: [job for job in scheduled if name in job.connections] for name in found.connections}
    return {name: jobs for name, jobs in named.items() if jobs}
