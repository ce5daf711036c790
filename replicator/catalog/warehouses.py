"""Warehouses, the sources connected to them, and how they sync."""

from __future__ import annotations

from replicator.catalog.model import Listing, Object, Paging, Parent, Shape, boolean, json, number, text, timestamp
from replicator.catalog.shared import BY_WAREHOUSE, CORE, DELIVERY, SOURCE_COLUMNS, WAREHOUSE_COLUMNS, given

WAREHOUSES = (
    Object(
        name="Warehouses",
        groups=CORE,
        listing=Listing(operation="listWarehouses", path="/warehouses", items=("warehouses",)),
        columns=WAREHOUSE_COLUMNS,
        writes=(
            "POST /warehouses",
            "PATCH /warehouses/{warehouseId}",
            "DELETE /warehouses/{warehouseId}",
            "POST /warehouses/validation",
        ),
        events=(
            "Storage Destination Created",
            "Storage Destination Deleted",
            "Storage Destination Enabled",
            "Storage Destination Modified",
            "Storage Destination Settings Validation",
        ),
        note="A warehouse's name lies in its settings; its password is never sent. The audit trail calls warehouses "
        "storage destinations.",
    ),
    Object(
        name="WarehouseConnectedSources",
        groups=CORE,
        listing=Listing(
            operation="listConnectedSourcesFromWarehouse",
            path="/warehouses/{warehouseId}/connected-sources",
            items=("sources",),
        ),
        columns=(given("warehouseId"), *SOURCE_COLUMNS),
        key=("warehouse_id", "id"),
        parents=(BY_WAREHOUSE,),
        writes=(
            "POST /warehouses/{warehouseId}/connected-sources/{sourceId}",
            "DELETE /warehouses/{warehouseId}/connected-sources/{sourceId}",
        ),
        events=("Storage Destination Modified",),
    ),
    Object(
        name="WarehouseConnectionState",
        groups=DELIVERY,
        listing=Listing(
            operation="getConnectionStateFromWarehouse",
            path="/warehouses/{warehouseId}/connection-state",
            shape=Shape.DATA,
            paging=Paging.NONE,
            rate=200,
        ),
        columns=(given("warehouseId"), text("connectionState")),
        key=("warehouse_id",),
        restless=True,
        parents=(BY_WAREHOUSE,),
        note="Segment tries the connection when asked; this is no stored state.",
    ),
)

_BY_CONNECTED_SOURCE = Parent("WarehouseConnectedSources", {"warehouseId": "warehouse_id", "sourceId": "id"})
_SYNC_COLUMNS = (
    text("sourceId"),
    timestamp("start"),
    timestamp("end", nullable=True),
    text("status"),
    number("duration"),
    text("humanDuration"),
    number("count"),
    json("notices"),
)

# Two requests a minute: the slowest reads of the API (resources of SelectiveSync), so they stay out of `core`.
WAREHOUSE_SYNCS = (
    Object(
        name="WarehouseAdvancedSyncSchedule",
        groups=DELIVERY,
        listing=Listing(
            operation="getAdvancedSyncScheduleFromWarehouse",
            path="/warehouses/{warehouseId}/advanced-sync-schedule",
            shape=Shape.DATA,
            paging=Paging.NONE,
            rate=2,
        ),
        columns=(given("warehouseId"), boolean("enabled"), json("schedule")),
        key=("warehouse_id",),
        parents=(BY_WAREHOUSE,),
        writes=("PUT /warehouses/{warehouseId}/advanced-sync-schedule",),
    ),
    Object(
        name="WarehouseSelectiveSyncs",
        groups=DELIVERY,
        listing=Listing(
            operation="listSelectiveSyncsFromWarehouseAndSource",
            path="/warehouses/{warehouseId}/connected-sources/{sourceId}/selective-syncs",
            items=("items",),
            rate=2,
        ),
        columns=(
            text("sourceId"),
            text("collection"),
            text("warehouseId"),
            boolean("enabled"),
            json("properties"),
        ),
        key=("warehouse_id", "source_id", "collection"),
        parents=(_BY_CONNECTED_SOURCE,),
        writes=("PATCH /warehouses/{warehouseId}/selective-sync",),
        events=("Storage Destination Modified",),
    ),
    Object(
        name="WarehouseSourceSyncs",
        groups=DELIVERY,
        absence_deletes=False,
        listing=Listing(
            operation="listSyncsFromWarehouseAndSource",
            path="/warehouses/{warehouseId}/connected-sources/{sourceId}/syncs",
            items=("reports",),
            rate=2,
        ),
        columns=(given("warehouseId"), *_SYNC_COLUMNS),
        key=("warehouse_id", "source_id", "start"),
        restless=True,
        parents=(_BY_CONNECTED_SOURCE,),
    ),
    Object(
        name="WarehouseSyncs",
        groups=DELIVERY,
        absence_deletes=False,
        listing=Listing(
            operation="listSyncsFromWarehouse",
            path="/warehouses/{warehouseId}/syncs",
            items=("reports",),
            rate=2,
        ),
        columns=(given("warehouseId"), *_SYNC_COLUMNS),
        key=("warehouse_id", "source_id", "start"),
        restless=True,
        parents=(BY_WAREHOUSE,),
    ),
)

OBJECTS = (*WAREHOUSES, *WAREHOUSE_SYNCS)
