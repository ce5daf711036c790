"""Tracking plans, and the sources that they are connected to. Updates and removals answer with a status alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.bodies import QUERIES
from replicator.sandbox.calls import Write
from replicator.sandbox.content import words
from replicator.sandbox.content.protocols import (
    CONNECTED,
    DISCONNECTED,
    PLAN_OF_SOURCE,
    born_sources,
    plan_of_source,
    resource_schema_id,
    tracking_plans,
)
from replicator.sandbox.content.sources import sources
from replicator.sandbox.messages import conflict, not_found
from replicator.sandbox.routing import STABLE, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_FEATURE = "Protocols"


def create(world: World, call: Call) -> Mapping[str, Any]:
    body, now = call.body, world.stamp()
    table = world.table(tracking_plans)
    identifier = table.new_id()
    plan = {
        "id": identifier,
        "name": body["name"],
        "resourceSchemaId": resource_schema_id(world, identifier),
        "slug": words.slug(body["name"], 0) or identifier.lower(),
        **({"description": body["description"]} if "description" in body else {}),
        "type": body["type"],
        "updatedAt": now,
        "createdAt": now,
    }
    table.add(identifier, plan, body["type"])
    happened(world, call, "Created", plan)
    return {"trackingPlan": plan}


def update(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(tracking_plans)
    plan = table.get(call.ids[0])
    changed = plan | call.body | {"updatedAt": world.stamp()}
    table.put(plan["id"], changed)
    happened(world, call, "Modified", changed)
    return {"status": "SUCCESS"}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    """Its rules and connections are found by its id alone, so they are gone with it."""
    plan = world.table(tracking_plans).get(call.ids[0])
    world.table(tracking_plans).remove(plan["id"])
    happened(world, call, "Deleted", plan)
    return {"status": "SUCCESS"}


def add_source(world: World, call: Call) -> Mapping[str, Any]:
    """Once more is no change: a client may repeat the call when its answer was lost."""
    plan = world.table(tracking_plans).get(call.ids[0])["id"]
    source = world.table(sources).get(call.body["sourceId"])
    match plan_of_source(world, source["id"]):
        case None:
            _connect(world, plan, source["id"])
            _source_changed(world, call, source)
        case other if other != plan:
            raise conflict("sourceId", "is connected to another tracking plan")
    return {"status": "SUCCESS"}


def remove_source(world: World, call: Call) -> Mapping[str, Any]:
    plan = world.table(tracking_plans).get(call.ids[0])["id"]
    asked = call.query.read(QUERIES["removeSourceFromTrackingPlan"])
    source = world.table(sources).get(asked["sourceId"])
    if plan_of_source(world, source["id"]) != plan:
        raise not_found("Source")
    _disconnect(world, plan, source["id"])
    _source_changed(world, call, source)
    return {"status": "SUCCESS"}


def _connect(world: World, plan: str, source: str) -> None:
    PLAN_OF_SOURCE.put(world, source, plan)
    index = world.table(sources).born_index(source)
    if index is not None and index in DISCONNECTED.of(world, plan):
        DISCONNECTED.put(world, plan, DISCONNECTED.of(world, plan) - {index})
    else:
        CONNECTED.put(world, plan, (*CONNECTED.of(world, plan), source))


def _disconnect(world: World, plan: str, source: str) -> None:
    PLAN_OF_SOURCE.put(world, source, None)
    index = world.table(sources).born_index(source)
    if index is not None and index in born_sources(world, plan):
        DISCONNECTED.put(world, plan, DISCONNECTED.of(world, plan) | {index})
    else:
        CONNECTED.put(world, plan, tuple(other for other in CONNECTED.of(world, plan) if other != source))


def happened(world: World, call: Call, deed: str, plan: Record) -> None:
    """The contract names no event on the writes of plans and rules; the app's trail shows these."""
    world.happened(call, f"Tracking Plan {deed}", "tracking_plan", plan["id"], plan.get("name", ""), named=False)


def _source_changed(world: World, call: Call, source: Record) -> None:
    world.happened(call, "Source Modified", "source", source["id"], source.get("name", ""))


ROUTES = (
    Route("/tracking-plans", "createTrackingPlan", STABLE, Write(create), feature=_FEATURE, method="POST"),
    Route("/tracking-plans/{trackingPlanId}", "updateTrackingPlan", STABLE, Write(update), feature=_FEATURE,
          method="PATCH"),
    Route("/tracking-plans/{trackingPlanId}", "deleteTrackingPlan", STABLE, Write(delete), feature=_FEATURE,
          method="DELETE"),
    Route("/tracking-plans/{trackingPlanId}/sources", "addSourceToTrackingPlan", STABLE, Write(add_source),
          feature=_FEATURE, method="POST"),
    Route("/tracking-plans/{trackingPlanId}/sources", "removeSourceFromTrackingPlan", STABLE, Write(remove_source),
          feature=_FEATURE, method="DELETE"),
)  # fmt: skip
