"""Spaces and their audiences, with schedules, previews and consumers; computed traits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import children, walk
from replicator.sandbox.ids import Ids
from replicator.sandbox.moments import BIRTH, DAY, with_millis, without_millis
from replicator.sandbox.series import Nested, Record, Series, Shown
from replicator.sandbox.world import World, collection

from . import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.draws import Draw

_SPACES = ("Production Profiles", "production profiles", "Staging → Profile 🧪")
_AUDIENCES = ("High spenders", "high spenders", "Café fans ☕", 'Abandoned "cart"', "Lapsed > 30 days", "VIP ")
_KINDS = ("USERS", "ACCOUNTS", "LINKED", "USERS")
AUDIENCE_TYPES = ("ACCOUNTS", "LINKED", "USERS")
_SEARCHES = ("DEFINITION", "KEY", "NAME")
_SORTS = {"CREATED_AT": "createdAt", "NAME": "name", "UPDATED_AT": "updatedAt"}


@collection
def spaces(world: World) -> Series:
    ids = Ids.of(world.seed, "space", prefix="spa_")

    def make(index: int) -> Record:
        name = words.name(world.draw("space", index), _SPACES, index)
        return {"id": ids[index], "slug": words.slug(name, index), "name": name}

    return Series(world.count("Spaces"), make, ids)


def space_id(world: World, index: int) -> str:
    return Ids.of(world.seed, "space", prefix="spa_")[index]


def dates(draw: Draw) -> Record:
    created = BIRTH + draw.below(500 * DAY)
    return {
        "createdAt": with_millis(created, draw.below(1000)),
        "updatedAt": with_millis(created + draw.below(100 * DAY), draw.below(1000)),
    }


def _authors(world: World, draw: Draw) -> Record:
    ids, count = Ids.of(world.seed, "user"), max(1, world.count("Users"))
    return {"createdBy": ids[draw.below(count)], "updatedBy": ids[draw.below(count)]}


@collection
def audiences(world: World) -> Nested:
    ids = Ids.of(world.seed, "audience", "ksuid", "aud_")
    each = world.counts["AudiencesPerSpace"]

    def make(index: int) -> Record:
        space, place = divmod(index, each)
        draw = world.draw("audience", index)
        name = words.name(draw, _AUDIENCES, place)
        kind = _KINDS[place % len(_KINDS)]
        definition = {"query": f"event('{words.event(draw.below(40))}').count() >= {1 + draw.below(9)}"}
        audience = {
            "id": ids[index],
            "spaceId": space_id(world, space),
            "name": name,
            "key": words.slug(name, place).replace("-", "_"),
            "enabled": draw.happens(80),
            "definition": None if place % 9 == 8 else definition,
            "status": draw.pick(("Live", "Live", "Computing", "Failed", "Disabled")),
            **_authors(world, draw),
            **dates(draw),
            "audienceType": kind,
            "computeCadence": {"type": "BATCH" if kind == "LINKED" else draw.pick(("BATCH", "REALTIME"))},
            "size": {"type": "ENTITIES" if kind == "LINKED" else kind, "count": draw.below(90_000)},
            "options": {"filterByExternalIds": ["user_id", "email"], "includeHistoricalData": draw.happens(80)},
        }
        if kind == "LINKED":
            audience["definition"] = {"targetEntity": "accounts", **definition}
        return audience | ({"description": f"{name}: for the spring campaign."} if draw.happens(60) else {})

    return Nested(len(spaces(world)), each, make, ids)


def computed(world: World, kept: Record) -> Record:
    """An audience or a trait as it is now: one that was written is computed when its time comes (`until`)."""
    shown = {key: value for key, value in kept.items() if key not in ("until", "locked")}
    if "until" not in kept:
        return shown
    if world.seconds() < kept["until"]:
        return shown | {"status": "Computing"}
    return shown | {"status": "Live" if kept["enabled"] else "Disabled"}


def audiences_of(world: World, call: Call) -> Sequence[Record]:
    own = children(world, spaces, call.ids[0], audiences)
    scheduled = call.query.choice("include", ("schedules",))
    found = _searched(call, own)
    show = _with_schedules if scheduled else computed
    return Series(len(found), lambda place: show(world, found[place]))


def audience(world: World, call: Call) -> Record:
    found = world.table(audiences).get(walk(world, call.ids, (spaces, audiences)))
    scheduled = call.query.choice("include", ("schedules",))
    return _with_schedules(world, found) if scheduled else computed(world, found)


def _with_schedules(world: World, found: Record) -> Record:
    return computed(world, found) | {"schedules": children(world, audiences, found["id"], schedules)[:]}


def _searched(call: Call, own: Sequence[Record]) -> Sequence[Record]:
    kind, text = call.query.choice("search.type", _SEARCHES), call.query.text("search.query")
    if not text:
        return own
    field = (kind or "NAME").lower()
    return [found for found in own if text.lower() in str(found[field] or "").lower()]


def consumers(world: World, call: Call) -> Sequence[Record]:
    """The audiences whose definition refers to this one: its next neighbour in the space, except for the last."""
    table = world.table(audiences)
    number = table.born_index(walk(world, call.ids, (spaces, audiences)))
    each = audiences(world).each
    neighbours = () if number is None or number % each == each - 1 else (number + 1,)
    referring = _searched(call, [computed(world, found) for found in table.of("", neighbours)])
    field = _SORTS[call.query.choice("sort.field", tuple(_SORTS)) or "NAME"]
    down = call.query.choice("sort.direction", ("ASC", "DESC")) == "DESC"
    return [summary(found) for found in sorted(referring, key=lambda found: str(found[field]), reverse=down)]


def summary(found: Record) -> Record:
    """What is shown of an audience where it is not the audience that was asked for."""
    return {key: value for key, value in found.items() if key not in ("computeCadence", "size")}


@collection
def schedules(world: World) -> Nested:
    ids = Ids.of(world.seed, "audience schedule", "ksuid")

    def make(index: int) -> Record:
        draw = world.draw("audience schedule", index)
        if index % 2:
            return {"id": ids[index], "strategy": "PERIODIC", "config": {"interval": f"{1 + draw.below(12)}h"}}
        config = {"days": [1, 3, 5], "hours": [9, 17], "timezone": "America/New_York"}
        following = without_millis(BIRTH + 1500 * DAY + draw.below(DAY))
        return {"id": ids[index], "strategy": "SPECIFIC_DAYS", "config": config, "nextExecution": following}

    return Nested(len(audiences(world)), world.counts["SchedulesPerAudience"], make, ids)


def schedules_of(world: World, call: Call) -> Mapping[str, Any]:
    return {"audienceSchedules": children(world, audiences, walk(world, call.ids, (spaces, audiences)), schedules)[:]}


@collection
def previews(world: World) -> Nested:
    """There is no list of them: their ids are known to whoever made one. The first of each space is finished."""
    ids = Ids.of(world.seed, "audience preview", "ksuid")
    each = world.counts["PreviewsPerSpace"]

    def make(index: int) -> Record:
        status = ("COMPLETED", "RUNNING", "FAILED")[index % each % 3]
        preview: Record = {
            "id": ids[index],
            "audienceType": "USERS",
            "definition": {"query": "event('Signed Up').count() >= 1"},
            "options": {"filterByExternalIds": ["user_id"], "includeHistoricalData": True},
            "status": status,
        }
        if status == "COMPLETED":
            preview["results"] = [{"id": f"use_{i}"} for i in range(3)]
            preview["size"] = {"type": "USERS", "count": 3, "uniqueCount": 3}
        return preview | ({"failureReason": "The query took too long."} if status == "FAILED" else {})

    return Nested(len(spaces(world)), each, make, ids)


def preview(world: World, call: Call) -> Record:
    """One that was made (`until`, in seconds) is completed when its time comes, and finds nobody."""
    kept = world.table(previews).get(walk(world, call.ids, (spaces, previews)))
    found = {key: value for key, value in kept.items() if key != "until"}
    if world.seconds() < kept.get("until", world.seconds() + 1):
        return found
    kind = "ENTITIES" if found["audienceType"] == "LINKED" else found["audienceType"]
    return found | {"status": "COMPLETED", "results": [], "size": {"type": kind, "count": 0, "uniqueCount": 0}}


@collection
def computed_traits(world: World) -> Nested:
    ids = Ids.of(world.seed, "computed trait")
    each = world.counts["ComputedTraitsPerSpace"]

    def make(index: int) -> Record:
        draw = world.draw("computed trait", index)
        event = words.event(draw.below(60))
        definition = {"query": f"event('{event}').count()", "type": draw.pick(("USERS", "ACCOUNTS"))}
        trait = {
            "id": ids[index],
            "spaceId": space_id(world, index // each),
            "name": f"Count of {event}",
            "key": f"count_{index % each}",
            "enabled": draw.happens(80),
            "definition": None if index % 7 == 6 else definition,
            "status": draw.pick(("Live", "Computing", "Failed")),
            **_authors(world, draw),
            **dates(draw),
            "options": {"includeHistoricalData": True, "includeAnonymousUsers": draw.happens(30)},
        }
        return trait | ({"description": "Über alle Kanäle."} if draw.happens(50) else {})

    return Nested(len(spaces(world)), each, make, ids)


def traits_of(world: World, call: Call) -> Shown:
    return Shown(children(world, spaces, call.ids[0], computed_traits), lambda kept: computed(world, kept))


def trait(world: World, call: Call) -> Record:
    return computed(world, world.table(computed_traits).get(walk(world, call.ids, (spaces, computed_traits))))
