"""A deleted plan or function as a row that a person added, so that the next push makes it anew."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, inspect, select

from replicator import exact
from replicator.catalog import by_name
from replicator.catalog.model import Type
from replicator.errors import UsageError
from replicator.options import layout_of
from replicator.run import holding
from replicator.sync.journal import Journal
from replicator.sync.written import RULES, SOURCES
from replicator.target import history
from replicator.target.base import bound
from replicator.target.schema import by_name_of, object_table

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from replicator.catalog.model import Object
    from replicator.ledger import Ledger
    from replicator.options import Options
    from replicator.rows import Layout
    from replicator.target.database import Target
    from replicator.target.lease import Lease

#: So begins the key of a row that Segment does not have yet.
_NEW = "new:"


@dataclass(frozen=True, slots=True)
class Restored:
    """The new row's key, how many rules came with it, and the sources that the push will connect it to."""

    key: str
    rules: int
    sources: tuple[str, ...]


def restore(target: Target, options: Options, thing: Object, identifier: str, at: datetime | None) -> Restored:
    """From the row that is marked deleted, the history, or the journal; `at` asks for the version of that moment.

    Raises UsageError where nothing is known of the record, or it is still there.
    """
    if not thing.editable or thing.name == RULES:
        raise UsageError(f"{thing.name} cannot be restored: tracking plans (with their rules) and functions can.")
    with holding(target, "restore") as (ledger, lease):
        try:
            with target.begin() as connection:
                lease.check(connection)
                told = _Restoring(target, connection, ledger, lease, options).perform(thing, identifier, at)
        except BaseException as error:
            ledger.finish("failed", f"it broke off ({type(error).__name__})", {})
            raise
        ledger.finish("done", None, {})
        return told


