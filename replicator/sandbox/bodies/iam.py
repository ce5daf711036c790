"""Users, user groups, invites and what they may do."""

from __future__ import annotations

from replicator.sandbox.shapes import TEXT, TEXTS, Fields, Many, Parts, Shape, Text

from .sources import LABEL

_RESOURCE: Parts = {"id": TEXT, "type": Text(("FUNCTION", "SOURCE", "SPACE", "WAREHOUSE", "WORKSPACE"))}
PERMISSION = Fields({"roleId": TEXT, "resources": Many(Fields(_RESOURCE, {"labels": Many(LABEL)}))})
#: An invite's labels stand beside its resources, not inside them.
_INVITED_TO = Fields({"roleId": TEXT}, {"resources": Many(Fields(_RESOURCE)), "labels": Many(LABEL)})

BODIES: dict[str, Shape] = {
    "createUserGroup": Fields({"name": TEXT}),
    "updateUserGroup": Fields({"name": TEXT}),
    "addUsersToUserGroup": Fields({"emails": TEXTS}),
    "replaceUsersInUserGroup": Fields({"emails": TEXTS}),
    "addPermissionsToUserGroup": Fields({"permissions": Many(PERMISSION)}),
    "replacePermissionsForUserGroup": Fields({"permissions": Many(PERMISSION)}),
    "addPermissionsToUser": Fields({"permissions": Many(PERMISSION)}),
    "replacePermissionsForUser": Fields({"permissions": Many(PERMISSION)}),
    "createInvites": Fields({"invites": Many(Fields({"email": TEXT}, {"permissions": Many(_INVITED_TO)}))}),
}

QUERIES: dict[str, Fields] = {
    "removeUsersFromUserGroup": Fields({"emails": TEXTS}),
    "deleteInvites": Fields({"emails": TEXTS}),
    "deleteUsers": Fields({"userIds": TEXTS}),
}
