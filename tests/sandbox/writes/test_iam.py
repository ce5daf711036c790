"""Groups, users, permissions and invites: what is written shows in every read."""

from __future__ import annotations

import time
from typing import Any

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)


@pytest.fixture
def client() -> Client:
    return Client(Sandbox(now=lambda: NOW))


def _groups(client: Client) -> list[dict[str, Any]]:
    return client.every("/groups", "userGroups")


def _emails(client: Client, group: str) -> list[str]:
    return [user["email"] for user in client.every(f"/groups/{group}/users", "users")]


def _permission(client: Client, role: int = 0) -> dict[str, Any]:
    workspace = client.data("/")["workspace"]["id"]
    identifier = client.every("/roles", "roles")[role]["id"]
    return {"roleId": identifier, "resources": [{"id": workspace, "type": "WORKSPACE"}]}


def _agree(client: Client) -> None:
    """Users and groups say the same of who is where."""
    groups, users = _groups(client), client.every("/users", "users")
    from_groups = {(u["id"], g["id"]) for g in groups for u in client.every(f"/groups/{g['id']}/users", "users")}
    from_users = {(u["id"], g["id"]) for u in users for g in client.every(f"/users/{u['id']}/groups", "groups")}
    assert from_groups == from_users
    assert all(group["memberCount"] == sum(g == group["id"] for _, g in from_groups) for group in groups)
    invited = set(client.every("/invites", "invites"))
    assert all(set(client.every(f"/groups/{g['id']}/invites", "emails")) <= invited for g in groups)


def test_a_created_group_is_the_last_of_the_list_and_has_nobody_in_it(client: Client) -> None:
    before = _groups(client)
    group = client.write("POST", "/groups", {"name": "Führung"})["userGroup"]
    assert (group["name"], group["memberCount"]) == ("Führung", 0)
    assert _groups(client) == [*before, group]
    assert client.data(f"/groups/{group['id']}")["userGroup"] == group
    assert _emails(client, group["id"]) == []
    assert client.every(f"/groups/{group['id']}/invites", "emails") == []


def test_a_group_is_renamed_and_keeps_its_place(client: Client) -> None:
    before = _groups(client)
    renamed = client.write("PATCH", f"/groups/{before[1]['id']}", {"name": "Data"})["userGroup"]
    assert renamed == before[1] | {"name": "Data"}
    assert _groups(client) == [before[0], renamed, *before[2:]]


def test_a_deleted_group_is_gone_from_its_members_too(client: Client) -> None:
    before = _groups(client)
    assert client.write("DELETE", f"/groups/{before[0]['id']}") == {"status": "SUCCESS"}
    assert _groups(client) == before[1:]
    for path in ("", "/users", "/invites"):
        assert client.ask(f"/groups/{before[0]['id']}{path}").status == 404
    assert client.refused("DELETE", f"/groups/{before[0]['id']}")[0] == 404
    _agree(client)


def test_users_are_put_into_groups_by_their_address(client: Client) -> None:
    group = client.write("POST", "/groups", {"name": "New"})["userGroup"]["id"]
    emails = [user["email"] for user in client.every("/users", "users")]
    shown = client.write("POST", f"/groups/{group}/users", {"emails": [emails[4], emails[2], emails[4]]})["userGroup"]
    assert shown["memberCount"] == 2
    assert client.data(f"/groups/{group}")["userGroup"] == shown
    assert _emails(client, group) == [emails[4], emails[2]]
    again = client.write("POST", f"/groups/{group}/users", {"emails": [emails[2], emails[0]]})["userGroup"]
    assert again["memberCount"] == 3
    _agree(client)
    client.write("DELETE", f"/group/{group}/users", **{"emails.0": emails[4], "emails.1": emails[0]})
    assert _emails(client, group) == [emails[2]]
    _agree(client)


def test_the_users_of_a_group_are_replaced_by_others(client: Client) -> None:
    group = _groups(client)[0]
    emails = [user["email"] for user in client.every("/users", "users")]
    shown = client.write("PUT", f"/group/{group['id']}/users", {"emails": emails[7:9]})["userGroup"]
    assert shown == group | {"memberCount": 2}
    assert _emails(client, group["id"]) == emails[7:9]
    assert client.every(f"/groups/{group['id']}/invites", "emails") == []
    _agree(client)
    client.write("PUT", f"/group/{group['id']}/users", {"emails": []})
    assert _emails(client, group["id"]) == []
    _agree(client)


