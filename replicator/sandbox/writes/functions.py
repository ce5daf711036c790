"""Functions of all five kinds, their versions, and deployment.

Each change of the code is a version. What a source function runs is the version that was deployed last; of the other
kinds, for which there is no deployment, it is the latest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write, children, walk
from replicator.sandbox.content.functions import (
    CURRENT,
    DEPLOYED,
    INSERTED,
    KINDS,
    display_name,
    functions,
    instances,
    preview_url,
    versions,
    whole_id,
)
from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import invalid, not_found
from replicator.sandbox.routing import ALPHA, STABLE, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_FEATURE = "Functions"
#: What a function shows that was given none.
_LOGO = "https://cdn.segment.example/function.svg"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def create(world: World, call: Call) -> Mapping[str, Any]:
    body, kind = call.body, call.body["resourceType"]
    _check_logo(call)
    bare = world.table(functions).new_id()
    identifier = KINDS[kind][1] + bare
    function = {
        "id": identifier,
        "resourceType": kind,
        "createdAt": world.stamp(),
        "createdBy": _author(world),
        "displayName": display_name(world, kind, body["displayName"]),
        **({"description": body["description"]} if "description" in body else {}),
        "logoUrl": body.get("logoUrl", _LOGO),
        "catalogId": bare,
        "code": body["code"],
        "settings": body.get("settings", []),
        "deployedAt": None,
        "previewWebhookUrl": preview_url(kind, bare),
        "batchMaxCount": 0,
        "isLatestVersion": False,
        "workspaceId": world.workspace_id,
        "buildpack": "boreal",
    }
    world.table(functions).add(identifier, function, kind)
    _new_version(world, function)
    _happened(world, call, "Created", function)
    return {"function": world.table(functions).get(identifier)}


def update(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(functions)
    function = table.get(whole_id(world, call.ids[0]))
    _check_logo(call)
    changed = function | call.body
    if "displayName" in call.body:
        # So a name that is written back as it was read grows (resources.md, "Reads that bite").
        changed["displayName"] = display_name(world, function["resourceType"], call.body["displayName"])
    table.put(function["id"], changed)
    if changed["code"] != function["code"]:
        _new_version(world, changed)
    _happened(world, call, "Modified", changed)
    return {"function": table.get(function["id"])}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    function = world.table(functions).get(whole_id(world, call.ids[0]))
    levels = (versions, instances) if function["resourceType"] in INSERTED else (versions,)
    for level in levels:
        for child in list(children(world, functions, function["id"], level)):
            world.table(level).remove(child["id"])
    world.table(functions).remove(function["id"])
    _happened(world, call, "Deleted", function)
    return {"status": "SUCCESS"}


def deploy(world: World, call: Call) -> Mapping[str, Any]:
    function = world.table(functions).get(_deployable(world, call.ids[0]))
    _deploy(world, function)
    _happened(world, call, "Modified", function)
    return {"functionDeployment": {"status": "SUCCESS"}}


def restore(world: World, call: Call) -> Mapping[str, Any]:
    """The code of an old version becomes that of a new one."""
    function = world.table(functions).get(whole_id(world, call.ids[0]))
    path = (function["id"], call.body["versionId"])
    old = world.table(versions).get(walk(world, path, (functions, versions)))
    changed = function | {"code": old["code"]}
    world.table(functions).put(function["id"], changed)
    restored = _new_version(world, changed)
    _happened(world, call, "Modified", changed)
    return {"version": world.table(versions).get(restored)}


def _deployable(world: World, written: str) -> str:
    """The id of the function of which this is the id, or that of an instance; raises the API's 404 and 422."""
    kind, _, bare = written.partition("_")
    if kind == "sfn":
        return whole_id(world, f"{KINDS['SOURCE'][1]}{bare}")
    found = whole_id(world, written)
    if world.table(functions).get(found)["resourceType"] != "SOURCE":
        raise invalid("functionId", "must be that of a source function")
    if world.behaviour.deploy_instances_only:
        raise not_found("Function")
    return found


def _new_version(world: World, function: Record) -> str:
    """The version that has the function's code from now on."""
    table, now = world.table(versions), world.stamp()
    identifier = table.new_id()
    version = {
        "id": identifier,
        "author": _author(world),
        "code": function["code"],
        "isDeployed": False,
        "createdAt": now,
        "updatedAt": now,
    }
    table.add(identifier, version, function["id"])
    CURRENT.put(world, function["id"], identifier)
    if function["resourceType"] == "SOURCE":
        world.table(functions).put(function["id"], function | {"isLatestVersion": False})
    else:
        _deploy(world, function)
    return identifier


def _deploy(world: World, function: Record) -> None:
    """The current version runs from now on, in the place of the one before."""
    now = world.stamp()
    before, current = DEPLOYED.of(world, function["id"]), CURRENT.of(world, function["id"])
    if before is not None and before != current:
        _change(world, before, {"isDeployed": False, "updatedAt": now})
    if current is not None:
        _change(world, current, {"isDeployed": True, "updatedAt": now, "deployedAt": now})
    DEPLOYED.put(world, function["id"], current)
    world.table(functions).put(function["id"], function | {"deployedAt": now, "isLatestVersion": True})


def _change(world: World, version: str, change: Record) -> None:
    table = world.table(versions)
    table.put(version, table.get(version) | change)


def _check_logo(call: Call) -> None:
    if "logoUrl" in call.body and not _URI.fullmatch(call.body["logoUrl"]):
        raise invalid("logoUrl", "must be a valid uri")


def _author(world: World) -> str:
    """The user who made the token is the one who is shown."""
    return Ids.of(world.seed, "user")[0]


def _happened(world: World, call: Call, deed: str, function: Record) -> None:
    kind = "Insert" if function["resourceType"] in INSERTED else function["resourceType"].capitalize()
    name = f"{kind} Function {deed}"
    world.happened(call, name, "function", function["id"], function["displayName"], named=False)


ROUTES = (
    Route("/functions", "createFunction", STABLE, Write(create), feature=_FEATURE, method="POST"),
    Route("/functions/{functionId}", "updateFunction", STABLE, Write(update), feature=_FEATURE, method="PATCH"),
    Route("/functions/{functionId}", "deleteFunction", STABLE, Write(delete), feature=_FEATURE, method="DELETE"),
    Route("/functions/{functionId}/deploy", "createFunctionDeployment", STABLE, Write(deploy), feature=_FEATURE,
          method="POST"),
    Route("/functions/{functionId}/versions", "restoreFunctionVersion", ALPHA, Write(restore), feature=_FEATURE,
          method="POST"),
)  # fmt: skip
