"""Sources: themselves, their labels, write keys, schema settings and live plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write
from replicator.sandbox.content import words
from replicator.sandbox.content.catalog import catalog_sources
from replicator.sandbox.content.sources import (
    FORWARDING,
    LABELS,
    LIVE_PLUGINS,
    SCHEMA_SETTINGS,
    SLUGS,
    download_url,
    live_plugin_id,
    schema_settings,
    sources,
)
from replicator.sandbox.content.warehouses import connect, warehouses
from replicator.sandbox.messages import conflict, not_found
from replicator.sandbox.routing import ALPHA, STABLE, Route
from replicator.sandbox.state import Fact

from .credentials import check_credential, choose_credential
from .removal import remove_source
from .settings import merged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

#: What the names of the settings have in common that only Protocols knows.
_VIOLATIONS = "Violations"
#: By the id of the source: how many write keys it was given since the workspace was made.
_KEYS_MADE: Fact[int] = Fact("write keys made", lambda _world, _source: 0)


def create(world: World, call: Call) -> Mapping[str, Any]:
    """Alpha alone takes a name. New sources are connected to all warehouses, unless it is told not to."""
    body = call.body
    metadata = world.table(catalog_sources).get(body["metadataId"])
    settings = body.get("settings", {})
    check_credential(world, settings)
    _free_slug(world, body["slug"])
    table = world.table(sources)
    identifier = table.new_id()
    source = {
        "id": identifier,
        "slug": body["slug"],
        **({"name": body["name"]} if "name" in body else {}),
        "metadata": metadata,
        "workspaceId": world.workspace_id,
        "enabled": body["enabled"],
        "writeKeys": [_new_key(world, identifier)],
        "settings": merged({}, settings),
        "labels": [],
    }
    table.add(identifier, source)
    SLUGS.put(world, body["slug"], identifier)
    choose_credential(world, sources, identifier, settings)
    if not body.get("disconnectAllWarehouses"):
        for warehouse in world.table(warehouses):
            connect(world, warehouse["id"], identifier)
    _happened(world, call, "Source Created", source)
    return {"source": source}


def update(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(sources)
    source, body = table.get(call.ids[0]), call.body
    settings = body.get("settings", {})
    check_credential(world, settings)
    changed = source | {name: body[name] for name in ("name", "enabled", "slug") if name in body}
    if changed["slug"] != source["slug"]:
        _free_slug(world, changed["slug"])
        SLUGS.put(world, source["slug"], None)
        SLUGS.put(world, changed["slug"], source["id"])
    if "settings" in body:
        changed["settings"] = merged(source.get("settings", {}), settings)
        choose_credential(world, sources, source["id"], settings)
    table.put(source["id"], changed)
    for event in _events(source, changed):
        _happened(world, call, event, changed)
    return {"source": changed}


def _events(before: Record, after: Record) -> list[str]:
    """What the trail says of this change."""
    switched = "Source Enabled" if after["enabled"] else "Source Disabled"
    named = any(before.get(name) != after.get(name) for name in ("name", "slug"))
    happened = (
        (switched, before["enabled"] != after["enabled"]),
        ("Source Settings Modified", before.get("settings") != after.get("settings")),
        ("Source Modified", named),
    )
    return [event for event, did in happened if did]


def delete(world: World, call: Call) -> Mapping[str, Any]:
    source = world.table(sources).get(call.ids[0])
    remove_source(world, source["id"])
    _happened(world, call, "Source Deleted", source)
    return {"status": "SUCCESS"}


def add_labels(world: World, call: Call) -> Mapping[str, Any]:
    source = world.table(sources).get(call.ids[0])
    added = [label for label in _known_labels(world, call) if label not in source["labels"]]
    changed = source | {"labels": [*source["labels"], *added]}
    world.table(sources).put(source["id"], changed)
    if added:
        _happened(world, call, "Source Modified", source)
    return {"labels": changed["labels"]}


def replace_labels(world: World, call: Call) -> Mapping[str, Any]:
    source = world.table(sources).get(call.ids[0])
    changed = source | {"labels": _known_labels(world, call)}
    world.table(sources).put(source["id"], changed)
    _happened(world, call, "Source Modified", source, named=False)
    return {"labels": changed["labels"]}


def _known_labels(world: World, call: Call) -> Sequence[Record]:
    """The workspace's labels that the body names, each once; raises the API's 404 for one that does not exist."""
    known = {(label["key"], label["value"]): label for label in LABELS.of(world, "")}
    wanted = dict.fromkeys((label["key"], label["value"]) for label in call.body["labels"])
    if not wanted.keys() <= known.keys():
        raise not_found("Label")
    return [known[label] for label in wanted]


def create_write_key(world: World, call: Call) -> Mapping[str, Any]:
    source = world.table(sources).get(call.ids[0])
    changed = source | {"writeKeys": [*source["writeKeys"], _new_key(world, source["id"])]}
    world.table(sources).put(source["id"], changed)
    _happened(world, call, "Source Modified", source)
    return {"source": changed}


def remove_write_key(world: World, call: Call) -> Mapping[str, Any]:
    source = world.table(sources).get(call.ids[0])
    if call.ids[1] not in source["writeKeys"]:
        raise not_found("Write key")
    kept = [key for key in source["writeKeys"] if key != call.ids[1]]
    world.table(sources).put(source["id"], source | {"writeKeys": kept})
    _happened(world, call, "Source Modified", source)
    return {"status": "SUCCESS"}


def update_schema_settings(world: World, call: Call) -> Mapping[str, Any]:
    """What is left out stays as it was, except where violations and blocked events are forwarded to."""
    source = world.table(sources).get(call.ids[0])
    for name in FORWARDING:
        if name in call.body:
            world.table(sources).get(call.body[name])
    known = SCHEMA_SETTINGS.of(world, source["id"])
    settings = {name: part for name, part in known.items() if name not in FORWARDING}
    for name, part in _within_reach(world, call.body).items():
        settings[name] = part if name in FORWARDING else settings.get(name, {}) | part
    SCHEMA_SETTINGS.put(world, source["id"], settings)
    _happened(world, call, "Source Settings Modified", source, named=False)
    return schema_settings(world, call)


def _within_reach(world: World, given: Record) -> Record:
    """Without Protocols, what is to be done about violations is ignored."""
    if "Protocols" in world.features:
        return given
    mine = {name: part for name, part in given.items() if _VIOLATIONS not in name}
    return {
        name: {inner: value for inner, value in part.items() if _VIOLATIONS not in inner}
        if isinstance(part, dict)
        else part
        for name, part in mine.items()
    }


def create_live_plugin(world: World, call: Call) -> Mapping[str, Any]:
    """Another version of the plugin that the source has, else its first."""
    source = world.table(sources).get(call.ids[0])
    known = LIVE_PLUGINS.of(world, source["id"])
    identifier = live_plugin_id(world, source["id"])
    plugin = {
        "id": identifier,
        "sourceId": source["id"],
        "createdAt": world.stamp(),
        "createdBy": call.actor,
        "downloadURL": download_url(identifier),
        "version": known["version"] + 1 if known else 1,
        "code": call.body["code"],
    }
    LIVE_PLUGINS.put(world, source["id"], plugin)
    _happened(world, call, "Source Modified", source, named=False)
    return {"livePlugin": plugin}


def delete_live_plugin_code(world: World, call: Call) -> Mapping[str, Any]:
    source = world.table(sources).get(call.ids[0])
    known = LIVE_PLUGINS.of(world, source["id"])
    if known is None:
        raise not_found("Live plugin")
    LIVE_PLUGINS.put(world, source["id"], known | {"code": None})
    _happened(world, call, "Source Modified", source, named=False)
    return {"status": "SUCCESS"}


def _free_slug(world: World, slug: str) -> None:
    if SLUGS.of(world, slug) is not None:
        raise conflict("slug", "is taken by another source")


def _new_key(world: World, source: str) -> str:
    number = _KEYS_MADE.of(world, source)
    _KEYS_MADE.put(world, source, number + 1)
    return words.secret(world.draw(f"write key {source}", number))


def _happened(world: World, call: Call, event: str, source: Record, *, named: bool = True) -> None:
    world.happened(call, event, "source", source["id"], source.get("name") or source["slug"], named=named)


# fmt: off
ROUTES = (
    Route("/sources", "createSource", STABLE, Write(create, 201), method="POST"),
    Route("/sources/{sourceId}", "updateSource", STABLE, Write(update), method="PATCH"),
    Route("/sources/{sourceId}", "deleteSource", STABLE, Write(delete), method="DELETE"),
    Route("/sources/{sourceId}/labels", "addLabelsToSource", STABLE, Write(add_labels), method="POST"),
    Route("/sources/{sourceId}/labels", "replaceLabelsInSource", STABLE, Write(replace_labels), method="PUT"),
    Route("/sources/{sourceId}/writekey", "createWriteKeyForSource", ALPHA, Write(create_write_key), method="POST"),
    Route("/sources/{sourceId}/writekey/{writeKey}", "removeWriteKeyFromSource", ALPHA,
          Write(remove_write_key), method="DELETE"),
    Route("/sources/{sourceId}/settings", "updateSchemaSettingsInSource", STABLE,
          Write(update_schema_settings), method="PATCH"),
    Route("/sources/{sourceId}/live-plugins/create", "createLivePlugin", ALPHA,
          Write(create_live_plugin), feature="Live Plugins", method="POST"),
    Route("/sources/{sourceId}/live-plugins/delete-code", "deleteLivePluginCode", ALPHA,
          Write(delete_live_plugin_code), feature="Live Plugins", method="DELETE"),
)
# fmt: on
