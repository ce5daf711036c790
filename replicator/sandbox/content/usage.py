"""Usage: a snapshot for each day of the month, cumulative, from the 1st to the end of the month or to today.

resources.md, "Reads that bite". The counts are strings in the contract.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from replicator.sandbox.moments import moment, next_month, parse_date, with_millis
from replicator.sandbox.series import Record, Series

from .sources import source_ids, sources

if TYPE_CHECKING:
    from replicator.sandbox.calls import Call
    from replicator.sandbox.world import World

_FOUNDED = date(2023, 9, 1)
_WEEKDAY_WEIGHT = 10
_WEEKEND_WEIGHT = 6


def _days(call: Call) -> tuple[date, int]:
    """The first day of the period, and how many days of it there are yet."""
    first = parse_date("period", call.query.required("period")).replace(day=1)
    today = moment(call.anchor).date()
    if not _FOUNDED <= first <= today:
        return first, 0
    return first, (min(next_month(first), today + timedelta(days=1)) - first).days


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _weight(first: date, days: int) -> int:
    """What the days up to this one weigh: people do less at weekends."""
    every = (first + timedelta(days=day) for day in range(days + 1))
    return sum(_WEEKEND_WEIGHT if day.weekday() >= 5 else _WEEKDAY_WEIGHT for day in every)


def _rate(world: World, source: int) -> int:
    return 100 + (source * 7919 + world.seed * 31) % 9901


def _total_rate(world: World) -> int:
    """Of all sources: the workspace has as many calls as its sources together."""
    return sum(_rate(world, source) for source in range(len(sources(world))))


def _calls(rate: int, first: date, day: int) -> Record:
    timestamp = with_millis(_midnight(first + timedelta(days=day)))
    return {"apiCalls": str(rate * _weight(first, day)), "timestamp": timestamp}


def _mtu(rate: int, first: date, day: int) -> Record:
    seen = rate * _weight(first, day) // 50
    return {
        "periodStart": _midnight(first),
        "periodEnd": _midnight(next_month(first)),
        "anonymous": str(seen // 2),
        "anonymousIdentified": str(seen // 5),
        "identified": str(seen // 3),
        "neverIdentified": str(seen // 7),
        "timestamp": with_millis(_midnight(first + timedelta(days=day))),
    }


def api_calls(world: World, call: Call) -> Series:
    first, days = _days(call)
    rate = _total_rate(world)
    return Series(days, lambda day: _calls(rate, first, day))


def mtu(world: World, call: Call) -> Series:
    first, days = _days(call)
    rate = _total_rate(world)
    return Series(days, lambda day: _mtu(rate, first, day))


def api_calls_by_source(world: World, call: Call) -> Series:
    first, days = _days(call)
    count = len(sources(world))

    def make(index: int) -> Record:
        day, source = divmod(index, count)
        return {"sourceId": source_ids(world)[source]} | _calls(_rate(world, source), first, day)

    return Series(days * count, make)


def mtu_by_source(world: World, call: Call) -> Series:
    first, days = _days(call)
    count = len(sources(world))

    def make(index: int) -> Record:
        day, source = divmod(index, count)
        return {"sourceId": source_ids(world)[source]} | _mtu(_rate(world, source), first, day)

    return Series(days * count, make)
