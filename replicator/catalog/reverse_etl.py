"""Reverse ETL: models and how their syncs went."""

from __future__ import annotations

from replicator.catalog.model import Listing, Object, Paging, Parent, boolean, json, text, timestamp
from replicator.catalog.shared import ALPHA, given

OBJECTS = (
    Object(
        name="ReverseETLModels",
        groups=ALPHA,
        listing=Listing(operation="listReverseEtlModels", path="/reverse-etl-models", items=("models",)),
        columns=(
            text("id"),
            text("sourceId"),
            text("name"),
            text("description"),
            boolean("enabled"),
            text("query"),
            text("queryIdentifierColumn"),
        ),
        stability="alpha",
        natural=("source_id", "name"),
        writes=(
            "POST /reverse-etl-models",
            "PATCH /reverse-etl-models/{modelId}",
            "DELETE /reverse-etl-models/{modelId}",
        ),
        events=("Model Created", "Model Deleted", "Model Settings Saved", "Model State Change Toggled"),
    ),
    Object(
        name="ReverseETLSyncStatuses",
        groups=ALPHA,
        absence_deletes=False,
        listing=Listing(
            operation="listReverseEtlSyncStatusesFromModelAndSubscriptionId",
            path="/reverse-etl-models/{modelId}/subscriptionId/{subscriptionId}/syncs",
            items=("syncStatuses",),
            paging=Paging.BARE,
            page_size=100,
        ),
        columns=(
            given("subscriptionId"),
            text("syncId"),
            text("modelId"),
            text("sourceId"),
            text("syncStatus"),
            text("duration"),
            timestamp("startedAt"),
            timestamp("finishedAt"),
            json("extractPhase"),
            json("loadPhase"),
            text("error"),
            text("errorCode"),
        ),
        key=("model_id", "subscription_id", "sync_id"),
        restless=True,
        parents=(Parent("DestinationSubscriptions", {"modelId": "model_id", "subscriptionId": "id"}),),
        stability="alpha",
        writes=("POST /reverse-etl-syncs", "POST /reverse-etl-models/{modelId}/syncs/{syncId}/cancel"),
        note="Assumed: subscriptionId is the id of a DestinationSubscription, and the models it can be asked with are "
        "those that subscriptions name in modelId; nothing else readable connects the two.",
    ),
)
