"""Who sees what: tokens and their roles, what the workspace has bought, other workspaces, other regions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from replicator.sandbox import Behaviour, Permission, Request, Response, Sandbox, Token, Workspace
from replicator.sandbox.behaviour import Unseen
from replicator.sandbox.roles import FEATURES, NEEDS_ALL, OWNER, READERS, STATED, TIERS, feature_of
from replicator.sandbox.routes import ROUTES
from replicator.sandbox.tenants import workspaces_in, workspaces_of
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract

READ_ONLY = tuple(role for role in READERS if role.endswith("Read-only"))


def having(*tokens: Token, behaviour: Behaviour = Behaviour(), **more: Any) -> Sandbox:  # noqa: B008 - it is frozen
    """A workspace with an owner's token besides these."""
    return Sandbox(now=lambda: NOW, tokens=(Token("owner"), *tokens), behaviour=behaviour, **more)


def roles(*names: str) -> Token:
    return Token("member", roles=names)


def ask(sandbox: Sandbox, token: str, method: str, target: str, body: object = None) -> Response:
    data = b"" if body is None else json.dumps(body).encode()
    return sandbox(Request(method, target, {"authorization": f"Bearer {token}"}, data))


def said(response: Response) -> str:
    return str(json.loads(response.body)["errors"][0]["message"])


@pytest.mark.skipif(not contract()["paths"], reason="the contract is not beside the checkout")
def test_the_stated_permissions_and_features_are_those_of_the_contract() -> None:
    permissions, features = {}, set()
    for methods in contract()["paths"].values():
        for operation in methods.values():
            features.update(operation.get("x-requires-feature", ()))
            if needed := operation.get("x-requires-permission"):
                permissions[operation["operationId"]] = tuple(needed)
    assert permissions == STATED
    assert features == FEATURES - {"Audit Trail"}


def test_an_owner_sees_and_changes_everything() -> None:
    assert all(Token("x").may(route) for route in ROUTES)


@pytest.mark.parametrize(
    ("names", "seen", "unseen"),
    [
        ((OWNER,), ["/", "/users", "/audit-events", "/credentials", "/spaces"], []),
        (
            ("Minimal Workspace Access",),
            ["/", "/labels", "/roles", "/catalog/sources"],
            ["/sources", "/users", "/audit-events", "/credentials", "/usage/mtu/daily?period=2026-10-01"],
        ),
        (("Source Read-only",), ["/sources", "/destinations", "/reverse-etl-models"], ["/warehouses", "/credentials"]),
        (("Source Admin",), ["/sources", "/credentials"], ["/tracking-plans", "/suppressions", "/users"]),
        (("Warehouse Admin",), ["/warehouses", "/credentials"], ["/sources"]),
        (("Function Read-only",), ["/functions?resourceType=SOURCE"], ["/sources", "/warehouses"]),
        (("Tracking Plan Read-only",), ["/tracking-plans", "/transformations"], ["/sources", "/invites"]),
        (("Unify and Engage User",), ["/spaces"], ["/groups", "/regulations"]),
        (READ_ONLY, ["/sources", "/warehouses", "/tracking-plans", "/spaces"], ["/audit-events", "/credentials"]),
    ],
)
def test_a_role_opens_its_part_of_the_workspace_and_no_other(
    names: tuple[str, ...], seen: list[str], unseen: list[str]
) -> None:
    client = Client(having(roles(*names)), token="member")
    assert {path: client.ask(path).status for path in seen} == dict.fromkeys(seen, 200)
    assert {path: client.ask(path).status for path in unseen} == dict.fromkeys(unseen, 401)


def test_the_sources_of_a_plan_take_permission_for_both() -> None:
    assert {"listSourcesFromTrackingPlan"} == NEEDS_ALL
    for names, status in (
        (("Tracking Plan Admin",), 401),
        (("Source Admin",), 401),
        (("Source Read-only", "Tracking Plan Admin"), 200),
    ):
        sandbox = having(roles(*names))
        plan = Client(sandbox, token="owner").data("/tracking-plans")["trackingPlans"][0]["id"]
        assert ask(sandbox, "member", "GET", f"/tracking-plans/{plan}/sources").status == status


