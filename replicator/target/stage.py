"""Where a listing streams to: batches of rows, each committed together with the checkpoint that says how far it came."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, inspect, select
from sqlalchemy.exc import DBAPIError

from replicator.rows import Layout, Row
from replicator.target.schema import stage_table
from replicator.target.state import Checkpoint, State

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from replicator.target.database import Target
    from replicator.target.lease import Lease
    from replicator.target.quarantine import Quarantine

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one or more partitions, the records refused on the way, and how far each partition came."""

    rows: Sequence[Row]
    refused: Sequence[tuple[str, str, str]]
    checkpoints: Sequence[Checkpoint]


@dataclass(frozen=True, slots=True)
class Stage:
    """One object's stage."""

    target: Target
    lease: Lease
    state: State
    quarantine: Quarantine
    layout: Layout
    table: Table

    @classmethod
    def open(cls, target: Target, lease: Lease, state: State, quarantine: Quarantine, layout: Layout) -> Stage:
        """The stage of that object; nothing is made in the database yet."""
        return cls(target, lease, state, quarantine, layout, stage_table(target, layout))

    def resumable(self) -> dict[str, Checkpoint]:
        """The checkpoints to go on from; empty where there are none, or where the stage does not hold what they say."""
        name = self.layout.object.name
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
        name = self.layout.object.name
        with self.target.begin() as connection:
            self.lease.check(connection)
            self.table.drop(connection, checkfirst=True)
            self.table.create(connection)
        with self.target.begin() as connection:
            self.lease.check(connection)
            self.state.forget(connection, name)
            self.state.write(connection, name, **began)

    def append(self, batch: Batch) -> int:
        """Commits the batch and returns how many of its rows the database refused; those are quarantined."""
        try:
            self._commit(batch)
        except DBAPIError as error:
            if not self.target.dialect.is_bad_value(error):
                with self.target.explained():
                    raise
            return self._divide(batch)
        return 0

    def _commit(self, batch: Batch) -> None:
        name = self.layout.object.name
        with self.target.transaction() as connection:
            self.lease.check(connection)
            if batch.rows:
                self.target.dialect.load(connection, self.table, self.layout.staged, batch.rows)
            self.quarantine.add(connection, name, batch.refused)
            self.state.save(connection, name, batch.checkpoints)

    def _divide(self, batch: Batch) -> int:
        """One row is what the database cannot take: find it by halves, quarantine it, keep the others."""
        bad = self._bad_rows(list(batch.rows))
        kept = [row for row in batch.rows if row not in bad]
        named = [(self._partition(row), "the database refuses one of its values", repr(row)) for row in bad]
        fewer = {part: sum(1 for row in bad if self._partition(row) == part) for part in {self._partition(row) for row in bad}}
        checkpoints = [replace(each, staged=each.staged - fewer.get(each.partition, 0)) for each in batch.checkpoints]
        self._commit(Batch(kept, [*batch.refused, *named], checkpoints))
        return len(bad)

    def _bad_rows(self, rows: list[Row]) -> list[Row]:
        try:
            with self.target.transaction() as connection:
                self.target.dialect.load(connection, self.table, self.layout.staged, rows)
                connection.rollback()
        except DBAPIError as error:
            if not self.target.dialect.is_bad_value(error):
                raise
            if len(rows) == 1:
                return rows
            middle = len(rows) // 2
            return self._bad_rows(rows[:middle]) + self._bad_rows(rows[middle:])
        return []

    def _partition(self, row: Row) -> str:
        return str(row[-1]) if self.layout.object.partitioned else ""

    def drop(self) -> None:
        """Removes the stage; what it held is published."""
        with self.target.begin() as connection:
            self.table.drop(connection, checkfirst=True)
