"""`replicator runs`: what earlier runs did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from . import connection, documents, options
from .text import named, table

_COUNTS = ("inserted", "updated", "unchanged", "deleted", "quarantined", "requests")


def runs(
    context: typer.Context,
    *,
    run: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="One run, object by object; its first characters do.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", help="How many runs, newest first.", min=1)] = 20,
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Show the ledger: all runs, or what one did to each object."""
    from replicator.watch.runs import newest, one

    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    opened = connection.open_books(settings)
    try:
        found = one(opened, run) if run else {"runs": newest(opened, limit)}
    finally:
        opened.close()
    if json:
        documents.tell(found)
    else:
        typer.echo(_one(found) if run else _every(found["runs"]))
    return 0


def _every(found: list[dict[str, Any]]) -> str:
    if not found:
        return "There was no run yet: `replicator replicate` begins one."
    head = ("run", "started (UTC)", "seconds", "mode", "status", *_COUNTS)
    rows = (
        (run["id"], run["started_at"], _seconds(run), run["mode"], run["status"], *(run[name] for name in _COUNTS))
        for run in found
    )
    told = [f"{run['id']}: {run['error']}" for run in found if run["error"]]
    return "\n\n".join(filter(None, (table(head, rows, numbers=("seconds", *_COUNTS)), "\n".join(told))))


def _seconds(run: dict[str, Any]) -> float | None:
    return (run["finished_at"] - run["started_at"]).total_seconds() if run["finished_at"] else None


def _ended(run: dict[str, Any]) -> str:
    return f"{run['finished_at']:%Y-%m-%d %H:%M:%S}" if run["finished_at"] else "now"


def _reasons(of: dict[str, Any]) -> Iterator[str]:
    if of["error"]:
        yield of["error"]
    if of["unseen"] and not (of["error"] and of["unseen"].endswith(of["error"])):
        yield of["unseen"]


def _one(run: dict[str, Any]) -> str:
    names = ("object", "status", "records", *_COUNTS, "seconds", "pages", "partitions", "skipped", "complete", "ids")
    head = tuple({"partitions": "listings", "skipped": "not asked"}.get(name, name) for name in names)
    objects = run["objects"]
    rows = ([each[name] for name in names] for each in objects)
    who = " ".join(run["holder"].split(" ")[:3])
    facts = [
        f"Run {run['id']}: {run['status']}, {run['mode']}, by {who}, version {run['version']}",
        f"from {run['started_at']:%Y-%m-%d %H:%M:%S} to {_ended(run)} UTC"
        + (f": {run['error']}" if run["error"] else ""),
    ]
    told = [named(each["object"], why) for each in objects for why in _reasons(each)]
    return "\n\n".join(filter(None, ("\n".join(facts), table(head, rows, numbers=head[2:-2]), "\n".join(told))))
