"""A unit of a fleet, performed: a job's turn on one connection, or what earlier workers left of it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from replicator.about import about
from replicator.errors import FleetUnusable, ReplicatorError, RunLocked, TargetUnusable
from replicator.settings.turns import look_after

from . import connection
from .hand import Hand
from .keeper import perform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.fleet.queue import Unit
    from replicator.fleet.store import Store
    from replicator.outcome import RunResult
    from replicator.settings import Configuration, Job, Settings
    from replicator.target.database import Target

    from .sending import Unsent

#: A unit that met another run on its database, or found its queue away, is tried again after so many seconds.
_LOCKED, _AWAY = 2.0, 10.0
#: What an earlier run of the same turn did is still good if it began so lately.
_STILL_GOOD = timedelta(hours=6)
#: So many runs of a job tell how its turn began; one that was interrupted oftener begins anew.
_LOOKED_AT = 50

log = logging.getLogger("replicator.worker")


@dataclass
class Units:
    """What a worker performs units by; `found` may change. `stop` ends those under way after their page."""

    found: Configuration
    environ: Mapping[str, str]
    store: Store
    stop: threading.Event
    #: The key under which tokens lie in the queue's database.
    secret: bytes
    #: By connection: the edits that need not be told again.
    unsent: dict[str, Unsent] = field(default_factory=dict)
    #: By unit: how often in a row its database could not be used from here.
    failures: dict[str, int] = field(default_factory=dict)

    def perform(self, unit: Unit) -> None:
        """Raises Again for a unit that is to go on later, and nothing else."""
        with about(connection=unit.connection, job=unit.job):
            try:
                again = self._performed(unit)
                self.failures.pop(unit.title, None)
            except RunLocked as error:
                log.info("unit waits", extra={"why": str(error)})
                again = _LOCKED
            except FleetUnusable as error:
                log.warning("unit stopped", extra={"why": str(error)})
                again = _AWAY
            except TargetUnusable as error:
                # The planner, which may reach it, waits by what the ledger says, and nothing of this is there.
                failed = self.failures[unit.title] = self.failures.get(unit.title, 0) + 1
                again = look_after(failed).total_seconds()
                log.error("unit failed", extra={"why": str(error), "seconds": again})  # noqa: TRY400 - a sentence
            except ReplicatorError as error:
                # The planner puts it into the queue again when the ledger says so.
                log.error("unit failed", extra={"why": str(error)})  # noqa: TRY400 - a sentence
                return
            except Exception as error:
                log.exception("mistake in this program", extra={"kind": type(error).__name__})
                return
            if again is not None:
                from replicator.fleet.hands import Again

                raise Again(again)

    def _performed(self, unit: Unit) -> float | None:
        """None: it is over; else in how many seconds it goes on."""
        found = self.found
        job, settings = found.jobs.get(unit.job), found.connections.get(unit.connection)
        if job is None or settings is None:
            log.error("unit is not in this worker's configuration; all of a fleet need the same")
            return None
        turn = _turn(settings, unit)
        if turn is None:
            log.info("another run had this turn")
            return None
        return self._run(job, settings, turn, self.unsent.setdefault(unit.connection, {}))

    def _run(self, job: Job, settings: Settings, turn: Turn, unsent: Unsent) -> float | None:
        hand = Hand(self.store, self.secret, turn.done)
        result = perform(self.environ, job, turn.after, settings, self.stop, unsent=unsent, hand=hand)
        _tell(result)
        if result.status != "interrupted":
            return None
        return 0.0 if self.stop.is_set() else max(hand.longest_wait, 1.0)


def _tell(result: RunResult) -> None:
    level = logging.INFO if result.status in {"done", "interrupted"} else logging.WARNING
    why = {"why": result.error} if result.error else {}
    log.log(level, "unit ended", extra={"run": result.run_id, "status": result.status, **why})


@dataclass(frozen=True, slots=True)
class Turn:
    """What the ledger says of a unit's turn: its newest run that has ended, and what earlier runs of it did."""

    after: str
    done: frozenset[str] = frozenset()


def _turn(settings: Settings, unit: Unit) -> Turn | None:
    """None: the turn is over, for a run that was not interrupted has ended since it came."""
    from replicator.target import migrate

    target = connection.open_database(settings)
    try:
        migrate.migrate(target, allowed=settings.migrate)
        return turn_of(target, unit)
    finally:
        target.close()


def turn_of(target: Target, unit: Unit) -> Turn | None:
    """The turn of that unit by the ledger of that database."""
    from sqlalchemy import or_, select

    from replicator.target.bookkeeping import bookkeeping

    books = bookkeeping(target.dialect)
    runs, objects = books.runs, books.run_objects
    query = select(runs.c.id, runs.c.status, runs.c.started_at)
    query = query.where(runs.c.scope == target.place.scope, runs.c.job == unit.job)
    with target.reading() as reading:
        now = target.dialect.now(reading)
        # As in turns.past.
        query = query.where(or_(runs.c.status == "running", runs.c.started_at <= now))
        newest = reading.execute(query.order_by(runs.c.started_at.desc()).limit(_LOOKED_AT)).all()
        # Whether one that runs is alive the lock says, later.
        open_ = list(takewhile(lambda run: run.status in {"interrupted", "running"}, newest))
        ended = [run.id for run in open_ if run.status == "interrupted"]
        ended.append(newest[len(open_)].id if len(open_) < len(newest) else "")
        if unit.after not in ended:
            return None
        before = tuple(run.id for run in open_ if now - run.started_at < _STILL_GOOD)
        did = select(objects.c.object).where(objects.c.run_id.in_(before), objects.c.status == "done")
        done = frozenset(reading.execute(did).scalars())
    return Turn(ended[0], done)
