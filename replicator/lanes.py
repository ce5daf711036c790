"""The objects of one run, as many at once as there are lanes: children after their parents, failures kept apart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from replicator import exact, masks
from replicator.about import Threads, about
from replicator.beforehand import prepare
from replicator.due import ALWAYS
from replicator.encoder import Encoder
from replicator.errors import Inaccessible, Interrupted, MassDeletion, NeedsPerson, PutOff, ReplicatorError
from replicator.hints import TRAIL, Hints, Moved
from replicator.options import reads_details
from replicator.outcome import ObjectResult, Progress, Status
from replicator.reading import Figures, Progressed, Reading
from replicator.replicate import replicate
from replicator.target.drift import note
from replicator.target.live import live_rows
from replicator.target.quarantine import Quarantine
from replicator.target.stage import Stage
from replicator.target.state import State

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.catalog.model import Object
    from replicator.ledger import Ledger
    from replicator.options import Options
    from replicator.rows import Layout
    from replicator.segment.client import Client
    from replicator.target.database import Target
    from replicator.target.lease import Lease

log = logging.getLogger(__name__)

_READ = frozenset({"done", "partial"})
_COUNTED = ("records", "inserted", "updated", "unchanged", "deleted", "duplicates", "filtered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all objects of a run share."""

    target: Target
    client: Client
    options: Options
    progress: Progress
    stop: threading.Event
    ledger: Ledger
    lease: Lease
    mask_key: bytes
    #: By object; an error stands for a table that the object cannot be stored in.
    layouts: Mapping[str, Layout | ReplicatorError]


