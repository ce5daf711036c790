"""Warehouses and credentials: what is written shows in every read."""

from __future__ import annotations

from typing import Any

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)

Row = dict[str, Any]
REACHABLE = {"hostname": "h", "port": 5432, "password": "p"}


@pytest.fixture
def client() -> Client:
    return Client(Sandbox(now=lambda: NOW))


def _warehouses(client: Client) -> list[Row]:
    return client.every("/warehouses", "warehouses")


def _kind(client: Client) -> str:
    return str(client.every("/catalog/warehouses", "warehousesCatalog")[0]["id"])


def _create(client: Client, **more: Any) -> Row:
    body = {"metadataId": _kind(client), "settings": REACHABLE, **more}
    return dict(client.write("POST", "/warehouses", body)["warehouse"])


def _sources(client: Client, warehouse: str) -> list[Row]:
    return client.every(f"/warehouses/{warehouse}/connected-sources", "sources")


def _trail(client: Client, resource: str) -> list[str]:
    return [event["type"] for event in client.every("/audit-events", "events", resourceId=resource)]


def _state(client: Client, warehouse: str) -> str:
    return str(client.data(f"/warehouses/{warehouse}/connection-state")["connectionState"])


def test_a_created_warehouse_shows_in_all_reads_and_reads_every_source(client: Client) -> None:
    before = _warehouses(client)
    added = client.write(
        "POST", "/sources", {"slug": "s", "enabled": True, "metadataId": _source_kind(client)}
    )["source"]  # fmt: skip
    warehouse = _create(client, name="Lager")
    assert warehouse["settings"] == {"hostname": "h", "port": 5432, "name": "Lager"}
    assert _warehouses(client) == [*before, warehouse]
    path = f"/warehouses/{warehouse['id']}"
    assert client.data(path)["warehouse"] == warehouse
    sources = client.every("/sources", "sources")
    assert sources[-1] == added
    assert _sources(client, warehouse["id"]) == sources
    for source in sources:
        assert client.every(f"/sources/{source['id']}/connected-warehouses", "warehouses")[-1] == warehouse
    assert client.every(f"{path}/syncs", "reports") == []
    assert client.data(f"{path}/advanced-sync-schedule") == {"enabled": False}
    assert _trail(client, warehouse["id"]) == ["Storage Destination Created"]


def _source_kind(client: Client) -> str:
    return str(client.every("/catalog/sources", "sourcesCatalog")[0]["id"])


def test_a_warehouse_that_is_told_so_reads_no_source(client: Client) -> None:
    assert _sources(client, _create(client, disconnectAllSources=True)["id"]) == []


def test_settings_are_merged_and_null_clears_what_it_names(client: Client) -> None:
    warehouse = _create(client, name="x", settings=REACHABLE | {"serviceAccountKey": "abcdefghijklmnop"})
    path = f"/warehouses/{warehouse['id']}"
    change = {"name": None, "settings": {"hostname": None, "database": "d"}}
    changed = client.write("PATCH", path, change)["warehouse"]
    assert changed["settings"] == {"port": 5432, "serviceAccountKey": "•" * 16 + "mnop", "database": "d"}
    assert client.data(path)["warehouse"] == changed
    assert client.refused("PATCH", path, {"enabled": True}) == (422, "settings")


def test_a_warehouse_is_reached_while_it_is_enabled_and_has_all_that_it_needs(client: Client) -> None:
    warehouse = _create(client)["id"]
    path = f"/warehouses/{warehouse}"
    assert _state(client, warehouse) == "CONNECTED"
    for change, state in (
        ({"settings": {"hostname": None}}, "FAILED"),
        ({"settings": {"hostname": "h"}}, "CONNECTED"),
        ({"settings": {"password": None}}, "FAILED"),
        ({"settings": {}}, "FAILED"),
        ({"settings": {"password": "p"}, "enabled": False}, "FAILED"),
        ({"settings": {}, "enabled": True}, "CONNECTED"),
    ):
        client.write("PATCH", path, change)
        assert _state(client, warehouse) == state, change
    assert _trail(client, warehouse)[0] == "Storage Destination Enabled"
    assert "Storage Destination Modified" in _trail(client, warehouse)


def test_settings_are_validated_by_what_their_kind_requires(client: Client) -> None:
    body: Row = {"metadataId": _kind(client), "settings": REACHABLE}
    assert client.write("POST", "/warehouses/validation", body) == {"status": "CONNECTED"}
    without = {name: value for name, value in REACHABLE.items() if name != "password"}
    assert client.write("POST", "/warehouses/validation", body | {"settings": without}) == {"status": "FAILED"}
    assert client.refused("POST", "/warehouses/validation", body | {"metadataId": "nonesuch"})[0] == 404
    assert _trail(client, body["metadataId"]) == ["Storage Destination Settings Validation"] * 2


