"""`replicator run`: a job of the configuration, now."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.errors import ReplicatorError, UsageError
from replicator.settings import CONNECTION_VARIABLE, load_all

from . import alerting, connection, options, replicate, resort, sync

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.options import Options
    from replicator.outcome import RunResult
    from replicator.settings import Configuration, Job, Settings

#: Of the exit codes of several runs, the first of these that one of them had.
_WORST_FIRST = (1, 2, 4, 3, 0)


def run(
    context: typer.Context,
    *,
    job: Annotated[str, typer.Argument(metavar="JOB", help="The NAME of a table [jobs.NAME].", show_default=False)],
    config: options.Config = None,
) -> int:
    """Perform a job of the configuration now, connection after connection."""
    environ: Mapping[str, str] = context.obj or {}
    found = load_all(environ, {}, config=config)
    wanted = _job(found, job)
    codes = []
    for name in _connections(wanted, environ.get(CONNECTION_VARIABLE)):
        typer.echo(f"{wanted.name} of connection {name}:")
        try:
            with alerting.afterwards(environ, config, found.connections[name], name):
                result = perform(context, wanted, found.connections[name])
        except ReplicatorError as error:
            # What stops this connection's run leaves the others right.
            typer.echo(f"error: {resort.scrubbed(str(error), environ)}", err=True)
            codes.append(error.exit_code)
            continue
        codes.append(result.exit_code)
        if result.status == "interrupted":
            break
    return next(code for code in _WORST_FIRST if code in codes)


def perform(context: typer.Context, job: Job, settings: Settings) -> RunResult:
    """The job for one connection, as `replicator replicate` would do it."""
    chosen = options_of(job, settings)
    replicate.refuse(settings, chosen)
    result = replicate.told(context, settings, chosen, as_json=False)
    if not job.sync or result.status in {"failed", "interrupted"}:
        return result
    return replace(result, exit_code=sync.push(context, settings, chosen, as_json=False) or result.exit_code)


def options_of(job: Job, settings: Settings) -> Options:
    """What the job asks for; what it leaves open, the connection says."""
    settings = replace(settings, history=job.history or settings.history)
    return connection.run_options(settings, job.objects, full=job.mode == "full", job=job.name)


def _job(found: Configuration, name: str) -> Job:
    if name in found.jobs:
        return found.jobs[name]
    if not found.jobs:
        raise UsageError("The configuration has no jobs: give it a table such as [jobs.nightly].")
    nearest = get_close_matches(name, found.jobs, n=1, cutoff=0.0)[0]
    raise UsageError(f"There is no job {name!r}; the nearest is {nearest}.")


def _connections(job: Job, only: str | None) -> tuple[str, ...]:
    if not only:
        return job.connections
    if only not in job.connections:
        raise UsageError(f"The job {job.name} is not for connection {only!r}, but for {', '.join(job.connections)}.")
    return (only,)
