"""Reverse ETL: models, which belong to warehouse sources, and the syncs of their subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import not_found
from replicator.sandbox.moments import BIRTH, DAY, with_millis
from replicator.sandbox.series import Nested, Record, Series
from replicator.sandbox.world import World, collection

from . import words
from .destinations import model_of, subscriptions
from .sources import source_ids, warehouse_sources

if TYPE_CHECKING:
    from replicator.sandbox.calls import Call


@collection
def models(world: World) -> Series:
    ids = Ids.of(world.seed, "model")
    readers = warehouse_sources(world)

    def make(index: int) -> Record:
        draw = world.draw("model", index)
        table = draw.pick(("customers", "accounts", "orders", '"Größen"'))
        return {
            "id": ids[index],
            "sourceId": source_ids(world)[readers[index % len(readers)]],
            "name": f"{draw.pick(words.TEAMS)} {table}",
            "description": "" if draw.happens(40) else f"One row for each of the {table}.",
            "enabled": draw.happens(80),
            "query": f"SELECT id, email\nFROM analytics.{table}\nWHERE active -- {index}",
            "queryIdentifierColumn": "id",
        }

    return Series(world.count("ReverseETLModels", "Sources", "CatalogSources"), make, ids)


@collection
def syncs(world: World) -> Nested:
    """The syncs of every subscription; those of subscriptions without a model are never shown."""
    ids = Ids.of(world.seed, "sync", "ksuid")
    each = world.counts["SyncsPerModelSubscription"]

    def make(index: int) -> Record:
        subscription, place = divmod(index, each)
        model = model_of(world, subscription) or 0
        draw = world.draw("sync", index)
        start = BIRTH + 720 * DAY - place * 3600
        sync = {
            "syncId": ids[index],
            "modelId": Ids.of(world.seed, "model")[model],
            "sourceId": models(world)[model]["sourceId"],
            "syncStatus": draw.pick(("SUCCESS", "SUCCESS", "PARTIAL_SUCCESS", "FAILED", "IN_PROGRESS")),
            "duration": f"00:0{draw.below(10)}:{10 + draw.below(50)}",
            "startedAt": with_millis(start),
        }
        return sync | _outcome(str(sync["syncStatus"]), start)

    return Nested(len(subscriptions(world)), each, make, ids)


def _outcome(status: str, start: int) -> Record:
    if status == "IN_PROGRESS":
        return {}
    failed = status == "FAILED"
    outcome: Record = {
        "finishedAt": with_millis(start + 300),
        "extractPhase": {
            # The counts are strings in the contract.
            "addedCount": "120", "updatedCount": "7", "deletedCount": "0", "extractCount": "127",
            "errorCode": "QUERY_TIMEOUT" if failed else "",
            "startedAt": with_millis(start), "finishedAt": with_millis(start + 60),
        },
    }  # fmt: skip
    if failed:
        return outcome | {"error": "query timed out after 60 s", "errorCode": "QUERY_TIMEOUT"}
    outcome["loadPhase"] = {
        "deliverSuccessCount": "126", "deliverFailureCount": "1", "errorCode": "",
        "startedAt": with_millis(start + 60), "finishedAt": with_millis(start + 300),
    }  # fmt: skip
    return outcome


def syncs_of_subscription(world: World, call: Call) -> Series:
    model = models(world).index_of(call.ids[0])
    subscription = subscriptions(world).index_of(call.ids[1])
    every = syncs(world)
    return every.of(subscription) if model_of(world, subscription) == model else every.only(())


def sync_of_model(world: World, call: Call) -> Record:
    model = models(world).index_of(call.ids[0])
    every = syncs(world)
    index = every.index_of(call.ids[1])
    if model_of(world, index // every.each) != model:
        raise not_found("Sync")
    return every[index]
