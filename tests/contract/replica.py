"""A replica of one object, driven as `replicate` drives it, and looked at from outside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, text, update

from replicator import masks
from replicator.catalog import model
from replicator.catalog.model import Column, Listing, Object, Type
from replicator.encoder import Encoder
from replicator.rows import Layout, Rejected, Row, rebuild
from replicator.target import evolve
from replicator.target.alterations import Altered
from replicator.target.bookkeeping import Bookkeeping, bookkeeping
from replicator.target.database import Place, Target, open_target
from replicator.target.lease import Lease, acquire, holder
from replicator.target.migrate import migrate
from replicator.target.publication import Counts, Publication
from replicator.target.publish import publish
from replicator.target.quarantine import Quarantine
from replicator.target.schema import object_table
from replicator.target.stage import Batch, Stage
from replicator.target.state import Checkpoint, State

KEY = b"a key for tests"
PLANS = Object(
    name="Plans",
    groups=frozenset({"core"}),
    listing=Listing(operation="listPlans", path="/plans", items=("plans",)),
    columns=(
        model.text("id"),
        model.text("name", nullable=True),
        model.boolean("enabled"),
        model.integer("count"),
        model.number("ratio"),
        model.timestamp("createdAt"),
        model.json("settings", secret=True),
        model.json("writeKeys", secret=True, withheld=True),
        model.text("webhookUrl", secret=True),
        model.text("order"),
        model.json("tags"),
    ),
)
RULES = Object(
    name="Rules",
    groups=frozenset({"core"}),
    listing=Listing(operation="listRules", path="/plans/{planId}/rules", items=("rules",)),
    columns=(
        Column("plan_id", "planId", Type.TEXT, given=True),
        model.text("type"),
        model.text("key", nullable=True),
        model.number("version"),
        model.json("jsonSchema"),
    ),
    key=("plan_id", "type", "key", "version"),
    each={"planId": ("p1", "p2")},
)


def plan(at: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"plan_{at:04d}", "name": f"Plan {at}", "count": at, "createdAt": "2026-01-02T03:04:05.000Z"} | fields


def plans(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [plan(at, **fields) for at in range(count)]


@dataclass
class Replica:
    """One run at a time; `begin_run` makes the next one."""

    target: Target
    books: Bookkeeping
    layout: Layout
    lease: Lease
    run_id: str = "run-1"

    @property
    def state(self) -> State:
        return State(self.books, self.target.place.scope)

    @property
    def quarantine(self) -> Quarantine:
        return Quarantine(self.books, self.target.dialect, self.target.place.scope, self.run_id)

    def stage(self) -> Stage:
        return Stage.open(self.target, self.lease, self.state, self.quarantine, self.layout)

    def now(self) -> datetime:
        with self.target.reading() as connection:
            moment: datetime = self.target.dialect.now(connection)
        return moment

    def encoder(self) -> Encoder:
        return Encoder(self.layout, masks.keyed(KEY), KEY)

    def encode(self, records: Sequence[Any], partition: str = "", **given: Any) -> tuple[list[Row], list[Any]]:
        made = list(self.encoder().encode(records, plain=False, given=given, partition=partition))
        refused = [(partition, each.reason, each.record) for each in made if isinstance(each, Rejected)]
        return [each for each in made if not isinstance(each, Rejected)], refused

    def staged(self, records: Sequence[Any], *, page: int = 1000) -> Stage:
        """A finished listing, which waits to be published."""
        stage = self.stage()
        stage.begin(status="reading", listing_began_at=self.now())
        self.read(stage, records, page=page)
        return stage

    def read(
        self, stage: Stage, records: Sequence[Any], *, page: int = 1000, done: bool = True, staged: int = 0
    ) -> None:
        pages = [records[at : at + page] for at in range(0, len(records), page)] or [records]
        for number, some in enumerate(pages, 1):
            rows, refused = self.encode(some)
            staged += len(rows)
            last = done and number == len(pages)
            mark = Checkpoint("", None if last else f"page {number}", staged, number, staged, done=last)
            stage.append(Batch([stage.pack(rows)], refused, [mark]))

    def publish(self, stage: Stage, extent: Any = "whole", **options: Any) -> Counts:
        options = {"confirmed": True, **options}
        return publish(stage, Publication(self.run_id, extent, long_ago(), state={"status": "done"}, **options))

    def load(self, records: Sequence[Any], extent: Any = "whole", **options: Any) -> Counts:
        return self.publish(self.staged(records), extent, **options)

    def load_partitions(
        self, records: Mapping[str, Sequence[Any]], unfinished: Sequence[str] = (), **options: Any
    ) -> Counts:
        stage = self.stage()
        stage.begin(status="reading")
        for name, some in records.items():
            rows, refused = self.encode(some, name, planId=name)
            mark = Checkpoint(name, None, len(some), 1, len(rows), done=name not in unfinished)
            stage.append(Batch([stage.pack(rows)], refused, [mark]))
        return self.publish(stage, "partitions" if unfinished else "whole", **options)

    def rows(self, name: str = "") -> dict[str, dict[str, Any]]:
        """The table's rows by key, tombstones too."""
        table = object_table(self.target, self.layout)
        with self.target.reading() as connection:
            found = connection.execute(select(table)).mappings().all()
        return {row[self.layout.primary_key]: dict(row) for row in found}

    def live(self) -> dict[str, dict[str, Any]]:
        return {key: row for key, row in self.rows().items() if row["_deleted_at"] is None}

    def records(self) -> list[dict[str, Any]]:
        return [rebuild(self.layout, row) for row in self.live().values()]

    def object_state(self) -> Any:
        with self.target.reading() as connection:
            return self.state.read(connection, self.layout.object.name)

    def everything(self) -> str:
        """Every value of every table in the database, as text."""
        from sqlalchemy import JSON, MetaData, Text, cast, inspect

        found = []
        with self.target.reading() as connection:
            for schema in {None, self.target.dialect.schema or None}:
                metadata = MetaData()
                metadata.reflect(connection, schema=schema)
                for table in metadata.tables.values():
                    values = (cast(each, Text) if isinstance(each.type, JSON) else each for each in table.columns)
                    found += [f"{table.fullname} {tuple(row)!r}" for row in connection.execute(select(*values))]
            assert inspect(connection).get_table_names()
        return "\n".join(found)

    def execute(self, statement: str) -> None:
        """As a user with a client of their own does."""
        with self.target.begin() as connection:
            connection.execute(text(statement))

    def begin_run(self, run_id: str) -> Replica:
        """The next run, after this one ended."""
        with self.target.begin() as connection:
            self.lease.release(connection)
        return replace(self, lease=self._lease(run_id), run_id=run_id)

    def take_over(self, run_id: str) -> Replica:
        """The next run, while this one only seems to be dead."""
        with self.target.begin() as connection:
            connection.execute(update(self.books.runs).values(heartbeat_at=long_ago()))
        return replace(self, lease=self._lease(run_id), run_id=run_id)

    def _lease(self, run_id: str) -> Lease:
        began = acquire(self.target, self.books, run_id)
        note_run(self.target, self.books, run_id)
        return began


