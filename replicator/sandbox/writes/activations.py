"""The destinations that audiences are connected to, and what is activated there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write, walk
from replicator.sandbox.content.activations import (
    activation,
    activations,
    activations_in,
    connections,
    connections_in,
)
from replicator.sandbox.content.destinations import destinations
from replicator.sandbox.content.spaces import audiences, spaces
from replicator.sandbox.messages import conflict, not_found
from replicator.sandbox.routing import ALPHA, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_KIND = "audience"


def _audience(world: World, call: Call) -> Record:
    return world.table(audiences).get(walk(world, call.ids[:2], (spaces, audiences)))


def _happened(world: World, call: Call, event: str, audience: Record) -> None:
    world.happened(call, event, _KIND, audience["id"], audience["name"], named=False)


def connect(world: World, call: Call) -> Mapping[str, Any]:
    audience = _audience(world, call)
    target = world.table(destinations).get(call.body["destination"]["id"])
    if any(one["destinationId"] == target["id"] for one in connections_in(world, audience["id"])):
        raise conflict("destination.id", "is connected to the audience already")
    table, now = world.table(connections), world.stamp()
    shown = _configured(call, {"idSyncConfiguration": []})
    connection = {
        "id": table.new_id(),
        "sourceId": target["sourceId"],
        "enabled": True,
        "createdAt": now,
        "updatedAt": now,
        "settings": {},
        "destinationId": target["id"],
        "metadata": {key: target["metadata"][key] for key in ("id", "name", "slug")},
        **({"name": target["name"]} if target.get("name") else {}),
        **shown,
    }
    table.add(connection["id"], connection, audience["id"])
    _happened(world, call, "Audience Destination Added", audience)
    return {"connection": {"id": connection["id"]}, **shown}


def _configured(call: Call, before: Record) -> Record:
    """What is given replaces what was there as a whole; what is empty counts as not given (resources.md, "Updates")."""
    names = ("idSyncConfiguration", "connectionSettings")
    return {name: call.body.get(name) or before[name] for name in names if call.body.get(name) or name in before}


def _connection(world: World, audience: str, identifier: str) -> Record:
    """By its own id, or by that of its destination: the path's parameter is called `destinationId`."""
    for one in connections_in(world, audience):
        if identifier in (one["id"], one["destinationId"]):
            return one
    raise not_found("Destination")


def configure(world: World, call: Call) -> Mapping[str, Any]:
    audience = _audience(world, call)
    connection = _connection(world, audience["id"], call.ids[2])
    shown = _configured(call, connection)
    world.table(connections).put(connection["id"], connection | shown | {"updatedAt": world.stamp()})
    _happened(world, call, "Audience Destination Modified", audience)
    return {"destination": {"id": call.ids[2]}, **shown}


def disconnect(world: World, call: Call) -> Mapping[str, Any]:
    audience = _audience(world, call)
    connection = _connection(world, audience["id"], call.ids[2])
    if any(one["connectionId"] == connection["id"] for one in activations_in(world, audience["id"])):
        raise conflict("destinationId", "still has activations")
    world.table(connections).remove(connection["id"])
    _happened(world, call, "Audience Destination Removed", audience)
    return {"status": "SUCCESS"}


def activate(world: World, call: Call) -> Mapping[str, Any]:
    audience = _audience(world, call)
    connection = _connection(world, audience["id"], call.ids[2])
    table = world.table(activations)
    names = ("activationType", "activationName", "displayName", "destinationMapping", "performResync")
    made = {
        "id": table.new_id(),
        "enabled": call.body.get("enabled", True),
        "workspaceId": world.workspace_id,
        "spaceId": audience["spaceId"],
        "audienceId": audience["id"],
        "connectionId": connection["id"],
        "personalization": _personalized(call.body.get("personalization", {})),
        **{name: call.body[name] for name in names if name in call.body},
    }
    table.add(made["id"], made, audience["id"])
    _happened(world, call, "Audience Activation Created", audience)
    return {"activation": made}


def _personalized(given: Record) -> Record:
    return given | {"profile": {"properties": [], **given.get("profile", {})}}


def update(world: World, call: Call) -> Mapping[str, Any]:
    """An empty name counts as none, a null display name clears it (resources.md, "Updates")."""
    before = activation(world, call)
    given = dict(call.body)
    if not given.get("activationName"):
        given.pop("activationName", None)
    if "personalization" in given:
        given["personalization"] = _personalized(given["personalization"])
    after = before | given
    world.table(activations).put(after["id"], after)
    _happened(world, call, "Audience Activation Modified", _audience(world, call))
    return {"activation": after}


def deactivate(world: World, call: Call) -> Mapping[str, Any]:
    world.table(activations).remove(activation(world, call)["id"])
    _happened(world, call, "Audience Activation Deleted", _audience(world, call))
    return {"status": "SUCCESS"}


_AUDIENCE = "/spaces/{spaceId}/audiences/{audienceId}"
_CONNECTIONS = _AUDIENCE + "/destination-connections"

# fmt: off
ROUTES = (
    Route(_CONNECTIONS, "addDestinationToAudience", ALPHA, Write(connect), limit=50, feature="Audience", method="POST"),
    Route(_CONNECTIONS + "/{destinationId}", "updateDestinationForAudience", ALPHA,
          Write(configure), feature="Audience", method="PATCH"),
    Route(_CONNECTIONS + "/{destinationId}", "removeDestinationFromAudience", ALPHA,
          Write(disconnect), feature="Audience", method="DELETE"),
    Route(_CONNECTIONS + "/{connectionId}/activations", "addActivationToAudience", ALPHA,
          Write(activate), limit=50, feature="Audience", method="POST"),
    Route(_AUDIENCE + "/activations/{id}", "updateActivationForAudience", ALPHA,
          Write(update), limit=50, method="PATCH"),
    Route(_AUDIENCE + "/activations/{id}", "removeActivationFromAudience", ALPHA,
          Write(deactivate), limit=50, method="DELETE"),
)
# fmt: on