def test_a_deleted_warehouse_is_gone_from_every_read(client: Client) -> None:
    warehouse = _warehouses(client)[0]
    client.write("DELETE", f"/warehouses/{warehouse['id']}")
    assert warehouse not in _warehouses(client)
    for path in ("", "/connected-sources", "/syncs", "/connection-state", "/advanced-sync-schedule"):
        assert client.refused("GET", f"/warehouses/{warehouse['id']}{path}")[0] == 404
    for source in client.every("/sources", "sources"):
        assert warehouse not in client.every(f"/sources/{source['id']}/connected-warehouses", "warehouses")
    assert _trail(client, warehouse["id"])[0] == "Storage Destination Deleted"


def test_a_connection_is_removed_and_made_again_and_both_sides_agree(client: Client) -> None:
    warehouse = _warehouses(client)[0]["id"]
    source, *others = _sources(client, warehouse)
    path = f"/warehouses/{warehouse}/connected-sources/{source['id']}"
    synced = client.every(f"{path}/syncs", "reports")
    assert synced
    client.write("DELETE", path)
    assert _sources(client, warehouse) == others
    backwards = client.every(f"/sources/{source['id']}/connected-warehouses", "warehouses")
    assert warehouse not in {row["id"] for row in backwards}
    assert all(row not in client.every(f"/warehouses/{warehouse}/syncs", "reports") for row in synced)
    assert client.refused("GET", f"{path}/selective-syncs")[0] == 404
    assert client.refused("DELETE", path)[0] == 404
    assert client.write("POST", path) == {"status": "CONNECTED"}
    assert client.write("POST", path) == {"status": "CONNECTED"}
    assert sorted(row["id"] for row in _sources(client, warehouse)) == sorted(r["id"] for r in [source, *others])
    assert _trail(client, warehouse).count("Storage Destination Modified") >= 1


def test_a_source_that_was_not_connected_can_be_and_has_all_its_collections_synced(client: Client) -> None:
    warehouse = _warehouses(client)[0]["id"]
    known = [row["id"] for row in _sources(client, warehouse)]
    other = next(row for row in client.every("/sources", "sources") if row["id"] not in known)
    path = f"/warehouses/{warehouse}/connected-sources/{other['id']}"
    client.write("POST", path)
    assert _sources(client, warehouse)[-1] == other
    items = client.every(f"{path}/selective-syncs", "items")
    assert items
    assert all(item["enabled"] for item in items)
    assert client.every(f"{path}/syncs", "reports") == []
    client.write("DELETE", path)
    assert [row["id"] for row in _sources(client, warehouse)] == known


def test_the_schedule_is_replaced_as_a_whole(client: Client) -> None:
    warehouse = _warehouses(client)[0]["id"]
    path = f"/warehouses/{warehouse}/advanced-sync-schedule"
    times = [{"hourOfDay": 5, "enabled": True}]
    schedule = {"enabled": True, "schedule": {"times": times, "timezone": "Europe/Vienna"}}
    assert client.write("PUT", path, schedule) == schedule == client.data(path)
    assert client.write("PUT", path, {"enabled": False}) == {"enabled": False} == client.data(path)
    assert client.refused("PUT", path, {"enabled": True}) == (422, "schedule")
    wrong = {"times": [{"hourOfDay": 24, "enabled": True}], "timezone": "UTC"}
    assert client.refused("PUT", path, {"enabled": True, "schedule": wrong}) == (422, "schedule.times.0.hourOfDay")


def test_selective_syncs_are_switched_by_source_collection_and_property(client: Client) -> None:
    warehouse = _warehouses(client)[0]["id"]
    source = _sources(client, warehouse)[0]["id"]
    path = f"/warehouses/{warehouse}/connected-sources/{source}/selective-syncs"
    before = client.every(path, "items")
    first, name = before[0], next(iter(before[0]["properties"]))
    choose = f"/warehouses/{warehouse}/selective-sync"

    def chosen(**override: Any) -> Row:
        return client.write("PATCH", choose, {"syncOverrides": [{"sourceId": source, **override}]})

    of_one = {"collection": first["collection"], "property": name}
    turned = not first["properties"][name]["enabled"]
    assert chosen(**of_one, enabled=turned) == {"status": "UPDATED", "warnings": []}
    assert chosen(**of_one, enabled=turned) == {"status": "UNCHANGED", "warnings": []}
    after = client.every(path, "items")
    assert after[0]["properties"][name] == first["properties"][name] | {"enabled": turned}
    assert after[1:] == before[1:]
    chosen(collection=first["collection"], enabled=False)
    chosen(enabled=True)
    assert all(item["enabled"] for item in client.every(path, "items"))
    chosen(collection=first["collection"], enabled=False)
    assert [item["enabled"] for item in client.every(path, "items")] == [False, *[True] * (len(before) - 1)]
    answer = chosen(collection="nonesuch", enabled=True)
    assert (answer["status"], len(answer["warnings"])) == ("UNCHANGED", 1)
    without = {"syncOverrides": [{"sourceId": source, "property": name, "enabled": True}]}
    assert client.refused("PATCH", choose, without) == (422, "syncOverrides.0.collection")
    unknown = {"syncOverrides": [{"sourceId": "nonesuch", "enabled": True}]}
    assert client.refused("PATCH", choose, unknown)[0] == 404


