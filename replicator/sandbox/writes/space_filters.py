"""The filters of spaces. A change puts another filter in the place of the old one, though its method is PATCH."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write
from replicator.sandbox.content.profiles import space_filters
from replicator.sandbox.content.spaces import spaces
from replicator.sandbox.routing import FROM_BETA, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_KIND = "filter"
_FIELDS = ("enabled", "name", "description", "if", "drop")


def _filter(world: World, call: Call, identifier: str, created: str) -> Record:
    return {
        "id": identifier,
        "workspaceId": world.workspace_id,
        "integrationId": world.table(spaces).get(call.body["integrationId"])["id"],
        **{name: call.body[name] for name in _FIELDS if name in call.body},
        "createdAt": created,
        "updatedAt": world.stamp(),
    }


def create(world: World, call: Call) -> Mapping[str, Any]:
    world.table(spaces).get(call.body["integrationId"])
    table = world.table(space_filters)
    found = _filter(world, call, table.new_id(), world.stamp())
    table.add(found["id"], found, found["integrationId"])
    world.happened(call, "Filter Created", _KIND, found["id"], found["name"])
    return {"filter": found}


def update(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(space_filters)
    before = table.get(call.ids[0])
    found = _filter(world, call, before["id"], before["createdAt"])
    if found["integrationId"] == before["integrationId"]:
        table.put(found["id"], found)
    else:
        table.remove(found["id"])
        table.add(found["id"], found, found["integrationId"])
    world.happened(call, "Filter Updated", _KIND, found["id"], found.get("name", ""))
    return {"filter": found}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(space_filters)
    found = table.get(call.ids[0])
    table.remove(found["id"])
    world.happened(call, "Filter Deleted", _KIND, found["id"], found.get("name", ""))
    return {"deleted": True}


# fmt: off
ROUTES = (
    Route("/filters", "createFilterForSpace", FROM_BETA, Write(create), feature="Space Filters", method="POST"),
    Route("/filters/{id}", "updateFilterById", FROM_BETA, Write(update), feature="Space Filters", method="PATCH"),
    Route("/filters/{id}", "deleteFilterById", FROM_BETA, Write(delete), feature="Space Filters", method="DELETE"),
)
# fmt: on
