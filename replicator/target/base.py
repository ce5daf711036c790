"""The base: what both sides last agreed on of each record that people may edit here.

Beside the table of a writable object lies one with the same columns. A row is edited while it differs from its base,
new while it has none and came from no run, and a wish to delete while only its base is left. So no trigger is needed,
and a TRUNCATE, a restore or a bulk edit is seen like any other. Publishing leaves what is edited alone, and makes what
it publishes the base in the same transaction (I6 in reliability.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    Column,
    MetaData,
    Table,
    Text,
    and_,
    cast,
    delete,
    func,
    insert,
    inspect,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy import column as bare_column

from replicator.target.schema import column, object_table, once, short

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from replicator.rows import Layout
    from replicator.target.database import Target


def bound(column: Column[Any], raw: Any) -> ColumnElement[Any]:
    """A value as the database gave it, to be written again: JSON as text, lest it be encoded once more."""
    kind = getattr(column.type, "impl", column.type)
    return cast(literal(raw, Text()), column.type) if isinstance(kind, JSON) else literal(raw, column.type)


_OURS = frozenset({"_extra", "_fingerprint"})
#: What a person may say of an edit; it is gone once the edit is settled.
SAID = ("_edited_at", "_edited_by")


@once
def base_table(target: Target, layout: Layout) -> Table:
    """The table of the bases as it should be, where the object's own lies."""
    table = Table(
        short(f"{target.place.prefix}{layout.object.table}_base"),
        MetaData(),
        *(column(target, layout, name, kind) for name, kind in layout.staged if name not in _OURS),
        schema=target.place.schema or None,
        **target.dialect.table_arguments(),
    )
    table.info["base"] = True
    return table


def is_base(table: Table) -> bool:
    """Whether that table holds bases."""
    return bool(table.info.get("base"))


