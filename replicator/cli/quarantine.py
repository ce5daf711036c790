"""`replicator quarantine list|retry`: the records that could not be stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import connection, documents, options, replicate
from .text import plural, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicator.target.database import Target

#: So much of a record shows which one it is; --json has it whole.
_SHOWN = 80

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The records that could not be stored.")
Objects = Annotated[
    list[str] | None, typer.Argument(metavar="[OBJECT|GROUP]...", help="Default: all.", show_default=False)
]


@app.command(name="list")
def show(
    context: typer.Context,
    *,
    objects: Objects = None,
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Show the records in quarantine, with the reason.

    Newest first; whole with --json.
    """
    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    with connection.books(settings) as opened:
        found, where = records(opened, objects or ()), opened.where
    if json:
        documents.tell({"target": where, "records": found})
    else:
        typer.echo(_text(found, where))
    return 0


def records(target: Target, words: Sequence[str]) -> list[dict[str, Any]]:
    """The records of those objects, of all if none is named."""
    from replicator.catalog import select

    names = {thing.name for thing in select(words or ("all",))}
    with target.reading() as reading:
        return [row for row in _quarantine(target).rows(reading) if row["object"] in names]


def _quarantine(target: Target) -> Any:
    from replicator.target.bookkeeping import bookkeeping
    from replicator.target.quarantine import Quarantine

    return Quarantine(bookkeeping(target.dialect), target.dialect, target.place.scope, "")


def _text(found: list[dict[str, Any]], where: str) -> str:
    count = f"{plural(len(found), 'record')} in quarantine in {where}."
    if not found:
        return count
    head = ("object", "listing", "seen (UTC)", "reason", "record")
    rows = (
        (each["object"], each["partition"] or None, each["seen_at"], each["reason"], _start(each["record"]))
        for each in found
    )
    retry = "`replicator quarantine retry` asks Segment for them again; --json shows them whole."
    return f"{table(head, rows)}\n\n{count} {retry}"


def _start(record: str) -> str:
    return record if len(record) <= _SHOWN else f"{record[:_SHOWN]}..."


@app.command()
def retry(
    context: typer.Context,
    *,
    objects: Objects = None,
    target: options.Target = None,
    region: options.Region = None,
    base_url: options.BaseUrl = None,
    config: options.Config = None,
    json: options.Json = False,
    allow_deletes: options.AllowDeletes = None,
    concurrency: options.Concurrency = None,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Read the objects that have records in quarantine anew.

    What can be stored by now leaves it.
    """
    from replicator import anew
    from replicator.catalog import select

    settings = options.settings(
        context,
        config,
        target=target,
        region=region,
        base_url=base_url,
        concurrency=concurrency,
        schema=schema,
        prefix=prefix,
    )
    with connection.books(settings) as opened:
        with opened.reading() as reading:
            held = _quarantine(opened).counts(reading)
        names = [thing.name for thing in select(objects or ("all",)) if thing.name in held]
        if not names:
            if json:
                documents.tell({"target": opened.where, "objects": []})
            else:
                typer.echo(_text([], opened.where))
            return 0
        usual = connection.run_options(settings, tuple(names), allow_deletes=replicate.allowed(allow_deletes))
        chosen = anew.whole(opened, usual, names)
    return replicate.perform(context, settings, chosen, as_json=json)
