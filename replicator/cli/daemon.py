"""`replicator daemon`: performs the jobs of the configuration when their turn comes, until it is stopped.

The ledger in each connection's database decides what is due, and the lock there who performs it. So nothing is lost
when a daemon is killed, one that slept catches up, and of several daemons each job has its turn in one.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from replicator.errors import ConfigError
from replicator.settings import load_all

from . import alerting, logs, options, page, reloading, resort, signals, turns, web
from .keeper import Keeper, options_of, perform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from replicator.settings import Configuration, FleetSettings

__all__ = ["daemon", "perform"]

#: What was asked to stop has so many seconds to finish its page; container runtimes kill after 30 or sooner.
GRACE = 25.0

log = logging.getLogger("replicator.daemon")


def daemon(
    context: typer.Context,
    *,
    config: options.Config = None,
    log_format: Annotated[
        Literal["console", "json"], typer.Option(metavar="console|json", help="How log lines look.")
    ] = "console",
) -> int:
    """Perform the jobs that have a schedule, each in its turn.

    Until SIGTERM or Ctrl-C. SIGHUP: reload.
    """
    environ: Mapping[str, str] = context.obj or {}
    stop, reload = threading.Event(), threading.Event()
    with reloading.hung_up(reload):
        found = _loaded(environ, config)
        logs.begin(environ, as_json=log_format == "json", quiet=False)
        ended = _kept(found, lambda: _loaded(environ, config), environ, stop, reload)
    if not ended:
        log.warning("daemon ended before its runs did; they go on from their last page")
        logging.shutdown()
        os._exit(1)
    log.info("daemon ended")
    return 0


def _kept(
    found: Configuration,
    load: Callable[[], Configuration],
    environ: Mapping[str, str],
    stop: threading.Event,
    reload: threading.Event,
) -> bool:
    """Keeps the jobs until `stop` is set, and says whether all runs have ended by then."""
    monitor = web.Monitor(environ)
    door = web.Door(page.Kept(monitor, environ))
    teller = alerting.Teller(environ)
    door.follow(found.web)
    with signals.stopping(stop):
        keepers = _started({}, found, environ)
        monitor.follow(found, keepers)
        teller.follow(found, keepers)
        teller.start()
        while not stop.wait(0.5):
            if reload.is_set():
                reload.clear()
                if changed := reloading.reloaded(load, log):
                    keepers = _started(keepers, changed, environ)
                    monitor.follow(changed, keepers)
                    teller.follow(changed, keepers)
                    _moved(door, changed)
        door.close()
        teller.end()
        for keeper in keepers.values():
            keeper.end(now=True)
        return _joined(list(keepers.values()), GRACE)


def _loaded(environ: Mapping[str, str], config: Path | None) -> Configuration:
    found = load_all(environ, {}, config=config)
    if not turns.by_connection(found):
        raise ConfigError(
            "No job has a schedule: give one of them `schedule` (such as 0 3 * * *) or `every` (such as 15m)."
        )
    for name, jobs in turns.by_connection(found).items():
        for job in jobs:
            options_of(found.connections[name], job)
    if found.fleet:
        from replicator.fleet.store import require

        require()
    return found


def _moved(door: web.Door, found: Configuration) -> None:
    try:
        door.follow(found.web)
    except ConfigError as error:
        log.error("web stays where it was", extra={"why": str(error)})  # noqa: TRY400 - a sentence


def _started(before: Mapping[str, Keeper], found: Configuration, environ: Mapping[str, str]) -> dict[str, Keeper]:
    """A keeper for each connection; one that goes on with a run under the old configuration ends after it."""
    for keeper in before.values():
        keeper.end(now=False)
    keeper_of = _planner_of(found.fleet) if found.fleet else Keeper
    keepers = {
        name: keeper_of(name, found.connections[name], jobs, environ, before.get(name))
        for name, jobs in turns.by_connection(found).items()
    }
    for keeper in keepers.values():
        keeper.start()
    left = {name: keeper for name, keeper in before.items() if name not in keepers and keeper.is_alive()}
    log.info("daemon keeps", extra={"connections": len(keepers), "jobs": len(found.jobs)})
    return {**keepers, **left}


@lru_cache(maxsize=4)
def _planner_of(fleet: FleetSettings) -> Callable[..., Keeper]:
    """In a fleet the daemon only plans; reloading leaves a queue open that stays."""
    from replicator.fleet.queue import Queue

    from .planner import Planner

    resort.remember(resort.password(fleet.queue))
    return partial(Planner, queue=Queue(fleet))


def _joined(threads: list[Keeper], seconds: float) -> bool:
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