WAYS: list[tuple[Unseen, int, int]] = [(401, 401, 401), (403, 403, 403), (404, 404, 404), ("empty", 200, 404)]


@pytest.mark.parametrize(("way", "listed", "got"), WAYS)
def test_a_missing_permission_shows_in_the_way_that_was_chosen(way: Unseen, listed: int, got: int) -> None:
    sandbox = having(roles("Warehouse Admin"), behaviour=Behaviour(missing_permission=way))
    source = Client(sandbox, token="owner").data("/sources")["sources"][0]["id"]
    answer = ask(sandbox, "member", "GET", "/sources")
    assert answer.status == listed
    if listed == 200:
        data = json.loads(answer.body)["data"]
        assert data == {"sources": [], "pagination": {"current": "MA==", "totalEntries": 0}}
    assert ask(sandbox, "member", "GET", f"/sources/{source}").status == got
    written = ask(sandbox, "member", "POST", "/labels", {"label": {"key": "a", "value": "b"}})
    assert written.status == (403 if way == "empty" else way)
    assert "a" not in {label["key"] for label in Client(sandbox, token="owner").data("/labels")["labels"]}


@pytest.mark.parametrize(("way", "listed", "got"), WAYS)
def test_a_missing_feature_shows_in_the_way_that_was_chosen(way: Unseen, listed: int, got: int) -> None:
    workspace = Workspace((Token("owner"),), features=FEATURES - {"Protocols"})
    sandbox = Sandbox(workspaces=[workspace], behaviour=Behaviour(missing_feature=way))
    assert ask(sandbox, "owner", "GET", "/tracking-plans").status == listed
    assert ask(sandbox, "owner", "GET", "/tracking-plans/nonesuch").status == got
    assert ask(sandbox, "owner", "GET", "/functions?resourceType=SOURCE").status == 200
    if way in (401, 403):
        assert "Protocols feature" in said(ask(sandbox, "owner", "GET", "/tracking-plans"))


def test_each_feature_that_was_not_bought_closes_its_operations_and_no_others() -> None:
    nothing = Sandbox(workspaces=[Workspace((Token("owner"),), features=frozenset())])
    for route in ROUTES:
        if route.method == "GET" and "{" not in route.path:
            status = ask(nothing, "owner", "GET", route.path).status
            assert (status == 403) == (feature_of(route) is not None), route.operation


def test_lesser_tiers_have_no_audit_trail() -> None:
    for tier in TIERS:
        sandbox = Sandbox(workspaces=[Workspace((Token("owner"),), tier=tier)])  # type: ignore[arg-type] # they are tiers
        answer = ask(sandbox, "owner", "GET", "/audit-events")
        assert answer.status == (200 if tier == "business" else 403)
        assert ask(sandbox, "owner", "GET", "/sources").status == 200


def test_who_is_no_source_admin_gets_sources_without_their_write_keys() -> None:
    sandbox = having(roles("Source Read-only"), Token("admin", roles=("Source Admin",)))
    full = Client(sandbox, token="owner").every("/sources", "sources")
    blanked = Client(sandbox, token="member").every("/sources", "sources")
    assert any(source["writeKeys"] for source in full)
    assert blanked == [source | {"writeKeys": []} for source in full]
    assert Client(sandbox, token="admin").every("/sources", "sources") == full
    one = Client(sandbox, token="member").data(f"/sources/{full[0]['id']}")["source"]
    assert one["writeKeys"] == []
    assert Client(sandbox, token="owner").data(f"/sources/{full[0]['id']}")["source"]["writeKeys"]


def test_a_token_that_only_reads_changes_nothing() -> None:
    sandbox = having(Token("reader", read_only=True))
    labels = Client(sandbox, token="owner").data("/labels")["labels"]
    path = f"/labels/{labels[0]['key']}/{labels[0]['value']}"
    assert ask(sandbox, "reader", "DELETE", path).status == 401
    assert ask(sandbox, "reader", "POST", "/labels", {"label": {"key": "a", "value": "b"}}).status == 401
    assert Client(sandbox, token="reader").data("/labels")["labels"] == labels
    assert ask(sandbox, "reader", "GET", "/users").status == 200
    assert ask(sandbox, "owner", "DELETE", path).status == 200


def limited(role: str, *resources: str) -> Token:
    return Token("member", permissions=(Permission(role, resources),))


