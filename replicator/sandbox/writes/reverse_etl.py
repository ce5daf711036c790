"""Reverse-ETL models and the syncs that somebody starts or cancels; dbt's models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write
from replicator.sandbox.content.destinations import subscriptions
from replicator.sandbox.content.reverse_etl import models, sync_of_model, syncs
from replicator.sandbox.content.sources import sources
from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import conflict, invalid
from replicator.sandbox.routing import ALPHA, BETA, Route
from replicator.sandbox.state import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_KIND = "model"
#: How often a sync of dbt's models was triggered.
_TRIGGERED: Fact[int] = Fact("dbt syncs triggered", lambda _world, _: 0)
_FIELDS = ("name", "description", "enabled", "query", "queryIdentifierColumn")


def create(world: World, call: Call) -> Mapping[str, Any]:
    source = world.table(sources).get(call.body["sourceId"])
    table = world.table(models)
    model = {"id": table.new_id(), "sourceId": source["id"]} | {name: call.body[name] for name in _FIELDS}
    table.add(model["id"], model)
    world.happened(call, "Model Created", _KIND, model["id"], model["name"])
    return {"reverseEtlModel": model}


def update(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(models)
    before = table.get(call.ids[0])
    model = before | {name: call.body[name] for name in _FIELDS if name in call.body}
    table.put(model["id"], model)
    if model["enabled"] != before["enabled"]:
        world.happened(call, "Model State Change Toggled", _KIND, model["id"], model["name"])
    if any(model[name] != before[name] for name in _FIELDS if name != "enabled"):
        world.happened(call, "Model Settings Saved", _KIND, model["id"], model["name"])
    return {"reverseEtlModel": model}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    model = world.table(models).get(call.ids[0])
    _forget(world, model["id"])
    world.table(models).remove(model["id"])
    world.happened(call, "Model Deleted", _KIND, model["id"], model["name"])
    return {"status": "SUCCESS"}


def _forget(world: World, model: str) -> None:
    """Its subscriptions stay, without a model. Nothing tells which they are, so each is looked at."""
    table = world.table(subscriptions)
    for found in [subscription for subscription in table if subscription.get("modelId") == model]:
        kept = {name: value for name, value in found.items() if name not in ("modelId", "reverseETLSchedule")}
        table.put(found["id"], kept)


def start_sync(world: World, call: Call) -> Mapping[str, Any]:
    source = world.table(sources).get(call.body["sourceId"])
    model = world.table(models).get(call.body["modelId"])
    subscription = world.table(subscriptions).get(call.body["subscriptionId"])
    if model["sourceId"] != source["id"]:
        raise invalid("modelId", "must be a model of the source")
    if subscription.get("modelId") != model["id"]:
        raise invalid("subscriptionId", "must be a subscription of the model")
    table = world.table(syncs)
    sync: Record = {
        "syncId": table.new_id(),
        "modelId": model["id"],
        "sourceId": source["id"],
        "syncStatus": "IN_PROGRESS",
        "duration": "00:00:00",
        "startedAt": world.stamp(),
        "started": world.seconds(),
    }
    table.add(sync["syncId"], sync, subscription["id"])
    world.happened(call, "Model Sync Started", _KIND, model["id"], model["name"], named=False)
    return {"reverseETLManualSync": {"startedAt": sync["startedAt"], "syncId": sync["syncId"]}}


def cancel_sync(world: World, call: Call) -> Mapping[str, Any]:
    sync = sync_of_model(world, call)
    if sync["syncStatus"] != "IN_PROGRESS":
        raise conflict("syncId", "is over already")
    world.table(syncs).put(sync["syncId"], sync | {"syncStatus": "CANCELED", "finishedAt": world.stamp()})
    model = world.table(models).get(sync["modelId"])
    world.happened(call, "Model Sync Canceled", _KIND, model["id"], model["name"], named=False)
    return {"modelId": model["id"], "syncId": sync["syncId"], "status": "CANCELED"}


def trigger_dbt(world: World, call: Call) -> Mapping[str, Any]:
    source = world.table(sources).get(call.body["sourceId"])
    count = _TRIGGERED.of(world, "")
    _TRIGGERED.put(world, "", count + 1)
    identifier = Ids.of(world.seed, "dbt sync")[count]
    world.happened(call, "Dbt Model Sync Triggered", "source", source["id"], source.get("name", ""), named=False)
    return {"dbtModelSyncTrigger": {"id": identifier, "sourceId": source["id"], "status": "QUEUED"}}


# fmt: off
ROUTES = (
    Route("/reverse-etl-models", "createReverseEtlModel", ALPHA, Write(create, 201), method="POST"),
    Route("/reverse-etl-models/{modelId}", "updateReverseEtlModel", ALPHA, Write(update), method="PATCH"),
    Route("/reverse-etl-models/{modelId}", "deleteReverseEtlModel", ALPHA, Write(delete), method="DELETE"),
    Route("/reverse-etl-syncs", "createReverseEtlManualSync", ALPHA, Write(start_sync), limit=20, method="POST"),
    Route("/reverse-etl-models/{modelId}/syncs/{syncId}/cancel", "cancelReverseEtlSyncForModel", ALPHA,
          Write(cancel_sync), method="POST"),
    Route("/dbt-model-syncs/trigger", "createDbtModelSyncTrigger", BETA, Write(trigger_dbt), limit=10, method="POST"),
)
# fmt: on