def test_an_invited_address_waits_for_its_place_in_a_group(client: Client) -> None:
    group = _groups(client)[0]
    assert client.write("POST", "/invites", {"invites": [{"email": "new@example.com"}]}) == {
        "emails": ["new@example.com"]
    }
    shown = client.write("POST", f"/groups/{group['id']}/users", {"emails": ["new@example.com"]})["userGroup"]
    assert shown == group
    assert client.every(f"/groups/{group['id']}/invites", "emails")[-1] == "new@example.com"
    client.write("DELETE", "/invites", **{"emails.0": "new@example.com"})
    assert "new@example.com" not in client.every(f"/groups/{group['id']}/invites", "emails")
    _agree(client)


def test_an_invite_that_is_taken_back_leaves_no_group_that_is_gone(client: Client) -> None:
    first, second = _groups(client)[:2]
    waiting = [client.every(f"/groups/{group['id']}/invites", "emails")[0] for group in (first, second)]
    client.write("DELETE", f"/groups/{first['id']}")
    client.write("DELETE", "/invites", **{"emails.0": waiting[0], "emails.1": waiting[1]})
    left = [e["resourceId"] for e in client.data("/audit-events")["events"] if e["type"] == "Group Memberships Deleted"]
    assert left == [waiting[1]]


def test_invites_are_made_and_taken_back(client: Client) -> None:
    before = client.every("/invites", "invites")
    permission = _permission(client) | {"labels": []}
    asked = [{"email": "a@example.com"}, {"email": "b@example.com", "permissions": [permission]}]
    client.write("POST", "/invites", {"invites": asked})
    assert client.every("/invites", "invites") == [*before, "a@example.com", "b@example.com"]
    client.write("DELETE", "/invites", **{"emails.0": before[1], "emails.1": "a@example.com"})
    assert client.every("/invites", "invites") == [before[0], *before[2:], "b@example.com"]
    _agree(client)
    client.write("POST", "/invites", {"invites": [{"email": before[1]}]})
    assert client.every("/invites", "invites")[-1] == before[1]
    _agree(client)


def test_whoever_is_there_already_is_not_invited_again_and_nobody_else_of_the_request_is(client: Client) -> None:
    before = client.every("/invites", "invites")
    user = client.every("/users", "users")[0]["email"]
    for known in (before[0], user, "new@example.com"):
        asked = {"invites": [{"email": "new@example.com"}, {"email": known}]}
        assert client.refused("POST", "/invites", asked) == (409, "invites.1.email")
    assert client.refused("POST", "/invites", {"invites": [{"email": "nobody"}]}) == (422, "invites.0.email")
    assert client.every("/invites", "invites") == before


def test_deleted_users_leave_all_their_groups(client: Client) -> None:
    before = client.every("/users", "users")
    leaving = [before[0]["id"], before[3]["id"]]
    client.write("DELETE", "/users", **{"userIds.0": leaving[0], "userIds.1": leaving[1]})
    assert client.every("/users", "users") == [user for user in before if user["id"] not in leaving]
    assert client.ask(f"/users/{leaving[0]}").status == 404
    assert client.ask(f"/users/{leaving[0]}/groups").status == 404
    _agree(client)
    group = _groups(client)[0]["id"]
    assert client.refused("POST", f"/groups/{group}/users", {"emails": [before[0]["email"]]})[0] == 404


def test_permissions_are_added_to_a_user_and_replaced(client: Client) -> None:
    user = client.every("/users", "users")[1]["id"]
    source = client.every("/sources", "sources")[0]["id"]
    added = _permission(client, 2) | {"resources": [{"id": source, "type": "SOURCE", "labels": []}]}
    client.write("PUT", f"/users/{user}/permissions", {"permissions": [_permission(client)]})
    shown = client.write("POST", f"/users/{user}/permissions", {"permissions": [added]})["permissions"]
    assert client.data(f"/users/{user}")["user"]["permissions"] == shown
    assert [(one["roleId"], one["resources"]) for one in shown] == [
        (one["roleId"], one["resources"]) for one in (_permission(client), added)
    ]
    assert all(one["roleName"] for one in shown)
    client.write("PUT", f"/users/{user}/permissions", {"permissions": []})
    assert client.data(f"/users/{user}")["user"]["permissions"] == []


