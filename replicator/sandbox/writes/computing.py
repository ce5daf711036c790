"""Audiences and computed traits are computed anew when they change, and locked until that is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicator.sandbox.content import words
from replicator.sandbox.messages import conflict

if TYPE_CHECKING:
    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

#: Seconds that it takes.
_DURATION = 300
#: As many letters of its id make the key of a record its own.
_OWN = 5


def made(world: World, call: Call, identifier: str) -> Record:
    """What is the same for all that is made in a space. Nobody waits for the first computation."""
    now = world.stamp()
    return {
        "id": identifier,
        "spaceId": call.ids[0],
        "name": call.body["name"],
        "key": "_".join([*words.slug(call.body["name"], 0).split("-"), identifier[-_OWN:].lower()]).strip("_"),
        "enabled": call.body.get("enabled", True),
        "createdBy": call.actor,
        "updatedBy": call.actor,
        "createdAt": now,
        "updatedAt": now,
        "until": world.seconds() + _DURATION,
        **({"description": call.body["description"]} if "description" in call.body else {}),
    }


def changed(world: World, call: Call, before: Record) -> Record:
    """The record with its plain fields changed, and locked; raises the API's 409 while it is locked already."""
    if before.get("locked") and world.seconds() < before["until"]:
        raise conflict("id", "is being computed and cannot be changed until that is done")
    plain = {name: call.body[name] for name in ("name", "description", "enabled") if name in call.body}
    about = {"updatedBy": call.actor, "updatedAt": world.stamp()}
    return before | plain | about | {"until": world.seconds() + _DURATION, "locked": True}


def computed_anew(world: World, before: Record) -> Record:
    return before | {"until": max(before.get("until", 0), world.seconds() + _DURATION)}
