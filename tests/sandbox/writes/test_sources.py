"""Sources and labels: what is written shows in every read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from replicator.sandbox import Behaviour, Sandbox, Token, Workspace
from replicator.sandbox.series import Series
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)

Row = dict[str, Any]


@pytest.fixture
def client() -> Client:
    return Client(Sandbox(now=lambda: NOW))


def _sources(client: Client) -> list[Row]:
    return client.every("/sources", "sources")


def _create(client: Client, slug: str = "shop", version: str | None = None, **more: Any) -> Row:
    metadata = client.every("/catalog/sources", "sourcesCatalog")[0]["id"]
    body = {"slug": slug, "enabled": True, "metadataId": metadata, **more}
    return dict(client.write("POST", "/sources", body, version=version)["source"])


def _connected(client: Client, source: str) -> list[Row]:
    return client.every(f"/sources/{source}/connected-warehouses", "warehouses")


def _trail(client: Client, resource: str) -> list[str]:
    return [event["type"] for event in client.every("/audit-events", "events", resourceId=resource)]


def test_a_created_source_shows_in_all_reads_and_is_connected_to_every_warehouse(client: Client) -> None:
    before = _sources(client)
    source = _create(client, settings={"website_url": "https://a.example/"})
    path = f"/sources/{source['id']}"
    assert _sources(client) == [*before, source]
    assert client.data(path) == {"source": source, "trackingPlanId": None}
    assert "name" not in source
    assert (source["labels"], len(source["writeKeys"])) == ([], 1)
    assert client.every(f"{path}/connected-destinations", "destinations") == []
    warehouses = client.every("/warehouses", "warehouses")
    assert _connected(client, source["id"]) == warehouses
    for warehouse in warehouses:
        below = f"/warehouses/{warehouse['id']}/connected-sources"
        assert client.every(below, "sources")[-1] == source
        assert client.every(f"{below}/{source['id']}/selective-syncs", "items") == []
        assert client.every(f"{below}/{source['id']}/syncs", "reports") == []
    assert client.data(f"{path}/settings")["settings"]["track"]["allowUnplannedEvents"] is True
    assert client.refused("GET", f"{path}/live-plugins/latest")[0] == 404
    assert _trail(client, source["id"]) == ["Source Created"]


def test_a_source_that_is_told_so_is_connected_to_no_warehouse(client: Client) -> None:
    assert _connected(client, _create(client, disconnectAllWarehouses=True)["id"]) == []


def test_alpha_alone_names_a_source_as_it_makes_it(client: Client) -> None:
    assert "name" not in _create(client, "one", name="One")
    assert _create(client, "two", version="v1alpha", name="Two")["name"] == "Two"


def test_a_slug_is_taken_until_its_source_lets_go_of_it(client: Client) -> None:
    first, last = _sources(client)[0], _sources(client)[-1]
    metadata = first["metadata"]["id"]
    for slug in (first["slug"], last["slug"]):
        body = {"slug": slug, "enabled": True, "metadataId": metadata}
        assert client.refused("POST", "/sources", body) == (409, "slug")
    created = _create(client)
    assert client.refused("PATCH", f"/sources/{first['id']}", {"slug": created["slug"]}) == (409, "slug")
    client.write("PATCH", f"/sources/{first['id']}", {"slug": "elsewhere"})
    client.write("DELETE", f"/sources/{last['id']}")
    client.write("DELETE", f"/sources/{created['id']}")
    for slug in (first["slug"], last["slug"], created["slug"]):
        _create(client, slug)


def test_an_update_changes_what_it_names_and_merges_settings_key_by_key(client: Client) -> None:
    source = _create(client, settings={"a": 1, "b": {"c": 2}, "d": 3})
    path = f"/sources/{source['id']}"
    changed = client.write("PATCH", path, {"name": "Läden", "settings": {"a": None, "d": 4, "e": []}})["source"]
    assert changed == source | {"name": "Läden", "settings": {"b": {"c": 2}, "d": 4, "e": []}}
    assert client.data(path)["source"] == changed == _sources(client)[-1]
    client.write("PATCH", path, {"enabled": False})
    client.write("PATCH", path, {"enabled": True, "name": "Läden"})
    switched = ["Source Enabled", "Source Disabled"]
    assert _trail(client, source["id"]) == [*switched, "Source Modified", "Source Settings Modified", "Source Created"]


def test_secrets_in_settings_come_back_masked_and_passwords_never(client: Client) -> None:
    secret = {"apiKey": "abcdefghijklmnop", "token": "short", "password": "p", "subdomain": "acme"}
    settings = _create(client, settings=secret)["settings"]
    assert settings == {"apiKey": "•" * 16 + "mnop", "token": "•" * 16, "subdomain": "acme"}
    path = f"/sources/{_sources(client)[-1]['id']}"
    assert client.write("PATCH", path, {"settings": settings})["source"]["settings"] == settings
    other = client.write("PATCH", path, {"settings": {"apiKey": "another secret, 9999"}})["source"]["settings"]
    assert other["apiKey"] == "•" * 16 + "9999"


def test_a_deleted_source_is_gone_from_every_read_with_its_destinations(client: Client) -> None:
    source = _sources(client)[0]
    destinations = client.every(f"/sources/{source['id']}/connected-destinations", "destinations")
    assert destinations
    subscriptions = client.every(f"/destinations/{destinations[0]['id']}/subscriptions", "subscriptions")
    assert subscriptions
    before = client.every("/destinations", "destinations")
    client.write("DELETE", f"/sources/{source['id']}")
    assert source not in _sources(client)
    for path in ("", "/settings", "/connected-destinations", "/connected-warehouses", "/live-plugins/latest"):
        assert client.refused("GET", f"/sources/{source['id']}{path}")[0] == 404
    assert client.every("/destinations", "destinations") == [d for d in before if d not in destinations]
    assert client.refused("GET", f"/destination/{destinations[0]['id']}/filters")[0] == 404
    for warehouse in client.every("/warehouses", "warehouses"):
        path = f"/warehouses/{warehouse['id']}"
        assert source not in client.every(f"{path}/connected-sources", "sources")
        assert source["id"] not in {r["sourceId"] for r in client.every(f"{path}/syncs", "reports")}
        assert client.refused("GET", f"{path}/connected-sources/{source['id']}/syncs")[0] == 404
    for row in _sources(client):
        settings = client.data(f"/sources/{row['id']}/settings")["settings"]
        assert source["id"] not in settings.values()
    assert client.refused("DELETE", f"/sources/{source['id']}")[0] == 404
    assert _trail(client, source["id"])[0] == "Source Deleted"


def test_the_models_of_a_deleted_source_go_with_it(client: Client) -> None:
    models = client.every("/reverse-etl-models", "models")
    source = models[0]["sourceId"]
    client.write("DELETE", f"/sources/{source}")
    assert client.every("/reverse-etl-models", "models") == [row for row in models if row["sourceId"] != source]
    assert client.refused("GET", f"/reverse-etl-models/{models[0]['id']}")[0] == 404


def test_reads_that_lag_behind_show_a_write_when_it_is_due() -> None:
    now = NOW
    client = Client(Sandbox(now=lambda: now, behaviour=Behaviour(read_delay=5)))
    before, known = _sources(client), client.data("/labels")["labels"]
    source = _create(client)
    client.write("DELETE", f"/labels/{known[0]['key']}/{known[0]['value']}")
    assert _sources(client) == before
    assert client.refused("GET", f"/sources/{source['id']}")[0] == 404
    now += timedelta(seconds=5)
    assert _sources(client)[-1] == source
    assert all(known[0] not in row["labels"] for row in _sources(client))


def test_labels_are_added_and_replaced_as_the_workspace_knows_them(client: Client) -> None:
    known = client.data("/labels")["labels"]
    source = _create(client)
    path = f"/sources/{source['id']}"
    bare = [{"key": label["key"], "value": label["value"]} for label in known]
    assert client.write("POST", f"{path}/labels", {"labels": bare[:2]})["labels"] == known[:2]
    assert client.write("POST", f"{path}/labels", {"labels": bare[1:3]})["labels"] == known[:3]
    assert client.data(path)["source"]["labels"] == known[:3]
    assert client.write("PUT", f"{path}/labels", {"labels": bare[3:4]})["labels"] == known[3:4]
    assert client.write("PUT", f"{path}/labels", {"labels": []})["labels"] == []
    unknown = {"labels": [bare[0], {"key": "no", "value": "such"}]}
    assert client.refused("POST", f"{path}/labels", unknown)[0] == 404
    assert client.data(path)["source"]["labels"] == []


def test_a_deleted_label_is_taken_off_the_sources_and_comes_back_to_none(client: Client) -> None:
    used = next(label for source in _sources(client) for label in source["labels"])
    created = _create(client)
    client.write("POST", f"/sources/{created['id']}/labels", {"labels": [used]})
    client.write("DELETE", f"/labels/{used['key']}/{used['value']}")
    assert all(used not in source["labels"] for source in _sources(client))
    assert client.write("POST", "/labels", {"label": used})["label"] == used
    assert client.data("/labels")["labels"][-1] == used
    assert all(used not in source["labels"] for source in _sources(client))
    assert client.refused("POST", "/labels", {"label": used})[0] == 409
    assert client.refused("DELETE", "/labels/no/such")[0] == 404


def test_write_keys_are_made_and_removed_and_never_the_same_again(client: Client) -> None:
    source = _sources(client)[0]
    path = f"/sources/{source['id']}"
    first = client.write("POST", f"{path}/writekey", version="v1alpha")["source"]["writeKeys"][-1]
    assert client.data(path)["source"]["writeKeys"] == [*source["writeKeys"], first]
    client.write("DELETE", f"{path}/writekey/{first}", version="v1alpha")
    assert client.data(path)["source"] == source
    assert client.write("POST", f"{path}/writekey", version="v1alpha")["source"]["writeKeys"][-1] != first
    assert client.refused("DELETE", f"{path}/writekey/{first}", version="v1alpha")[0] == 404


def test_schema_settings_are_merged_and_forwarding_ends_where_it_is_left_out(client: Client) -> None:
    source, other = (row["id"] for row in _sources(client)[:2])
    path = f"/sources/{source}/settings"
    before = client.data(path)["settings"]
    change = {"track": {"allowUnplannedEvents": False}, "forwardingViolationsTo": other}
    after = client.write("PATCH", path, change)["settings"]
    assert after["track"] == before["track"] | {"allowUnplannedEvents": False}
    assert (after["identify"], after["forwardingViolationsTo"]) == (before["identify"], other)
    assert client.data(path) == {"sourceId": source, "settings": after}
    assert "forwardingViolationsTo" not in client.write("PATCH", path, {})["settings"]
    assert client.refused("PATCH", path, {"forwardingBlockedEventsTo": "nonesuch"})[0] == 404
    wrong = {"group": {"commonEventOnViolations": "OMIT_PROPERTIES"}}
    assert client.refused("PATCH", path, wrong) == (422, "group.commonEventOnViolations")


def test_without_protocols_what_is_to_be_done_about_violations_is_ignored() -> None:
    workspace = Workspace((Token("sandbox"),), features=frozenset())
    client = Client(Sandbox(workspaces=[workspace], now=lambda: NOW))
    source = _create(client)["id"]
    path = f"/sources/{source}/settings"
    before = client.data(path)["settings"]
    track = {"allowUnplannedEvents": False, "allowEventOnViolations": False, "commonEventOnViolations": "BLOCK"}
    change = {"track": track, "forwardingViolationsTo": source, "forwardingBlockedEventsTo": source}
    after = client.write("PATCH", path, change)["settings"]
    unplanned = before["track"] | {"allowUnplannedEvents": False}
    assert after == before | {"track": unplanned, "forwardingBlockedEventsTo": source}


def test_live_plugins_count_their_versions_and_lose_no_more_than_their_code(client: Client) -> None:
    source = _create(client)["id"]
    path = f"/sources/{source}/live-plugins"
    assert client.refused("DELETE", f"{path}/delete-code", version="v1alpha")[0] == 404
    first = client.write("POST", f"{path}/create", {"code": "one"}, version="v1alpha")["livePlugin"]
    second = client.write("POST", f"{path}/create", {"code": "two"}, version="v1alpha")["livePlugin"]
    assert second == first | {"version": 2, "code": "two"}
    assert client.data(f"{path}/latest")["livePlugin"] == second
    client.write("DELETE", f"{path}/delete-code", version="v1alpha")
    assert client.data(f"{path}/latest")["livePlugin"] == second | {"code": None}


@pytest.mark.parametrize(
    ("method", "path", "body", "refused"),
    [
        ("POST", "/sources", {"enabled": True, "metadataId": "x"}, (422, "slug")),
        ("POST", "/sources", {"slug": 1, "enabled": True, "metadataId": "x"}, (422, "slug")),
        ("POST", "/sources", {"slug": "s", "enabled": True, "metadataId": "x"}, (404, None)),
        ("PATCH", "/sources/nonesuch", {}, (404, None)),
        ("DELETE", "/sources/nonesuch", None, (404, None)),
        ("POST", "/sources/nonesuch/labels", {"labels": []}, (404, None)),
        ("PUT", "/sources/nonesuch/labels", {}, (422, "labels")),
        ("POST", "/sources/nonesuch/writekey", None, (404, None)),
        ("DELETE", "/sources/nonesuch/writekey/x", None, (404, None)),
        ("PATCH", "/sources/nonesuch/settings", {}, (404, None)),
        ("POST", "/sources/nonesuch/live-plugins/create", {"code": ""}, (404, None)),
        ("DELETE", "/sources/nonesuch/live-plugins/delete-code", None, (404, None)),
        ("POST", "/labels", {"label": {"key": "k"}}, (422, "label.value")),
    ],
)
def test_wrong_requests_are_refused_and_change_nothing(
    client: Client, method: str, path: str, body: Row | None, refused: tuple[int, str | None]
) -> None:
    before = _sources(client)
    assert client.refused(method, path, body) == refused
    assert _sources(client) == before


def test_events_that_the_contract_does_not_name_are_left_if_the_server_does_so() -> None:
    client = Client(Sandbox(now=lambda: NOW, behaviour=Behaviour(audit_unnamed=True)))
    source = _create(client)["id"]
    client.write("PUT", f"/sources/{source}/labels", {"labels": []})
    assert _trail(client, source) == ["Source Modified", "Source Created"]


def test_another_workspace_is_not_affected() -> None:
    one, other = Client(Sandbox(now=lambda: NOW)), Client(Sandbox(now=lambda: NOW))
    before = _sources(other)
    _create(one)
    one.write("DELETE", f"/sources/{before[0]['id']}")
    assert _sources(other) == before


def test_among_a_million_sources_a_write_reads_no_more_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(Sandbox(now=lambda: NOW, counts={"Sources": 1_000_000, "Destinations": 1_000_000}))
    made = 0
    original = Series.__getitem__

    def counted(self: Series, place: Any) -> Any:
        nonlocal made
        made += len(range(*place.indices(len(self)))) if isinstance(place, slice) else 1
        return original(self, place)

    monkeypatch.setattr(Series, "__getitem__", counted)
    label = client.data("/labels")["labels"][0]
    first, last = client.data("/sources", **{"pagination.count": 2})["sources"]
    _create(client)
    client.write("PATCH", f"/sources/{last['id']}", {"name": "x", "slug": "y"})
    client.write("DELETE", f"/sources/{first['id']}")
    client.write("DELETE", f"/labels/{label['key']}/{label['value']}")
    client.data("/sources", **{"pagination.count": 5})
    client.data("/destinations", **{"pagination.count": 5})
    assert made < 500
