"""Functions of all five kinds, their versions and deployment, and the instances of insert functions."""

from __future__ import annotations

import time
from typing import Any

import pytest

from replicator.sandbox.behaviour import Behaviour
from tests.sandbox.contract import Client, contract
from tests.sandbox.walk import KINDS
from tests.sandbox.writes.passing import client_with, events

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)

Row = dict[str, Any]
BULLET = "•"
INSERTED = [kind for kind in KINDS if kind.startswith("INSERT")]
NAMED_AFTER_WORKSPACE = {"DESTINATION", "INSERT_DESTINATION", "INSERT_SOURCE"}
SETTINGS = [
    {"name": name, "label": name, "description": "", "type": "STRING", "required": False, "sensitive": sensitive}
    for name, sensitive in (("endpoint", False), ("apiKey", True))
]


@pytest.fixture
def client() -> Client:
    return client_with()[0]


def listed(client: Client, kind: str) -> list[Row]:
    return client.every("/functions", "functions", resourceType=kind)


def get(client: Client, function: str) -> Row:
    found: Row = client.data(f"/functions/{function}")["function"]
    return found


def create(client: Client, kind: str = "SOURCE", **more: Any) -> Row:
    body = {"resourceType": kind, "displayName": "Enrich", "code": "// one", "settings": SETTINGS} | more
    made: Row = client.write("POST", "/functions", body)["function"]
    return made


def update(client: Client, function: str, **body: Any) -> Row:
    changed: Row = client.write("PATCH", f"/functions/{function}", body)["function"]
    return changed


def versions(client: Client, function: str) -> list[Row]:
    return client.every(f"/functions/{function}/versions", "versions")


def deployed(client: Client, function: str) -> list[str]:
    return [version["code"] for version in versions(client, function) if version["isDeployed"]]


def instances(client: Client, function: str) -> list[Row]:
    return client.every("/insert-function-instances", "instances", functionId=function)


def create_instance(client: Client, function: str, **more: Any) -> Row:
    integration = client.every("/destinations", "destinations")[0]["id"]
    body = {"functionId": function, "integrationId": integration, "name": "Mine", "settings": {}} | more
    made: Row = client.write("POST", "/insert-function-instances", body)["insertFunctionInstance"]
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_created_function_is_the_last_of_its_kind_and_of_no_other(client: Client, kind: str) -> None:
    before = {other: listed(client, other) for other in KINDS}
    made = create(client, kind, description="Adds what the CRM knows")
    assert get(client, made["id"]) == made
    bare = made["id"].rpartition("_")[2]
    assert made["id"].rpartition("_")[0] == before[kind][0]["id"].rpartition("_")[0]
    assert (made["catalogId"], made["code"], made["settings"]) == (bare, "// one", SETTINGS)
    assert made.keys() == get(client, before[kind][0]["id"]).keys()
    shown = listed(client, kind)[-1]
    assert shown == {key: made[key] for key in before[kind][0]}
    assert [row for other in KINDS for row in listed(client, other)] == [
        row for other in KINDS for row in [*before[other], *([shown] if other == kind else [])]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_of_the_workspace_is_appended_each_time_that_a_name_is_written(client: Client, kind: str) -> None:
    suffix = " (Acme Outdoors)" if kind in NAMED_AFTER_WORKSPACE else ""
    made = create(client, kind)
    assert made["displayName"] == "Enrich" + suffix
    assert update(client, made["id"], description="x")["displayName"] == "Enrich" + suffix
    assert update(client, made["id"], displayName=made["displayName"])["displayName"] == "Enrich" + suffix * 2
    assert listed(client, kind)[-1]["displayName"] == "Enrich" + suffix * 2


def test_what_a_function_was_not_given_is_the_servers(client: Client) -> None:
    made = client.write("POST", "/functions", {"resourceType": "SOURCE", "displayName": "x", "code": ""})["function"]
    assert (made["settings"], made["deployedAt"], made["isLatestVersion"]) == ([], None, False)
    assert made["logoUrl"].startswith("https://")
    assert "description" not in made


def test_an_update_changes_what_it_names_and_replaces_the_settings(client: Client) -> None:
    for function in (get(client, listed(client, "SOURCE")[0]["id"]), create(client)):
        change = {"settings": SETTINGS[:1], "logoUrl": "https://acme.example/l.png", "description": "Other"}
        changed = update(client, function["id"], resourceType="DESTINATION", **change)
        assert changed == function | change
        assert get(client, function["id"]) == changed


@pytest.mark.parametrize("kind", KINDS)
def test_each_change_of_the_code_is_a_version_and_no_other_change_is(client: Client, kind: str) -> None:
    made = create(client, kind)["id"]
    update(client, made, description="x")
    update(client, made, code="// one", displayName="y")
    assert [version["code"] for version in versions(client, made)] == ["// one"]
    update(client, made, code="// two")
    assert [version["code"] for version in versions(client, made)] == ["// one", "// two"]
    for version in versions(client, made):
        assert client.data(f"/functions/{made}/versions/{version['id']}")["version"] == version


def test_a_source_function_runs_what_was_deployed_last() -> None:
    client, day = client_with()
    made = create(client)["id"]
    assert deployed(client, made) == []
    day.pass_by(hours=1)
    answer = client.write("POST", f"/functions/{made}/deploy")
    assert answer == {"functionDeployment": {"status": "SUCCESS"}}
    function = get(client, made)
    assert (function["deployedAt"], function["isLatestVersion"]) == ("2026-11-23T21:15:00.000Z", True)
    assert deployed(client, made) == ["// one"]
    day.pass_by(hours=1)
    assert update(client, made, code="// two") == function | {"code": "// two", "isLatestVersion": False}
    assert deployed(client, made) == ["// one"]
    client.write("POST", f"/functions/{made}/deploy")
    assert get(client, made) == function | {
        "code": "// two", "isLatestVersion": True, "deployedAt": "2026-11-23T22:15:00.000Z",
    }  # fmt: skip
    assert deployed(client, made) == ["// two"]
    assert [row["deployedAt"][11:13] for row in versions(client, made)] == ["21", "22"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "SOURCE"])
