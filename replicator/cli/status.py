"""`replicator status`: what the database holds, and how fresh it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from . import connection, documents, options
from .objects import detected
from .text import named, plural, table

if TYPE_CHECKING:
    from replicator.settings import Settings
    from replicator.target.database import Target


def status(
    context: typer.Context,
    *,
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Show the state of each object, and if a run is going on.

    Its last complete listing, rows, and how late changes are seen.
    """
    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    opened = connection.open_books(settings)
    try:
        found = state(opened, settings)
        where = opened.where
    finally:
        opened.close()
    if json:
        documents.tell({"target": where, **found})
    else:
        typer.echo(_text(found, where))
    return 0


def state(target: Target, settings: Settings) -> dict[str, Any]:
    """The objects' states, how changes of them are seen, the runs that are going on, and what lies in quarantine."""
    from sqlalchemy import select

    from replicator.catalog import by_name
    from replicator.target import lease
    from replicator.target.bookkeeping import bookkeeping
    from replicator.target.quarantine import Quarantine
    from replicator.target.state import State

    books = bookkeeping(target.dialect)
    scope = target.place.scope
    with target.reading() as reading:
        quarantined = Quarantine(books, target.dialect, scope, "").counts(reading)
        states = State(books, scope).every(reading)
        going = select(books.runs.c.id, books.runs.c.started_at, books.runs.c.holder, books.runs.c.heartbeat_at)
        runs = reading.execute(going.where(books.runs.c.scope == scope, books.runs.c.status == "running")).all()
        now = target.dialect.now(reading)
    names = ("status", "records", "listed_at", "listing_began_at", "bookmark", "run_id", "message")
    objects = [
        {
            "object": name,
            **{each: getattr(states[name], each) for each in names},
            "quarantined": quarantined.get(name, 0),
            "detection": asdict(detected(by_name[name], settings)) if name in by_name else None,
        }
        for name in sorted(states)
    ]
    alive = [
        {"run": run.id, "started_at": run.started_at, "holder": " ".join(run.holder.split(" ")[:3])}
        for run in runs
        if not lease.dead(target, run.holder, now - run.heartbeat_at)
    ]
    return {"objects": objects, "running": alive}


def _text(found: dict[str, Any], where: str) -> str:
    if not found["objects"]:
        parts = ["No object has a state here, as before a first run or after a reset: run `replicator replicate`."]
    else:
        late = ("inserts seen", "updates seen", "deletes seen")
        head = ("object", "status", "rows", "last complete listing (UTC)", "quarantined", *late)
        names = ("object", "status", "records", "listed_at", "quarantined")
        rows = ((*(each[name] for name in names), *_late(each["detection"])) for each in found["objects"])
        parts = [table(head, rows, numbers=("rows", "quarantined"))]
    parts.append("\n".join(named(each["object"], each["message"]) for each in found["objects"] if each["message"]))
    going = [
        f"Run {run['run']} ({run['holder']}) is going on since {run['started_at']:%Y-%m-%d %H:%M:%S} UTC."
        for run in found["running"]
    ]
    parts.append("\n".join(going) or "No run is going on.")
    parts.append(
        f"{plural(len(found['objects']), 'object')} in {where}. `replicator objects NAME` says how changes are seen."
    )
    return "\n\n".join(filter(None, parts))


def _late(detection: dict[str, Any] | None) -> tuple[str | None, ...]:
    """Of an object that this version no longer knows, nothing is seen."""
    return tuple(detection[each]["late"] if detection else None for each in ("inserts", "updates", "deletes"))
