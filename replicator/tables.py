"""Tables brought up to what is stored: under the lock of a run, and each object's changes apart from the others'."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from replicator.errors import ReplicatorError, TargetError
from replicator.target import drift, evolve, names
from replicator.target.alterations import Altered, CreateTable, SchemaChange

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.ledger import Ledger
    from replicator.options import Options
    from replicator.rows import Layout
    from replicator.target.database import Target
    from replicator.target.lease import Lease

Record = Callable[["Connection", Sequence[SchemaChange]], None]


def fitted(
    target: Target, ledger: Ledger, held: Lease, options: Options, wanted: Mapping[str, Layout]
) -> Mapping[str, Layout | ReplicatorError]:
    """Brings the tables up to the layouts, as far as the policy allows; one that cannot be helped gets its error."""
    with target.reading() as connection:
        changes = evolve.plan(target, connection, wanted.values(), options.history)
    fitting: dict[str, Layout | ReplicatorError] = {}
    for name, layout in wanted.items():
        try:
            fitting[name] = evolve.fit(layout, changes, options.policy)
        except ReplicatorError as error:
            fitting[name] = error

    def record(connection: Connection, some: Sequence[SchemaChange]) -> None:
        drift.record(target, connection, ledger.books, ledger.run_id, some)

    if options.policy == "evolve":
        todo = [change for change in changes if not isinstance(change, Altered)]
        fitting |= changed(target, held, todo, record)
    altered = [change for change in changes if isinstance(change, Altered)]
    if altered:
        with target.begin() as connection:
            for change in altered:
                drift.note(target, connection, ledger.books, ledger.run_id, change.object, [str(change)])
    names.keep(target, [each for each in fitting.values() if not isinstance(each, ReplicatorError)])
    return fitting


def changed(
    target: Target, held: Lease, changes: Sequence[SchemaChange], record: Record
) -> Mapping[str, ReplicatorError]:
    """Performs and records them; by object, why one failed. Raises what stops everything.

    New tables are made at once, an object's changes of old ones by themselves: whoever reads its table, or has made a
    view of it, holds up that object alone.
    """
    new = [each for each in changes if isinstance(each, CreateTable)]
    old = sorted((each for each in changes if not isinstance(each, CreateTable)), key=lambda each: each.object)
    failed: dict[str, ReplicatorError] = {}
    for some in ([new] if new else []) + [list(each) for _, each in groupby(old, lambda each: each.object)]:
        failed |= _performed(target, held, [each for each in some if each.object not in failed], record)
    return failed


def _performed(
    target: Target, held: Lease, changes: Sequence[SchemaChange], record: Record
) -> Mapping[str, ReplicatorError]:
    objects = dict.fromkeys(each.object for each in changes)
    try:
        if changes:
            _perform(target, held, changes, record)
    except TargetError as error:
        if error.stops_everything:
            raise
        if len(objects) == 1:
            return {name: _named(error, changes) for name in objects}
        failed: dict[str, ReplicatorError] = {}
        for name in objects:
            failed |= _performed(target, held, [each for each in changes if each.object == name], record)
        return failed
    return {}


def _perform(target: Target, held: Lease, changes: Sequence[SchemaChange], record: Record) -> None:
    dialect = target.dialect
    if dialect.ddl_commits:
        # Before, so that a change that was made is known whatever comes in between.
        with target.begin() as connection:
            record(connection, changes)

    def perform() -> None:
        with held.guarding(target) as connection, dialect.hurrying(connection):
            evolve.apply(target, connection, changes)
            if not dialect.ddl_commits:
                record(connection, changes)

    try:
        target.attempt(perform, also=dialect.is_locked)
    except DBAPIError as error:
        if not dialect.is_locked(error):
            with target.explained():
                raise
        raise TargetError(
            f"Cannot change {target.where}: somebody reads or locks the table all the time, and who waits for it holds"
            " up all others: end that session, or wait for it, then run again."
        ) from error


def _named(error: TargetError, changes: Sequence[SchemaChange]) -> TargetError:
    what = ", ".join(str(each) for each in changes)
    return TargetError(f"The tables cannot be changed ({what}): {error}")
