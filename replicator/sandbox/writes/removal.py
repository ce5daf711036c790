"""What goes away with what. Relations are kept by ids, and their readers skip the ids of what is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicator.sandbox.calls import children
from replicator.sandbox.content.destinations import destinations, of_source, subscriptions
from replicator.sandbox.content.functions import instances
from replicator.sandbox.content.protocols import transformations
from replicator.sandbox.content.sources import SLUGS, sources

if TYPE_CHECKING:
    from replicator.sandbox.state import Level
    from replicator.sandbox.world import World


def remove_source(world: World, source: str) -> None:
    SLUGS.put(world, world.table(sources).get(source)["slug"], None)
    for destination in [found["id"] for found in of_source(world, source)]:
        remove_destination(world, destination)
    _remove_where(world, transformations, "sourceId", source)
    _remove_where(world, instances, "integrationId", source)
    world.table(sources).remove(source)


def remove_destination(world: World, destination: str) -> None:
    """Its filters are found under no other path than its own, so nobody sees them any more."""
    for subscription in [found["id"] for found in children(world, destinations, destination, subscriptions)]:
        world.table(subscriptions).remove(subscription)
    _remove_where(world, instances, "integrationId", destination)
    world.table(destinations).remove(destination)


def _remove_where(world: World, level: Level, name: str, identifier: str) -> None:
    """Looks at each record, one at a time, since nothing tells those that name the one that goes."""
    table = world.table(level)
    for found in [record["id"] for record in table if record[name] == identifier]:
        table.remove(found)
