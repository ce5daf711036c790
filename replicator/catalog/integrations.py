"""Segment's own catalog of what can be connected, and the credentials that connections use."""

from __future__ import annotations

from replicator.catalog.model import Listing, Object, Paging, Parent, Shape, boolean, json, text, timestamp
from replicator.catalog.shared import CATALOG, CORE, SOURCE_COLUMNS, WAREHOUSE_COLUMNS, given

_PERMISSIONS = ("Workspace Owner", "Warehouse Admin", "Source Admin", "Entities Admin", "Unify and Engage Admin")
_GLOBAL = "The same for every workspace."

_CATALOG_COLUMNS = (
    text("id"),
    text("name"),
    text("slug"),
    text("description"),
    json("logos"),
    json("options"),
)
#: What SourceV1 adds to WarehouseV1: a consumer is either.
_SOURCE_ALONE = tuple(column for column in SOURCE_COLUMNS if column not in WAREHOUSE_COLUMNS)

OBJECTS = (
    Object(
        name="Credentials",
        groups=CORE,
        listing=Listing(operation="listCredentials", path="/credentials", items=("credentials",)),
        columns=(
            text("id"),
            text("workspaceId"),
            text("name"),
            json("settings", secret=True),
            timestamp("createdAt"),
            timestamp("updatedAt"),
        ),
        permissions=_PERMISSIONS,
        natural=("name",),
        writes=(
            "POST /credentials",
            "PATCH /credentials/{credentialId}",
            "DELETE /credentials/{credentialId}",
        ),
        events=(
            "Warehouse Credential Created",
            "Warehouse Credential Deleted",
            "Warehouse Credential Modified",
        ),
    ),
    Object(
        name="CredentialConsumers",
        groups=CORE,
        listing=Listing(
            operation="listCredentialConsumers",
            path="/credentials/{credentialId}/consumers",
            items=("warehouses", "sources"),
            shape=Shape.LISTS,
            paging=Paging.EACH,
        ),
        columns=(given("credentialId"), given("kind"), *WAREHOUSE_COLUMNS, *_SOURCE_ALONE),
        key=("credential_id", "kind", "id"),
        parents=(Parent("Credentials", {"credentialId": "id"}),),
        permissions=_PERMISSIONS,
        note="Two lists in one answer, each with a cursor of its own; kind tells which.",
    ),
    Object(
        name="CatalogSources",
        groups=CATALOG,
        listing=Listing(operation="getSourcesCatalog", path="/catalog/sources", items=("sourcesCatalog",)),
        columns=(
            *_CATALOG_COLUMNS,
            json("categories"),
            boolean("isCloudEventSource"),
            text("status"),
            boolean("partnerOwned"),
        ),
        natural=("slug",),
        note=_GLOBAL,
    ),
    Object(
        name="CatalogDestinations",
        groups=CATALOG,
        listing=Listing(
            operation="getDestinationsCatalog", path="/catalog/destinations", items=("destinationsCatalog",)
        ),
        columns=(
            *_CATALOG_COLUMNS,
            text("status"),
            json("previousNames"),
            json("categories"),
            text("website"),
            json("components"),
            json("supportedFeatures"),
            json("supportedMethods"),
            json("supportedPlatforms"),
            json("actions"),
            json("presets"),
            json("contacts", personal=True),
            boolean("partnerOwned"),
            json("supportedRegions"),
            json("regionEndpoints"),
            text("multiInstanceSupportedVersion"),
        ),
        natural=("slug",),
        note=_GLOBAL + " Very wide rows (actions, presets).",
    ),
    Object(
        name="CatalogWarehouses",
        groups=CATALOG,
        listing=Listing(operation="getWarehousesCatalog", path="/catalog/warehouses", items=("warehousesCatalog",)),
        columns=_CATALOG_COLUMNS,
        natural=("slug",),
        note=_GLOBAL,
    ),
)
