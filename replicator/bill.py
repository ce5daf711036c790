"""What a run would ask of the API, before it runs: requests by object, and how long the rate limits make them take."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from replicator import periods
from replicator.catalog import with_parents
from replicator.catalog.model import Object, Paging, Window
from replicator.errors import SegmentError
from replicator.options import reads_details, refuse_without_period
from replicator.remembered import Remembered
from replicator.run import Options, layouts
from replicator.segment.pages import pages
from replicator.target import evolve
from replicator.target.alterations import Altered

if TYPE_CHECKING:
    from replicator.segment.client import Client
    from replicator.target.database import Target

#: Requests a minute where the contract states no limit: the default is above this (resources.md, Rate limits).
UNSTATED = 600


@dataclass(frozen=True, slots=True)
class ObjectBill:
    """One object's part. `requests` are at least so many where `exact` is False; `error` says what cannot be read.

    `partitions` would be read, of which the `skipped` are none: nothing known so far says that they moved. `gets` of
    the requests are for details.
    """

    object: str
    records: int | None
    partitions: int | None
    requests: int
    exact: bool
    #: Where the count is from: the last listing, the API's own count, or nothing.
    source: str
    error: str | None = None
    skipped: int = 0
    gets: int = 0


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
    if target is None:
        refuse_without_period(options)
    else:
        options = periods.settled(target, options)
    objects = with_parents(options.objects)
    known = Remembered.read(target, objects, options)
    before = client.requests
    counted: dict[str, ObjectBill] = {}
    for thing in objects:
        counted[thing.name] = _one(thing, client, options, known, counted)
    changes, ddl = _schema(target, options, objects)
    # The workspace is checked once in each run.
    requests = 1 + sum(each.requests for each in counted.values())
    exact = all(each.exact for each in counted.values())
    seconds = _seconds(objects, counted)
    return Bill(tuple(counted.values()), requests, exact, seconds, client.requests - before, changes, ddl)


def _one(
    thing: Object, client: Client, options: Options, known: Remembered, counted: Mapping[str, ObjectBill]
) -> ObjectBill:
    if thing.name in known.listings:
        return _incremental(thing, options, known)
    partitions, exact = _partitions(thing, options, counted)
    # Of what `where` leaves out only the listing knows how much there is.
    sure = exact and not options.of(thing).where
    if thing.name in known.records and not (thing.window and thing.window is not Window.EVENTS):
        return _billed(thing, options, known.records[thing.name], partitions, "last listing", exact=sure)
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


def _incremental(thing: Object, options: Options, known: Remembered) -> ObjectBill:
    """Of an object whose listings are known one by one: those that are due, and the details that are."""
    listings = known.listings[thing.name]
    due = [each for each in listings if each.due]
    records = known.records[thing.name]
    pages_ = sum(max(1, math.ceil(each.records / thing.listing.page_size)) for each in due)
    gets = max(0, records - known.fresh.get(thing.name, 0)) if reads_details(thing, options) and due else 0
    return ObjectBill(
        thing.name,
        records,
        len(due),
        pages_ + gets,
        # What moved meanwhile comes on top.
        exact=not (thing.parents or known.fresh.get(thing.name)),
        source="last listing",
        skipped=len(listings) - len(due),
        gets=gets,
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
    factor *= len(options.periods_of(thing)) if thing.window is Window.PERIOD else 1
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
    gets = (records or 0) if reads_details(thing, options) else 0
    sure = exact and partitions is not None
    return ObjectBill(thing.name, records, partitions, pages_ + gets, sure, source, gets=gets)


def _seconds(objects: Sequence[Object], counted: Mapping[str, ObjectBill]) -> float:
    """Each stated limit runs beside the others; a limit's first window begins full."""
    load: dict[tuple[str, int], int] = defaultdict(int)
    for thing in objects:
        requests, gets = counted[thing.name].requests, counted[thing.name].gets
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
        changes = evolve.plan(target, connection, wanted.values(), options.history)
    todo = [change for change in changes if not isinstance(change, Altered)]
    return tuple(str(change) for change in changes), evolve.statements(target, todo)
