"""Spaces, and the filters, computed traits and warehouses in them."""

from __future__ import annotations

from replicator.catalog.model import Listing, Object, Parent, boolean, json, text, timestamp
from replicator.catalog.shared import BY_SPACE, PROFILES, PROFILES_ALPHA, given

#: What audiences, the audiences that refer to one, and computed traits have in common.
SUMMARY_COLUMNS = (
    text("id"),
    text("spaceId"),
    text("name"),
    text("description"),
    text("key"),
    boolean("enabled"),
    json("definition", nullable=True),
    text("status"),
    text("createdBy"),
    text("updatedBy"),
    timestamp("createdAt"),
    timestamp("updatedAt"),
    json("options"),
)

OBJECTS = (
    Object(
        name="Spaces",
        groups=PROFILES_ALPHA,
        listing=Listing(operation="listSpaces", path="/spaces", items=("spaces",)),
        columns=(text("id"), text("slug"), text("name")),
        stability="alpha",
        features=("Spaces",),
        natural=("slug",),
    ),
    Object(
        name="SpaceFilters",
        groups=PROFILES,
        # The cursor of this listing is a numeric offset, sent as pagination.cursor like any other.
        listing=Listing(operation="listFiltersForSpace", path="/filters", items=("filters",), page_size=10),
        columns=(
            text("id"),
            text("workspaceId"),
            text("integrationId"),
            boolean("enabled"),
            text("name"),
            text("description"),
            text("if"),
            boolean("drop"),
            timestamp("createdAt"),
            timestamp("updatedAt"),
        ),
        restless=True,
        parents=(Parent("Spaces", {"integrationId": "id"}),),
        stability="beta",
        features=("Space Filters",),
        natural=("integration_id", "name"),
        writes=("POST /filters", "PATCH /filters/{id}", "DELETE /filters/{id}"),
        events=("Filter Created", "Filter Deleted", "Filter Updated"),
        note="integrationId is the space's id. PATCH replaces the filter.",
    ),
    Object(
        name="ComputedTraits",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listComputedTraits",
            path="/spaces/{spaceId}/computed-traits",
            items=("computedTraits",),
            rate=25,
        ),
        columns=SUMMARY_COLUMNS,
        key=("space_id", "id"),
        restless=True,
        parents=(BY_SPACE,),
        stability="alpha",
        features=("Computed Trait",),
        natural=("space_id", "key"),
        writes=(
            "POST /spaces/{spaceId}/computed-traits",
            "PATCH /spaces/{spaceId}/computed-traits/{id}",
            "DELETE /spaces/{spaceId}/computed-traits/{id}",
        ),
        events=("Computed Trait Created", "Computed Trait Deleted", "Computed Trait Modified"),
    ),
    Object(
        name="ProfilesWarehouses",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listProfilesWarehouseInSpace",
            path="/spaces/{spaceId}/profiles-warehouses",
            items=("profilesWarehouses",),
        ),
        columns=(
            text("id"),
            text("spaceId"),
            json("metadata"),
            text("workspaceId"),
            boolean("enabled"),
            json("settings", secret=True),
            text("schemaName"),
        ),
        key=("space_id", "id"),
        restless=True,
        parents=(BY_SPACE,),
        stability="alpha",
        writes=(
            "POST /spaces/{spaceId}/profiles-warehouses",
            "PATCH /spaces/{spaceId}/profiles-warehouses/{warehouseId}",
            "DELETE /spaces/{spaceId}/profiles-warehouses/{warehouseId}",
        ),
        events=(
            "Profiles Sync Warehouse Created",
            "Profiles Sync Warehouse Deleted",
            "Profiles Sync Warehouse Updated",
        ),
        note='Reading it writes "Profiles Sync Warehouse Retrieved" to the audit trail.',
    ),
    Object(
        name="ProfilesWarehouseSelectiveSyncs",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listSelectiveSyncsFromWarehouseAndSpace",
            path="/spaces/{spaceId}/profiles-warehouses/{warehouseId}/selective-syncs",
            items=("items",),
        ),
        columns=(
            given("spaceId"),
            text("collection"),
            text("warehouseId"),
            boolean("enabled"),
            json("properties"),
        ),
        key=("space_id", "warehouse_id", "collection"),
        parents=(Parent("ProfilesWarehouses", {"spaceId": "space_id", "warehouseId": "id"}),),
        stability="alpha",
        writes=("PATCH /spaces/{spaceId}/profiles-warehouses/{warehouseId}/selective-syncs",),
        events=("Profiles Sync Warehouse Modified",),
        note="enableEventTables lies beside the list, on no record, and is not kept.",
    ),
)
