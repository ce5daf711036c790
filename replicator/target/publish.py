"""From the stage to the table, in one transaction: inserts, updates where the fingerprint differs, tombstones, state.

Readers see the old rows or the new ones. Nothing is deleted but by a listing that was proved complete (I4), and never
more than the guard allows; the counts are checked against the stage before the commit (I5).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Text, and_, cast, delete, func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.expression import case

from replicator.errors import MassDeletion, TargetError
from replicator.target import history
from replicator.target.base import SAID, Base
from replicator.target.schema import object_table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from sqlalchemy import ColumnElement, Connection, FromClause, Select, Table

    from replicator.target.stage import Stage

#: A listing may make this many rows vanish, or this share of them, whichever is more (product.md, Deletes).
GUARD_ROWS, GUARD_SHARE = 10, 0.2
#: Of so many staged rows it is asked first whether they are just what the table holds.
_FEW = 10_000
#: So many of the rows that would go are named.
SHOWN = 20

#: What the listing is the whole truth about: every row, the rows of the partitions it finished, or no absence at all.
Extent = Literal["whole", "partitions", "none"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a publication did; `records` is how many distinct ones the listing held."""

    records: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    duplicates: int = 0
    live: int = 0
    #: Rows that the listing lacked and that stay alive, since it showed other records twice: its pages moved (H15).
    kept: int = 0
    #: Of the deleted, those that a listing lacked; the others went with their parent.
    absent: int = 0
    #: Distinct records of the listing that do not pass `where`.
    filtered: int = 0
    #: Of the deleted, the rows of those.
    left: int = 0
    #: Columns whose field no record has any more, although many rows had a value; they keep it (I14).
    vanished: tuple[str, ...] = ()
    #: Columns that were sent empty, as to a token without rights, and keep what they held (H20).
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """One listing to publish. `state` are the columns of object_state that it advances."""

    run_id: str
    extent: Extent
    began: datetime
    allow_deletes: bool = False
    #: Whose records were all read anew: what of them was in quarantine before `began` is mended, gone, or here again.
    relisted: Extent = "whole"
    #: The API says that it may show a record twice, so that twice says nothing about absences.
    repeats: bool = False
    #: See Counts.
    kept: int = 0
    #: That these rows are gone was confirmed (I4): by a get that answers 404, or by a second complete listing.
    confirmed: bool = False
    #: Columns whose field no record of the whole listing had.
    unmet: frozenset[str] = frozenset()
    #: Tombstones leave no row behind.
    hard: bool = False
    #: Each version of a row stays, with the time in which it held.
    history: bool = False
    #: Runs in the transaction before the rows are merged: keeps which listings there are.
    settle: Callable[[Connection], None] | None = None
    #: Columns of object_state.
    state: dict[str, Any] = field(default_factory=dict)
    #: Runs inside the transaction, with the counts: the ledger's row commits with the data. More columns of the state.
    also: Callable[[Connection, Counts], dict[str, Any]] | None = None


def publish(stage: Stage, publication: Publication) -> Counts:
    """Publishes and drops the stage. Raises Unconfirmed, MassDeletion, RunLocked or TargetError, nothing changed."""
    with stage.target.explained():
        filled = _readied_before(stage)
        try:
            counts = _attempt(stage, publication, filled=filled, distinct=False)
        except IntegrityError:
            # A record came on two pages, or the table has a rule of its user's, which the second try meets again.
            counts = _publish_distinct(stage, publication, filled=filled)
        except _Moved as moved:
            counts = _without_deletes(stage, publication, moved)
    return counts


class Unconfirmed(Exception):
    """Rows are absent from a complete listing; nothing was changed. Confirm that they are gone, and publish again."""

    def __init__(self, vanished: int) -> None:
        super().__init__(vanished)
        self.vanished = vanished


class _Moved(Exception):
    """Records are missing from a listing that shows others twice: its pages moved, absence proves nothing (H15)."""

    def __init__(self, vanished: int) -> None:
        super().__init__(vanished)
        self.vanished = vanished


def _publish_distinct(stage: Stage, publication: Publication, *, filled: bool | None) -> Counts:
    try:
        return _attempt(stage, publication, filled=filled, distinct=True)
    except _Moved as moved:
        return _without_deletes(stage, publication, moved)


def _without_deletes(stage: Stage, publication: Publication, moved: _Moved) -> Counts:
    allowed = replace(publication, extent="none", kept=moved.vanished)
    return _attempt(stage, allowed, filled=True, distinct=True)


def _attempt(stage: Stage, publication: Publication, *, filled: bool | None, distinct: bool) -> Counts:
    return stage.target.attempt(lambda: _publish(stage, publication, filled=filled, distinct=distinct))


def _readied_before(stage: Stage) -> bool | None:
    """Where DDL commits, what `_readied` does cannot be part of the transaction; elsewhere None, and it is."""
    if not stage.target.dialect.ddl_commits:
        return None
    with stage.lease.guarding(stage.target) as connection:
        return _readied(stage, connection)


def _readied(stage: Stage, connection: Connection) -> bool:
    """Whether there is anything to compare with; the stage is made ready for it if so."""
    table = object_table(stage.target, stage.layout)
    base = Base.of(stage.target, stage.layout, table)
    filled = connection.execute(select(literal(1)).select_from(table).limit(1)).first() is not None
    # Of a table that somebody emptied the bases are left: each of them is a wish to delete.
    filled = filled or (base is not None and base.is_filled(connection))
    if filled:
        stage.target.dialect.make_joinable(connection, stage.table, stage.layout.primary_key)
    return filled


