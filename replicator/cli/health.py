"""`replicator health`: whether the database was brought up to date lately, for HEALTHCHECK, probes and monitors."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replicator.errors import ReplicatorError

from . import connection, documents, options

if TYPE_CHECKING:
    from replicator.target.database import Target

#: A run that ends so left right rows behind: what it could not see, it says, and that may last for ever.
_SUCCESS = ("done", "partial")


def health(
    context: typer.Context,
    *,
    within: Annotated[
        float, typer.Option(metavar="HOURS", help="How old the newest successful run may be.", min=0.0, max=1e6)
    ] = 26.0,
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Exit with 0 if a run succeeded lately, else with 1.

    That is, if the newest one that was done or partial ended so many hours ago at most.
    """
    try:
        settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
        with connection.books(settings) as books:
            found = newest_success(books)
    except ReplicatorError as error:
        # A probe knows two answers only.
        if json:
            documents.tell({"healthy": False, "error": str(error)})
        else:
            typer.echo(f"not healthy: {error}")
        return 1
    healthy = found["age"] is not None and found["age"] <= timedelta(hours=within)
    if json:
        age = found["age"].total_seconds() if found["age"] else None
        documents.tell({**found, "age": age, "healthy": healthy, "within_hours": within})
    else:
        typer.echo(_sentence(found, within, healthy=healthy))
    return 0 if healthy else 1


def newest_success(target: Target) -> dict[str, Any]:
    """The newest run that ended well, when, and how long ago by the database's clock; None for each if none did."""
    from sqlalchemy import select

    from replicator.ledger import SENDING
    from replicator.target.bookkeeping import bookkeeping

    runs = bookkeeping(target.dialect).runs
    ended_well = (runs.c.scope == target.place.scope, runs.c.status.in_(_SUCCESS), runs.c.finished_at.is_not(None))
    # What only sent edits says nothing about how fresh the rows are.
    query = select(runs.c.id, runs.c.status, runs.c.finished_at).where(*ended_well, runs.c.mode.not_in(SENDING))
    with target.reading() as reading:
        now = target.dialect.now(reading)
        # One that lies in the future was done under a wrong clock.
        query = query.where(runs.c.finished_at <= now).order_by(runs.c.finished_at.desc())
        row = reading.execute(query.limit(1)).first()
    if row is None:
        return {"run": None, "status": None, "finished_at": None, "age": None}
    return {"run": row.id, "status": row.status, "finished_at": row.finished_at, "age": now - row.finished_at}


def _sentence(found: dict[str, Any], within: float, *, healthy: bool) -> str:
    if found["run"] is None:
        return "not healthy: no run has succeeded yet; `replicator runs` says what came of each."
    ended = f"run {found['run'][:8]} was {found['status']} {_ago(found['age'])} ago"
    if healthy:
        return f"healthy: {ended}."
    return (
        f"not healthy: the newest success, {ended}, is older than {within:g} h; `replicator runs` tells of those since."
    )


def _ago(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
