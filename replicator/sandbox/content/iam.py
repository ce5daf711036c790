"""Users, groups, roles and invites. User u is in group g if u modulo the number of groups plus one is g."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicator.sandbox.ids import Ids
from replicator.sandbox.series import Record, Series
from replicator.sandbox.world import World, collection

from . import words
from .sources import labels, source_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicator.sandbox.calls import Call
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


@collection
def roles(_world: World) -> Series:
    """Fixed by Segment: the same in each workspace."""
    ids = Ids.of(0, "role", "ksuid")
    return Series(
        len(_ROLES),
        lambda index: {"id": ids[index], "name": _ROLES[index][0], "description": _ROLES[index][1]},
        ids,
    )


@collection
def users(world: World) -> Series:
    ids = Ids.of(world.seed, "user")

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


def users_listed(world: World, _call: Call) -> Series:
    """Without their permissions: only the get shows those."""
    every = users(world)
    return Series(len(every), lambda index: _minimal(every[index]))


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
            "memberCount": len(_members(world, index)),
            "permissions": [_permission(world, draw, draw.below(len(_ROLES)))],
        }

    return Series(world.count("UserGroups"), make, ids)


def _members(world: World, group: int) -> Sequence[int]:
    """The first user is in every group; whoever is in no group has the last remainder."""
    turn = world.counts["UserGroups"] + 1
    count = world.count("Users")
    others = range(group, count, turn)
    return [*range(min(1, count)), *(user for user in others if user)]


def users_of_group(world: World, call: Call) -> Series:
    members = _members(world, groups(world).index_of(call.ids[0]))
    every = users(world)
    return Series(len(members), lambda place: _minimal(every[members[place]]))


def groups_of_user(world: World, call: Call) -> Series:
    user = users(world).index_of(call.ids[0])
    every = groups(world)
    own = range(user % (len(every) + 1), len(every), len(every) + 1)
    chosen = own if user else range(len(every))
    return Series(len(chosen), lambda place: {k: every[chosen[place]][k] for k in ("id", "name")})


class Invited:
    """Bare addresses: nothing else of an invite can be read."""

    def __init__(self, indexes: range) -> None:
        self._indexes = indexes

    def __len__(self) -> int:
        return len(self._indexes)

    def __getitem__(self, window: slice) -> list[str]:
        return [f"invited.{index + 1}+papi@acme-outdoors.example" for index in self._indexes[window]]


def invites(world: World, _call: Call) -> Invited:
    return Invited(range(world.count("Invites")))


def invites_of_group(world: World, call: Call) -> Invited:
    group = groups(world).index_of(call.ids[0])
    return Invited(range(group, world.count("Invites"), len(groups(world)) + 1))
