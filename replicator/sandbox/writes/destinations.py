"""Destinations and their subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write, walk
from replicator.sandbox.content.catalog import catalog_destinations
from replicator.sandbox.content.destinations import destinations, subscriptions
from replicator.sandbox.content.reverse_etl import models
from replicator.sandbox.content.sources import sources
from replicator.sandbox.messages import Refusal, not_found
from replicator.sandbox.routing import ALPHA, STABLE, Route

from .removal import remove_destination
from .settings import merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

#: What the backend adds to the settings by itself, and nobody else can set.
_READ_ONLY = frozenset({"versionSettings"})


def create(world: World, call: Call) -> Mapping[str, Any]:
    body = call.body
    world.table(sources).get(body["sourceId"])
    metadata = world.table(catalog_destinations).get(body["metadataId"])
    table = world.table(destinations)
    identifier = table.new_id()
    kinds = sorted({component["type"].lower() for component in metadata["components"]}, reverse=True)
    destination = {
        "id": identifier,
        **({"name": body["name"]} if "name" in body else {}),
        "enabled": body.get("enabled", True),
        "metadata": metadata,
        "sourceId": body["sourceId"],
        "settings": merged({}, _writable(body)) | {"versionSettings": {"version": 1, "componentTypes": kinds}},
    }
    table.add(identifier, destination, body["sourceId"])
    _happened(world, call, "Integration Created", destination)
    return {"destination": destination}


def _writable(body: Record) -> Record:
    return {name: value for name, value in body.get("settings", {}).items() if name not in _READ_ONLY}


def update(world: World, call: Call) -> Mapping[str, Any]:
    """Read-only settings are ignored, unless there is nothing else to change."""
    destination, body = world.table(destinations).get(call.ids[0]), call.body
    writable = _writable(body)
    if body.keys() == {"settings"} and body["settings"] and not writable:
        raise Refusal(400, "RequestError", "The settings are read-only", field="settings")
    changed = destination | {"settings": merged(destination["settings"], writable)}
    changed |= {name: body[name] for name in ("enabled", "name") if name in body}
    if changed.get("name", "") is None:
        del changed["name"]
    world.table(destinations).put(destination["id"], changed)
    if changed["enabled"] != destination["enabled"]:
        on = changed["enabled"]
        _happened(world, call, "Integration Enabled" if on else "Integration Disabled", changed, named=not on)
    elif changed != destination:
        _happened(world, call, "Integration Modified", changed, named=False)
    return {"destination": changed}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    destination = world.table(destinations).get(call.ids[0])
    remove_destination(world, destination["id"])
    _happened(world, call, "Integration Deleted", destination)
    return {"status": "SUCCESS"}


def create_subscription(world: World, call: Call) -> Mapping[str, Any]:
    destination, body = world.table(destinations).get(call.ids[0]), call.body
    actions = {action["id"]: action["slug"] for action in destination["metadata"]["actions"]}
    if body["actionId"] not in actions:
        raise not_found("Action")
    if "modelId" in body:
        world.table(models).get(body["modelId"])
    table = world.table(subscriptions)
    identifier = table.new_id()
    subscription = {
        "id": identifier,
        "name": body["name"],
        "actionId": body["actionId"],
        "actionSlug": actions[body["actionId"]],
        "destinationId": destination["id"],
        "enabled": body["enabled"],
        "settings": body.get("settings", {}),
        "trigger": body["trigger"],
        **({"modelId": body["modelId"]} if "modelId" in body else {}),
    }
    table.add(identifier, subscription, destination["id"])
    _happened(world, call, "Integration Modified", destination, named=False)
    return {"destinationSubscription": subscription}


def update_subscription(world: World, call: Call) -> Mapping[str, Any]:
    """The settings are merged key by key; none of them is a secret, they map fields."""
    identifier = walk(world, call.ids, (destinations, subscriptions))
    subscription, given = world.table(subscriptions).get(identifier), call.body["input"]
    changed = subscription | {name: given[name] for name in ("name", "trigger", "enabled") if name in given}
    if "settings" in given:
        settings = subscription["settings"] | given["settings"]
        changed["settings"] = {name: value for name, value in settings.items() if value is not None}
    if "reverseETLModelId" in given:
        changed["modelId"] = world.table(models).get(given["reverseETLModelId"])["id"]
    if "reverseETLSchedule" in given:
        changed["reverseETLSchedule"] = given["reverseETLSchedule"]
    world.table(subscriptions).put(identifier, changed)
    _happened(world, call, "Integration Modified", world.table(destinations).get(call.ids[0]), named=False)
    return {"subscription": changed}


def remove_subscription(world: World, call: Call) -> Mapping[str, Any]:
    world.table(subscriptions).remove(walk(world, call.ids, (destinations, subscriptions)))
    _happened(world, call, "Integration Modified", world.table(destinations).get(call.ids[0]), named=False)
    return {"status": "SUCCESS"}


def _happened(world: World, call: Call, event: str, destination: Record, *, named: bool = True) -> None:
    name = destination.get("name") or destination["metadata"]["name"]
    world.happened(call, event, "integration", destination["id"], name, named=named)


# fmt: off
ROUTES = (
    Route("/destinations", "createDestination", STABLE, Write(create), method="POST"),
    Route("/destinations/{destinationId}", "updateDestination", STABLE, Write(update), method="PATCH"),
    Route("/destinations/{destinationId}", "deleteDestination", STABLE, Write(delete), method="DELETE"),
    Route("/destinations/{destinationId}/subscriptions", "createDestinationSubscription", ALPHA,
          Write(create_subscription), limit=5, feature="Destination Subscriptions", method="POST"),
    Route("/destinations/{destinationId}/subscriptions/{id}", "updateSubscriptionForDestination", ALPHA,
          Write(update_subscription), limit=5, feature="Destination Subscriptions", method="PATCH"),
    Route("/destinations/{destinationId}/subscriptions/{id}", "removeSubscriptionFromDestination", ALPHA,
          Write(remove_subscription), limit=5, feature="Destination Subscriptions", method="DELETE"),
)
# fmt: on