def test_what_a_warehouse_chose_of_a_source_is_forgotten_with_the_connection(client: Client) -> None:
    warehouse = _warehouses(client)[0]["id"]
    source = _sources(client, warehouse)[0]["id"]
    path = f"/warehouses/{warehouse}/connected-sources/{source}"
    before = client.every(f"{path}/selective-syncs", "items")
    for enabled in (True, False):
        overrides = {"syncOverrides": [{"sourceId": source, "enabled": enabled}]}
        client.write("PATCH", f"/warehouses/{warehouse}/selective-sync", overrides)
    client.write("DELETE", path)
    client.write("POST", path)
    assert client.every(f"{path}/selective-syncs", "items") == before


def test_credentials_are_created_and_changed_and_their_secrets_are_masked(client: Client) -> None:
    key = {"type": "keypair", "privateKey": "abcdefghijklmnop", "privateKeyPassphrase": "x"}
    settings = {"type": "Snowflake", "username": "u", "authentication": key}
    made = client.write("POST", "/credentials", {"name": "Schlüssel", "settings": settings})["credential"]
    masked = {"type": "keypair", "privateKey": "•" * 16 + "mnop", "privateKeyPassphrase": "•" * 16}
    assert made["settings"] == settings | {"authentication": masked}
    assert client.every("/credentials", "credentials")[-1] == made
    path = f"/credentials/{made['id']}"
    changed = client.write("PATCH", path, {"settings": {"username": "v"}})["credential"]
    assert changed == made | {"settings": made["settings"] | {"username": "v"}}
    assert client.data(path)["credential"] == changed
    client.write("DELETE", path)
    assert client.refused("GET", path)[0] == 404
    wanted = [f"Warehouse Credential {what}" for what in ("Deleted", "Modified", "Created")]
    assert _trail(client, made["id"]) == wanted


def test_a_credential_stays_while_somebody_uses_it_even_if_that_is_disabled(client: Client) -> None:
    credential = client.write("POST", "/credentials", {"name": "c", "settings": {}})["credential"]["id"]
    consumers, path = f"/credentials/{credential}/consumers", f"/credentials/{credential}"
    warehouse = _create(client, enabled=False, settings=REACHABLE | {"credentialId": credential})
    assert client.data(consumers)["warehouses"] == [warehouse]
    assert client.refused("DELETE", path)[0] == 409
    source = client.every("/sources", "sources")[0]["id"]
    used = client.write("PATCH", f"/sources/{source}", {"settings": {"credentialId": credential}})["source"]
    client.write("DELETE", f"/warehouses/{warehouse['id']}")
    assert (client.data(consumers)["warehouses"], client.data(consumers)["sources"]) == ([], [used])
    assert client.refused("DELETE", path)[0] == 409
    client.write("PATCH", f"/sources/{source}", {"settings": {"credentialId": None}})
    client.write("DELETE", path)
    wrong = {"metadataId": _kind(client), "settings": {"credentialId": credential}}
    assert client.refused("POST", "/warehouses", wrong)[0] == 404


def test_a_credential_that_came_with_the_workspace_goes_after_its_last_consumer(client: Client) -> None:
    credential = client.every("/credentials", "credentials")[0]["id"]
    consumers = client.data(f"/credentials/{credential}/consumers")
    assert client.refused("DELETE", f"/credentials/{credential}")[0] == 409
    moved = consumers["warehouses"].pop()["id"]
    for kind in ("warehouses", "sources"):
        for row in consumers[kind]:
            client.write("DELETE", f"/{kind}/{row['id']}")
    other = client.every("/credentials", "credentials")[1]["id"]
    client.write("PATCH", f"/warehouses/{moved}", {"settings": {"credentialId": other}})
    assert moved in {row["id"] for row in client.data(f"/credentials/{other}/consumers")["warehouses"]}
    client.write("DELETE", f"/credentials/{credential}")


@pytest.mark.parametrize(
    ("method", "path", "body", "refused"),
    [
        ("POST", "/warehouses", {"settings": {}}, (422, "metadataId")),
        ("POST", "/warehouses", {"settings": {}, "metadataId": "nonesuch"}, (404, None)),
        ("PATCH", "/warehouses/nonesuch", {"settings": {}}, (404, None)),
        ("DELETE", "/warehouses/nonesuch", None, (404, None)),
        ("POST", "/warehouses/nonesuch/connected-sources/nonesuch", None, (404, None)),
        ("DELETE", "/warehouses/nonesuch/connected-sources/nonesuch", None, (404, None)),
        ("PUT", "/warehouses/nonesuch/advanced-sync-schedule", {"enabled": False}, (404, None)),
        ("PATCH", "/warehouses/nonesuch/selective-sync", {"syncOverrides": []}, (404, None)),
        ("POST", "/credentials", {"settings": {}}, (422, "name")),
        ("PATCH", "/credentials/nonesuch", {}, (404, None)),
        ("DELETE", "/credentials/nonesuch", None, (404, None)),
    ],
)
def test_wrong_requests_are_refused_and_change_nothing(
    client: Client, method: str, path: str, body: Row | None, refused: tuple[int, str | None]
) -> None:
    before = _warehouses(client)
    assert client.refused(method, path, body) == refused
    assert _warehouses(client) == before