class Lanes:
    def __init__(self, around: Surroundings) -> None:
        self.around = around
        scope = around.target.place.scope
        self.state = State(around.ledger.books, scope)
        self.quarantine = Quarantine(around.ledger.books, around.target.dialect, scope, around.ledger.run_id)
        self.mask = masks.keyed(around.mask_key)
        self.results: dict[str, ObjectResult] = {}
        self.fatal: ReplicatorError | None = None
        #: Objects of which something is known, so that an event can say that it moved.
        self.known: frozenset[str] = frozenset()
        self.hints = Hints(around.target, around.options.reread)

    def perform(self, objects: Sequence[Object], lanes: Executor) -> tuple[list[ObjectResult], ReplicatorError | None]:
        """Every object's result, and the error that stopped the run before its end."""
        self.known = self._read_before()
        self.hints.reach = max(map(self.around.options.reread_of, objects))
        waiting = list(objects)
        running: dict[Future[ObjectResult], str] = {}
        while waiting or running:
            for thing in [each for each in waiting if self._ready(each, waiting, running.values())]:
                waiting.remove(thing)
                running[lanes.submit(self._told, thing)] = thing.name
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                self.results[running.pop(future)] = result = future.result()
                self.around.progress.finished(result)
        return [self.results[thing.name] for thing in objects], self.fatal

    def _read_before(self) -> frozenset[str]:
        if self.around.options.full:
            return frozenset()
        with self.around.target.reading() as connection:
            return frozenset(self.state.every(connection))

    def _ready(self, thing: Object, waiting: Sequence[Object], running: Iterable[str]) -> bool:
        """After its parents; and after the audit trail, if that can tell what of it moved."""
        before = {parent.object for parent in thing.parents}
        if self._heeds(thing):
            before.add(TRAIL)
        return before.isdisjoint(running) and before.isdisjoint(each.name for each in waiting)

    def _heeds(self, thing: Object) -> bool:
        """Whether events may bring a reread forward: of what was never read, everything is read anyway."""
        return thing.name in self.known and bool(thing.parents or thing.detail)

    def _told(self, thing: Object) -> ObjectResult:
        with about(object=thing.name):
            return self._one(thing)

    def _one(self, thing: Object) -> ObjectResult:
        """One object's failure is its own; what stops everything is kept for the run."""
        figures = Figures()
        started: datetime | None = None
        try:
            if self.fatal:
                return self._fail(thing, figures, started, "skipped", f"the run was stopped before: {self.fatal}")
            if unread := self._unread_parent(thing):
                return self._fail(thing, figures, started, "skipped", unread)
            started = self._replicate(thing, self._layout(thing), figures)
            return _told(thing, figures)
        except ReplicatorError as error:
            going = exact.dump(error.going) if isinstance(error, MassDeletion) else None
            return self._fail(thing, figures, started, *self._judged(error), going)
        except Exception as error:
            log.debug("object failed", exc_info=error)
            why = f"{thing.name} failed by a mistake in this program ({type(error).__name__}); please report it."
            return self._fail(thing, figures, started, "failed", why)

    def _judged(self, error: ReplicatorError) -> tuple[Status, str]:
        if error.stops_everything:
            self.fatal = self.fatal or error
            # Wakes every wait for the rate limit too: the client looks at the same event.
            self.around.stop.set()
        if isinstance(error, Interrupted):
            if isinstance(self.fatal, Interrupted):
                return "interrupted", str(error)
            return "skipped", f"the run was stopped: {self.fatal}"
        if isinstance(error, PutOff):
            return "interrupted", str(error)
        return _status(error), str(error)

    def _layout(self, thing: Object) -> Layout:
        layout = self.around.layouts[thing.name]
        if isinstance(layout, ReplicatorError):
            raise layout
        return layout

    def _unread_parent(self, thing: Object) -> str | None:
        for parent in thing.parents:
            result = self.results[parent.object]
            if result.status not in _READ:
                return f"its parent {parent.object} was not read: {result.error}"
        return None

    def _fail(
        self,
        thing: Object,
        figures: Figures,
        started: datetime | None,
        status: Status,
        why: str,
        going: str | None = None,
    ) -> ObjectResult:
        result = _told(thing, figures, status, why)
        name, around = thing.name, self.around
        try:
            with around.target.begin() as connection:
                around.lease.check(connection)
                began = started or around.target.dialect.now(connection)
                around.ledger.object(connection, name, began, {**_ledger_row(result), "error": why, "complete": False})
                ours = {"run_id": around.ledger.run_id, "epoch": around.lease.epoch}
                self.state.write(connection, name, status=status, message=why, going=going, **ours)
        except ReplicatorError as error:
            log.warning("the ledger could not be written", extra={"object": name, "why": str(error)})
        return result

    def _replicate(self, thing: Object, layout: Layout, figures: Figures) -> datetime:
        around = self.around
        with around.target.reading() as connection:
            state = self.state.read(connection, thing.name)
            parents = {each.object: self._live_rows(connection, each.object) for each in thing.parents}
            now: datetime = around.target.dialect.now(connection)
        stage = Stage.open(around.target, around.lease, self.state, self.quarantine, layout)
        encoder = Encoder(layout, self.mask, around.mask_key)
        if thing.editable:
            prepare(around.target, around.lease, layout)
        # Threads of its own: whoever waits for the limit of one operation keeps no other object waiting.
        pool, store = Threads(around.options.concurrency, "request"), Threads(1, "store")
        try:
            replicate(stage, encoder, state, self._reading(thing, parents, now, pool, store), figures)
        finally:
            pool.shutdown(cancel_futures=True)
            store.shutdown()
        return now

    def _reading(
        self,
        thing: Object,
        parents: Mapping[str, Sequence[Mapping[str, Any]]],
        now: datetime,
        pool: Executor,
        store: Executor,
    ) -> Reading:
        around, options = self.around, self.around.options

        def started(partitions: int) -> None:
            around.progress.reading(thing.name, partitions)

        def report(now: Progressed) -> None:
            figures = {"rows": now.rows, "requests": now.requests, "done_partitions": now.partitions}
            around.progress.page(thing.name, **figures, total=now.total)

        def also(connection: Connection, figures: Figures) -> None:
            row = {**_ledger_row(_told(thing, figures)), "complete": not figures.unseen}
            around.ledger.object(connection, thing.name, now, row)
            note(around.target, connection, around.ledger.books, around.ledger.run_id, thing.name, _drift(figures))

        return Reading(
            run_id=around.ledger.run_id,
            client=around.client,
            pool=pool,
            store=store,
            width=options.concurrency,
            full=options.full or thing.name in options.anew,
            details=reads_details(thing, options),
            periods=options.periods_of(thing),
            parent_rows=parents,
            allow_deletes=thing.name in options.allow_deletes,
            hard=options.hard_of(thing),
            history=thing.name in options.history,
            hints=self._moved(thing, now),
            reread=options.reread_of(thing),
            now=now,
            stop=around.stop,
            started=started,
            report=report,
            also=also,
        )

    def _moved(self, thing: Object, now: datetime) -> Moved:
        """Ids that a person named, or those that events of the audit trail name, with when these were stored."""
        if asked := self.around.options.ids:
            return dict.fromkeys(asked, ALWAYS)
        return self.hints.moved(now) if self._heeds(thing) and TRAIL in self.known else {}

    def _live_rows(self, connection: Connection, name: str) -> list[Mapping[str, Any]]:
        layout = self.around.layouts[name]
        return [] if isinstance(layout, ReplicatorError) else live_rows(self.around.target, connection, layout)


def _told(thing: Object, figures: Figures, status: Status | None = None, error: str | None = None) -> ObjectResult:
    return ObjectResult(
        thing.name,
        status or ("partial" if figures.withheld else "done"),
        **{name: getattr(figures.counts, name) for name in _COUNTED},
        quarantined=figures.quarantined,
        partitions=figures.partitions,
        pages=figures.pages,
        requests=figures.requests,
        seconds=figures.seconds,
        error=error,
        unseen="; ".join(figures.unseen[:5]) or None,
        skipped=figures.skipped,
        ids=figures.ids,
        drift=dict(figures.drift),
        vanished=figures.counts.vanished,
        withheld=figures.counts.withheld,
    )


def _ledger_row(result: ObjectResult) -> dict[str, Any]:
    certificate = ("partitions", "skipped", "pages", "ids", "unseen")
    names = ("status", *_COUNTED, "quarantined", "requests", "seconds", *certificate)
    return {name: getattr(result, name) for name in names}


def _status(error: ReplicatorError) -> Status:
    if isinstance(error, NeedsPerson):
        return "needs_person"
    return "unavailable" if isinstance(error, Inaccessible) else "failed"


def _drift(figures: Figures) -> Iterator[str]:
    for name, what in figures.drift.items():
        yield f"field {exact.readable(name)}: {what}; kept in _extra"
    for name in figures.counts.vanished:
        yield f"column {name}: no record has its field any more; its values are kept"
    for name in figures.counts.withheld:
        yield f"column {name}: sent empty, as to a token without rights; its values are kept"
