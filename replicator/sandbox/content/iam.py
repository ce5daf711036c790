"""Users, groups, roles and invites.

As the workspace was made, user u is in group g if u modulo the number of groups plus one is g; the first is in all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from replicator.sandbox.ids import Ids
from replicator.sandbox.series import Named, Record, Series, Shown
from replicator.sandbox.state import Fact
from replicator.sandbox.world import World, collection

from . import words
from .functions import functions
from .sources import labels, source_ids, sources
from .spaces import spaces
from .warehouses import warehouses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call, LevelOf
    from replicator.sandbox.draws import Draw

_ROLES = (
    ("Workspace Owner", "Owners have full read and edit access to everything in the workspace."),
    ("Minimal Workspace Access", "Can view the workspace, and nothing in it."),
    ("Source Admin", "Can edit sources, their settings and their write keys."),
    ("Source Read-only", "Can view sources."),
    ("Tracking Plan Admin", "Can edit tracking plans."),
    ("Function Admin", "Can edit functions."),
    ("Warehouse Admin", "Can edit warehouses."),
    ("Unify and Engage User", "Can edit what is in a space."),
)

#: What a permission may be about, besides the workspace.
_RESOURCES: Mapping[str, LevelOf] = {
    "FUNCTION": functions, "SOURCE": sources, "SPACE": spaces, "WAREHOUSE": warehouses,
}  # fmt: skip
_INVITED = re.compile(r"invited\.([1-9][0-9]{0,17})\+papi@acme-outdoors\.example")


@collection
def roles(_world: World) -> Series:
    """Fixed by Segment: the same in each workspace."""
    ids = Ids.of(0, "role", "ksuid")
    return Series(
        len(_ROLES),
        lambda index: {"id": ids[index], "name": _ROLES[index][0], "description": _ROLES[index][1]},
        ids,
    )


def user_ids(world: World) -> Ids:
    return Ids.of(world.seed, "user")


@collection
def users(world: World) -> Series:
    ids = user_ids(world)

    def make(index: int) -> Record:
        name, email = words.person(index)
        draw = world.draw("user", index)
        permissions = [_permission(world, draw, role) for role in sorted({draw.below(len(_ROLES)), index % 3})]
        return {"id": ids[index], "name": name, "email": email, "permissions": permissions}

    return Series(world.count("Users"), make, ids)


def _permission(world: World, draw: Draw, role: int) -> Record:
    resources: list[Record] = [{"id": world.workspace_id, "type": "WORKSPACE", "labels": []}]
    if _ROLES[role][0].startswith("Source") and world.count("Sources", "CatalogSources"):
        source = source_ids(world)[draw.below(world.count("Sources"))]
        resources = [{"id": source, "type": "SOURCE"}]
    known = labels(world)
    if known and draw.happens(40):
        resources[0] = resources[0] | {"labels": [known[draw.below(len(known))]]}
    return {"roleName": _ROLES[role][0], "roleId": roles(world)[role]["id"], "resources": resources}


def is_there(world: World, resource: Record) -> bool:
    """Whether there is (still) what this resource of a permission names."""
    if resource["type"] == "WORKSPACE":
        return bool(resource["id"] == world.workspace_id)
    return resource["id"] in world.table(_RESOURCES[resource["type"]])


def _permitted(world: World, holder: Record) -> Record:
    """A user or a group, less its permissions for what is gone."""
    permissions = []
    for permission in holder["permissions"]:
        left = [resource for resource in permission["resources"] if is_there(world, resource)]
        if left or not permission["resources"]:
            permissions.append(permission | {"resources": left})
    return holder | {"permissions": permissions}


def user(world: World, call: Call) -> Record:
    return _permitted(world, world.table(users).get(call.ids[0]))


def users_listed(world: World, _call: Call) -> Shown:
    """Without their permissions: only the get shows those."""
    return Shown(world.table(users), _minimal)


def user_with(world: World, email: str) -> int | None:
    """The number of the user with this address."""
    number = words.person_of(email)
    return number if number is not None and user_ids(world)[number] in world.table(users) else None


def _minimal(user: Record) -> Record:
    return {key: user[key] for key in ("id", "name", "email")}


@collection
def groups(world: World) -> Series:
    ids = Ids.of(world.seed, "group")

    def make(index: int) -> Record:
        draw = world.draw("group", index)
        return {
            "id": ids[index],
            "name": words.name(draw, words.GROUPS, index),
            "memberCount": len(_first_members(world, index)),
            "permissions": [_permission(world, draw, draw.below(len(_ROLES)))],
        }

    return Series(world.count("UserGroups"), make, ids)


def groups_listed(world: World, _call: Call) -> Shown:
    return Shown(world.table(groups), lambda group: _permitted(world, group))


def group(world: World, call: Call) -> Record:
    return _permitted(world, world.table(groups).get(call.ids[0]))


class _FirstAnd(Sequence[int]):
    """Zero, and then the numbers of a range that starts later."""

    def __init__(self, others: range) -> None:
        self._others = others

    def __len__(self) -> int:
        return 1 + len(self._others)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return self._others[place - 1] if place else 0

    def __contains__(self, number: object) -> bool:
        return number == 0 or number in self._others


def _first_members(world: World, group: int) -> Sequence[int]:
    """Whoever is in no group has the last remainder."""
    count = world.count("Users")
    own = range(group, count, world.counts["UserGroups"] + 1)
    return _FirstAnd(own) if group and count else own


def _born_members(world: World, group: str) -> Sequence[int]:
    index = world.table(groups).born_index(group)
    return () if index is None else _first_members(world, index)


#: The members of each group, as the numbers of the users: all users were there from the start.
MEMBERS: Fact[Sequence[int]] = Fact("members of a group", _born_members)
#: The groups that each user or invited address was added to; it may have left them since, or they may be gone.
JOINED: Fact[tuple[str, ...]] = Fact("groups joined", lambda _world, _subject: ())


def users_of_group(world: World, call: Call) -> Series:
    world.table(groups).get(call.ids[0])
    # Neither the name nor the address of a user ever changes.
    every, members = users(world), MEMBERS.of(world, call.ids[0])
    return Series(len(members), lambda place: _minimal(every[members[place]]))


def groups_in(world: World, user: str) -> list[str]:
    """The ids of the groups that this user is in."""
    number = users(world).index_of(user)
    every = groups(world)
    own = range(number % (len(every) + 1), len(every), len(every) + 1) if number else range(len(every))
    first = [every.ids[index] for index in own] if every.ids else []
    known = world.table(groups)
    return [
        group
        for group in dict.fromkeys([*first, *JOINED.of(world, user)])
        if group in known and number in MEMBERS.of(world, group)
    ]


def groups_of_user(world: World, call: Call) -> Shown:
    world.table(users).get(call.ids[0])
    own = world.table(groups).only(groups_in(world, call.ids[0]))
    return Shown(own, lambda group: {key: group[key] for key in ("id", "name")})


def _address(index: int) -> str:
    return f"invited.{index + 1}+papi@acme-outdoors.example"


def _number_of(address: str) -> int | None:
    found = _INVITED.fullmatch(address)
    return int(found[1]) - 1 if found else None


@collection
def invites(world: World) -> Named:
    """Known by their address, which is all that can be read of them."""
    return Named(world.count("Invites"), lambda index: {"email": _address(index)}, _number_of)


def invites_listed(world: World, _call: Call) -> Shown:
    return Shown(world.table(invites), lambda invite: invite["email"])


class _Addresses(Sequence[str]):
    def __init__(self, indexes: range) -> None:
        self._indexes = indexes

    def __len__(self) -> int:
        return len(self._indexes)

    def __getitem__(self, place: Any) -> Any:
        chosen = self._indexes[place]
        return [_address(index) for index in chosen] if isinstance(chosen, range) else _address(chosen)

    def __contains__(self, address: object) -> bool:
        return _number_of(str(address)) in self._indexes


def _first_invited(world: World, group: str) -> Sequence[str]:
    index = world.table(groups).born_index(group)
    return () if index is None else _Addresses(range(index, world.count("Invites"), len(groups(world)) + 1))


#: The addresses that were invited and wait for their place in a group.
INVITED: Fact[Sequence[str]] = Fact("invites of a group", _first_invited)


def invites_of_group(world: World, call: Call) -> Sequence[str]:
    world.table(groups).get(call.ids[0])
    return INVITED.of(world, call.ids[0])


def groups_inviting(world: World, address: str) -> list[str]:
    """The ids of the groups that this invited address waits for."""
    every, number = groups(world), _number_of(address)
    first = number % (len(every) + 1) if number is not None else len(every)
    own = [every.ids[first]] if every.ids and first < len(every) else []
    known = world.table(groups)
    return [
        group
        for group in dict.fromkeys([*own, *JOINED.of(world, address)])
        if group in known and address in INVITED.of(world, group)
    ]
