"""Tracking plans and the sources that they are connected to: what is written shows in every read."""

from __future__ import annotations

import time
from typing import Any

import pytest

from replicator.sandbox import Sandbox
from replicator.sandbox.behaviour import Behaviour
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract
from tests.sandbox.writes.passing import client_with, events

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)

Row = dict[str, Any]


@pytest.fixture
def client() -> Client:
    return client_with()[0]


def plans(client: Client, **query: str) -> list[Row]:
    return client.every("/tracking-plans", "trackingPlans", **query)


def create(client: Client, **body: str) -> Row:
    made: Row = client.write("POST", "/tracking-plans", {"name": "New TP", "type": "LIVE"} | body)["trackingPlan"]
    return made


def sources_of(client: Client, plan: str) -> list[Row]:
    return client.every(f"/tracking-plans/{plan}/sources", "sources")


def plan_of(client: Client, source: str) -> str | None:
    plan: str | None = client.data(f"/sources/{source}")["trackingPlanId"]
    return plan


def free_source(client: Client) -> str:
    return next(str(s["id"]) for s in client.every("/sources", "sources") if plan_of(client, s["id"]) is None)


def with_sources(client: Client) -> tuple[str, list[str]]:
    return next((p["id"], [s["id"] for s in found]) for p in plans(client) if (found := sources_of(client, p["id"])))


def test_a_created_plan_is_the_last_of_the_list_and_holds_nothing(client: Client) -> None:
    before = plans(client)
    plan = create(client, description="What the shop sends")
    assert plans(client) == [*before, plan]
    assert client.data(f"/tracking-plans/{plan['id']}")["trackingPlan"] == plan
    assert {"name": "New TP", "type": "LIVE", "slug": "new-tp", "description": "What the shop sends"}.items() <= (
        plan.items()
    )
    assert plan["createdAt"] == plan["updatedAt"] == "2026-11-23T20:15:00.000Z"
    assert client.every(f"/tracking-plans/{plan['id']}/rules", "rules") == []
    assert sources_of(client, plan["id"]) == []


def test_a_plan_without_a_description_has_none(client: Client) -> None:
    assert "description" not in create(client)


def test_each_new_plan_has_ids_of_its_own(client: Client) -> None:
    rows = [*plans(client), create(client), create(client)]
    assert len({row["id"] for row in rows}) == len({row["resourceSchemaId"] for row in rows}) == len(rows)
    assert all(row["id"].startswith("tp_") for row in rows)


@pytest.mark.parametrize("kind", ["ENGAGE", "LIVE", "PROPERTY_LIBRARY", "RULE_LIBRARY", "TEMPLATE"])
def test_plans_are_listed_by_type_wherever_they_came_from(client: Client, kind: str) -> None:
    plan = create(client, type=kind)
    client.write("DELETE", f"/tracking-plans/{plans(client)[0]['id']}")
    assert plans(client, type=kind) == [row for row in plans(client) if row["type"] == kind]
    assert plan in plans(client, type=kind)


def test_an_update_answers_a_status_changes_what_it_names_and_moves_updated_at() -> None:
    client, day = client_with()
    plan = create(client, description="Old")
    day.pass_by(hours=1)
    assert client.write("PATCH", f"/tracking-plans/{plan['id']}", {"name": "Ümläut"}) == {"status": "SUCCESS"}
    changed = plan | {"name": "Ümläut", "updatedAt": "2026-11-23T21:15:00.000Z"}
    assert client.data(f"/tracking-plans/{plan['id']}")["trackingPlan"] == changed
    assert plans(client)[-1] == changed


def test_a_plan_that_the_workspace_was_made_with_is_updated_in_its_place(client: Client) -> None:
    before = plans(client)
    client.write("PATCH", f"/tracking-plans/{before[1]['id']}", {"description": ""})
    after = plans(client)
    assert after[1]["description"] == ""
    assert [row["id"] for row in after] == [row["id"] for row in before]


def test_the_type_of_a_plan_does_not_change(client: Client) -> None:
    plan = create(client)
    client.write("PATCH", f"/tracking-plans/{plan['id']}", {"type": "ENGAGE"})
    assert client.data(f"/tracking-plans/{plan['id']}")["trackingPlan"]["type"] == "LIVE"


def test_a_deleted_plan_is_gone_with_its_rules_and_its_connections(client: Client) -> None:
    plan, connected = with_sources(client)
    assert client.write("DELETE", f"/tracking-plans/{plan}") == {"status": "SUCCESS"}
    assert plan not in [row["id"] for row in plans(client)]
    for path in ("", "/rules", "/sources"):
        assert client.ask(f"/tracking-plans/{plan}{path}").status == 404
    assert {plan_of(client, source) for source in connected} == {None}
    other = create(client)["id"]
    client.write("POST", f"/tracking-plans/{other}/sources", {"sourceId": connected[0]})
    assert plan_of(client, connected[0]) == other


