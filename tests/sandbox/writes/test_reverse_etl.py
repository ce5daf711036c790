"""Reverse-ETL models and their syncs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)

MODEL = {
    "name": "VIP", "description": "", "enabled": True, "query": "SELECT 1 AS id", "queryIdentifierColumn": "id",
}  # fmt: skip


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


def _models(client: Client) -> list[dict[str, Any]]:
    return client.every("/reverse-etl-models", "models")


def _subscription(client: Client, model: str) -> str:
    for destination in client.every("/destinations", "destinations"):
        for one in client.every(f"/destinations/{destination['id']}/subscriptions", "subscriptions"):
            if one.get("modelId") == model:
                return str(one["id"])
    pytest.fail("no subscription sends this model")


def _syncs(client: Client, model: str, subscription: str) -> list[dict[str, Any]]:
    path = f"/reverse-etl-models/{model}/subscriptionId/{subscription}/syncs"
    return client.every(path, "syncStatuses", count=2)


def test_a_created_model_is_listed_and_found(client: Client) -> None:
    before = _models(client)
    source = before[0]["sourceId"]
    model = client.write("POST", "/reverse-etl-models", {"sourceId": source, **MODEL})["reverseEtlModel"]
    assert model == {"id": model["id"], "sourceId": source, **MODEL}
    assert _models(client) == [*before, model]
    assert client.data(f"/reverse-etl-models/{model['id']}")["reverseEtlModel"] == model
    assert client.refused("POST", "/reverse-etl-models", {"sourceId": "nonesuch", **MODEL})[0] == 404
    for name in MODEL:
        body = {"sourceId": source, **MODEL}
        del body[name]
        assert client.refused("POST", "/reverse-etl-models", body) == (422, name)


def test_a_model_changes_where_it_was_told_to(client: Client) -> None:
    before = _models(client)[0]
    path = f"/reverse-etl-models/{before['id']}"
    changed = client.write("PATCH", path, {"enabled": not before["enabled"]})["reverseEtlModel"]
    assert changed == before | {"enabled": not before["enabled"]}
    assert client.write("PATCH", path, {"query": "SELECT 2"})["reverseEtlModel"] == changed | {"query": "SELECT 2"}
    assert _models(client)[0] == changed | {"query": "SELECT 2"}
    events = client.data("/audit-events", resourceId=before["id"])["events"]
    assert {event["type"] for event in events} == {"Model State Change Toggled", "Model Settings Saved"}
    assert client.refused("PATCH", "/reverse-etl-models/nonesuch", {})[0] == 404


def test_a_deleted_model_leaves_its_subscriptions(client: Client) -> None:
    model, *others = _models(client)
    subscription = _subscription(client, model["id"])
    sync = _syncs(client, model["id"], subscription)[0]["syncId"]
    client.write("DELETE", f"/reverse-etl-models/{model['id']}")
    assert _models(client) == others
    path = f"/reverse-etl-models/{model['id']}"
    for gone in (path, f"{path}/syncs/{sync}", f"{path}/subscriptionId/{subscription}/syncs"):
        assert client.ask(gone).status == 404
    with pytest.raises(pytest.fail.Exception):
        _subscription(client, model["id"])


def test_a_sync_that_was_started_is_the_newest_and_is_over_after_five_minutes(client: Client, clock: Clock) -> None:
    model = _models(client)[0]
    subscription = _subscription(client, model["id"])
    before = _syncs(client, model["id"], subscription)
    body = {"sourceId": model["sourceId"], "modelId": model["id"], "subscriptionId": subscription}
    started = client.write("POST", "/reverse-etl-syncs", body)["reverseETLManualSync"]
    rows = _syncs(client, model["id"], subscription)
    assert rows[1:] == before
    assert (rows[0]["syncId"], rows[0]["syncStatus"]) == (started["syncId"], "IN_PROGRESS")
    clock.moment = NOW + timedelta(minutes=6)
    path = f"/reverse-etl-models/{model['id']}/syncs/{started['syncId']}"
    done = client.data(path)["reverseETLSyncStatus"]
    assert (done["syncStatus"], done["finishedAt"]) == ("SUCCESS", "2026-11-23T20:20:00.000Z")
    assert _syncs(client, model["id"], subscription)[0] == done
    assert client.refused("POST", f"{path}/cancel", {})[0] == 409


def test_a_running_sync_is_cancelled(client: Client, clock: Clock) -> None:
    model = _models(client)[0]
    subscription = _subscription(client, model["id"])
    body = {"sourceId": model["sourceId"], "modelId": model["id"], "subscriptionId": subscription}
    sync = client.write("POST", "/reverse-etl-syncs", body)["reverseETLManualSync"]["syncId"]
    path = f"/reverse-etl-models/{model['id']}/syncs/{sync}"
    client.write("POST", f"{path}/cancel", {"reasonForCanceling": 1})
    clock.moment = NOW + timedelta(minutes=6)
    assert client.data(path)["reverseETLSyncStatus"]["syncStatus"] == "CANCELED"
    assert client.refused("POST", f"/reverse-etl-models/{model['id']}/syncs/nonesuch/cancel", {})[0] == 404
    assert client.refused("POST", path.replace(model["id"], _models(client)[1]["id"]) + "/cancel", {})[0] == 404


def test_a_sync_needs_a_model_of_its_source_and_a_subscription_of_the_model(client: Client) -> None:
    first, second = _models(client)[:2]
    subscription = _subscription(client, first["id"])
    body = {"sourceId": first["sourceId"], "modelId": first["id"], "subscriptionId": subscription}
    for field in body:
        assert client.refused("POST", "/reverse-etl-syncs", body | {field: "nonesuch"})[0] == 404
        assert client.refused("POST", "/reverse-etl-syncs", {k: v for k, v in body.items() if k != field}) == (
            422,
            field,
        )
    assert second["sourceId"] != first["sourceId"]
    assert client.refused("POST", "/reverse-etl-syncs", body | {"sourceId": second["sourceId"]}) == (422, "modelId")
    other = body | {"sourceId": second["sourceId"], "modelId": second["id"]}
    assert client.refused("POST", "/reverse-etl-syncs", other) == (422, "subscriptionId")


def test_a_sync_of_dbts_models_is_triggered_for_a_source(client: Client) -> None:
    source = client.every("/sources", "sources")[0]["id"]
    first, second = (
        client.write("POST", "/dbt-model-syncs/trigger", {"sourceId": source})["dbtModelSyncTrigger"] for _ in range(2)
    )
    assert first["sourceId"] == source
    assert first["id"] != second["id"]
    assert client.refused("POST", "/dbt-model-syncs/trigger", {"sourceId": "nonesuch"})[0] == 404
