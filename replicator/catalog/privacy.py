"""Regulations (requests to delete or suppress people's data) and the suppressions they led to."""

from __future__ import annotations

from replicator.catalog.model import Detail, Explode, Listing, Object, json, text, timestamp
from replicator.catalog.shared import BY_SOURCE, CORE, given

NINETY_DAYS = "Lists hold 90 days, so a row that is gone was not deleted. No update, no delete."

#: RegulationListEntryV1, then what only the get's Regulation has.
REGULATION_COLUMNS = (
    text("id"),
    text("subjectType"),
    json("subjects", personal=True),
    text("status"),
    timestamp("createdAt"),
    text("regulationType"),
    timestamp("finishedAt"),
    text("workspaceId", detail=True),
    text("overallStatus", detail=True),
    json("streamStatus", detail=True),
)
REGULATION_DETAIL = Detail(
    operation="getRegulation", path="/regulations/{regulateId}", item="regulation", params={"regulateId": "id"}
)

OBJECTS = (
    Object(
        name="WorkspaceRegulations",
        groups=CORE,
        absence_deletes=False,
        listing=Listing(operation="listWorkspaceRegulations", path="/regulations", items=("regulations",)),
        detail=REGULATION_DETAIL,
        columns=REGULATION_COLUMNS,
        tracking="created",
        tracked_by="created_at",
        writes=("POST /regulations",),
        note=NINETY_DAYS,
    ),
    Object(
        name="SourceRegulations",
        groups=CORE,
        absence_deletes=False,
        listing=Listing(
            operation="listRegulationsFromSource",
            path="/regulations/sources/{sourceId}",
            items=("regulations",),
        ),
        detail=REGULATION_DETAIL,
        columns=(given("sourceId"), *REGULATION_COLUMNS),
        # Whether two sources can list one regulation is unstated; with the source in the key it does not matter.
        key=("source_id", "id"),
        tracking="created",
        tracked_by="created_at",
        parents=(BY_SOURCE,),
        writes=("POST /regulations/sources/{sourceId}", "POST /regulations/cloudsources/{sourceId}"),
        note=NINETY_DAYS + " Takes pagination, while the typed answer has none: absent means the last page.",
    ),
    Object(
        name="Suppressions",
        groups=CORE,
        listing=Listing(operation="listSuppressions", path="/suppressions", items=("suppressed",)),
        columns=(text("subjectType"), text("subjectId", personal=True)),
        key=("subject_type", "subject_id"),
        explode=Explode("subjectIds", into="subjectId"),
        note="Written through regulations (SUPPRESS_*, UNSUPPRESS).",
    ),
)
