"""Space filters, profiles warehouses, messaging subscriptions and customer insights."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)


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


def _space(client: Client, place: int = 0) -> str:
    return str(client.every("/spaces", "spaces")[place]["id"])


def _filters(client: Client, space: str) -> list[dict[str, Any]]:
    return client.every("/filters", "filters", integrationId=space)


def _warehouses(client: Client, space: str) -> list[dict[str, Any]]:
    return client.every(f"/spaces/{space}/profiles-warehouses", "profilesWarehouses")


def test_a_created_space_filter_is_listed_in_its_space_alone(client: Client) -> None:
    space, other = _space(client), _space(client, 1)
    before, elsewhere = _filters(client, space), _filters(client, other)
    body = {"integrationId": space, "name": "No bots", "if": 'type = "track"', "drop": True}
    found = client.write("POST", "/filters", body)["filter"]
    assert {key: found[key] for key in body} == body
    assert _filters(client, space) == [*before, found]
    assert _filters(client, other) == elsewhere
    assert client.data(f"/filters/{found['id']}")["filter"] == found
    assert client.refused("POST", "/filters", body | {"integrationId": "spa_nonesuch"})[0] == 404
    assert client.refused("POST", "/filters", {"integrationId": space, "name": "x"}) == (422, "if")


def test_a_change_of_a_space_filter_replaces_all_of_it(client: Client, clock: Clock) -> None:
    space = _space(client)
    before = _filters(client, space)
    clock.moment += timedelta(days=1)
    body = {"integrationId": space, "if": 'type = "page"'}
    found = client.write("PATCH", f"/filters/{before[0]['id']}", body)["filter"]
    kept = {key: before[0][key] for key in ("id", "workspaceId", "createdAt")}
    assert found == kept | body | {"updatedAt": "2026-11-24T20:15:00.000Z"}
    assert _filters(client, space) == [found, *before[1:]]
    assert client.refused("PATCH", f"/filters/{before[0]['id']}", {"if": "x"}) == (422, "integrationId")


def test_a_space_filter_moves_to_the_space_that_it_names(client: Client) -> None:
    space, other = _space(client), _space(client, 1)
    first, *others = _filters(client, space)
    elsewhere = _filters(client, other)
    moved = client.write("PATCH", f"/filters/{first['id']}", {"integrationId": other})["filter"]
    assert _filters(client, space) == others
    assert _filters(client, other) == [*elsewhere, moved]


def test_a_deleted_space_filter_is_gone(client: Client) -> None:
    first, *others = _filters(client, _space(client))
    assert client.write("DELETE", f"/filters/{first['id']}") == {"deleted": True}
    assert _filters(client, _space(client)) == others
    assert client.ask(f"/filters/{first['id']}").status == 404
    assert client.refused("DELETE", f"/filters/{first['id']}")[0] == 404


def test_a_profiles_warehouse_is_created_with_its_secrets_masked(client: Client) -> None:
    space = _space(client)
    before = _warehouses(client, space)
    metadata = client.every("/catalog/warehouses", "warehousesCatalog")[1]
    body = {
        "metadataId": metadata["id"], "name": "Profiles", "schemaName": "profiles",
        "settings": {"host": "db.example.com", "password": "hush hush", "token": "123456"},
    }  # fmt: skip
    found = client.write("POST", f"/spaces/{space}/profiles-warehouses", body)["profilesWarehouse"]
    assert (found["metadata"], found["enabled"], found["schemaName"]) == (metadata, True, "profiles")
    assert found["settings"].keys() == {"host", "token", "name"}
    assert set(found["settings"]["token"]) == {"•"}
    assert _warehouses(client, space) == [*before, found]
    path = f"/spaces/{space}/profiles-warehouses"
    assert client.refused("POST", path, body | {"metadataId": "nonesuch"})[0] == 404
    assert client.refused("POST", path, {"metadataId": metadata["id"]}) == (422, "settings")


def test_a_profiles_warehouse_changes_and_goes(client: Client) -> None:
    space = _space(client)
    first, *others = _warehouses(client, space)
    path = f"/spaces/{space}/profiles-warehouses/{first['id']}"
    body = {"settings": {"host": "new.example.com"}, "enabled": not first["enabled"]}
    found = client.write("PATCH", path, body)["profilesWarehouse"]
    settings = first["settings"] | {"host": "new.example.com"}
    assert found == first | {"enabled": not first["enabled"], "settings": settings}
    assert _warehouses(client, space)[0] == found
    assert client.refused("PATCH", path.replace(space, _space(client, 1)), body)[0] == 404
    client.write("DELETE", path)
    assert _warehouses(client, space) == others
    assert client.ask(f"{path}/selective-syncs").status == 404


def test_what_of_the_profiles_is_synced_is_chosen_by_collection_and_property(client: Client) -> None:
    space = _space(client)
    for warehouse in (_warehouses(client, space)[0]["id"], _made(client, space)):
        path = f"/spaces/{space}/profiles-warehouses/{warehouse}/selective-syncs"
        before = client.every(path, "items")
        row = before[1]
        overrides = [
            {"collection": row["collection"], "enabled": not row["enabled"]},
            {"collection": row["collection"], "enabled": False, "property": "user_id"},
        ]
        assert client.write("PATCH", path, {"syncOverrides": overrides}) == {"status": "UPDATED"}
        assert client.write("PATCH", path, {"syncOverrides": overrides}) == {"status": "UNCHANGED"}
        properties = {"user_id": {"enabled": False, "type": "string"}}
        changed = row | {"enabled": not row["enabled"], "properties": properties}
        assert client.every(path, "items") == [before[0], changed, *before[2:]]
        assert client.write("PATCH", path, {"enableEventTables": False}) == {"status": "UPDATED"}
        assert client.data(path)["enableEventTables"] is False
        wrong = [overrides[0], {"collection": "nonesuch", "enabled": True}]
        assert client.refused("PATCH", path, {"syncOverrides": wrong}) == (422, "syncOverrides.1.collection")
        assert client.every(path, "items")[1] == changed


def _made(client: Client, space: str) -> str:
    metadata = client.every("/catalog/warehouses", "warehousesCatalog")[0]["id"]
    body = {"metadataId": metadata, "settings": {}}
    return str(client.write("POST", f"/spaces/{space}/profiles-warehouses", body)["profilesWarehouse"]["id"])


def test_messaging_subscriptions_are_as_they_were_put_last(client: Client) -> None:
    path = f"/spaces/{_space(client)}/messaging-subscriptions"
    ana = {"key": "ana@example.com", "type": "EMAIL"}
    news = [{"name": "News", "status": "SUBSCRIBED"}]
    wrong = {"key": "nobody", "type": "EMAIL", "status": "SUBSCRIBED"}
    answer = client.write("PUT", path, {"subscriptions": [ana | {"status": "UNSUBSCRIBED", "groups": news}, wrong]})
    assert [one["key"] for one in answer["successes"]] == ["ana@example.com"]
    assert [one["key"] for one in answer["failures"]] == ["nobody"]
    again = ana | {"status": "SUBSCRIBED", "groups": news}
    put = client.write("PUT", path, {"subscriptions": [again]})["successes"][0]
    assert put["groups"][0]["id"] == answer["successes"][0]["groups"][0]["id"]
    other = {"key": "ana@example.com", "type": "SMS"}
    found = client.write("POST", f"{path}/batch", {"subscriptions": [ana, other]})
    assert [one["status"] for one in found["successes"]] == ["SUBSCRIBED"]
    assert [one["type"] for one in found["failures"]] == ["SMS"]
    elsewhere = f"/spaces/{_space(client, 1)}/messaging-subscriptions/batch"
    assert client.write("POST", elsewhere, {"subscriptions": [ana]})["successes"] == []
    assert client.refused("PUT", path, {"subscriptions": [{"key": "x"}]}) == (422, "subscriptions.0.type")


def test_a_download_of_customer_insights_is_one_hours(client: Client) -> None:
    body = {"collectionId": "a/b", "hour": "2026-11-20T13:00:00Z"}
    (url,) = client.write("POST", "/customer-insights/download", body)["download"]["urls"]
    assert url.endswith("/a%2Fb/2026/11/20/13.json.gz")
    assert client.refused("POST", "/customer-insights/download", body | {"hour": "noon"}) == (422, "hour")
