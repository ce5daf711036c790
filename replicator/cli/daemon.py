"""`replicator daemon`: performs the jobs of the configuration when their turn comes, until it is stopped.

The ledger in each connection's database decides what is due, and the lock there who performs it. So nothing is lost
when a daemon is killed, one that slept catches up, and of several daemons each job has its turn in one.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from replicator.about import about
from replicator.errors import ConfigError, ReplicatorError, RunLocked
from replicator.settings import load_all
from replicator.settings.turns import wait_after

from . import connection, logs, options, progress, replicate, run, signals, turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from replicator.options import Options
    from replicator.outcome import RunResult
    from replicator.settings import Configuration, Job, Settings

#: What was asked to stop has so many seconds to finish its page; container runtimes kill after 30 or sooner.
GRACE = 25.0
#: At least so often each thread looks at the clock, which goes on while the machine sleeps.
_LOOK = 15.0

log = logging.getLogger("replicator.daemon")


def daemon(
    context: typer.Context,
    *,
    config: options.Config = None,
    log_format: Annotated[
        Literal["console", "json"], typer.Option(metavar="console|json", help="How log lines look.")
    ] = "console",
) -> int:
    """Perform the jobs that have a schedule, each when its turn comes, until SIGTERM or Ctrl-C. SIGHUP: reload."""
    environ: Mapping[str, str] = context.obj or {}
    found = _loaded(environ, config)
    logs.begin(environ, as_json=log_format == "json", quiet=False)
    stop, reload = threading.Event(), threading.Event()
    with signals.stopping(stop), _hung_up(reload):
        keepers = _started({}, found, environ)
        while not stop.wait(0.5):
            if reload.is_set():
                reload.clear()
                found = _reloaded(environ, config) or found
                keepers = _started(keepers, found, environ)
        for keeper in keepers.values():
            keeper.end(now=True)
        ended = _joined(list(keepers.values()), GRACE)
    if not ended:
        log.warning("daemon ended before its runs did; they go on from their last page")
        logging.shutdown()
        os._exit(1)
    log.info("daemon ended")
    return 0


@contextmanager
def _hung_up(reload: threading.Event) -> Iterator[None]:
    if not hasattr(signal, "SIGHUP"):  # as on Windows
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda *_: reload.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _loaded(environ: Mapping[str, str], config: Path | None) -> Configuration:
    found = load_all(environ, {}, config=config)
    if not turns.by_connection(found):
        raise ConfigError(
            "No job has a schedule: give one of them `schedule` (such as 0 3 * * *) or `every` (such as 15m)."
        )
    for name, jobs in turns.by_connection(found).items():
        for job in jobs:
            _options(found.connections[name], job)
    return found


def _reloaded(environ: Mapping[str, str], config: Path | None) -> Configuration | None:
    try:
        found = _loaded(environ, config)
    except ReplicatorError as error:
        log.error("configuration is broken; the old one goes on", extra={"why": str(error)})  # noqa: TRY400 - a sentence
        return None
    log.info("configuration reloaded", extra={"connections": len(found.connections), "jobs": len(found.jobs)})
    return found


def _started(before: Mapping[str, Keeper], found: Configuration, environ: Mapping[str, str]) -> dict[str, Keeper]:
    """A keeper for each connection; one that goes on with a run under the old configuration ends after it."""
    for keeper in before.values():
        keeper.end(now=False)
    keepers = {
        name: Keeper(name, found.connections[name], jobs, environ, before.get(name))
        for name, jobs in turns.by_connection(found).items()
    }
    for keeper in keepers.values():
        keeper.start()
    left = {name: keeper for name, keeper in before.items() if name not in keepers and keeper.is_alive()}
    log.info("daemon keeps", extra={"connections": len(keepers), "jobs": len(found.jobs)})
    return {**keepers, **left}


def _joined(threads: list[Keeper], seconds: float) -> bool:
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


class Keeper(threading.Thread):
    """One connection's jobs, one after the other."""

    def __init__(
        self, name: str, settings: Settings, jobs: list[Job], environ: Mapping[str, str], before: Keeper | None
    ) -> None:
        super().__init__(name=f"keeper {name}", daemon=True)
        self.connection, self.settings, self.jobs, self.environ = name, settings, jobs, environ
        self._before = before
        self._over = threading.Event()
        #: Ends the run that goes on after its page.
        self._asked_to_stop = threading.Event()
        self._failures = 0

    def end(self, *, now: bool) -> None:
        """No further run; `now`: the one that goes on stops after its page."""
        self._over.set()
        if now:
            self._asked_to_stop.set()
            if self._before:
                self._before.end(now=True)

    def run(self) -> None:
        """Until it is ended."""
        if self._before:
            self._before.join()
            self._before = None
        with about(connection=self.connection):
            while not self._over.is_set():
                self._sleep(self._next())

    def _sleep(self, seconds: float) -> None:
        """By the clock on the wall, which goes on while the machine sleeps."""
        until = time.time() + seconds
        while (left := until - time.time()) > 0 and not self._over.wait(min(left, _LOOK)):
            pass

    def _next(self) -> float:
        """Performs the job whose turn it is, and says in how many seconds to look again."""
        try:
            seconds = self._performed()
        except RunLocked:
            return _LOOK
        except ReplicatorError as error:
            log.error("connection failed", extra={"why": str(error)})  # noqa: TRY400 - a sentence
        except Exception as error:
            log.exception("mistake in this program", extra={"kind": type(error).__name__})
        else:
            self._failures = 0
            return seconds
        self._failures += 1
        return wait_after(self._failures).total_seconds()

    def _performed(self) -> float:
        from replicator.target import migrate

        target = connection.open_database(self.settings)
        try:
            migrate.migrate(target, allowed=self.settings.migrate)
            found, now = turns.of(target, self.connection, self.jobs)
        finally:
            target.close()
        due = [(turn.due, turn) for turn in found if turn.due is not None]
        if not due:
            return _LOOK
        when, turn = min(due, key=lambda each: each[0])
        job = turn.job
        if when > now:
            return self._waited(job, when, now, running=len(due) < len(found))
        with about(job=job.name):
            self._run_job(job, turn.after)
        return 0

    def _waited(self, job: Job, when: datetime, now: datetime, *, running: bool) -> float:
        seconds = (when - now).total_seconds()
        log.debug("next job", extra={"job": job.name, "at": when.isoformat()})
        # Another daemon's run may die.
        return min(seconds, _LOOK) if running else seconds

    def _run_job(self, job: Job, after: str) -> None:
        result = perform(self.environ, job, after, self.settings, self._asked_to_stop)
        level = logging.INFO if result.status in {"done", "interrupted"} else logging.WARNING
        why = {"why": result.error} if result.error else {}
        log.log(level, "job ended", extra={"run": result.run_id, "status": result.status, **why})


def perform(environ: Mapping[str, str], job: Job, after: str, settings: Settings, stop: threading.Event) -> RunResult:
    """The job for one connection, told by log lines. `stop` ends it after its page; it is not set by the run.

    RunLocked: another run goes on there, or had this turn, so that `after` is not the newest one any more.
    """
    from replicator.run import replicate as perform_run

    own, shown = threading.Event(), progress.Lines()
    chosen = replace(_options(settings, job), after=after)
    with (
        _following(stop, own),
        connection.open_client(settings, environ, stop=own, on_wait=shown.waiting) as client,
    ):
        target = connection.open_database(settings)
        try:
            return perform_run(target, client, chosen, shown, own)
        finally:
            target.close()


@contextmanager
def _following(stop: threading.Event, own: threading.Event) -> Iterator[None]:
    """Inside, `own` is set once `stop` is: a run sets its own where it meets what ends it."""
    over = threading.Event()

    def follow() -> None:
        while not over.is_set():
            if stop.wait(0.2):
                own.set()
                return

    thread = threading.Thread(target=follow, name="stop", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _options(settings: Settings, job: Job) -> Options:
    chosen = run.options_of(job, settings)
    replicate.refuse(settings, chosen)
    return chosen
