"""The verbs, and what `replicator` itself answers to."""

from __future__ import annotations

from typing import Annotated

import typer

from replicator import __version__
from replicator.settings import CONNECTION_VARIABLE

from . import (
    alerts,
    check,
    config,
    conflicts,
    daemon,
    health,
    history,
    init,
    jobs,
    objects,
    password,
    pending,
    quarantine,
    refresh,
    replicate,
    restore,
    run,
    runs,
    sandbox,
    schema,
    state,
    status,
    sync,
    worker,
)

#: `\b` keeps the lines as they are.
EXIT_CODES = """\b
Exit codes:
  0    done
  1    the run failed, or was stopped by Ctrl-C (once) or SIGTERM
  2    the command line or the configuration is wrong
  3    partial: some objects failed or were not accessible, the others are right
  4    a person has to decide, as before many rows are marked deleted
  5    there is something to do (plan --exit-code, schema plan --exit-code)
  130  stopped at once by a second Ctrl-C

\b
The token is read from SEGMENT_TOKEN, or from the file that SEGMENT_TOKEN_FILE names.
Every setting may stand in a TOML file (--config) or, but for those of one object, in
the environment, as in REPLICATOR_TARGET. REPLICATOR_DEBUG=1 shows tracebacks.
"""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 110},
)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"replicator {__version__}")
        raise typer.Exit


@app.callback(epilog=EXIT_CODES)
def replicator(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback ends the program
        bool,
        typer.Option("--version", help="Show the version.", callback=lambda on: _version(wanted=on), is_eager=True),
    ] = False,
    connection: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which connection, where the configuration has several.", show_default=False),
    ] = None,
) -> None:
    """Keep a relational database in step with a Twilio Segment workspace."""
    if connection:
        context.obj = {**(context.obj or {}), CONNECTION_VARIABLE: connection}


# A word such as -Users leaves an object out, so what looks like an unknown option may be a word (see options.words).
WORDS = {"ignore_unknown_options": True}

app.command()(init.init)
app.command(context_settings=WORDS)(replicate.replicate)
app.command()(refresh.refresh)
app.command(context_settings=WORDS)(check.check)
app.command()(objects.objects)
app.command()(status.status)
app.command()(run.run)
app.command()(jobs.jobs)
app.command()(daemon.daemon)
app.command()(worker.worker)
app.command()(runs.runs)
app.command()(health.health)
app.command(context_settings=WORDS)(pending.pending)
app.command(context_settings=WORDS)(sync.plan)
app.command()(sync.apply)
app.command(context_settings=WORDS)(sync.sync)
app.command()(conflicts.conflicts)
app.command("resolve")(conflicts.resolve_)
app.command()(restore.restore)
app.command()(history.history)
app.command()(history.diff)
app.command("as-of", context_settings=WORDS)(history.as_of)
app.command()(sandbox.sandbox)
app.add_typer(alerts.app, name="alerts")
app.add_typer(config.app, name="config")
app.add_typer(schema.app, name="schema")
app.add_typer(state.app, name="state")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(password.app, name="web")
