"""Many objects in: parents before children, one object's failure apart from the others, one ledger, one summary."""

from __future__ import annotations

import logging
import secrets
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sqlalchemy import insert, select

from replicator import masks
from replicator.catalog import with_parents
from replicator.catalog.model import Object, Window
from replicator.errors import (
    ConfigError,
    Inaccessible,
    Interrupted,
    NeedsPerson,
    ReplicatorError,
    UsageError,
)
from replicator.ledger import Ledger
from replicator.replicate import Figures, Progressed, Reading
from replicator.replicate import replicate as replicate_object
from replicator.rows import Encoder, Layout
from replicator.target import evolve, lease, migrate
from replicator.target.bookkeeping import Bookkeeping, bookkeeping
from replicator.target.quarantine import Quarantine
from replicator.target.schema import object_table
from replicator.target.stage import Stage
from replicator.target.state import State

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.segment.client import Client, Wait
    from replicator.target.database import Target

log = logging.getLogger(__name__)

Status = Literal["done", "partial", "unavailable", "failed", "skipped", "needs_person"]
#: How many objects are read at once; each holds a page or two and one database connection.
OBJECTS_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to replicate, and how."""

    #: What the user selected; parents are added.
    objects: tuple[Object, ...]
    #: Forget checkpoints and bookmarks: read everything anew.
    full: bool = False
    #: First days of the usage months, as 2026-10-01.
    periods: tuple[str, ...] = ()
    extended: Literal["auto", "on", "off"] = "auto"
    #: Objects whose rows may vanish beyond the guard.
    allow_deletes: frozenset[str] = frozenset()
    policy: evolve.Policy = "evolve"
    migrate: bool = True
    #: Requests at once, over all objects.
    concurrency: int = 8
    #: "Object.column" names whose secrets are stored as they are.
    plain: frozenset[str] = frozenset()
    mask_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """What came of one object; `error` is one sentence."""

    object: str
    status: Status
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    quarantined: int = 0
    records: int = 0
    duplicates: int = 0
    partitions: int = 0
    pages: int = 0
    requests: int = 0
    seconds: float = 0.0
    error: str | None = None
    unseen: str | None = None
    drift: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of the run, objects in the order of the catalog."""

    run_id: str
    status: Literal["done", "partial", "failed", "interrupted", "needs_person"]
    objects: tuple[ObjectResult, ...]
    seconds: float
    requests: int
    exit_code: int
    error: str | None = None


class Progress(Protocol):
    """Told what happens while it happens, from several threads; figures are cumulative."""

    def began(self, run_id: str, objects: Sequence[str]) -> None: ...

    def reading(self, name: str, partitions: int) -> None: ...

    def page(self, name: str, *, rows: int, requests: int, done_partitions: int, total: int | None) -> None: ...

    def waiting(self, wait: Wait) -> None: ...

    def finished(self, result: ObjectResult) -> None: ...


def replicate(target: Target, client: Client, options: Options, progress: Progress, stop: threading.Event) -> RunResult:
    """Runs once. Raises for what stops everything before the first object; afterwards the result says all."""
    refuse_without_period(options)
    migrate.migrate(target, allowed=options.migrate)
    books = bookkeeping(target.dialect)
    run_id = uuid.uuid4().hex
    ledger = Ledger(target, books, run_id)
    held = lease.acquire(target, books, run_id)
    started = time.monotonic()
    try:
        now = ledger.begin("full" if options.full else "incremental")
        with ledger.beating():
            results, fatal = _objects(target, client, options, progress, stop, ledger, held, now)
        result = _result(run_id, results, fatal, time.monotonic() - started, client.requests)
        totals = {name: sum(getattr(each, name) for each in results) for name in ("inserted", "updated", "unchanged", "deleted", "quarantined")}
        ledger.finish(result.status, result.error, totals | {"requests": result.requests})
        return result
    finally:
        _give_back(target, held)


def _give_back(target: Target, held: lease.Lease) -> None:
    try:
        with target.begin() as connection:
            held.release(connection)
    except ReplicatorError as error:
        log.warning("the lease could not be given back; it lapses by itself", extra={"why": str(error)})