def test_permissions_are_added_to_a_group_and_replaced(client: Client) -> None:
    group = client.write("POST", "/groups", {"name": "New"})["userGroup"]["id"]
    path = f"/groups/{group}/permissions"
    first = client.write("POST", path, {"permissions": [_permission(client, 3)]})["permissions"]
    assert client.write("POST", path, {"permissions": [_permission(client, 3)]})["permissions"] == first
    assert client.data(f"/groups/{group}")["userGroup"]["permissions"] == first
    second = client.write("PUT", path, {"permissions": [_permission(client, 4)]})["permissions"]
    assert _groups(client)[-1]["permissions"] == second != first


def test_what_is_not_there_is_not_found_and_nothing_changes(client: Client) -> None:
    group, user = _groups(client)[0]["id"], client.every("/users", "users")[1]["id"]
    before = client.ask(f"/groups/{group}/users").body
    members = _emails(client, group)
    outside = next(u["email"] for u in client.every("/users", "users") if u["email"] not in members)
    workspace = {"id": "nonesuch", "type": "WORKSPACE"}
    for method, path, body in (
        ("PATCH", "/groups/nonesuch", {"name": "x"}),
        ("PUT", "/group/nonesuch/users", {"emails": []}),
        ("POST", f"/groups/{group}/users", {"emails": [outside, "nobody@example.com"]}),
        ("POST", f"/users/{user}/permissions", {"permissions": [_permission(client) | {"roleId": "nonesuch"}]}),
        ("POST", f"/users/{user}/permissions", {"permissions": [_permission(client) | {"resources": [workspace]}]}),
        ("PUT", "/users/nonesuch/permissions", {"permissions": []}),
    ):
        assert client.refused(method, path, body)[0] == 404, (method, path)
    assert client.refused("DELETE", f"/group/{group}/users", **{"emails.0": outside})[0] == 404
    assert client.refused("DELETE", "/users", **{"userIds.0": user, "userIds.1": "nonesuch"})[0] == 404
    assert client.refused("DELETE", "/invites", **{"emails.0": "nobody@example.com"})[0] == 404
    assert client.ask(f"/users/{user}").status == 200
    assert client.ask(f"/groups/{group}/users").body == before


def test_what_is_missing_is_named(client: Client) -> None:
    group = _groups(client)[0]["id"]
    assert client.refused("POST", "/groups", {}) == (422, "name")
    assert client.refused("POST", f"/groups/{group}/users", {"emails": "a@example.com"}) == (422, "emails")
    assert client.refused("DELETE", "/users") == (422, "userIds")
    assert client.refused("DELETE", f"/group/{group}/users") == (422, "emails")


def test_another_workspace_sees_nothing_of_it(client: Client) -> None:
    other = Client(Sandbox(now=lambda: NOW))
    before = [other.ask(path).body for path in ("/users", "/groups", "/invites")]
    client.write("POST", "/groups", {"name": "New"})
    client.write("POST", "/invites", {"invites": [{"email": "new@example.com"}]})
    assert [other.ask(path).body for path in ("/users", "/groups", "/invites")] == before


def test_a_million_users_are_not_made_because_one_of_them_changes() -> None:
    client = Client(Sandbox(now=lambda: NOW, counts={"Users": 1_000_000, "Invites": 1_000_000}))
    started = time.monotonic()
    user = client.data("/users", **{"pagination.count": 1000})["users"][5]
    client.write("DELETE", "/users", **{"userIds.0": user["id"]})
    client.write("DELETE", "/invites", **{"emails.0": "invited.6+papi@acme-outdoors.example"})
    data = client.data("/users", **{"pagination.count": 1000})
    assert user not in data["users"]
    assert data["pagination"]["totalEntries"] == 999_999
    for group in _groups(client):
        client.data(f"/groups/{group['id']}/users")
    assert time.monotonic() - started < 5
