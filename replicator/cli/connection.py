"""From settings to the two ends: the client (or the fake workspace in its place) and the database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from replicator.errors import ConfigError, UsageError
from replicator.settings import Job, SandboxSettings, Settings

from . import resort

if TYPE_CHECKING:
    from replicator.catalog.model import Object
    from replicator.run import Options
    from replicator.sandbox import Sandbox
    from replicator.segment.client import Client, Wait
    from replicator.segment.limits import Admission
    from replicator.segment.token import Token
    from replicator.target.database import Place, Target

#: A worker has other units to perform than one that waits for its rate limit for longer than this many seconds.
LONGEST_SLEEP = 20.0
NOTHING = "The words leave no object to replicate: name one, or a group such as core."
#: In process nothing listens there; the client wants an address to name.
_IN_PROCESS = "http://127.0.0.1"


def open_client(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    stop: threading.Event | None = None,
    on_wait: Callable[[Wait], None] = lambda _: None,
    limits: Callable[[Token], Admission] | None = None,
) -> Client:
    """The client of the workspace that the settings name; with its own limits, or with those that a fleet shares."""
    from replicator.segment.client import Client
    from replicator.segment.regions import base_url
    from replicator.segment.token import Token, read_token

    shared: dict[str, Any] = {
        "deadline": settings.deadline,
        "tries": settings.tries,
        "on_wait": on_wait,
        "stop": stop,
        "connections": settings.concurrency * 2,
    }
    if settings.region == "sandbox" and settings.base_url is None:
        fake = make_sandbox(settings.sandbox)
        return Client(base_url=_IN_PROCESS, token=Token("sandbox"), transport=fake, **shared)
    address = base_url(settings.region, settings.base_url)
    token = read_token(environ, file=settings.token_file)
    resort.remember(token.header().removeprefix("Bearer "))
    if limits:
        shared |= {"limits": limits(token), "longest_sleep": LONGEST_SLEEP}
    return Client(base_url=address, token=token, ca_file=settings.ca_file, **shared)


def make_sandbox(settings: SandboxSettings, **more: Any) -> Sandbox:
    """The fake workspace; ConfigError for a count of what there is not."""
    from replicator.sandbox import Sandbox

    try:
        return Sandbox(size=settings.size, seed=settings.seed, counts=settings.counts, **more)
    except ValueError as error:
        raise ConfigError(f"The sandbox cannot be made so: {error}.") from None


def elsewhere(settings: Settings) -> Settings | None:
    """The same settings for the other region, where there is one."""
    if settings.base_url is not None or settings.region == "sandbox":
        return None
    return replace(settings, region="eu" if settings.region == "us" else "us")


def open_database(settings: Settings) -> Target:
    """The database; it is made, if it is a file that is not there."""
    from replicator.target.database import open_target

    resort.remember(resort.password(settings.target))
    return open_target(settings.target, place(settings), connections=settings.concurrency + 8)


def open_existing(settings: Settings) -> Target | None:
    """The database, None where it is a file that is not there yet: looking makes none."""
    from replicator.target.database import parse

    path = sqlite_file(settings.target)
    if path is None or path.exists():
        return open_database(settings)
    parse(settings.target, place(settings))
    return None


def place(settings: Settings) -> Place:
    """Where the object tables lie in it."""
    from replicator.target.database import Place

    return Place(settings.schema, settings.prefix)


def open_books(settings: Settings) -> Target:
    """The database with our bookkeeping in it; ConfigError where nothing was replicated into it yet."""
    target = open_existing(settings)
    if target is None:
        raise ConfigError(
            f"There is no file {sqlite_file(settings.target)}: name another --target, or run `replicator replicate`."
        )
    try:
        _refuse_without_books(target)
    except BaseException:
        target.close()
        raise
    return target


@contextmanager
def books(settings: Settings) -> Iterator[Target]:
    """The same, closed at the end."""
    target = open_books(settings)
    try:
        yield target
    finally:
        target.close()


def _refuse_without_books(target: Target) -> None:
    from replicator.target import migrate

    with target.reading() as reading:
        found = migrate.revision(reading, target.dialect)
    if found is None:
        raise ConfigError(
            f"Nothing was replicated into {target.where} yet: name another --target, or run `replicator replicate`."
        )
    migrate.migrate(target, allowed=False)


def open_nowhere(settings: Settings) -> Target:
    """An empty database in memory in place of a SQLite file that is not there yet, for its DDL."""
    from sqlalchemy import create_engine

    from replicator.target.database import Target
    from replicator.target.dialects import DIALECTS

    dialect = DIALECTS["sqlite"]()
    where = f"SQLite file {sqlite_file(settings.target)}, which is not there yet,"
    return Target(create_engine("sqlite://"), dialect, where, "", place(settings))


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for another database and for a URL that none is opened by."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    if parsed.drivername.split("+")[0] != "sqlite" or parsed.database in (None, "", ":memory:") or parsed.query:
        return None
    return Path(str(parsed.database))


def run_options(settings: Settings, words: tuple[str, ...], **more: Any) -> Options:
    """The settings in the words of replicator.run; the objects are those of `words`, else of the settings."""
    from replicator.catalog import select_for_run
    from replicator.run import Options
    from replicator.selection import of_settings

    return Options(
        objects=select_for_run(words) if words else chosen(settings),
        reread=timedelta(hours=settings.reread_hours),
        hard_deletes=settings.deletes == "hard",
        selections=of_settings(settings),
        history=kept(settings),
        periods=settings.period,
        extended=settings.extended,
        policy=settings.schema_policy,
        migrate=settings.migrate,
        concurrency=settings.concurrency,
        mask_key=settings.mask_key,
        **more,
    )


def chosen(said: Settings | Job) -> tuple[Object, ...]:
    """The objects that the settings name."""
    found = named(said, "objects")
    if not found:
        raise ConfigError(f"{said.places.get('objects', 'objects')}: {NOTHING}")
    return found


def kept(settings: Settings) -> frozenset[str]:
    """The objects whose history the settings ask for; an object's own table goes before the list."""
    from replicator.catalog import find

    listed = {thing.name for thing in named(settings, "history")} if settings.history else set()
    own = {find(word).name: each.history for word, each in settings.object.items() if each.history is not None}
    return frozenset(name for name in {*listed, *own} if own.get(name, True))


def named(said: Settings | Job, key: Literal["objects", "history"]) -> tuple[Object, ...]:
    """What the words of that setting select; an error says where they are said."""
    from replicator.catalog import select, select_for_run

    try:
        return select_for_run(said.objects) if key == "objects" else select(said.history)
    except UsageError as error:
        raise ConfigError(f"{said.places.get(key, key)}: {error}") from None