def refuse_without_period(options: Options) -> None:
    """Raises UsageError, in the product's words, for usage objects that were not told which months."""
    wanting = [thing.name for thing in options.objects if thing.window is Window.PERIOD]
    if wanting and not options.periods:
        raise UsageError(
            f'{", ".join(wanting)}: "period" is required. Give a month or a range of them, as in --period 2026-10 or'
            " --period 2026-01..2026-10, or leave these objects out with -usage."
        )


def layouts(objects: Sequence[Object], options: Options) -> dict[str, Layout]:
    """The stored columns of each object; without details their columns are left alone."""
    return {thing.name: _layout(thing, options) for thing in objects}


def _layout(thing: Object, options: Options) -> Layout:
    from dataclasses import replace

    plain = {column.name for column in thing.columns if f"{thing.name}.{column.name}" in options.plain}
    columns = tuple(replace(column, secret=column.secret and column.name not in plain) for column in thing.columns)
    thing = replace(thing, columns=columns)
    return Layout(thing, tuple(column for column in columns if options.extended != "off" or not column.detail))


def _result(run_id: str, results: Sequence[ObjectResult], fatal: ReplicatorError | None, seconds: float, requests: int) -> RunResult:
    statuses = {each.status for each in results}
    if isinstance(fatal, Interrupted):
        return RunResult(run_id, "interrupted", tuple(results), seconds, requests, fatal.exit_code, str(fatal))
    if fatal:
        return RunResult(run_id, "failed", tuple(results), seconds, requests, fatal.exit_code, str(fatal))
    if "needs_person" in statuses:
        return RunResult(run_id, "needs_person", tuple(results), seconds, requests, NeedsPerson.exit_code)
    if statuses <= {"done"}:
        return RunResult(run_id, "done", tuple(results), seconds, requests, 0)
    if not statuses & {"done", "partial"}:
        return RunResult(run_id, "failed", tuple(results), seconds, requests, 1)
    return RunResult(run_id, "partial", tuple(results), seconds, requests, 3)


def _objects(  # noqa: PLR0913 - the composition of one run
    target: Target, client: Client, options: Options, progress: Progress, stop: threading.Event, ledger: Ledger, held: lease.Lease, now: datetime
) -> tuple[list[ObjectResult], ReplicatorError | None]:
    objects = with_parents(options.objects)
    progress.began(ledger.run_id, [thing.name for thing in objects])
    try:
        _same_workspace(target, client, ledger)
        key = _mask_key(target, ledger.books, options)
        changes = _evolve(target, ledger, options, layouts(objects, options))
    except ReplicatorError as error:
        return [], error
    with ThreadPoolExecutor(options.concurrency, "request") as pool, ThreadPoolExecutor(OBJECTS_AT_ONCE, "object") as lanes:
        run = _Run(target, client, options, progress, stop, ledger, held, now, key, changes, pool, lanes)
        return run.perform(objects)


def _same_workspace(target: Target, client: Client, ledger: Ledger) -> None:
    """A replica belongs to one workspace; another one's token would make every row of it look deleted (H21)."""
    import msgspec

    answer = client.get("getWorkspace", "/", {}, stability="stable", rate=None)
    workspace = msgspec.json.decode(answer.body)["data"]["workspace"]
    settings = ledger.books.settings
    with target.begin() as connection:
        name = _setting(target, "workspace")
        known = connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar()
        if known is None:
            connection.execute(insert(settings).values(name=name, value=workspace["id"]))
        elif known != workspace["id"]:
            raise ConfigError(
                f"The token belongs to workspace {workspace['id']}, but the tables in {target.where} hold workspace {known}:"
                " use that workspace's token, or another target, --schema or --prefix."
            )
    ledger.note(workspace_id=workspace["id"])


def _setting(target: Target, name: str) -> str:
    return f"{name}:{target.place.scope}" if target.place.scope else name


