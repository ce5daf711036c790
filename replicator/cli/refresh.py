"""`replicator refresh`: an object, or some records of it, anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from replicator.errors import UsageError

from . import connection, options, replicate


def refresh(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="OBJECT", help="Which object.", show_default=False)],
    ids: Annotated[
        list[str] | None,
        typer.Option(
            "--id",
            metavar="ID",
            help="Only the details of this record and the listings below it. May be given several times.",
            show_default=False,
        ),
    ] = None,
    period: options.Period = None,
    target: options.Target = None,
    region: options.Region = None,
    base_url: options.BaseUrl = None,
    config: options.Config = None,
    json: options.Json = False,
    allow_deletes: options.AllowDeletes = None,
    extended: options.Extended = None,
    concurrency: options.Concurrency = None,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Read an object anew although nothing says that it moved.

    Its table stays readable meanwhile. Usage is read anew for --period, or for every month that the database has.
    """
    from replicator import anew
    from replicator.catalog import find
    from replicator.catalog.model import Window

    thing = find(name)
    if period and thing.window is not Window.PERIOD:
        raise UsageError(f"{thing.name} has no months: --period is for usage objects alone. Leave it out.")
    settings = options.settings(
        context,
        config,
        period=period,
        target=target,
        region=region,
        base_url=base_url,
        extended=extended,
        concurrency=concurrency,
        schema=schema,
        prefix=prefix,
    )
    usual = connection.run_options(settings, (thing.name,), allow_deletes=replicate.allowed(allow_deletes))
    with connection.books(settings) as opened:
        chosen = anew.by_id(opened, usual, thing, ids) if ids else anew.whole(opened, usual, [thing.name])
    result, where = replicate.performed(context, settings, chosen, as_json=json)
    if ids and result.exit_code == 0:
        with connection.books(settings) as opened:
            if missing := anew.unknown(opened, chosen, thing, ids):
                passing = " that passes `where`" if chosen.of(thing).where else ""
                why = f"{thing.name}: there is no {' and no '.join(missing)} in Segment{passing}; the rest was read."
                result = replace(result, error=why, exit_code=UsageError.exit_code)
    return replicate.report(result, where, as_json=json)
