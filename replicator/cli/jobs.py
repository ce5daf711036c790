"""`replicator jobs`: what the configuration schedules, and how it went last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from replicator.errors import ReplicatorError
from replicator.settings import load_all

from . import connection, documents, options, resort, turns
from .text import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.settings import Configuration, Job, Settings


def jobs(context: typer.Context, *, config: options.Config = None, json: options.Json = False) -> int:
    """List the jobs: schedule, last run, next run (UTC).

    \b
    JSON:
      jobs[].job .connection .schedule .time_zone
      jobs[].status .began .ended     of the last run; null if there was none
      jobs[].due                      when it runs next; null while it runs, and without a schedule
      jobs[].error                    why the database could not be asked
    """
    environ: Mapping[str, str] = context.obj or {}
    found = load_all(environ, {}, config=config)
    rows = [row for job in found.jobs.values() for row in _rows(found, job, environ)]
    if json:
        documents.tell({"jobs": rows})
        return 0
    if not rows:
        typer.echo("The configuration has no jobs: give it a table such as [jobs.nightly].")
        return 0
    names = ("job", "connection", "schedule", "time_zone", "status", "ended", "due")
    head = ("job", "connection", "schedule", "zone", "last", "ended (UTC)", "next (UTC)")
    typer.echo(table(head, [[row[name] for name in names] for row in rows]))
    for row in rows:
        if row["error"]:
            typer.echo(f"{row['job']} of connection {row['connection']}: {row['error']}", err=True)
    return 0


def _rows(found: Configuration, job: Job, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"job": job.name, "connection": name, "schedule": job.schedule or job.every, "time_zone": job.time_zone}
        | _asked(name, found.connections[name], job, environ)
        for name in job.connections
    ]


def _asked(name: str, settings: Settings, job: Job, environ: Mapping[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = dict.fromkeys(("status", "began", "ended", "due", "error"))
    try:
        with connection.books(settings) as books:
            (turn,), _ = turns.of(books, name, [job])
    except ReplicatorError as error:
        return told | {"error": resort.scrubbed(str(error), environ)}
    if turn.last:
        told |= {"status": turn.last.status, "began": turn.last.began, "ended": turn.last.ended}
    return told | {"due": turn.due}
