"""Users, of whom only the permissions change, and the invites that make new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.bodies import QUERIES
from replicator.sandbox.calls import Write
from replicator.sandbox.content.iam import (
    INVITED,
    MEMBERS,
    groups,
    groups_in,
    groups_inviting,
    invites,
    user_with,
    users,
)
from replicator.sandbox.messages import conflict, invalid
from replicator.sandbox.routing import STABLE, Route

from .groups import set_people
from .permissions import granted, together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_KIND = "user"


def add_permissions(world: World, call: Call) -> Mapping[str, Any]:
    user = world.table(users).get(call.ids[0])
    permissions = together(user["permissions"], granted(world, call.body["permissions"]))
    _permit(world, user, permissions)
    for event in ("Policy Created", "User Policy Updated"):
        world.happened(call, event, _KIND, user["id"], user["name"])
    return {"permissions": permissions}


def replace_permissions(world: World, call: Call) -> Mapping[str, Any]:
    user = world.table(users).get(call.ids[0])
    permissions = together([], granted(world, call.body["permissions"]))
    _permit(world, user, permissions)
    world.happened(call, "Policy Deleted", _KIND, user["id"], user["name"])
    return {"permissions": permissions}


def _permit(world: World, user: Record, permissions: Sequence[Record]) -> None:
    world.table(users).put(user["id"], user | {"permissions": permissions})


def delete(world: World, call: Call) -> Mapping[str, Any]:
    asked = call.query.read(QUERIES["deleteUsers"])["userIds"]
    table = world.table(users)
    leaving = [table.get(identifier) for identifier in dict.fromkeys(asked)]
    for user in leaving:
        for group in groups_in(world, user["id"]):
            _leave(world, group, user["id"])
            world.happened(call, "Group Memberships Deleted", _KIND, user["id"], user["name"])
        table.remove(user["id"])
        world.happened(call, "User Deleted", _KIND, user["id"], user["name"], named=False)
    return {"status": "SUCCESS"}


def _leave(world: World, group: str, user: str) -> None:
    number = users(world).index_of(user)
    members = tuple(other for other in MEMBERS.of(world, group) if other != number)
    set_people(world, world.table(groups).get(group), members, INVITED.of(world, group))


def invite(world: World, call: Call) -> Mapping[str, Any]:
    asked = call.body["invites"]
    emails = [one["email"] for one in asked]
    table = world.table(invites)
    for place, one in enumerate(asked):
        _check(world, f"invites.{place}.email", one["email"], emails[:place])
        granted(world, [{"resources": [], **permission} for permission in one.get("permissions", ())])
    for one in asked:
        # The permissions of an invite cannot be read.
        table.add(one["email"], {"email": one["email"]})
        world.happened(call, "Non-Segment User Invited to Workspace", "invite", one["email"], one["email"])
        if one.get("permissions"):
            world.happened(call, "Policy Created", "invite", one["email"], one["email"])
    return {"emails": emails}


def _check(world: World, field: str, email: str, before: Sequence[str]) -> None:
    box, _, host = email.partition("@")
    if not box or not host:
        raise invalid(field, "must be a valid email")
    if user_with(world, email) is not None:
        raise conflict(field, "is a user of this workspace")
    if email in world.table(invites) or email in before:
        raise conflict(field, "is invited already")


def take_back(world: World, call: Call) -> Mapping[str, Any]:
    emails = dict.fromkeys(call.query.read(QUERIES["deleteInvites"])["emails"])
    table = world.table(invites)
    for email in emails:
        table.get(email)
    for email in emails:
        for group in groups_inviting(world, email):
            INVITED.put(world, group, tuple(other for other in INVITED.of(world, group) if other != email))
            world.happened(call, "Group Memberships Deleted", "invite", email, email)
        table.remove(email)
        world.happened(call, "Invite Deleted", "invite", email, email)
    return {"status": "SUCCESS"}


# fmt: off
ROUTES = (
    Route("/users", "deleteUsers", STABLE, Write(delete), limit=60, method="DELETE"),
    Route("/users/{userId}/permissions", "addPermissionsToUser", STABLE,
          Write(add_permissions), limit=60, method="POST"),
    Route("/users/{userId}/permissions", "replacePermissionsForUser", STABLE,
          Write(replace_permissions), limit=60, method="PUT"),
    Route("/invites", "createInvites", STABLE, Write(invite, 201), limit=60, method="POST"),
    Route("/invites", "deleteInvites", STABLE, Write(take_back), limit=60, method="DELETE"),
)
# fmt: on
