"""`replicator restore`: a deleted tracking plan or function, to be made anew."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from . import connection, documents, moments, options


def restore(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="OBJECT", help="TrackingPlans, or functions.", show_default=False)],
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Of the deleted record.", show_default=False)],
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="As it was then, where history is kept. [default: last]", show_default=False),
    ] = None,
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Bring a deleted record back, as one that a person added.

    The next apply makes it in Segment, under another id. A plan comes with its rules.
    """
    from replicator.catalog import find
    from replicator.sync import restore as restoring

    thing = find(name)
    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    moment = moments.moment(at, datetime.now(UTC)) if at else None
    chosen = connection.run_options(settings, ("all",))
    with connection.books(settings) as opened:
        done = restoring.restore(opened, chosen, thing, identifier, moment)
        where = opened.where
    document = {"target": where, "object": thing.name, "id": identifier, **asdict(done)}
    if json:
        documents.tell(document)
    else:
        typer.echo(restoring.sentence(thing, identifier, done))
    return 0
