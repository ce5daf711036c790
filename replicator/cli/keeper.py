"""One connection's jobs, kept by a thread of the daemon: which one is due, its run, and the signs of its life."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from replicator import pace
from replicator.about import about
from replicator.errors import ReplicatorError, RunLocked
from replicator.settings.turns import look_after
from replicator.watch.live import Live

from . import connection, progress, replicate, run, sending, turns, unbegun
from .tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from replicator.options import Options
    from replicator.outcome import ObjectResult, RunResult
    from replicator.segment.client import Wait
    from replicator.settings import Job, Settings

    from .hand import Hand

#: At least so often each thread looks at the clock, which goes on while the machine sleeps.
_LOOK = 15.0
#: So often a thread asks the ledger whether another's run ended or died, and at least so often whether a job is due.
_SOON, _IDLE = 2.0, 60.0
#: A thread that gives no sign of life for longer hangs: one that waits or asks its database, and one in the midst of
#: a run, which gives one with each page and may publish a large table in between.
_PATIENCE, _PATIENCE_OF_RUN = 120.0, 3600.0

log = logging.getLogger("replicator.daemon")


class Keeper(threading.Thread):
    """One connection's jobs, one after the other."""

    def __init__(
        self, name: str, settings: Settings, jobs: list[Job], environ: Mapping[str, str], before: Keeper | None
    ) -> None:
        super().__init__(name=f"keeper {name}", daemon=True)
        self.connection, self.settings, self.jobs, self.environ = name, settings, jobs, environ
        self._before = before
        self._over = threading.Event()
        self._woken = threading.Event()
        #: Ends the run that goes on after its page.
        self._asked_to_stop = threading.Event()
        self._failures = 0
        self._seen, self._in_run = time.monotonic(), False
        self.tally: Tally = before.tally if before else Tally()
        self.live: Live = before.live if before else Live()
        self.unsent: sending.Unsent = before.unsent if before else {}
        #: How many times a turn was taken here, whatever came of it.
        self.ended = 0

    def age(self) -> float:
        """Seconds since the last sign of life."""
        return max(0.0, time.monotonic() - self._seen)

    def lives(self) -> bool:
        """Whether the last sign of life is as young as what it does allows."""
        return self.is_alive() and self.age() < (_PATIENCE_OF_RUN if self._in_run else _PATIENCE)

    def gone(self) -> bool:
        """Whether it was ended and has ended, as that of a connection that the configuration has no more."""
        return self._over.is_set() and not self.is_alive()

    def signs(self) -> tuple[bool, float]:
        """Whether a run goes on, and when the last sign of life was."""
        return self._in_run, self._seen

    def _alive(self) -> None:
        self._seen = time.monotonic()

    def wake(self) -> None:
        """Somebody asked for a run."""
        self._woken.set()

    def end(self, *, now: bool) -> None:
        """No further run; `now`: the one that goes on stops after its page."""
        self._over.set()
        self.wake()
        if now:
            self._asked_to_stop.set()
            if before := self._before:
                before.end(now=True)

    def run(self) -> None:
        """Until it is ended."""
        while self._before:
            # It has its run to end; whether it hangs in there is for it to say.
            self._before.join(1)
            self._in_run, self._seen = self._before.signs()
            self._before = self._before if self._before.is_alive() else None
        self._in_run = False
        with about(connection=self.connection):
            while not self._over.is_set():
                self._sleep(self._next())

    def _sleep(self, seconds: float) -> None:
        """Until somebody wakes it, or a clock says so.

        That on the wall goes on while the machine sleeps; nobody puts the other one back.
        """
        wall, steady = time.time() + seconds, time.monotonic() + seconds
        self._alive()
        while (left := min(wall - time.time(), steady - time.monotonic())) > 0:
            if self._woken.wait(min(left, _LOOK)):
                break
            self._alive()
        self._woken.clear()

    def _next(self) -> float:
        """Performs the job whose turn it is, and says in how many seconds to look again."""
        try:
            seconds = self._performed()
        except RunLocked:
            return _SOON
        except ReplicatorError as error:
            log.error("connection failed", extra={"why": str(error)})  # noqa: TRY400 - a sentence
        except Exception as error:
            log.exception("mistake in this program", extra={"kind": type(error).__name__})
        else:
            self._failures = 0
            return seconds
        self._failures += 1
        return look_after(self._failures).total_seconds()

    def _performed(self) -> float:
        found, now, busy = self._asked()
        dues = [turn.due for turn in found if turn.due]
        if busy or not dues:
            return _SOON
        if due := turns.in_order(found, now):
            with about(job=due[0].job.name):
                self._run_job(due[0].job, due[0].after)
            return 0
        log.debug("next job", extra={"at": min(dues).isoformat()})
        # What another process began meanwhile may die, and then it is due at once.
        return min((min(dues) - now).total_seconds(), _IDLE)

    def _asked(self) -> tuple[list[turns.Turn], datetime, bool]:
        """What the ledger says of each job, what time it is there, and whether a run goes on."""
        from replicator.target import migrate

        target = connection.open_database(self.settings)
        try:
            migrate.migrate(target, allowed=self.settings.migrate)
            found, now = turns.of(target, self.connection, self.jobs)
            return found, now, turns.busy(target, now)
        finally:
            target.close()

    def _run_job(self, job: Job, after: str) -> None:
        self._alive()
        self._in_run = True
        try:
            self.live.of_job(job.name)
            shown = _Living(self._alive, self.live)
            result = perform(
                self.environ,
                job,
                after,
                self.settings,
                self._asked_to_stop,
                unsent=self.unsent,
                tally=self.tally,
                shown=shown,
            )
        finally:
            self.live.over()
            self._in_run = False
            self.ended += 1
            self._alive()
        level = logging.INFO if result.status in {"done", "interrupted"} else logging.WARNING
        why = {"why": result.error} if result.error else {}
        log.log(level, "job ended", extra={"run": result.run_id, "status": result.status, **why})


