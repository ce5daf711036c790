"""The warehouses that profiles are synced to, and what of them is synced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write, walk
from replicator.sandbox.content.catalog import catalog_warehouses
from replicator.sandbox.content.profiles import CHOICES, EVENT_TABLES, profile_syncs, profiles_warehouses
from replicator.sandbox.content.spaces import spaces
from replicator.sandbox.messages import invalid
from replicator.sandbox.routing import ALPHA, Route

from .settings import merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.content.profiles import Choices
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World


def _happened(world: World, call: Call, event: str, warehouse: Record) -> None:
    name = str(warehouse["settings"].get("name", ""))
    world.happened(call, f"Profiles Sync Warehouse {event}", "profiles_warehouse", warehouse["id"], name)


def _given(call: Call, known: Mapping[str, Any]) -> Record:
    """The name lies in the settings."""
    settings = call.body["settings"] | ({"name": call.body["name"]} if "name" in call.body else {})
    plain = {name: call.body[name] for name in ("enabled", "schemaName") if name in call.body}
    return plain | {"settings": merged(known, settings)}


def create(world: World, call: Call) -> Mapping[str, Any]:
    world.table(spaces).get(call.ids[0])
    metadata = world.table(catalog_warehouses).get(call.body["metadataId"])
    table = world.table(profiles_warehouses)
    warehouse = {
        "id": table.new_id(),
        "spaceId": call.ids[0],
        "metadata": metadata,
        "workspaceId": world.workspace_id,
        "enabled": True,
        **_given(call, {}),
    }
    table.add(warehouse["id"], warehouse, call.ids[0])
    _happened(world, call, "Created", warehouse)
    return {"profilesWarehouse": warehouse}


def update(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(profiles_warehouses)
    before = table.get(walk(world, call.ids, (spaces, profiles_warehouses)))
    warehouse = before | _given(call, before["settings"])
    table.put(warehouse["id"], warehouse)
    _happened(world, call, "Updated", warehouse)
    return {"profilesWarehouse": warehouse}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(profiles_warehouses)
    warehouse = table.get(walk(world, call.ids, (spaces, profiles_warehouses)))
    table.remove(warehouse["id"])
    _happened(world, call, "Deleted", warehouse)
    return {"status": "SUCCESS"}


def choose(world: World, call: Call) -> Mapping[str, Any]:
    warehouse = world.table(profiles_warehouses).get(walk(world, call.ids, (spaces, profiles_warehouses)))
    before = CHOICES.of(world, warehouse["id"])
    choices = before
    for place, override in enumerate(call.body.get("syncOverrides", ())):
        choices = _chosen(world, warehouse["id"], choices, override, f"syncOverrides.{place}")
    events = EVENT_TABLES.of(world, warehouse["id"])
    wanted = call.body.get("enableEventTables", events)
    if choices is before and wanted is events:
        return {"status": "UNCHANGED"}
    CHOICES.put(world, warehouse["id"], choices)
    EVENT_TABLES.put(world, warehouse["id"], wanted)
    _happened(world, call, "Modified", warehouse)
    return {"status": "UPDATED"}


def _chosen(world: World, warehouse: str, choices: Choices, override: Record, field: str) -> Choices:
    """The same choices, if they say so already; raises the API's 422 for what cannot be synced."""
    collection, name, enabled = override["collection"], override.get("property"), override["enabled"]
    row = next((one for one in profile_syncs(world, warehouse, choices) if one["collection"] == collection), None)
    if row is None:
        raise invalid(f"{field}.collection", "is not a collection of this warehouse")
    known = choices.get(collection, {})
    if not name:
        return choices if row["enabled"] is enabled else {**choices, collection: known | {"enabled": enabled}}
    if name not in row["properties"]:
        raise invalid(f"{field}.property", "is not a property of this collection")
    if row["properties"][name]["enabled"] is enabled:
        return choices
    return {**choices, collection: known | {"properties": known.get("properties", {}) | {name: enabled}}}


_WAREHOUSES = "/spaces/{spaceId}/profiles-warehouses"

# fmt: off
ROUTES = (
    Route(_WAREHOUSES, "createProfilesWarehouse", ALPHA, Write(create, 201), method="POST"),
    Route(_WAREHOUSES + "/{warehouseId}", "updateProfilesWarehouseForSpaceWarehouse", ALPHA,
          Write(update), method="PATCH"),
    Route(_WAREHOUSES + "/{warehouseId}", "removeProfilesWarehouseFromSpace", ALPHA, Write(delete), method="DELETE"),
    Route(_WAREHOUSES + "/{warehouseId}/selective-syncs", "updateSelectiveSyncForWarehouseAndSpace", ALPHA,
          Write(choose), method="PATCH"),
)
# fmt: on
