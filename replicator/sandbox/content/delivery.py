"""Metrics: the delivery overview, a destination's delivery summary, and the volume of events.

A number is made from what it counts and from its moment, so that overlapping ranges agree with one another; what has
not happened yet is not counted.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

from replicator.sandbox.calls import Paged
from replicator.sandbox.messages import invalid
from replicator.sandbox.moments import DAY, moment, parse, without_millis
from replicator.sandbox.paging import page

from .destinations import destinations, source_of
from .sources import source_ids, sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.state import Level
    from replicator.sandbox.world import World

Stage = Literal["received", "failed_on_ingest", "filtered_at_source", "filtered_at_destination", "failed", "delivered"]

GRANULARITIES = {"DAY": DAY, "HOUR": 3600, "MINUTE": 60}
_MOST_POINTS = 10_000
#: The window and the reach of the delivery summary (openapi.json, x-note of the operation).
_SUMMARY_LIMITS = {
    "MINUTE": (timedelta(hours=4), timedelta(hours=48)),
    "HOUR": (timedelta(days=7), timedelta(days=7)),
    "DAY": (timedelta(days=14), timedelta(days=14)),
}
_VERSIONS = ("3.1.0", "3.2.0 (beta)")
_VALUES: Mapping[str, Sequence[str]] = {
    "eventName": ("Order Completed", "Signed Up", "Café Visité"),
    "eventType": ("track", "identify", "page"),
    "appVersion": _VERSIONS,
    "discardReason": ("MISSING_REQUIRED_FIELD", "RATE_LIMITED"),
}
_VOLUME_GROUPS = ("eventName", "eventType", "appVersion", "source")
_DESTINATION_GROUPS = ("subscriptionId", "activationId", "audienceId", "spaceId")


def _moments(call: Call, step: int) -> range:
    start, end = (parse(name, call.query.required(name)) for name in ("startTime", "endTime"))
    if end <= start:
        raise invalid("endTime", "must be after startTime")
    moments = range(start - start % step, min(end, call.anchor), step)
    if len(moments) > _MOST_POINTS:
        raise invalid("startTime", f"the range has more than {_MOST_POINTS} points of this granularity")
    return moments


def _step(call: Call) -> int:
    return GRANULARITIES[call.query.required_choice("granularity", tuple(GRANULARITIES))]


def _groups(call: Call, allowed: Sequence[str], prefix: str) -> list[Record]:
    """One for each combination of the values grouped by; just one without any."""
    # What the rows of the contract have no field for can be asked for, and makes no difference.
    names = [name for name in dict.fromkeys(call.query.choices("groupBy", allowed)) if name in _VALUES]
    wanted = {name: call.query.many(prefix + name) for name in names}
    values = [[v for v in _VALUES[name] if v in wanted[name] or not wanted[name]] for name in names]
    return [dict(zip(names, chosen, strict=True)) for chosen in product(*values)]


def _count(world: World, what: str, at: int, ceiling: int) -> int:
    digest = blake2b(f"{world.seed}/{what}/{at}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % ceiling


def overview(stage: Stage) -> Callable[[World, Call], Sequence[Record]]:
    """The rows of one of the six metrics of the delivery overview."""
    of_destination = stage in ("filtered_at_destination", "failed", "delivered")

    def rows(world: World, call: Call) -> Sequence[Record]:
        numbers = [_number(world, sources, call.query.required("sourceId"))]
        if of_destination:
            numbers.append(_number(world, destinations, call.query.required("destinationConfigId")))
        step = _step(call)
        moments = _moments(call, step)
        allowed = tuple(name for name in _VALUES if name != "discardReason" or stage not in ("received", "delivered"))
        groups = _groups(call, (*allowed, *(_DESTINATION_GROUPS if of_destination else ())), "filter.")
        if None in numbers:
            return []
        what = "/".join([stage, *map(str, numbers)])
        return [_row(world, what, group, moments, step) for group in groups]

    return rows


def _number(world: World, level: Level, identifier: str) -> int | None:
    """The number that it was made with; None for what was added since and has sent nothing; raises the API's 404."""
    world.table(level).get(identifier)
    return world.table(level).born_index(identifier)


