"""What a run would ask of the API, before it runs: requests by object, and how long the rate limits make them take."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from replicator.catalog import with_parents
from replicator.catalog.model import Object, Paging, Window
from replicator.errors import SegmentError
from replicator.run import Options, layouts, refuse_without_period
from replicator.segment.pages import pages
from replicator.target import evolve, migrate
from replicator.target.bookkeeping import bookkeeping
from replicator.target.state import State

if TYPE_CHECKING:
    from replicator.segment.client import Client
    from replicator.target.database import Target

#: Requests a minute where the contract states no limit: the default is above this (resources.md, Rate limits).
UNSTATED = 600


@dataclass(frozen=True, slots=True)
class ObjectBill:
    """One object's part. `requests` are at least so many where `exact` is False; `error` says what cannot be read."""

    object: str
    records: int | None
    partitions: int | None
    requests: int
    exact: bool
    #: Where the count is from: the last listing, the API's own count, or nothing.
    source: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """The whole. `asked` requests were spent on counting; `changes` and `ddl` are what the schema would need."""

    objects: tuple[ObjectBill, ...]
    requests: int
    exact: bool
    seconds: float
    asked: int
    changes: tuple[str, ...]
    ddl: str


def bill(target: Target | None, client: Client, options: Options) -> Bill:
    """Writes nothing. `target` is None where the database is still to be made."""
    refuse_without_period(options)
    objects = with_parents(options.objects)
    known = _known(target)
    before = client.requests
    counted: dict[str, ObjectBill] = {}
    for thing in objects:
        counted[thing.name] = _one(thing, client, options, known, counted)
    changes, ddl = _schema(target, options, objects)
    # The workspace is checked once in each run.
    requests = 1 + sum(each.requests for each in counted.values())
    exact = all(each.exact for each in counted.values())
    seconds = _seconds(objects, counted, options)
    return Bill(tuple(counted.values()), requests, exact, seconds, client.requests - before, changes, ddl)


def _known(target: Target | None) -> Mapping[str, int]:
    """Live rows by object, as of the last listing that published."""
    if target is None:
        return {}
    with target.reading() as connection:
        if migrate.revision(connection, target.dialect) is None:
            return {}
        states = State(bookkeeping(target.dialect), target.place.scope).every(connection)
    return {name: state.records for name, state in states.items() if state.records is not None}


def _one(
    thing: Object, client: Client, options: Options, known: Mapping[str, int], counted: Mapping[str, ObjectBill]
) -> ObjectBill:
    partitions, exact = _partitions(thing, options, counted)
    if thing.name in known and not (thing.window and thing.window is not Window.EVENTS):
        return _billed(thing, options, known[thing.name], partitions, "last listing", exact=exact)
    if thing.parents or thing.each or thing.window in {Window.PERIOD, Window.VOLUME}:
        return _billed(thing, options, None, partitions, "partitions alone", exact=False)
    try:
        total = _ask(thing, client)
    except SegmentError as error:
        if error.stops_everything:
            raise
        return ObjectBill(thing.name, None, 1, 1, exact=False, source="nothing", error=str(error))
    return _billed(
        thing, options, total, 1, "the API's count" if total is not None else "nothing", exact=total is not None
    )


def _ask(thing: Object, client: Client) -> int | None:
    """One request: the API's count, or all there is where nothing is paged."""
    paged = thing.listing.paging is not Paging.NONE
    listing = replace(thing.listing, page_size=1) if paged else thing.listing
    page = next(pages(client, listing, {}, stability=thing.stability))
    return page.total if paged and (page.next or page.total is not None) else len(page.records)


def _partitions(thing: Object, options: Options, counted: Mapping[str, ObjectBill]) -> tuple[int | None, bool]:
    """How many listings there are: a parent whose rows are not known yet makes that unknown."""
    factor = math.prod(len(values) for values in thing.each.values())
    factor *= len(options.periods) if thing.window is Window.PERIOD else 1
    if not thing.parents:
        return factor, True
    rows = [counted[parent.object].records for parent in thing.parents]
    if None in rows:
        return None, False
    sure = all(counted[parent.object].exact and not parent.where for parent in thing.parents)
    return factor * sum(each or 0 for each in rows), sure


def _billed(
    thing: Object, options: Options, records: int | None, partitions: int | None, source: str, *, exact: bool
) -> ObjectBill:
    listings = partitions if partitions is not None else 1
    pages_ = listings
    if records is not None:
        per_page = math.ceil(records / thing.listing.page_size) if not thing.explode else 1
        pages_ = max(listings, per_page)
        # A listing of several partitions may need more pages than the sum would fill.
        exact = exact and (listings == 1 or records <= thing.listing.page_size)
    details = thing.detail is not None and options.extended != "off"
    gets = (records or 0) if details else 0
    return ObjectBill(thing.name, records, partitions, pages_ + gets, exact and partitions is not None, source)


def _seconds(objects: Sequence[Object], counted: Mapping[str, ObjectBill], options: Options) -> float:
    """Each stated limit runs beside the others; a limit's first window begins full."""
    load: dict[tuple[str, int], int] = defaultdict(int)
    for thing in objects:
        requests = counted[thing.name].requests
        gets = (counted[thing.name].records or 0) if thing.detail is not None and options.extended != "off" else 0
        load[_limit(thing.listing.operation, thing.listing.rate)] += requests - gets
        if thing.detail:
            load[_limit(thing.detail.operation, thing.detail.rate)] += gets
    return max((60.0 * ((requests - 1) // rate) for (_, rate), requests in load.items() if requests), default=0.0)


def _limit(operation: str, rate: int | None) -> tuple[str, int]:
    return (operation, rate) if rate else ("", UNSTATED)


def _schema(target: Target | None, options: Options, objects: Sequence[Object]) -> tuple[tuple[str, ...], str]:
    wanted = layouts(objects, options)
    if target is None:
        return tuple(f"create table {thing.table}" for thing in objects), ""
    with target.reading() as connection:
        changes = evolve.plan(target, connection, wanted.values())
    todo = [change for change in changes if not isinstance(change, evolve.Altered)]
    return tuple(str(change) for change in changes), evolve.statements(target, todo)
