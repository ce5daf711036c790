"""`replicator plan`, `apply` and `sync`: what people changed here goes to Segment."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replicator.errors import UsageError

from . import alerting, connection, documents, options, pending, plans, replicate, sending
from .pending import titled
from .text import plural

if TYPE_CHECKING:
    from replicator.options import Options
    from replicator.segment.client import Client
    from replicator.settings import Settings
    from replicator.sync.model import Done, Step
    from replicator.sync.session import Allowed
    from replicator.target.database import Target

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def plan(
    context: typer.Context,
    *,
    objects: options.Words = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the plan there, for apply.")] = None,
    target: options.Target = None,
    region: options.Region = None,
    base_url: options.BaseUrl = None,
    config: options.Config = None,
    json: options.Json = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 5 when there is something to do.")] = False,
    again: options.Again = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Show what would be sent to Segment, and what conflicts.

    Field by field; nothing is changed on either side.
    """
    from replicator.sync import session

    words = options.words(objects, "plan")
    settings = options.settings(
        context, config, target=target, region=region, base_url=base_url, schema=schema, prefix=prefix
    )
    with ends(context, settings, as_json=json) as (opened, client):
        steps = session.plan(opened, client, _options(settings, words), allowed(settings, again=again))
        shown = [*steps, *map(plans.stray, pending.others_in(opened, settings, words))]
        found = plans.document(shown, opened.where)
    if out:
        _write(out, found)
    if json:
        documents.tell(found)
    else:
        typer.echo(plans.text(shown, found["target"]))
    return 5 if exit_code and steps else 0


def apply(
    context: typer.Context,
    *,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A plan that `plan --out` wrote.", show_default=False)
    ] = None,
    yes: Yes = False,
    target: options.Target = None,
    region: options.Region = None,
    base_url: options.BaseUrl = None,
    config: options.Config = None,
    json: options.Json = False,
    allow_deletes: options.AllowDeletes = None,
    again: options.Again = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Send the edits to Segment: exactly what the plan says.

    A record that moved since is skipped and told. Needs `push = true` for the connection; deletions need
    `push_deletes = true`, and deployments `deploy = true`.
    """
    from replicator.sync import session

    settings = options.settings(
        context, config, target=target, region=region, base_url=base_url, schema=schema, prefix=prefix
    )
    _refuse_without_push(settings)
    may = allowed(settings, many=replicate.allowed(allow_deletes), again=again)
    with ends(context, settings, as_json=json) as (opened, client):
        chosen = _options(settings, ())
        planned = plans.read(file) if file else None
        if not yes:
            planned = session.plan(opened, client, chosen, may) if planned is None else planned
            typer.echo(plans.text(planned, opened.where), err=json)
            _ask(planned)
        done = session.apply(opened, client, chosen, may, planned)
        where = opened.where
    if json:
        documents.tell(document(done, where))
    else:
        typer.echo(told(done, where))
    return sending.code(done)


def sync(
    context: typer.Context,
    *,
    objects: options.Words = None,
    target: options.Target = None,
    region: options.Region = None,
    base_url: options.BaseUrl = None,
    config: options.Config = None,
    json: options.Json = False,
    allow_deletes: options.AllowDeletes = None,
    concurrency: options.Concurrency = None,
    again: options.Again = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Copy the workspace into the database, then send its edits.

    For schedules: it asks nobody. Without `push = true` nothing is sent.
    """
    words = options.words(objects, "sync")
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
    many = replicate.allowed(allow_deletes)
    chosen = connection.run_options(settings, words, allow_deletes=many)
    replicate.refuse(settings, chosen)
    with alerting.afterwards(context.obj, config, settings):
        found = performed(context, settings, chosen, send=settings.push, as_json=json, again=again)
    if json:
        documents.tell(found)
    if not settings.push and found["status"] not in {"failed", "interrupted"}:
        _tell_waiting(settings, chosen, as_json=json)
    code: int = found["exit_code"]
    return code