def _mask_key(target: Target, books: Bookkeeping, options: Options) -> bytes:
    """The given key, else the one that this database keeps: rotating the token changes no mask."""
    if options.mask_key:
        return options.mask_key
    settings = books.settings
    with target.begin() as connection:
        known = connection.execute(select(settings.c.value).where(settings.c.name == "mask_key")).scalar()
        if known is None:
            known = secrets.token_hex(32)
            connection.execute(insert(settings).values(name="mask_key", value=known))
    return bytes.fromhex(known)


def _evolve(target: Target, ledger: Ledger, options: Options, wanted: Mapping[str, Layout]) -> Mapping[str, Layout | ReplicatorError]:
    """Brings the tables up to the layouts, as far as the policy allows; an object that cannot be helped gets its error."""
    with target.reading() as connection:
        changes = evolve.plan(target, connection, wanted.values())
    fitting: dict[str, Layout | ReplicatorError] = {}
    for name, layout in wanted.items():
        try:
            fitting[name] = evolve.fit(layout, changes, options.policy)
        except ReplicatorError as error:
            fitting[name] = error
    todo = [change for change in changes if not isinstance(change, evolve.Altered)] if options.policy == "evolve" else []
    if todo:
        with target.begin() as connection:
            evolve.apply(target, connection, todo)
            moment = target.dialect.now(connection)
            rows = [
                {"id": uuid.uuid4().hex, "scope": target.place.scope, "object": each.object, "change": str(each)}
                | {"run_id": ledger.run_id, "seen_at": moment}
                for each in todo
            ]
            connection.execute(insert(ledger.books.schema_changes), rows)
    return fitting


