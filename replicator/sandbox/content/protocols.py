"""Tracking plans with their rules and sources, and transformations.

Rules have no ids, so the rules of a plan are one Fact: as they were made until somebody writes to that plan. So are the
connections of its sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.ids import Ids
from replicator.sandbox.moments import BIRTH, DAY, ZERO, with_millis, without_millis
from replicator.sandbox.series import Nested, Record, Series
from replicator.sandbox.state import Fact
from replicator.sandbox.world import World, collection

from . import words
from .catalog import catalog_destinations
from .sources import source_ids, sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.draws import Draw
    from replicator.sandbox.series import Rows
    from replicator.sandbox.state import Children

_TYPES = ("ENGAGE", "LIVE", "PROPERTY_LIBRARY", "RULE_LIBRARY", "TEMPLATE")
#: These come first in a plan, and have no key (resources.md, "Reads that bite").
KEYLESS = ("COMMON", "IDENTIFY", "GROUP")
_KEYED = ("TRACK", "TRACK", "TRACK", "TRACK", "PAGE", "TRACK", "SCREEN", "TRACK")
#: Every tenth rule is the second version of the rule before it.
_SECOND_VERSION_EVERY = 10


def _plan_type(index: int) -> str:
    return {4: "PROPERTY_LIBRARY", 9: "RULE_LIBRARY", 14: "ENGAGE", 19: "TEMPLATE"}.get(index % 20, "LIVE")


def _plan_ids(world: World) -> Ids:
    return Ids.of(world.seed, "tracking plan", prefix="tp_")


def resource_schema_id(world: World, plan: str) -> str:
    return Ids.of(world.seed, "resource schema", "ksuid", "rs_")[_plan_ids(world).index(plan) or 0]


@collection
def tracking_plans(world: World) -> Series:
    ids = _plan_ids(world)

    def make(index: int) -> Record:
        draw = world.draw("tracking plan", index)
        name = words.name(draw, words.PLANS, index)
        created = BIRTH + draw.below(500 * DAY)
        plan = {
            "id": ids[index],
            "name": name,
            # A live answer has it, no SDK knows it (resources.md, "Reads that bite").
            "resourceSchemaId": resource_schema_id(world, ids[index]),
            "slug": words.slug(name, index),
            "description": "" if index % 4 == 3 else f'What {draw.pick(words.TEAMS)} sends; "draft" events included.',
            "type": _plan_type(index),
            "updatedAt": with_millis(created + draw.below(200 * DAY), draw.below(1000)),
            "createdAt": with_millis(created),
        }
        if index % 6 == 5:
            del plan["description"]
        return plan

    return Series(world.count("TrackingPlans"), make, ids)


def plans_of_type(world: World, call: Call) -> Rows:
    """The type of a plan never changes; those that were added are listed under it."""
    chosen = call.query.choice("type", _TYPES)
    plans = world.table(tracking_plans)
    if chosen is None:
        return plans
    return plans.of(chosen, [i for i in range(len(plans.born)) if _plan_type(i) == chosen])


def _turn(world: World) -> int:
    """Source s belongs to plan s modulo this, if there is such a live plan: a third of the sources have none."""
    plans = len(tracking_plans(world))
    return plans + plans // 2 + 1


def _born_plan_of(world: World, source: str) -> str | None:
    index = world.table(sources).born_index(source)
    plan = None if index is None else index % _turn(world)
    if plan is None or plan >= len(tracking_plans(world)) or _plan_type(plan) != "LIVE":
        return None
    return _plan_ids(world)[plan]


#: By the id of the source. The plan may be gone.
PLAN_OF_SOURCE: Fact[str | None] = Fact("plan of source", _born_plan_of)
#: By the id of the plan: the sources that were connected since the workspace was made, ids in their order.
CONNECTED: Fact[tuple[str, ...]] = Fact("connected to plan", lambda _world, _plan: ())
#: By the id of the plan: the numbers of its first sources that are connected no more.
DISCONNECTED: Fact[frozenset[int]] = Fact("disconnected from plan", lambda _world, _plan: frozenset())


def plan_of_source(world: World, source: str) -> str | None:
    plan = PLAN_OF_SOURCE.of(world, source)
    return plan if plan is not None and plan in world.table(tracking_plans) else None


def source_with_plan(world: World, call: Call) -> Mapping[str, Any]:
    source = world.table(sources).get(call.ids[0])
    return {"source": source, "trackingPlanId": plan_of_source(world, source["id"])}


def sources_of_plan(world: World, call: Call) -> Children:
    plan = call.ids[0]
    world.table(tracking_plans).get(plan)
    born = born_sources(world, plan)
    disconnected = DISCONNECTED.of(world, plan)
    left = [index for index in born if index not in disconnected] if disconnected else born
    return world.table(sources).those(left, CONNECTED.of(world, plan))


def born_sources(world: World, plan: str) -> range:
    """The numbers of the sources that the plan was made with."""
    index = world.table(tracking_plans).born_index(plan)
    if index is None or _plan_type(index) != "LIVE":
        return range(0)
    return range(index, len(sources(world)), _turn(world))


@collection
def rules(world: World) -> Nested:
    each = world.counts["RulesPerPlan"]

    def make(index: int) -> Record:
        plan, place = divmod(index, each)
        draw = world.draw("rule", index)
        created = BIRTH + draw.below(500 * DAY)
        write = with_millis if plan % 3 else without_millis
        kind, key, version = _identity(place)
        rule = {
            "type": kind,
            "jsonSchema": _json_schema(draw, kind),
            "version": version,
            "createdAt": write(created),
            "updatedAt": write(created + draw.below(200 * DAY)),
            "deprecatedAt": write(created + 300 * DAY) if version == 1 and place % 12 == 7 else ZERO,
        }
        return rule if key is None else rule | {"key": key}

    return Nested(len(tracking_plans(world)), each, make)


def _born_rules(world: World, plan: str) -> Sequence[Record]:
    index = world.table(tracking_plans).born_index(plan)
    return () if index is None else rules(world).of(index)


#: By the id of the plan.
RULES: Fact[Sequence[Record]] = Fact("rules", _born_rules)


def rules_of_plan(world: World, call: Call) -> Sequence[Record]:
    plan = world.table(tracking_plans).get(call.ids[0])
    return RULES.of(world, plan["id"])


def _identity(place: int) -> tuple[str, str | None, int]:
    """Type, key and version of the rule at this place of its plan: together they are its key."""
    if place < len(KEYLESS):
        return KEYLESS[place], None, 1
    again = place % _SECOND_VERSION_EVERY == _SECOND_VERSION_EVERY - 1
    first = place - 1 if again else place
    kind = _KEYED[first % len(_KEYED)]
    return kind, words.event(first - len(KEYLESS)), 2 if again else 1


def _json_schema(draw: Draw, kind: str) -> Record:
    chosen = dict(words.property_of(draw.below(30)) for _ in range(1 + draw.below(5)))
    properties = {name: _property(draw, name, of) for name, of in chosen.items()}
    part = "traits" if kind in ("IDENTIFY", "GROUP") else "properties"
    inner: Record = {"type": "object", "properties": properties}
    if draw.happens(60):
        inner["required"] = sorted(chosen)[:2]
    schema: Record = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"context": {}, "traits": {}, "properties": {}} | {part: inner},
    }
    if kind == "COMMON":
        schema["properties"]["context"] = {"type": "object", "properties": {"app": {"type": ["object", "null"]}}}
    if draw.happens(30):
        schema["labels"] = {"owner": draw.pick(words.TEAMS)}
    return schema


def _property(draw: Draw, name: str, kind: str) -> Record:
    described: Record = {"type": [kind, "null"] if draw.happens(30) else kind}
    described["description"] = f"The {name} as the app knows it."
    match kind:
        case "string" if draw.happens(40):
            described["pattern"] = r"^[\w\- ]+$"
        case "number":
            described["minimum"] = draw.pick((0, 0.5))
        case "array":
            parts = {"sku": {"type": "string"}, "price": {"type": "number"}}
            described["items"] = {"type": "object", "properties": parts}
        case "object":
            described |= {"properties": {"city": {"type": "string"}}, "required": ["city"]}
        case _:
            pass
    return described


@collection
def transformations(world: World) -> Series:
    ids = Ids.of(world.seed, "transformation", "ksuid")
    metadata = catalog_destinations(world)

    def make(index: int) -> Record:
        draw = world.draw("transformation", index)
        event = words.event(draw.below(60))
        transformation = {
            "id": ids[index],
            "name": f"Rename {event}",
            # Like the plan's resourceSchemaId: live, yet unknown to the SDKs.
            "workspaceId": world.workspace_id,
            "sourceId": source_ids(world)[draw.below(len(sources(world)))],
            "enabled": draw.happens(80),
            "if": f"event = '{event.replace(chr(39), '')}'",
            "propertyRenames": [],
            "propertyValueTransformations": [],
            "fqlDefinedProperties": [],
        }
        if index % 3 == 1 and metadata:
            transformation["destinationMetadataId"] = metadata[draw.below(len(metadata))]["id"]
        return transformation | _effect(draw, index)

    return Series(world.count("Transformations", "Sources", "CatalogSources"), make, ids)


def _effect(draw: Draw, index: int) -> Record:
    effects: tuple[Record, ...] = (
        {"newEventName": words.event(draw.below(60)), "propertyRenames": [{"oldName": "sku", "newName": "item sku"}]},
        {"drop": True},
        {"propertyValueTransformations": [{"propertyPaths": ["properties.total", "context.ip"], "propertyValue": "0"}]},
        {"fqlDefinedProperties": [{"fql": "lowercase(properties.email)", "propertyName": "email"}]},
        {"allowProperties": ["order_id", "Größe"]},
        {"hashPropertiesConfiguration": {
            "algorithm": "HMAC_SHA256", "key": words.masked(draw), "encoding": "HEX", "paths": ["properties.email"],
        }},
    )  # fmt: skip
    return effects[index % len(effects)]
