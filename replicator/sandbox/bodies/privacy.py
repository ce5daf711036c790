"""Regulations."""

from __future__ import annotations

from replicator.sandbox.shapes import TEXT, Fields, Many, Shape, Text

_KINDS = (
    "DELETE_INTERNAL",
    "DELETE_ONLY",
    "SUPPRESS_ONLY",
    "SUPPRESS_WITH_DELETE",
    "SUPPRESS_WITH_DELETE_INTERNAL",
    "UNSUPPRESS",
)
KIND = Text(_KINDS)
#: At most so many in one request (resources.md, "Rate limits").
SUBJECTS = Many(TEXT, most=5000)

BODIES: dict[str, Shape] = {
    "createWorkspaceRegulation": Fields(
        {"regulationType": KIND, "subjectType": Text(("OBJECT_ID", "USER_ID")), "subjectIds": SUBJECTS},
    ),
    "createSourceRegulation": Fields(
        {
            "regulationType": Text(("DELETE_ARCHIVE_ONLY", *_KINDS)),
            "subjectType": Text(("ANONYMOUS_ID", "USER_ID")),
            "subjectIds": SUBJECTS,
        },
    ),
    "createCloudSourceRegulation": Fields(
        {"regulationType": KIND, "subjectType": Text(("OBJECT_ID",)), "subjectIds": SUBJECTS, "collection": TEXT},
    ),
}