def test_functions_of_the_other_kinds_run_their_latest_code(client: Client, kind: str) -> None:
    for function in (create(client, kind)["id"], listed(client, kind)[0]["id"]):
        changed = update(client, function, code="// two")
        assert changed["isLatestVersion"] is True
        assert changed["deployedAt"] == "2026-11-23T20:15:00.000Z"
        assert deployed(client, function) == ["// two"]
        assert client.refused("POST", f"/functions/{function}/deploy") == (422, "functionId")


def test_a_function_that_the_workspace_was_made_with_gets_versions_too(client: Client) -> None:
    function = listed(client, "SOURCE")[0]["id"]
    before = versions(client, function)
    update(client, function, code="// new")
    client.write("POST", f"/functions/{function}/deploy")
    after = versions(client, function)
    assert [row["id"] for row in after[:-1]] == [row["id"] for row in before]
    assert [row["isDeployed"] for row in after] == [False] * len(before) + [True]


def test_a_restored_version_is_a_new_one_with_the_old_code(client: Client) -> None:
    function = create(client)["id"]
    update(client, function, code="// two")
    old = versions(client, function)[0]
    path = f"/functions/{function}/versions"
    restored = client.write("POST", path, {"versionId": old["id"]}, version="v1alpha")["version"]
    assert (restored["code"], restored["isDeployed"]) == ("// one", False)
    assert [row["code"] for row in versions(client, function)] == ["// one", "// two", "// one"]
    assert versions(client, function)[-1] == restored
    assert (get(client, function)["code"], get(client, function)["isLatestVersion"]) == ("// one", False)


def test_the_version_of_another_function_is_not_restored(client: Client) -> None:
    one, other = create(client)["id"], create(client)["id"]
    theirs = versions(client, other)[0]["id"]
    assert client.refused("POST", f"/functions/{one}/versions", {"versionId": theirs})[0] == 404
    assert client.refused("POST", f"/functions/{one}/versions", {}) == (422, "versionId")
    assert client.ask(f"/functions/{one}/versions/{theirs}").status == 404


def test_a_deployment_takes_the_id_of_an_instance_and_of_the_function_unless_it_is_not_to() -> None:
    for strict in (False, True):
        client, _ = client_with(behaviour=Behaviour(deploy_instances_only=strict))
        function = create(client)["id"]
        client.write("POST", f"/functions/{function.replace('sfnc_', 'sfn_')}/deploy")
        assert client.ask(f"/functions/{function}/deploy", method="POST").status == (404 if strict else 200)


