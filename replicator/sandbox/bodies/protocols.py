"""Tracking plans, their rules, and transformations."""

from __future__ import annotations

from replicator.sandbox.shapes import ANYTHING, FLAG, NUMBER, TEXT, TEXTS, Fields, Many, Parts, Shape, Text

RULE_TYPE = Text(("COMMON", "GROUP", "IDENTIFY", "PAGE", "SCREEN", "TRACK"))
#: At most so many in one request (resources.md, "Updates").
RULES_AT_ONCE = 200
_RULE: Parts = {"type": RULE_TYPE, "jsonSchema": ANYTHING, "version": NUMBER}
RULE = Fields(_RULE, {"key": TEXT})
#: `newKey` renames.
UPSERT = Fields(_RULE, {"key": TEXT, "newKey": TEXT})
RULE_KEY = Fields({"type": RULE_TYPE, "version": NUMBER}, {"key": TEXT})

RENAME = Fields({"oldName": TEXT, "newName": TEXT})
NEW_VALUE = Fields({"propertyPaths": Many(TEXT, most=10), "propertyValue": TEXT})
COMPUTED = Fields({"fql": TEXT, "propertyName": TEXT})
HASHING = Fields(
    {"algorithm": TEXT, "paths": TEXTS},
    {"key": TEXT, "encoding": Text(("BASE16", "BASE64", "BASE64URL", "HEX"))},
)
_MADE_OF: Parts = {"name": TEXT, "sourceId": TEXT, "enabled": FLAG, "if": TEXT}
_BETA_MAY_HAVE: Parts = {
    "destinationMetadataId": TEXT,
    "newEventName": TEXT,
    "propertyRenames": Many(RENAME),
    "propertyValueTransformations": Many(NEW_VALUE, most=10),
}
_MAY_HAVE: Parts = {
    **_BETA_MAY_HAVE,
    "drop": FLAG,
    "fqlDefinedProperties": Many(COMPUTED, most=1),
    "allowProperties": TEXTS,
    "hashPropertiesConfiguration": HASHING,
}

BODIES: dict[str, Shape] = {
    "createTrackingPlan": Fields(
        {"name": TEXT, "type": Text(("ENGAGE", "LIVE", "PROPERTY_LIBRARY", "RULE_LIBRARY", "TEMPLATE"))},
        {"description": TEXT},
    ),
    "updateTrackingPlan": Fields({}, {"name": TEXT, "description": TEXT}),
    "replaceRulesInTrackingPlan": Fields({"rules": Many(RULE, most=RULES_AT_ONCE)}),
    "updateRulesInTrackingPlan": Fields({"rules": Many(UPSERT, most=RULES_AT_ONCE)}),
    "addSourceToTrackingPlan": Fields({"sourceId": TEXT}),
    "createTransformation": Fields(_MADE_OF, _MAY_HAVE),
    "updateTransformation": Fields({}, {**_MADE_OF, **_MAY_HAVE}),
}

VARIANTS: dict[tuple[str, str], Shape] = {
    ("createTransformation", "v1beta"): Fields(_MADE_OF, _BETA_MAY_HAVE),
    ("updateTransformation", "v1beta"): Fields({"transformationId": TEXT}, {**_MADE_OF, **_BETA_MAY_HAVE}),
}

QUERIES: dict[str, Fields] = {
    "removeRulesFromTrackingPlan": Fields({"rules": Many(RULE_KEY, most=RULES_AT_ONCE)}),
    "removeSourceFromTrackingPlan": Fields({"sourceId": TEXT}),
}
