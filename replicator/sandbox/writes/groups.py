"""User groups: their names, what they may do, and who is in them, by e-mail address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.bodies import QUERIES
from replicator.sandbox.calls import Write
from replicator.sandbox.content.iam import INVITED, JOINED, MEMBERS, groups, invites, user_ids, user_with
from replicator.sandbox.messages import not_found
from replicator.sandbox.routing import STABLE, Route

from .permissions import granted, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_KIND = "user_group"


def create(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(groups)
    group: Record = {"id": table.new_id(), "name": call.body["name"], "memberCount": 0, "permissions": []}
    table.add(group["id"], group)
    world.happened(call, "User Group Created", _KIND, group["id"], group["name"])
    return {"userGroup": group}


def update(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(groups)
    group = table.get(call.ids[0]) | {"name": call.body["name"]}
    table.put(group["id"], group)
    world.happened(call, "User Group Updated", _KIND, group["id"], group["name"])
    return {"userGroup": group}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(groups)
    group = table.get(call.ids[0])
    table.remove(group["id"])
    world.happened(call, "User Group Deleted", _KIND, group["id"], group["name"])
    return {"status": "SUCCESS"}


def add_permissions(world: World, call: Call) -> Mapping[str, Any]:
    group = world.table(groups).get(call.ids[0])
    permissions = together(group["permissions"], granted(world, call.body["permissions"]))
    _permit(world, group, permissions)
    for event in ("Policy Created", "User Group Policy Updated"):
        world.happened(call, event, _KIND, group["id"], group["name"])
    return {"permissions": permissions}


def replace_permissions(world: World, call: Call) -> Mapping[str, Any]:
    group = world.table(groups).get(call.ids[0])
    permissions = together([], granted(world, call.body["permissions"]))
    _permit(world, group, permissions)
    world.happened(call, "Policy Deleted", _KIND, group["id"], group["name"])
    return {"permissions": permissions}


def _permit(world: World, group: Record, permissions: Sequence[Record]) -> None:
    world.table(groups).put(group["id"], group | {"permissions": permissions})


def _people(world: World, emails: Iterable[str]) -> tuple[dict[int, str], list[str]]:
    """The users with these addresses, by their numbers, and the invited addresses; raises the API's 404."""
    members: dict[int, str] = {}
    invited = []
    for email in dict.fromkeys(emails):
        number = user_with(world, email)
        if number is not None:
            members[number] = user_ids(world)[number]
        elif email in world.table(invites):
            invited.append(email)
        else:
            raise not_found(f"User {email}")
    return members, invited


def set_people(world: World, group: Record, members: Sequence[int], invited: Sequence[str]) -> Record:
    """The group with these members and these invites."""
    group = group | {"memberCount": len(members)}
    MEMBERS.put(world, group["id"], members)
    INVITED.put(world, group["id"], invited)
    world.table(groups).put(group["id"], group)
    return group


def _join(world: World, group: str, subjects: Iterable[str]) -> None:
    for subject in subjects:
        JOINED.put(world, subject, (*JOINED.of(world, subject), group))


def add_users(world: World, call: Call) -> Mapping[str, Any]:
    group = world.table(groups).get(call.ids[0])
    members, invited = _people(world, call.body["emails"])
    present, waiting = MEMBERS.of(world, group["id"]), INVITED.of(world, group["id"])
    joining = {number: user for number, user in members.items() if number not in present}
    invited = [email for email in invited if email not in waiting]
    group = set_people(world, group, (*present, *joining), (*waiting, *invited))
    _join(world, group["id"], (*joining.values(), *invited))
    for event in ("Subjects Added to Group", "User Added To User Group"):
        world.happened(call, event, _KIND, group["id"], group["name"])
    return {"userGroup": group}


def replace_users(world: World, call: Call) -> Mapping[str, Any]:
    group = world.table(groups).get(call.ids[0])
    members, invited = _people(world, call.body["emails"])
    present, waiting = MEMBERS.of(world, group["id"]), INVITED.of(world, group["id"])
    left = any(number not in members for number in present)
    joining = [
        *(user for number, user in members.items() if number not in present),
        *(email for email in invited if email not in waiting),
    ]
    group = set_people(world, group, tuple(members), tuple(invited))
    _join(world, group["id"], joining)
    happened = ["Group Memberships Deleted"] if left else []
    happened += ["Subjects Added to Group", "User Added To User Group"] if joining else []
    for event in happened:
        world.happened(call, event, _KIND, group["id"], group["name"])
    return {"userGroup": group}


def remove_users(world: World, call: Call) -> Mapping[str, Any]:
    emails = call.query.read(QUERIES["removeUsersFromUserGroup"])["emails"]
    group = world.table(groups).get(call.ids[0])
    members, invited = _people(world, emails)
    present, waiting = MEMBERS.of(world, group["id"]), INVITED.of(world, group["id"])
    if any(number not in present for number in members) or any(email not in waiting for email in invited):
        raise not_found("Member")
    remaining = tuple(number for number in present if number not in members)
    set_people(world, group, remaining, tuple(email for email in waiting if email not in invited))
    for event in ("User Removed From User Group", "Group Memberships Deleted"):
        world.happened(call, event, _KIND, group["id"], group["name"])
    return {"status": "SUCCESS"}


# fmt: off
ROUTES = (
    Route("/groups", "createUserGroup", STABLE, Write(create), limit=60, method="POST"),
    Route("/groups/{userGroupId}", "updateUserGroup", STABLE, Write(update), limit=60, method="PATCH"),
    Route("/groups/{userGroupId}", "deleteUserGroup", STABLE, Write(delete), limit=60, method="DELETE"),
    Route("/groups/{userGroupId}/permissions", "addPermissionsToUserGroup", STABLE,
          Write(add_permissions), limit=60, method="POST"),
    Route("/groups/{userGroupId}/permissions", "replacePermissionsForUserGroup", STABLE,
          Write(replace_permissions), limit=60, method="PUT"),
    Route("/groups/{userGroupId}/users", "addUsersToUserGroup", STABLE, Write(add_users), limit=60, method="POST"),
    # The contract has these two under /group, without the s.
    Route("/group/{userGroupId}/users", "replaceUsersInUserGroup", STABLE,
          Write(replace_users), limit=60, method="PUT"),
    Route("/group/{userGroupId}/users", "removeUsersFromUserGroup", STABLE,
          Write(remove_users), limit=60, method="DELETE"),
)
# fmt: on