def test_a_deleted_function_is_gone_with_its_versions_and_instances(client: Client) -> None:
    for kind in KINDS:
        for function in (listed(client, kind)[0]["id"], create(client, kind)["id"]):
            version = versions(client, function)[0]["id"]
            mine = [row["id"] for row in instances(client, function)]
            if kind in INSERTED:
                mine.append(create_instance(client, function)["id"])
            assert client.write("DELETE", f"/functions/{function}") == {"status": "SUCCESS"}
            gone = [f"/functions/{function}", f"/functions/{function}/versions"]
            gone += [f"/functions/{function}/versions/{version}", *(f"/insert-function-instances/{i}" for i in mine)]
            assert [client.ask(path).status for path in gone] == [404] * len(gone)
            assert client.ask(f"/insert-function-instances?functionId={function}").status == 404
            assert function not in [row["id"] for row in listed(client, kind)]


def test_insert_functions_are_known_without_their_prefix_whoever_made_them(client: Client) -> None:
    for kind in INSERTED:
        for function in (listed(client, kind)[0]["id"], create(client, kind)["id"]):
            bare = function.rpartition("_")[2]
            assert get(client, bare)["id"] == function
            written = create_instance(client, bare), create_instance(client, function)
            assert {row["classId"] for row in written} == {bare}
            assert instances(client, function)[-2:] == instances(client, bare)[-2:] == list(written)
    assert client.ask(f"/functions/{create(client)['catalogId']}").status == 404


def test_a_created_instance_shows_in_the_get_and_the_list(client: Client) -> None:
    function = create(client, "INSERT_DESTINATION")["id"]
    made = create_instance(client, function, enabled=True, settings={"endpoint": "https://acme.example"})
    assert client.data(f"/insert-function-instances/{made['id']}")["insertFunctionInstance"] == made
    assert instances(client, function) == [made]
    assert (made["name"], made["enabled"]) == ("Mine", True)
    assert made["settings"] == {"endpoint": "https://acme.example"}
    assert create_instance(client, function)["enabled"] is False


def test_what_the_function_calls_sensitive_lies_apart_and_never_comes_back(client: Client) -> None:
    function = create(client, "INSERT_SOURCE")["id"]
    made = create_instance(client, function, settings={"endpoint": "a", "apiKey": "hunter2"})
    assert made["settings"] == {"endpoint": "a"}
    assert set(made["encryptedSettings"]["apiKey"]) == {BULLET}
    assert b"hunter2" not in client.ask(f"/insert-function-instances?functionId={function}").body


def test_the_settings_of_an_instance_are_merged_key_by_key_and_null_removes() -> None:
    client, day = client_with()
    function = create(client, "INSERT_DESTINATION")["id"]
    made = create_instance(client, function, settings={"endpoint": "a", "mode": "fast", "apiKey": "s"})
    path = f"/insert-function-instances/{made['id']}"
    day.pass_by(seconds=1)
    body = {"settings": {"mode": None, "retries": 3} | made["encryptedSettings"]}
    changed = client.write("PATCH", path, body)["insertFunctionInstance"]
    assert changed == made | {
        "settings": {"endpoint": "a", "retries": 3}, "updatedAt": "2026-11-23T20:15:01.000Z",
    }  # fmt: skip
    assert client.data(path)["insertFunctionInstance"] == changed
    renamed = client.write("PATCH", path, {"settings": {"apiKey": None}, "name": "N", "enabled": True})
    assert renamed["insertFunctionInstance"] == changed | {"encryptedSettings": {}, "name": "N", "enabled": True}


def test_an_instance_that_the_workspace_was_made_with_is_updated_and_deleted(client: Client) -> None:
    function = listed(client, "INSERT_SOURCE")[0]["id"]
    first, second = instances(client, function)
    client.write("PATCH", f"/insert-function-instances/{first['id']}", {"settings": {}, "name": "Other"})
    assert [row["name"] for row in instances(client, function)] == ["Other", second["name"]]
    assert client.write("DELETE", f"/insert-function-instances/{first['id']}") == {"status": "SUCCESS"}
    assert instances(client, function) == [second]
    assert client.ask(f"/insert-function-instances/{first['id']}").status == 404