def _publish(stage: Stage, publication: Publication, *, filled: bool | None, distinct: bool) -> Counts:
    target, name = stage.target, stage.layout.object.name
    table = object_table(target, stage.layout)
    with target.transaction() as connection:
        stage.lease.check(connection)
        filled = _readied(stage, connection) if filled is None else filled
        staged = int(connection.execute(select(func.count()).select_from(stage.table)).scalar_one())
        promised = stage.state.staged(connection, name)
        if publication.settle:
            publication.settle(connection)
        merge = _Merge(connection, stage, table, publication, target.dialect.now(connection), distinct)
        counts = merge.perform(staged, filled=filled)
        _prove(name, counts, staged, promised)
        merge.agree(counts, filled=filled)
        duplicates = staged - counts.records - counts.filtered
        counts = replace(counts, duplicates=duplicates, kept=publication.kept)
        if counts.absent and counts.duplicates and not publication.repeats:
            raise _Moved(counts.absent)
        _guard(name, counts, publication, merge)
        if counts.absent and not publication.confirmed:
            raise Unconfirmed(counts.absent)
        if publication.history:
            history.keep(connection, stage, publication.run_id, counts, merge.now)
        if counts.deleted and publication.hard:
            merge.remove()
        if filled:
            merge.remove_unwanted()
        if publication.relisted != "none":
            listed = _finished(stage) if publication.relisted == "partitions" else None
            stage.quarantine.clear(connection, name, publication.began, listed)
        stage.state.forget(connection, name)
        ours = {"records": counts.live, "listing_began_at": None, "run_id": publication.run_id}
        ours["epoch"] = stage.lease.epoch
        also = publication.also(connection, counts) if publication.also else {}
        stage.state.write(connection, name, **publication.state, **ours, **also)
        if not target.dialect.ddl_commits:
            stage.remove(connection)
    if target.dialect.ddl_commits:
        stage.drop()
    return counts


def _prove(name: str, counts: Counts, staged: int, promised: int) -> None:
    """I5: the rows read are the rows accounted for, or the transaction is undone."""
    if promised != staged:
        raise TargetError(
            f"{name}: the stage holds {staged} rows where {promised} were read; nothing was changed. Run again."
        )
    if counts.records > staged or min(counts.inserted, counts.updated, counts.unchanged) < 0:
        raise TargetError(
            f"{name}: {staged} rows were staged, but {counts} were published; nothing was changed. Run again."
        )


def _finished(stage: Stage) -> Select[tuple[str]]:
    """The partitions whose listing came to its end."""
    books = stage.state.books.checkpoints
    mine = (books.c.scope == stage.state.scope, books.c.object == stage.layout.object.name)
    return select(books.c.partition).where(*mine, books.c.done.is_(True))


@dataclass(frozen=True)
class _Merge:
    connection: Connection
    stage: Stage
    table: Table
    publication: Publication
    now: datetime
    #: Staged rows of one key count as one; any of them was true while the listing ran (I2).
    distinct: bool

    @cached_property
    def base(self) -> Base | None:
        """What people may have edited is left alone where it differs from this."""
        return Base.of(self.stage.target, self.stage.layout, self.table)

    def perform(self, staged: int, *, filled: bool) -> Counts:
        if filled and (counts := self._as_before(staged)):
            return counts
        passed, filtered = self._filtered(staged)
        # Before the others: a record that came twice and passed once is alive.
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
        return Counts(
            records,
            inserted,
            updated,
            unchanged,
            deleted,
            live=live,
            absent=absent,
            filtered=filtered,
            left=left,
            vanished=self.vanished if filled else (),
            withheld=withheld,
        )

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
        finished = self.stage.table.c._partition.in_(_finished(self.stage))
        staged = self._scalar(select(func.count()).select_from(self.stage.table).where(finished))
        mine = self.table.c._partition.in_(_finished(self.stage))
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
        """Of a row: its record is there, and does not pass."""
        same = self._staged_key == self._key
        return (
            select(literal(1)).select_from(self.stage.table).where(same, ~self._passes).correlate(self.table).exists()
        )

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
        other = [table.c._fingerprint != source.c._fingerprint, table.c._deleted_at.is_not(None)]
        if "_partition" in source.c:
            other.append(table.c._partition != source.c._partition)
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
            gone.append(self.table.c._partition.in_(_finished(self.stage)))
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
            finished = base.base.c._partition.in_(_finished(self.stage))
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


def absentees(stage: Stage, publication: Publication) -> list[dict[str, Any]]:
    """The live rows that their listing lacks, with the columns that identify them."""
    table = object_table(stage.target, stage.layout)
    detail = stage.layout.object.detail
    names = {stage.layout.primary_key, *(detail.params.values() if detail else ())}
    names |= {"_partition"} if "_partition" in table.c else set()
    with stage.target.reading() as connection:
        merge = _Merge(connection, stage, table, publication, publication.began, distinct=False)
        query = select(*(table.c[name] for name in sorted(names)))
        alive = [table.c._deleted_at.is_(None), *([merge.base.follows] if merge.base else [])]
        rows = connection.execute(query.where(*alive, *merge.absence()))
        return [dict(row) for row in rows.mappings()]


def _guard(name: str, counts: Counts, publication: Publication, merge: _Merge) -> None:
    """After the fact, which spares a join: the transaction is undone."""
    lived = counts.live - counts.inserted + counts.deleted
    if publication.allow_deletes or counts.deleted <= max(GUARD_ROWS, lived * GUARD_SHARE):
        return
    what = "are no longer in Segment"
    if counts.left:
        what = f"would go, of which {counts.left} no longer pass `where`"
    raise MassDeletion(
        f"{name}: {counts.deleted} of {lived} rows {what}, more than the guard lets vanish at once;"
        f" nothing was changed. If that is right, run again with --allow-deletes {name}.",
        merge.buried(SHOWN),
    )