def test_a_role_for_some_sources_shows_those_and_what_belongs_to_them() -> None:
    owner = Client(having(), token="owner")
    sources = owner.every("/sources", "sources")
    chosen = [source["id"] for source in sources[1:3]]
    sandbox = having(limited("Source Admin", *chosen))
    member = Client(sandbox, token="member")
    assert member.every("/sources", "sources", **{"pagination.count": 1}) == sources[1:3]
    assert member.data("/sources")["pagination"]["totalEntries"] == 2
    destinations = owner.every("/destinations", "destinations")
    own = [one for one in destinations if one["sourceId"] in chosen]
    other = next(one for one in destinations if one["sourceId"] not in chosen)
    assert own
    assert member.every("/destinations", "destinations") == own
    assert member.ask(f"/destinations/{own[0]['id']}").status == 200
    assert member.ask(f"/destination/{own[0]['id']}/filters").status == 200
    for hidden in (
        f"/destinations/{other['id']}",
        f"/destinations/{other['id']}/subscriptions",
        f"/sources/{sources[0]['id']}",
        f"/sources/{sources[0]['id']}/connected-warehouses",
    ):
        assert member.ask(hidden).status == 404, hidden
    assert member.ask("/events/volume?granularity=DAY&startTime=2026-11-20&endTime=2026-11-21").status == 401
    assert member.ask("/warehouses").status == 401
    assert member.ask("/").status == 200


@pytest.mark.parametrize("way", [401, 403, 404])
def test_a_hidden_record_shows_in_the_way_that_was_chosen(way: Unseen) -> None:
    first, second = Client(having(), token="owner").every("/warehouses", "warehouses")[:2]
    sandbox = having(limited("Warehouse Read-only", first["id"]), behaviour=Behaviour(hidden_record=way))
    assert ask(sandbox, "member", "GET", f"/warehouses/{first['id']}").status == 200
    assert ask(sandbox, "member", "GET", f"/warehouses/{second['id']}").status == way


def test_a_role_for_one_space_shows_that_one() -> None:
    first, second = Client(having(), token="owner").every("/spaces", "spaces")
    member = Client(having(limited("Unify and Engage Read-only", second["id"])), token="member")
    assert member.every("/spaces", "spaces") == [second]
    assert member.ask(f"/filters?integrationId={second['id']}").status == 200
    assert member.ask(f"/filters?integrationId={first['id']}").status == 404
    assert member.ask(f"/spaces/{first['id']}/audiences").status == 404


def two(**more: Any) -> Sandbox:
    ours = Workspace((Token("ours"),), slug="ours", name="Ours", seed=1)
    theirs = Workspace((Token("theirs"),), slug="theirs", name="Theirs", seed=2, counts={"Sources": 3}, tier="free")
    return Sandbox(workspaces=[ours, theirs], now=lambda: NOW, **more)


def test_each_token_sees_its_own_workspace_and_nothing_of_the_other() -> None:
    sandbox = two()
    ours, theirs = Client(sandbox, token="ours"), Client(sandbox, token="theirs")
    assert (ours.data("/")["workspace"]["slug"], theirs.data("/")["workspace"]["name"]) == ("ours", "Theirs")
    assert ours.data("/")["workspace"]["id"] != theirs.data("/")["workspace"]["id"]
    sources = ours.every("/sources", "sources")
    assert len(theirs.every("/sources", "sources")) == 3
    assert theirs.ask(f"/sources/{sources[0]['id']}").status == 404
    assert (ours.ask("/audit-events").status, theirs.ask("/audit-events").status) == (200, 403)


def test_what_is_written_in_one_workspace_does_not_show_in_the_other() -> None:
    sandbox = two()
    theirs = Client(sandbox, token="theirs").data("/labels")
    assert ask(sandbox, "ours", "POST", "/labels", {"label": {"key": "only", "value": "here"}}).status == 201
    assert Client(sandbox, token="theirs").data("/labels") == theirs
    assert "only" in {label["key"] for label in Client(sandbox, token="ours").data("/labels")["labels"]}


def test_the_cursor_of_one_workspace_is_refused_in_the_other() -> None:
    sandbox = two()
    cursor = Client(sandbox, token="ours").data("/sources", **{"pagination.count": 1})["pagination"]["next"]
    assert ask(sandbox, "theirs", "GET", f"/sources?pagination.cursor={cursor}").status == 422


