"""Functions and the instances of insert functions."""

from __future__ import annotations

from replicator.sandbox.shapes import FLAG, FREE, TEXT, Fields, Many, Shape, Text

SETTING = Fields(
    {
        "name": TEXT,
        "label": TEXT,
        "description": TEXT,
        "type": Text(("ARRAY", "BOOLEAN", "STRING", "TEXT_MAP")),
        "required": FLAG,
        "sensitive": FLAG,
    }
)
KIND = Text(("DESTINATION", "INSERT_DESTINATION", "INSERT_SOURCE", "INSERT_TRANSFORMATION", "SOURCE"))

BODIES: dict[str, Shape] = {
    "createFunction": Fields(
        {"code": TEXT, "displayName": TEXT, "resourceType": KIND},
        {"settings": Many(SETTING), "logoUrl": TEXT, "description": TEXT},
    ),
    "updateFunction": Fields(
        {},
        {"code": TEXT, "settings": Many(SETTING), "displayName": TEXT, "logoUrl": TEXT, "description": TEXT},
    ),
    "restoreFunctionVersion": Fields({"versionId": TEXT}),
    "createInsertFunctionInstance": Fields(
        {"functionId": TEXT, "integrationId": TEXT, "name": TEXT, "settings": FREE},
        {"enabled": FLAG},
    ),
    "updateInsertFunctionInstance": Fields({"settings": FREE}, {"enabled": FLAG, "name": TEXT}),
}
