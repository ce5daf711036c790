"""Instances of insert functions: which source or destination one stands before, and with which settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write
from replicator.sandbox.content.destinations import destinations
from replicator.sandbox.content.functions import INSERTED, functions, instance, instances, whole_id
from replicator.sandbox.content.sources import sources
from replicator.sandbox.messages import invalid, not_found
from replicator.sandbox.routing import ALPHA, Route

from .settings import BULLET, masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_FEATURE = "Functions"


def create(world: World, call: Call) -> Mapping[str, Any]:
    body, now = call.body, world.stamp()
    function = world.table(functions).get(whole_id(world, body["functionId"]))
    if function["resourceType"] not in INSERTED:
        raise invalid("functionId", "must be that of an insert function")
    if body["integrationId"] not in world.table(sources) and body["integrationId"] not in world.table(destinations):
        raise not_found("Integration")
    identifier = world.table(instances).new_id()
    made = {
        "id": identifier,
        "name": body["name"],
        "integrationId": body["integrationId"],
        "classId": function["catalogId"],
        "enabled": body.get("enabled", False),
        "createdAt": now,
        "updatedAt": now,
        **_set(function, {"settings": {}, "encryptedSettings": {}}, body["settings"]),
    }
    world.table(instances).add(identifier, made, function["id"])
    _happened(world, call, "Created", made)
    return {"insertFunctionInstance": made}


def update(world: World, call: Call) -> Mapping[str, Any]:
    before, body = instance(world, call), call.body
    function = world.table(functions).get(whole_id(world, before["classId"]))
    given = {name: body[name] for name in ("enabled", "name") if name in body}
    changed = before | given | _set(function, before, body["settings"]) | {"updatedAt": world.stamp()}
    world.table(instances).put(before["id"], changed)
    _happened(world, call, "Modified", changed)
    return {"insertFunctionInstance": changed}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    before = instance(world, call)
    world.table(instances).remove(before["id"])
    _happened(world, call, "Deleted", before)
    return {"status": "SUCCESS"}


def _set(function: Record, before: Record, given: Mapping[str, Any]) -> Record:
    """Merged key by key, null removes; those that the function calls sensitive lie apart, masked."""
    plain, encrypted = dict(before["settings"]), dict(before["encryptedSettings"])
    sensitive = {setting["name"] for setting in function["settings"] if setting["sensitive"]} | encrypted.keys()
    for name, value in given.items():
        known = encrypted.pop(name, None)
        plain.pop(name, None)
        if value is None:
            continue
        if name not in sensitive:
            plain[name] = value
        elif isinstance(value, str) and BULLET in value and known is not None:
            encrypted[name] = known  # written back as it was read
        else:
            encrypted[name] = masked(str(value))
    return {"settings": plain, "encryptedSettings": encrypted}


def _happened(world: World, call: Call, deed: str, found: Record) -> None:
    name = f"Insert Function Instance {deed}"
    world.happened(call, name, "insert_function_instance", found["id"], found.get("name", ""), named=False)


ROUTES = (
    Route("/insert-function-instances", "createInsertFunctionInstance", ALPHA, Write(create), feature=_FEATURE,
          method="POST"),
    Route("/insert-function-instances/{instanceId}", "updateInsertFunctionInstance", ALPHA, Write(update),
          feature=_FEATURE, method="PATCH"),
    Route("/insert-function-instances/{instanceId}", "deleteInsertFunctionInstance", ALPHA, Write(delete),
          feature=_FEATURE, method="DELETE"),
)  # fmt: skip
