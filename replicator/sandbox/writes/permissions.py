"""What users and groups may do: roles, each on some resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicator.sandbox.content.iam import is_there, roles
from replicator.sandbox.messages import not_found

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World


def granted(world: World, asked: Iterable[Record]) -> list[Record]:
    """These permissions as they are shown; raises the API's 404 for a role or a resource that is not there."""
    return [_granted(world, permission) for permission in asked]


def _granted(world: World, asked: Record) -> Record:
    for resource in asked["resources"]:
        if not is_there(world, resource):
            raise not_found(f"Resource {resource['id']}")
    role = world.table(roles).get(asked["roleId"])
    return {"roleName": role["name"], "roleId": role["id"], "resources": asked["resources"]}


def together(known: Sequence[Record], more: Iterable[Record]) -> list[Record]:
    """Each role once, with all its resources; what is said of a resource again counts."""
    by_role = {permission["roleId"]: permission for permission in known}
    for permission in more:
        role = by_role.get(permission["roleId"], permission)
        resources = {(one["type"], one["id"]): one for one in (*role["resources"], *permission["resources"])}
        by_role[permission["roleId"]] = role | {"resources": list(resources.values())}
    return list(by_role.values())
