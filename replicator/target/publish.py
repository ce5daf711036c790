"""From the stage to the table, in one transaction: inserts, updates where the fingerprint differs, tombstones, state.

Readers see the old rows or the new ones. Nothing is deleted but by a listing that was proved complete (I4), and never
more than the guard allows; the counts are checked against the stage before the commit (I5).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal, select
from sqlalchemy.exc import IntegrityError

from replicator.errors import MassDeletion, TargetError
from replicator.target import history
from replicator.target.base import Base
from replicator.target.merging import Merge, completed
from replicator.target.publication import GUARD_ROWS, GUARD_SHARE
from replicator.target.schema import object_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.target.publication import Counts, Publication
    from replicator.target.stage import Stage

#: So many of the rows that would go are named.
SHOWN = 20


def publish(stage: Stage, publication: Publication) -> Counts:
    """Publishes and drops the stage. Raises Unconfirmed, MassDeletion, RunLocked or TargetError, nothing changed."""
    with stage.target.explained():
        filled = _readied_before(stage)
        try:
            counts = _attempt(stage, publication, filled=filled, distinct=False)
        except (IntegrityError, _Repeated):
            # A record came on two pages, or the table has a rule of its user's, which the second try meets again.
            counts = _publish_distinct(stage, publication, filled=filled)
        except _Moved as moved:
            counts = _without_deletes(stage, publication, moved)
    return counts


class Unconfirmed(Exception):
    """Rows are absent from a complete listing; nothing was changed. Confirm that they are gone, and publish again."""


class _Moved(Exception):
    """Records are missing from a listing that shows others twice: its pages moved, absence proves nothing (H15)."""

    def __init__(self, vanished: int) -> None:
        super().__init__(vanished)
        self.vanished = vanished


class _Repeated(Exception):
    """Rows took what the listing shows of them, and it shows some twice: which of two was taken is chance."""


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
    with stage.target.explained(), stage.lease.guarding(stage.target) as connection:
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
        merge = Merge(connection, stage, table, publication, target.dialect.now(connection), distinct)
        counts = merge.perform(staged, filled=filled)
        _prove(name, counts, staged, promised)
        merge.agree(counts, filled=filled)
        duplicates = staged - counts.records - counts.filtered
        counts = replace(counts, duplicates=duplicates, kept=publication.kept)
        _look_twice(counts, publication, distinct=distinct)
        _guard(name, counts, publication, merge)
        if counts.absent and not publication.confirmed:
            raise Unconfirmed
        if publication.history:
            history.keep(connection, stage, publication.run_id, counts, merge.now)
        if counts.deleted and publication.hard:
            merge.remove()
        if filled:
            merge.remove_unwanted()
        if publication.relisted != "none":
            listed = completed(stage) if publication.relisted == "partitions" else None
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


def _look_twice(counts: Counts, publication: Publication, *, distinct: bool) -> None:
    """Raises where records came twice, and what was published of them may not stand."""
    if counts.absent and counts.duplicates and not publication.repeats:
        raise _Moved(counts.absent)
    if counts.updated and counts.duplicates and not distinct:
        raise _Repeated


def absentees(stage: Stage, publication: Publication) -> list[dict[str, Any]]:
    """The live rows that their listing lacks, with the columns that identify them."""
    table = object_table(stage.target, stage.layout)
    detail = stage.layout.object.detail
    names = {stage.layout.primary_key, *(detail.params.values() if detail else ())}
    names |= {"_partition"} if "_partition" in table.c else set()
    with stage.target.reading() as connection:
        merge = Merge(connection, stage, table, publication, publication.began, distinct=False)
        query = select(*(table.c[name] for name in sorted(names)))
        alive = [table.c._deleted_at.is_(None), *([merge.base.follows] if merge.base else [])]
        rows = connection.execute(query.where(*alive, *merge.absence()))
        return [dict(row) for row in rows.mappings()]


def _guard(name: str, counts: Counts, publication: Publication, merge: Merge) -> None:
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
