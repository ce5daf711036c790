"""Audiences: where they go, when they run, and who refers to them."""

from __future__ import annotations

from replicator.catalog.model import Listing, Object, Paging, Parent, Shape, boolean, json, text, timestamp
from replicator.catalog.profiles import SUMMARY_COLUMNS
from replicator.catalog.shared import BY_SPACE, PROFILES, PROFILES_ALPHA, given

_FEATURES = ("Audience",)
_BY_AUDIENCE = Parent("Audiences", {"spaceId": "space_id", "audienceId": "id"})
#: Two paths call the audience `id`, a name that the records under them need for themselves.
_AUDIENCE_AS_ID = {"spaceId": "space_id", "id": "id"}
_ID_IS_AUDIENCE = {"id": "audienceId"}

OBJECTS = (
    Object(
        name="SupportedAudienceDestinations",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listSupportedDestinationsFromAudience",
            path="/spaces/{spaceId}/audienceType/{audienceType}/supported-destinations",
            items=("destinations",),
            shape=Shape.MAP,
            paging=Paging.NONE,
            scalar="slug",
            rate=60,
        ),
        columns=(given("spaceId"), given("audienceType"), text("slug"), json("value")),
        key=("space_id", "audience_type", "slug"),
        parents=(BY_SPACE,),
        # The path parameter is a bare string; these are the values of every audienceType that records carry.
        each={"audienceType": ("ACCOUNTS", "LINKED", "USERS")},
        stability="alpha",
        features=_FEATURES,
        note="A free-form object in the contract, kept whole. The answer has pagination, the request takes none.",
    ),
    Object(
        name="Audiences",
        groups=PROFILES,
        listing=Listing(
            operation="listAudiences",
            path="/spaces/{spaceId}/audiences",
            items=("audiences",),
            page_size=200,
            query={"include": "schedules"},
            rate=60,
        ),
        columns=(
            *SUMMARY_COLUMNS,
            text("audienceType"),
            json("computeCadence"),
            json("size"),
            json("schedules"),
        ),
        key=("space_id", "id"),
        restless=True,
        parents=(BY_SPACE,),
        features=_FEATURES,
        natural=("space_id", "key"),
        writes=(
            "POST /spaces/{spaceId}/audiences",
            "PATCH /spaces/{spaceId}/audiences/{id}",
            "DELETE /spaces/{spaceId}/audiences/{id}",
            "POST /spaces/{spaceId}/audiences/{audienceId}/runs",
        ),
        events=("Audience Created", "Audience Deleted", "Audience Modified", "Audience Run Forced"),
        note="Locked after an update until computed again.",
    ),
    Object(
        name="AudienceSchedules",
        groups=PROFILES,
        listing=Listing(
            operation="listAudienceSchedulesFromSpaceAndAudience",
            path="/spaces/{spaceId}/audiences/{id}/schedules",
            items=("audienceSchedules",),
            paging=Paging.NONE,
            given_as=_ID_IS_AUDIENCE,
        ),
        columns=(
            given("spaceId"),
            given("audienceId"),
            text("id"),
            text("strategy"),
            json("config", nullable=True),
            timestamp("nextExecution"),
        ),
        key=("space_id", "audience_id", "id"),
        parents=(Parent("Audiences", _AUDIENCE_AS_ID, where={"audience_type": ("LINKED",)}),),
        features=_FEATURES,
        writes=(
            "POST /spaces/{spaceId}/audiences/{id}/schedules",
            "PATCH /spaces/{spaceId}/audiences/{id}/schedules/{scheduleId}",
            "DELETE /spaces/{spaceId}/audiences/{id}/schedules/{scheduleId}",
        ),
        note="Only LINKED audiences have schedules.",
    ),
    Object(
        name="AudienceDestinations",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listDestinationsFromAudience",
            path="/spaces/{spaceId}/audiences/{audienceId}/destination-connections",
            items=("connections",),
            rate=50,
        ),
        columns=(
            given("spaceId"),
            given("audienceId"),
            text("id"),
            text("name"),
            text("sourceId"),
            boolean("enabled"),
            timestamp("createdAt"),
            timestamp("updatedAt"),
            json("settings", secret=True),
            text("destinationId"),
            json("metadata"),
            json("idSyncConfiguration"),
            json("connectionSettings", secret=True),
        ),
        key=("space_id", "audience_id", "id"),
        parents=(_BY_AUDIENCE,),
        stability="alpha",
        features=_FEATURES,
        writes=(
            "POST /spaces/{spaceId}/audiences/{audienceId}/destination-connections",
            "PATCH /spaces/{spaceId}/audiences/{audienceId}/destination-connections/{destinationId}",
            "DELETE /spaces/{spaceId}/audiences/{audienceId}/destination-connections/{destinationId}",
        ),
    ),
    Object(
        name="AudienceActivations",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listActivationsFromAudience",
            path="/spaces/{spaceId}/audiences/{audienceId}/activations",
            items=("activations",),
            rate=60,
        ),
        columns=(
            text("id"),
            boolean("enabled"),
            text("workspaceId"),
            text("spaceId"),
            text("audienceId"),
            text("connectionId"),
            text("activationType"),
            text("activationName"),
            text("displayName", nullable=True),
            json("personalization"),
            json("destinationMapping", secret=True),
            boolean("performResync"),
        ),
        key=("space_id", "audience_id", "id"),
        parents=(_BY_AUDIENCE,),
        stability="alpha",
        natural=("audience_id", "activation_name"),
        writes=(
            "POST /spaces/{spaceId}/audiences/{audienceId}/destination-connections/{connectionId}/activations",
            "PATCH /spaces/{spaceId}/audiences/{audienceId}/activations/{id}",
            "DELETE /spaces/{spaceId}/audiences/{audienceId}/activations/{id}",
        ),
    ),
    Object(
        name="AudienceConsumers",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listAudienceConsumersFromSpaceAndAudience",
            path="/spaces/{spaceId}/audiences/{id}/audience-references",
            items=("audiences",),
            given_as=_ID_IS_AUDIENCE,
            rate=25,
        ),
        columns=(given("audienceId"), *SUMMARY_COLUMNS, text("audienceType")),
        # Opaque ids of audiences are unique without their space, as the table of readable objects has it.
        key=("audience_id", "id"),
        parents=(Parent("Audiences", _AUDIENCE_AS_ID),),
        stability="alpha",
        features=_FEATURES,
        note="The audiences whose definition refers to this one.",
    ),
)
