"""What people change in the tables of tracking plans, rules and functions stays, whatever the workspace does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replicator.catalog import by_name
from replicator.edits import Edit, edits
from replicator.options import Options, layout_of
from replicator.selection import selections
from tests.scenarios.replica import Replica, result

PLANS = ("TrackingPlans", "TrackingPlanRules")


def pending(replica: Replica, name: str) -> list[Edit]:
    layout = layout_of(by_name[name], Options(objects=()))
    with replica.target.reading() as connection:
        return list(edits(replica.target, connection, layout))


def plan(replica: Replica, at: int = 0) -> dict[str, Any]:
    return replica.rows("tracking_plans", "ORDER BY id")[at]


def set_schema(replica: Replica, rule: dict[str, Any], text: str) -> None:
    cast = "CAST(:text AS jsonb)" if replica.engine.dialect.name == "postgresql" else ":text"
    replica.do(f"UPDATE tracking_plan_rules SET json_schema = {cast} WHERE _key = :key", text=text, key=rule["_key"])


def test_nothing_is_pending_after_a_run(replica: Replica) -> None:
    replica.run("core")
    assert [each for thing in by_name.values() for each in pending(replica, thing.name)] == []
    again = replica.run("core")
    assert sum(each.inserted + each.updated + each.deleted for each in again.objects) == 0


def test_an_edited_plan_is_pending_and_no_run_overwrites_it(replica: Replica) -> None:
    replica.run("TrackingPlans")
    first = plan(replica)
    replica.do(f"UPDATE tracking_plans SET name = 'Ours' WHERE id = '{first['id']}'")
    replica.network.write("PATCH", f"/tracking-plans/{first['id']}", {"description": "Theirs"})

    run = result(replica.run("TrackingPlans"), "TrackingPlans")
    assert (run.status, run.updated, run.inserted, run.deleted) == ("done", 0, 0, 0)
    assert plan(replica)["name"] == "Ours"
    (edit,) = pending(replica, "TrackingPlans")
    assert (edit.kind, edit.id, edit.refused) == ("update", first["id"], ())
    assert [(each.name, each.base, each.local) for each in edit.fields] == [("name", first["name"], "Ours")]


def test_plans_beside_an_edited_one_follow_the_workspace(replica: Replica) -> None:
    replica.run("TrackingPlans")
    first, second = plan(replica), plan(replica, 1)
    replica.do(f"UPDATE tracking_plans SET name = 'Ours' WHERE id = '{first['id']}'")
    replica.network.write("PATCH", f"/tracking-plans/{second['id']}", {"name": "Theirs"})
    assert result(replica.run("TrackingPlans"), "TrackingPlans").updated == 1
    assert plan(replica, 1)["name"] == "Theirs"


def test_an_edit_that_is_taken_back_is_none_and_the_row_follows_again(replica: Replica) -> None:
    replica.run("TrackingPlans")
    first = plan(replica)
    replica.do(f"UPDATE tracking_plans SET description = 'Ours' WHERE id = '{first['id']}'")
    replica.network.write("PATCH", f"/tracking-plans/{first['id']}", {"name": "Theirs"})
    replica.run("TrackingPlans")
    was = "NULL" if first["description"] is None else "'" + first["description"].replace("'", "''") + "'"
    replica.do(f"UPDATE tracking_plans SET description = {was} WHERE id = '{first['id']}'")
    replica.run("TrackingPlans")
    assert pending(replica, "TrackingPlans") == []
    assert plan(replica)["name"] == "Theirs"


def test_a_deleted_plan_does_not_come_back_and_is_a_wish_to_delete(replica: Replica) -> None:
    replica.run("TrackingPlans")
    first = plan(replica)
    replica.do(f"DELETE FROM tracking_plans WHERE id = '{first['id']}'")
    run = result(replica.run("TrackingPlans"), "TrackingPlans")
    assert (run.status, run.inserted) == ("done", 0)
    assert first["id"] not in {row["id"] for row in replica.rows("tracking_plans")}
    assert [(each.kind, each.id) for each in pending(replica, "TrackingPlans")] == [("delete", first["id"])]


@pytest.mark.parametrize("table", ["tracking_plans", "tracking_plan_rules"])
def test_a_row_that_somebody_marks_as_deleted_does_not_come_back_and_is_a_wish_to_delete(
    replica: Replica, table: str
) -> None:
    replica.run(*PLANS)
    name, key = (PLANS[0], "id") if table == "tracking_plans" else (PLANS[1], "_key")
    mine = replica.rows(table, f"ORDER BY {key}")[0]
    replica.do(f"UPDATE {table} SET _deleted_at = CURRENT_TIMESTAMP WHERE {key} = :key", key=mine[key])
    plan_id = mine.get("tracking_plan_id", mine["id"] if key == "id" else None)
    replica.network.write("PATCH", f"/tracking-plans/{plan_id}", {"description": "Theirs"})
    for _ in range(2):
        assert {each.status for each in replica.run(*PLANS, full=True).objects} == {"done"}
        assert mine[key] not in {row[key] for row in replica.live(table)}
        assert [(each.kind, each.id) for each in pending(replica, name)] == [("delete", mine[key])]


def test_a_row_without_a_fingerprint_follows_the_workspace(replica: Replica) -> None:
    replica.run("TrackingPlans")
    first = plan(replica)
    replica.do("UPDATE tracking_plans SET _fingerprint = NULL WHERE id = :id", id=first["id"])
    replica.network.write("PATCH", f"/tracking-plans/{first['id']}", {"name": "Theirs"})
    assert result(replica.run("TrackingPlans"), "TrackingPlans").updated == 1
    assert plan(replica)["name"] == "Theirs"


def test_c5_what_both_sides_deleted_is_forgotten(replica: Replica) -> None:
    replica.run("TrackingPlans")
    first = plan(replica)
    replica.do(f"DELETE FROM tracking_plans WHERE id = '{first['id']}'")
    replica.network.write("DELETE", f"/tracking-plans/{first['id']}")
    replica.run("TrackingPlans")
    assert pending(replica, "TrackingPlans") == []
    assert replica.rows("tracking_plans_base", f"WHERE id = '{first['id']}'") == []


def test_an_edited_plan_that_the_workspace_deletes_stays(replica: Replica) -> None:
    replica.run("TrackingPlans")
    first, second = plan(replica), plan(replica, 1)
    replica.do(f"UPDATE tracking_plans SET name = 'Ours' WHERE id = '{first['id']}'")
    for each in (first, second):
        replica.network.write("DELETE", f"/tracking-plans/{each['id']}")
    assert result(replica.run("TrackingPlans"), "TrackingPlans").deleted == 1
    rows = {row["id"]: row for row in replica.rows("tracking_plans")}
    assert rows[first["id"]]["_deleted_at"] is None
    assert rows[second["id"]]["_deleted_at"] is not None
    assert [each.id for each in pending(replica, "TrackingPlans")] == [first["id"]]


def test_a_plan_that_somebody_adds_gets_a_key_and_stays(replica: Replica) -> None:
    replica.run(*PLANS)
    replica.do("INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE')")
    run = replica.run(*PLANS)
    assert {each.object: (each.status, each.deleted) for each in run.objects} == {
        "TrackingPlans": ("done", 0),
        "TrackingPlanRules": ("done", 0),
    }
    (edit,) = pending(replica, "TrackingPlans")
    assert (edit.kind, edit.id[:4], edit.refused) == ("create", "new:", ())
    assert {each.name: each.local for each in edit.fields} == {"name": "Ours", "type": "LIVE"}


def test_c18_an_emptied_table_is_so_many_wishes_to_delete(replica: Replica) -> None:
    replica.run("TrackingPlans")
    there = {row["id"] for row in replica.rows("tracking_plans")}
    replica.do("DELETE FROM tracking_plans")
    assert result(replica.run("TrackingPlans"), "TrackingPlans").inserted == 0
    assert {each.id for each in pending(replica, "TrackingPlans") if each.kind == "delete"} == there


def test_a_dropped_table_is_made_and_filled_anew(replica: Replica) -> None:
    replica.run("TrackingPlans")
    there = {row["id"] for row in replica.rows("tracking_plans")}
    replica.do("DROP TABLE tracking_plans")
    replica.run("TrackingPlans")
    assert {row["id"] for row in replica.rows("tracking_plans")} == there
    assert pending(replica, "TrackingPlans") == []


def test_an_edited_rule_stays_while_the_other_rules_of_its_plan_follow(replica: Replica) -> None:
    replica.run(*PLANS)
    mine, theirs = replica.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY _key")[:2]
    schema = json.loads(mine["json_schema"]) if isinstance(mine["json_schema"], str) else mine["json_schema"]
    set_schema(replica, mine, json.dumps({**schema, "description": "Ours"}))
    for rule in (mine, theirs):
        changed = {"type": "TRACK", "key": rule["key"], "version": rule["version"], "jsonSchema": {"title": "Theirs"}}
        target = f"/tracking-plans/{rule['tracking_plan_id']}/rules"
        replica.network.write("PATCH", target, {"rules": [changed]})
    assert result(replica.run(*PLANS), "TrackingPlanRules").updated == 1
    (edit,) = pending(replica, "TrackingPlanRules")
    assert (edit.kind, edit.id, edit.refused) == ("update", mine["_key"], ())
    assert [each.name for each in edit.fields] == ["json_schema"]
    assert "Theirs" in str(replica.rows("tracking_plan_rules", f"WHERE _key = '{theirs['_key']}'")[0]["json_schema"])


@pytest.mark.kinds("sqlite", "mariadb")
def test_c13_a_schema_that_is_only_written_in_another_way_is_no_edit_and_follows(replica: Replica) -> None:
    replica.run(*PLANS)
    rule = replica.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY _key")[0]
    set_schema(replica, rule, json.dumps(json.loads(rule["json_schema"]), indent=1))
    assert pending(replica, "TrackingPlanRules") == []
    changed = {"type": "TRACK", "key": rule["key"], "version": rule["version"], "jsonSchema": {"title": "Theirs"}}
    replica.network.write("PATCH", f"/tracking-plans/{rule['tracking_plan_id']}/rules", {"rules": [changed]})
    assert result(replica.run(*PLANS), "TrackingPlanRules").updated == 1


def test_the_code_of_a_function_that_was_edited_stays(replica: Replica) -> None:
    replica.run("SourceFunctions")
    first, second = replica.rows("source_functions", "ORDER BY id")[:2]
    replica.do(f"UPDATE source_functions SET code = 'ours' WHERE id = '{first['id']}'")
    for each in (first, second):
        replica.network.write("PATCH", f"/functions/{each['id']}", {"code": "theirs", "description": "Theirs"})
    assert result(replica.run("SourceFunctions"), "SourceFunctions").updated == 1
    codes = {row["id"]: row["code"] for row in replica.rows("source_functions")}
    assert (codes[first["id"]], codes[second["id"]]) == ("ours", "theirs")


def test_c17_an_edit_of_what_segment_sets_is_kept_and_its_reason_told(replica: Replica) -> None:
    replica.run("TrackingPlans")
    replica.do(f"UPDATE tracking_plans SET slug = 'ours' WHERE id = '{plan(replica)['id']}'")
    (edit,) = pending(replica, "TrackingPlans")
    assert edit.refused == ("slug cannot be changed through Segment's API",)
    replica.run("TrackingPlans")
    assert plan(replica)["slug"] == "ours"


def test_c19_lost_bases_come_back_where_both_sides_are_equal_and_the_rest_is_kept(replica: Replica) -> None:
    replica.run("TrackingPlans", "SourceFunctions")
    first = plan(replica)
    for table in ("tracking_plans", "source_functions"):
        replica.do(f"DELETE FROM {table}_base")
    replica.do(f"UPDATE tracking_plans SET name = 'Ours' WHERE id = '{first['id']}'")
    replica.network.write("PATCH", f"/tracking-plans/{first['id']}", {"description": "Theirs"})
    replica.run("TrackingPlans", "SourceFunctions")
    assert plan(replica)["name"] == "Ours"
    assert [(each.kind, each.id) for each in pending(replica, "TrackingPlans")] == [("unknown", first["id"])]
    assert pending(replica, "SourceFunctions") == []


def test_a_column_that_somebody_dropped_comes_back_filled_and_is_no_edit(replica: Replica) -> None:
    replica.run("TrackingPlans")
    names = {row["id"]: row["name"] for row in replica.rows("tracking_plans")}
    replica.do("ALTER TABLE tracking_plans DROP COLUMN name")
    replica.run("TrackingPlans")
    assert {row["id"]: row["name"] for row in replica.rows("tracking_plans")} == names
    assert pending(replica, "TrackingPlans") == []


def test_the_rules_of_an_edited_plan_that_the_workspace_deletes_fail_no_run(replica: Replica) -> None:
    replica.run(*PLANS)
    first = plan(replica)
    replica.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=first["id"])
    replica.network.write("DELETE", f"/tracking-plans/{first['id']}")
    for _ in range(2):
        run = replica.run(*PLANS)
        assert {each.status for each in run.objects} == {"done"}
    others = {row["tracking_plan_id"] for row in replica.live("tracking_plan_rules")}
    assert len(others) == len(replica.live("tracking_plans"))


@pytest.mark.parametrize("less", [{"selections": selections({"SourceFunctions.code"})}, {"extended": "off"}])
def test_a_column_that_was_not_selected_for_a_while_is_no_edit(replica: Replica, less: dict[str, Any]) -> None:
    replica.run("SourceFunctions")
    first = replica.rows("source_functions", "ORDER BY id")[0]
    replica.network.write("PATCH", f"/functions/{first['id']}", {"description": "Theirs"})
    replica.run("SourceFunctions", **less)
    replica.network.write("PATCH", f"/functions/{first['id']}", {"code": "// theirs", "description": "Theirs too"})
    replica.run("SourceFunctions", **less)
    replica.run("SourceFunctions")
    assert pending(replica, "SourceFunctions") == []
    row = replica.rows("source_functions", "ORDER BY id")[0]
    assert (row["code"], row["description"]) == ("// theirs", "Theirs too")


@pytest.mark.parametrize("less", [{"selections": selections({"SourceFunctions.description"})}, {"extended": "off"}])
def test_an_edit_of_a_column_that_was_not_selected_for_a_while_stays_an_edit(
    replica: Replica, less: dict[str, Any]
) -> None:
    replica.run("SourceFunctions")
    first = replica.rows("source_functions", "ORDER BY id")[0]
    column = "code" if "extended" in less else "description"
    replica.do(f"UPDATE source_functions SET {column} = '// ours' WHERE id = :id", id=first["id"])
    replica.run("SourceFunctions", **less)
    replica.network.write("PATCH", f"/functions/{first['id']}", {"logoUrl": "https://theirs.example/logo.png"})
    replica.run("SourceFunctions", **less)
    assert replica.rows("source_functions", "ORDER BY id")[0]["logo_url"] == "https://theirs.example/logo.png"
    replica.run("SourceFunctions")
    assert replica.rows("source_functions", "ORDER BY id")[0][column] == "// ours"
    (edit,) = pending(replica, "SourceFunctions")
    assert [(each.name, each.base, each.local) for each in edit.fields] == [(column, first[column], "// ours")]
