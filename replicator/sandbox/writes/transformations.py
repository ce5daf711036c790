"""Transformations. One belongs to a source, and is gone with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write
from replicator.sandbox.content.catalog import catalog_destinations
from replicator.sandbox.content.protocols import transformations
from replicator.sandbox.content.sources import sources
from replicator.sandbox.routing import STABLE, Route

from .settings import BULLET, masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_FEATURE = "Protocols"
#: These lists are there, empty or not.
_LISTS: Record = {"propertyRenames": [], "propertyValueTransformations": [], "fqlDefinedProperties": []}


def create(world: World, call: Call) -> Mapping[str, Any]:
    given = _given(world, call, {})
    table = world.table(transformations)
    identifier = table.new_id()
    transformation = {"id": identifier, "workspaceId": world.workspace_id} | _LISTS | given
    table.add(identifier, transformation)
    _happened(world, call, "Created", transformation)
    return {"transformation": transformation}


def update(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(transformations)
    transformation = table.get(call.ids[0])
    changed = transformation | _given(world, call, transformation)
    table.put(transformation["id"], changed)
    _happened(world, call, "Updated", changed)
    return {"transformation": changed}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    transformation = world.table(transformations).get(call.ids[0])
    world.table(transformations).remove(transformation["id"])
    _happened(world, call, "Deleted", transformation)
    return {"status": "SUCCESS"}


def _given(world: World, call: Call, before: Record) -> Record:
    """What the body says, as it comes back; raises the API's 404 for what it names and does not exist."""
    # Beta repeats the id of the path in the body.
    given = {name: value for name, value in call.body.items() if name != "transformationId"}
    if "sourceId" in given:
        world.table(sources).get(given["sourceId"])
    if "destinationMetadataId" in given:
        world.table(catalog_destinations).get(given["destinationMetadataId"])
    hashing = given.get("hashPropertiesConfiguration", {})
    if "key" in hashing:
        known = before.get("hashPropertiesConfiguration", {}).get("key", hashing["key"])
        key = known if BULLET in hashing["key"] else masked(hashing["key"])
        given["hashPropertiesConfiguration"] = hashing | {"key": key}
    return given


def _happened(world: World, call: Call, deed: str, transformation: Record) -> None:
    name = f"Transformation {deed}"
    world.happened(call, name, "transformation", transformation["id"], transformation["name"])


ROUTES = (
    Route("/transformations", "createTransformation", STABLE, Write(create), feature=_FEATURE, method="POST"),
    Route("/transformations/{transformationId}", "updateTransformation", STABLE, Write(update), feature=_FEATURE,
          method="PATCH"),
    Route("/transformations/{transformationId}", "deleteTransformation", STABLE, Write(delete), feature=_FEATURE,
          method="DELETE"),
)  # fmt: skip
