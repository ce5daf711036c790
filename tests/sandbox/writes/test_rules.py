"""The rules of tracking plans: upserted, renamed, replaced, removed; and how the server keeps a JSON Schema."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from replicator.sandbox.behaviour import Behaviour
from tests.sandbox.contract import Client, contract
from tests.sandbox.writes.passing import client_with, events

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)

Row = dict[str, Any]
ZERO = "0001-01-01T00:00:00.000Z"
EMPTY: Row = {"properties": {"context": {}, "properties": {}, "traits": {}}}


@pytest.fixture
def client() -> Client:
    return client_with()[0]


def new_plan(client: Client) -> str:
    plan = client.write("POST", "/tracking-plans", {"name": "P", "type": "LIVE"})["trackingPlan"]
    return f"/tracking-plans/{plan['id']}"


def first_plan(client: Client) -> str:
    return f"/tracking-plans/{client.every('/tracking-plans', 'trackingPlans')[0]['id']}"


def rules(client: Client, plan: str) -> list[Row]:
    return client.every(f"{plan}/rules", "rules")


def rule(key: str | None, version: float = 1, kind: str = "TRACK", **more: Any) -> Row:
    return {"type": kind, "version": version, "jsonSchema": {}} | ({} if key is None else {"key": key}) | more


def patch(client: Client, plan: str, *given: Row) -> None:
    assert client.write("PATCH", f"{plan}/rules", {"rules": given}) == {"status": "SUCCESS"}


def put(client: Client, plan: str, *given: Row) -> None:
    assert client.write("PUT", f"{plan}/rules", {"rules": given}) == {"status": "SUCCESS"}


def keys(client: Client, plan: str) -> list[tuple[str, str | None, float]]:
    return [(row["type"], row.get("key"), row["version"]) for row in rules(client, plan)]


def test_an_upsert_puts_in_what_is_not_there(client: Client) -> None:
    plan = new_plan(client)
    patch(client, plan, rule("Order Completed"), rule(None, kind="IDENTIFY"))
    now = "2026-11-23T20:15:00.000Z"
    kept = {"jsonSchema": EMPTY, "version": 1, "createdAt": now, "updatedAt": now, "deprecatedAt": ZERO}
    assert rules(client, plan) == [
        {"type": "TRACK", "key": "Order Completed", **kept},
        {"type": "IDENTIFY", **kept},
    ]


def test_an_upsert_changes_the_rule_of_that_type_key_and_version_and_no_other() -> None:
    client, day = client_with()
    plan = first_plan(client)
    before = rules(client, plan)
    chosen = next(row for row in before if row["version"] == 2)
    day.pass_by(minutes=3)
    schema = {"type": "object", "properties": {"properties": {"type": "object"}}}
    patch(client, plan, {name: chosen[name] for name in ("type", "key", "version")} | {"jsonSchema": schema})
    stored = {"properties": {"context": {}, "properties": {"type": "object"}, "traits": {}}, "type": "object"}
    changed = chosen | {"jsonSchema": stored, "updatedAt": "2026-11-23T20:18:00.000Z"}
    assert rules(client, plan) == [changed if row == chosen else row for row in before]


def test_each_version_of_a_rule_is_a_rule_of_its_own(client: Client) -> None:
    plan = new_plan(client)
    patch(client, plan, rule("A", 1), rule("A", 2))
    patch(client, plan, rule("A", 2.0, jsonSchema={"title": "second"}))
    assert keys(client, plan) == [("TRACK", "A", 1), ("TRACK", "A", 2)]
    assert [row["jsonSchema"].get("title") for row in rules(client, plan)] == [None, "second"]


def test_numbers_without_a_fraction_come_back_as_integers(client: Client) -> None:
    plan = new_plan(client)
    patch(client, plan, rule("A", 2.0), rule("B", 1.5))
    body = client.ask(f"{plan}/rules").body
    assert b'"version":2,' in body
    assert b'"version":1.5,' in body


def test_names_that_databases_like_to_confuse_are_different_rules(client: Client) -> None:
    plan, names = new_plan(client), ["Signed Up", "signed up", "Signed Up ", "Café", "Cafe\u0301"]
    patch(client, plan, *map(rule, names))
    assert [key for _, key, _ in keys(client, plan)] == names


def test_rules_of_the_whole_plan_have_no_key_whatever_is_sent(client: Client) -> None:
    plan = new_plan(client)
    patch(client, plan, rule("x", kind="COMMON"), rule("", kind="GROUP"), rule(None, kind="IDENTIFY"))
    patch(client, plan, rule(None, kind="COMMON"), rule("", kind="IDENTIFY", newKey="y"))
    assert keys(client, plan) == [("COMMON", None, 1), ("GROUP", None, 1), ("IDENTIFY", None, 1)]


def test_a_new_key_renames_the_rule_in_its_place_and_keeps_its_birthday() -> None:
    client, day = client_with()
    plan = new_plan(client)
    patch(client, plan, rule("A"), rule("B"), rule("C"))
    day.pass_by(days=1)
    patch(client, plan, rule("B", newKey="Z"))
    assert [key for _, key, _ in keys(client, plan)] == ["A", "Z", "C"]
    renamed = rules(client, plan)[1]
    assert renamed["createdAt"] == "2026-11-23T20:15:00.000Z"
    assert renamed["updatedAt"] == "2026-11-24T20:15:00.000Z"


def test_a_rename_of_one_version_leaves_the_others(client: Client) -> None:
    plan = new_plan(client)
    patch(client, plan, rule("A", 1), rule("A", 2))
    patch(client, plan, rule("A", 2, newKey="B"))
    assert keys(client, plan) == [("TRACK", "A", 1), ("TRACK", "B", 2)]


def test_a_rename_onto_another_rule_is_a_conflict_and_nothing_of_the_request_happens(client: Client) -> None:
    plan = new_plan(client)
    patch(client, plan, rule("A"), rule("B"))
    before = rules(client, plan)
    body = {"rules": [rule("C"), rule("A", newKey="B")]}
    assert client.refused("PATCH", f"{plan}/rules", body) == (409, "rules.1.newKey")
    assert rules(client, plan) == before


def test_a_chain_of_renames_is_done_in_its_order(client: Client) -> None:
    plan = new_plan(client)
    patch(client, plan, rule("A", jsonSchema={"title": "a"}), rule("B", jsonSchema={"title": "b"}))
    patch(client, plan, rule("B", newKey="C", jsonSchema={"title": "b"}), rule("A", newKey="B"))
    assert [key for _, key, _ in keys(client, plan)] == ["B", "C"]


def test_a_rename_of_what_is_not_there_puts_it_in_under_the_new_key(client: Client) -> None:
    plan = new_plan(client)
    patch(client, plan, rule("A", newKey="B"))
    assert keys(client, plan) == [("TRACK", "B", 1)]


def test_a_replacement_leaves_what_it_names_and_nothing_else() -> None:
    client, day = client_with()
    plan = new_plan(client)
    patch(client, plan, rule("A"), rule("B"))
    day.pass_by(hours=2)
    put(client, plan, rule("C"), rule("B"))
    assert [(row["key"], row["createdAt"][11:13], row["updatedAt"][11:13]) for row in rules(client, plan)] == [
        ("C", "22", "22"),
        ("B", "20", "22"),
    ]
    put(client, plan)
    assert rules(client, plan) == []


def test_the_rules_that_a_plan_was_made_with_can_be_replaced(client: Client) -> None:
    plan = first_plan(client)
    put(client, plan, rule("Only"))
    assert keys(client, plan) == [("TRACK", "Only", 1)]
    assert client.data(f"{plan}/rules")["pagination"]["totalEntries"] == 1


def test_other_plans_keep_their_rules(client: Client) -> None:
    first, *others = (f"/tracking-plans/{p['id']}" for p in client.every("/tracking-plans", "trackingPlans"))
    before = [rules(client, plan) for plan in others]
    put(client, first)
    assert [rules(client, plan) for plan in others] == before


@pytest.mark.parametrize("encode", [
    lambda at, name, value: f"rules.{at}.{name}={value}",
    lambda at, name, value: f"rules.{at}[{name}]={value}",
    lambda at, name, value: f"rules[{at}][{name}]={value}",
    lambda at, name, value: f"rules%5B{at}%5D%5B{name}%5D={value}",
], ids=["dotted", "the Go SDK's", "brackets", "encoded brackets"])  # fmt: skip
def test_rules_are_removed_by_the_query_in_every_encoding(client: Client, encode: Any) -> None:
    plan = new_plan(client)
    patch(client, plan, rule("A"), rule("A", 2), rule("Ä & B=C"), rule(None, kind="GROUP"))
    unwanted = [rule("A", 2), rule("Ä & B=C"), rule(None, kind="GROUP")]
    query = [
        encode(at, name, quote(str(row[name]), safe=""))
        for at, row in enumerate(unwanted)
        for name in ("type", "key", "version")
        if name in row
    ]
    assert client.write("DELETE", f"{plan}/rules?{'&'.join(query)}") == {"status": "SUCCESS"}
    assert keys(client, plan) == [("TRACK", "A", 1)]


def test_rules_are_removed_by_a_query_of_json(client: Client) -> None:
    plan = first_plan(client)
    before = rules(client, plan)
    unwanted = [{k: row[k] for k in ("type", "key", "version") if k in row} for row in before[::2]]
    client.write("DELETE", f"{plan}/rules?rules={quote(json.dumps(unwanted))}")
    assert rules(client, plan) == before[1::2]


def test_what_is_not_there_is_removed_without_a_word_unless_it_is_to_be_refused() -> None:
    for refuses in (False, True):
        client, _ = client_with(behaviour=Behaviour(refuse_unknown_rules=refuses))
        plan = new_plan(client)
        patch(client, plan, rule("A"))
        query = "rules.0.type=TRACK&rules.0.key=A&rules.0.version=1&rules.1.type=TRACK&rules.1.key=B&rules.1.version=1"
        response = client.ask(f"{plan}/rules?{query}", method="DELETE")
        assert response.status == (404 if refuses else 200)
        assert keys(client, plan) == ([("TRACK", "A", 1)] if refuses else [])


def test_at_most_200_rules_are_taken_in_a_request(client: Client) -> None:
    plan = new_plan(client)
    many = [rule(f"Event {n}") for n in range(201)]
    for method in ("PATCH", "PUT"):
        assert client.refused(method, f"{plan}/rules", {"rules": many}) == (422, "rules")
    assert (
        b"must contain less than or equal to 200 items"
        in client.ask(f"{plan}/rules", method="PUT", body=json.dumps({"rules": many}).encode()).body
    )
    put(client, plan, *many[:200])
    query = "&".join(f"rules.{n}.type=TRACK&rules.{n}.version=1&rules.{n}.key=Event+{n}" for n in range(201))
    assert client.refused("DELETE", f"{plan}/rules?{query}") == (422, "rules")
    assert len(rules(client, plan)) == 200


def test_a_plan_holds_2000_rules_and_no_more(client: Client) -> None:
    plan = new_plan(client)
    for turn in range(10):
        patch(client, plan, *(rule(f"Event {turn * 200 + n}") for n in range(200)))
    assert client.refused("PATCH", f"{plan}/rules", {"rules": [rule("One more")]}) == (422, "rules")
    patch(client, plan, rule("Event 1999", jsonSchema={"title": "x"}), rule("Event 0", newKey="Other"))
    assert len(rules(client, plan)) == 2000


def test_a_replacement_of_more_than_200_rules_is_refused_unless_it_is_to_be_allowed() -> None:
    for allows in (False, True):
        client, _ = client_with(behaviour=Behaviour(replace_many_rules=allows))
        plan = new_plan(client)
        for turn in range(2):
            patch(client, plan, *(rule(f"Event {turn * 101 + n}") for n in range(101)))
        response = client.ask(f"{plan}/rules", method="PUT", body=json.dumps({"rules": [rule("A")]}).encode())
        assert response.status == (200 if allows else 400)
        assert len(rules(client, plan)) == (1 if allows else 202)


def test_wrong_input_is_refused_with_its_field(client: Client) -> None:
    plan = new_plan(client)
    wrong: list[tuple[Row, str]] = [
        ({"key": "A", "version": 1, "jsonSchema": {}}, "rules.0.type"),
        ({"key": "A", "type": "TRACK", "jsonSchema": {}}, "rules.0.version"),
        ({"key": "A", "type": "TRACK", "version": 1}, "rules.0.jsonSchema"),
        (rule("A", kind="EVENT"), "rules.0.type"),
        (rule("A") | {"version": "1"}, "rules.0.version"),
        (rule(None), "rules.0.key"),
        (rule(""), "rules.0.key"),
    ]
    for method in ("PATCH", "PUT"):
        for given, field in wrong:
            assert client.refused(method, f"{plan}/rules", {"rules": [given]}) == (422, field)
        assert client.refused(method, f"{plan}/rules", {}) == (422, "rules")
        assert client.refused(method, f"{plan}/rules", {"rules": [rule("A"), rule("A")]}) == (422, "rules.1")
        assert client.refused(method, "/tracking-plans/tp_nope/rules", {"rules": []})[0] == 404
    assert client.refused("PATCH", f"{plan}/rules", {"rules": [rule("A", newKey="")]}) == (422, "rules.0.newKey")
    assert client.refused("DELETE", f"{plan}/rules") == (422, "rules")
    assert client.refused("DELETE", f"{plan}/rules?rules.0.type=TRACK") == (422, "rules.0.version")
    assert client.refused("DELETE", "/tracking-plans/tp_nope/rules?rules.0.type=TRACK&rules.0.version=1")[0] == 404
    assert rules(client, plan) == []


def test_a_json_schema_comes_back_in_another_order_with_all_its_parts(client: Client) -> None:
    plan = new_plan(client)
    schema = {
        "type": "object",
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"traits": {"type": "object", "required": ["b", "a"], "properties": {"b": {}, "a": {}}}},
        "labels": {"z": "1", "a": "2"},
    }
    patch(client, plan, rule("A", jsonSchema=schema))
    kept = rules(client, plan)[0]["jsonSchema"]
    assert json.dumps(kept) == json.dumps({
        "$schema": schema["$schema"],
        "labels": {"a": "2", "z": "1"},
        "properties": {
            "context": {},
            "properties": {},
            "traits": {"properties": {"a": {}, "b": {}}, "required": ["b", "a"], "type": "object"},
        },
        "type": "object",
    })  # fmt: skip
    patch(client, plan, rule("A", jsonSchema=kept))
    assert json.dumps(rules(client, plan)[0]["jsonSchema"]) == json.dumps(kept), "what was read may be written back"


@pytest.mark.parametrize("schema", [None, True, [1, {}], "x", 0.5, {"properties": []}])
def test_what_is_no_object_is_kept_as_it_is(client: Client, schema: Any) -> None:
    plan = new_plan(client)
    patch(client, plan, rule("A", jsonSchema=schema))
    assert rules(client, plan)[0]["jsonSchema"] == schema


@pytest.mark.parametrize("depth", [100_000])
def test_what_is_nested_too_deep_is_refused_and_changes_nothing(client: Client, depth: int) -> None:
    plan = new_plan(client)
    schema = '{"a":' * depth + "1" + "}" * depth
    body = f'{{"rules":[{{"type":"TRACK","key":"A","version":1,"jsonSchema":{schema}}}]}}'
    assert client.ask(f"{plan}/rules", method="PATCH", body=body.encode()).status == 422
    assert rules(client, plan) == []


def test_a_change_of_rules_moves_the_plans_updated_at_only_if_it_is_to() -> None:
    removal = "rules.0.type=TRACK&rules.0.key=A&rules.0.version=1"
    for touches in (False, True):
        client, day = client_with(behaviour=Behaviour(rules_touch_plan=touches, audit_unnamed=True))
        plan = new_plan(client)
        changes = [("PATCH", "", [rule("A")]), ("PUT", "", [rule("A"), rule("B")]), ("DELETE", f"?{removal}", None)]
        for method, query, given in changes:
            day.pass_by(minutes=1)
            before = client.data(plan)["trackingPlan"]
            client.write(method, f"{plan}/rules{query}", None if given is None else {"rules": given})
            after = client.data(plan)["trackingPlan"]
            assert (after["updatedAt"] > before["updatedAt"]) == touches
            assert after | {"updatedAt": ""} == before | {"updatedAt": ""}
            assert events(client, 1) == [("Tracking Plan Modified", "tracking_plan", before["id"])]


def test_a_request_that_names_no_rule_changes_nothing() -> None:
    client, day = client_with(behaviour=Behaviour(rules_touch_plan=True))
    plan = first_plan(client)
    before = client.data(plan), rules(client, plan)
    day.pass_by(minutes=1)
    patch(client, plan)
    assert (client.data(plan), rules(client, plan)) == before


def test_writing_to_one_of_a_million_plans_reads_no_other() -> None:
    client, _ = client_with(counts={"TrackingPlans": 1_000_000})
    began = time.perf_counter()
    plan = client.data("/tracking-plans", **{"pagination.count": 2})["trackingPlans"][1]["id"]
    patch(client, f"/tracking-plans/{plan}", rule("A"))
    assert client.data(f"/tracking-plans/{plan}/rules")["pagination"]["totalEntries"] == 25
    client.write("DELETE", f"/tracking-plans/{plan}")
    assert client.data("/tracking-plans", **{"pagination.count": 1})["pagination"]["totalEntries"] == 999_999
    assert time.perf_counter() - began < 2
