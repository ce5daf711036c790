"""How each writable object is read and written by the API (resources.md, "Updates")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from replicator import exact
from replicator.catalog.model import Detail, Object
from replicator.merge.model import Shape
from replicator.segment.client import Ask

#: At most so many rules in one request (resources.md, "Updates").
RULES_AT_ONCE = 200
#: Removals stand in the query string, whose length is limited nobody says where (resources.md, "Reads that bite").
REMOVALS_AT_ONCE = 50
RULES = "TrackingPlanRules"
#: The connections of plans to sources.
SOURCES = "TrackingPlanSources"
#: How finely a column is merged.
SHAPES: Mapping[str, Shape] = {"code": Shape.LINES, "settings": Shape.NAMED, "json_schema": Shape.SCHEMA}
_PARTS = ("type", "key", "version")


@dataclass(frozen=True, slots=True)
class Written:
    """A record that has an id: its operations are get, create, update and delete of the `noun`."""

    path: str
    param: str
    item: str
    noun: str
    constant: Mapping[str, str]

    @property
    def get(self) -> Detail:
        return Detail(
            operation=f"get{self.noun}", path=f"{self.path}/{{{self.param}}}", item=self.item, params={self.param: "id"}
        )

    def create(self, body: Mapping[str, Any]) -> Ask:
        """The record that is to be made, by field."""
        return _ask("POST", f"create{self.noun}", self.path, {**body, **self.constant})

    def update(self, identifier: str, body: Mapping[str, Any]) -> Ask:
        """Only the fields that change: what is not sent stays."""
        return _ask("PATCH", f"update{self.noun}", f"{self.path}/{quote(identifier, safe='')}", body)

    def delete(self, identifier: str) -> Ask:
        return _ask("DELETE", f"delete{self.noun}", f"{self.path}/{quote(identifier, safe='')}")


def written(thing: Object) -> Written:
    """For the objects whose records have an id; not for rules."""
    if thing.name == "TrackingPlans":
        return Written("/tracking-plans", "trackingPlanId", "trackingPlan", "TrackingPlan", {})
    return Written("/functions", "functionId", "function", "Function", dict(thing.listing.query))


def deployment(identifier: str) -> Ask:
    """Makes the latest version of a source function the one that runs."""
    return _ask("POST", "createFunctionDeployment", f"/functions/{quote(identifier, safe='')}/deploy")


def connection(plan: str, source: str) -> Ask:
    """Connects the source to the plan; once more is no change."""
    path = f"/tracking-plans/{quote(plan, safe='')}/sources"
    return _ask("POST", "addSourceToTrackingPlan", path, {"sourceId": source})


def upsert(plan: str, rules: Sequence[Mapping[str, Any]]) -> Ask:
    """At most RULES_AT_ONCE rules are put in, or put in place of those of the same type, key and version."""
    return _ask("PATCH", "updateRulesInTrackingPlan", _rules_of(plan), {"rules": list(rules)})


def removal(plan: str, rules: Sequence[Mapping[str, Any]]) -> Ask:
    """At most REMOVALS_AT_ONCE rules are removed; only type, key and version are looked at."""
    query = {
        f"rules.{at}.{name}": str(rule[name])
        for at, rule in enumerate(rules)
        for name in _PARTS
        if rule.get(name) is not None
    }
    return Ask(
        "removeRulesFromTrackingPlan", f"{_rules_of(plan)}?{urlencode(query)}", {}, "stable", None, method="DELETE"
    )


def identity(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells the rules of a plan apart: 1 and 1.0 are one version, and an empty key is none."""
    get = rule.get
    return get("type"), get("key") or None, get("version")


def _rules_of(plan: str) -> str:
    return f"/tracking-plans/{quote(plan, safe='')}/rules"


def _ask(method: str, operation: str, path: str, body: Mapping[str, Any] | None = None) -> Ask:
    sent = exact.dump(body).encode() if body is not None else b""
    return Ask(operation, path, {}, "stable", None, method=method, body=sent)