@dataclass(frozen=True, slots=True)
class _Restoring:
    target: Target
    connection: Connection
    ledger: Ledger
    lease: Lease
    options: Options

    def perform(self, thing: Object, identifier: str, at: datetime | None) -> Restored:
        layout = layout_of(thing, self.options)
        found = self._version(layout, identifier, at)
        if found is None:
            when = f" at {at.isoformat()}" if at else ""
            raise UsageError(
                f"Nothing is known of {thing.name} {identifier}{when}: `replicator history {thing.name} {identifier}`"
                " shows what the history has, where it is kept."
            )
        self._refuse_twice(layout, identifier, found)
        key = self._add(layout, found, {})
        if thing.name != "TrackingPlans":
            return Restored(key, 0, ())
        went = at or self._went(layout, identifier)
        sources = tuple(str(row["id"]) for row in self._children(SOURCES, identifier, went))
        if sources:
            self._journal.want_sources(self.connection, key, sources)
        return Restored(key, self._rules(identifier, key, at, went), sources)

    def _refuse_twice(self, layout: Layout, identifier: str, found: Mapping[str, Any]) -> None:
        table = object_table(self.target, layout)
        names = [name for name in layout.object.natural if name in self._kept(layout, table)]
        alike = [table.c[name] == found.get(name) for name in names]
        waits = self._first(table, table.c.id.startswith(_NEW), table.c._deleted_at.is_(None), *alike)
        if alike and waits:
            raise UsageError(
                f"{layout.object.name} {identifier} is back here already, as {waits['id']}, and waits to be sent:"
                " `replicator apply` makes it in Segment."
            )

    def _version(self, layout: Layout, identifier: str, at: datetime | None) -> Mapping[str, Any] | None:
        table = object_table(self.target, layout)
        row = self._first(table, table.c.id == identifier)
        if row is not None and row["_deleted_at"] is None and at is None:
            raise UsageError(f"{layout.object.name} {identifier} is not deleted: there is nothing to restore.")
        if row is not None and at is None:
            return row
        if self._exists(versions := history.history_table(self.target, layout)):
            moment = () if at is None else (history.holds(versions, at),)
            mine = (versions.c.id == identifier, versions.c._deleted.is_(False), *moment)
            query = select(*by_name_of(versions)).where(*mine).order_by(versions.c._valid_from.desc()).limit(1)
            if found := self.connection.execute(query).mappings().first():
                return dict(found)
        if at is not None:
            return None
        deleted = self._journal.deleted(self.connection, layout.object.name, identifier)
        return None if deleted is None else _as_stored(layout, deleted[1])

    @property
    def _journal(self) -> Journal:
        return Journal(self.target, self.ledger.books, self.ledger.run_id)

    def _went(self, layout: Layout, identifier: str) -> datetime | None:
        """When the record was deleted, as far as is known."""
        table = object_table(self.target, layout)
        if row := self._first(table, table.c.id == identifier):
            marked: datetime | None = row["_deleted_at"]
            return marked
        deleted = self._journal.deleted(self.connection, layout.object.name, identifier)
        return None if deleted is None else deleted[0]

    def _rules(self, plan: str, key: str, at: datetime | None, went: datetime | None) -> int:
        layout = layout_of(by_name[RULES], self.options)
        versions = history.history_table(self.target, layout)
        if at is not None and self._exists(versions):
            alive = (history.holds(versions, at), versions.c._deleted.is_(False))
            rows = self._all(versions, versions.c.tracking_plan_id == plan, *alive)
        else:
            rows = self._children(RULES, plan, went)
        for row in rows:
            self._add(layout, row, {"tracking_plan_id": key})
        return len(rows)

    def _children(self, name: str, plan: str, went: datetime | None) -> list[dict[str, Any]]:
        """The plan's rules or sources, less those that went before it did: they are no part of it.

        Where nobody knows when that was, it was when the last of them went.
        """
        table = object_table(self.target, layout_of(by_name[name], self.options))
        rows = self._all(table, table.c.tracking_plan_id == plan) if self._exists(table) else []
        since = went or max((row["_deleted_at"] for row in rows if row["_deleted_at"]), default=None)
        return [row for row in rows if not (since and row["_deleted_at"] and row["_deleted_at"] < since)]

    def _add(self, layout: Layout, row: Mapping[str, Any], instead: Mapping[str, Any]) -> str:
        table = object_table(self.target, layout)
        names = self._kept(layout, table)
        values = {name: bound(table.c[name], {**row, **instead}.get(name)) for name in names}
        key = f"{_NEW}{uuid.uuid4()}"
        ours = {layout.primary_key: key, "_run_id": "", "_synced_at": self.target.dialect.now(self.connection)}
        self.connection.execute(insert(table).values(**values, **ours))
        return key

    def _kept(self, layout: Layout, table: Table) -> list[str]:
        return [name for name in (*layout.object.editable, *layout.object.creatable) if name in table.c]

    def _exists(self, table: Table) -> bool:
        return inspect(self.connection).has_table(table.name, schema=table.schema)

    def _first(self, table: Table, *conditions: Any) -> dict[str, Any] | None:
        return next(iter(self._all(table, *conditions)), None) if self._exists(table) else None

    def _all(self, table: Table, *conditions: Any) -> list[dict[str, Any]]:
        query = select(*by_name_of(table)).where(*conditions)
        return [dict(row) for row in self.connection.execute(query).mappings()]


def _as_stored(layout: Layout, values: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {column.name: column.type for column in layout.columns}
    return {name: _raw(value, kinds[name]) for name, value in values.items() if name in kinds}


def _raw(value: Any, kind: Type) -> Any:
    return exact.dump(value) if value is not None and kind is Type.JSON else value


def sentence(thing: Object, identifier: str, restored: Restored) -> str:
    """What came back, what did not, and the next step."""
    rules = f" with {restored.rules} rules" if thing.name == "TrackingPlans" else ""
    also = ", and connects it again to " + ", ".join(restored.sources) if restored.sources else ""
    secrets = "; the values of its settings, which the API never shows, have to be set anew" if not rules else ""
    return (
        f"{thing.name} {identifier} is back here as {restored.key}{rules}:"
        f" `replicator apply` makes it in Segment, under a new id{also}{secrets}."
    )
