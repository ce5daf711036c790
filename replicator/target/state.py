"""What we know of each object, and where an unfinished listing goes on: rows beside the data, written with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from replicator.target.bookkeeping import Bookkeeping


@dataclass(frozen=True, slots=True)
class ObjectState:
    """One row of object_state. `listing_began_at` is set while a listing is unfinished."""

    object: str
    status: str = "new"
    bookmark: str | None = None
    listed_at: datetime | None = None
    records: int | None = None
    layout: str | None = None
    listing_began_at: datetime | None = None
    run_id: str | None = None
    message: str | None = None
    #: The set of the records' ids as one number (target/known.py), if it is known whole.
    ids: str | None = None
    #: Of the lock under which this row was written last.
    epoch: int | None = None
    #: JSON: the first rows that a deletion which waits for a person would take, by the columns that tell them apart.
    going: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where one partition's listing goes on: `cursor` asks for the next page; `staged` rows are in the stage."""

    partition: str
    cursor: str | None = None
    position: int = 0
    pages: int = 0
    staged: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Reads and writes both, for one scope, on the caller's connection, so that it commits with the data."""

    books: Bookkeeping
    scope: str

    def read(self, connection: Connection, name: str) -> ObjectState:
        """The object's state; a new one where there is none."""
        table = self.books.object_state
        row = connection.execute(select(table).where(*self._mine(table, name))).mappings().first()
        found: ObjectState = _from(ObjectState, row) if row else ObjectState(name)
        return found

    def every(self, connection: Connection) -> dict[str, ObjectState]:
        """All of them, by object."""
        table = self.books.object_state
        rows = connection.execute(select(table).where(table.c.scope == self.scope)).mappings()
        return {row["object"]: _from(ObjectState, row) for row in rows}

    def write(self, connection: Connection, name: str, **values: Any) -> None:
        """Changes those columns of the object's state, making its row if need be."""
        table = self.books.object_state
        if "status" in values:
            values = {"going": None} | values
        changed = connection.execute(update(table).where(*self._mine(table, name)).values(**values)).rowcount
        if not changed and connection.execute(select(table.c.object).where(*self._mine(table, name))).first() is None:
            connection.execute(insert(table).values(scope=self.scope, object=name, **({"status": "new"} | values)))

    def checkpoints(self, connection: Connection, name: str) -> dict[str, Checkpoint]:
        """The object's checkpoints by partition; empty when no listing is unfinished."""
        table = self.books.checkpoints
        rows = connection.execute(select(table).where(*self._mine(table, name))).mappings()
        return {row["partition"]: _from(Checkpoint, row) for row in rows}

    def save(self, connection: Connection, name: str, checkpoints: Iterable[Checkpoint]) -> None:
        """Writes the checkpoints in place of those of the same partitions."""
        table = self.books.checkpoints
        rows = [
            {"scope": self.scope, "object": name, **{f.name: getattr(each, f.name) for f in fields(each)}}
            for each in checkpoints
        ]
        for at in range(0, len(rows), 200):
            chunk = rows[at : at + 200]
            names = [row["partition"] for row in chunk]
            connection.execute(delete(table).where(*self._mine(table, name), table.c.partition.in_(names)))
            connection.execute(insert(table), chunk)

    def forget(self, connection: Connection, name: str) -> None:
        """Ends the unfinished listing."""
        table = self.books.checkpoints
        connection.execute(delete(table).where(*self._mine(table, name)))

    def staged(self, connection: Connection, name: str) -> int:
        """How many rows the checkpoints say are in the stage."""
        table = self.books.checkpoints
        total = connection.execute(select(func.sum(table.c.staged)).where(*self._mine(table, name))).scalar()
        return int(total or 0)

    def _mine(self, table: Table, name: str) -> tuple[Any, ...]:
        return (table.c.scope == self.scope, table.c.object == name)


def _from(kind: Any, row: Any) -> Any:
    return kind(**{f.name: row[f.name] for f in fields(kind)})
