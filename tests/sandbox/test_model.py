"""The sandbox beside a plain model: after random writes the reads show what was written, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract, indexed

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)

Record = dict[str, Any]
Records = dict[str, Record]

SUFFIXED = {"DESTINATION", "INSERT_DESTINATION", "INSERT_SOURCE"}
#: What moves by itself, and what another record's write may change.
_OURS = ("updatedAt", "memberCount")
#: Fields of a function that no list shows (resources.md, "Reads that bite").
_DETAILS = ("code", "settings", "deployedAt", "isLatestVersion", "batchMaxCount", "previewWebhookUrl")
PARTS: Record = {"context": {}, "properties": {}, "traits": {}}
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=12).filter(str.strip)


@dataclass(frozen=True)
class Kind:
    """One listed kind of records: where they are, how one is made and changed, and what goes away with it."""

    path: str
    listed: str
    item: str
    create: Callable[[Model, st.DataObject], Record]
    change: Callable[[st.DataObject], Record]
    #: What the list shows of a write's body.
    shown: Callable[[Record], Record] = lambda body: body
    query: Mapping[str, str] | None = None
    unlisted: tuple[str, ...] = ()


def _named(draw: st.DataObject) -> Record:
    return {"name": draw.draw(NAMES)}


def _switched(draw: st.DataObject) -> Record:
    change = draw.draw(st.fixed_dictionaries({}, optional={"name": NAMES, "enabled": st.booleans()}))
    return change or {"enabled": True}


def _plan(draw: st.DataObject) -> Record:
    change = draw.draw(st.fixed_dictionaries({}, optional={"name": NAMES, "description": NAMES}))
    return change or {"name": "Same"}


def _function(kind: str) -> Kind:
    def shown(body: Record) -> Record:
        if "displayName" in body and kind in SUFFIXED:
            body = body | {"displayName": f"{body['displayName']} (Acme Outdoors)"}
        return {key: value for key, value in body.items() if key != "code"}

    def create(_: Model, draw: st.DataObject) -> Record:
        return {"displayName": draw.draw(NAMES), "code": draw.draw(NAMES), "resourceType": kind}

    def change(draw: st.DataObject) -> Record:
        found = draw.draw(st.fixed_dictionaries({}, optional={"displayName": NAMES, "description": NAMES}))
        return found or {"code": "// other"}

    return Kind("/functions", "functions", "function", create, change, shown, {"resourceType": kind}, _DETAILS)


KINDS: dict[str, Kind] = {
    "sources": Kind(
        "/sources",
        "sources",
        "source",
        lambda model, draw: {
            "slug": f"made-{model.serial}",
            "enabled": draw.draw(st.booleans()),
            "metadataId": draw.draw(st.sampled_from(model.metadata["sources"])),
            "settings": {},
        },
        _switched,
        lambda body: {key: value for key, value in body.items() if key not in ("metadataId", "settings")},
    ),
    "destinations": Kind(
        "/destinations",
        "destinations",
        "destination",
        lambda model, draw: {
            "sourceId": draw.draw(st.sampled_from(sorted(model.records["sources"]))),
            "metadataId": draw.draw(st.sampled_from(model.metadata["destinations"])),
            "name": draw.draw(NAMES),
            "settings": {},
        },
        _switched,
        lambda body: {key: value for key, value in body.items() if key not in ("metadataId", "settings")},
    ),
    "warehouses": Kind(
        "/warehouses",
        "warehouses",
        "warehouse",
        lambda model, draw: {
            "metadataId": draw.draw(st.sampled_from(model.metadata["warehouses"])),
            "enabled": draw.draw(st.booleans()),
            "settings": {},
        },
        lambda draw: {"enabled": draw.draw(st.booleans()), "settings": {}},
        lambda body: {"enabled": body["enabled"]},
    ),
    "plans": Kind(
        "/tracking-plans",
        "trackingPlans",
        "trackingPlan",
        lambda _, draw: _named(draw) | {"type": "LIVE"},
        _plan,
    ),
    "groups": Kind("/groups", "userGroups", "userGroup", lambda _, draw: _named(draw), _named),
    "transformations": Kind(
        "/transformations",
        "transformations",
        "transformation",
        lambda model, draw: {
            "name": draw.draw(NAMES),
            "sourceId": draw.draw(st.sampled_from(sorted(model.records["sources"]))),
            "enabled": draw.draw(st.booleans()),
            "if": "event='x'",
        },
        lambda draw: {"name": draw.draw(NAMES)},
    ),
    **{kind: _function(kind) for kind in ("SOURCE", "DESTINATION", "INSERT_DESTINATION")},
}


class Model(RuleBasedStateMachine):
    """What the workspace holds, as whoever wrote it would reckon."""

    client: Client
    serial: int
    touched: list[str]
    records: dict[str, Records]
    plan_rules: dict[str, Records]
    members: dict[str, set[str]]
    emails: list[str]
    metadata: dict[str, list[str]]

    @initialize()
    def begin(self) -> None:
        self.client = Client(Sandbox(now=lambda: NOW))
        self.serial = 0
        self.touched = list(KINDS)
        self.records = {name: self._read(name, 200) for name in KINDS}
        self.plan_rules = {plan: self._rules(plan, 200) for plan in self.records["plans"]}
        self.members = {group: self._members(group, 200) for group in self.records["groups"]}
        self.emails = sorted(user["email"] for user in self.client.every("/users", "users"))
        self.metadata = {
            name: [each["id"] for each in self.client.every(f"/catalog/{name}", f"{name}Catalog")][:5]
            for name in ("sources", "destinations", "warehouses")
        }

    @rule(draw=st.data(), name=st.sampled_from(sorted(KINDS)))
    def create(self, draw: st.DataObject, name: str) -> None:
        self.serial += 1
        kind = KINDS[name]
        if name in ("destinations", "transformations") and not self.records["sources"]:
            return
        body = kind.create(self, draw)
        made = self.client.write("POST", kind.path, body)[kind.item]
        assert made["id"] not in self.records[name]
        listed = {field: value for field, value in made.items() if field not in kind.unlisted}
        self.records[name][made["id"]] = listed | kind.shown(body)
        self._note_made(name, made["id"])

    def _note_made(self, name: str, made: str) -> None:
        if name == "plans":
            self.plan_rules[made] = {}
        if name == "groups":
            self.members[made] = set()
        self.touched = [name]

    @rule(draw=st.data(), name=st.sampled_from(sorted(KINDS)))
    def change(self, draw: st.DataObject, name: str) -> None:
        kind, records = KINDS[name], self.records[name]
        if not records:
            return
        chosen = draw.draw(st.sampled_from(sorted(records)))
        body = kind.change(draw)
        self.client.write("PATCH", f"{kind.path}/{chosen}", body)
        records[chosen] = records[chosen] | kind.shown(body)
        self.touched = [name]

    @rule(draw=st.data(), name=st.sampled_from(sorted(KINDS)))
    def delete(self, draw: st.DataObject, name: str) -> None:
        kind, records = KINDS[name], self.records[name]
        if not records:
            return
        chosen = draw.draw(st.sampled_from(sorted(records)))
        self.client.write("DELETE", f"{kind.path}/{chosen}")
        del records[chosen]
        self.plan_rules.pop(chosen, None)
        self.members.pop(chosen, None)
        if name == "sources":
            for other in ("destinations", "transformations"):
                kept = {key: each for key, each in self.records[other].items() if each["sourceId"] != chosen}
                self.records[other] = kept
        self.touched = [name, "destinations", "transformations"]

    @precondition(lambda self: self.plan_rules)
    @rule(draw=st.data(), keys=st.sets(st.sampled_from("abcdef"), min_size=1), replace=st.booleans())
    def put_rules(self, draw: st.DataObject, keys: set[str], replace: bool) -> None:
        plan = draw.draw(st.sampled_from(sorted(self.plan_rules)))
        schema: Record = {"type": "object", "properties": {"properties": {"n": {"const": self.serial}}}}
        new: Records = {key: {"type": "TRACK", "key": key, "version": 1, "jsonSchema": schema} for key in sorted(keys)}
        self.client.write("PUT" if replace else "PATCH", f"/tracking-plans/{plan}/rules", {"rules": [*new.values()]})
        stored = {_rule_key(each): each | {"jsonSchema": _completed(schema)} for each in new.values()}
        self.plan_rules[plan] = stored if replace else self.plan_rules[plan] | stored
        self.serial += 1

    @precondition(lambda self: any(self.plan_rules.values()))
    @rule(draw=st.data())
    def rename_or_remove_rule(self, draw: st.DataObject) -> None:
        plan = draw.draw(st.sampled_from(sorted(plan for plan, rules in self.plan_rules.items() if rules)))
        rules = self.plan_rules[plan]
        chosen = draw.draw(st.sampled_from(sorted(rules)))
        found = rules.pop(chosen)
        named: Record = {name: found[name] for name in ("type", "key", "version") if name in found}
        if draw.draw(st.booleans()) and "key" in found:
            renamed = found | {"key": f"renamed {self.serial}"}
            body = {**named, "newKey": renamed["key"], "jsonSchema": found["jsonSchema"]}
            self.client.write("PATCH", f"/tracking-plans/{plan}/rules", {"rules": [body]})
            rules[_rule_key(renamed)] = renamed
        else:
            self.client.write("DELETE", f"/tracking-plans/{plan}/rules", **indexed({"rules": [named]}))
        self.serial += 1

    @precondition(lambda self: self.members)
    @rule(draw=st.data(), how=st.sampled_from(("add", "replace", "remove")))
    def put_members(self, draw: st.DataObject, how: str) -> None:
        group = draw.draw(st.sampled_from(sorted(self.members)))
        there = self.members[group]
        if how == "remove":
            if not there:
                return
            gone = draw.draw(st.sets(st.sampled_from(sorted(there)), min_size=1, max_size=3))
            self.client.write("DELETE", f"/group/{group}/users", **indexed({"emails": sorted(gone)}))
            self.members[group] = there - gone
            return
        some = draw.draw(st.sets(st.sampled_from(self.emails), min_size=1, max_size=4))
        method, path = ("POST", f"/groups/{group}/users") if how == "add" else ("PUT", f"/group/{group}/users")
        self.client.write(method, path, {"emails": sorted(some)})
        self.members[group] = there | some if how == "add" else some

    @invariant()
    def what_was_touched_reads_as_it_was_written(self) -> None:
        for name in self.touched:
            self._compare(name, size=1 + self.serial % 7)
        self.touched = []

    def teardown(self) -> None:
        for name in KINDS if hasattr(self, "records") else ():
            for size in (1, 3, 200):
                self._compare(name, size)
        for plan, rules in getattr(self, "plan_rules", {}).items():
            for size in (1, 200):
                shown = self._rules(plan, size)
                assert shown.keys() == rules.keys()
                assert all(_agrees(shown[key], rules[key]) for key in rules)
        for group, members in getattr(self, "members", {}).items():
            assert self._members(group, 2) == members
            assert self.client.data(f"/groups/{group}")["userGroup"]["memberCount"] == len(members)

    def _compare(self, name: str, size: int) -> None:
        shown, expected = self._read(name, size), self.records[name]
        assert shown.keys() == expected.keys(), name
        for key, record in expected.items():
            assert _agrees(shown[key], record), (name, shown[key], record)

    def _read(self, name: str, size: int) -> Records:
        kind = KINDS[name]
        return self._paged(kind.path, kind.listed, size, lambda each: str(each["id"]), **(kind.query or {}))

    def _rules(self, plan: str, size: int) -> Records:
        return self._paged(f"/tracking-plans/{plan}/rules", "rules", size, _rule_key)

    def _members(self, group: str, size: int) -> set[str]:
        return {*self._paged(f"/groups/{group}/users", "users", size, lambda each: str(each["email"]))}

    def _paged(self, path: str, listed: str, size: int, key: Callable[[Record], str], **query: str) -> Records:
        """All of them; fails where one comes twice."""
        found = self.client.every(path, listed, **query, **{"pagination.count": size})
        records = {key(each): each for each in found}
        assert len(records) == len(found), f"{path} lists a record twice"
        return deepcopy(records)


def _agrees(shown: Record, expected: Record) -> bool:
    return all(shown.get(name) == value for name, value in expected.items() if name not in _OURS)


def _rule_key(found: Record) -> str:
    return f"{found['type']} {found.get('key', '')} {found['version']}"


def _completed(schema: Record) -> Record:
    return schema | {"properties": PARTS | schema["properties"]}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_reads_show_what_random_writes_made_and_nothing_else() -> None:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Model, settings=settings(max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=checks)
    )
