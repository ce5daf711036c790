"""How each record was at any time: one row for each version, from when to when it held, a tombstone's time included.

The versions of a record follow one another without gap or overlap, from the first publication that kept its history:
they are written by the transaction that publishes the rows, and always from the rows themselves, so that whatever
happened while no history was kept is caught up by the next publication that keeps it (gaps.py knows when that was).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Column, MetaData, Table, func, insert, inspect, literal, or_, select, update
from sqlalchemy.sql.expression import and_, true

from replicator.catalog.model import Type
from replicator.rows import Layout
from replicator.target.gaps import Mark, Marks
from replicator.target.schema import column, object_table, once, short

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from replicator.rows import Layout
    from replicator.target.database import Target
    from replicator.target.publication import Counts
    from replicator.target.stage import Stage

_MICROSECOND = timedelta(microseconds=1)


@once
def history_table(target: Target, layout: Layout) -> Table:
    """The table of the object's versions as it should be: `_valid_to` is NULL while a version holds.

    A version with `_deleted` says that the record was gone; its values are the last ones.
    """
    dialect, place = target.dialect, target.place
    moment = dialect.time_type()
    table = Table(
        short(f"{place.prefix}{layout.object.table}_history"),
        MetaData(),
        *(column(target, layout, name, kind) for name, kind in layout.staged if name != "_partition"),
        Column("_valid_from", moment, primary_key=True),
        Column("_valid_to", moment),
        Column("_deleted", Boolean(create_constraint=False), nullable=False),
        Column("_run_id", dialect.type_of(Type.TEXT, key=True), nullable=False),
        schema=place.schema or None,
        **dialect.table_arguments(),
    )
    table.info["helpers"] = dialect.as_of(table, short(f"{place.prefix}{layout.object.table}_as_of"))
    return table


def is_history(table: Table) -> bool:
    """Whether that table holds versions."""
    return "_valid_to" in table.c


def stored(connection: Connection, target: Target, layout: Layout) -> Layout | None:
    """The layout with those of the object's columns that its history table has; None where it has no such table."""
    found = _columns(connection, history_table(target, layout))
    if not found:
        return None
    return replace(layout, columns=tuple(each for each in layout.object.columns if layout.called(each.name) in found))


def _columns(connection: Connection, table: Table) -> set[str]:
    inspector = inspect(connection)
    if not inspector.has_table(table.name, schema=table.schema):
        return set()
    return {each["name"] for each in inspector.get_columns(table.name, schema=table.schema)}


def comparable(moment: datetime) -> datetime:
    """The latest moment at or before that one which is no whole millisecond, as none is at which a version begins.

    SQLite's times are text, and that of a whole millisecond is shorter: it would sort behind those that follow it.
    """
    return moment if moment.microsecond % 1000 else moment - _MICROSECOND


def holds(table: Table, moment: datetime) -> ColumnElement[bool]:
    """What is true of the versions that held then, tombstones too."""
    at = comparable(moment)
    return and_(table.c._valid_from <= at, or_(table.c._valid_to.is_(None), table.c._valid_to > at))


def keep(connection: Connection, stage: Stage, run_id: str, counts: Counts, now: datetime) -> None:
    """Runs in the publishing transaction, once the rows are merged and before tombstones are removed."""
    target, name = stage.target, stage.layout.object.name
    marks = Marks(connection, stage.state, name)
    mark = marks.read()
    history = history_table(target, stage.layout)
    # Whoever published without keeping history, or emptied its table, left it behind.
    in_step = (
        mark is not None
        and not marks.is_behind(mark)
        and (connection.execute(select(literal(1)).select_from(history).limit(1)).first() is not None)
    )
    if in_step and mark and not (counts.inserted or counts.updated or counts.deleted):
        marks.write(Mark(run_id, mark.last))
        return
    last = mark.last if in_step and mark else _last(connection, history)
    moment = _after(now, last)
    layout = _shared(connection, target, stage.layout)
    versions = _Versions(
        connection, layout, history_table(target, layout), object_table(target, layout), moment, run_id
    )
    versions.write(changed_only=in_step)
    if mark and not in_step:
        marks.end_gap(mark, moment)
    marks.write(Mark(run_id, moment))


