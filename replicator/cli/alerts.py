"""`replicator alerts`: what needs a person, whom it was told, and whether telling works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from replicator.errors import ConfigError, ReplicatorError
from replicator.settings import CONNECTION_VARIABLE, load_all

from . import alerting, connection, documents, logs, options, pending, resort
from .text import plural, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from replicator.settings import Configuration

app = typer.Typer(invoke_without_command=True)


@app.callback()
def alerts(context: typer.Context, *, config: options.Config = None, json: options.Json = False) -> int:
    """List what needs a person, and the channels that do not work.

    `replicator alerts test` sends a message through each channel.
    """
    if context.invoked_subcommand:
        return 0
    environ: Mapping[str, str] = context.obj or {}
    found = load_all(environ, {}, config=config)
    listed, broken, unknown = [], [], []
    for name in _connections(found, environ):
        try:
            mine, errors = _of(found, name)
        except ReplicatorError as error:
            unknown.append({"connection": name, "error": resort.scrubbed(str(error), environ)})
            continue
        listed += mine
        broken += errors
    if json:
        documents.tell({"alerts": listed, "broken": broken, "unknown": unknown})
    else:
        typer.echo("\n".join(_lines(listed, broken)))
        for each in unknown:
            typer.echo(f"{each['connection']}: {each['error']}", err=True)
    return 0


@app.command("test")
def try_all(context: typer.Context, *, config: options.Config = None) -> int:
    """Send a message through each channel, and say what came of it.

    Exits with 1 if one does not work.
    """
    from replicator.alerts.words import Message

    environ: Mapping[str, str] = context.obj or {}
    found = load_all(environ, {}, config=config)
    logs.begin(environ, as_json=False, quiet=True)
    post = alerting.post_of(found, environ)
    if not post.channels:
        raise ConfigError(
            "Nobody is told of anything: give [alerts] a webhook_url_file, or mail_to, mail_from and mail_server."
        )
    text = "This is a test: somebody typed `replicator alerts test`, and nothing is wrong."
    worked = True
    for name in post.channels:
        error = post.deliver(name, [Message("Alerts of replicator work", text, "", "", "")])
        typer.echo(f"{name}: {resort.scrubbed(str(error), environ) if error else 'sent'}")
        worked = worked and error is None
    return 0 if worked else 1


def _connections(found: Configuration, environ: Mapping[str, str]) -> list[str]:
    only = environ.get(CONNECTION_VARIABLE)
    if only and only not in found.connections:
        raise ConfigError(f"There is no connection {only!r}; the configuration has {', '.join(found.connections)}.")
    return [only] if only else list(found.connections)


def _of(found: Configuration, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from replicator.alerts import words
    from replicator.alerts.book import Book
    from replicator.alerts.perform import Post, standing

    settings = found.connections[name]
    with connection.books(settings) as target:
        waiting = pending.counts(target, settings) if settings.push else None
        stands = standing(target, Post(found), name, waiting)
        with target.reading() as reading:
            book = Book(target)
            tells, errors = book.tells(reading), book.errors(reading)
    told = {
        alert.key: sorted(
            channel for (key, channel), tell in tells.items() if key == alert.key and tell.told == "opened"
        )
        for alert in stands
    }
    listed = [
        {
            "connection": name,
            "kind": alert.key.kind,
            "job": alert.key.job or None,
            "object": alert.key.object or None,
            "what": words.what(alert.key),
            "why": words.clean(alert.why, 400),
            "since": alert.opened,
            "run": alert.run,
            "next": words.todo_of(name, alert),
            "told": told[alert.key],
        }
        for alert in stands
    ]
    return listed, [{"connection": name, **each} for each in errors]


def _lines(listed: list[dict[str, Any]], broken: list[dict[str, Any]]) -> Iterator[str]:
    if listed:
        names = ("connection", "what", "since", "told", "next")
        head = ("connection", "what", "since (UTC)", "told by", "next")
        rows = [[", ".join(row["told"]) if name == "told" else row[name] for name in names] for row in listed]
        yield table(head, rows)
        yield ""
        yield from (f"{each['what']}: {each['why']}" for each in listed)
    yield f"{plural(len(listed), 'alert')} open."
    for each in broken:
        yield (
            f"{each['channel']} of connection {each['connection']} does not work ({each['untold']} not told):"
            f" {each['error']} It is tried again at {each['due_at']:%Y-%m-%d %H:%M:%S} UTC."
        )
