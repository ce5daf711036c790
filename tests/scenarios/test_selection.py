"""Columns that are left out or masked, and what happens when that changes."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest

from replicator.catalog import by_name
from replicator.options import Options
from replicator.selection import Selection, selections
from replicator.settings import ObjectSettings
from replicator.sync.session import Allowed, apply
from tests.scenarios import network as net
from tests.scenarios.replica import Replica, Told, objects, result
from tests.scenarios.test_edits import set_schema

if TYPE_CHECKING:
    from replicator.masks import Mode

DETAILS = frozenset(f"SourceFunctions.{column.name}" for column in by_name["SourceFunctions"].columns if column.detail)
EMAIL = frozenset({"Users.email"})


def test_a_column_that_is_left_out_is_not_made_and_its_values_go_nowhere(replica: Replica) -> None:
    replica.run("Users", selections=selections(leave_out=EMAIL), history=frozenset({"Users"}))
    everything = replica.dump()
    assert "email" not in replica.rows("users")[0]
    replica.run("Users", history=frozenset({"Users"}))
    emails = [row["email"] for row in replica.rows("users")]
    assert all(emails)
    assert not any(email in everything for email in emails)


def test_a_column_that_is_selected_later_is_filled_by_the_next_run(replica: Replica) -> None:
    replica.run("Users", "SourceFunctions", selections=selections(leave_out=EMAIL | DETAILS))
    assert not [path for path in replica.network.paths() if path.startswith("/functions/")]
    assert "code" not in replica.rows("source_functions")[0]
    later = replica.run("Users", "SourceFunctions")
    assert {each.status for each in later.objects} == {"done"}
    assert all(row["email"] for row in replica.rows("users"))
    assert all(row["code"] for row in replica.rows("source_functions"))
    still = replica.run("Users", "SourceFunctions")
    assert [each.updated + each.inserted for each in still.objects] == [0, 0]


def test_a_column_that_is_masked_later_is_rewritten_by_the_next_run_and_equal_values_stay_equal(
    replica: Replica,
) -> None:
    replica.run("AuditEvents", "Users")
    plain = {row["id"]: row["email"] for row in replica.rows("users")}
    masked = EMAIL | {"AuditEvents.actor_email"}
    assert result(
        replica.run("Users", "AuditEvents", selections=selections(masked=masked), full=True), "Users"
    ).updated == len(plain)
    now = {row["id"]: row["email"] for row in replica.rows("users")}
    assert all(mask.startswith("masked:") for mask in now.values())
    assert len(set(now.values())) == len(set(plain.values()))
    actors = {row["actor_email"] for row in replica.rows("audit_events")}
    assert actors - {None} <= set(now.values())
    assert result(replica.run("Users", selections=selections(masked=EMAIL)), "Users").updated == 0


CANARY = "canary-4f1d"


def _with_nested(found: dict[str, Any]) -> None:
    """Canaries at every depth, in a field that the catalog does not know, and one that its column cannot hold."""
    for source in found["sources"]:
        source["metadata"] = {"name": source["id"], "owner": {"mail": CANARY}, "all": [{"mail": CANARY}, CANARY]}
        source["contact"] = {"phone": CANARY, "team": "seven"}
    found["sources"][0]["metadata"] = {"owner": {"mail": CANARY + "\x00"}, "all": CANARY}
    # This one goes to quarantine.
    found["sources"][1] |= {"id": "", "contact": {"phone": CANARY}, "metadata": {"all": [CANARY]}}


@pytest.mark.parametrize("mode", ["drop", "null", "hash"])
def test_what_is_masked_below_a_column_reaches_no_table_and_the_rest_of_it_stays(replica: Replica, mode: Mode) -> None:
    replica.network.on("/sources", net.data(_with_nested))
    paths = ("metadata.owner.mail", "metadata.all", "_extra.contact.phone")
    masks = selections(objects={"Sources": ObjectSettings(mask=dict.fromkeys(paths, mode))})
    run = result(replica.run("Sources", selections=masks, extended="off", history=frozenset({"Sources"})), "Sources")
    assert (run.status, run.quarantined, run.error) == ("done", 1, None)
    assert CANARY not in replica.dump()
    rows = replica.rows("sources", "ORDER BY id")
    held = [loaded(row["metadata"]) for row in rows]
    assert sum("name" in each for each in held) == len(rows) - 1
    extras = [loaded(row["_extra"])["contact"] for row in rows if "contact" in loaded(row["_extra"])]
    assert {each["team"] for each in extras} == {"seven"}
    expected = {"drop": set[Any](), "null": {None}, "hash": {"masked"}}[mode]
    assert {shown(each["phone"]) for each in extras if "phone" in each} == expected
    assert {shown(each["owner"]["mail"]) for each in held if "mail" in each.get("owner", {})} == expected
    again = replica.run("Sources", selections=masks, extended="off", history=frozenset({"Sources"}))
    assert result(again, "Sources").updated == 0


def shown(value: Any) -> Any:
    return "masked" if isinstance(value, str) and value.startswith("masked:") else value


def loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value or {}


def test_a_mask_that_is_added_or_taken_away_is_applied_by_the_next_run(replica: Replica) -> None:
    def held(mask: dict[str, Mode]) -> set[Any]:
        run = replica.run("Users", selections=selections(objects={"Users": ObjectSettings(mask=mask)}))
        assert run.status == "done"
        return {row["name"] for row in replica.rows("users")}

    plain = held({})
    assert held({"name": "null"}) == {None}
    assert {name[:7] for name in held({"name": "hash"})} == {"masked:"}
    assert held({}) == plain


def test_a_changed_value_behind_a_mask_is_an_update_whatever_the_mask_shows_of_it(one: Replica) -> None:
    asked: dict[str, Any] = {
        "selections": selections(objects={"Users": ObjectSettings(mask={"name": "null"})}),
        "extended": "off",
    }
    one.run("Users", **asked)
    one.network.on("/users", net.data(lambda found: found["users"][0].update(name="Another")))
    assert result(one.run("Users", **asked), "Users").updated == 1


def test_only_the_columns_that_are_named_are_stored_and_those_that_rows_are_found_by(one: Replica) -> None:
    one.run("Users", selections=selections(objects={"users": ObjectSettings(columns=("email",))}))
    assert [name for name in one.rows("users")[0] if not name.startswith("_")] == ["id", "email"]
    assert not [path for path in one.network.paths() if path.startswith("/users/")], "no stored column needs a get"


def test_each_object_has_its_own_way_of_deletes_details_and_rereading(one: Replica) -> None:
    chosen = selections(
        objects={
            "Labels": ObjectSettings(deletes="hard"),
            "Users": ObjectSettings(extended="off"),
            "SourceFunctions": ObjectSettings(reread_hours=24),
        }
    )
    words = ("Labels", "Users", "SourceFunctions", "DestinationFunctions", "UserGroups")
    one.run(*words, selections=chosen)
    assert not [path for path in one.network.paths() if path.startswith("/users/")]
    one.network.forget()
    for table, field in (("labels", "labels"), ("groups", "userGroups")):
        one.network.on(f"/{table}", net.listing(field, lambda found: found[1:]))
    counted = one.run(*words, selections=chosen)
    assert (result(counted, "Labels").deleted, result(counted, "UserGroups").deleted) == (1, 1)
    assert len(one.rows("labels")) == len(one.live("labels"))
    assert len(one.rows("user_groups")) == len(one.live("user_groups")) + 1
    kinds = {row["id"]: "source" for row in one.rows("source_functions")}
    asked = {
        kinds.get(path.removeprefix("/functions/"), "other") for path in one.network.paths() if "functions/" in path
    }
    assert asked == {"other"}, "source functions wait for their time"


def test_c15_an_edit_of_a_masked_column_is_refused_and_the_mask_never_leaves(replica: Replica) -> None:
    words = ("TrackingPlans", "TrackingPlanRules")
    chosen = selections(
        objects={
            "TrackingPlans": ObjectSettings(mask={"description": "hash"}),
            "TrackingPlanRules": ObjectSettings(mask={"json_schema.properties.*.description": "null"}),
        }
    )
    replica.run(*words, selections=chosen)
    replica.network.written.clear()
    before = [network_plan(replica, row["id"]) for row in replica.rows("tracking_plans", "ORDER BY id")]
    first, second, third = replica.rows("tracking_plans", "ORDER BY id")[:3]
    replica.do("UPDATE tracking_plans SET description = 'Ours' WHERE id = :id", id=first["id"])
    replica.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=second["id"])
    replica.do("DELETE FROM tracking_plans WHERE id = :id", id=third["id"])
    rule = replica.rows("tracking_plan_rules", f"WHERE tracking_plan_id = '{first['id']}' ORDER BY _key")[0]
    set_schema(replica, rule, '{"type": "object"}')

    options = Options(objects=objects(*words), selections=chosen)
    with replica.client() as client:
        done = apply(replica.target, client, options, Allowed(push=True, deletes=True))
    outcomes = {each.step.id: (each.outcome, each.error) for each in done}
    masked = "is masked here by the configuration, at least in part, so that it cannot be sent"
    assert outcomes[first["id"]] == ("refused", f"description {masked}")
    assert outcomes[rule["_key"]] == ("refused", f"json_schema {masked}")
    assert outcomes[second["id"]] == ("done", None)
    assert outcomes[third["id"]] == ("done", None), "what is hidden on both sides is no difference"
    assert network_plan(replica, first["id"]) == before[0]
    assert network_plan(replica, second["id"]) == before[1] | {"name": "Ours", "updatedAt": ANY}
    everything = replica.dump()
    assert not [each["description"] for each in before if each.get("description") and each["description"] in everything]


def network_plan(replica: Replica, identifier: str) -> Any:
    return replica.network.write("GET", f"/tracking-plans/{identifier}")["trackingPlan"]


def only(**where: Any) -> dict[str, Selection]:
    return selections(objects={"Sources": ObjectSettings(where=where)})


def test_a_record_that_does_not_pass_is_counted_and_has_no_row(replica: Replica) -> None:
    enabled = [row["id"] for row in _sources(replica) if row["enabled"]]
    every = len(_sources(replica))
    replica.network.forget()
    counted = result(replica.run("Sources", selections=only(enabled=True)), "Sources")
    assert (counted.inserted, counted.filtered, counted.quarantined) == (len(enabled), every - len(enabled), 0)
    assert 0 < counted.filtered < every
    assert sorted(row["id"] for row in replica.rows("sources")) == sorted(enabled)
    assert len([path for path in replica.network.paths() if path.startswith("/sources/")]) == len(enabled)
    again = result(replica.run("Sources", selections=only(enabled=True)), "Sources")
    assert (again.unchanged, again.filtered, again.inserted, again.updated) == (len(enabled), counted.filtered, 0, 0)
    (told, _) = replica.books("run_objects", "WHERE object = 'Sources' ORDER BY started_at")
    assert (told["filtered"], told["complete"]) == (counted.filtered, 1)


def _sources(replica: Replica) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = replica.network.write("GET", "/sources?pagination.count=1000")["sources"]
    return found


def test_a_row_that_no_longer_passes_leaves_and_is_back_once_it_does(replica: Replica) -> None:
    asked: dict[str, Any] = {"selections": only(enabled=True), "extended": "off", "history": frozenset({"Sources"})}
    replica.run("Sources", **asked)
    wanted = replica.rows("sources", "ORDER BY id")[0]["id"]
    gone = replica.rows("sources", "ORDER BY id")[1]["id"]

    def switch(*, on: bool) -> Any:
        replica.network.heal()
        for source in _sources(replica):
            if source["id"] == wanted:
                replica.network.write("PATCH", f"/sources/{wanted}", {"enabled": on})

    switch(on=False)
    replica.network.write("DELETE", f"/sources/{gone}")
    counted = result(replica.run("Sources", **asked), "Sources")
    assert (counted.deleted, counted.status) == (2, "done")
    assert [row["id"] for row in replica.rows("sources", f"WHERE id IN ('{wanted}', '{gone}')")] == [gone]
    assert [row["_deleted_at"] is None for row in replica.rows("sources", f"WHERE id = '{gone}'")] == [False]
    versions = replica.rows("sources_history", f"WHERE id = '{wanted}' ORDER BY _valid_from")
    assert [bool(each["_deleted"]) for each in versions] == [False, True]

    switch(on=True)
    assert result(replica.run("Sources", **asked), "Sources").inserted == 1
    assert replica.rows("sources", f"WHERE id = '{wanted}'")[0]["_deleted_at"] is None
    versions = replica.rows("sources_history", f"WHERE id = '{wanted}' ORDER BY _valid_from")
    assert [bool(each["_deleted"]) for each in versions] == [False, True, False]


def test_of_a_record_that_comes_twice_and_passes_once_the_row_stays_as_it_is(replica: Replica) -> None:
    chosen = selections(objects={"Transformations": ObjectSettings(where={"enabled": True})})

    def twice(found: list[Any]) -> list[Any]:
        return [{**found[0], "enabled": True}, {**found[0], "enabled": False}, *found[1:]]

    replica.network.on("/transformations", net.listing("transformations", twice))
    replica.run("Transformations", selections=chosen)
    before = replica.rows("transformations")
    for _ in range(2):
        again = result(replica.run("Transformations", selections=chosen), "Transformations")
        assert (again.inserted, again.updated, again.deleted) == (0, 0, 0)
        assert replica.rows("transformations") == before


def test_conditions_that_leave_out_too_much_at_once_wait_for_a_persons_word(replica: Replica) -> None:
    words = ("TrackingPlans", "TrackingPlanRules")
    replica.run(*words)
    before = {row["_key"]: row for row in replica.rows("tracking_plan_rules")}
    chosen = selections(objects={"TrackingPlanRules": ObjectSettings(where={"type": {"like": "I*"}})})
    refused = result(replica.run(*words, selections=chosen), "TrackingPlanRules")
    assert refused.status == "needs_person"
    assert "no longer pass `where`" in str(refused.error)
    assert {row["_key"]: row for row in replica.rows("tracking_plan_rules")} == before
    allowed = replica.run(*words, selections=chosen, allow_deletes=frozenset({"TrackingPlanRules"}))
    assert allowed.status == "done"
    kept = {row["_key"] for row in before.values() if row["type"] == "IDENTIFY"}
    assert {row["_key"] for row in replica.rows("tracking_plan_rules")} == kept
    wider = result(replica.run(*words), "TrackingPlanRules")
    assert (wider.inserted, wider.updated, wider.unchanged) == (len(before) - len(kept), 0, len(kept))


def test_other_conditions_read_the_children_again_and_take_in_what_passes_now(replica: Replica) -> None:
    """Nothing says that the plans moved, but of their rules others are wanted."""
    words = ("TrackingPlans", "TrackingPlanRules")

    def rules(**where: Any) -> tuple[str, dict[str, int]]:
        chosen = selections(objects={"TrackingPlanRules": ObjectSettings(where=where)})
        allowed = frozenset({"TrackingPlanRules"})
        run = replica.run(*words, selections=chosen, reread=timedelta(days=1), allow_deletes=allowed)
        found = Counter(row["type"] for row in replica.live("tracking_plan_rules"))
        return result(run, "TrackingPlanRules").status, dict(found)

    status, tracks = rules(type="TRACK")
    assert (status, list(tracks)) == ("done", ["TRACK"])
    status, every = rules()
    assert every["TRACK"] == tracks["TRACK"]
    assert len(every) > 1
    assert rules(type={"not": "TRACK"}) == ("done", {kind: count for kind, count in every.items() if kind != "TRACK"})
    assert len(replica.rows("tracking_plan_rules")) == sum(every.values()) - every["TRACK"]


def test_an_edited_row_that_no_longer_passes_stays_until_it_was_sent(replica: Replica) -> None:
    chosen = selections(objects={"TrackingPlans": ObjectSettings(where={"name": {"not": "Theirs"}})})
    replica.run("TrackingPlans", selections=chosen)
    first, second = replica.rows("tracking_plans", "ORDER BY id")[:2]
    replica.do("UPDATE tracking_plans SET description = 'Ours' WHERE id = :id", id=first["id"])
    for each in (first, second):
        replica.network.write("PATCH", f"/tracking-plans/{each['id']}", {"name": "Theirs"})
    replica.run("TrackingPlans", selections=chosen)
    there = {row["id"] for row in replica.rows("tracking_plans")}
    assert (first["id"] in there, second["id"] in there) == (True, False)
    options = Options(objects=objects("TrackingPlans"), selections=chosen)
    with replica.client() as client:
        (done,) = apply(replica.target, client, options, Allowed(push=True, deletes=True))
    assert (done.outcome, done.step.action, network_plan(replica, first["id"])["description"]) == (
        "done",
        "update",
        "Ours",
    )
    replica.run("TrackingPlans", selections=chosen)
    assert first["id"] not in {row["id"] for row in replica.rows("tracking_plans")}
    with replica.client() as client:
        assert apply(replica.target, client, options, Allowed(push=True, deletes=True)) == []
    assert network_plan(replica, second["id"])["name"] == "Theirs"


def test_a_run_killed_between_pages_goes_on_and_knows_what_did_not_pass(replica: Replica) -> None:
    replica.network.page_size = 3
    chosen = only(enabled=True)
    replica.run("Sources", selections=chosen, extended="off", told=Told(stop_after=2))
    counted = result(replica.run("Sources", selections=chosen, extended="off"), "Sources")
    assert (counted.inserted + counted.filtered, counted.status) == (len(_sources(replica)), "done")
    assert {row["enabled"] for row in replica.rows("sources")} == {True}


def test_a_record_that_does_not_pass_and_is_no_row_is_kept_without_what_is_in_it(one: Replica) -> None:
    def broken(found: dict[str, Any]) -> None:
        found["sources"][0] |= {"id": "", "enabled": False, "slug": CANARY}

    one.network.on("/sources", net.data(broken))
    assert result(one.run("Sources", selections=only(enabled=True), extended="off"), "Sources").quarantined == 1
    assert CANARY not in one.dump()