def _shared(connection: Connection, target: Target, layout: Layout) -> Layout:
    """The columns that both tables have: those that this run leaves alone, as details, are part of a version too."""
    both = _columns(connection, object_table(target, layout)) & _columns(connection, history_table(target, layout))
    return replace(layout, columns=tuple(each for each in layout.object.columns if layout.called(each.name) in both))


def _last(connection: Connection, history: Table) -> datetime | None:
    ends = connection.execute(select(func.max(history.c._valid_from), func.max(history.c._valid_to))).one()
    return max((each for each in ends if each is not None), default=None)


def _after(now: datetime, last: datetime | None) -> datetime:
    """Later than whatever began or ended before, even if the database's clock was set back."""
    moment = now if last is None else max(now, last + _MICROSECOND)
    return moment if moment.microsecond % 1000 else moment + _MICROSECOND


@dataclass(frozen=True, slots=True)
class _Versions:
    connection: Connection
    layout: Layout
    history: Table
    table: Table
    moment: datetime
    run_id: str

    def write(self, *, changed_only: bool) -> None:
        """Ends the versions that no longer hold and begins those that do, for the run's rows or for all."""
        if not changed_only:
            self._lay_down_lost()
        mine = (self.table.c._run_id == self.run_id,) if changed_only else ()
        self._end(*mine)
        self._begin(*mine)

    def _end(self, *mine: ColumnElement[bool]) -> None:
        history, table = self.history, self.table
        dead = table.c._deleted_at.is_not(None)
        moved = or_(
            and_(history.c._deleted.is_(True), ~dead),
            and_(history.c._deleted.is_(False), dead),
            # An empty fingerprint is no content: it says that the row is to be written again.
            and_(~dead, table.c._fingerprint != "", table.c._fingerprint != history.c._fingerprint),
        )
        key = self.layout.primary_key
        statement = update(history).values({history.c._valid_to: self.moment})
        same = (history.c[key] == table.c[key], history.c._valid_to.is_(None))
        self.connection.execute(statement.where(*same, moved, *mine))

    def _begin(self, *mine: ColumnElement[bool]) -> None:
        table, versions = self.table, self.history.alias("versions")
        key = self.layout.primary_key
        held = select(literal(1)).select_from(versions)
        held = held.where(versions.c[key] == table.c[key], versions.c._valid_to.is_(None)).correlate(table)
        query = select(*(table.c[name] for name in self._values), *self._ours(table.c._deleted_at.is_not(None)))
        # What a person added is no record yet.
        self._insert(query.where(~held.exists(), table.c._run_id != "", *mine).order_by(table.c[key]))

    def _lay_down_lost(self) -> None:
        """A row that somebody removed while its version held is gone from now on, as far as can be told."""
        history, table = self.history, self.table
        key = self.layout.primary_key
        there = select(literal(1)).select_from(table).where(table.c[key] == history.c[key]).correlate(history)
        lost = and_(history.c._valid_to.is_(None), history.c._deleted.is_(False), ~there.exists())
        if self.connection.execute(select(literal(1)).select_from(history).where(lost).limit(1)).first() is None:
            return
        self._insert(select(*(history.c[name] for name in self._values), *self._ours(true())).where(lost))
        self.connection.execute(update(history).values(_valid_to=self.moment).where(lost))

    @property
    def _values(self) -> list[str]:
        return [name for name, _ in self.layout.staged if name in self.history.c]

    def _ours(self, deleted: Any) -> tuple[Any, ...]:
        return literal(self.moment, self.history.c._valid_from.type), deleted, literal(self.run_id)

    def _insert(self, query: Any) -> None:
        names = [*self._values, "_valid_from", "_deleted", "_run_id"]
        self.connection.execute(insert(self.history).from_select(names, query))
