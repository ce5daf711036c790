"""Warehouses, what they sync and when, credentials, and downloads."""

from __future__ import annotations

from replicator.sandbox.shapes import FLAG, FREE, TEXT, Fields, Many, Nullable, Number, Shape

_HOUR = Fields({"hourOfDay": Number(0, 23), "enabled": FLAG})
_SYNCED = Fields({"sourceId": TEXT, "enabled": FLAG}, {"collection": TEXT, "property": TEXT})

BODIES: dict[str, Shape] = {
    "createWarehouse": Fields(
        {"metadataId": TEXT, "settings": FREE},
        {"name": TEXT, "enabled": FLAG, "disconnectAllSources": FLAG},
    ),
    "updateWarehouse": Fields({"settings": FREE}, {"name": Nullable(TEXT), "enabled": FLAG}),
    "createValidationInWarehouse": Fields({"metadataId": TEXT, "settings": FREE}),
    "replaceAdvancedSyncScheduleForWarehouse": Fields(
        {"enabled": FLAG},
        {"schedule": Fields({"times": Many(_HOUR), "timezone": TEXT})},
    ),
    "updateSelectiveSyncForWarehouse": Fields({"syncOverrides": Many(_SYNCED)}),
    "createCredential": Fields({"name": TEXT, "settings": FREE}),
    "updateCredential": Fields({}, {"name": TEXT, "settings": FREE}),
    "createDownload": Fields({"collectionId": TEXT, "hour": TEXT}),
}
