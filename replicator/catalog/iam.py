"""The workspace, who may do what in it, and what they did."""

from __future__ import annotations

from replicator.catalog.model import (
    Detail,
    Listing,
    Object,
    Paging,
    Parent,
    Shape,
    Window,
    json,
    number,
    text,
    timestamp,
)
from replicator.catalog.shared import CORE, given

_BY_USER = Parent("Users", {"userId": "id"})
_BY_GROUP = Parent("UserGroups", {"userGroupId": "id"})

WORKSPACE = (
    Object(
        name="Workspace",
        groups=CORE,
        listing=Listing(operation="getWorkspace", path="/", items=("workspace",), shape=Shape.ONE, paging=Paging.NONE),
        columns=(text("id"), text("slug"), text("name")),
        natural=("slug",),
        note="The workspace that the token belongs to; the cheapest test of a token.",
    ),
    Object(
        name="AuditEvents",
        groups=CORE,
        listing=Listing(operation="listAuditEvents", path="/audit-events", items=("events",)),
        columns=(
            text("id"),
            timestamp("timestamp"),
            text("type"),
            text("actor"),
            text("actorEmail", personal=True),
            text("resourceId"),
            text("resourceType"),
            text("resourceName"),
        ),
        tracking="window",
        tracked_by="timestamp",
        window=Window.EVENTS,
        note="The app keeps 90 days and shows them to Workspace Owners; the endpoint's own reach is unverified.",
    ),
    Object(
        name="Labels",
        groups=CORE,
        listing=Listing(operation="listLabels", path="/labels", items=("labels",), paging=Paging.NONE),
        columns=(text("key"), text("value"), text("description")),
        key=("key", "value"),
        natural=("key", "value"),
        writes=("POST /labels", "DELETE /labels/{key}/{value}"),
        events=("Label Created", "Label Deleted"),
    ),
    Object(
        name="Roles",
        groups=CORE,
        listing=Listing(operation="listRoles", path="/roles", items=("roles",)),
        columns=(text("id"), text("name"), text("description")),
        natural=("name",),
        note="Fixed by Segment.",
    ),
)

USERS = (
    Object(
        name="Users",
        groups=CORE,
        listing=Listing(operation="listUsers", path="/users", items=("users",)),
        detail=Detail(operation="getUser", path="/users/{userId}", item="user", params={"userId": "id"}),
        columns=(
            text("id"),
            text("name", personal=True),
            text("email", personal=True),
            # The contract has one schema for both answers; the listing leaves the permissions out (recorded example).
            json("permissions", detail=True),
        ),
        natural=("email",),
        writes=("PUT /users/{userId}/permissions", "POST /users/{userId}/permissions", "DELETE /users"),
        events=("Group Memberships Deleted", "Policy Created", "Policy Deleted", "User Policy Updated"),
        note="Created by an invite; only permissions change. The audit trail calls permissions policies.",
    ),
    Object(
        name="Invites",
        groups=CORE,
        listing=Listing(
            operation="listInvites", path="/invites", items=("invites",), shape=Shape.STRINGS, scalar="email"
        ),
        columns=(text("email", personal=True),),
        key=("email",),
        natural=("email",),
        writes=("POST /invites", "DELETE /invites"),
        events=(
            "Group Memberships Deleted",
            "Invite Deleted",
            "New Segment User Invited to Workspace",
            "Non-Segment User Invited to Workspace",
            "Policy Created",
        ),
        note="An accepted invite becomes a user; the permissions of an invite are not readable.",
    ),
    Object(
        name="UserUserGroups",
        groups=CORE,
        listing=Listing(operation="listUserGroupsFromUser", path="/users/{userId}/groups", items=("groups",)),
        columns=(given("userId"), text("id"), text("name")),
        key=("user_id", "id"),
        parents=(_BY_USER,),
    ),
)

GROUPS = (
    Object(
        name="UserGroups",
        groups=CORE,
        listing=Listing(operation="listUserGroups", path="/groups", items=("userGroups",)),
        columns=(text("id"), text("name"), number("memberCount"), json("permissions")),
        natural=("name",),
        writes=(
            "POST /groups",
            "PATCH /groups/{userGroupId}",
            "DELETE /groups/{userGroupId}",
            "POST /groups/{userGroupId}/permissions",
            "PUT /groups/{userGroupId}/permissions",
        ),
        events=(
            "Policy Created",
            "Policy Deleted",
            "User Group Created",
            "User Group Deleted",
            "User Group Policy Updated",
            "User Group Updated",
        ),
    ),
    Object(
        name="UserGroupUsers",
        groups=CORE,
        listing=Listing(operation="listUsersFromUserGroup", path="/groups/{userGroupId}/users", items=("users",)),
        columns=(
            given("userGroupId"),
            text("id"),
            text("name", personal=True),
            text("email", personal=True),
        ),
        key=("user_group_id", "id"),
        parents=(_BY_GROUP,),
        # /group/ in the singular is the contract's own spelling.
        writes=(
            "POST /groups/{userGroupId}/users",
            "PUT /group/{userGroupId}/users",
            "DELETE /group/{userGroupId}/users",
        ),
        events=(
            "Group Memberships Deleted",
            "Subjects Added to Group",
            "User Added To User Group",
            "User Removed From User Group",
        ),
        note="Written by e-mail.",
    ),
    Object(
        name="UserGroupInvites",
        groups=CORE,
        listing=Listing(
            operation="listInvitesFromUserGroup",
            path="/groups/{userGroupId}/invites",
            items=("emails",),
            shape=Shape.STRINGS,
            scalar="email",
        ),
        columns=(given("userGroupId"), text("email", personal=True)),
        key=("user_group_id", "email"),
        parents=(_BY_GROUP,),
    ),
)

OBJECTS = (*WORKSPACE, *USERS, *GROUPS)
