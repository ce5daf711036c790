"""The workspace of one history, what people do in it, and every value that each of its records ever had."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from replicator.sandbox import Sandbox
from replicator.sandbox.content.protocols import RULES, tracking_plans
from replicator.sandbox.content.sources import LABELS
from tests.scenarios.network import Network

#: A plain listing in one answer, a listing of several pages, and the children of its records.
WORDS = ("Labels", "TrackingPlans", "TrackingPlanRules")
_COUNTS = {"AuditEvents": 0, "Labels": 2, "TrackingPlans": 3, "RulesPerPlan": 1, "Users": 1}
_PAGE = 2

#: The object's name and what tells its records apart.
Key = tuple[str, ...]


@dataclass
class World:
    """Truth is read from the sandbox's own state, and never through an answer of its API."""

    network: Network = field(default_factory=lambda: Network(Sandbox(counts=_COUNTS)))
    #: By key: each value that the record had, in their order; None while there was none.
    past: dict[Key, list[str | None]] = field(default_factory=dict)
    #: Counts the names that were given, so that each is new.
    _names: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.network.page_size = _PAGE
        self.note()

    def records(self) -> dict[Key, str]:
        """All that is in the workspace now."""
        world = self.network.sandbox.world
        found: dict[Key, str] = {}
        for label in LABELS.of(world, ""):
            found["Labels", label["key"], label["value"]] = canonical(label)
        for plan in world.table(tracking_plans):
            found["TrackingPlans", plan["id"]] = canonical(plan)
            for rule in RULES.of(world, plan["id"]):
                found[rule_key(plan["id"], rule)] = canonical(rule)
        return found

    def note(self) -> None:
        """Remembers what is true from now on."""
        now = self.records()
        for key in self.past.keys() | now.keys():
            values = self.past.setdefault(key, [None])
            if values[-1] != now.get(key):
                values.append(now.get(key))

    def do(self, deed: str, which: int) -> None:
        """One thing that somebody does to one of the records, if there is one to do it to."""
        plans = [plan["id"] for plan in self.network.sandbox.world.table(tracking_plans)]
        labels = LABELS.of(self.network.sandbox.world, "")
        name = f"Name {next(self._names)}"
        plan = plans[which % len(plans)] if plans else None
        label = labels[which % len(labels)] if labels else None
        match deed:
            case "make a plan":
                self._write("POST", "/tracking-plans", {"name": name, "type": "LIVE"})
            case "rename a plan" if plan:
                self._write("PATCH", f"/tracking-plans/{plan}", {"name": name})
            case "delete a plan" if plan:
                self._write("DELETE", f"/tracking-plans/{plan}")
            case "put a rule" if plan:
                self._rule(plan, f"Event {which % 2}", name)
            case "rename a rule" if plan:
                self._rename_rule(plan, name)
            case "delete the rules" if plan:
                self._write("PUT", f"/tracking-plans/{plan}/rules", {"rules": []})
            case "make a label":
                self._label(f"value {which % 2}", name)
            case "delete a label" if label:
                self._write("DELETE", f"/labels/{label['key']}/{label['value']}")

    def _write(self, method: str, target: str, body: Any = None) -> None:
        self.network.write(method, target.replace(" ", "%20"), body)
        self.note()

    def _rule(self, plan: str, key: str, title: str) -> None:
        schema = {"type": "object", "title": title}
        rule = {"type": "TRACK", "key": key, "version": 1, "jsonSchema": schema}
        self._write("PATCH", f"/tracking-plans/{plan}/rules", {"rules": [rule]})

    def _rename_rule(self, plan: str, key: str) -> None:
        rules = [each for each in RULES.of(self.network.sandbox.world, plan) if each["type"] == "TRACK"]
        if rules:
            renamed = {name: rules[0][name] for name in ("type", "key", "version", "jsonSchema")} | {"newKey": key}
            self._write("PATCH", f"/tracking-plans/{plan}/rules", {"rules": [renamed]})

    def _label(self, value: str, description: str) -> None:
        """Made again once it was deleted, it is the same record."""
        known = {each["value"] for each in LABELS.of(self.network.sandbox.world, "")}
        if value not in known:
            self._write("POST", "/labels", {"label": {"key": "model", "value": value, "description": description}})


DEEDS = (
    *("make a plan", "rename a plan", "delete a plan", "put a rule", "rename a rule", "delete the rules"),
    *("make a label", "delete a label"),
)


def rule_key(plan: str, rule: Mapping[str, Any]) -> Key:
    return ("TrackingPlanRules", plan, rule["type"], str(rule.get("key")), str(int(rule["version"])))


def canonical(record: Mapping[str, Any]) -> str:
    """Equal for equal values, however times and numbers are written."""
    return json.dumps(_plain(record), sort_keys=True)


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case str() if len(value) >= 19 and value[4:5] == "-" and value[10:11] == "T":
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        case int() | float() if not isinstance(value, bool):
            return float(value)
        case _:
            return value
