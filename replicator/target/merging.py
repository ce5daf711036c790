"""Staged rows and rows of the table, in sets: which are new, which differ, which are gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, cast, delete, func, insert, literal, or_, select, update
from sqlalchemy.sql.expression import case

from replicator.target.base import SAID, Base
from replicator.target.publication import GUARD_ROWS, GUARD_SHARE, Counts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import ColumnElement, Connection, FromClause, Select, Table

    from replicator.target.publication import Publication
    from replicator.target.stage import Stage

#: Of so many staged rows it is asked first whether they are just what the table holds.
_FEW = 10_000


def completed(stage: Stage) -> Select[tuple[str]]:
    """The partitions whose listing came to its end."""
    books = stage.state.books.checkpoints
    mine = (books.c.scope == stage.state.scope, books.c.object == stage.layout.object.name)
    return select(books.c.partition).where(*mine, books.c.done.is_(True))


@dataclass(frozen=True)
class Merge:
    """The staged rows and the table's, compared and brought together by statements about sets; nothing is committed."""

    connection: Connection
    stage: Stage
    table: Table
    publication: Publication
    now: datetime
    #: Staged rows of one key count as one. Any of them was true while the listing ran (I2): always the same one is it.
    distinct: bool

    @cached_property
    def base(self) -> Base | None:
        """What people may have edited is left alone where it differs from this."""
        return Base.of(self.stage.target, self.stage.layout, self.table)

    def perform(self, staged: int, *, filled: bool) -> Counts:
        if filled and (counts := self._as_before(staged)):
            return counts
        passed, filtered = self._filtered(staged)
        left = self._bury(self._unwanted) if filled and filtered else 0
        withheld = tuple(self._withheld()) if filled else ()
        updated = self._update(self.vanished if filled else ()) if filled else 0
        parted = filled and self.publication.extent == "partitions" and self.publication.settle
        orphans = self._bury(self._orphaned()) if parted else 0
        absent = self._bury(*self.absence()) if filled and self.publication.extent != "none" else 0
        live = self._live() if filled else 0
        # As many alive as staged, and all of them staged: nothing is new, which spares a join.
        known = filled and self.base is None and self.publication.extent == "whole" and live == passed
        inserted = 0 if known else self._insert(filled=filled)
        live = live if known else self._live()
        records = self._records(live, filled=filled, inserted=inserted)
        unchanged = records - inserted - updated
        deleted = orphans + absent + left
        moved = {"inserted": inserted, "updated": updated, "unchanged": unchanged, "deleted": deleted}
        gone = {"absent": absent, "filtered": filtered, "left": left}
        vanished = self.vanished if filled else ()
        return Counts(records, **moved, **gone, live=live, vanished=vanished, withheld=withheld)

    def _as_before(self, staged: int) -> Counts | None:
        """Where the rows are what was staged, one join tells, in place of all that would find nothing to do."""
        if staged > _FEW or self.distinct or self.stage.layout.where:
            return None
        table, source = self.table, self.stage.table
        same = [self._staged_key == self._key, table.c._fingerprint == source.c._fingerprint]
        same += [table.c._partition == source.c._partition] if "_partition" in source.c else []
        query = select(func.count(), func.count(func.distinct(self._key))).select_from(table.join(source, and_(*same)))
        found, records = self.connection.execute(query.where(table.c._deleted_at.is_(None))).one()
        if not found == records == staged:
            return None
        live = self._live()
        if self.publication.extent == "whole" and live != records:
            return None
        if self.publication.extent == "partitions" and self._lacks():
            return None
        withheld = tuple(self._withheld())
        return Counts(records, unchanged=records, live=live, vanished=self.vanished, withheld=withheld)

    def _lacks(self) -> bool:
        """Whether some live row of the finished partitions, or of none that there is, was not staged as it is."""
        finished = self.stage.table.c._partition.in_(completed(self.stage))
        staged = self._scalar(select(func.count()).select_from(self.stage.table).where(finished))
        mine = self.table.c._partition.in_(completed(self.stage))
        return bool(staged != self._live(or_(mine, self._orphaned()) if self.publication.settle else mine))

    @cached_property
    def vanished(self) -> tuple[str, ...]:
        """Of the unmet columns those that many rows have a value in: a few may have lost theirs rightly."""
        unmet = [self.table.c[name] for name in sorted(self.publication.unmet)]
        if not unmet or self.publication.extent != "whole":
            return ()
        query = select(func.count(), *map(func.count, unmet)).where(self.table.c._deleted_at.is_(None))
        live, *held = self.connection.execute(query).one()
        most = max(GUARD_ROWS, live * GUARD_SHARE)
        return tuple(str(each.key) for each, count in zip(unmet, held, strict=True) if count > most)

    def _withheld(self) -> Iterator[str]:
        """Columns in which some row is going to keep what this listing showed empty."""
        source = self.stage.table
        same = source.c[self.stage.layout.primary_key] == self._key
        for column in self.stage.layout.columns:
            if column.withheld:
                new = self.stage.target.dialect.published(source.c[column.name], column.type)
                old = self.table.c[column.name]
                kept = (cast(new, Text) == "[]", old.is_not(None), cast(old, Text) != "[]")
                query = select(literal(1)).select_from(self.table.join(source, same)).where(*kept).limit(1)
                if self.connection.execute(query).first():
                    yield column.name

    def _filtered(self, staged: int) -> tuple[int, int]:
        """How many staged rows are of records that pass `where`, and how many records do not."""
        if not self.stage.layout.where:
            return staged, 0
        query = select(func.count(), func.count(func.distinct(self._staged_key)))
        rows, records = self.connection.execute(query.where(~self._passes)).one()
        return staged - rows, records

    @property
    def _passes(self) -> ColumnElement[bool]:
        """Of a staged row; see Layout.unwanted."""
        passes: ColumnElement[bool] = self.stage.table.c._fingerprint != ""
        return passes

    @property
    def _unwanted(self) -> ColumnElement[bool]:
        """Of a row: its record is there, and does not pass, however often it came."""
        mine = select(literal(1)).select_from(self.stage.table).where(self._staged_key == self._key)
        fails, passes = (mine.where(which).correlate(self.table).exists() for which in (~self._passes, self._passes))
        return and_(fails, ~passes)

    def _records(self, live: int, *, filled: bool, inserted: int) -> int:
        """How many distinct records the listing held; after a whole listing that is what is alive."""
        if not filled:
            return inserted
        if self.publication.extent == "whole" and self.base is None:
            return live
        passes = (self._passes,) if self.stage.layout.where else ()
        return int(self._scalar(select(func.count(func.distinct(self._staged_key))).where(*passes)))

    def _live(self, *which: ColumnElement[bool]) -> int:
        alive = [self.table.c._deleted_at.is_(None), *([~self.base.local] if self.base else [])]
        return int(self._scalar(select(func.count()).select_from(self.table).where(*alive, *which)))

    def _scalar(self, query: Any) -> Any:
        return self.connection.execute(query).scalar_one()

    @property
    def _key(self) -> ColumnElement[Any]:
        return self.table.c[self.stage.layout.primary_key]

    @property
    def _staged_key(self) -> ColumnElement[Any]:
        return self.stage.table.c[self.stage.layout.primary_key]

    def _source(self) -> FromClause:
        """The stage, less what does not pass, or one row of it for each key."""
        staged = self.stage.table
        passes = (self._passes,) if self.stage.layout.where else ()
        if not self.distinct:
            return select(*staged.columns).where(*passes).subquery() if passes else staged
        order = [staged.c._fingerprint, *([staged.c._partition] if "_partition" in staged.c else [])]
        nth = func.row_number().over(partition_by=self._staged_key, order_by=order).label("nth")
        numbered = select(*staged.columns, nth).where(*passes).subquery()
        return select(*(numbered.c[c.name] for c in staged.columns)).where(numbered.c.nth == 1).subquery()

    def _published(self, source: FromClause) -> dict[str, ColumnElement[Any]]:
        dialect = self.stage.target.dialect
        return {name: dialect.published(source.c[name], kind) for name, kind in self.stage.layout.staged}

    def _update(self, vanished: Collection[str]) -> int:
        """Also revives: a record that returned is no longer deleted."""
        source, table = self._source(), self.table
        key = self.stage.layout.primary_key
        published = self._published(source)
        values = {name: self._kept(name, new) for name, new in published.items() if name != key}
        values |= {name: self.table.c[name] for name in vanished}
        # A person may have emptied either.
        other = [table.c._fingerprint.is_distinct_from(source.c._fingerprint), table.c._deleted_at.is_not(None)]
        if "_partition" in source.c:
            other.append(table.c._partition.is_distinct_from(source.c._partition))
        whole = self.publication.extent == "whole" and not self.distinct
        own = self.stage.target.dialect.read_through(self._key) if whole else self._key
        ours = {"_synced_at": self.now, "_run_id": self.publication.run_id, "_deleted_at": None}
        ours |= dict.fromkeys(SAID) if self.base else {}
        statement = (
            update(table)
            .values(values | ours)
            .where(own == source.c[key], or_(*other), *([self.base.updatable(published)] if self.base else []))
        )
        return self.connection.execute(statement).rowcount

    def _kept(self, name: str, new: ColumnElement[Any]) -> ColumnElement[Any]:
        """What a token without rights sees empty never empties what a better one saw (reliability.md: H20)."""
        old = self.table.c[name]
        if not any(column.withheld and column.name == name for column in self.stage.layout.columns):
            return new
        return case((and_(cast(new, Text) == "[]", old.is_not(None)), old), else_=new)

    def _insert(self, *, filled: bool) -> int:
        source = self._source()
        published = self._published(source)
        added = [literal(self.now, self.table.c._synced_at.type), literal(self.publication.run_id)]
        query = select(*published.values(), *added)
        if filled:
            key = source.c[self.stage.layout.primary_key]
            query = query.where(~self._exists(self.table, key, source))
            if self.base:
                query = query.where(~self.base.unwanted(key, source))
        # In the order of the primary key its index grows at its end: twice as fast, and packed.
        query = query.order_by(source.c[self.stage.layout.primary_key])
        statement = insert(self.table).from_select([*published, "_synced_at", "_run_id"], query)
        return self.connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount

    def _exists(self, within: FromClause, key: ColumnElement[Any], outer: FromClause) -> ColumnElement[bool]:
        same = within.c[self.stage.layout.primary_key] == key
        return select(literal(1)).select_from(within).where(same).correlate(outer).exists()

    def _bury(self, *gone: ColumnElement[bool]) -> int:
        """Tombstones: the last values stay, `_deleted_at` says since when."""
        alive = [self.table.c._deleted_at.is_(None), *([self.base.follows] if self.base else [])]
        statement = update(self.table).values(_deleted_at=self.now, _run_id=self.publication.run_id)
        statement = statement.where(*alive, *gone)
        return self.connection.execute(statement).rowcount

    def absence(self) -> list[ColumnElement[bool]]:
        """What is true of rows that a finished listing lacks."""
        gone: list[ColumnElement[bool]] = [~self._exists(self.stage.table, self._key, self.table)]
        if self.publication.extent == "partitions":
            gone.append(self.table.c._partition.in_(completed(self.stage)))
        return gone

    def _orphaned(self) -> ColumnElement[bool]:
        """Rows of partitions that are no more: their parent is gone."""
        partitions: ColumnElement[bool] = self.table.c._partition.not_in(self.stage.known.partitions(self._name))
        return partitions

    @property
    def _name(self) -> str:
        return self.stage.layout.object.name

    def agree(self, counts: Counts, *, filled: bool) -> None:
        """Moves the bases along with the rows."""
        base = self.base
        if base is None:
            return
        if counts.inserted or counts.updated or counts.deleted:
            base.agree(self.connection, self.publication.run_id, self.now)
        if not filled:
            return
        source = self._source()
        base.adopt(self.connection, source, self._published(source))
        if self.publication.extent == "none":
            return
        gone: list[ColumnElement[bool]] = [~self._exists(self.stage.table, base.base.c[base.key], base.base)]
        if self.publication.extent == "partitions":
            finished = base.base.c._partition.in_(completed(self.stage))
            no_more = base.base.c._partition.not_in(self.stage.known.partitions(self._name))
            gone.append(or_(finished, no_more) if self.publication.settle else finished)
        base.forget(self.connection, *gone)

    def remove(self) -> None:
        """What this publication buried."""
        self.connection.execute(delete(self.table).where(*self._buried))

    def buried(self, most: int) -> list[dict[str, Any]]:
        """The first of that, by the columns that tell rows and people tell records apart."""
        thing = self.stage.layout.object
        secret = {each.name for each in thing.columns if each.secret}
        names = dict.fromkeys((self.stage.layout.primary_key, *thing.key, *thing.natural))
        columns = [self.table.c[name] for name in names if name in self.table.c and name not in secret]
        rows = self.connection.execute(select(*columns).where(*self._buried).order_by(*columns[:1]).limit(most))
        return [dict(row) for row in rows.mappings()]

    @property
    def _buried(self) -> tuple[ColumnElement[bool], ...]:
        return self.table.c._deleted_at.is_not(None), self.table.c._run_id == self.publication.run_id

    def remove_unwanted(self) -> None:
        """A tombstone says that a record is gone; these are there, and only not wanted."""
        if self.stage.layout.where:
            dead = self.table.c._deleted_at.is_not(None)
            self.connection.execute(delete(self.table).where(dead, self._unwanted))
