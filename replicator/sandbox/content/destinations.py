"""Destinations, their filters and subscriptions. A quarter of the sources have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicator.sandbox.ids import Ids
from replicator.sandbox.moments import BIRTH, DAY, with_millis
from replicator.sandbox.series import Nested, Record, Series
from replicator.sandbox.world import World, collection

from . import words
from .catalog import catalog_destinations
from .sources import source_ids, sources, warehouse_sources

if TYPE_CHECKING:
    from replicator.sandbox.calls import Call
    from replicator.sandbox.draws import Draw
    from replicator.sandbox.state import Children

_NAMES = ("Amplitude Prod", "amplitude prod", "GA4 (web)", "Kinesis → lake", "Braze 💌", "", "Slack #alerts")
_CONDITIONS = (
    'type = "identify"', '!(type = "track")', "event = 'Order Completed'", 'type = "track" and !(context.app = null)',
)  # fmt: skip


def source_of(world: World, destination: int) -> int:
    return destination % _turn(world)


def _turn(world: World) -> int:
    count = len(sources(world))
    return count - count // 4


@collection
def destinations(world: World) -> Series:
    ids = Ids.of(world.seed, "destination")
    metadata = catalog_destinations(world)

    def make(index: int) -> Record:
        draw = world.draw("destination", index)
        destination = {
            "id": ids[index],
            "enabled": draw.happens(80),
            "metadata": metadata[draw.below(len(metadata))],
            "sourceId": source_ids(world)[source_of(world, index)],
            "settings": _settings(draw),
        }
        if index % 8 != 7:
            destination["name"] = words.name(draw, _NAMES, index)
        return destination

    return Series(world.count("Destinations", "Sources", "CatalogSources", "CatalogDestinations"), make, ids)


def of_source(world: World, source: str) -> Children:
    index, turn = world.table(sources).born_index(source), _turn(world)
    born = range(0) if index is None or index >= turn else range(index, len(destinations(world)), turn)
    return world.table(destinations).of(source, born)


def connected(world: World, call: Call) -> Children:
    return of_source(world, world.table(sources).get(call.ids[0])["id"])


def _settings(draw: Draw) -> Record:
    settings: Record = {"apiKey": words.masked(draw), "sampleRate": draw.pick((100, 50, 0.5))}
    if draw.happens(60):
        settings["fieldMap"] = {"Größe": "size", "order.id": "order_id"}
    if draw.happens(40):
        # Live answers hold keys that the backend added by itself.
        settings["versionSettings"] = {"version": draw.below(9), "componentTypes": ["server", "browser"]}
    return settings


@collection
def filters(world: World) -> Nested:
    ids = Ids.of(world.seed, "destination filter")
    parents = destinations(world)

    def make(index: int) -> Record:
        draw = world.draw("destination filter", index)
        parent = index // world.counts["FiltersPerDestination"]
        created = BIRTH + draw.below(500 * DAY)
        return {
            "id": ids[index],
            "sourceId": source_ids(world)[source_of(world, parent)],
            "destinationId": parents.ids[parent] if parents.ids else "",
            "if": draw.pick(_CONDITIONS),
            "actions": _actions(draw, index),
            "title": f"{draw.pick(words.TEAMS)} filter {index + 1}",
            **({"description": "Keeps internal traffic out."} if draw.happens(60) else {}),
            "enabled": draw.happens(70),
            "createdAt": with_millis(created),
            "updatedAt": with_millis(created + draw.below(90 * DAY), draw.below(1000)),
        }

    return Nested(len(parents), world.counts["FiltersPerDestination"], make, ids)


def _actions(draw: Draw, index: int) -> list[Record]:
    fields = {"properties": ["email", "address"], "context": {"traits": ["phone"]}}
    kinds: tuple[list[Record], ...] = (
        [{"type": "DROP"}],
        [{"type": "SAMPLE", "percent": draw.pick((0.2, 0.5, 1))}, {"type": "DROP_PROPERTIES", "fields": fields}],
        [{"type": "ALLOW_PROPERTIES", "fields": {"properties": ["order_id"]}}],
        [{"type": "SAMPLE", "percent": 0.1, "path": "userId"}],
    )
    return kinds[index % len(kinds)]


@collection
def subscriptions(world: World) -> Nested:
    ids = Ids.of(world.seed, "subscription")
    each = world.counts["SubscriptionsPerDestination"]
    parents = destinations(world)

    def make(index: int) -> Record:
        parent, place = divmod(index, each)
        draw = world.draw("subscription", index)
        destination = parents[parent]
        actions = destination["metadata"]["actions"]
        action = actions[place % len(actions)] if actions else {"id": "", "slug": "legacy", "name": "Send"}
        subscription = {
            "id": ids[index],
            "name": f"{action['name']} {place + 1}",
            "actionId": action["id"],
            "actionSlug": action["slug"],
            "destinationId": destination["id"],
            "enabled": draw.happens(80),
            "settings": {"user_id": {"@path": "$.userId"}, "enable_batching": draw.happens(50)},
            "trigger": 'type = "track" and event = "Order Completed"',
        }
        return subscription | _model(world, index, draw)

    return Nested(len(parents), each, make, ids)


def model_of(world: World, subscription: int) -> int | None:
    """The reverse-ETL model whose rows this subscription sends, if its destination belongs to a warehouse."""
    destination, place = divmod(subscription, world.counts["SubscriptionsPerDestination"])
    readers = warehouse_sources(world)
    source = source_of(world, destination)
    if source not in readers:
        return None
    models = range(readers.index(source), world.counts["ReverseETLModels"], len(readers))
    return models[place % len(models)] if models else None


def _model(world: World, subscription: int, draw: Draw) -> Record:
    model = model_of(world, subscription)
    if model is None:
        return {}
    schedules: tuple[Record, ...] = (
        {"strategy": "PERIODIC", "config": {"interval": "1d"}},
        {"strategy": "SPECIFIC_DAYS", "config": {"days": [1, 3], "hours": [9, 17], "timezone": "Europe/Paris"}},
        {"strategy": "CRON", "config": {"spec": "0 */2 * * *", "timezone": "UTC"}},
        {"strategy": "DBT_CLOUD", "config": {"jobId": "8812", "accountId": "77"}},
        {"strategy": "MANUAL", "config": None},
    )
    return {"modelId": Ids.of(world.seed, "model")[model], "reverseETLSchedule": draw.pick(schedules)}
