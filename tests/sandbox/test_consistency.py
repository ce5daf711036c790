"""Records agree with one another, and carry the traits of live answers that bite."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client
from tests.sandbox.walk import KINDS

Row = dict[str, Any]

pytestmark = pytest.mark.parametrize(
    "client", [Client(Sandbox(seed=seed, now=lambda: NOW)) for seed in (1, 5)], ids=["seed 1", "seed 5"]
)
BULLET = "•"


def every(client: Client, path: str, key: str | None = None, **query: Any) -> list[Row]:
    return client.every(path, key or path.rpartition("/")[2], **query)


def ids(rows: list[Row]) -> list[str]:
    return [row["id"] for row in rows]


def functions(client: Client) -> list[Row]:
    return [row for kind in KINDS for row in every(client, "/functions", resourceType=kind)]


def test_destinations_know_their_sources_and_sources_their_destinations(client: Client) -> None:
    listed, numbers = defaultdict(list), set()
    for destination in every(client, "/destinations"):
        listed[destination["sourceId"]].append(destination)
    for source in every(client, "/sources"):
        connected = every(client, f"/sources/{source['id']}/connected-destinations", "destinations")
        assert connected == listed.pop(source["id"], [])
        numbers.add(len(connected))
    assert not listed
    assert {0, 1, 2} <= numbers


def test_sources_and_warehouses_agree_on_who_is_connected(client: Client) -> None:
    from_sources = {
        (source["id"], warehouse["id"])
        for source in every(client, "/sources")
        for warehouse in every(client, f"/sources/{source['id']}/connected-warehouses", "warehouses")
    }
    from_warehouses = {
        (source["id"], warehouse["id"])
        for warehouse in every(client, "/warehouses")
        for source in every(client, f"/warehouses/{warehouse['id']}/connected-sources", "sources")
    }
    assert from_sources == from_warehouses
    connected = {source for source, _ in from_sources}
    assert connected < set(ids(every(client, "/sources"))), "some source is connected to none"


def test_the_syncs_of_a_warehouse_are_those_of_its_sources(client: Client) -> None:
    for warehouse in every(client, "/warehouses"):
        path = f"/warehouses/{warehouse['id']}"
        sources = every(client, f"{path}/connected-sources", "sources")
        by_source = [
            row for s in sources for row in every(client, f"{path}/connected-sources/{s['id']}/syncs", "reports")
        ]
        together = every(client, f"{path}/syncs", "reports")
        assert together == by_source
        assert len({(row["sourceId"], row["start"]) for row in together}) == len(together)
        assert any(row["end"] is None for row in together)


def test_a_source_that_is_not_connected_has_no_syncs(client: Client) -> None:
    warehouse = every(client, "/warehouses")[0]["id"]
    connected = ids(every(client, f"/warehouses/{warehouse}/connected-sources", "sources"))
    other = next(s["id"] for s in every(client, "/sources") if s["id"] not in connected)
    for what in ("syncs", "selective-syncs"):
        assert client.ask(f"/warehouses/{warehouse}/connected-sources/{other}/{what}").status == 404


def test_the_tracking_plan_of_a_source_lists_that_source(client: Client) -> None:
    listed = {
        source["id"]: plan["id"]
        for plan in every(client, "/tracking-plans", "trackingPlans")
        for source in every(client, f"/tracking-plans/{plan['id']}/sources", "sources")
    }
    told = {s["id"]: client.data(f"/sources/{s['id']}")["trackingPlanId"] for s in every(client, "/sources")}
    assert {source: plan for source, plan in told.items() if plan} == listed
    assert None in told.values()
    assert len(set(listed.values())) > 1


def test_a_get_gives_the_record_of_the_list(client: Client) -> None:
    lists = (
        ("/sources", "sources", "source"), ("/destinations", "destinations", "destination"),
        ("/warehouses", "warehouses", "warehouse"), ("/tracking-plans", "trackingPlans", "trackingPlan"),
        ("/transformations", "transformations", "transformation"), ("/credentials", "credentials", "credential"),
        ("/groups", "userGroups", "userGroup"), ("/reverse-etl-models", "models", "reverseEtlModel"),
        ("/spaces", "spaces", "space"), ("/catalog/sources", "sourcesCatalog", "sourceMetadata"),
    )  # fmt: skip
    for path, key, single in lists:
        for row in every(client, path, key):
            assert client.data(f"{path}/{row['id']}")[single] == row


def test_embedded_metadata_is_the_catalogs(client: Client) -> None:
    for kind in ("source", "destination", "warehouse"):
        catalog = {row["id"]: row for row in every(client, f"/catalog/{kind}s", f"{kind}sCatalog")}
        for row in every(client, f"/{kind}s"):
            assert row["metadata"] == catalog[row["metadata"]["id"]]


def test_the_labels_in_use_exist(client: Client) -> None:
    known = client.data("/labels")["labels"]
    assert len({(label["key"], label["value"]) for label in known}) == len(known)
    used = [label for source in every(client, "/sources") for label in source["labels"]]
    assert used
    assert all(label in known for label in used)


def test_children_name_their_parents_and_are_found_under_no_other(client: Client) -> None:
    destinations = every(client, "/destinations")
    for place, destination in enumerate(destinations):
        other = destinations[place - 1]["id"]
        for row in every(client, f"/destination/{destination['id']}/filters", "filters"):
            assert (row["destinationId"], row["sourceId"]) == (destination["id"], destination["sourceId"])
            assert client.ask(f"/destination/{other}/filters/{row['id']}").status == 404
        actions = ids(destination["metadata"]["actions"]) or [""]
        for row in every(client, f"/destinations/{destination['id']}/subscriptions", "subscriptions"):
            assert row["destinationId"] == destination["id"]
            assert row["actionId"] in actions
            assert client.ask(f"/destinations/{other}/subscriptions/{row['id']}").status == 404


def test_reverse_etl_models_belong_to_sources_that_read_a_warehouse(client: Client) -> None:
    sources = {source["id"]: source for source in every(client, "/sources")}
    destinations = every(client, "/destinations")
    seen = 0
    for model in every(client, "/reverse-etl-models", "models"):
        assert sources[model["sourceId"]]["metadata"]["categories"] == ["Reverse ETL"]
        for destination in destinations:
            for subscription in every(client, f"/destinations/{destination['id']}/subscriptions", "subscriptions"):
                syncs = f"/reverse-etl-models/{model['id']}/subscriptionId/{subscription['id']}/syncs"
                rows = every(client, syncs, "syncStatuses", count=2)
                assert bool(rows) == (subscription.get("modelId") == model["id"])
                assert all((row["modelId"], row["sourceId"]) == (model["id"], model["sourceId"]) for row in rows)
                seen += len(rows)
    assert seen


def test_functions_show_in_the_list_less_than_in_the_get(client: Client) -> None:
    workspace = client.data("/")["workspace"]
    users = ids(every(client, "/users"))
    kinds = Counter(row["resourceType"] for row in functions(client))
    assert set(kinds) == set(KINDS)
    for row in functions(client):
        whole = client.data(f"/functions/{row['id']}")["function"]
        more = {"code", "settings", "deployedAt", "previewWebhookUrl", "batchMaxCount", "isLatestVersion"}
        assert whole.keys() - row.keys() == more
        assert {key: whole[key] for key in row} == row
        named = row["displayName"].endswith(f" ({workspace['name']})")
        assert named == (row["resourceType"] in ("DESTINATION", "INSERT_DESTINATION", "INSERT_SOURCE"))
        assert row["createdBy"] in users
        assert (row["workspaceId"], row["buildpack"]) == (workspace["id"], "boreal")
        versions = every(client, f"/functions/{row['id']}/versions", "versions")
        assert [v["code"] for v in versions if v["isDeployed"]] == [whole["code"]]


def test_instances_of_insert_functions_know_the_function_without_its_prefix(client: Client) -> None:
    for function in functions(client):
        rows = every(client, "/insert-function-instances", "instances", functionId=function["id"])
        assert bool(rows) == function["resourceType"].startswith("INSERT")
        for row in rows:
            assert function["id"].rpartition("_")[2] == row["classId"] == function["catalogId"]
            assert every(client, "/insert-function-instances", "instances", functionId=row["classId"]) == rows


def test_users_and_groups_agree_on_membership(client: Client) -> None:
    from_groups = {
        (user["id"], group["id"])
        for group in every(client, "/groups", "userGroups")
        for user in every(client, f"/groups/{group['id']}/users", "users")
    }
    from_users = {
        (user["id"], group["id"])
        for user in every(client, "/users")
        for group in every(client, f"/users/{user['id']}/groups", "groups")
    }
    assert from_groups == from_users
    members = Counter(group for _, group in from_groups)
    assert all(members[group["id"]] == group["memberCount"] for group in every(client, "/groups", "userGroups"))
    assert len({user for user, _ in from_users}) < len(every(client, "/users")), "some user is in no group"


def test_permissions_are_shown_by_the_get_alone_and_name_what_exists(client: Client) -> None:
    roles = {row["id"]: row["name"] for row in every(client, "/roles")}
    known = {client.data("/")["workspace"]["id"], *ids(every(client, "/sources"))}
    for row in every(client, "/users"):
        assert "permissions" not in row
        for permission in client.data(f"/users/{row['id']}")["user"]["permissions"]:
            assert roles[permission["roleId"]] == permission["roleName"]
            assert {resource["id"] for resource in permission["resources"]} <= known


def test_invites_of_groups_are_invites_of_the_workspace(client: Client) -> None:
    invited = set(client.every("/invites", "invites"))
    of_groups = [client.every(f"/groups/{g['id']}/invites", "emails") for g in every(client, "/groups", "userGroups")]
    assert {email for emails in of_groups for email in emails} < invited
    assert not invited & {user["email"] for user in every(client, "/users")}


def test_rules_have_a_key_of_type_key_and_version_and_some_have_no_key(client: Client) -> None:
    deprecated = set()
    for plan in every(client, "/tracking-plans", "trackingPlans"):
        rules = every(client, f"/tracking-plans/{plan['id']}/rules", "rules")
        keys = Counter((rule["type"], rule.get("key"), rule["version"]) for rule in rules)
        assert max(keys.values()) == 1
        assert {rule["type"] for rule in rules if "key" not in rule} == {"COMMON", "IDENTIFY", "GROUP"}
        assert {rule["version"] for rule in rules} == {1, 2}
        events = [rule["key"] for rule in rules if rule["type"] == "TRACK"]
        assert len({event.strip().casefold() for event in events}) < len(set(events)), "only case or a space differs"
        deprecated |= {rule["deprecatedAt"] for rule in rules}
    assert "0001-01-01T00:00:00.000Z" in deprecated
    assert len(deprecated) > 1


def test_timestamps_come_with_and_without_milliseconds(client: Client) -> None:
    bodies = [
        client.ask(f"/tracking-plans/{plan['id']}/rules").body.decode()
        for plan in every(client, "/tracking-plans", "trackingPlans")
    ]
    stamps = re.findall(r'"createdAt":"([^"]+)"', "".join(bodies))
    assert all(datetime.fromisoformat(stamp) for stamp in stamps)
    assert {"." in stamp for stamp in stamps} == {True, False}


def test_secrets_are_masked_and_passwords_are_not_there(client: Client) -> None:
    assert all("password" not in w["settings"] for w in every(client, "/warehouses"))
    assert all(BULLET in w["settings"]["serviceAccountKey"] for w in every(client, "/warehouses"))
    assert all(BULLET in d["settings"]["apiKey"] for d in every(client, "/destinations"))
    assert all(s["writeKeys"] for s in every(client, "/sources"))
    for credential in every(client, "/credentials"):
        assert BULLET in credential["settings"]["authentication"]["privateKey"]


def test_live_answers_carry_fields_that_no_sdk_knows(client: Client) -> None:
    workspace = client.data("/")["workspace"]["id"]
    assert all(row["workspaceId"] == workspace for row in every(client, "/transformations"))
    assert all(row["resourceSchemaId"] for row in every(client, "/tracking-plans", "trackingPlans"))


def test_names_are_awkward(client: Client) -> None:
    text = "".join(client.ask(path).body.decode() for path in ("/sources", "/users", "/groups"))
    names = [row["name"] for row in every(client, "/sources") if "name" in row]
    assert len({name.casefold() for name in names}) < len(set(names))
    assert any(name != name.strip() for name in names)
    assert all(wanted in text for wanted in ("📱", "日本", "ü", '\\"', "'"))