def note_run(target: Target, books: Bookkeeping, run_id: str) -> None:
    with target.begin() as connection:
        now = target.dialect.now(connection)
        counts = dict.fromkeys(("requests", "inserted", "updated", "unchanged", "deleted", "quarantined"), 0)
        run = {"id": run_id, "scope": "", "mode": "full", "status": "running", "holder": holder(), "version": "0"}
        connection.execute(insert(books.runs).values(**run, **counts, started_at=now, heartbeat_at=now))


def replica(url: str, thing: Object = PLANS, place: Place | None = None, run_id: str = "run-1") -> Replica:
    """An open target with bookkeeping and the object's table."""
    target = open_target(url, place, connections=4)
    books, layout = bookkeeping(target.dialect), Layout(thing, thing.columns)
    try:
        migrate(target)
        evolved(target, layout)
        taken = acquire(target, books, run_id)
        note_run(target, books, run_id)
    except BaseException:
        target.close()
        raise
    return Replica(target, books, layout, taken, run_id)


def evolved(target: Target, *layouts: Layout) -> list[Any]:
    """Brings the tables to the layouts; returns what changed."""
    with target.begin() as connection:
        changes = evolve.plan(target, connection, layouts)
        evolve.apply(target, connection, [each for each in changes if not isinstance(each, Altered)])
    return changes


def another_process() -> str:
    """A holder that once ran on this machine, in our space of process ids, and is no more."""
    words = holder().split(" ")
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    return " ".join([words[0], words[1], str(child), words[3], "00000000"])


def long_ago() -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC)