def test_the_instances_before_a_deleted_source_or_destination_are_gone_with_it(client: Client) -> None:
    function = create(client, "INSERT_DESTINATION")["id"]
    destination = client.every("/destinations", "destinations")[0]
    source = next(s["id"] for s in client.every("/sources", "sources") if s["id"] != destination["sourceId"])
    at_destination = create_instance(client, function, integrationId=destination["id"])
    at_source = create_instance(client, function, integrationId=source)
    client.write("DELETE", f"/destinations/{destination['id']}")
    assert instances(client, function) == [at_source]
    client.write("DELETE", f"/sources/{source}")
    assert instances(client, function) == []
    assert client.ask(f"/insert-function-instances/{at_destination['id']}").status == 404


def test_what_does_not_exist_is_not_found(client: Client) -> None:
    function = create(client, "INSERT_SOURCE")["id"]
    for method, path, body in (
        ("PATCH", "/functions/nope", {"code": ""}),
        ("DELETE", "/functions/sfnc_nope", None),
        ("POST", "/functions/sfn_nope/deploy", None),
        ("POST", "/functions/nope/versions", {"versionId": "x"}),
        ("PATCH", "/insert-function-instances/nope", {"settings": {}}),
        ("DELETE", "/insert-function-instances/nope", None),
    ):
        assert client.refused(method, path, body)[0] == 404, path
    body = {"functionId": function, "integrationId": "nope", "name": "x", "settings": {}}
    assert client.refused("POST", "/insert-function-instances", body)[0] == 404
    assert client.refused("POST", "/insert-function-instances", body | {"functionId": "nope"})[0] == 404
    assert instances(client, function) == []


def test_wrong_input_is_refused_with_its_field(client: Client) -> None:
    good = {"resourceType": "SOURCE", "displayName": "x", "code": ""}
    for name in good:
        assert client.refused("POST", "/functions", {k: v for k, v in good.items() if k != name}) == (422, name)
    assert client.refused("POST", "/functions", good | {"resourceType": "OTHER"}) == (422, "resourceType")
    assert client.refused("POST", "/functions", good | {"settings": [{"name": "x"}]}) == (422, "settings.0.label")
    for logo in ("", "not a uri"):
        assert client.refused("POST", "/functions", good | {"logoUrl": logo}) == (422, "logoUrl")
    source = create(client)["id"]
    assert client.refused("PATCH", f"/functions/{source}", {"logoUrl": "", "code": "// two"}) == (422, "logoUrl")
    assert get(client, source)["code"] == "// one"
    body = {"functionId": source, "integrationId": "x", "name": "x", "settings": {}}
    assert client.refused("POST", "/insert-function-instances", body) == (422, "functionId")
    assert client.refused("POST", "/insert-function-instances", body | {"settings": 1}) == (422, "settings")


def test_the_trail_tells_of_functions_if_it_is_to_tell_what_the_contract_does_not_name() -> None:
    client, _ = client_with(behaviour=Behaviour(audit_unnamed=True))
    for kind, name in (("SOURCE", "Source"), ("DESTINATION", "Destination"), ("INSERT_TRANSFORMATION", "Insert")):
        function = create(client, kind)["id"]
        update(client, function, code="// two")
        client.write("DELETE", f"/functions/{function}")
        told = [f"{name} Function {deed}" for deed in ("Deleted", "Modified", "Created")]
        assert events(client, 3) == [(event, "function", function) for event in told]


def test_reads_lag_behind_writes_if_they_are_to() -> None:
    client, day = client_with(behaviour=Behaviour(read_delay=5))
    made = create(client)["id"]
    update(client, made, code="// two")
    assert client.ask(f"/functions/{made}").status == 404
    day.pass_by(seconds=6)
    assert get(client, made)["code"] == "// two"
    assert [row["code"] for row in versions(client, made)] == ["// one", "// two"]


def test_a_million_functions_cost_no_more_than_a_few() -> None:
    client, _ = client_with(counts={"DestinationFunctions": 1_000_000})
    began = time.perf_counter()
    page = client.data("/functions", resourceType="DESTINATION", **{"pagination.count": 2})["functions"]
    update(client, page[0]["id"], code="// two")
    client.write("DELETE", f"/functions/{page[1]['id']}")
    made = create(client, "DESTINATION")
    assert get(client, made["id"]) == made
    following = client.data("/functions", resourceType="DESTINATION", **{"pagination.count": 2})["functions"]
    assert following[0]["id"] == page[0]["id"]
    assert following[1]["id"] != page[1]["id"]
    assert time.perf_counter() - began < 2
