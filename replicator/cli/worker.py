"""`replicator worker`: performs the units that a daemon with a [fleet] plans, on as many machines as there are."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from replicator.errors import ConfigError
from replicator.settings import load_all

from . import logs, options, reloading, resort, signals
from .daemon import GRACE
from .keeper import options_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from replicator.settings import Configuration, FleetSettings

    from .units import Units

log = logging.getLogger("replicator.worker")


def worker(
    context: typer.Context,
    *,
    config: options.Config = None,
    units: Annotated[int, typer.Option(metavar="N", help="Units at once.", min=1, max=64)] = 2,
    log_format: Annotated[
        Literal["console", "json"], typer.Option(metavar="console|json", help="How log lines look.")
    ] = "console",
) -> int:
    """Perform units of the fleet's queue until SIGTERM or Ctrl-C.

    SIGHUP: reload.
    """
    environ: Mapping[str, str] = context.obj or {}
    reload = threading.Event()
    with reloading.hung_up(reload):
        found, fleet = _loaded(environ, config)
        logs.begin(environ, as_json=log_format == "json", quiet=False)
        _work(found, fleet, lambda: _same_queue(_loaded(environ, config), fleet), environ, reload, units)
    log.info("worker ended")
    return 0


def _work(
    found: Configuration,
    fleet: FleetSettings,
    load: Callable[[], Configuration],
    environ: Mapping[str, str],
    reload: threading.Event,
    units: int,
) -> None:
    from replicator.fleet.store import conninfo, open_store

    from .units import Units

    resort.remember(resort.password(fleet.queue))
    store = open_store(fleet, connections=units * 2)
    try:
        from replicator.fleet.hands import work
        from replicator.target.lease import holder

        stop = threading.Event()
        with signals.stopping(stop):
            _end_in_time(stop)
            performed = Units(found, environ, store, stop, store.secret())
            _follow(performed, load, reload)
            log.info("worker takes units", extra={"queue": store.where, "units": units})
            work(conninfo(fleet), holder(), performed.perform, stop, units=units)
    finally:
        store.close()


def _loaded(environ: Mapping[str, str], config: Path | None) -> tuple[Configuration, FleetSettings]:
    """The configuration, and the fleet's settings in it; all of it is right."""
    found = load_all(environ, {}, config=config)
    if found.fleet is None:
        raise ConfigError("The configuration has no fleet: give it a table [fleet] with `queue`, a PostgreSQL URL.")
    for job in found.jobs.values():
        for name in job.connections:
            options_of(found.connections[name], job)
    return found, found.fleet


def _same_queue(loaded: tuple[Configuration, FleetSettings], fleet: FleetSettings) -> Configuration:
    found, now = loaded
    if now != fleet:
        raise ConfigError("[fleet] names another queue: restart the worker for that.")
    return found


def _follow(performed: Units, load: Callable[[], Configuration], reload: threading.Event) -> None:
    """Units that begin after a SIGHUP are performed by the configuration as it is then."""

    def watch() -> None:
        while not performed.stop.wait(0.5):
            if reload.is_set():
                reload.clear()
                performed.found = reloading.reloaded(load, log) or performed.found

    threading.Thread(target=watch, name="reload", daemon=True).start()


def _end_in_time(stop: threading.Event) -> None:
    """A unit that does not end its page goes on elsewhere, once this process is no more."""

    def watch() -> None:
        stop.wait()
        threading.Event().wait(GRACE)
        log.warning("worker ended before its units did; they go on from their last page elsewhere")
        logging.shutdown()
        os._exit(1)

    threading.Thread(target=watch, name="grace", daemon=True).start()
