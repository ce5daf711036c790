"""The audit trail.

Event n happened at BIRTH + n * step, so that 90 days hold as many as were asked for; as time goes by new ones appear
and old ones pass out of reach. Writes leave theirs among them. Newest first; the cursor keeps what there was when the
listing began (resources.md, "Change detection" and "Pagination").
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING

import msgspec

from replicator.sandbox.messages import invalid
from replicator.sandbox.moments import BIRTH, DAY, moment, parse
from replicator.sandbox.world import World, collection

from .destinations import destinations
from .functions import functions
from .iam import groups, users
from .protocols import tracking_plans, transformations
from .sources import sources
from .warehouses import warehouses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record, Series

_encode = msgspec.json.encode
_DEPTH = 90 * DAY
_FIRST_ID = 145_000_000
#: How many records of each kind the events go round.
_TURN = 64
_NAMES: tuple[tuple[str, str, Callable[[World], Series]], ...] = (
    # (names: resources.md, "Audit event names by operation"; those of functions and plans: "Change detection")
    ("Source Modified", "source", sources),
    ("Tracking Plan Modified", "tracking_plan", tracking_plans),
    ("Integration Created", "integration", destinations),
    ("Source Function Modified", "function", functions),
    ("Storage Destination Modified", "storage_destination", warehouses),
    ("User Policy Updated", "user", users),
    ("Source Enabled", "source", sources),
    ("Transformation Updated", "transformation", transformations),
    ("User Group Updated", "user_group", groups),
    ("Integration Disabled", "integration", destinations),
    ("Source Settings Modified", "source", sources),
)


class Trail:
    """Knows the text of each event but its id, time and actor; makes pages as ready-made JSON."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._each = world.counts["AuditEvents"]
        self._kinds = [i for i, (_, _, records) in enumerate(_NAMES) if len(records(world))]
        self._first = _FIRST_ID + world.seed % 1000 * 10_000
        people = [f'"actor":"{user["id"]}","actorEmail":"{user["email"]}"' for user in users(world)[:3]]
        self._actors = [*people, '"actor":"public-api-token/TJ7z8cg6"']
        self._texts: dict[tuple[int, int], str] = {}
        self._days: dict[int, str] = {}

    def happened(self, event: int) -> int:
        return BIRTH + event * _DEPTH // self._each

    def between(self, start: int, end: int) -> range:
        """The events from `start` up to and with `end`."""
        if not self._each or not self._kinds:
            return range(0)
        first = -((BIRTH - start) * self._each // _DEPTH) if start > BIRTH else 0
        return range(first, max(first, ((end - BIRTH + 1) * self._each - 1) // _DEPTH + 1))

    def about(self, event: int) -> tuple[int, int]:
        """Which of the names, and which record of its kind."""
        turn, place = divmod(event, len(self._kinds))
        kind = self._kinds[place]
        return kind, turn * 7 % min(_TURN, len(_NAMES[kind][2](self._world)))

    def json(self, event: int) -> str:
        about = self.about(event)
        text = self._texts.get(about) or self._texts.setdefault(about, self._text(*about))
        day, rest = divmod(self.happened(event), DAY)
        date = self._days.get(day) or self._days.setdefault(day, f"{moment(day * DAY):%Y-%m-%d}")
        clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
        actor = self._actors[event * 31 % 97 % len(self._actors)]
        return f'{{"id":"events/{self._first + event}","timestamp":"{date}T{clock}Z",{actor},{text}}}'

    def _text(self, kind: int, index: int) -> str:
        name, resource_type, records = _NAMES[kind]
        resource = records(self._world)[index]
        shown = resource.get("name") or resource.get("displayName") or resource.get("settings", {}).get("name", "")
        about = {"type": name, "resourceId": resource["id"], "resourceType": resource_type, "resourceName": shown}
        return _encode(about).decode()[1:-1]


@collection
def trail(world: World) -> Trail:
    return Trail(world)


class Events:
    """Some events of the trail, those made and those written as one list, newest first."""

    def __init__(self, trail: Trail, made: Sequence[int], written: Sequence[Record]) -> None:
        self._trail = trail
        self._made = made
        self._written = written

    def __len__(self) -> int:
        return len(self._made) + len(self._written)

    def __getitem__(self, window: slice) -> msgspec.Raw:
        start, stop, _ = window.indices(len(self))
        first, last = self._written_before(start), self._written_before(stop)
        made = self._made[start - first : stop - last]
        texts: Iterable[str] = map(self._trail.json, made)
        if first < last:
            both = [(_second(event), _encode(event).decode()) for event in self._written[first:last]]
            both += zip(map(self._trail.happened, made), texts, strict=True)
            # What was written in a second happened after what was made for it.
            texts = [text for _, text in sorted(both, key=lambda one: one[0], reverse=True)]
        return msgspec.Raw(("[" + ",".join(texts) + "]").encode())

    def _written_before(self, place: int) -> int:
        """How many of the first so many events are written ones."""

        def place_of(written: int) -> int:
            newer = -_second(self._written[written])
            return written + bisect_left(self._made, newer, key=lambda event: -self._trail.happened(event))

        return bisect_left(range(len(self._written)), place, key=place_of)


def events(world: World, call: Call) -> Events:
    start, end = _window(world, call)
    made: Sequence[int] = trail(world).between(start, end)[::-1]
    told = sorted(world.state.events[: call.known], key=_time)
    written = told[bisect_left(told, start, key=_second) : bisect_right(told, end, key=_second)][::-1]
    kind, resource = call.query.text("resourceType"), call.query.text("resourceId")
    if kind is not None or resource is not None:
        wanted = _matching(world, kind, resource)
        about = trail(world).about
        made = [event for event in made if about(event) in wanted]
        written = [e for e in written if kind in (None, e["resourceType"]) and resource in (None, e["resourceId"])]
    return Events(trail(world), made, written)


def _time(event: Record) -> str:
    return str(event["timestamp"])


def _second(event: Record) -> int:
    return int(datetime.fromisoformat(event["timestamp"]).timestamp())


def _window(world: World, call: Call) -> tuple[int, int]:
    """The first and the last second asked for, within the 90 days before the listing began."""
    start, end = (call.query.text(name) for name in ("startTime", "endTime"))
    first = parse("startTime", start) if start else 0
    last = parse("endTime", end) if end else call.anchor
    if end and first > last:
        raise invalid("startTime", "must not be after endTime")
    return max(first, call.anchor - _DEPTH + 1), min(last, call.anchor - ceil(world.behaviour.audit_delay))


def _matching(world: World, kind: str | None, resource: str | None) -> set[tuple[int, int]]:
    """What the events are about that these filters let through."""
    return {
        (name, index)
        for name, (_, resource_type, records) in enumerate(_NAMES)
        if kind in (None, resource_type)
        for index, found in enumerate(records(world)[:_TURN])
        if resource in (None, found["id"])
    }
