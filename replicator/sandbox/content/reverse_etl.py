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

#: Seconds that a sync takes.
DURATION = 300


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
        "finishedAt": with_millis(start + DURATION),
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
        "startedAt": with_millis(start + 60), "finishedAt": with_millis(start + DURATION),
    }  # fmt: skip
    return outcome


def syncs_of_subscription(world: World, call: Call) -> Series:
    """Newest first."""
    model, subscription = world.table(models).get(call.ids[0]), world.table(subscriptions).get(call.ids[1])
    table, number = world.table(syncs), world.table(subscriptions).born_index(subscription["id"])
    started = [sync for sync in table.of(subscription["id"], ())[::-1] if sync["modelId"] == model["id"]]
    each = syncs(world).each
    own = number is not None and model_of(world, number) == world.table(models).born_index(model["id"])
    born = table.of("", range(number * each, (number + 1) * each) if own and number is not None else ())

    def make(place: int) -> Record:
        return sync_now(world, started[place] if place < len(started) else born[place - len(started)])

    return Series(len(started) + len(born), make)


def sync_of_model(world: World, call: Call) -> Record:
    model = world.table(models).get(call.ids[0])
    sync = world.table(syncs).get(call.ids[1])
    number = syncs(world).each and world.table(syncs).born_index(sync["syncId"])
    of_none = number is not None and model_of(world, number // syncs(world).each) is None
    if sync["modelId"] != model["id"] or of_none:
        raise not_found("Sync")
    return sync_now(world, sync)


def sync_now(world: World, kept: Record) -> Record:
    """What time has made of a sync: one that somebody started (`started`, in seconds) is over after five minutes."""
    shown = {name: value for name, value in kept.items() if name != "started"}
    age = world.seconds() - kept.get("started", world.seconds())
    if age < DURATION:
        return shown | ({"duration": f"00:{age // 60:02d}:{age % 60:02d}"} if "started" in kept else {})
    return shown | {"syncStatus": "SUCCESS", "duration": "00:05:00"} | _outcome("SUCCESS", kept["started"])
