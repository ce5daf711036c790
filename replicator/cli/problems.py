"""What is wrong with a configuration beyond single values, as the commands would say it, without asking anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from replicator.errors import ConfigError, ReplicatorError

from . import connection

if TYPE_CHECKING:
    from replicator.settings import Configuration, Job, Settings


def of(found: Configuration, environ: Mapping[str, str]) -> Iterator[str]:
    """Each without its full stop; what not all connections have wrong, with the name of those that do."""
    told: dict[str, list[str]] = {}
    for name, settings in found.connections.items():
        for problem in _of_connection(settings, environ):
            told.setdefault(problem, []).append(name)
    for problem, names in told.items():
        shared = len(names) == len(found.connections)
        yield problem if shared else f"connection {', '.join(names)}: {problem}"
    for job in found.jobs.values():
        yield from _of_words(job)
    yield from _of_alerts(found)


def _of_connection(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    from replicator.selection import of_settings
    from replicator.target.database import parse

    yield from _said(parse, settings.target, connection.place(settings))
    yield from _of_words(settings)
    yield from _said(of_settings, settings)
    yield from _said(connection.make_sandbox, settings.sandbox)
    if settings.region != "sandbox" or settings.base_url:
        yield from _of_client(settings, environ)


def _of_words(asked: Settings | Job) -> Iterator[str]:
    if asked.objects:
        yield from _said(connection.chosen, asked)
    if asked.history:
        yield from _said(connection.named, asked, "history")


def _of_client(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    from replicator.segment.regions import base_url
    from replicator.segment.token import FILE_VARIABLE, VARIABLE, read_token
    from replicator.segment.wire import trust

    yield from _said(base_url, settings.region, settings.base_url)
    # There may be none yet where a configuration is checked.
    if environ.get(VARIABLE) or environ.get(FILE_VARIABLE) or settings.token_file:
        yield from _said(lambda: read_token(environ, file=settings.token_file))
    if not (settings.base_url or "").startswith("http:"):
        yield from _said(trust, settings.ca_file)


def _of_alerts(found: Configuration) -> Iterator[str]:
    from replicator.alerts import channels

    for channel in channels.of(found.alerts, found.jobs).values():
        yield from _said(channel.secrets)
    yield from _said(channels.trust, found.alerts.ca_file)


def _said(ask: Callable[..., object], *of_what: Any) -> tuple[str, ...]:
    try:
        ask(*of_what)
    except ConfigError as error:
        return error.problems
    except ReplicatorError as error:
        return (str(error).removesuffix("."),)
    return ()