class _Run:
    """The objects of one run, as many at once as there are lanes, children after their parents."""

    def __init__(  # noqa: PLR0913 - the composition of one run
        self,
        target: Target,
        client: Client,
        options: Options,
        progress: Progress,
        stop: threading.Event,
        ledger: Ledger,
        held: lease.Lease,
        now: datetime,
        key: bytes,
        layouts: Mapping[str, Layout | ReplicatorError],
        pool: ThreadPoolExecutor,
        lanes: ThreadPoolExecutor,
    ) -> None:
        self.target, self.client, self.options, self.progress, self.stop = target, client, options, progress, stop
        self.ledger, self.held, self.now, self.key, self.layouts = ledger, held, now, key, layouts
        self.pool, self.lanes = pool, lanes
        self.state = State(ledger.books, target.place.scope)
        self.quarantine = Quarantine(ledger.books, target.dialect, target.place.scope, ledger.run_id)
        self.mask = masks.keyed(key)
        self.results: dict[str, ObjectResult] = {}
        self.fatal: ReplicatorError | None = None

    def perform(self, objects: Sequence[Object]) -> tuple[list[ObjectResult], ReplicatorError | None]:
        waiting = list(objects)
        running: dict[Future[ObjectResult], str] = {}
        while waiting or running:
            for thing in [each for each in waiting if self._ready(each, waiting, running)]:
                waiting.remove(thing)
                running[self.lanes.submit(self._one, thing)] = thing.name
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                self.results[running.pop(future)] = result = future.result()
                self.progress.finished(result)
        return [self.results[thing.name] for thing in objects], self.fatal

    def _ready(self, thing: Object, waiting: Sequence[Object], running: Mapping[Any, str]) -> bool:
        unfinished = {each.name for each in waiting} | set(running.values())
        return not unfinished & {parent.object for parent in thing.parents}

    def _one(self, thing: Object) -> ObjectResult:
        """One object's failure is its own; what stops everything is kept for the run."""
        figures = Figures()
        try:
            if self.fatal:
                result = ObjectResult(thing.name, "skipped", error="the run was stopped before")
            else:
                result = self._replicate(thing, figures)
        except ReplicatorError as error:
            if error.stops_everything:
                self.fatal = self.fatal or error
                self.stop.set()
            result = ObjectResult(thing.name, _status(error), error=str(error))
        except Exception as error:  # noqa: BLE001 - the boundary between objects
            log.debug("object failed", exc_info=error)
            why = f"{thing.name} failed by a mistake in this program ({type(error).__name__}); the other objects are right."
            result = ObjectResult(thing.name, "failed", error=why)
        if result.status not in {"done", "partial"}:
            self._record_failure(thing, result)
        return result

    def _record_failure(self, thing: Object, result: ObjectResult) -> None:
        try:
            with self.target.begin() as connection:
                values = {"status": result.status, "error": result.error}
                self.ledger.object(connection, thing.name, self.now, values)
                self.state.write(connection, thing.name, status=result.status, message=result.error, run_id=self.ledger.run_id)
        except ReplicatorError as error:
            log.warning("the ledger could not be written", extra={"object": thing.name, "why": str(error)})

    def _replicate(self, thing: Object, figures: Figures) -> ObjectResult:
        layout = self.layouts[thing.name]
        if isinstance(layout, ReplicatorError):
            raise layout
        lost = [each.object for each in thing.parents if self.results[each.object].status not in {"done", "partial"}]
        if lost:
            why = f"its parent {lost[0]} was not read: {self.results[lost[0]].error}"
            return ObjectResult(thing.name, "skipped", error=why)
        with self.target.reading() as connection:
            state = self.state.read(connection, thing.name)
            parents = {each.object: self._live_rows(connection, each.object) for each in thing.parents}
            now = self.target.dialect.now(connection)
        stage = Stage.open(self.target, self.held, self.state, self.quarantine, layout)
        encoder = Encoder(layout, self.mask, self.key)
        figures = replicate_object(stage, encoder, state, self._reading(thing, layout, parents, now))
        return self._told(thing, figures)

    def _reading(self, thing: Object, layout: Layout, parents: Mapping[str, Sequence[Mapping[str, Any]]], now: datetime) -> Reading:
        details = thing.detail is not None and (self.options.extended == "on" or any(c.detail for c in layout.columns))

        def report(so_far: Progressed) -> None:
            self.progress.page(
                thing.name, rows=so_far.rows, requests=so_far.requests, done_partitions=so_far.partitions, total=so_far.total
            )

        def also(connection: Connection, figures: Figures) -> None:
            told = self._told(thing, figures)
            names = ("status", "records", "inserted", "updated", "unchanged", "deleted", "quarantined", "duplicates")
            row = {name: getattr(told, name) for name in (*names, "partitions", "pages", "requests", "seconds", "unseen")}
            self.ledger.object(connection, thing.name, now, {**row, "complete": not figures.unseen})

        return Reading(
            run_id=self.ledger.run_id,
            client=self.client,
            pool=self.pool,
            width=self.options.concurrency,
            full=self.options.full,
            details=details and self.options.extended != "off",
            periods=self.options.periods,
            parent_rows=parents,
            allow_deletes=thing.name in self.options.allow_deletes,
            now=now,
            stop=self.stop,
            report=report,
            also=also,
        )

    def _told(self, thing: Object, figures: Figures) -> ObjectResult:
        counts = figures.counts
        return ObjectResult(
            thing.name,
            "partial" if figures.withheld else "done",
            counts.inserted,
            counts.updated,
            counts.unchanged,
            counts.deleted,
            figures.quarantined,
            counts.records,
            counts.duplicates,
            figures.partitions,
            figures.pages,
            figures.requests,
            figures.seconds,
            unseen="; ".join(figures.unseen[:5]) or None,
            drift=dict(figures.drift),
        )

    def _live_rows(self, connection: Connection, name: str) -> list[Mapping[str, Any]]:
        """What the children's partitions are made of: only the columns that some child names."""
        layout = self.layouts[name]
        if isinstance(layout, ReplicatorError):
            return []
        table = object_table(self.target, layout)
        query = select(*(table.c[column.name] for column in layout.columns if _is_parent_column(name, column.name)))
        return [dict(row) for row in connection.execute(query.where(table.c._deleted_at.is_(None))).mappings()]


def _is_parent_column(name: str, column: str) -> bool:
    from replicator.catalog import OBJECTS

    return any(
        column in parent.params.values() or column in parent.where
        for thing in OBJECTS
        for parent in thing.parents
        if parent.object == name
    )


def _status(error: ReplicatorError) -> Status:
    if isinstance(error, NeedsPerson):
        return "needs_person"
    return "unavailable" if isinstance(error, Inaccessible) else "failed"
