"""Where audiences go: their connections to destinations, and the activations on those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import children, walk
from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import invalid, not_found
from replicator.sandbox.series import Nested, Record
from replicator.sandbox.world import World, collection

from . import words
from .catalog import catalog_destinations
from .destinations import destinations
from .spaces import AUDIENCE_TYPES, audiences, dates, spaces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call


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
            **dates(draw),
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


def connections_in(world: World, audience: str) -> list[Record]:
    """Those of this audience whose destination is still there."""
    known = world.table(destinations)
    return [one for one in children(world, audiences, audience, connections) if one["destinationId"] in known]


def activations_in(world: World, audience: str) -> list[Record]:
    """Those of this audience whose connection is still there."""
    connected = {one["id"] for one in connections_in(world, audience)}
    return [one for one in children(world, audiences, audience, activations) if one["connectionId"] in connected]


def connections_of(world: World, call: Call) -> list[Record]:
    return connections_in(world, walk(world, call.ids, (spaces, audiences)))


def activations_of(world: World, call: Call) -> list[Record]:
    return activations_in(world, walk(world, call.ids, (spaces, audiences)))


def activation(world: World, call: Call) -> Record:
    for one in activations_in(world, walk(world, call.ids[:2], (spaces, audiences))):
        if one["id"] == call.ids[2]:
            return one
    raise not_found("Activation")


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
