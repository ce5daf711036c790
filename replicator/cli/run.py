"""`replicator run`: a job of the configuration, now."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replicator.errors import ReplicatorError, UsageError
from replicator.settings import CONNECTION_VARIABLE, load_all

from . import alerting, connection, documents, options, replicate, resort, sync

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.options import Options
    from replicator.settings import Configuration, Job, Settings

#: Of the exit codes of several runs, the first of these that one of them had.
_WORST_FIRST = (1, 2, 4, 3, 0)


def run(
    context: typer.Context,
    *,
    job: Annotated[str, typer.Argument(metavar="JOB", help="The NAME of a table [jobs.NAME].", show_default=False)],
    config: options.Config = None,
    json: options.Json = False,
) -> int:
    """Perform a job now, connection after connection.

    \b
    With --json, one document:
      job, exit_code                  the job, and what the command exits with
      connections[].connection        and what `replicate --json` says of its run
      connections[].sent              what `apply --json` says of its edits; null unless the job has sync = true
    """
    environ: Mapping[str, str] = context.obj or {}
    found = load_all(environ, {}, config=config)
    wanted = _job(found, job)
    told: list[dict[str, Any]] = []
    for name in _connections(wanted, environ.get(CONNECTION_VARIABLE)):
        if not json:
            typer.echo(f"{wanted.name} of connection {name}:")
        try:
            with alerting.afterwards(environ, config, found.connections[name], name):
                result = perform(context, wanted, found.connections[name], as_json=json)
        except ReplicatorError as error:
            # What stops this connection's run leaves the others right.
            sentence = resort.scrubbed(str(error), environ)
            typer.echo(f"error: {sentence}", err=True)
            result = {"status": "failed", "error": sentence, "sent": None, "exit_code": error.exit_code}
        told.append({"connection": name, **result})
        if result["status"] == "interrupted":
            break
    codes = [each["exit_code"] for each in told]
    code = next(code for code in _WORST_FIRST if code in codes)
    if json:
        documents.tell({"job": wanted.name, "connections": told, "exit_code": code})
    return code


def perform(context: typer.Context, job: Job, settings: Settings, *, as_json: bool) -> dict[str, Any]:
    """The job for one connection, as `replicator replicate` would do it: what came of it, told too unless as JSON."""
    chosen = options_of(job, settings)
    replicate.refuse(settings, chosen)
    return sync.performed(context, settings, chosen, send=job.sync, as_json=as_json)


def options_of(job: Job, settings: Settings) -> Options:
    """What the job asks for; what it leaves open, the connection says."""
    settings = replace(
        settings,
        objects=job.objects or settings.objects,
        history=job.history or settings.history,
        places={**settings.places, **job.places},
    )
    return connection.run_options(settings, (), full=job.mode == "full", job=job.name)


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
