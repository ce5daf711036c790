"""What a person asks of the state itself: to see it, to set a bookmark, to forget an object. Under a run's lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, inspect, select

from replicator.catalog import by_name
from replicator.catalog.model import Object, Window
from replicator.convert import time_text
from replicator.errors import UsageError
from replicator.rows import Layout
from replicator.run import holding
from replicator.target.bookkeeping import Bookkeeping, bookkeeping
from replicator.target.known import Known
from replicator.target.schema import object_table
from replicator.target.state import State

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.target.database import Target

#: The audit trail reaches back so far (resources.md, "Reads that bite"); an older bookmark would ask for what is gone.
REACH = timedelta(days=90)
_SHOWN = (*("status", "records", "ids", "bookmark", "listed_at", "listing_began_at", "run_id", "epoch", "message"),)


def shown(target: Target, names: Sequence[str] = ()) -> dict[str, Any]:
    """The lock, and what is kept of each object; of all that have state, if none is named."""
    books, scope = bookkeeping(target.dialect), target.place.scope
    leases = books.leases
    with target.reading() as connection:
        states = State(books, scope).every(connection)
        held = connection.execute(select(leases).where(leases.c.name == (scope or "default"))).mappings().first()
        objects = [
            {
                "object": name,
                **{each: getattr(states[name], each) for each in _SHOWN},
                **_known(target, connection, books, name),
            }
            for name in sorted(states)
            if not names or name in names
        ]
    lock = {name: held[name] if held else None for name in ("epoch", "run_id", "holder")}
    return {"lock": lock, "objects": objects}


def _known(target: Target, connection: Connection, books: Bookkeeping, name: str) -> dict[str, Any]:
    """Listings that are known to be finished, the position of the refetch of details, and unfinished listings."""
    known, state = Known(books, target.place.scope), State(books, target.place.scope)
    listings = known.listings(connection, name)
    checkpoints = state.checkpoints(connection, name).values()
    found: dict[str, Any] = {
        "listings": len(listings),
        "oldest_listing": min((each.listed_at for each in listings.values() if each.listed_at), default=None),
        "details": 0,
        "oldest_detail": None,
        "checkpoints": len(checkpoints),
        "staged": sum(each.staged for each in checkpoints),
    }
    if name in by_name and by_name[name].detail:
        table = object_table(target, Layout(by_name[name], by_name[name].columns))
        if inspect(connection).has_table(table.name, schema=table.schema):
            details = known.details(connection, name, table).values()
            found |= {"details": len(details), "oldest_detail": min((each.read_at for each in details), default=None)}
    return found


def set_bookmark(target: Target, thing: Object, value: str) -> str:
    """Makes the next run read from that time on; returns it as it is kept. Raises UsageError for what cannot be set."""
    if thing.window is not Window.EVENTS:
        raise UsageError(
            f"{thing.name} has no bookmark: it is listed completely. `replicator refresh {thing.name}` reads it anew."
        )
    books = bookkeeping(target.dialect)
    with _alone(target) as connection:
        moment = _moment(value, target.dialect.now(connection))
        state = State(books, target.place.scope)
        if state.read(connection, thing.name).listed_at is None:
            raise UsageError(f"{thing.name} was not replicated yet, so it has no bookmark to set.")
        state.forget(connection, thing.name)
        state.write(connection, thing.name, bookmark=moment, listing_began_at=None)
    return moment


def _moment(value: str, now: datetime) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise UsageError(f"bookmark={value} is no time: give one as in bookmark=2026-10-31T12:00:00Z.") from None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    if not now - REACH <= moment <= now:
        raise UsageError(
            f"bookmark={value} is {'in the future' if moment > now else f'more than {REACH.days} days ago'}:"
            f" give a time from {now - REACH:%Y-%m-%d} until now."
        )
    return time_text(moment)


def reset(target: Target, things: Sequence[Object]) -> list[str]:
    """Forgets what is known of those objects, so that their next run is complete; rows stay. Returns their names."""
    books, scope = bookkeeping(target.dialect), target.place.scope
    with _alone(target) as connection:
        states = State(books, scope).every(connection)
        names = [thing.name for thing in things if thing.name in states]
        for name in names:
            Known(books, scope).forget(connection, name)
            for table in (books.checkpoints, books.object_state):
                connection.execute(delete(table).where(table.c.scope == scope, table.c.object == name))
    return names


@contextmanager
def _alone(target: Target) -> Iterator[Connection]:
    """A transaction in which no run is going on; one that begins meanwhile waits for it, or it fails."""
    with holding(target, "state") as (ledger, held):
        try:
            with target.begin() as connection:
                held.check(connection)
                yield connection
        finally:
            ledger.withdraw()
