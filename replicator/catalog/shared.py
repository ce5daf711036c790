"""What several domains of the catalog have in common: groups, parents, and the columns of embedded records."""

from __future__ import annotations

from replicator.catalog.model import Column, Group, Parent, boolean, json, text

CORE: frozenset[Group] = frozenset({"core"})
USAGE: frozenset[Group] = frozenset({"usage"})
DELIVERY: frozenset[Group] = frozenset({"delivery"})
CATALOG: frozenset[Group] = frozenset({"catalog"})
PROFILES: frozenset[Group] = frozenset({"profiles"})
ALPHA: frozenset[Group] = frozenset({"alpha"})
PROFILES_ALPHA: frozenset[Group] = PROFILES | ALPHA

BY_SOURCE = Parent("Sources", {"sourceId": "id"})
BY_DESTINATION = Parent("Destinations", {"destinationId": "id"})
BY_WAREHOUSE = Parent("Warehouses", {"warehouseId": "id"})
BY_SPACE = Parent("Spaces", {"spaceId": "id"})


def given(field: str) -> Column:
    """A TEXT column for the value of that parameter, which the record itself does not carry."""
    return text(field, given=True)


#: DestinationV1, as the Destinations themselves and those connected to a source are sent.
DESTINATION_COLUMNS = (
    text("id"),
    text("name"),
    boolean("enabled"),
    json("metadata"),
    text("sourceId"),
    json("settings", secret=True),
)
#: SourceV1, as the Sources themselves and those connected to warehouses and tracking plans are sent.
SOURCE_COLUMNS = (
    text("id"),
    text("slug"),
    text("name"),
    json("metadata"),
    text("workspaceId"),
    boolean("enabled"),
    json("writeKeys", secret=True, withheld=True),
    json("settings", secret=True),
    json("labels"),
)
#: WarehouseV1, as the Warehouses themselves and those connected to a source are sent.
WAREHOUSE_COLUMNS = (
    text("id"),
    json("metadata"),
    text("workspaceId"),
    boolean("enabled"),
    json("settings", secret=True),
)
