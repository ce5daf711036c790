"""Spaces and their audiences, with schedules, destinations, activations, previews and consumers; computed traits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import children, walk
from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import invalid
from replicator.sandbox.moments import BIRTH, DAY, with_millis, without_millis
from replicator.sandbox.series import Nested, Record, Series
from replicator.sandbox.world import World, collection

from . import words
from .catalog import catalog_destinations
from .destinations import destinations

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def _dates(draw: Draw) -> Record:
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
            **_dates(draw),
            "audienceType": kind,
            "computeCadence": {"type": "BATCH" if kind == "LINKED" else draw.pick(("BATCH", "REALTIME"))},
            "size": {"type": "ENTITIES" if kind == "LINKED" else kind, "count": draw.below(90_000)},
            "options": {"filterByExternalIds": ["user_id", "email"], "includeHistoricalData": draw.happens(80)},
        }
        if kind == "LINKED":
            audience["definition"] = {"targetEntity": "accounts", **definition}
        return audience | ({"description": f"{name}: for the spring campaign."} if draw.happens(60) else {})

    return Nested(len(spaces(world)), each, make, ids)


def audiences_of(world: World, call: Call) -> Series:
    own = audiences(world).of(spaces(world).index_of(call.ids[0]))
    scheduled = call.query.choice("include", ("schedules",))
    found = _searched(call, own)
    return Series(len(found), lambda i: _with_schedules(world, found[i])) if scheduled else found


def audience(world: World, call: Call) -> Record:
    found = world.table(audiences).get(walk(world, call.ids, (spaces, audiences)))
    return _with_schedules(world, found) if call.query.choice("include", ("schedules",)) else found


def _with_schedules(world: World, found: Record) -> Record:
    return found | {"schedules": schedules(world).of(audiences(world).index_of(found["id"]))[:]}


def _searched(call: Call, own: Series) -> Series:
    kind, text = call.query.choice("search.type", _SEARCHES), call.query.text("search.query")
    if not text:
        return own
    field = (kind or "NAME").lower()
    return own.only([i for i, found in enumerate(own) if text.lower() in str(found[field] or "").lower()])


def consumers(world: World, call: Call) -> Series:
    """The audiences whose definition refers to this one: its next neighbour in the space, except for the last."""
    space = spaces(world).index_of(call.ids[0])
    own = audiences(world).of(space)
    place = audiences(world).index_of(walk(world, call.ids, (spaces, audiences))) - space * audiences(world).each
    referring = _searched(call, own.only(range(place + 1, min(place + 2, len(own)))))
    field = _SORTS[call.query.choice("sort.field", tuple(_SORTS)) or "NAME"]
    down = call.query.choice("sort.direction", ("ASC", "DESC")) == "DESC"
    order = sorted(range(len(referring)), key=lambda i: str(referring[i][field]), reverse=down)
    return Series(len(order), lambda i: _summary(referring[order[i]]))


def _summary(found: Record) -> Record:
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
def connections(world: World) -> Nested:
    ids = Ids.of(world.seed, "audience destination")
    each = world.counts["DestinationsPerAudience"]
    targets = destinations(world)

    def make(index: int) -> Record:
        draw = world.draw("audience destination", index)
        target = targets[index % len(targets)]
        metadata = {key: target["metadata"][key] for key in ("id", "name", "slug")}
        connection = {
            "id": ids[index],
            "sourceId": target["sourceId"],
            "enabled": draw.happens(80),
            **_dates(draw),
            "settings": {"apiKey": words.masked(draw)},
            "destinationId": target["id"],
            "metadata": metadata,
            "idSyncConfiguration": [{"externalId": "email", "strategy": "all", "mapTo": "e-mail"}],
            "connectionSettings": {"audienceKey": f"aud{index}"},
        }
        return connection | ({"name": target["name"]} if target.get("name") else {})

    return Nested(len(audiences(world)) if len(targets) else 0, each, make, ids)


@collection
def activations(world: World) -> Nested:
    ids = Ids.of(world.seed, "activation", prefix="act_")
    each = world.counts["ActivationsPerAudience"]
    per_audience = world.counts["DestinationsPerAudience"]

    def make(index: int) -> Record:
        audience_index, place = divmod(index, each)
        draw = world.draw("activation", index)
        owner = audiences(world)[audience_index]
        kind = draw.pick(("Audience Entered", "Audience Exited", "Audience Membership Changed"))
        return {
            "id": ids[index],
            "enabled": draw.happens(80),
            "workspaceId": world.workspace_id,
            "spaceId": owner["spaceId"],
            "audienceId": owner["id"],
            "connectionId": Ids.of(world.seed, "audience destination")[
                audience_index * per_audience + place % max(1, per_audience)
            ],
            "activationType": kind,
            "activationName": f"{kind} → {draw.pick(words.TEAMS)}",
            "displayName": None if draw.happens(30) else f"Nº {index + 1}",
            "personalization": {
                "profile": {"properties": ["email", "plan"], "mapping": {"email": "e-mail"}},
                "entities": [{"properties": ["ID", "BALANCE"], "relationshipSlug": "owned-accounts"}],
            },
            "destinationMapping": {"actionId": f"action_{draw.below(999)}", "settings": {"method": "PUT"}},
            "performResync": draw.happens(20),
        }

    return Nested(len(connections(world)) // max(1, per_audience), each, make, ids)


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


def supported_destinations(world: World, call: Call) -> Mapping[str, Any]:
    """By slug; the inner shape is free in the contract, this one is assumed."""
    spaces(world).index_of(call.ids[0])
    if call.ids[1] not in AUDIENCE_TYPES:
        raise invalid("audienceType", f"must be one of [{', '.join(AUDIENCE_TYPES)}]")
    slug, action = call.query.text("slug"), call.query.text("actionId")
    chosen = [
        found
        for found in catalog_destinations(world)
        if found["actions"]
        and slug in (None, found["slug"])
        and (action is None or action in [one["id"] for one in found["actions"]])
    ]
    described = {
        found["slug"]: {"id": found["id"], "name": found["name"], "actions": [a["slug"] for a in found["actions"]]}
        for found in chosen
    }
    return {"destinations": described, "pagination": {"current": "MA==", "totalEntries": len(described)}}


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
            **_dates(draw),
            "options": {"includeHistoricalData": True, "includeAnonymousUsers": draw.happens(30)},
        }
        return trait | ({"description": "Über alle Kanäle."} if draw.happens(50) else {})

    return Nested(len(spaces(world)), each, make, ids)