def _row(world: World, what: str, group: Record, moments: range, step: int) -> Record:
    ceiling = max(2, step // 6)
    retried = what.startswith(("failed/", "delivered/"))
    series: list[Record] = []
    for at in moments:
        point: Record = {"time": without_millis(at), "count": _count(world, f"{what}/{group}", at, ceiling)}
        series.append(point | ({"retryCount": point["count"] // 9} if retried else {}))
    row = group | {"total": sum(point["count"] for point in series), "series": series}
    return row | ({"totalRetryCount": sum(point["retryCount"] for point in series)} if retried else {})


def overview_total(stage: Stage) -> Callable[[World, Call], Record]:
    rows = overview(stage)
    return lambda world, call: {"total": sum(row["total"] for row in rows(world, call))}


def _volumes(world: World, call: Call) -> Sequence[Record]:
    step = _step(call)
    moments = _moments(call, step)
    asked = call.query.many("sourceId")
    chosen = [n for n in (_number(world, sources, identifier) for identifier in asked) if n is not None]
    # The version of the app can be grouped by, yet no row of the contract has a field for it.
    groups = [g for g in _groups(call, _VOLUME_GROUPS, "") if g.pop("appVersion", _VERSIONS[0]) == _VERSIONS[0]]
    if asked and not chosen:
        return []
    if "source" not in call.query.many("groupBy"):
        return [_row(world, f"volume/{chosen}", group, moments, step) for group in groups]
    return [
        _event_source(world, source) | _row(world, f"volume/{source}", group, moments, step)
        for source in chosen or world.table(sources).left(range(len(sources(world))))
        for group in groups
    ]


_VOLUME = Paged("result", _volumes, end="null", cursor="frozen")


def _event_source(world: World, source: int) -> Record:
    found = world.table(sources).get(source_ids(world)[source])
    return {"source": {key: found[key] for key in ("id", "name", "slug") if key in found}}


def events_volume(world: World, call: Call) -> Mapping[str, Any]:
    query: Record = {"workspaceId": world.workspace_id}
    query |= {name: call.query.required(name) for name in ("granularity", "startTime", "endTime")}
    for name in ("groupBy", "sourceId", "eventName", "eventType", "appVersion"):
        if values := call.query.many(name):
            query[name] = values
    return {"path": call.path, "query": query} | page(world, call, _VOLUME)


def delivery_summary(world: World, call: Call) -> Mapping[str, Any]:
    destination = _number(world, destinations, call.ids[0])
    source = _number(world, sources, call.query.required("sourceId"))
    moments = _summary_window(world, call)
    connected = destination is not None and source == source_of(world, destination)
    what = f"summary/{destination}"
    first = sum(_count(world, what, at, 500) for at in moments) if connected else 0
    retried = sum(_count(world, f"{what}/retry", at, 20) for at in moments) if connected else 0
    expired = sum(_count(world, f"{what}/expired", at, 3) for at in moments) if connected else 0
    breakdown = [
        {"metricName": "successes_on_first_attempt", "value": first},
        {"metricName": "successes_after_retry", "value": retried},
    ]
    return {
        "deliveryMetricsSummary": {
            "sourceId": call.query.required("sourceId"),
            "destinationMetadataId": world.table(destinations).get(call.ids[0])["metadata"]["id"],
            "metrics": [
                {"metricName": "successes", "total": first + retried, "breakdown": breakdown},
                {"metricName": "expired", "total": expired},
            ],
        }
    }


def _summary_window(world: World, call: Call) -> range:
    granularity = call.query.choice("granularity", tuple(GRANULARITIES)) or "DAY"
    window, reach = (int(limit.total_seconds()) for limit in _SUMMARY_LIMITS[granularity])
    now = world.seconds()
    start, end = call.query.text("startTime"), call.query.text("endTime")
    until = parse("endTime", end) if end else now
    since = parse("startTime", start) if start else max(until - window, now - reach)
    if not since <= until <= since + window:
        raise invalid("startTime", f"the window of {granularity} is at most {moment(window) - moment(0)} long")
    if since < now - reach:
        raise invalid("startTime", f"{granularity} reaches back {moment(reach) - moment(0)}")
    step = GRANULARITIES[granularity]
    return range(since - since % step, min(until, now), step)