def test_a_token_of_the_other_region_is_not_known() -> None:
    american = Workspace((Token("us"),), slug="us")
    european = Workspace((Token("eu"),), slug="eu", seed=2, region="eu")
    for region, known, unknown in (("us", "us", "eu"), ("eu", "eu", "us")):
        sandbox = Sandbox(workspaces=[american, european], region=region)  # type: ignore[arg-type] # they are regions
        assert Client(sandbox, token=known).data("/")["workspace"]["slug"] == known
        assert ask(sandbox, unknown, "GET", "/").status == 401
    assert ask(Sandbox(region="eu"), "sandbox", "GET", "/").status == 200


def test_a_token_of_the_other_region_may_seem_to_see_an_empty_workspace() -> None:
    european = Workspace((Token("eu"),), region="eu")
    sandbox = Sandbox(workspaces=[european], behaviour=Behaviour(other_region="empty"))
    assert Client(sandbox, token="eu").every("/sources", "sources") == []
    assert Client(sandbox, token="eu").every("/users", "users") == []


def test_workspaces_that_cannot_be_told_apart_are_refused() -> None:
    one = Workspace((Token("a"),), slug="one")
    for other, same in (
        (Workspace((Token("b"),), slug="two"), "seed"),
        (Workspace((Token("b"),), slug="one", seed=2), "slug"),
        (Workspace((Token("a"),), slug="two", seed=2), "token"),
    ):
        with pytest.raises(ValueError, match=f"the same {same}"):
            Sandbox(workspaces=[one, other])


def test_roles_and_features_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="no role 'Boss'; there are Entities Admin"):
        Token("x", roles=("Boss",))
    with pytest.raises(ValueError, match="no role 'Boss'"):
        Permission("Boss", ())
    with pytest.raises(ValueError, match="no feature 'Teleport'"):
        Sandbox(workspaces=[Workspace((Token("x"),), features=frozenset({"Teleport"}))])


FILE = """
[[workspaces]]
slug = "shop"
name = "The Shop"
seed = 7
tier = "team"
counts = { Sources = 2 }

[[workspaces.tokens]]
secret = "owner-token"

[[workspaces.tokens]]
secret = "reader-token"
roles = ["Source Read-only"]
read_only = true
permissions = [{ role = "Warehouse Admin", resources = ["w1"] }]
"""


def test_workspaces_come_from_a_toml_file_or_from_json(tmp_path: Path) -> None:
    toml = tmp_path / "workspaces.toml"
    toml.write_text(FILE)
    (shop,) = workspaces_in(toml)
    assert (shop.slug, shop.seed, shop.tier, shop.counts) == ("shop", 7, "team", {"Sources": 2})
    assert shop.tokens[1] == Token(
        "reader-token", ("Source Read-only",), (Permission("Warehouse Admin", ("w1",)),), read_only=True
    )
    file = tmp_path / "workspaces.json"
    file.write_text('{"workspaces": [{"slug": "shop", "tokens": [{"secret": "owner-token"}]}]}')
    assert workspaces_in(file) == (Workspace((Token("owner-token"),), slug="shop"),)
    assert ask(Sandbox(workspaces=workspaces_in(toml)), "owner-token", "GET", "/sources").status == 200


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"workspaces": []}, "no workspace"),
        ({"workspaces": [{"tokens": [{"secret": "a"}], "region": "mars"}]}, "mars"),
        ({"workspaces": [{"tokens": [{"secret": "a", "roles": ["Boss"]}]}]}, "Boss"),
        ({"workspaces": [{"tokens": [{"secret": "a"}], "colour": "red"}]}, "colour"),
        ({"workspaces": [{}]}, "tokens"),
        ({}, "workspaces"),
    ],
)
def test_a_file_of_workspaces_that_cannot_be_read_says_what_is_wrong(data: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        workspaces_of(data)


def test_a_token_never_shows_its_secret() -> None:
    token = Token("very-secret", permissions=(Permission("Source Admin", ("s1",)),))
    assert "very-secret" not in f"{token!r} {token} {token.actor} {Workspace((token,))!r}"
