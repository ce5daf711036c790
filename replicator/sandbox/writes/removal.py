"""What goes away with what. Relations are kept by ids, and their readers skip the ids of what is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicator.sandbox.calls import children
from replicator.sandbox.content.destinations import destinations, of_source, subscriptions
from replicator.sandbox.content.functions import instances
from replicator.sandbox.content.protocols import transformations
from replicator.sandbox.content.reverse_etl import models
from replicator.sandbox.content.sources import SLUGS, sources

if TYPE_CHECKING:
    from collections.abc import Container

    from replicator.sandbox.state import Level
    from replicator.sandbox.world import World


def remove_source(world: World, source: str) -> None:
    """With its destinations, models and transformations, and the insert functions in front of it."""
    SLUGS.put(world, world.table(sources).get(source)["slug"], None)
    own = [found["id"] for found in of_source(world, source)]
    for destination in own:
        _remove_destination(world, destination)
    _remove_where(world, instances, "integrationId", {source, *own})
    _remove_where(world, models, "sourceId", {source})
    _remove_where(world, transformations, "sourceId", {source})
    world.table(sources).remove(source)


def remove_destination(world: World, destination: str) -> None:
    """With its subscriptions, and the insert functions in front of it."""
    _remove_destination(world, destination)
    _remove_where(world, instances, "integrationId", {destination})


def _remove_destination(world: World, destination: str) -> None:
    """Its filters are found under no other path than its own, so nobody sees them any more."""
    for subscription in [found["id"] for found in children(world, destinations, destination, subscriptions)]:
        world.table(subscriptions).remove(subscription)
    world.table(destinations).remove(destination)


def _remove_where(world: World, level: Level, name: str, gone: Container[str]) -> None:
    """Looks at each record, one at a time, since nothing tells those that name what goes."""
    table = world.table(level)
    for found in [record["id"] for record in table if record[name] in gone]:
        table.remove(found)
