"""Which listings an object takes: one for each parent's row, fixed value, and period, or just one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import product
from typing import Any
from urllib.parse import quote

from replicator.catalog.model import Object, Window
from replicator.convert import time_text

#: A partition's name is part of a key, and MySQL's keys end at 255 characters.
_LONGEST = 200
#: Whole days before today. The endpoints reach back 14 days by the day (resources.md, "Reads that bite"); a day less
#: leaves room for the lag, with which the last midnight may be yesterday's.
_DAYS = 12
#: "Lag the end of the window by a minute or more" (openapi.json, getEventsVolumeFromWorkspace).
_LAG = timedelta(minutes=2)
_TIMES = ("startTime", "endTime")


@dataclass(frozen=True, slots=True)
class Partition:
    """One listing: what it asks for, and what its rows get that the records do not carry.

    `name` is stable from run to run: the times of a window are no part of it.
    """

    name: str
    params: Mapping[str, str]
    given: Mapping[str, Any]
    #: The fingerprints of the parents' rows: another one may have other children. "" without parents.
    mark: str = ""


#: The live rows of each parent, by its name; each has its `_fingerprint`.
Parents = Mapping[str, Iterable[Mapping[str, Any]]]

#: In place of the fingerprint of a parent whose children are not read.
HELD = "held"


def partitions(
    thing: Object, parent_rows: Parents, periods: Sequence[str], now: datetime, since: str | None = None
) -> list[Partition]:
    """The object's listings.

    `since` is the bookmark of a windowed object, `periods` the first days of the usage months.
    """
    fields = {column.field for column in thing.columns}
    found: dict[str, Partition] = {}
    for moved_by, params in _combined(thing, parent_rows, periods, now, since):
        named = {name: value for name, value in params.items() if name not in _TIMES} if thing.partitioned else {}
        as_fields = {thing.listing.given_as.get(name, name): value for name, value in params.items()}
        given = {name: value for name, value in as_fields.items() if name in fields}
        name = _name(named)
        # Parents with equal values make one partition together, so it moves when any of them does.
        mark = sha256(f"{found[name].mark} {moved_by}".encode()).hexdigest() if name in found else moved_by
        found[name] = Partition(name, params, given, mark)
    return list(found.values())


def _combined(
    thing: Object, parent_rows: Parents, periods: Sequence[str], now: datetime, since: str | None
) -> Iterator[tuple[str, dict[str, str]]]:
    fixed = [[(name, value) for value in values] for name, values in thing.each.items()]
    windows = list(_windows(thing, periods, now, since))
    for mark, parent in _parents(thing, parent_rows):
        for chosen in product(*fixed):
            for window in windows:
                yield mark, {**parent, **dict(chosen), **window}


def _parents(thing: Object, parent_rows: Parents) -> Iterator[tuple[str, dict[str, str]]]:
    if not thing.parents:
        yield "", {}
    for parent in thing.parents:
        for row in parent_rows[parent.object]:
            if any(row[column] not in allowed for column, allowed in parent.where.items()):
                continue
            params = {param: row[column] for param, column in parent.params.items()}
            if None not in params.values():
                yield str(row.get("_fingerprint", "")), {param: str(value) for param, value in params.items()}


def _windows(thing: Object, periods: Sequence[str], now: datetime, since: str | None) -> Iterator[dict[str, str]]:
    match thing.window:
        case None:
            yield {}
        case Window.PERIOD:
            yield from ({"period": period} for period in periods)
        case Window.EVENTS:
            # Without an end the API takes its own clock's, and keeps it in the cursor.
            yield {"startTime": since} if since else {}
        case Window.VOLUME:
            ended = (now - _LAG).astimezone(UTC)
            midnight = ended.replace(hour=0, minute=0, second=0, microsecond=0)
            start = midnight - timedelta(days=_DAYS)
            yield {
                "startTime": time_text(start),
                "endTime": time_text(midnight if _keyed_by_window(thing) else ended),
                "granularity": "DAY",
            }


def _keyed_by_window(thing: Object) -> bool:
    """Its rows carry the window that was asked for: one that moved within a day would make new rows with each run."""
    return any(thing.column(name).field in _TIMES for name in thing.key)


def _name(params: Mapping[str, str]) -> str:
    name = "&".join(f"{key}={quote(params[key], safe=' :/')}" for key in sorted(params))
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 65]}~{sha256(name.encode()).hexdigest()}"
