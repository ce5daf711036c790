"""What the workspace answered becomes row and base.

First the base takes the values that were sent, so that the row is no edit any more, unless a person edited it meanwhile
and it still differs. Then the record as the workspace has it now is published like one that a listing held, and what
the server made of the values becomes row and base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, literal, select, update

from replicator import masks
from replicator.encoder import Encoder
from replicator.partitions import partitions
from replicator.rows import Rejected, Row
from replicator.target.base import Base, bound
from replicator.target.publish import Publication, publish
from replicator.target.quarantine import Quarantine
from replicator.target.stage import Batch, Stage
from replicator.target.state import Checkpoint, State

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.edits import Edit
    from replicator.ledger import Ledger
    from replicator.rows import Layout
    from replicator.target.database import Target
    from replicator.target.lease import Lease

#: Of no consequence where an object has no window.
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Settling:
    """For one writable object."""

    target: Target
    lease: Lease
    ledger: Ledger
    layout: Layout
    mask: masks.Mask
    key: bytes
    history: bool = False

    @property
    def base(self) -> Base:
        found = Base.of(self.target, self.layout)
        if found is None:
            raise AssertionError(f"nobody can edit {self.layout.object.name}")
        return found

    def agree(self, connection: Connection, edit: Edit) -> None:
        """The base takes the values that were sent."""
        base = self.base
        mine = base.base.c[base.key] == edit.id
        if connection.execute(select(literal(1)).select_from(base.base).where(mine)).first() is None:
            self._copy(connection, edit.id)
        values = {each.name: bound(base.base.c[each.name], each.raw) for each in edit.fields}
        if values:
            connection.execute(update(base.base).where(mine).values(**values))

    def _copy(self, connection: Connection, key: str) -> None:
        base = self.base
        names = [each.key for each in base.base.columns]
        query = select(*(base.table.c[name] for name in names)).where(base.table.c[base.key] == key)
        connection.execute(insert(base.base).from_select(names, query))

    def name(self, connection: Connection, edit: Edit, row: Row) -> Edit:
        """The row that a person added gets the key that its record has, and a base."""
        base = self.base
        made = dict(zip((name for name, _ in self.layout.staged), row, strict=True))
        ours = {base.key: made[base.key], "_run_id": self.ledger.run_id}
        ours |= {"_partition": made["_partition"]} if "_partition" in made else {}
        now = self.target.dialect.now(connection)
        statement = update(base.table).where(base.table.c[base.key] == edit.id)
        connection.execute(statement.values(**ours, _synced_at=now, _fingerprint=""))
        return replace(edit, id=str(made[base.key]), kind="update")

    def forget(self, connection: Connection, key: str) -> None:
        """Deleted on both sides; a row that a person only marked as deleted stays as it is."""
        base = self.base
        connection.execute(delete(base.base).where(base.base.c[base.key] == key))

    def count(self) -> int:
        """How many records have a base."""
        with self.target.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(self.base.base)).scalar_one())

    def encode(self, records: Sequence[Mapping[str, Any]], parent: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of those records; of rules, `parent` is the row of their plan. One that is no row is left out."""
        encoder = Encoder(self.layout, self.mask, self.key)
        given: Mapping[str, Any] = {}
        name = None
        if parent is not None:
            above = {self.layout.object.parents[0].object: [parent]}
            (one,) = partitions(self.layout.object, above, (), _NEVER, None)
            given, name = one.given, one.name
        made = encoder.encode(list(records), plain=False, given=given, partition=name)
        return [each for each in made if not isinstance(each, Rejected)]

    def covered(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The record as far as it may be kept here, in the base or beside a conflict."""
        return masks.covered(record, self.layout.covers, self.mask)

    def publish(self, rows: Sequence[Row]) -> None:
        """As a listing would that proves no absence."""
        if not rows:
            return
        scope = self.target.place.scope
        state = State(self.ledger.books, scope)
        quarantine = Quarantine(self.ledger.books, self.target.dialect, scope, self.ledger.run_id)
        stage = Stage.open(self.target, self.lease, state, quarantine, self.layout)
        with self.target.reading() as connection:
            before = state.read(connection, self.layout.object.name)
        stage.begin(status=before.status)
        with self.target.begin() as connection:
            self.lease.check(connection)
            began = self.target.dialect.now(connection)
        stage.append(Batch(rows, (), [Checkpoint("", staged=len(rows), done=True)]))
        publish(stage, Publication(self.ledger.run_id, "none", began, relisted="none", history=self.history))
