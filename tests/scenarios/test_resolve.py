"""A person's decision of a conflict: what it may hold, and that it is one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replicator.errors import UsageError
from replicator.options import Options
from replicator.selection import selections
from replicator.sync.resolve import resolve
from tests.scenarios.replica import Replica, objects
from tests.scenarios.test_edits import pending
from tests.scenarios.test_push import ALL, _key, conflicting, decide, first, planned, pushed, quiet

RULES = "TrackingPlanRules"


def twice_edited(replica: Replica) -> tuple[str, str]:
    """A rule whose own row is edited, and another row of its name in conflict: the keys of the two."""
    rule = replica.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY _key")[0]
    cast = "CAST(:schema AS jsonb)" if replica.engine.dialect.name == "postgresql" else ":schema"
    names = f"_key, tracking_plan_id, type, {_key(replica)} version, json_schema"
    replica.do(
        f"INSERT INTO tracking_plan_rules ({names}) VALUES ('new:1', :plan, 'TRACK', :key, :version, {cast})",
        plan=rule["tracking_plan_id"],
        key=rule["key"],
        version=rule["version"],
        schema=json.dumps({"title": "Added"}),
    )
    assert [each.outcome for each in pushed(replica)] == ["conflict"]
    replica.do(
        f"UPDATE tracking_plan_rules SET json_schema = {cast} WHERE _key = :key",
        schema=json.dumps({"title": "Edited"}),
        key=rule["_key"],
    )
    return rule["_key"], "new:1"


def test_of_two_edited_rows_of_a_record_theirs_takes_the_added_one_away(filled: Replica) -> None:
    own, _ = twice_edited(filled)
    decide(filled, "theirs")
    assert [each.id for each in pending(filled, RULES)] == [own]
    assert [each.outcome for each in pushed(filled)] == ["done"]
    quiet(filled)


def test_of_two_edited_rows_of_a_record_ours_is_not_decided_until_one_is_gone(filled: Replica) -> None:
    own, added = twice_edited(filled)
    with pytest.raises(UsageError, match=f"Segment has it as {own}, and the row of that id is edited, too: delete one"):
        decide(filled, "ours")
    assert {each.id for each in pending(filled, RULES)} == {own, added}
    filled.do("DELETE FROM tracking_plan_rules WHERE _key = :key", key=own)
    decide(filled, "ours")
    assert [each.outcome for each in pushed(filled)] == ["done"]
    quiet(filled)


@pytest.mark.parametrize(
    ("merged", "why"),
    [
        ({"name": 5}, "name has to be a text"),
        ({"name": ["a"]}, "name has to be a text"),
        ({"name": {"a": 1}}, "name has to be a text"),
        ({"name": "\ud800"}, "name is not Unicode"),
        ({"name": "a\0b"}, "name holds a NUL"),
        ({"name": None}, "name cannot be taken away"),
        ({"name": ""}, "name cannot be taken away"),
        ({"name": "Both", "slug": "both"}, "slug cannot be sent: the file may hold name, description"),
    ],
)
def test_a_merged_version_that_cannot_be_sent_is_refused_and_changes_nothing(
    filled: Replica, merged: dict[str, Any], why: str
) -> None:
    conflicting(filled)
    with pytest.raises(UsageError, match=why):
        decide(filled, "merged", merged)
    assert first(filled, "tracking_plans")["name"] == "Ours"
    assert len(filled.books("conflicts")) == 1


def test_a_merged_version_may_not_hold_a_column_that_is_left_out(single: Replica) -> None:
    conflicting(single)
    (conflict,) = single.books("conflicts")
    less = Options(objects=objects(*ALL), selections=selections({"TrackingPlans.description"}))
    with (
        single.client() as client,
        pytest.raises(UsageError, match="description cannot be sent: the file may hold name"),
    ):
        resolve(single.target, client, less, conflict["id"], "merged", {"description": "Both"})


@pytest.mark.parametrize("settings", ["[]", {}, 5])
def test_merged_settings_have_to_be_an_array(single: Replica, settings: Any) -> None:
    was = first(single, "source_functions")
    single.do("UPDATE source_functions SET display_name = 'Ours' WHERE id = :id", id=was["id"])
    single.network.write("PATCH", f"/functions/{was['id']}", {"displayName": "Theirs"})
    pushed(single)
    with pytest.raises(UsageError, match="settings has to be a JSON array"):
        decide(single, "merged", {"settings": settings})


def test_a_merged_number_that_no_float_holds_is_sent_as_it_is_written(filled: Replica) -> None:
    rule = filled.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY _key")[0]
    cast = "CAST(:schema AS jsonb)" if filled.engine.dialect.name == "postgresql" else ":schema"
    statement = f"UPDATE tracking_plan_rules SET json_schema = {cast} WHERE _key = :key"
    filled.do(statement, schema=json.dumps({"maximum": 1}), key=rule["_key"])
    known = {name: rule[name] for name in ("type", "key", "version")}
    theirs = {"rules": [{**known, "jsonSchema": {"maximum": 2**64, "const": "a\0b"}}]}
    target = f"/tracking-plans/{rule['tracking_plan_id']}/rules"
    filled.network.write("PATCH", target, theirs)
    assert [each.outcome for each in pushed(filled)] == ["conflict"]
    decide(filled, "merged", {"json_schema": {"maximum": 2**65}})
    assert [each.outcome for each in pushed(filled)] == ["done"]
    found = filled.network.write("GET", f"{target}?pagination.count=200")["rules"]
    (schema,) = [each["jsonSchema"] for each in found if all(each.get(name) == known[name] for name in known)]
    assert (schema["maximum"], "const" in schema) == (2**65, False)
    quiet(filled)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_destination_function_that_was_added_on_both_sides_is_decided_once(filled: Replica, side: Any) -> None:
    there = {"displayName": "Both", "code": "// theirs", "resourceType": "DESTINATION", "settings": []}
    filled.network.write("POST", "/functions", there | {"logoUrl": "https://x.example/a.png"})
    filled.do("INSERT INTO destination_functions (display_name, code) VALUES ('Both', '// ours')")
    assert [each.outcome for each in pushed(filled)] == ["conflict"]
    decide(filled, side)
    assert [each.action for each in planned(filled)] == (["update"] if side == "ours" else [])
    assert {each.outcome for each in pushed(filled)} <= {"done"}
    (row,) = [each for each in filled.live("destination_functions") if each["display_name"].startswith("Both")]
    assert row["code"] == f"// {side}"
    quiet(filled)
