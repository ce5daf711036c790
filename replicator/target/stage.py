"""Where a listing streams to: batches of rows, each committed with the checkpoint that says how far it came."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, inspect, select
from sqlalchemy.exc import DBAPIError

from replicator import exact
from replicator.errors import TargetError
from replicator.target.known import Known
from replicator.target.schema import stage_ddl, stage_table

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from replicator.rows import Layout, Row
    from replicator.target.database import Target
    from replicator.target.dialects.base import Pack
    from replicator.target.known import Detailed
    from replicator.target.lease import Lease
    from replicator.target.quarantine import Quarantine
    from replicator.target.state import Checkpoint, State

#: A statement that carries more may be refused itself: MySQL takes packets of 16 MiB.
LONGEST_SHOWN = 1_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one or more partitions, the records refused on the way, and how far each partition came."""

    packs: Sequence[Pack]
    refused: Sequence[tuple[str, str, str]]
    checkpoints: Sequence[Checkpoint]
    #: What was read for records whose rows are among these.
    details: Sequence[Detailed] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """One object's stage."""

    target: Target
    lease: Lease
    state: State
    known: Known
    quarantine: Quarantine
    layout: Layout
    table: Table
    #: Rows that the database refused, by partition: checkpoints count what is in the stage, their maker what was read.
    refused: Counter[str] = field(default_factory=Counter)

    @classmethod
    def open(cls, target: Target, lease: Lease, state: State, quarantine: Quarantine, layout: Layout) -> Stage:
        """The stage of that object; nothing is made in the database yet."""
        known = Known(state.books, state.scope)
        return cls(target, lease, state, known, quarantine, layout, stage_table(target, layout))

    def resumable(self) -> dict[str, Checkpoint]:
        """The checkpoints to go on from; empty where there are none, or where the stage does not hold what they say."""
        name = self.layout.object.name
        self.refused.clear()
        with self.target.reading() as connection:
            checkpoints = self.state.checkpoints(connection, name)
            if not checkpoints:
                return {}
            promised = self.state.staged(connection, name)
            held = self._count(connection)
        if held != promised:
            log.warning("listing restarts", extra={"object": name, "staged": held, "promised": promised})
            return {}
        return checkpoints

    def _count(self, connection: Connection) -> int:
        """-1 where the stage is missing or of another layout. UNLOGGED tables are empty after a server's crash."""
        inspector = inspect(connection)
        if not inspector.has_table(self.table.name, schema=self.table.schema):
            return -1
        columns = [column["name"] for column in inspector.get_columns(self.table.name, schema=self.table.schema)]
        if columns != [column.name for column in self.table.columns]:
            return -1
        return int(connection.execute(select(func.count()).select_from(self.table)).scalar_one())

    def begin(self, **began: Any) -> None:
        """An empty stage for a new listing; `began` goes into the object's state."""
        self.refused.clear()
        if self.target.dialect.ddl_commits:
            with self.target.explained(), self.lease.guarding(self.target) as connection:
                self._make(connection)
        with self.target.explained():
            self.target.attempt(lambda: self._began(began))

    def _make(self, connection: Connection) -> None:
        for statement in stage_ddl(self.target, self.layout):
            connection.exec_driver_sql(statement)

    def _began(self, began: dict[str, Any]) -> None:
        name = self.layout.object.name
        with self.target.transaction() as connection:
            self.lease.check(connection)
            if not self.target.dialect.ddl_commits:
                self._make(connection)
            self.state.forget(connection, name)
            self.state.write(connection, name, **began, epoch=self.lease.epoch)

    def pack(self, rows: Sequence[Row]) -> Pack:
        """The rows as a batch has them."""
        return self.target.dialect.pack(rows)

    def append(self, batch: Batch) -> int:
        """Commits the batch and returns how many of its rows the database refused; those are quarantined."""
        with self.target.explained():
            try:
                self.target.attempt(lambda: self._commit(batch))
            except DBAPIError as error:
                if not self.target.dialect.is_bad_value(error):
                    raise
                return self._divide(batch)
        return 0

    def _commit(self, batch: Batch) -> None:
        name = self.layout.object.name
        checkpoints = [replace(each, staged=each.staged - self.refused[each.partition]) for each in batch.checkpoints]
        with self.target.transaction() as connection:
            self.lease.check(connection)
            if batch.packs:
                self.target.dialect.load(connection, self.table, self.layout.staged, batch.packs)
            self.quarantine.add(connection, name, batch.refused)
            self.state.save(connection, name, checkpoints)
            self.known.save_details(connection, name, batch.details)

    def _divide(self, batch: Batch) -> int:
        """One row is what the database cannot take: find it by halves, quarantine it, keep the others."""
        dialect, columns = self.target.dialect, self.layout.staged
        rows = [row for pack in batch.packs for row in dialect.unpack(pack, columns)]
        bad = self._bad_rows(rows)
        ids = {id(row) for row in bad}
        kept = dialect.pack([row for row in rows if id(row) not in ids])
        named = [(self._partition(row), "the database refuses one of its values", self._shown(row)) for row in bad]
        self.refused.update(self._partition(row) for row in bad)
        self.target.attempt(
            lambda: self._commit(Batch([kept], [*batch.refused, *named], batch.checkpoints, batch.details))
        )
        return len(bad)

    def _bad_rows(self, rows: list[Row]) -> list[Row]:
        try:
            with self.target.transaction() as connection:
                dialect = self.target.dialect
                dialect.load(connection, self.table, self.layout.staged, [dialect.pack(rows)])
                connection.rollback()
        except DBAPIError as error:
            if not self.target.dialect.is_bad_value(error):
                raise
            if len(rows) == 1:
                return rows
            middle = len(rows) // 2
            return self._bad_rows(rows[:middle]) + self._bad_rows(rows[middle:])
        return []

    def _shown(self, row: Row) -> str:
        """ASCII text of a row that the database refused once already."""
        names = [name for name, _ in self.layout.staged]
        return exact.shown(dict(zip(names, row, strict=True)))[:LONGEST_SHOWN]

    def _partition(self, row: Row) -> str:
        return str(row[-1]) if self.layout.object.partitioned else ""

    def remove(self, connection: Connection) -> None:
        """Removes the stage as it is published, in the same transaction."""
        connection.exec_driver_sql(stage_ddl(self.target, self.layout)[0])

    def drop(self) -> None:
        """The same where DDL commits: afterwards. One that stays behind is replaced by the next listing."""
        try:
            with self.target.explained(), self.lease.guarding(self.target) as connection:
                self.remove(connection)
        except TargetError as why:
            log.warning("stage stays behind", extra={"object": self.layout.object.name, "why": str(why)})
