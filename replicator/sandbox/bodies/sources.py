"""Sources, labels and schema settings."""

from __future__ import annotations

from replicator.sandbox.shapes import FLAG, FREE, TEXT, Fields, Many, Parts, Shape, Text

LABEL = Fields({"key": TEXT, "value": TEXT}, {"description": TEXT})

_MADE_OF: Parts = {"slug": TEXT, "enabled": FLAG, "metadataId": TEXT}
_CHANGES: Parts = {"name": TEXT, "enabled": FLAG, "slug": TEXT, "settings": FREE}
_TRAITS: Parts = {
    "allowUnplannedTraits": FLAG,
    "allowTraitsOnViolations": FLAG,
    "commonEventOnViolations": Text(("ALLOW", "BLOCK", "OMIT_TRAITS")),
}
_TRACK: Parts = {
    "allowUnplannedEvents": FLAG,
    "allowUnplannedEventProperties": FLAG,
    "allowEventOnViolations": FLAG,
    "allowPropertiesOnViolations": FLAG,
    "commonEventOnViolations": Text(("ALLOW", "BLOCK", "OMIT_PROPERTIES")),
}

BODIES: dict[str, Shape] = {
    "createSource": Fields(_MADE_OF, {"settings": FREE, "disconnectAllWarehouses": FLAG}),
    "updateSource": Fields({}, _CHANGES),
    "addLabelsToSource": Fields({"labels": Many(LABEL)}),
    "replaceLabelsInSource": Fields({"labels": Many(LABEL)}),
    "createLabel": Fields({"label": LABEL}),
    "createLivePlugin": Fields({"code": TEXT}),
    "updateSchemaSettingsInSource": Fields(
        {},
        {
            "track": Fields({}, _TRACK),
            "identify": Fields({}, _TRAITS),
            "group": Fields({}, _TRAITS),
            "forwardingViolationsTo": TEXT,
            "forwardingBlockedEventsTo": TEXT,
        },
    ),
}

#: Alpha can name a source as it makes it.
VARIANTS: dict[tuple[str, str], Shape] = {
    ("createSource", "v1alpha"): Fields(_MADE_OF, {"name": TEXT, "settings": FREE}),
}
