"""Which months of usage a run reads where nobody said which: the current one, and those before until they are final."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from sqlalchemy import inspect, select

from replicator.catalog.model import Window
from replicator.options import layouts, refuse_without_period
from replicator.target import migrate
from replicator.target.bookkeeping import bookkeeping
from replicator.target.schema import object_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.catalog.model import Object
    from replicator.options import Options
    from replicator.target.database import Target

#: Figures are restated (resources.md, "Reads that bite"), for how long is stated nowhere: a month is taken for final
#: when it was listed this long after its end, and `--period` reads it again at any time.
FINAL_AFTER = timedelta(days=3)


def settled(target: Target, options: Options, *, all_known: bool = False) -> Options:
    """The options with the months of each usage object; of all months that it has rows of, if `all_known`.

    Reads alone. Raises UsageError for objects of which no month was ever read; a job begins with those that are not
    final (product.md, "Objects").
    """
    usage = [thing for thing in options.objects if thing.window is Window.PERIOD]
    wanting = [thing for thing in usage if thing.name not in options.months]
    if wanting and not options.periods:
        with target.reading() as connection:
            now, found = target.dialect.now(connection), dict[str, tuple[str, ...]]()
            if migrate.revision(connection, target.dialect) is not None:
                found = {
                    each.name: _months(target, connection, options, each, now=now, all_known=all_known)
                    for each in wanting
                }
        first = months_due({}, now) if options.job else ()
        months = {each.name: months for each in wanting if (months := found.get(each.name) or first)}
        options = replace(options, months={**options.months, **months})
    refuse_without_period(options)
    return options


def months_due(listed: Mapping[str, datetime], now: datetime) -> tuple[str, ...]:
    """First days of the months to read, given when each was listed last.

    They reach back to the first that was listed before it was final: a job that stood still leaves no month out.
    """
    current = _first(now)
    open_ = [month for month in listed if not _is_final(month, listed)]
    begin = min([*open_, _first(current - timedelta(days=1)).date().isoformat()])
    return tuple(month for month in _from_to(begin, current) if not _is_final(month, listed))


def _is_final(month: str, listed: Mapping[str, datetime]) -> bool:
    return month in listed and listed[month] >= _next(datetime.fromisoformat(month).replace(tzinfo=UTC)) + FINAL_AFTER


def _first(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next(month: datetime) -> datetime:
    return _first(month + timedelta(days=31))


def _from_to(first: str, last: datetime) -> Iterator[str]:
    month = datetime.fromisoformat(first).replace(tzinfo=UTC)
    while month <= last:
        yield month.date().isoformat()
        month = _next(month)


def _months(
    target: Target, connection: Connection, options: Options, thing: Object, *, now: datetime, all_known: bool
) -> tuple[str, ...]:
    listed = _listed(target, connection, thing)
    rows = _of_rows(target, connection, options, thing) if all_known or not listed else set[str]()
    if not (listed or rows):
        return ()
    return tuple(sorted({*listed, *rows})) if all_known else months_due(listed, now)


def _listed(target: Target, connection: Connection, thing: Object) -> dict[str, datetime]:
    """When each month was listed last; a month that could not be read to its end is none."""
    table = bookkeeping(target.dialect).listings
    if not inspect(connection).has_table(table.name, schema=table.schema):
        return {}
    query = select(table.c.partition, table.c.listed_at).where(
        table.c.scope == target.place.scope, table.c.object == thing.name, table.c.listed_at.is_not(None)
    )
    return {dict(parse_qsl(row.partition))["period"]: row.listed_at for row in connection.execute(query)}


def _of_rows(target: Target, connection: Connection, options: Options, thing: Object) -> set[str]:
    """The months that the object's own table has rows of: known even where the state was reset."""
    table = object_table(target, layouts([thing], options)[thing.name])
    if not inspect(connection).has_table(table.name, schema=table.schema):
        return set()
    return set(connection.execute(select(table.c.period).distinct()).scalars())
