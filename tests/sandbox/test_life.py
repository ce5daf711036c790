"""What people do in a workspace while somebody reads it: by a script, and by chance."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from replicator.sandbox import Behaviour, Clock, Sandbox, Token, Workspace
from replicator.sandbox.life import Chance, Done, Event, Script, life_of, script_in
from tests.sandbox.contract import Client, contract

START = datetime(2026, 11, 23, 20, 15, tzinfo=UTC)
EMPTY_TRAIL = {"AuditEvents": 0}


def living(*events: dict[str, Any], **more: Any) -> tuple[Client, Clock]:
    clock = Clock(START)
    life = Script([msgspec.convert(event, Event) for event in events])
    return Client(Sandbox(life=life, now=clock, counts=EMPTY_TRAIL, **more)), clock


def done(client: Client) -> list[Done]:
    assert client.sandbox.life
    return list(client.sandbox.life.done)


def label(key: str) -> dict[str, Any]:
    return {"label": {"key": key, "value": "x"}}


def keys(client: Client) -> set[str]:
    return {row["key"] for row in client.data("/labels")["labels"]}


def test_an_event_happens_after_its_number_of_requests() -> None:
    client, _ = living({"do": "createLabel", "after": 2, "body": label("late")})
    assert ["late" in keys(client) for _ in range(4)] == [False, False, True, True]


def test_an_event_happens_at_its_moment_however_late_anybody_looks() -> None:
    client, clock = living(
        {"do": "createLabel", "at": "+1h", "body": label("hour")},
        {"do": "createLabel", "at": "2026-11-25T00:00:00Z", "body": label("moment")},
    )
    clock.advance(timedelta(minutes=59))
    assert not {"hour", "moment"} & keys(client)
    clock.advance(timedelta(minutes=1))
    assert {"hour", "moment"} & keys(client) == {"hour"}
    clock.advance(timedelta(days=9))
    trail = client.every("/audit-events", "events")
    assert [(event["resourceName"], event["timestamp"]) for event in trail] == [
        ("moment", "2026-11-25T00:00:00.000Z"),
        ("hour", "2026-11-23T21:15:00.000Z"),
    ]


def test_an_event_without_a_time_follows_the_one_before_it() -> None:
    client, _ = living(
        {"do": "createLabel", "after": 1, "body": label("one")},
        {"do": "POST /labels", "body": label("two")},
        {"do": "DELETE /labels/one/x"},
    )
    assert not {"one", "two"} & keys(client)
    assert {"one", "two"} & keys(client) == {"two"}


def test_the_audit_trail_names_the_person_who_did_it() -> None:
    client, _ = living()
    somebody = client.every("/users", "users")[3]
    for by in (somebody["id"], somebody["email"]):
        lived, _ = living({"do": "createLabel", "by": by, "body": label("a")})
        (event,) = lived.every("/audit-events", "events")
        assert (event["actor"], event["actorEmail"]) == (somebody["id"], somebody["email"])


def test_what_was_answered_can_be_used_later_in_the_path_and_the_body() -> None:
    client, _ = living(
        {"do": "GET /sources", "query": {"pagination.count": 2}, "as": "first"},
        {"do": "createTrackingPlan", "body": {"name": "Made for {first.sources.0.slug}", "type": "LIVE"}, "as": "plan"},
        {
            "do": "createSource",
            "body": {"slug": "own", "enabled": True, "metadataId": "{first.sources.1.metadata.id}"},
            "as": "own",
        },
        {
            "do": "addSourceToTrackingPlan",
            "ids": {"trackingPlanId": "{plan.trackingPlan.id}"},
            "body": {"sourceId": "{own.source.id}"},
        },
        {"do": "PATCH /tracking-plans/{plan.trackingPlan.id}", "body": {"description": "code: {a.b} {}"}},
    )
    one, two = client.data("/sources", **{"pagination.count": 2})["sources"]
    (plan,) = (p for p in client.every("/tracking-plans", "trackingPlans") if p["name"].startswith("Made for"))
    assert plan["name"] == f"Made for {one['slug']}"
    assert plan["description"] == "code: {a.b} {}"
    (connected,) = client.every(f"/tracking-plans/{plan['id']}/sources", "sources")
    assert (connected["slug"], connected["metadata"]) == ("own", two["metadata"])
    assert [one.problem for one in done(client)] == [""] * 5


def test_a_record_deleted_and_made_again_has_its_name_and_another_id() -> None:
    client, _ = living(
        {"do": "createUserGroup", "body": {"name": "Again"}, "as": "was"},
        {"do": "deleteUserGroup", "ids": {"userGroupId": "{was.userGroup.id}"}, "after": 1},
        {"do": "createUserGroup", "body": {"name": "Again"}},
    )
    (before,) = (g for g in client.data("/groups")["userGroups"] if g["name"] == "Again")
    (after,) = (g for g in client.data("/groups")["userGroups"] if g["name"] == "Again")
    assert before["id"] != after["id"]


def test_life_goes_on_between_the_pages_of_a_listing() -> None:
    client, _ = living(
        {"do": "GET /sources", "as": "all"},
        {"do": "DELETE /sources/{all.sources.0.id}", "after": 2},
    )
    ids = [source["id"] for source in client.data("/sources")["sources"]]
    listed = client.every("/sources", "sources", **{"pagination.count": 4})
    assert [source["id"] for source in listed] == ids[:4] + ids[5:], "the fifth moved onto the page that was read"


def test_what_the_api_refuses_is_not_done_and_told(caplog: pytest.LogCaptureFixture) -> None:
    client, _ = living(
        {"do": "createLabel", "body": {"label": {"key": "half"}}},
        {"do": "DELETE /sources/nonesuch", "as": "gone"},
        {"do": "DELETE /sources/{gone.id}"},
    )
    assert "half" not in keys(client)
    assert [one.status for one in done(client)] == [422, 404, 0]
    assert "nothing is kept as 'gone'" in done(client)[2].problem
    assert '"label.value" is required' in caplog.text
    assert client.every("/audit-events", "events") == []


def test_an_event_can_be_of_another_workspace() -> None:
    workspaces = [Workspace((Token("one"),), slug="one"), Workspace((Token("two"),), slug="two", seed=2)]
    life = Script([Event("createLabel", workspace="two", body=label("there"))])
    sandbox = Sandbox(workspaces=workspaces, life=life)
    assert "there" not in keys(Client(sandbox, token="one"))
    assert "there" in keys(Client(sandbox, token="two"))


def test_people_are_not_held_back_by_the_rate_limit_of_a_token() -> None:
    client, _ = living(*({"do": "createLabel", "body": label(f"n{n}")} for n in range(20)), rate_limit=1)
    assert client.ask("/labels").status == 200
    assert Counter(one.status for one in done(client)) == {201: 20}


def test_a_script_is_read_from_toml_json_and_json_lines(tmp_path: Path) -> None:
    (tmp_path / "life.toml").write_text(
        '[[events]]\ndo = "createLabel"\nafter = 1\nas = "made"\n[events.body.label]\nkey = "a"\nvalue = "b"\n'
    )
    event = {"do": "createLabel", "after": 1, "as": "made", "body": {"label": {"key": "a", "value": "b"}}}
    (tmp_path / "life.json").write_text(json.dumps({"events": [event]}))
    (tmp_path / "life.jsonl").write_text(f"{json.dumps(event)}\n\n")
    for name in ("life.toml", "life.json", "life.jsonl"):
        client = Client(Sandbox(life=script_in(tmp_path / name)))
        assert ["a" in keys(client) for _ in range(2)] == [False, True], name


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"do": "createLable"}', "the nearest is createLabel"),
        ('{"do": "POST /lables"}', "the API has no 'POST /lables'"),
        ('{"do": "deleteLabel", "ids": {"key": "a"}}', "needs ids for value"),
        ('{"do": "createLabel", "at": "noon"}', "event 1: 'noon' is no moment"),
        ('{"do": "createLabel", "at": "+1 week"}', "no span of time"),
        ('{"do": "createLabel", "when": 3}', "when"),
        ("{", "life.jsonl"),
        ("{}", "do"),
    ],
)
def test_a_script_that_cannot_be_read_says_which_event_and_why(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "life.jsonl"
    file.write_text(line)
    with pytest.raises(ValueError, match=problem):
        script_in(file)


@pytest.mark.parametrize(
    "text", ["random:rate=0/hour", "random:rate=2/day", "random:sede=1", "random:seed=x", "random:rate=many/hour"]
)
def test_chance_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"life is|it is|must be"):
        life_of(text)


def by_chance(seed: int, **more: Any) -> Client:
    """Thirty days of it."""
    clock = Clock(START)
    client = Client(Sandbox(life=Chance(seed, per_hour=1.5), now=clock, counts=EMPTY_TRAIL, **more))
    clock.advance(timedelta(days=30))
    client.ask("/")
    return client


def state_of(client: Client) -> list[Any]:
    lists = (
        ("/sources", "sources"), ("/destinations", "destinations"), ("/warehouses", "warehouses"),
        ("/tracking-plans", "trackingPlans"), ("/transformations", "transformations"), ("/groups", "userGroups"),
        ("/users", "users"), ("/audit-events", "events"),
    )  # fmt: skip
    return [client.every(*one) for one in lists]


def test_chance_does_the_same_for_the_same_seed_and_something_else_for_another() -> None:
    first, again, other = by_chance(1), by_chance(1), by_chance(2)
    assert done(first) == done(again)
    assert state_of(first) == state_of(again)
    assert state_of(first) != state_of(other)


def test_chance_creates_changes_renames_deletes_and_makes_again_and_is_never_refused() -> None:
    client = by_chance(3)
    deeds = done(client)
    assert len(deeds) > 900
    assert [one for one in deeds if one.problem] == []
    assert {one.method for one in deeds} == {"POST", "PATCH", "PUT", "DELETE"}
    paths = {one.target.partition("?")[0].split("/")[1] for one in deeds}
    assert {"sources", "destinations", "warehouses", "tracking-plans", "functions", "transformations"} <= paths
    assert {"groups", "users", "invites", "labels"} <= paths
    trail = client.every("/audit-events", "events")[::-1]
    deleted = {e["resourceName"]: e["resourceId"] for e in trail if e["type"] == "User Group Deleted"}
    again = [e for e in trail if e["type"] == "User Group Created" and e["resourceName"] in deleted]
    assert any(event["resourceId"] != deleted[event["resourceName"]] for event in again), "made again by its name"
    moments = [one.moment for one in deeds]
    assert moments == sorted(moments)
    assert len({one.by for one in deeds}) > 3


@pytest.mark.skipif(not contract()["paths"], reason="the contract is not beside the checkout")
def test_the_trail_of_a_month_holds_only_the_names_of_the_contract_unless_told_otherwise() -> None:
    named = {
        event
        for methods in contract()["paths"].values()
        for operation in methods.values()
        for event in operation.get("x-audit-events", ())
    }
    shown = {event["type"] for event in by_chance(4).every("/audit-events", "events")}
    assert len(shown) > 15
    assert shown <= named
    app = by_chance(4, behaviour=Behaviour(audit_unnamed=True)).every("/audit-events", "events")
    assert "Tracking Plan Modified" in {event["type"] for event in app}


def test_chance_by_request_acts_between_requests_on_a_clock_that_stands_still() -> None:
    client = Client(Sandbox(life=life_of("random:seed=5,rate=1.5/request"), now=Clock(START)))
    counts = []
    for _ in range(40):
        client.ask("/")
        counts.append(len(done(client)))
    steps = {later - before for before, later in pairwise(counts)}
    assert steps == {1, 2}
    assert {one.moment for one in done(client)} == {START}


def test_chance_leaves_alone_what_the_workspace_has_not_bought() -> None:
    clock = Clock(START)
    poor = Workspace((Token("sandbox"),), tier="free")
    client = Client(Sandbox(workspaces=[poor], life=Chance(1, per_hour=10), now=clock))
    clock.advance(timedelta(days=3))
    client.ask("/")
    assert not [one for one in done(client) if one.problem]
    assert not [one for one in done(client) if "tracking-plans" in one.target or "functions" in one.target]


def test_a_workspace_that_lives_is_read_without_an_error() -> None:
    client = Client(Sandbox(life=Chance(6, per_request=3.0), now=Clock(START, step=timedelta(minutes=1))))
    for _ in range(5):
        for path, key in (("/sources", "sources"), ("/destinations", "destinations"), ("/users", "users")):
            rows = client.every(path, key, **{"pagination.count": 5})
            assert rows
    assert len(done(client)) > 100
