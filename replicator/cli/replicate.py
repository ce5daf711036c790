"""`replicator replicate`: the workspace into the database, once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replicator.errors import UsageError

from . import alerting, connection, documents, options, unbegun

if TYPE_CHECKING:
    from replicator.run import Options, RunResult
    from replicator.settings import Settings


def replicate(
    context: typer.Context,
    *,
    objects: options.Words = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything anew, forgetting where earlier runs stopped.")
    ] = False,
    period: options.Period = None,
    target: options.Target = None,
    region: options.Region = None,
    base_url: options.BaseUrl = None,
    config: options.Config = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would cost and change; write nothing.")
    ] = False,
    json: options.Json = False,
    allow_deletes: options.AllowDeletes = None,
    extended: options.Extended = None,
    concurrency: options.Concurrency = None,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Copy the workspace into the database."""
    words = options.words(objects, "replicate")
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
    chosen = connection.run_options(settings, words, full=full, allow_deletes=allowed(allow_deletes))
    refuse(settings, chosen)
    if dry_run:
        return _dry_run(context, settings, chosen, as_json=json)
    with alerting.afterwards(context.obj, config, settings):
        return perform(context, settings, chosen, as_json=json)


def allowed(names: Sequence[str] | None) -> frozenset[str]:
    """The objects that --allow-deletes names."""
    from replicator.catalog import find

    words = [name.replace(",", " ").split() for name in names or ()]
    if [] in words:
        raise UsageError("--allow-deletes names no object: give one, as in --allow-deletes Users.")
    return frozenset(find(word).name for each in words for word in each)


def refuse(settings: Settings, chosen: Options) -> None:
    """What can be told without a request: a month that is not here yet, usage without months, nothing at all."""
    from replicator.options import refuse_without_period

    path = connection.sqlite_file(settings.target)
    if path and not path.exists():
        # Which months are due is derived from the database, and opening a file that is not there would make it.
        refuse_without_period(chosen)
    if not chosen.objects:
        raise UsageError(connection.NOTHING)
    today = datetime.now(UTC).date().isoformat()
    if late := [period for period in chosen.periods if period > today]:
        raise UsageError(
            f"The month {late[0][:7]} has not begun yet: give a --period that ends at {today[:7]} or before."
        )


def perform(context: typer.Context, settings: Settings, chosen: Options, *, as_json: bool) -> int:
    """Runs, tells what came of it, and returns the exit code."""
    return report(*performed(context, settings, chosen, as_json=as_json), as_json=as_json)


def report(result: RunResult, where: str, *, as_json: bool) -> int:
    """Tells what came of a run, and returns the exit code."""
    if as_json:
        documents.tell(document(result, where))
    tell(result, None if as_json else where)
    return result.exit_code


def performed(context: typer.Context, settings: Settings, chosen: Options, *, as_json: bool) -> tuple[RunResult, str]:
    """Runs: what came of it, and where that lies. Only progress is told."""
    from replicator import run

    from . import logs, progress, signals

    stop = threading.Event()
    shown = progress.make(sys.stderr, as_json=as_json)
    logs.begin(context.obj, as_json=as_json, quiet=shown.on_terminal)
    with (
        signals.stopping(stop),
        unbegun.open_client(settings, context.obj, chosen, stop=stop, on_wait=shown.waiting) as client,
    ):
        target = connection.open_database(settings)
        try:
            with shown:
                return run.replicate(target, client, chosen, shown, stop), target.where
        finally:
            target.close()


def tell(result: RunResult, where: str | None) -> None:
    """As text; `where` None: the error alone, beside a document."""
    from . import summary

    if where is not None:
        typer.echo(summary.text(result, where))
    if result.error:
        typer.echo(f"error: {result.error}", err=True)


def document(result: RunResult, where: str) -> dict[str, Any]:
    """For --json."""
    return {**asdict(result), "target": where}


def _dry_run(context: typer.Context, settings: Settings, chosen: Options, *, as_json: bool) -> int:
    from replicator.bill import bill

    from . import logs, summary

    logs.begin(context.obj, as_json=as_json, quiet=True)
    with connection.open_client(settings, context.obj) as client:
        target = connection.open_existing(settings) or connection.open_nowhere(settings)
        try:
            made = bill(target, client, chosen)
        finally:
            target.close()
    shown = {"dry_run": True, **asdict(made)}
    if as_json:
        documents.tell(shown)
    else:
        typer.echo(summary.bill(made))
    return 0
