"""What the workspace answered becomes row and base.

First the base takes the values that were sent, so that the row is no edit any more, unless a person edited it meanwhile
and it still differs. Then the record as the workspace has it now is published like one that a listing held, and what
the server made of the values becomes row and base.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, inspect, literal, select, update

from replicator import exact, masks
from replicator.catalog.model import Type
from replicator.encoder import Encoder
from replicator.rows import Rejected, Row
from replicator.sync.decide import columns_of
from replicator.target.base import Base, bound
from replicator.target.gaps import fall_behind
from replicator.target.publication import Publication
from replicator.target.publish import publish
from replicator.target.quarantine import Quarantine
from replicator.target.stage import Batch, Stage
from replicator.target.state import Checkpoint, State

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.edits import Edit, Field
    from replicator.ledger import Ledger
    from replicator.partitions import Partition
    from replicator.rows import Layout
    from replicator.target.database import Target
    from replicator.target.lease import Lease


class TwoRows(Exception):
    """A record has two rows here, one that a person added and one that a run brought, and both were edited."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Segment has it as {key}, and the row of that id is edited, too: delete one of the two rows")


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
    #: Rows of deleted records go, instead of being marked.
    hard: bool = False

    @property
    def base(self) -> Base:
        found = Base.of(self.target, self.layout)
        if found is None:
            raise AssertionError(f"nobody can edit {self.layout.object.name}")
        return found

    def has_table(self) -> bool:
        """Whether the object was ever replicated here."""
        table = self.base.table
        with self.target.reading() as connection:
            return inspect(connection).has_table(table.name, schema=table.schema)

    def agree(self, connection: Connection, edit: Edit) -> None:
        """The base takes the values that were sent."""
        base = self.base
        mine = base.base.c[base.key] == edit.id
        if connection.execute(select(literal(1)).select_from(base.base).where(mine)).first() is None:
            self._copy(connection, edit.id)
        values = {each.name: bound(base.base.c[each.name], each.raw) for each in edit.fields}
        if values:
            connection.execute(update(base.base).where(mine).values(**values))
        base.silence(connection, base.table.c[base.key] == edit.id)

    def give_way(self, connection: Connection, edit: Edit) -> None:
        """Our edit is none any more, and the record, once it is published, is written whatever the row says."""
        base = self.base
        self.agree(connection, edit)
        connection.execute(update(base.table).where(base.table.c[base.key] == edit.id).values(_fingerprint=""))

    def rebase(self, connection: Connection, edit: Edit, record: Mapping[str, Any]) -> None:
        """What the workspace has is the base: what differs from it is our edit."""
        thing = self.layout.object
        now = columns_of(thing, self.covered(record))
        fields = [each for each in edit.fields if each.name in thing.editable]
        # As the database can hold it, and as it is published.
        raw = (self.raw(each.name, exact.readable(now.get(each.name))) for each in fields)
        self.agree(connection, replace(edit, fields=tuple(map(_with_raw, fields, raw))))

    def raw(self, name: str, value: Any) -> Any:
        """A field's value as the API has it, as the column of that name stores it."""
        is_json = self.layout.object.column(name).type is Type.JSON
        return exact.dump(value) if value is not None and is_json else value

    def anew(self, connection: Connection, edit: Edit) -> str:
        """Deleted in the workspace, and wanted all the same: the row becomes one that a person added. Its new key."""
        base, thing = self.base, self.layout.object
        self.forget(connection, edit.id)
        new = f"new:{uuid.uuid4()}"
        ours = {base.key: new, "_run_id": "", "_fingerprint": None}
        keep = {*thing.editable, *thing.creatable, base.key}
        empty = {name: None for name in base.compared if name not in keep}
        connection.execute(update(base.table).where(base.table.c[base.key] == edit.id).values(**empty, **ours))
        return new

    def bury(self, connection: Connection, edit: Edit) -> None:
        """Edited here, and gone in the workspace: the row goes with it."""
        base = self.base
        now = self.target.dialect.now(connection)
        mine = base.table.c[base.key] == edit.id
        connection.execute(update(base.table).where(mine).values(_deleted_at=now, _run_id=self.ledger.run_id))
        self.forget(connection, edit.id)

    def rename(self, connection: Connection, edit: Edit, row: Row) -> Edit:
        """The row and its base get the key that goes with the record's new name."""
        base = self.base
        names = [name for name, _ in self.layout.staged]
        new = str(dict(zip(names, row, strict=True))[base.key])
        if new == edit.id:
            return edit
        there = base.table.c[base.key] == new
        connection.execute(delete(base.table).where(there, base.table.c._deleted_at.is_not(None)))
        if connection.execute(select(literal(1)).select_from(base.table).where(there)).first() is not None:
            # A run was quicker, and brought the record under its new name.
            connection.execute(delete(base.table).where(base.table.c[base.key] == edit.id))
            self.forget(connection, edit.id)
            return replace(edit, id=new, fields=())
        for table in (base.table, base.base):
            connection.execute(update(table).where(table.c[base.key] == edit.id).values({base.key: new}))
        values = {"_run_id": self.ledger.run_id, "_fingerprint": ""}
        connection.execute(update(base.table).where(there).values(**values))
        self._lose_step(connection)
        return replace(edit, id=new)

    def _copy(self, connection: Connection, key: str) -> None:
        base = self.base
        names = [each.key for each in base.base.columns]
        query = select(*(base.table.c[name] for name in names)).where(base.table.c[base.key] == key)
        connection.execute(insert(base.base).from_select(names, query))

    def name(self, connection: Connection, edit: Edit, row: Row, *, spare: bool = False) -> Edit:
        """The row that a person added gets the key that its record has, and a base.

        Where a run brought that record in between, the row that nobody edited goes: ours, if it is `spare`, as the
        workspace has all that it says. Raises TwoRows where neither is so, before anything is changed.
        """
        base = self.base
        made = dict(zip((name for name, _ in self.layout.staged), row, strict=True))
        key = str(made[base.key])
        if self._is_edited(connection, key):
            if not spare:
                raise TwoRows(key)
            connection.execute(delete(base.table).where(base.table.c[base.key] == edit.id))
            self._lose_step(connection)
            return replace(edit, id=key, kind="update", fields=())
        if connection.execute(delete(base.table).where(base.table.c[base.key] == key)).rowcount:
            self._lose_step(connection)
        connection.execute(delete(base.base).where(base.base.c[base.key] == key))
        ours = {base.key: made[base.key], "_run_id": self.ledger.run_id}
        ours |= {"_partition": made["_partition"]} if "_partition" in made else {}
        now = self.target.dialect.now(connection)
        statement = update(base.table).where(base.table.c[base.key] == edit.id)
        if not connection.execute(statement.values(**ours, _synced_at=now, _fingerprint="")).rowcount:
            # It was deleted since: only a base is left, which is a wish to delete what was made of it.
            kept = {name: value for name, value in ours.items() if name in base.base.c}
            connection.execute(insert(base.base).values(**kept))
        return replace(edit, id=key, kind="update")

    def _is_edited(self, connection: Connection, key: str) -> bool:
        """Whether a live row of that key says what no run brought."""
        table = self.base.table
        mine = (table.c[self.base.key] == key, table.c._deleted_at.is_(None), ~self.base.follows)
        return connection.execute(select(literal(1)).select_from(table).where(*mine)).first() is not None

    def forget(self, connection: Connection, key: str) -> None:
        """Deleted on both sides; a row that a person only marked as deleted stays as it is."""
        base = self.base
        connection.execute(delete(base.base).where(base.base.c[base.key] == key))
        self._left(connection)

    def go_with(self, connection: Connection, plan: str) -> None:
        """The rules of a plan that was deleted here go with it, less those that were edited; no guard asks again."""
        base = self.base
        mine, now = base.table.c.tracking_plan_id == plan, self.target.dialect.now(connection)
        gone = (mine, base.table.c._deleted_at.is_(None), base.follows)
        marked = update(base.table).values(_deleted_at=now, _run_id=self.ledger.run_id)
        connection.execute((delete(base.table) if self.hard else marked).where(*gone))
        base.forget(connection, base.base.c.tracking_plan_id == plan)
        self._left(connection)

    def _left(self, connection: Connection) -> None:
        """Rows left their table."""
        # An unfinished listing was begun before, and would bring the records back.
        State(self.ledger.books, self.target.place.scope).forget(connection, self.layout.object.name)
        self._lose_step(connection)

    def _lose_step(self, connection: Connection) -> None:
        """A row left its table: the history has to look for it when it is written next."""
        if self.history:
            fall_behind(connection, self.ledger.books.settings, self.layout.object.name, self.target.place.scope)

    def count(self) -> int:
        """How many records have a base."""
        with self.target.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(self.base.base)).scalar_one())

    def encode(self, records: Sequence[Mapping[str, Any]], listing: Partition | None = None) -> list[Row]:
        """The rows of those records; `listing` is the one that rules came from. One that is no row is left out."""
        encoder = Encoder(self.layout, self.mask, self.key)
        given, name = (listing.given, listing.name) if listing else ({}, None)
        made = encoder.encode(list(records), plain=False, given=given, partition=name)
        return [each for each in made if not isinstance(each, Rejected)]

    def covered(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The record as far as it may be kept here, in the base or beside a conflict."""
        return masks.covered(record, self.layout.covers, self.mask)

    def publish(self, rows: Sequence[Row]) -> None:
        """As a listing would that proves no absence; of a record that was read twice, as it was read last."""
        if not rows:
            return
        key = [name for name, _ in self.layout.staged].index(self.layout.primary_key)
        rows = list({row[key]: row for row in rows}.values())
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
        stage.append(Batch([stage.pack(rows)], (), [Checkpoint("", staged=len(rows), done=True)]))
        publish(stage, Publication(self.ledger.run_id, "none", began, relisted="none", history=self.history))


def _with_raw(field: Field, raw: Any) -> Field:
    return replace(field, raw=raw)
