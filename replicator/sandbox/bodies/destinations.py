"""Destinations, their subscriptions and their filters."""

from __future__ import annotations

from replicator.sandbox.shapes import FLAG, FREE, NUMBER, TEXT, Either, Fields, Many, Nullable, Number, Shape, Text

FILTER_ACTION = Fields(
    {"type": Text(("ALLOW_PROPERTIES", "DROP", "DROP_PROPERTIES", "SAMPLE"))},
    {"fields": FREE, "percent": Number(0, 1), "path": TEXT},
)

PERIOD = Fields({"interval": TEXT})
DAYS = Fields({"days": Many(NUMBER), "hours": Many(NUMBER), "timezone": TEXT})
_CRON = Fields({"spec": TEXT, "timezone": TEXT})
_DBT_CLOUD = Fields({"jobId": TEXT, "accountId": TEXT})
SCHEDULE = Fields(
    {"strategy": Text(("CRON", "DBT_CLOUD", "MANUAL", "PERIODIC", "SPECIFIC_DAYS"))},
    {"config": Nullable(Either((_CRON, _DBT_CLOUD, PERIOD, DAYS)))},
)

BODIES: dict[str, Shape] = {
    "createDestination": Fields(
        {"sourceId": TEXT, "metadataId": TEXT, "settings": FREE},
        {"enabled": FLAG, "name": TEXT},
    ),
    "updateDestination": Fields({}, {"name": Nullable(TEXT), "enabled": FLAG, "settings": FREE}),
    "createDestinationSubscription": Fields(
        {"name": TEXT, "actionId": TEXT, "trigger": TEXT, "enabled": FLAG},
        {"settings": FREE, "modelId": TEXT},
    ),
    "updateSubscriptionForDestination": Fields(
        {
            "input": Fields(
                {},
                {
                    "name": TEXT,
                    "trigger": TEXT,
                    "enabled": FLAG,
                    "settings": FREE,
                    "reverseETLModelId": TEXT,
                    "reverseETLSchedule": SCHEDULE,
                },
            )
        }
    ),
    "createFilterForDestination": Fields(
        {"sourceId": TEXT, "if": TEXT, "actions": Many(FILTER_ACTION), "title": TEXT, "enabled": FLAG},
        {"description": TEXT},
    ),
    "updateFilterForDestination": Fields(
        {},
        {
            "if": TEXT,
            "actions": Many(FILTER_ACTION),
            "title": TEXT,
            "description": Nullable(TEXT),
            "enabled": FLAG,
        },
    ),
    "previewDestinationFilter": Fields(
        {"filter": Fields({"if": TEXT, "actions": Many(FILTER_ACTION)}), "payload": FREE},
    ),
}
