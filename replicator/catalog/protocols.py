"""Tracking plans with their rules and sources, and transformations."""

from __future__ import annotations

from replicator.catalog.model import Listing, Object, Parent, boolean, json, number, text, timestamp
from replicator.catalog.shared import CORE, SOURCE_COLUMNS, given

FEATURES = ("Protocols",)
BY_TRACKING_PLAN = Parent("TrackingPlans", {"trackingPlanId": "id"})

OBJECTS = (
    Object(
        name="TrackingPlans",
        groups=CORE,
        listing=Listing(operation="listTrackingPlans", path="/tracking-plans", items=("trackingPlans",)),
        columns=(
            text("id"),
            text("name"),
            text("slug"),
            text("description"),
            text("type"),
            timestamp("updatedAt"),
            timestamp("createdAt"),
        ),
        tracking="updated",
        tracked_by="updated_at",
        features=FEATURES,
        natural=("name",),
        editable=("name", "description"),
        creatable=("type",),
        writes=(
            "POST /tracking-plans",
            "PATCH /tracking-plans/{trackingPlanId}",
            "DELETE /tracking-plans/{trackingPlanId}",
        ),
        note="Updates and deletes answer only a status. Whether a changed rule moves updatedAt is unverified.",
    ),
    Object(
        name="TrackingPlanRules",
        groups=CORE,
        listing=Listing(
            operation="listRulesFromTrackingPlan",
            path="/tracking-plans/{trackingPlanId}/rules",
            items=("rules",),
            rate=200,
        ),
        columns=(
            given("trackingPlanId"),
            text("type"),
            text("key"),
            json("jsonSchema"),
            number("version"),
            timestamp("createdAt"),
            timestamp("updatedAt"),
            timestamp("deprecatedAt"),
        ),
        key=("tracking_plan_id", "type", "key", "version"),
        parents=(BY_TRACKING_PLAN,),
        features=FEATURES,
        natural=("tracking_plan_id", "type", "key", "version"),
        editable=("json_schema",),
        renamable=("key",),
        creatable=("tracking_plan_id", "type", "key", "version"),
        writes=(
            "PATCH /tracking-plans/{trackingPlanId}/rules",
            "PUT /tracking-plans/{trackingPlanId}/rules",
            "DELETE /tracking-plans/{trackingPlanId}/rules",
        ),
        note="IDENTIFY, GROUP and COMMON rules have no key. PATCH upserts; PUT replaces the whole set.",
    ),
    Object(
        name="TrackingPlanSources",
        groups=CORE,
        listing=Listing(
            operation="listSourcesFromTrackingPlan",
            path="/tracking-plans/{trackingPlanId}/sources",
            items=("sources",),
        ),
        columns=(given("trackingPlanId"), *SOURCE_COLUMNS),
        key=("tracking_plan_id", "id"),
        parents=(BY_TRACKING_PLAN,),
        features=FEATURES,
        permissions=("Source Read-only", "Tracking Plan Read-only"),
        writes=(
            "POST /tracking-plans/{trackingPlanId}/sources",
            "DELETE /tracking-plans/{trackingPlanId}/sources",
        ),
        events=("Source Modified",),
    ),
    Object(
        name="Transformations",
        groups=CORE,
        listing=Listing(operation="listTransformations", path="/transformations", items=("transformations",)),
        columns=(
            text("id"),
            text("name"),
            text("sourceId"),
            text("destinationMetadataId"),
            boolean("enabled"),
            text("if"),
            boolean("drop"),
            text("newEventName"),
            json("propertyRenames"),
            json("propertyValueTransformations"),
            json("fqlDefinedProperties"),
            json("allowProperties"),
            json("hashPropertiesConfiguration"),
        ),
        features=FEATURES,
        natural=("source_id", "name"),
        writes=(
            "POST /transformations",
            "PATCH /transformations/{transformationId}",
            "DELETE /transformations/{transformationId}",
        ),
        events=("Transformation Created", "Transformation Deleted", "Transformation Updated"),
    ),
)
