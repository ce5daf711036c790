"""What persons decided, kept with who and when; approvals of deletions and wishes for a run, which one run uses up."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import insert, select, update

from replicator.target.bookkeeping import bookkeeping

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from replicator.target.database import Target

#: `deletes`: more rows of an object may go than the guard lets; `resolve`: which side of a conflict counts; `run`: the
#: job of that name is due now.
Kind = Literal["deletes", "resolve", "run"]
#: In `used_by`, in place of a run's id: whoever gave the approval took it back.
TAKEN_BACK = "taken back"


@dataclass(frozen=True, slots=True)
class Decision:
    """`what` is the sentence that the person saw, or the side that counts; `used_by` is the run that acted on it."""

    id: str
    kind: Kind
    object: str
    record_id: str
    what: str
    decided_by: str
    decided_at: datetime
    used_by: str | None
    used_at: datetime | None


class Decisions:
    """Those of one place, on the caller's connection."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._table = bookkeeping(target.dialect).decisions

    def keep(self, connection: Connection, kind: Kind, name: str, who: str, what: str, record_id: str = "") -> None:
        """Somebody decided that."""
        row = {"kind": kind, "object": name, "record_id": record_id, "what": what, "decided_by": who[:100]}
        shared = {"scope": self._target.place.scope, "decided_at": self._target.dialect.now(connection)}
        connection.execute(insert(self._table).values(id=uuid.uuid4().hex, **row, **shared))

    def approved(self, connection: Connection) -> dict[str, Decision]:
        """The approvals that no run has used, by object."""
        return self._every(connection, "deletes")

    def asked(self, connection: Connection) -> dict[str, Decision]:
        """The wishes for a run that none has begun for, by job."""
        return self._every(connection, "run")

    def begun(self, connection: Connection, job: str, run_id: str) -> None:
        """A run of that job began: whoever asked for one has it."""
        self._end(connection, "run", {job}, run_id)

    def _every(self, connection: Connection, kind: Kind) -> dict[str, Decision]:
        query = select(self._table).where(*self._open(kind)).order_by(self._table.c.decided_at)
        return {row["object"]: _from(row) for row in connection.execute(query).mappings()}

    def use(self, connection: Connection, names: Collection[str], run_id: str) -> frozenset[str]:
        """The objects among them whose deletions are approved; from now on they are not any more."""
        mine = frozenset(self.approved(connection).keys() & set(names))
        if mine:
            self._end(connection, "deletes", mine, run_id)
        return mine

    def take_back(self, connection: Connection, name: str) -> None:
        """No run may use it."""
        self._end(connection, "deletes", {name}, TAKEN_BACK)

    def newest(self, connection: Connection, kind: Kind, limit: int) -> list[Decision]:
        """The last ones of that kind, newest first."""
        mine = (self._table.c.scope == self._target.place.scope, self._table.c.kind == kind)
        query = select(self._table).where(*mine).order_by(self._table.c.decided_at.desc()).limit(limit)
        return [_from(row) for row in connection.execute(query).mappings()]

    def _end(self, connection: Connection, kind: Kind, names: Collection[str], by: str) -> None:
        values = {"used_by": by, "used_at": self._target.dialect.now(connection)}
        mine = (*self._open(kind), self._table.c.object.in_(sorted(names)))
        connection.execute(update(self._table).where(*mine).values(**values))

    def _open(self, kind: Kind) -> tuple[ColumnElement[bool], ...]:
        table = self._table
        return table.c.scope == self._target.place.scope, table.c.kind == kind, table.c.used_by.is_(None)


def _from(row: Any) -> Decision:
    return Decision(**{name: row[name] for name in Decision.__slots__})
