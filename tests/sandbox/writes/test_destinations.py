"""Destinations, their subscriptions and filters: what is written shows in every read."""

from __future__ import annotations

from typing import Any

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)

Row = dict[str, Any]
ALPHA = "v1alpha"
RANGE = {"startTime": "2026-10-01T00:00:00Z", "endTime": "2026-10-08T00:00:00Z", "granularity": "DAY"}


@pytest.fixture
def client() -> Client:
    return Client(Sandbox(now=lambda: NOW))


def _destinations(client: Client) -> list[Row]:
    return client.every("/destinations", "destinations")


def _create(client: Client, **more: Any) -> Row:
    kinds = client.every("/catalog/destinations", "destinationsCatalog")
    body = {
        "sourceId": client.every("/sources", "sources")[0]["id"],
        "metadataId": next(kind["id"] for kind in kinds if kind["actions"]),
        "settings": {"apiKey": "abcdefghijklmnop"},
    }
    return dict(client.write("POST", "/destinations", body | more)["destination"])


def _trail(client: Client, resource: str) -> list[str]:
    return [event["type"] for event in client.every("/audit-events", "events", resourceId=resource)]


def test_a_created_destination_shows_in_all_reads(client: Client) -> None:
    before = _destinations(client)
    destination = _create(client, name="Töne")
    source = destination["sourceId"]
    assert _destinations(client) == [*before, destination]
    assert client.data(f"/destinations/{destination['id']}")["destination"] == destination
    connected = client.every(f"/sources/{source}/connected-destinations", "destinations")
    assert connected == [row for row in [*before, destination] if row["sourceId"] == source]
    assert (destination["name"], destination["enabled"]) == ("Töne", True)
    assert client.every(f"/destination/{destination['id']}/filters", "filters") == []
    assert client.every(f"/destinations/{destination['id']}/subscriptions", "subscriptions") == []
    assert _trail(client, destination["id"]) == ["Integration Created"]


def test_a_created_destination_has_delivered_nothing_yet(client: Client) -> None:
    destination = _create(client)
    sent = {"sourceId": destination["sourceId"], "destinationConfigId": destination["id"], **RANGE}
    assert client.data("/delivery-overview/successful-delivery", **sent)["dataset"] == []
    path = f"/destinations/{destination['id']}/delivery-metrics"
    summary = client.data(path, sourceId=destination["sourceId"])["deliveryMetricsSummary"]
    assert {metric["total"] for metric in summary["metrics"]} == {0}


def test_the_backend_masks_secrets_and_adds_settings_that_nobody_else_can_set(client: Client) -> None:
    destination = _create(client, settings={"apiKey": "abcdefghijklmnop", "versionSettings": {"version": 7}})
    path = f"/destinations/{destination['id']}"
    added = destination["settings"]["versionSettings"]
    assert destination["settings"] == {"apiKey": "•" * 16 + "mnop", "versionSettings": added}
    assert added["version"] == 1
    read_only = {"versionSettings": {"version": 9}}
    assert client.refused("PATCH", path, {"settings": read_only}) == (400, "settings")
    changed = client.write("PATCH", path, {"settings": read_only | {"sampleRate": 50, "apiKey": None}})["destination"]
    assert changed["settings"] == {"versionSettings": added, "sampleRate": 50}
    assert client.write("PATCH", path, {"settings": read_only, "name": "x"})["destination"]["name"] == "x"


def test_null_clears_the_name_and_switching_off_is_told_in_the_trail(client: Client) -> None:
    destination = _create(client, name="x")
    path = f"/destinations/{destination['id']}"
    changed = client.write("PATCH", path, {"name": None, "enabled": False})["destination"]
    assert changed == {k: v for k, v in destination.items() if k != "name"} | {"enabled": False}
    assert client.data(path)["destination"] == changed
    client.write("PATCH", path, {"enabled": True})
    assert _trail(client, destination["id"]) == ["Integration Disabled", "Integration Created"]


