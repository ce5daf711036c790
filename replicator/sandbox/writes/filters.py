"""The filters of destinations, and what one would make of an event."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from replicator.sandbox.calls import Write, walk
from replicator.sandbox.content.destinations import destinations, filters
from replicator.sandbox.content.sources import sources
from replicator.sandbox.fql import BadConditionError, condition
from replicator.sandbox.messages import invalid
from replicator.sandbox.routing import STABLE, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_PARTS = ("title", "if", "actions", "enabled", "description")
#: Into so many parts a sample divides the events.
_GRAIN = 1 << 32


def create(world: World, call: Call) -> Mapping[str, Any]:
    destination, body = world.table(destinations).get(call.ids[0]), call.body
    if world.table(sources).get(body["sourceId"])["id"] != destination["sourceId"]:
        raise invalid("sourceId", "must be the source of the destination")
    _condition("if", body["if"])
    table, now = world.table(filters), world.stamp()
    identifier = table.new_id()
    found = {
        "id": identifier,
        "sourceId": body["sourceId"],
        "destinationId": destination["id"],
        **{name: body[name] for name in _PARTS if name in body},
        "createdAt": now,
        "updatedAt": now,
    }
    table.add(identifier, found, destination["id"])
    _happened(world, call, "Destination Filter Created", found)
    return {"filter": found}


def update(world: World, call: Call) -> Mapping[str, Any]:
    """Null clears the description."""
    found = world.table(filters).get(walk(world, call.ids, (destinations, filters)))
    if "if" in call.body:
        _condition("if", call.body["if"])
    changed = found | {name: call.body[name] for name in _PARTS if name in call.body}
    if changed.get("description", "") is None:
        del changed["description"]
    world.table(filters).put(found["id"], changed | {"updatedAt": world.stamp()})
    if changed["enabled"] != found["enabled"]:
        event = "Destination Filter Enabled" if changed["enabled"] else "Destination Filter Disabled"
        _happened(world, call, event, changed)
    elif changed != found:
        _happened(world, call, "Destination Filter Modified", changed, named=False)
    return {"filter": world.table(filters).get(found["id"])}


def remove(world: World, call: Call) -> Mapping[str, Any]:
    found = world.table(filters).get(walk(world, call.ids, (destinations, filters)))
    world.table(filters).remove(found["id"])
    _happened(world, call, "Destination Filter Deleted", found)
    return {"status": "SUCCESS"}


def _happened(world: World, call: Call, event: str, found: Record, *, named: bool = True) -> None:
    world.happened(call, event, "destination_filter", found["id"], found["title"], named=named)


def _condition(field: str, text: str) -> Callable[[Mapping[str, Any]], bool]:
    try:
        return condition(text)
    except BadConditionError as problem:
        raise invalid(field, str(problem)) from None


def preview(_world: World, call: Call) -> Mapping[str, Any]:
    """What the destination would get of the payload: null if nothing."""
    payload, given = call.body["payload"], call.body["filter"]
    met = _condition("filter.if", given["if"])(payload)
    return {"inputPayload": payload, "result": _filtered(payload, given["actions"]) if met else payload}


def _filtered(payload: Record, actions: Sequence[Record]) -> Record | None:
    for action in actions:
        fields = action.get("fields", {})
        match action["type"]:
            case "DROP":
                return None
            case "SAMPLE" if not _sampled(payload, action):
                return None
            case "DROP_PROPERTIES":
                payload = _chosen(payload, fields, lambda name, names: name not in names)
            case "ALLOW_PROPERTIES":
                payload = _chosen(payload, fields, lambda name, names: name in names)
            case _:
                pass
    return payload


def _sampled(payload: Record, action: Record) -> bool:
    """The same events always; with a path, all those that have the same there."""
    value: Any = payload
    for name in action["path"].split(".") if action.get("path") else ():
        value = value.get(name) if isinstance(value, dict) else None
    digest = blake2b(msgspec.json.encode(value), digest_size=4).digest()
    return bool(int.from_bytes(digest, "big") < action.get("percent", 1) * _GRAIN)


def _chosen(value: Record, fields: Mapping[str, Any], keep: Callable[[str, Sequence[str]], bool]) -> Record:
    """The value, and of the objects that lead to a list of names only what is to be kept."""
    chosen = dict(value)
    for name, inner in fields.items():
        if not isinstance(value.get(name), dict):
            continue
        if isinstance(inner, list):
            chosen[name] = {key: part for key, part in value[name].items() if keep(key, inner)}
        elif isinstance(inner, dict):
            chosen[name] = _chosen(value[name], inner, keep)
    return chosen


# fmt: off
_OF = "/destination/{destinationId}/filters"
ROUTES = (
    Route(_OF, "createFilterForDestination", STABLE, Write(create), method="POST"),
    Route(f"{_OF}/{{filterId}}", "updateFilterForDestination", STABLE, Write(update), method="PATCH"),
    Route(f"{_OF}/{{filterId}}", "removeFilterFromDestination", STABLE, Write(remove), method="DELETE"),
    Route("/destination/filters/preview", "previewDestinationFilter", STABLE, Write(preview), method="POST"),
)
# fmt: on
