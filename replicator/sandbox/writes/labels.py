"""Labels: created and deleted, never updated. A deleted one is taken off the sources that carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write
from replicator.sandbox.content.sources import LABELS, sources
from replicator.sandbox.messages import conflict, not_found
from replicator.sandbox.routing import STABLE, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World


def _is(label: Record, key: str, value: str) -> bool:
    return (label["key"], label["value"]) == (key, value)


def create(world: World, call: Call) -> Mapping[str, Any]:
    label = {name: call.body["label"][name] for name in ("key", "value", "description") if name in call.body["label"]}
    known = LABELS.of(world, "")
    if any(_is(other, label["key"], label["value"]) for other in known):
        raise conflict("label", "exists already")
    LABELS.put(world, "", [*known, label])
    world.happened(call, "Label Created", "label", f"{label['key']}:{label['value']}", label["key"])
    return {"label": label}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    key, value = call.ids
    known = LABELS.of(world, "")
    kept = [label for label in known if not _is(label, key, value)]
    if len(kept) == len(known):
        raise not_found("Label")
    LABELS.put(world, "", kept)
    world.table(sources).change_all(
        lambda source: source | {"labels": [label for label in source["labels"] if not _is(label, key, value)]}
    )
    world.happened(call, "Label Deleted", "label", f"{key}:{value}", key)
    return {"status": "SUCCESS"}


ROUTES = (
    Route("/labels", "createLabel", STABLE, Write(create, 201), limit=60, method="POST"),
    Route("/labels/{key}/{value}", "deleteLabel", STABLE, Write(delete), limit=60, method="DELETE"),
)
