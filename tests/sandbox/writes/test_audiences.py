"""Audiences, their schedules, destinations and activations, and computed traits."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)

AUDIENCE = {"name": "Late Payers", "definition": {"query": "event('Paid').count() >= 1"}, "audienceType": "USERS"}
TRAIT = {"name": "Orders", "definition": {"query": "event('Ordered').count()", "type": "USERS"}}
ACTIVATION = {"performResync": False, "activationType": "Audience Entered", "activationName": "Entered"}
DAILY = {"strategy": "PERIODIC", "config": {"interval": "1d"}}


class Clock:
    def __init__(self) -> None:
        self.moment: datetime = NOW

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(clock: Clock) -> Client:
    return Client(Sandbox(now=clock))


@pytest.fixture
def space(client: Client) -> str:
    return f"/spaces/{client.every('/spaces', 'spaces')[0]['id']}"


def _audiences(client: Client, space: str) -> list[dict[str, Any]]:
    return client.every(f"{space}/audiences", "audiences")


def _of_kind(client: Client, space: str, kind: str) -> str:
    found = next(one["id"] for one in _audiences(client, space) if one["audienceType"] == kind)
    return f"{space}/audiences/{found}"


def _schedules(client: Client, audience: str) -> list[dict[str, Any]]:
    return list(client.data(f"{audience}/schedules")["audienceSchedules"])


def test_a_created_audience_is_listed_found_and_computed(client: Client, clock: Clock, space: str) -> None:
    before = _audiences(client, space)
    audience = client.write("POST", f"{space}/audiences", AUDIENCE | {"options": {}})["audience"]
    assert {key: audience[key] for key in AUDIENCE} == AUDIENCE
    assert (audience["status"], audience["enabled"], "size" in audience) == ("Computing", True, False)
    rows = _audiences(client, space)
    assert rows[:-1] == before
    assert {key: rows[-1][key] for key in audience} == audience
    assert client.data(f"{space}/audiences/{audience['id']}")["audience"] == rows[-1]
    assert client.data(f"{space}/audiences", **{"search.query": "late"})["audiences"] == [rows[-1]]
    clock.moment += timedelta(minutes=5)
    assert _audiences(client, space)[-1]["status"] == "Live"
    other = f"/spaces/{client.every('/spaces', 'spaces')[1]['id']}"
    assert client.ask(f"{other}/audiences/{audience['id']}").status == 404
    assert audience["id"] not in [row["id"] for row in _audiences(client, other)]


def test_a_changed_audience_is_locked_until_it_is_computed(client: Client, clock: Clock, space: str) -> None:
    before = _audiences(client, space)[0]
    path = f"{space}/audiences/{before['id']}"
    clock.moment += timedelta(days=1)
    changed = client.write("PATCH", path, {"name": "VIP", "definition": {"query": "1"}, "enabled": False})["audience"]
    assert changed["definition"] == {"query": "1"}
    assert changed["updatedAt"] == "2026-11-24T20:15:00.000Z"
    shown = client.data(path)["audience"]
    same = before.keys() - {"name", "definition", "enabled", "status", "updatedBy", "updatedAt"}
    assert {key: shown[key] for key in same} == {key: before[key] for key in same}
    assert client.refused("PATCH", path, {"name": "Other"})[0] == 409
    assert client.data(path)["audience"] == shown
    clock.moment += timedelta(minutes=5)
    assert client.data(path)["audience"]["status"] == "Disabled"
    client.write("PATCH", path, {"name": "Other"}, version="v1alpha")
    assert client.data(path)["audience"]["name"] == "Other"


def test_a_linked_audience_keeps_its_entity_when_its_query_changes(client: Client, space: str) -> None:
    path = _of_kind(client, space, "LINKED")
    client.write("PATCH", path, {"definition": {"query": "1"}})
    assert client.data(path)["audience"]["definition"] == {"targetEntity": "accounts", "query": "1"}


def test_a_deleted_audience_is_gone_with_what_it_has(client: Client, space: str) -> None:
    first, *others = _audiences(client, space)
    path = f"{space}/audiences/{first['id']}"
    client.write("DELETE", path)
    assert _audiences(client, space) == others
    for below in ("", "/schedules", "/destination-connections", "/activations", "/audience-references"):
        assert client.ask(path + below).status == 404
    assert client.refused("DELETE", path)[0] == 404


def test_an_audience_that_is_gone_refers_to_no_other(client: Client, space: str) -> None:
    first, second = (row["id"] for row in _audiences(client, space)[:2])
    path = f"{space}/audiences/{first}/audience-references"
    assert [row["id"] for row in client.every(path, "audiences")] == [second]
    client.write("DELETE", f"{space}/audiences/{second}")
    assert client.every(path, "audiences") == []


def test_an_audience_needs_a_name_a_definition_and_a_kind(client: Client, space: str) -> None:
    for field in AUDIENCE:
        body = {name: value for name, value in AUDIENCE.items() if name != field}
        assert client.refused("POST", f"{space}/audiences", body) == (422, field)
    linked = AUDIENCE | {"audienceType": "LINKED"}
    assert client.refused("POST", f"{space}/audiences", linked, version="v1alpha") == (422, "audienceType")
    assert client.refused("POST", "/spaces/spa_nonesuch/audiences", AUDIENCE)[0] == 404


def test_a_preview_is_completed_after_a_while(client: Client, clock: Clock, space: str) -> None:
    asked = {key: AUDIENCE[key] for key in ("definition", "audienceType")}
    identifier = client.write("POST", f"{space}/audiences/previews", asked)["audiencePreview"]["id"]
    path = f"{space}/audiences/previews/{identifier}"
    assert client.data(path)["audiencePreview"] == {"id": identifier, "options": {}, "status": "RUNNING"} | asked
    clock.moment += timedelta(minutes=1)
    assert client.data(path)["audiencePreview"]["status"] == "COMPLETED"
    assert len(_audiences(client, space)) == 5


def test_only_a_linked_audience_is_run_and_has_schedules_written(client: Client, space: str) -> None:
    linked, other = _of_kind(client, space, "LINKED"), _of_kind(client, space, "USERS")
    first, second = (client.write("POST", f"{linked}/runs")["run"]["id"] for _ in range(2))
    assert first != second
    assert client.data(linked)["audience"]["status"] == "Computing"
    for below, body in (("/runs", None), ("/schedules", DAILY)):
        assert client.refused("POST", other + below, body) == (422, "audienceType")


def test_schedules_are_added_changed_and_removed(client: Client, space: str) -> None:
    linked = _of_kind(client, space, "LINKED")
    before = _schedules(client, linked)
    added = client.write("POST", f"{linked}/schedules", DAILY)["audienceSchedule"]
    assert _schedules(client, linked) == [*before, added]
    assert client.data(linked, include="schedules")["audience"]["schedules"] == [*before, added]
    path = f"{linked}/schedules/{added['id']}"
    days = {"strategy": "SPECIFIC_DAYS", "config": {"days": [1], "hours": [9], "timezone": "Europe/Berlin"}}
    changed = client.write("PATCH", path, days)["audienceSchedule"]
    assert client.data(path)["audienceSchedule"] == changed == {"id": added["id"], **days}
    assert client.refused("PATCH", path, days | DAILY | {"config": days["config"]}) == (422, "config.interval")
    client.write("DELETE", path)
    client.write("DELETE", f"{linked}/schedules/{before[0]['id']}")
    assert _schedules(client, linked) == before[1:]
    assert client.ask(path).status == 404


def test_an_audience_is_connected_to_a_destination_and_activated_there(client: Client, space: str) -> None:
    audience = client.write("POST", f"{space}/audiences", AUDIENCE)["audience"]["id"]
    path = f"{space}/audiences/{audience}"
    target = client.every("/destinations", "destinations")[0]
    body = {"destination": {"id": target["id"], "type": "DESTINATION"}, "connectionSettings": {"a": 1}}
    connection = client.write("POST", f"{path}/destination-connections", body)["connection"]["id"]
    assert client.refused("POST", f"{path}/destination-connections", body) == (409, "destination.id")
    (row,) = client.every(f"{path}/destination-connections", "connections")
    assert (row["id"], row["destinationId"], row["connectionSettings"]) == (connection, target["id"], {"a": 1})
    activations = f"{path}/destination-connections/{connection}/activations"
    one = client.write("POST", activations, ACTIVATION)["activation"]
    assert client.every(f"{path}/activations", "activations") == [one]
    assert client.data(f"{path}/activations/{one['id']}")["activation"] == one
    removal = f"{path}/destination-connections/{connection}"
    assert client.refused("DELETE", removal) == (409, "destinationId")
    client.write("DELETE", f"{path}/activations/{one['id']}")
    client.write("DELETE", removal)
    assert client.every(f"{path}/destination-connections", "connections") == []
    assert client.refused("POST", activations, ACTIVATION)[0] == 404
    unknown = {"destination": {"id": "nonesuch", "type": "DESTINATION"}}
    assert client.refused("POST", f"{path}/destination-connections", unknown)[0] == 404


def test_a_connection_is_configured_by_what_is_given_and_not_by_what_is_empty(client: Client, space: str) -> None:
    path = f"{_of_kind(client, space, 'USERS')}/destination-connections"
    before = client.every(path, "connections")[0]
    sync = [{"externalId": "phone", "strategy": "last"}]
    for identifier, body in (
        (before["id"], {"idSyncConfiguration": sync, "connectionSettings": {}}),
        (before["destinationId"], {"idSyncConfiguration": []}),
    ):
        shown = client.write("PATCH", f"{path}/{identifier}", body)
        assert (shown["destination"]["id"], shown["idSyncConfiguration"]) == (identifier, sync)
    after = client.every(path, "connections")[0]
    assert after == before | {"idSyncConfiguration": sync, "updatedAt": "2026-11-23T20:15:00.000Z"}


def test_an_activation_changes_and_its_display_name_is_cleared_by_null(client: Client, space: str) -> None:
    audience = _of_kind(client, space, "USERS")
    before = client.every(f"{audience}/activations", "activations")[0]
    path = f"{audience}/activations/{before['id']}"
    mapping = {"actionId": "other"}
    client.write("PATCH", path, {"displayName": "Shown", "destinationMapping": mapping})
    body = {"displayName": None, "activationName": "", "enabled": not before["enabled"]}
    after = client.write("PATCH", path, body)["activation"]
    changed = {"displayName": None, "destinationMapping": mapping, "enabled": not before["enabled"]}
    assert after == before | changed
    assert client.data(path)["activation"] == after
    assert client.refused("PATCH", path + "x", {})[0] == 404


def test_a_deleted_destination_leaves_no_connection_behind(client: Client, space: str) -> None:
    audience = _of_kind(client, space, "USERS")
    connection = client.every(f"{audience}/destination-connections", "connections")[0]
    activation = client.every(f"{audience}/activations", "activations")[0]
    assert activation["connectionId"] == connection["id"]
    client.write("DELETE", f"/destinations/{connection['destinationId']}")
    assert client.every(f"{audience}/destination-connections", "connections") == []
    assert client.every(f"{audience}/activations", "activations") == []
    assert client.ask(f"{audience}/activations/{activation['id']}").status == 404


def test_computed_traits_are_created_changed_locked_and_deleted(client: Client, clock: Clock, space: str) -> None:
    path = f"{space}/computed-traits"
    before = client.every(path, "computedTraits")
    trait = client.write("POST", path, TRAIT | {"description": "All of them"})["computedTrait"]
    assert client.every(path, "computedTraits")[:-1] == before
    assert client.data(f"{path}/{trait['id']}")["computedTrait"]["definition"] == TRAIT["definition"]
    changed = client.write("PATCH", f"{path}/{trait['id']}", {"enabled": False})["computedTrait"]
    assert changed["description"] == "All of them"
    assert client.refused("PATCH", f"{path}/{trait['id']}", {"enabled": True})[0] == 409
    clock.moment += timedelta(minutes=5)
    client.write("PATCH", f"{path}/{trait['id']}", {"enabled": True})
    client.write("DELETE", f"{path}/{trait['id']}")
    client.write("DELETE", f"{path}/{before[0]['id']}")
    assert client.every(path, "computedTraits") == before[1:]
    assert client.refused("POST", path, {"name": "x"}) == (422, "definition")


def test_a_million_audiences_are_not_made_because_one_of_them_changes() -> None:
    client = Client(Sandbox(now=lambda: NOW, counts={"AudiencesPerSpace": 1_000_000}))
    started = time.monotonic()
    space = f"/spaces/{client.every('/spaces', 'spaces', **{'pagination.count': 10})[0]['id']}"
    first = client.data(f"{space}/audiences")["audiences"]
    client.write("DELETE", f"{space}/audiences/{first[0]['id']}")
    client.write("POST", f"{space}/audiences", AUDIENCE)
    destination = client.data("/destinations")["destinations"][3]["id"]
    client.write("DELETE", f"/destinations/{destination}")
    after = client.data(f"{space}/audiences")
    assert after["audiences"][:199] == first[1:]
    assert after["pagination"]["totalEntries"] == 1_000_000
    assert time.monotonic() - started < 5
