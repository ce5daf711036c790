"""Computed traits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write, walk
from replicator.sandbox.content.spaces import computed, computed_traits, spaces
from replicator.sandbox.routing import ALPHA, Route

from .computing import changed, made

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.world import World

_KIND = "computed_trait"


def create(world: World, call: Call) -> Mapping[str, Any]:
    world.table(spaces).get(call.ids[0])
    table = world.table(computed_traits)
    given = {name: call.body[name] for name in ("definition", "options") if name in call.body}
    trait = made(world, call, table.new_id()) | given
    table.add(trait["id"], trait, call.ids[0])
    world.happened(call, "Computed Trait Created", _KIND, trait["id"], trait["name"])
    return {"computedTrait": computed(world, trait)}


def update(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(computed_traits)
    before = table.get(walk(world, call.ids, (spaces, computed_traits)))
    trait = changed(world, call, before)
    if "definition" in call.body:
        trait["definition"] = call.body["definition"]
    table.put(trait["id"], trait)
    world.happened(call, "Computed Trait Modified", _KIND, trait["id"], trait["name"])
    return {"computedTrait": computed(world, trait)}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(computed_traits)
    trait = table.get(walk(world, call.ids, (spaces, computed_traits)))
    table.remove(trait["id"])
    world.happened(call, "Computed Trait Deleted", _KIND, trait["id"], trait["name"])
    return {"status": "SUCCESS"}


_TRAITS = "/spaces/{spaceId}/computed-traits"

# fmt: off
ROUTES = (
    Route(_TRAITS, "createComputedTrait", ALPHA, Write(create), limit=10, feature="Computed Trait", method="POST"),
    Route(_TRAITS + "/{id}", "updateComputedTraitForSpace", ALPHA,
          Write(update), limit=10, feature="Computed Trait", method="PATCH"),
    Route(_TRAITS + "/{id}", "removeComputedTraitFromSpace", ALPHA,
          Write(delete), limit=20, feature="Computed Trait", method="DELETE"),
)
# fmt: on