@dataclass(frozen=True)
class Base:
    """One writable object's rows beside their bases, as conditions that a statement about the rows can bear."""

    table: Table
    base: Table
    key: str

    @classmethod
    def of(cls, target: Target, layout: Layout, table: Table | None = None) -> Base | None:
        """None for an object that nobody can edit."""
        if not layout.object.editable:
            return None
        if table is None or table is object_table(target, layout):
            return _base(target, layout)
        return cls(table, base_table(target, layout), layout.primary_key)

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """The columns in which an edit shows."""
        return tuple(each.key for each in self.base.columns if each.key not in {self.key, "_partition"})

    @cached_property
    def known(self) -> ColumnElement[bool]:
        """Of a row: it has a base."""
        return self._base_where(self.base.c[self.key] == self.table.c[self.key])

    @cached_property
    def unedited(self) -> ColumnElement[bool]:
        """Of a row: it is as its base."""
        same = (self.table.c[name].is_not_distinct_from(self.base.c[name]) for name in self.compared)
        return self._base_where(self.base.c[self.key] == self.table.c[self.key], *same)

    def _base_where(self, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        return select(literal(1)).select_from(self.base).where(*conditions).correlate(self.table).exists()

    @cached_property
    def local(self) -> ColumnElement[bool]:
        """Of a row: it came from no run, but from a person."""
        return or_(self.table.c._run_id.is_(None), self.table.c._run_id == "")

    @cached_property
    def follows(self) -> ColumnElement[bool]:
        """Of a live row whose record is gone: it may go with it."""
        return or_(self.unedited, and_(~self.known, ~self.local))

    def updatable(self, published: dict[str, ColumnElement[Any]]) -> ColumnElement[bool]:
        """Of a row: it may take the `published` values. Without a base it must have them already, but for our own.

        One that is marked as deleted and has a base was marked by a person: that is a wish, and stays.
        """
        equal = [self.table.c[name].is_not_distinct_from(published[name]) for name in self.compared]
        bare, returned = and_(~self.known, ~self.local, *equal), and_(~self._alive, ~self.known)
        return or_(returned, and_(self._alive, self.unedited), bare)

    def unwanted(self, staged_key: ColumnElement[Any], source: Any) -> ColumnElement[bool]:
        """Of a staged row: it has a base, so that a row which is not there was deleted by a person."""
        same = self.base.c[self.key] == staged_key
        return select(literal(1)).select_from(self.base).where(same).correlate(source).exists()

    def is_filled(self, connection: Connection) -> bool:
        return connection.execute(self._any).first() is not None

    @cached_property
    def _any(self) -> Any:
        return select(literal(1)).select_from(self.base).limit(1)

    def agree(self, connection: Connection, run_id: str, now: datetime) -> None:
        """What that run published at that moment is what both sides agree on; what it buried has no base any more.

        What the run wrote before may have been edited since.
        """
        alive = self.table.c._deleted_at.is_(None)
        mine: tuple[ColumnElement[bool], ...]
        mine = (self.table.c._run_id == run_id, or_(self.table.c._synced_at == now, self.table.c._deleted_at == now))
        names = self._stored(connection)
        if self.is_filled(connection):
            moved = select(self.table.c[self.key]).where(*mine)
            if set(names) - {each.key for each in self.base.columns}:
                self._follow(connection, *mine, alive)
                moved, mine = moved.where(~alive), (*mine, ~self.known)
            connection.execute(delete(self.base).where(self.base.c[self.key].in_(moved)))
        self._insert(connection, names, *mine, alive)

    def _follow(self, connection: Connection, *mine: ColumnElement[bool]) -> None:
        """A column that is not selected now keeps its base: whether it was edited shows once it is selected again."""
        values = {each.key: self.table.c[each.key] for each in self.base.columns}
        connection.execute(update(self.base).values(values).where(self._same, *mine))

    def adopt(self, connection: Connection, source: Any, published: dict[str, ColumnElement[Any]]) -> None:
        """Rows without a base that are as their record is now get one."""
        bare = (~self.known, ~self.local, self.table.c._deleted_at.is_(None))
        if connection.execute(select(literal(1)).select_from(self.table).where(*bare).limit(1)).first() is None:
            return
        equal = [self.table.c[name].is_not_distinct_from(published[name]) for name in self.compared]
        same = select(literal(1)).select_from(source).where(source.c[self.key] == self.table.c[self.key], *equal)
        self._insert(connection, self._stored(connection), *bare, same.correlate(self.table).exists())

    def _insert(self, connection: Connection, names: Sequence[str], *conditions: ColumnElement[bool]) -> None:
        whole = Table(self.base.name, MetaData(), *(Column(name) for name in names), schema=self.base.schema)
        known = {each.name: each for each in self.table.columns}
        columns = (known[name] if name in known else bare_column(name) for name in names)
        query = select(*columns).select_from(self.table).where(*conditions)
        connection.execute(insert(whole).from_select(names, query))

    def _stored(self, connection: Connection) -> list[str]:
        """The columns that both tables have: one that is selected no longer keeps its value, and so does its base."""
        inspector = inspect(connection)
        base, rows = (
            [each["name"] for each in inspector.get_columns(table.name, schema=table.schema)]
            for table in (self.base, self.table)
        )
        return [name for name in base if name in rows]

    def forget(self, connection: Connection, *gone: ColumnElement[bool]) -> None:
        """Deleted here and, as `gone` says, in the workspace too: nothing is left to agree on (C5)."""
        live = (self.table.c[self.key] == self.base.c[self.key], self.table.c._deleted_at.is_(None))
        left = select(literal(1)).select_from(self.table).where(*live).correlate(self.base).exists()
        connection.execute(delete(self.base).where(~left, *gone))

    @cached_property
    def changed(self) -> Any:
        """A query of the rows that were updated, beside their bases."""
        differs = or_(*(self.table.c[name].is_distinct_from(self.base.c[name]) for name in self.compared))
        return self._both.where(differs)

    def beside(self, keys: Collection[str]) -> Any:
        """A query of those rows beside their bases."""
        return self._both.where(self.table.c[self.key].in_(keys))

    @property
    def _both(self) -> Any:
        both = self.table.join(self.base, self._same)
        return select(*self._ours, *self._bases).select_from(both).where(self._alive)

    @cached_property
    def created(self) -> Any:
        """A query of the rows that a person added."""
        return select(*self._ours).where(self._alive, self.local, ~self.known)

    @cached_property
    def deleted(self) -> Any:
        """A query of the bases whose rows a person deleted."""
        return select(*self._bases).where(self.wished_away)

    @cached_property
    def wished_away(self) -> ColumnElement[bool]:
        """Of a base: its record was deleted here, and is in the workspace as far as is known."""
        same = (self._same, self._alive)
        return ~select(literal(1)).select_from(self.table).where(*same).correlate(self.base).exists()

    @cached_property
    def bare(self) -> Any:
        """A query of the rows that came from a run and have no base: nobody knows what was agreed on."""
        return select(*self._ours).where(self._alive, ~self.local, ~self.known)

    def copied(self, connection: Connection) -> list[str]:
        """The keys of such rows that a person copied with all columns: no two records have one fingerprint."""
        bare = (self._alive, ~self.local, ~self.known)
        if connection.execute(select(literal(1)).select_from(self.table).where(*bare).limit(1)).first() is None:
            return []
        marks = [name for name in ("_fingerprint", "_partition") if name in self.table.c]
        other = self.table.alias()
        twins = select(*(other.c[name] for name in marks)).group_by(*(other.c[name] for name in marks))
        mine = tuple_(*(self.table.c[name] for name in marks)).in_(twins.having(func.count() > 1))
        return list(connection.execute(select(self.table.c[self.key]).where(*bare, mine)).scalars())

    @property
    def _same(self) -> ColumnElement[bool]:
        return self.table.c[self.key] == self.base.c[self.key]

    @property
    def _alive(self) -> ColumnElement[bool]:
        return self.table.c._deleted_at.is_(None)

    @property
    def _bases(self) -> list[Any]:
        return [each.label(f"base_{each.key}") for each in self.base.columns]

    @property
    def _ours(self) -> list[Any]:
        said = [cast(self.table.c[name], Text).label(f"local_{name}") for name in SAID]
        return [*(self.table.c[each.key].label(f"local_{each.key}") for each in self.base.columns), *said]

    def silence(self, connection: Connection, *mine: ColumnElement[bool]) -> None:
        """Of rows that are edited no longer, nothing is said."""
        said = or_(*(self.table.c[name].is_not(None) for name in SAID))
        statement = update(self.table).where(*mine, said, self.unedited).values(dict.fromkeys(SAID))
        connection.execute(statement)


@once
def _base(target: Target, layout: Layout) -> Base:
    return Base(object_table(target, layout), base_table(target, layout), layout.primary_key)