def test_a_connected_source_shows_on_both_sides(client: Client) -> None:
    source, plan = free_source(client), create(client)["id"]
    for _ in ("once", "again"):
        written = client.write("POST", f"/tracking-plans/{plan}/sources", {"sourceId": source})
        assert written == {"status": "SUCCESS"}
        assert sources_of(client, plan) == [client.data(f"/sources/{source}")["source"]]
        assert plan_of(client, source) == plan
    assert events(client, 2) == [("Source Modified", "source", source)]


def test_a_source_belongs_to_one_plan_at_most(client: Client) -> None:
    plan, connected = with_sources(client)
    other = create(client)["id"]
    body = {"sourceId": connected[0]}
    assert client.refused("POST", f"/tracking-plans/{other}/sources", body) == (409, "sourceId")
    assert plan_of(client, connected[0]) == plan


def test_a_disconnected_source_is_free_and_can_come_back(client: Client) -> None:
    plan, connected = with_sources(client)
    path = f"/tracking-plans/{plan}/sources"
    for _ in range(2):
        assert client.write("DELETE", path, sourceId=connected[0]) == {"status": "SUCCESS"}
        assert [row["id"] for row in sources_of(client, plan)] == connected[1:]
        assert plan_of(client, connected[0]) is None
        client.write("POST", path, {"sourceId": connected[0]})
        assert sorted(row["id"] for row in sources_of(client, plan)) == sorted(connected)
    assert events(client, 1) == [("Source Modified", "source", connected[0])]


def test_a_source_that_moves_between_plans_is_listed_by_the_last(client: Client) -> None:
    plan, connected = with_sources(client)
    other, source = create(client)["id"], connected[0]
    for here, there in ((plan, other), (other, plan), (plan, other)):
        client.write("DELETE", f"/tracking-plans/{here}/sources", sourceId=source)
        client.write("POST", f"/tracking-plans/{there}/sources", {"sourceId": source})
        assert source in [row["id"] for row in sources_of(client, there)]
        assert source not in [row["id"] for row in sources_of(client, here)]
        assert plan_of(client, source) == there


def test_what_does_not_exist_is_not_found(client: Client) -> None:
    plan, source = create(client)["id"], free_source(client)
    assert client.refused("PATCH", "/tracking-plans/tp_nope", {"name": "x"})[0] == 404
    assert client.refused("DELETE", "/tracking-plans/tp_nope")[0] == 404
    assert client.refused("POST", "/tracking-plans/tp_nope/sources", {"sourceId": source})[0] == 404
    assert client.refused("POST", f"/tracking-plans/{plan}/sources", {"sourceId": "nope"})[0] == 404
    assert client.refused("DELETE", f"/tracking-plans/{plan}/sources", sourceId="nope")[0] == 404
    assert client.refused("DELETE", f"/tracking-plans/{plan}/sources", sourceId=source)[0] == 404


def test_wrong_input_is_refused_with_its_field(client: Client) -> None:
    plan = create(client)["id"]
    assert client.refused("POST", "/tracking-plans", {"name": "x"}) == (422, "type")
    assert client.refused("POST", "/tracking-plans", {"name": "x", "type": "OTHER"}) == (422, "type")
    assert client.refused("POST", "/tracking-plans", {"type": "LIVE"}) == (422, "name")
    assert client.refused("PATCH", f"/tracking-plans/{plan}", {"name": 1}) == (422, "name")
    assert client.refused("POST", f"/tracking-plans/{plan}/sources", {}) == (422, "sourceId")
    assert client.refused("DELETE", f"/tracking-plans/{plan}/sources") == (422, "sourceId")


def test_the_trail_tells_of_plans_if_it_is_to_tell_what_the_contract_does_not_name() -> None:
    client, _ = client_with(behaviour=Behaviour(audit_unnamed=True))
    plan = create(client)["id"]
    client.write("PATCH", f"/tracking-plans/{plan}", {"name": "x"})
    client.write("DELETE", f"/tracking-plans/{plan}")
    told = [f"Tracking Plan {deed}" for deed in ("Deleted", "Modified", "Created")]
    assert events(client, 3) == [(event, "tracking_plan", plan) for event in told]


def test_another_sandbox_sees_nothing_of_it(client: Client) -> None:
    other = Client(Sandbox(now=lambda: NOW))
    before = plans(other)
    create(client)
    client.write("DELETE", f"/tracking-plans/{before[0]['id']}")
    assert plans(other) == before


def test_a_million_plans_and_sources_cost_no_more_than_a_few() -> None:
    client, _ = client_with(counts={"Sources": 1_000_000, "TrackingPlans": 2})
    first, second = (plan["id"] for plan in plans(client))
    began = time.perf_counter()
    source = client.data(f"/tracking-plans/{first}/sources", **{"pagination.count": 1})["sources"][0]["id"]
    client.write("DELETE", f"/tracking-plans/{first}/sources", sourceId=source)
    client.write("POST", f"/tracking-plans/{second}/sources", {"sourceId": source})
    page = client.data(f"/tracking-plans/{second}/sources", **{"pagination.count": 1})
    assert page["pagination"]["totalEntries"] == 250_001
    assert time.perf_counter() - began < 5
