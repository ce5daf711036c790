"""`replicator state show|set|reset`: what is kept of each object beside its rows."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from replicator.errors import UsageError

from . import connection, documents, options
from .text import plural, table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What is kept of each object beside its rows.")


@app.command()
def show(
    context: typer.Context,
    *,
    objects: Annotated[
        list[str] | None, typer.Argument(metavar="[OBJECT|GROUP]...", help="Default: all.", show_default=False)
    ] = None,
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Show each object's bookmark, listings, counts and lock epoch.

    \b
    With --json, one document:
      lock.epoch .run_id .holder      who may commit; no holder: nobody does
      objects[].status .message       how its last run ended
      objects[].records .ids          rows alive; the ids that its listings showed, as one number (`where` aside)
      objects[].bookmark              where the next window of events begins (of other objects: when they were listed)
      objects[].listed_at             the last listing that saw everything
      objects[].listings .oldest_listing
      objects[].details .oldest_detail  records whose details are known, and which are read again next
      objects[].listing_began_at .checkpoints .staged   an unfinished listing, its partitions and rows
      objects[].epoch .run_id         the lock and the run that wrote this last
    """
    from replicator.catalog import select
    from replicator.upkeep import shown

    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    names = [thing.name for thing in select(objects)] if objects else []
    with connection.books(settings) as opened:
        found, where = shown(opened, names), opened.where
    if json:
        documents.tell({"target": where, **found})
    else:
        typer.echo(_text(found, where))
    return 0


def _text(found: dict[str, Any], where: str) -> str:
    head = ("object", "status", "rows", "ids", "listings", "last complete (UTC)", "bookmark", "details")
    more = ("oldest detail (UTC)", "unfinished", "epoch")
    rows = (
        (
            *(each[name] for name in ("object", "status", "records", "ids", "listings", "listed_at")),
            each["bookmark"],
            each["details"],
            each["oldest_detail"],
            f"{plural(each['checkpoints'], 'listing')}, {plural(each['staged'], 'row')}"
            if each["checkpoints"]
            else None,
            each["epoch"],
        )
        for each in found["objects"]
    )
    lock = found["lock"]
    held = " ".join((lock["holder"] or "").split(" ")[:3])
    who = f"is held by run {lock['run_id']} ({held})" if lock["run_id"] else "is free"
    parts = [table((*head, *more), rows, numbers=("rows", "listings", "details", "epoch"))] if found["objects"] else []
    parts.append(f"{plural(len(found['objects']), 'object')} in {where}; its lock {who}, epoch {lock['epoch'] or 0}.")
    return "\n\n".join(parts)


@app.command(name="set")
def change(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="OBJECT", help="Which object.", show_default=False)],
    assignment: Annotated[
        str, typer.Argument(metavar="bookmark=TIME", help="As in bookmark=2026-10-31T12:00:00Z.", show_default=False)
    ],
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Set the bookmark from which the next run reads events.

    Nothing else can be set safely.
    """
    from replicator.catalog import find
    from replicator.upkeep import set_bookmark

    thing = find(name)
    key, equals, value = assignment.partition("=")
    if key != "bookmark" or not equals:
        raise UsageError(f"{assignment} cannot be set: only bookmark=TIME can, as in bookmark=2026-10-31T12:00:00Z.")
    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    with connection.books(settings) as opened:
        moment, where = set_bookmark(opened, thing, value), opened.where
    if json:
        documents.tell({"target": where, "object": thing.name, "bookmark": moment})
    else:
        typer.echo(f"{thing.name}: the next run reads from {moment} on, less the overlap.")
    return 0


@app.command()
def reset(
    context: typer.Context,
    *,
    objects: Annotated[list[str], typer.Argument(metavar="OBJECT|GROUP...", help="Which objects.", show_default=False)],
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Forget what is known of objects; their rows stay.

    Their next run is a complete one.
    """
    from replicator.catalog import select
    from replicator.upkeep import reset as forget

    chosen = select(objects)
    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    with connection.books(settings) as opened:
        names, where = forget(opened, chosen), opened.where
    if json:
        documents.tell({"target": where, "reset": names})
    else:
        told = f": {', '.join(names)}" if names else ""
        typer.echo(f"{plural(len(names), 'object')} reset in {where}{told}.")
    return 0
