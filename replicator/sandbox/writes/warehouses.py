"""Warehouses: themselves, the sources connected to them, what they sync of these and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write
from replicator.sandbox.content.catalog import catalog_warehouses
from replicator.sandbox.content.sources import sources
from replicator.sandbox.content.warehouse_syncs import OVERRIDES, connection, find_collection, syncs_to_choose
from replicator.sandbox.content.warehouses import (
    CONNECTIONS,
    PASSWORDS,
    SCHEDULES,
    Connections,
    connect,
    disconnect,
    is_connected,
    state_of,
    warehouses,
)
from replicator.sandbox.messages import invalid, not_found
from replicator.sandbox.routing import STABLE, Route

from .credentials import check_credential, choose_credential
from .settings import is_password, merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.content.warehouse_syncs import Overrides
    from replicator.sandbox.series import Record, Series
    from replicator.sandbox.world import World


def create(world: World, call: Call) -> Mapping[str, Any]:
    """All sources are connected to it, unless it is told not to."""
    body = call.body
    metadata = world.table(catalog_warehouses).get(body["metadataId"])
    check_credential(world, body["settings"])
    table = world.table(warehouses)
    identifier = table.new_id()
    warehouse = {
        "id": identifier,
        "metadata": metadata,
        "workspaceId": world.workspace_id,
        "enabled": body.get("enabled", True),
        "settings": _settings({}, body),
    }
    table.add(identifier, warehouse)
    _keep_password(world, identifier, body["settings"], known=False)
    choose_credential(world, warehouses, identifier, body["settings"])
    CONNECTIONS.put(world, identifier, _to_none() if body.get("disconnectAllSources") else _to_all(world))
    _happened(world, call, "Storage Destination Created", warehouse)
    return {"warehouse": warehouse}


def _to_none() -> Connections:
    return Connections(range(0))


def _to_all(world: World) -> Connections:
    added = world.table(sources).of("", range(0))
    return Connections(range(len(sources(world))), more=tuple(source["id"] for source in added))


def _settings(known: Mapping[str, Any], body: Record) -> Record:
    """The name lies in the settings; null clears it."""
    given = body["settings"] | ({"name": body["name"]} if "name" in body else {})
    return merged(known, given)


def _keep_password(world: World, warehouse: str, settings: Mapping[str, Any], *, known: bool) -> None:
    """Settings do not show a password, so remember whether there is one."""
    given = [value for name, value in settings.items() if is_password(name)]
    PASSWORDS.put(world, warehouse, bool(given[-1]) if given else known)


def update(world: World, call: Call) -> Mapping[str, Any]:
    warehouse, body = world.table(warehouses).get(call.ids[0]), call.body
    check_credential(world, body["settings"])
    enabled = body.get("enabled", warehouse["enabled"])
    changed = warehouse | {"enabled": enabled, "settings": _settings(warehouse["settings"], body)}
    world.table(warehouses).put(warehouse["id"], changed)
    _keep_password(world, warehouse["id"], body["settings"], known=PASSWORDS.of(world, warehouse["id"]))
    choose_credential(world, warehouses, warehouse["id"], body["settings"])
    if enabled and not warehouse["enabled"]:
        _happened(world, call, "Storage Destination Enabled", changed)
    if changed | {"enabled": True} != warehouse | {"enabled": True} or (warehouse["enabled"] and not enabled):
        _happened(world, call, "Storage Destination Modified", changed)
    return {"warehouse": changed}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    warehouse = world.table(warehouses).get(call.ids[0])
    world.table(warehouses).remove(warehouse["id"])
    _happened(world, call, "Storage Destination Deleted", warehouse)
    return {"status": "SUCCESS"}


def validate(world: World, call: Call) -> Mapping[str, Any]:
    metadata = world.table(catalog_warehouses).get(call.body["metadataId"])
    event = "Storage Destination Settings Validation"
    world.happened(call, event, "storage_destination", metadata["id"], metadata["name"])
    return {"status": state_of(metadata, call.body["settings"])}


def add_connection(world: World, call: Call) -> Mapping[str, Any]:
    """What is connected stays connected."""
    warehouse = world.table(warehouses).get(call.ids[0])
    source = world.table(sources).get(call.ids[1])
    if not is_connected(world, warehouse["id"], source["id"]):
        connect(world, warehouse["id"], source["id"])
        _happened(world, call, "Storage Destination Modified", warehouse)
    return {"status": "CONNECTED"}


def remove_connection(world: World, call: Call) -> Mapping[str, Any]:
    """What was chosen to be synced of the source is forgotten."""
    warehouse = world.table(warehouses).get(call.ids[0])
    source = world.table(sources).get(call.ids[1])
    if not is_connected(world, warehouse["id"], source["id"]):
        raise not_found("Connection")
    disconnect(world, warehouse["id"], source["id"])
    OVERRIDES.put(world, connection(warehouse["id"], source["id"]), {})
    _happened(world, call, "Storage Destination Modified", warehouse, named=False)
    return {"status": "SUCCESS"}


def replace_schedule(world: World, call: Call) -> Mapping[str, Any]:
    warehouse = world.table(warehouses).get(call.ids[0])
    if call.body["enabled"] and "schedule" not in call.body:
        raise invalid("schedule", "is required")
    schedule: Record = {name: call.body[name] for name in ("enabled", "schedule") if name in call.body}
    SCHEDULES.put(world, warehouse["id"], schedule)
    _happened(world, call, "Storage Destination Modified", warehouse, named=False)
    return schedule


def update_selective_syncs(world: World, call: Call) -> Mapping[str, Any]:
    """What is not known of a source is told as a warning, and the rest is done."""
    warehouse = world.table(warehouses).get(call.ids[0])
    chosen: dict[str, Overrides] = {}
    warnings: list[str] = []
    for place, override in enumerate(call.body["syncOverrides"]):
        source = world.table(sources).get(override["sourceId"])["id"]
        if not is_connected(world, warehouse["id"], source):
            raise not_found("Connection")
        if override.get("property") and not override.get("collection"):
            raise invalid(f"syncOverrides.{place}.collection", "is required")
        key = connection(warehouse["id"], source)
        before = chosen.get(key, OVERRIDES.of(world, key))
        match _now(syncs_to_choose(world, warehouse["id"], source, before), override):
            case str(problem):
                warnings.append(problem)
            case now if now is not override["enabled"]:
                chosen[key] = _overridden(before, override)
            case _:
                pass
    for key, overrides in chosen.items():
        OVERRIDES.put(world, key, overrides)
    if chosen:
        _happened(world, call, "Storage Destination Modified", warehouse)
    return {"status": "UPDATED" if chosen else "UNCHANGED", "warnings": warnings}


def _now(rows: Series, override: Record) -> bool | str | None:
    """Whether it is synced now, or why that cannot be told; None for a whole source, where some may be and some not."""
    collection, name = override.get("collection"), override.get("property")
    if not collection:
        return None
    row = find_collection(rows, collection)
    if row is None:
        return f"The source {override['sourceId']} has no collection {collection}"
    if name and name not in row["properties"]:
        return f"The collection {collection} has no property {name}"
    return bool(row["properties"][name]["enabled"] if name else row["enabled"])


def _overridden(before: Overrides, override: Record) -> Overrides:
    """What holds for the whole source ends what was chosen for its collections."""
    collection, name = override.get("collection", ""), override.get("property", "")
    kept = {key: enabled for key, enabled in before.items() if collection or key[1]}
    return kept | {(collection, name): override["enabled"]}


def _happened(world: World, call: Call, event: str, warehouse: Record, *, named: bool = True) -> None:
    name = warehouse["settings"].get("name") or warehouse["metadata"]["name"]
    world.happened(call, event, "storage_destination", warehouse["id"], name, named=named)


# fmt: off
_ONE = "/warehouses/{warehouseId}"
ROUTES = (
    Route("/warehouses", "createWarehouse", STABLE, Write(create, 201), method="POST"),
    Route(_ONE, "updateWarehouse", STABLE, Write(update), method="PATCH"),
    Route(_ONE, "deleteWarehouse", STABLE, Write(delete), method="DELETE"),
    Route("/warehouses/validation", "createValidationInWarehouse", STABLE, Write(validate), method="POST"),
    Route(f"{_ONE}/connected-sources/{{sourceId}}", "addConnectionFromSourceToWarehouse", STABLE,
          Write(add_connection, 201), method="POST"),
    Route(f"{_ONE}/connected-sources/{{sourceId}}", "removeSourceConnectionFromWarehouse", STABLE,
          Write(remove_connection), method="DELETE"),
    Route(f"{_ONE}/advanced-sync-schedule", "replaceAdvancedSyncScheduleForWarehouse", STABLE,
          Write(replace_schedule), limit=2, method="PUT"),
    Route(f"{_ONE}/selective-sync", "updateSelectiveSyncForWarehouse", STABLE,
          Write(update_selective_syncs), limit=2, method="PATCH"),
)
# fmt: on