class _Living(progress.Lines):
    """Log lines, each of which is a sign of life as well, and shows on the status page."""

    def __init__(self, alive: Callable[[], None], live: Live) -> None:
        super().__init__()
        self._alive, self._live = alive, live

    def began(self, run_id: str, objects: Sequence[str]) -> None:
        self._alive()
        self._live.began(run_id, objects)
        super().began(run_id, objects)

    def reading(self, name: str, partitions: int) -> None:
        self._alive()
        self._live.reading(name, partitions)
        super().reading(name, partitions)

    def page(self, name: str, *, rows: int, requests: int, done_partitions: int, total: int | None) -> None:
        self._alive()
        self._live.page(name, rows=rows, requests=requests, done_partitions=done_partitions, total=total)
        super().page(name, rows=rows, requests=requests, done_partitions=done_partitions, total=total)

    def waiting(self, wait: Wait) -> None:
        self._alive()
        self._live.waiting(wait)
        super().waiting(wait)

    def finished(self, result: ObjectResult) -> None:
        self._alive()
        self._live.finished(result)
        super().finished(result)


def perform(
    environ: Mapping[str, str],
    job: Job,
    after: str,
    settings: Settings,
    stop: threading.Event,
    *,
    unsent: sending.Unsent | None = None,
    tally: Tally | None = None,
    shown: progress.Lines | None = None,
    hand: Hand | None = None,
) -> RunResult:
    """The job for one connection, told by log lines. `stop` ends it after its page; it is not set by the run.

    `unsent` are the edits that need not be told again; those of this run are put there.
    RunLocked: another run goes on there, or had this turn, so that `after` is not the newest one any more.
    """
    from replicator.run import replicate as perform_run

    own, shown = threading.Event(), shown or progress.Lines()
    known = {} if unsent is None else unsent
    chosen = replace(options_of(settings, job), after=after)
    if hand:
        chosen = hand.narrowed(chosen)
    with (
        _following(stop, own),
        unbegun.open_client(
            settings, environ, chosen, stop=own, on_wait=shown.waiting, limits=hand.limits if hand else None
        ) as client,
        (tally or Tally()).counting(client.counters),
    ):
        target = connection.open_database(settings)
        try:
            result = perform_run(target, client, chosen, shown, own)
            return sending.after(result, target, client, chosen, settings, own, known) if job.sync else result
        finally:
            target.close()
            pace.tidy()


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


def options_of(settings: Settings, job: Job) -> Options:
    """What the run is asked to do. Raises ConfigError for what cannot be."""
    chosen = run.options_of(job, settings)
    replicate.refuse(settings, chosen)
    return chosen
