"""Audiences, where they go and when, computed traits, and the filters of spaces."""

from __future__ import annotations

from replicator.sandbox.shapes import (
    ANYTHING,
    FLAG,
    FREE,
    NUMBER,
    TEXT,
    TEXTS,
    Either,
    Fields,
    Many,
    Mapped,
    Nullable,
    Parts,
    Shape,
    Text,
)

from .destinations import DAYS, PERIOD

DEFINITION = Fields({"query": TEXT}, {"targetEntity": Nullable(TEXT)})
_QUERY = Fields({"query": TEXT})
_AUDIENCE_TYPE = Text(("ACCOUNTS", "LINKED", "USERS"))
_ABOUT: Parts = {"enabled": FLAG, "description": TEXT}
_PREVIEW_OPTIONS: Parts = {"filterByExternalIds": TEXTS, "backfillEventDataDays": NUMBER}
_OPTIONS = Fields({}, {"includeHistoricalData": FLAG, **_PREVIEW_OPTIONS})

_SCHEDULE = Fields(
    {"strategy": Text(("PERIODIC", "SPECIFIC_DAYS")), "config": Nullable(Either((PERIOD, DAYS)))},
)

TRAIT = Fields({"type": Text(("ACCOUNTS", "USERS")), "query": TEXT})
_TRAIT_OPTIONS = Fields(
    {},
    {"includeHistoricalData": FLAG, "includeAnonymousUsers": FLAG, "backfillDurationDays": NUMBER},
)

_ID_SYNC = Fields({"externalId": TEXT, "strategy": TEXT}, {"mapTo": TEXT})
_CONNECTION: Parts = {"idSyncConfiguration": Many(_ID_SYNC, most=5), "connectionSettings": ANYTHING}
_PERSONALIZATION = Fields(
    {},
    {
        "profile": Fields({}, {"properties": TEXTS, "mapping": Mapped(TEXT)}),
        "entities": Many(Fields({"properties": TEXTS, "relationshipSlug": TEXT})),
        "syncEntityPropertyChanges": FLAG,
    },
)
_ACTIVATION: Parts = {
    "enabled": FLAG,
    "personalization": _PERSONALIZATION,
    "destinationMapping": Fields({"actionId": TEXT}, {"settings": FREE}),
}
_FILTER: Parts = {"enabled": FLAG, "description": TEXT, "drop": FLAG}

BODIES: dict[str, Shape] = {
    "createAudience": Fields(
        {"name": TEXT, "definition": DEFINITION, "audienceType": _AUDIENCE_TYPE},
        {**_ABOUT, "options": _OPTIONS},
    ),
    "updateAudienceForSpace": Fields({}, {"name": TEXT, **_ABOUT, "definition": _QUERY, "options": _OPTIONS}),
    "createAudiencePreview": Fields(
        {"definition": DEFINITION, "audienceType": _AUDIENCE_TYPE},
        {"options": Fields({}, _PREVIEW_OPTIONS)},
    ),
    "addAudienceScheduleToAudience": _SCHEDULE,
    "updateAudienceScheduleForAudience": _SCHEDULE,
    "addDestinationToAudience": Fields({"destination": Fields({"id": TEXT, "type": TEXT})}, _CONNECTION),
    "updateDestinationForAudience": Fields({}, _CONNECTION),
    "addActivationToAudience": Fields(
        {"performResync": FLAG, "activationType": TEXT, "activationName": TEXT},
        {**_ACTIVATION, "displayName": TEXT},
    ),
    "updateActivationForAudience": Fields(
        {},
        {**_ACTIVATION, "performResync": FLAG, "activationName": TEXT, "displayName": Nullable(TEXT)},
    ),
    "createComputedTrait": Fields(
        {"name": TEXT, "definition": TRAIT},
        {**_ABOUT, "options": _TRAIT_OPTIONS},
    ),
    "updateComputedTraitForSpace": Fields({}, {"name": TEXT, **_ABOUT, "definition": TRAIT}),
    "createFilterForSpace": Fields({"integrationId": TEXT, "name": TEXT, "if": TEXT}, _FILTER),
    "updateFilterById": Fields({"integrationId": TEXT}, {**_FILTER, "name": TEXT, "if": TEXT}),
}

#: Alpha knows no linked audiences as it makes one, and no options as it changes one.
VARIANTS: dict[tuple[str, str], Shape] = {
    ("createAudience", "v1alpha"): Fields(
        {"name": TEXT, "definition": DEFINITION, "audienceType": Text(("ACCOUNTS", "USERS"))},
        {**_ABOUT, "options": _OPTIONS},
    ),
    ("updateAudienceForSpace", "v1alpha"): Fields({}, {"name": TEXT, **_ABOUT, "definition": DEFINITION}),
}