def test_a_deleted_destination_is_gone_with_all_that_belongs_to_it(client: Client) -> None:
    destination = _destinations(client)[0]
    subscription = client.every(f"/destinations/{destination['id']}/subscriptions", "subscriptions")[0]
    client.write("DELETE", f"/destinations/{destination['id']}")
    assert destination not in _destinations(client)
    paths = (
        f"/destinations/{destination['id']}",
        f"/destination/{destination['id']}/filters",
        f"/destinations/{destination['id']}/subscriptions",
        f"/destinations/{destination['id']}/subscriptions/{subscription['id']}",
        f"/destinations/{destination['id']}/delivery-metrics?sourceId={destination['sourceId']}",
    )
    for path in paths:
        assert client.refused("GET", path, version=ALPHA if "subscriptions" in path else None)[0] == 404
    assert _trail(client, destination["id"])[0] == "Integration Deleted"


def test_the_syncs_of_a_subscription_are_not_found_after_its_destination_was_deleted(client: Client) -> None:
    subscription = next(
        row
        for destination in _destinations(client)
        for row in client.every(f"/destinations/{destination['id']}/subscriptions", "subscriptions")
        if "modelId" in row
    )
    path = f"/reverse-etl-models/{subscription['modelId']}/subscriptionId/{subscription['id']}/syncs"
    assert client.every(path, "syncStatuses", count=10)
    client.write("DELETE", f"/destinations/{subscription['destinationId']}")
    assert client.refused("GET", path)[0] == 404


def test_a_subscription_belongs_to_an_action_of_its_destination(client: Client) -> None:
    destination = _create(client)
    path = f"/destinations/{destination['id']}/subscriptions"
    action = destination["metadata"]["actions"][1]
    body = {"name": "Send", "actionId": action["id"], "trigger": 'type = "track"', "enabled": True}
    made = client.write("POST", path, body, version=ALPHA)["destinationSubscription"]
    assert made == body | {
        "id": made["id"],
        "actionSlug": action["slug"],
        "destinationId": destination["id"],
        "settings": {},
    }
    assert client.every(path, "subscriptions") == [made]
    assert client.data(f"{path}/{made['id']}")["subscription"] == made
    assert client.refused("POST", path, body | {"actionId": "nonesuch"}, version=ALPHA)[0] == 404
    assert client.refused("POST", path, body | {"modelId": "nonesuch"}, version=ALPHA)[0] == 404
    model = client.every("/reverse-etl-models", "models")[0]["id"]
    schedule = {"strategy": "PERIODIC", "config": {"interval": "1h"}}
    change = {"enabled": False, "settings": {"a": 1}, "reverseETLModelId": model, "reverseETLSchedule": schedule}
    changed = client.write("PATCH", f"{path}/{made['id']}", {"input": change}, version=ALPHA)["subscription"]
    whole = made | {"enabled": False, "settings": {"a": 1}, "modelId": model, "reverseETLSchedule": schedule}
    assert changed == whole == client.data(f"{path}/{made['id']}")["subscription"]
    assert client.refused("PATCH", f"{path}/{made['id']}", {"name": "x"}, version=ALPHA) == (422, "input")
    other = _destinations(client)[0]["id"]
    assert client.refused("DELETE", f"/destinations/{other}/subscriptions/{made['id']}", version=ALPHA)[0] == 404
    client.write("DELETE", f"{path}/{made['id']}", version=ALPHA)
    assert client.every(path, "subscriptions") == []


