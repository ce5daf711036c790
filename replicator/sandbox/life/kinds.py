"""What chance can make, rename, change and delete, as data: the bodies that the operations take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replicator.sandbox.content.destinations import destinations
from replicator.sandbox.content.functions import functions
from replicator.sandbox.content.iam import groups, roles
from replicator.sandbox.content.protocols import tracking_plans, transformations
from replicator.sandbox.content.sources import sources
from replicator.sandbox.content.warehouses import warehouses

if TYPE_CHECKING:
    from random import Random

    from replicator.sandbox.calls import LevelOf
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

#: Method, what follows the record's path, and body.
Change = tuple[str, str, Any]
#: What a copy of a transformation has of it.
_COPIED = (
    "sourceId", "destinationMetadataId", "enabled", "if", "drop", "newEventName", "propertyRenames",
    "propertyValueTransformations", "fqlDefinedProperties", "allowProperties", "hashPropertiesConfiguration",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    path: str
    level: LevelOf
    #: Another one like this record, under this name.
    made: Callable[[World, Record, str], Record]
    renamed: Callable[[str], Record]
    changed: Callable[[World, Record, Random], Change]
    name: Callable[[Record], str]


def _patch(body: Record) -> Change:
    return "PATCH", "", body


def _switched(_world: World, record: Record, _random: Random) -> Change:
    return _patch({"enabled": not record["enabled"]})


def _function_made(world: World, function: Record, name: str) -> Record:
    """The server appends the workspace's name to some of these names (resources.md, "Reads that bite")."""
    plain = name.removesuffix(f" ({world.workspace['name']})")
    code = function.get("code", "// empty")
    return {"code": code, "displayName": plain, "resourceType": function["resourceType"]}


def _rule(_world: World, _plan: Record, random: Random) -> Change:
    key = f"Event {random.randrange(40)}"
    properties = {f"property_{random.randrange(5)}": {"type": random.choice(("string", "number", "boolean"))}}
    schema = {"type": "object", "properties": {"properties": {"type": "object", "properties": properties}}}
    return "PATCH", "/rules", {"rules": [{"type": "TRACK", "key": key, "version": 1, "jsonSchema": schema}]}


def permitted(world: World, random: Random) -> Record:
    every = roles(world)
    role = every[random.randrange(len(every))]
    return {
        "permissions": [{"roleId": role["id"], "resources": [{"id": world.workspace_id, "type": "WORKSPACE"}]}],
    }


def _transformation_made(_world: World, record: Record, name: str) -> Record:
    return {"name": name} | {key: record[key] for key in _COPIED if key in record}


KINDS: tuple[Kind, ...] = (
    Kind(
        "/sources",
        sources,
        lambda _world, record, name: {"slug": name, "enabled": True, "metadataId": record["metadata"]["id"]},
        lambda name: {"name": name},
        _switched,
        lambda record: str(record["slug"]),
    ),
    Kind(
        "/destinations",
        destinations,
        lambda _world, record, name: {
            "sourceId": record["sourceId"],
            "metadataId": record["metadata"]["id"],
            "settings": {},
            "name": name,
        },
        lambda name: {"name": name},
        _switched,
        lambda record: str(record.get("name", "")),
    ),
    Kind(
        "/warehouses",
        warehouses,
        lambda _world, record, name: {"metadataId": record["metadata"]["id"], "settings": {}, "name": name},
        lambda name: {"settings": {}, "name": name},
        lambda _world, record, _random: _patch({"settings": {}, "enabled": not record["enabled"]}),
        lambda record: str(record["settings"].get("name", "")),
    ),
    Kind(
        "/tracking-plans",
        tracking_plans,
        lambda _world, record, name: {"name": name, "type": record["type"]},
        lambda name: {"name": name},
        _rule,
        lambda record: str(record["name"]),
    ),
    Kind(
        "/functions",
        functions,
        _function_made,
        lambda name: {"displayName": name},
        lambda _world, _record, random: _patch({"code": f"// version {random.randrange(1000)}"}),
        lambda record: str(record.get("displayName", "")),
    ),
    Kind(
        "/transformations",
        transformations,
        _transformation_made,
        lambda name: {"name": name},
        _switched,
        lambda record: str(record["name"]),
    ),
    Kind(
        "/groups",
        groups,
        lambda _world, _record, name: {"name": name},
        lambda name: {"name": name},
        lambda world, _record, random: ("PUT", "/permissions", permitted(world, random)),
        lambda record: str(record["name"]),
    ),
)
