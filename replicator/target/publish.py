"""From the stage to the table, in one transaction: inserts, updates where the fingerprint differs, tombstones, state.

Readers see the old rows or the new ones. Nothing is deleted but by a listing that was proved complete (I4), and never
more than the guard allows; the counts are checked against the stage before the commit (I5).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Text, and_, cast, delete, func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.expression import case

from replicator.errors import MassDeletion, TargetError
from replicator.target.schema import object_table

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select, Table

    from replicator.target.stage import Stage

#: A listing may make this many rows vanish, or this share of them, whichever is more (product.md, Deletes).
GUARD_ROWS, GUARD_SHARE = 10, 0.2

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
    state: dict[str, Any] = field(default_factory=dict)
    #: Runs inside the transaction, with the counts: the ledger's row commits with the data.
    also: Any = None


def publish(stage: Stage, publication: Publication) -> Counts:
    """Publishes and drops the stage. Raises MassDeletion, RunLocked or TargetError with nothing changed."""
    filled = _is_filled(stage)
    try:
        counts = _publish(stage, publication, filled=filled)
    except IntegrityError:
        # A record came on two pages.
        with stage.target.explained():
            lost = _deduplicate(stage)
            counts = _publish(stage, publication, filled=filled, lost=lost)
    stage.drop()
    return counts


def _is_filled(stage: Stage) -> bool:
    """Whether there is anything to compare with; the stage is made ready for it if so."""
    table = object_table(stage.target, stage.layout)
    with stage.target.reading() as connection:
        filled = connection.execute(select(literal(1)).select_from(table).limit(1)).first() is not None
    if filled:
        with stage.target.begin() as connection:
            stage.target.dialect.make_joinable(connection, stage.table, stage.layout.primary_key)
    return filled


def _publish(stage: Stage, publication: Publication, *, filled: bool, lost: int = 0) -> Counts:
    target, name = stage.target, stage.layout.object.name
    table = object_table(target, stage.layout)
    with target.transaction() as connection:
        stage.lease.check(connection)
        staged = int(connection.execute(select(func.count()).select_from(stage.table)).scalar_one())
        promised = stage.state.staged(connection, name)
        merge = _Merge(connection, stage, table, publication, target.dialect.now(connection), staged, lost)
        counts = merge.perform(filled=filled)
        _prove(name, counts, staged, promised - lost)
        counts = replace(counts, duplicates=promised - counts.records)
        if publication.relisted != "none":
            partitions = None if publication.relisted == "whole" else _finished(stage)
            stage.quarantine.clear(connection, name, publication.began, partitions)
        stage.state.forget(connection, name)
        stage.state.write(connection, name, **publication.state, records=counts.live, listing_began_at=None, run_id=publication.run_id)
        if publication.also:
            publication.also(connection, counts)
    return counts


def _prove(name: str, counts: Counts, staged: int, promised: int) -> None:
    """I5: the rows seen are the rows accounted for, or the transaction is undone."""
    if counts.records != counts.inserted + counts.updated + counts.unchanged or counts.records > staged or min(counts.inserted, counts.updated, counts.unchanged) < 0:
        raise TargetError(f"{name}: {staged} rows were staged, but {counts} were published; nothing was changed. Run again.")
    if promised != staged:
        raise TargetError(f"{name}: the stage holds {staged} rows where {promised} were read; nothing was changed. Run again.")


@dataclass(frozen=True, slots=True)
class _Merge:
    connection: Connection
    stage: Stage
    table: Table
    publication: Publication
    now: datetime
    staged: int
    lost: int

    def perform(self, *, filled: bool) -> Counts:
        updated = self._update() if filled else 0
        deleted, kept = self._bury() if filled and self.publication.extent != "none" else (0, 0)
        inserted = self._insert(filled=filled)
        live = self._live()
        records = self._records(live, kept, filled=filled, inserted=inserted)
        return Counts(records, inserted, updated, records - inserted - updated, deleted, 0, live, kept)

    def _records(self, live: int, kept: int, *, filled: bool, inserted: int) -> int:
        """How many distinct records the listing held; after a whole listing that is what is alive."""
        if not filled:
            return inserted
        return live if self.publication.extent == "whole" and not kept else self._distinct()

    def _live(self) -> int:
        return int(self._scalar(select(func.count()).select_from(self.table).where(self.table.c._deleted_at.is_(None))))

    def _distinct(self) -> int:
        return int(self._scalar(select(func.count(func.distinct(self._staged_key)))))

    def _scalar(self, query: Any) -> Any:
        return self.connection.execute(query).scalar_one()

    @property
    def _key(self) -> ColumnElement[Any]:
        return self.table.c[self.stage.layout.primary_key]

    @property
    def _staged_key(self) -> ColumnElement[Any]:
        return self.stage.table.c[self.stage.layout.primary_key]

    def _update(self) -> int:
        """Also revives: a record that returned is no longer deleted."""
        staged, key = self.stage.table, self.stage.layout.primary_key
        values = {column.name: self._value(column.name) for column in staged.columns if column.name != key}
        statement = (
            update(self.table)
            .values(values | {"_synced_at": self.now, "_run_id": self.publication.run_id, "_deleted_at": None})
            .where(self._key == self._staged_key)
            .where(or_(self.table.c._fingerprint != staged.c._fingerprint, self.table.c._deleted_at.is_not(None)))
        )
        return self.connection.execute(statement).rowcount

    def _value(self, name: str) -> Any:
        """What a token without rights sees empty never empties what a better one saw (reliability.md: H20)."""
        new, old = self.stage.table.c[name], self.table.c[name]
        withheld = {column.name for column in self.stage.layout.columns if column.withheld}
        if name not in withheld:
            return new
        return case((and_(cast(new, Text) == "[]", old.is_not(None)), old), else_=new)

    def _insert(self, *, filled: bool) -> int:
        staged = self.stage.table
        names = [column.name for column in staged.columns]
        added = [literal(self.now, self.table.c._synced_at.type), literal(self.publication.run_id)]
        query = select(*staged.columns, *added)
        if filled:
            query = query.where(~select(literal(1)).select_from(self.table).where(self._key == self._staged_key).correlate(staged).exists())
        statement = insert(self.table).from_select([*names, "_synced_at", "_run_id"], query)
        return self.connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount

    def _bury(self) -> tuple[int, int]:
        """Tombstones: the last values stay, `_deleted_at` says since when. Also how many were kept alive instead."""
        staged = self.stage.table
        gone: list[ColumnElement[bool]] = [
            self.table.c._deleted_at.is_(None),
            ~select(literal(1)).select_from(staged).where(self._key == self._staged_key).correlate(self.table).exists(),
        ]
        if self.publication.extent == "partitions":
            gone.append(self.table.c._partition.in_(_finished(self.stage)))
        vanished = int(self._scalar(select(func.count()).select_from(self.table).where(*gone)))
        if vanished and not self.publication.repeats and (self.lost or self.staged > self._distinct()):
            return 0, vanished
        self._guard(vanished)
        statement = update(self.table).values(_deleted_at=self.now, _run_id=self.publication.run_id).where(*gone)
        return (self.connection.execute(statement).rowcount if vanished else 0), 0

    def _guard(self, vanished: int) -> None:
        if self.publication.allow_deletes or vanished <= GUARD_ROWS:
            return
        live = self._live()
        if vanished > live * GUARD_SHARE:
            name = self.stage.layout.object.name
            raise MassDeletion(
                f"{name}: {vanished} of {live} rows are no longer in Segment, more than the guard lets vanish at once;"
                f" nothing was changed. If that is right, run again with --allow-deletes {name}."
            )


def _finished(stage: Stage) -> Select[tuple[str]]:
    """The partitions whose listing came to its end."""
    books, state = stage.state.books.checkpoints, stage.state
    mine = (books.c.scope == state.scope, books.c.object == stage.layout.object.name)
    return select(books.c.partition).where(*mine, books.c.done.is_(True))


def _deduplicate(stage: Stage) -> int:
    """Keeps one staged row of each key and returns how many others went. Each was true while the listing ran (I2)."""
    staged, key = stage.table, stage.layout.primary_key
    lost = 0
    with stage.target.begin() as connection:
        stage.lease.check(connection)
        twice = select(staged.c[key]).group_by(staged.c[key]).having(func.count() > 1)
        keys = list(connection.execute(twice).scalars())
        for at in range(0, len(keys), 500):
            some = keys[at : at + 500]
            rows = connection.execute(select(staged).where(staged.c[key].in_(some))).mappings().all()
            kept = {row[key]: dict(row) for row in rows}
            connection.execute(delete(staged).where(staged.c[key].in_(some)))
            connection.execute(insert(staged), list(kept.values()))
            lost += len(rows) - len(kept)
    return lost
