"""Profiles Sync warehouses, and messaging subscriptions."""

from __future__ import annotations

from replicator.sandbox.shapes import FLAG, FREE, TEXT, Fields, Many, Parts, Shape, Text

_WAREHOUSE: Parts = {"name": TEXT, "enabled": FLAG, "schemaName": TEXT}
_SYNCED = Fields({"collection": TEXT, "enabled": FLAG}, {"property": TEXT})
_STATUS = Text(("DID_NOT_SUBSCRIBE", "SUBSCRIBED", "UNSUBSCRIBED"))
_SUBSCRIBER: Parts = {"key": TEXT, "type": Text(("ANDROID_PUSH", "EMAIL", "IOS_PUSH", "SMS", "WHATSAPP"))}
_SUBSCRIPTION = Fields(
    _SUBSCRIBER,
    {"status": _STATUS, "groups": Many(Fields({"name": TEXT, "status": _STATUS}))},
)

BODIES: dict[str, Shape] = {
    "createProfilesWarehouse": Fields({"metadataId": TEXT, "settings": FREE}, _WAREHOUSE),
    "updateProfilesWarehouseForSpaceWarehouse": Fields({"settings": FREE}, _WAREHOUSE),
    "updateSelectiveSyncForWarehouseAndSpace": Fields(
        {},
        {"syncOverrides": Many(_SYNCED), "enableEventTables": FLAG},
    ),
    "replaceMessagingSubscriptionsInSpaces": Fields({"subscriptions": Many(_SUBSCRIPTION)}),
    "batchQueryMessagingSubscriptionsForSpace": Fields({"subscriptions": Many(Fields(_SUBSCRIBER))}),
}
