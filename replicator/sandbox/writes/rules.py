"""The rules of tracking plans: put in, renamed, replaced and removed by type, key and version, as they have no ids.

A request changes all that it names or nothing. The server keeps a JSON Schema in its own way: `stored`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.bodies import QUERIES
from replicator.sandbox.bodies.protocols import RULES_AT_ONCE
from replicator.sandbox.calls import Write
from replicator.sandbox.content.protocols import KEYLESS, RULES, tracking_plans
from replicator.sandbox.messages import Refusal, conflict, invalid, not_found
from replicator.sandbox.moments import ZERO
from replicator.sandbox.routing import STABLE, Route

from .tracking_plans import happened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

#: Type, key and version.
Identity = tuple[str, str | None, float]

#: Rules in a plan (resources.md, "Updates").
_IN_A_PLAN = 2000
#: What a JSON Schema always says something of.
_PARTS: Record = {"context": {}, "properties": {}, "traits": {}}


def upsert(world: World, call: Call) -> Mapping[str, Any]:
    plan = world.table(tracking_plans).get(call.ids[0])
    given = call.body["rules"]
    _check(given)
    before = RULES.of(world, plan["id"])
    after = _upserted(before, given, world.stamp())
    if len(after) > max(_IN_A_PLAN, len(before)):
        raise invalid("rules", f"must not make the tracking plan contain more than {_IN_A_PLAN} items")
    if given:
        _put(world, call, plan, after)
    return {"status": "SUCCESS"}


def replace(world: World, call: Call) -> Mapping[str, Any]:
    plan = world.table(tracking_plans).get(call.ids[0])
    given = call.body["rules"]
    _check(given)
    before = RULES.of(world, plan["id"])
    if len(before) > RULES_AT_ONCE and not world.behaviour.replace_many_rules:
        message = f"Can not replace more than {RULES_AT_ONCE} existing rules in the tracking plan"
        raise Refusal(400, "RequestError", f"{message}. Please use DELETE and PATCH methods.")
    known, now = _by_identity(before), world.stamp()
    _put(world, call, plan, [_made(rule, rule.get("key"), known.get(_identity(rule)), now) for rule in given])
    return {"status": "SUCCESS"}


def remove(world: World, call: Call) -> Mapping[str, Any]:
    plan = world.table(tracking_plans).get(call.ids[0])
    asked = call.query.read(QUERIES["removeRulesFromTrackingPlan"])["rules"]
    known = _by_identity(RULES.of(world, plan["id"]))
    unwanted = {_identity(rule) for rule in asked}
    if world.behaviour.refuse_unknown_rules and not unwanted <= known.keys():
        raise not_found("Rule")
    if unwanted & known.keys():
        _put(world, call, plan, [rule for identity, rule in known.items() if identity not in unwanted])
    return {"status": "SUCCESS"}


def _check(given: Sequence[Record]) -> None:
    seen = set()
    for place, rule in enumerate(given):
        if rule["type"] == "TRACK" and "key" not in rule:
            raise invalid(f"rules.{place}.key", "is required")
        for name in ("key", "newKey"):
            if rule.get(name) == "" and rule["type"] not in KEYLESS:
                raise invalid(f"rules.{place}.{name}", "is not allowed to be empty")
        if _identity(rule) in seen:
            raise invalid(f"rules.{place}", "contains a duplicate value")
        seen.add(_identity(rule))


def _identity(rule: Record) -> Identity:
    return rule["type"], None if rule["type"] in KEYLESS else rule.get("key"), rule["version"]


def _by_identity(rules: Sequence[Record]) -> dict[Identity, Record]:
    return {_identity(rule): rule for rule in rules}


def _upserted(rules: Sequence[Record], given: Sequence[Record], now: str) -> list[Record]:
    """A rule that is renamed keeps its place; one whose old key is not there is put in under the new one."""
    known = _by_identity(rules)
    for place, rule in enumerate(given):
        was = _identity(rule)
        key = rule.get("newKey", rule.get("key"))
        will = _identity(rule | {"key": key})
        if will != was and will in known:
            raise conflict(f"rules.{place}.newKey", "is the key of another rule")
        made = _made(rule, key, known.get(was), now)
        if will != was and was in known:
            known = {will if identity == was else identity: kept for identity, kept in known.items()}
        known[will] = made
    return list(known.values())


def _made(rule: Record, key: str | None, before: Record | None, now: str) -> Record:
    made = {
        "type": rule["type"],
        "jsonSchema": stored(rule["jsonSchema"]),
        "version": int(rule["version"]) if float(rule["version"]).is_integer() else rule["version"],
        "createdAt": before["createdAt"] if before else now,
        "updatedAt": now,
        "deprecatedAt": before["deprecatedAt"] if before else ZERO,
    }
    return made if key is None or rule["type"] in KEYLESS else made | {"key": key}


def stored(schema: Any) -> Any:
    """The JSON Schema as it comes back: keys in another order, all three parts there; raises the API's 422."""
    if not isinstance(schema, dict):
        return schema
    parts = schema.get("properties", {})
    try:
        return _sorted(schema | {"properties": _PARTS | parts} if isinstance(parts, dict) else schema)
    except RecursionError:
        raise invalid("rules", "must not be nested as deep") from None


def _sorted(value: Any) -> Any:
    match value:
        case dict():
            return {key: _sorted(value[key]) for key in sorted(value)}
        case list():
            return [_sorted(item) for item in value]
        case _:
            return value


def _put(world: World, call: Call, plan: Record, rules: Sequence[Record]) -> None:
    RULES.put(world, plan["id"], rules)
    if world.behaviour.rules_touch_plan:
        world.table(tracking_plans).put(plan["id"], plan | {"updatedAt": world.stamp()})
    happened(world, call, "Modified", plan)


ROUTES = (
    Route("/tracking-plans/{trackingPlanId}/rules", "updateRulesInTrackingPlan", STABLE, Write(upsert),
          feature="Protocols", method="PATCH"),
    Route("/tracking-plans/{trackingPlanId}/rules", "replaceRulesInTrackingPlan", STABLE, Write(replace),
          feature="Protocols", method="PUT"),
    Route("/tracking-plans/{trackingPlanId}/rules", "removeRulesFromTrackingPlan", STABLE, Write(remove),
          feature="Protocols", method="DELETE"),
)  # fmt: skip
