"""Credentials: they cannot go while a warehouse or a source uses them, even a disabled one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write
from replicator.sandbox.content.credentials import (
    CHOSEN,
    SETTING,
    consuming_sources,
    consuming_warehouses,
    credentials,
)
from replicator.sandbox.messages import Refusal
from replicator.sandbox.routing import V1, Route

from .settings import merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.state import Level
    from replicator.sandbox.world import World


def create(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(credentials)
    identifier, now = table.new_id(), world.stamp()
    credential = {
        "id": identifier,
        "workspaceId": world.workspace_id,
        "name": call.body["name"],
        "settings": merged({}, call.body["settings"]),
        "createdAt": now,
        "updatedAt": now,
    }
    table.add(identifier, credential)
    _happened(world, call, "Warehouse Credential Created", credential)
    return {"credential": credential}


def update(world: World, call: Call) -> Mapping[str, Any]:
    credential, body = world.table(credentials).get(call.ids[0]), call.body
    changed = credential | {"name": body.get("name", credential["name"]), "updatedAt": world.stamp()}
    if "settings" in body:
        changed["settings"] = merged(credential["settings"], body["settings"])
    world.table(credentials).put(credential["id"], changed)
    _happened(world, call, "Warehouse Credential Modified", changed)
    return {"credential": changed}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    credential = world.table(credentials).get(call.ids[0])
    if consuming_warehouses(world, credential["id"]) or consuming_sources(world, credential["id"]):
        raise Refusal(409, "RequestError", "The credential is used by a warehouse or a source")
    world.table(credentials).remove(credential["id"])
    _happened(world, call, "Warehouse Credential Deleted", credential)
    return {"status": "SUCCESS"}


def check_credential(world: World, settings: Mapping[str, Any]) -> None:
    """Raises the API's 404 if settings name a credential that does not exist."""
    if settings.get(SETTING):
        world.table(credentials).get(settings[SETTING])


def choose_credential(world: World, level: Level, consumer: str, settings: Mapping[str, Any]) -> None:
    """Remember which credential these settings of a warehouse or a source name; null is none."""
    if SETTING in settings:
        chosen = CHOSEN.of(world, level.__name__)
        CHOSEN.put(world, level.__name__, {**chosen, consumer: settings[SETTING]})


def _happened(world: World, call: Call, event: str, credential: Record) -> None:
    world.happened(call, event, "warehouse_credential", credential["id"], credential["name"])


ROUTES = (
    Route("/credentials", "createCredential", V1, Write(create, 201), method="POST"),
    Route("/credentials/{credentialId}", "updateCredential", V1, Write(update), method="PATCH"),
    Route("/credentials/{credentialId}", "deleteCredential", V1, Write(delete), method="DELETE"),
)