def performed(
    context: typer.Context, settings: Settings, chosen: Options, *, send: bool, as_json: bool, again: bool = False
) -> dict[str, Any]:
    """Runs, then sends the edits of those objects, if `send`: what came of both, told too unless as JSON."""
    from replicator.sync import session

    result, where = replicate.performed(context, settings, chosen, as_json=as_json)
    replicate.tell(result, None if as_json else where)
    found = {**replicate.document(result, where), "sent": None}
    if not send or result.status in {"failed", "interrupted"}:
        return found
    with ends(context, settings, as_json=as_json) as (opened, client):
        done = session.apply(opened, client, chosen, allowed(settings, many=chosen.allow_deletes, again=again))
    if not as_json:
        typer.echo(told(done, where))
    return {**found, "sent": document(done, where), "exit_code": sending.code(done) or result.exit_code}


def _tell_waiting(settings: Settings, chosen: Options, *, as_json: bool) -> None:
    names = tuple(thing.name for thing in chosen.objects)
    with connection.books(settings) as opened:
        count = len(pending.found_in(opened, settings, names))
    if count:
        wait = "edit waits here and was" if count == 1 else "edits wait here and were"
        typer.echo(
            f"{count:,} {wait} not sent: set push = true in the configuration, or REPLICATOR_PUSH=true."
            " `replicator pending` shows them.",
            err=as_json,
        )


def allowed(settings: Settings, *, many: frozenset[str] = frozenset(), again: bool = False) -> Allowed:
    """What the settings let be sent."""
    from replicator.sync.session import Allowed

    return Allowed(
        push=settings.push,
        deletes=settings.push_deletes,
        deploy=settings.deploy,
        policy=settings.conflicts,
        again=again,
        many_deletes=many,
    )


def _write(out: Path, found: dict[str, Any]) -> None:
    try:
        out.write_text(documents.dump(found, indent=1), "utf-8")
    except OSError as error:
        why = (error.strerror or "it cannot be opened").lower()
        raise UsageError(f"Cannot write the plan to {out}: {why}. Name another file with --out.") from None


def _refuse_without_push(settings: Settings) -> None:
    if not settings.push:
        raise UsageError(
            "Nothing is sent to Segment from this connection: set push = true in its configuration, or"
            " REPLICATOR_PUSH=true. `replicator plan` shows what would be sent."
        )


@contextmanager
def ends(context: typer.Context, settings: Settings, *, as_json: bool) -> Iterator[tuple[Target, Client]]:
    """Both ends, closed at the end."""
    from . import logs, signals

    stop = threading.Event()
    logs.begin(context.obj, as_json=as_json, quiet=True)
    with (
        signals.stopping(stop),
        connection.open_client(settings, context.obj, stop=stop) as client,
        connection.books(settings) as opened,
    ):
        yield opened, client


def _options(settings: Settings, words: tuple[str, ...]) -> Any:
    return connection.run_options(settings, words or ("all",))


def _ask(planned: Sequence[Step]) -> None:
    sent = sum(each.action in {"create", "update", "delete"} for each in planned)
    if not sent:
        return
    if not sys.stdin.isatty():
        raise UsageError("Nobody can be asked whether to send this: give --yes, or a plan file and --yes.")
    if not typer.confirm(f"Send {plural(sent, 'change')} to Segment?"):
        raise typer.Exit(1)


def document(done: Sequence[Done], where: str) -> dict[str, Any]:
    """For --json."""
    rows = [
        {
            "object": each.step.object,
            "id": each.step.id,
            "action": each.step.action,
            "outcome": each.outcome,
            "error": each.error,
            "request_id": each.request_id,
        }
        for each in done
    ]
    return {"target": where, "steps": rows, "counts": dict(Counter(each.outcome for each in done))}


def told(done: Sequence[Done], where: str) -> str:
    """As text."""
    if not done:
        return f"Nothing was to be sent: {where} and the workspace agree."
    lines = []
    for each in done:
        why = f": {each.error}" if each.error else ""
        # A step that was never to be sent is called as its outcome is.
        action = "" if each.step.action == each.outcome else f"{each.step.action} "
        lines.append(f"{titled(each.step)}: {action}{each.outcome}{why}")
    told = ", ".join(f"{count} {outcome}" for outcome, count in Counter(each.outcome for each in done).items())
    if any(each.outcome == "conflict" for each in done):
        told += "; `replicator conflicts` shows the conflicts"
    return "\n".join([*lines, "", f"{plural(len(done), 'record')}: {told}."])