def test_filters_are_created_changed_and_removed(client: Client) -> None:
    destination = _destinations(client)[0]
    path = f"/destination/{destination['id']}/filters"
    before = client.every(path, "filters")
    body = {
        "sourceId": destination["sourceId"],
        "if": 'type = "identify"',
        "actions": [{"type": "SAMPLE", "percent": 0.2}, {"type": "DROP_PROPERTIES", "fields": {"properties": ["a"]}}],
        "title": "Weniger",
        "description": "less",
        "enabled": True,
    }
    made = client.write("POST", path, body)["filter"]
    assert client.every(path, "filters") == [*before, made]
    assert body.items() <= made.items()
    assert made["createdAt"] == made["updatedAt"] == "2026-11-23T20:15:00.000Z"
    changed = client.write("PATCH", f"{path}/{made['id']}", {"description": None, "title": "Mehr"})["filter"]
    assert changed == {k: v for k, v in made.items() if k != "description"} | {"title": "Mehr"}
    assert client.data(f"{path}/{made['id']}")["filter"] == changed
    client.write("PATCH", f"{path}/{made['id']}", {"enabled": False})
    client.write("PATCH", f"{path}/{made['id']}", {"enabled": True})
    client.write("DELETE", f"{path}/{made['id']}")
    assert client.every(path, "filters") == before
    assert client.refused("DELETE", f"{path}/{made['id']}")[0] == 404
    wanted = [f"Destination Filter {what}" for what in ("Deleted", "Enabled", "Disabled", "Created")]
    assert _trail(client, made["id"]) == wanted


def test_a_born_filter_that_is_changed_keeps_its_place_and_moves_its_time(client: Client) -> None:
    destination = _destinations(client)[0]["id"]
    path = f"/destination/{destination}/filters"
    before = client.every(path, "filters")
    changed = client.write("PATCH", f"{path}/{before[0]['id']}", {"title": "x"})["filter"]
    assert changed == before[0] | {"title": "x", "updatedAt": "2026-11-23T20:15:00.000Z"}
    assert client.every(path, "filters") == [changed, *before[1:]]


@pytest.mark.parametrize(
    ("condition", "actions", "result"),
    [
        ("type = 'identify'", [{"type": "DROP"}], "the same"),
        ("type = 'track'", [{"type": "DROP"}], None),
        ("all", [{"type": "SAMPLE", "percent": 0}], None),
        ("all", [{"type": "SAMPLE", "percent": 1, "path": "userId"}], "the same"),
        ("all", [{"type": "DROP_PROPERTIES", "fields": {"properties": ["a"]}}], {"b": {"c": 2}}),
        ("all", [{"type": "DROP_PROPERTIES", "fields": {"properties": {"b": ["c"]}}}], {"a": 1, "b": {}}),
        ("all", [{"type": "ALLOW_PROPERTIES", "fields": {"properties": ["a"]}}], {"a": 1}),
    ],
)
def test_a_preview_is_what_the_destination_would_get(
    client: Client, condition: str, actions: list[Row], result: Row | str | None
) -> None:
    payload = {"type": "track", "userId": "u", "properties": {"a": 1, "b": {"c": 2}}}
    body = {"filter": {"if": condition, "actions": actions}, "payload": payload}
    expected = payload | {"properties": result} if isinstance(result, dict) else payload if result else None
    assert client.write("POST", "/destination/filters/preview", body) == {"inputPayload": payload, "result": expected}


def test_wrong_requests_are_refused_by_the_field_or_the_id(client: Client) -> None:
    one, other = _destinations(client)[:2]
    create = {"sourceId": one["sourceId"], "metadataId": one["metadata"]["id"], "settings": {}}
    assert client.refused("POST", "/destinations", create | {"sourceId": "nonesuch"})[0] == 404
    assert client.refused("POST", "/destinations", create | {"metadataId": "nonesuch"})[0] == 404
    assert client.refused("POST", "/destinations", create | {"settings": 1}) == (422, "settings")
    assert client.refused("PATCH", "/destinations/nonesuch", {})[0] == 404
    path = f"/destination/{one['id']}/filters"
    body = {"sourceId": one["sourceId"], "if": "all", "actions": [], "title": "t", "enabled": True}
    assert client.refused("POST", path, body | {"if": "type ="}) == (422, "if")
    assert client.refused("POST", path, body | {"actions": [{"type": "X"}]}) == (422, "actions.0.type")
    assert other["sourceId"] != one["sourceId"]
    assert client.refused("POST", path, body | {"sourceId": other["sourceId"]}) == (422, "sourceId")
    foreign = client.every(f"/destination/{other['id']}/filters", "filters")[0]["id"]
    assert client.refused("PATCH", f"{path}/{foreign}", {"title": "x"})[0] == 404
