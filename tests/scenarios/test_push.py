"""Edits of plans, rules and functions reach the workspace once, and what both sides have afterwards is the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import text

from replicator.catalog import by_name
from replicator.options import Options
from replicator.sandbox import Request, Response
from replicator.sync.model import Done, Step
from replicator.sync.resolve import Side, resolve
from replicator.sync.restore import restore
from replicator.sync.session import Allowed, apply, plan
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, objects
from tests.scenarios.test_edits import pending, set_schema

ALL = ("TrackingPlans", "TrackingPlanRules", "SourceFunctions", "DestinationFunctions", "InsertDestinationFunctions")
FREE = Allowed(push=True, deletes=True, deploy=True)


def planned(replica: Replica, allowed: Allowed = FREE) -> list[Step]:
    with replica.client() as client:
        return plan(replica.target, client, Options(objects=objects(*ALL)), allowed)


def pushed(replica: Replica, allowed: Allowed = FREE, steps: list[Step] | None = None) -> list[Done]:
    with replica.client() as client:
        return apply(replica.target, client, Options(objects=objects(*ALL)), allowed, steps)


def writes(network: Network) -> Iterator[str]:
    yield from (f"{method} {target}" for method, target in network.written)


def quiet(replica: Replica) -> None:
    """Nothing is left to do on either side."""
    assert planned(replica) == []
    replica.run(*ALL)
    again = replica.run(*ALL)
    assert sum(each.inserted + each.updated + each.deleted for each in again.objects) == 0
    assert planned(replica) == []
    replica.network.written.clear()
    assert pushed(replica) == []
    assert list(writes(replica.network)) == []


def first(replica: Replica, table: str, where: str = "") -> dict[str, Any]:
    return replica.rows(table, f"{where} ORDER BY id")[0]


def test_an_edited_plan_is_sent_field_by_field_once(filled: Replica) -> None:
    was = first(filled, "tracking_plans")
    filled.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=was["id"])
    filled.network.write("PATCH", f"/tracking-plans/{was['id']}", {"description": "Theirs"})
    (step,) = planned(filled)
    assert (step.action, [(each.name, each.after) for each in step.changes]) == ("update", [("name", "Ours")])
    assert [each.outcome for each in pushed(filled)] == ["done"]
    assert list(writes(filled.network)) == [f"PATCH /tracking-plans/{was['id']}"]
    row = first(filled, "tracking_plans")
    assert (row["name"], row["description"]) == ("Ours", "Theirs")
    (entry,) = filled.books("push_journal")
    assert (entry["status"], entry["action"], json.loads(entry["after"])) == ("done", "update", {"name": "Ours"})
    quiet(filled)


def test_c14_an_edited_function_is_saved_and_deployed_and_its_name_does_not_grow(filled: Replica) -> None:
    source, destination = first(filled, "source_functions"), first(filled, "destination_functions")
    filled.do("UPDATE source_functions SET code = :code WHERE id = :id", code="// ours", id=source["id"])
    renamed = destination["display_name"].replace(" (", " 2 (", 1)
    filled.do("UPDATE destination_functions SET display_name = :n WHERE id = :id", n=renamed, id=destination["id"])
    assert [each.outcome for each in pushed(filled)] == ["done", "done"]
    assert set(writes(filled.network)) == {
        f"PATCH /functions/{source['id']}",
        f"POST /functions/{source['id']}/deploy",
        f"PATCH /functions/{destination['id']}",
    }
    assert first(filled, "source_functions")["code"] == "// ours"
    assert first(filled, "source_functions")["is_latest_version"]
    assert first(filled, "destination_functions")["display_name"] == renamed
    quiet(filled)


def test_rules_are_put_in_changed_and_removed_in_one_request_each(filled: Replica) -> None:
    rules = filled.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY tracking_plan_id, _key")
    plan_id = rules[0]["tracking_plan_id"]
    edited, gone = [each for each in rules if each["tracking_plan_id"] == plan_id][:2]
    set_schema(filled, edited, json.dumps({"title": "Ours", "properties": {}}))
    filled.do("DELETE FROM tracking_plan_rules WHERE _key = :key", key=gone["_key"])
    cast = "CAST(:schema AS jsonb)" if filled.engine.dialect.name == "postgresql" else ":schema"
    filled.do(
        "INSERT INTO tracking_plan_rules (tracking_plan_id, type, key, version, json_schema)".replace(
            "key,", _key(filled)
        )
        + f" VALUES (:plan, 'TRACK', 'Ours Added', 1, {cast})",
        plan=plan_id,
        schema=json.dumps({"title": "Added"}),
    )
    done = pushed(filled)
    assert {(each.step.action, each.outcome) for each in done} == {
        ("update", "done"),
        ("create", "done"),
        ("delete", "done"),
    }
    sent = [each.split("?")[0] for each in writes(filled.network)]
    assert sent == [f"PATCH /tracking-plans/{plan_id}/rules", f"DELETE /tracking-plans/{plan_id}/rules"]
    theirs = filled.network.write("GET", f"/tracking-plans/{plan_id}/rules?pagination.count=200")["rules"]
    by_key = {each.get("key"): each for each in theirs}
    assert by_key["Ours Added"]["jsonSchema"]["title"] == "Added"
    assert by_key[edited["key"]]["jsonSchema"]["title"] == "Ours"
    assert gone["key"] not in by_key
    quiet(filled)


def _key(replica: Replica) -> str:
    return "`key`," if replica.engine.dialect.name in {"mysql", "mariadb"} else "key,"


def test_a_plan_and_a_function_that_somebody_adds_are_made_once_and_get_their_ids(filled: Replica) -> None:
    filled.do("INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE')")
    filled.do("INSERT INTO source_functions (display_name, code) VALUES ('Ours', '// ours')")
    assert [(each.step.action, each.outcome) for each in pushed(filled)] == [("create", "done")] * 2
    (row,) = filled.rows("tracking_plans", "WHERE name = 'Ours'")
    assert row["id"].startswith("tp_")
    assert row["slug"]
    (function,) = filled.rows("source_functions", "WHERE display_name = 'Ours'")
    assert not function["id"].startswith("new:")
    assert function["is_latest_version"]
    quiet(filled)


def test_c11_a_creation_whose_answer_was_lost_is_adopted_and_never_sent_again(filled: Replica) -> None:
    filled.do("INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE')")
    filled.network.lose = "POST /tracking-plans"
    (done,) = pushed(filled)
    assert done.outcome == "done"
    assert list(writes(filled.network)) == ["POST /tracking-plans"]
    filled.network.lose = ""
    quiet(filled)


def test_c11_a_lost_update_is_looked_at_before_it_is_sent_again(filled: Replica) -> None:
    was = first(filled, "tracking_plans")
    filled.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=was["id"])
    filled.network.lose = f"PATCH /tracking-plans/{was['id']}"
    assert [each.outcome for each in pushed(filled)] == ["done"]
    assert list(writes(filled.network)) == [f"PATCH /tracking-plans/{was['id']}"]
    filled.network.lose = ""
    quiet(filled)


def test_c18_a_deletion_is_sent_only_where_that_is_allowed(filled: Replica) -> None:
    was = first(filled, "source_functions")
    filled.do("DELETE FROM source_functions WHERE id = :id", id=was["id"])
    (held,) = pushed(filled, Allowed(push=True))
    assert (held.outcome, held.step.action) == ("refused", "refused")
    assert "push_deletes" in str(held.error)
    assert list(writes(filled.network)) == []
    assert [each.outcome for each in pushed(filled)] == ["done"]
    assert list(writes(filled.network)) == [f"DELETE /functions/{was['id']}"]
    quiet(filled)


def test_c18_many_deletions_at_once_wait_for_a_persons_word(filled: Replica) -> None:
    rules = filled.rows("tracking_plan_rules")
    filled.do("DELETE FROM tracking_plan_rules")
    held = pushed(filled)
    assert {each.outcome for each in held} == {"refused"}
    assert f"{len(rules)} of {len(rules)} records would be deleted" in str(held[0].error)
    assert list(writes(filled.network)) == []
    free = replace(FREE, many_deletes=frozenset({"TrackingPlanRules"}))
    assert {each.outcome for each in pushed(filled, free)} == {"done"}
    assert all(method == "DELETE" for method, _ in filled.network.written)
    quiet(filled)


def test_the_rules_of_a_plan_that_was_deleted_here_go_with_it_and_need_no_further_word(filled: Replica) -> None:
    rules = filled.rows("tracking_plan_rules")
    plan, many = Counter(row["tracking_plan_id"] for row in rules).most_common(1)[0]
    assert many > max(10, len(rules) * 0.1)
    filled.do("DELETE FROM tracking_plan_rules WHERE tracking_plan_id <> :id AND type = 'TRACK'", id=plan)
    few = filled.rows("tracking_plan_rules")
    assert many > len(few) * 0.2, "the guard would hold them"
    filled.do("DELETE FROM tracking_plans WHERE id = :id", id=plan)
    done = pushed(filled, replace(FREE, many_deletes=frozenset({"TrackingPlanRules"})))
    assert {each.outcome for each in done} == {"done"}
    left = filled.rows("tracking_plan_rules", f"WHERE tracking_plan_id = '{plan}'")
    assert len(left) == many
    assert all(row["_deleted_at"] for row in left)
    quiet(filled)


def test_c1_the_same_field_edited_on_both_sides_is_a_conflict_that_changes_neither(filled: Replica) -> None:
    was = first(filled, "tracking_plans")
    filled.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=was["id"])
    filled.network.write("PATCH", f"/tracking-plans/{was['id']}", {"name": "Theirs"})
    for _ in range(2):
        (done,) = pushed(filled)
        assert (done.outcome, done.error) == ("conflict", "name: edited differently on both sides")
    filled.run(*ALL)
    assert first(filled, "tracking_plans")["name"] == "Ours"
    assert list(writes(filled.network)) == []
    (kept,) = filled.books("conflicts")
    assert [json.loads(kept[name])["name"] for name in ("base", "local", "remote")] == [was["name"], "Ours", "Theirs"]
    filled.do("UPDATE tracking_plans SET name = 'Theirs' WHERE id = :id", id=was["id"])
    assert [each.outcome for each in pushed(filled)] == ["done"]
    assert filled.books("conflicts") == []
    quiet(filled)


def test_c1_different_lines_of_code_edited_on_both_sides_both_survive(filled: Replica) -> None:
    was = first(filled, "source_functions")
    filled.network.write("PATCH", f"/functions/{was['id']}", {"code": "a\nb\nc\nd\n"})
    filled.run("SourceFunctions")
    filled.do("UPDATE source_functions SET code = :code WHERE id = :id", code="A\nb\nc\nd\n", id=was["id"])
    filled.network.write("PATCH", f"/functions/{was['id']}", {"code": "a\nb\nc\nD\n"})
    assert [each.outcome for each in pushed(filled)] == ["done"]
    assert first(filled, "source_functions")["code"] == "A\nb\nc\nD\n"
    quiet(filled)


def test_c8_a_step_whose_record_moved_since_the_plan_is_skipped(filled: Replica) -> None:
    was = first(filled, "tracking_plans")
    filled.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=was["id"])
    steps = planned(filled)
    filled.do("UPDATE tracking_plans SET name = 'Ours too' WHERE id = :id", id=was["id"])
    assert [each.outcome for each in pushed(filled, steps=steps)] == ["moved"]
    assert list(writes(filled.network)) == []


def test_c10_one_bad_rule_of_a_batch_is_told_and_the_others_are_sent(filled: Replica) -> None:
    rules = filled.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY tracking_plan_id, _key")
    mine = [each for each in rules if each["tracking_plan_id"] == rules[0]["tracking_plan_id"]][:4]
    for at, rule in enumerate(mine):
        set_schema(filled, rule, json.dumps({"title": f"Ours {at}", "type": 7 if at == 2 else "object"}))
    filled.network.refuse_rules_with = '"type":7'
    done = pushed(filled)
    assert sorted(each.outcome for each in done) == ["done", "done", "done", "refused"]
    (bad,) = [each for each in done if each.outcome == "refused"]
    assert bad.step.id == mine[2]["_key"]
    assert [each.id for each in pending(filled, "TrackingPlanRules")] == [mine[2]["_key"]]


def decide(replica: Replica, side: Side, merged: dict[str, Any] | None = None) -> None:
    (conflict,) = replica.books("conflicts")
    with replica.client() as client:
        resolve(replica.target, client, Options(objects=objects(*ALL)), conflict["id"], side, merged)
    assert replica.books("conflicts") == []


def conflicting(replica: Replica) -> str:
    """The name of one plan, edited differently on both sides."""
    was = first(replica, "tracking_plans")
    replica.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=was["id"])
    replica.network.write("PATCH", f"/tracking-plans/{was['id']}", {"name": "Theirs"})
    assert [each.outcome for each in pushed(replica)] == ["conflict"]
    return str(was["id"])


@pytest.mark.parametrize(
    ("side", "merged", "name"),
    [("ours", None, "Ours"), ("theirs", None, "Theirs"), ("merged", {"name": "Both"}, "Both")],
)
def test_a_decided_conflict_ends_with_that_version_on_both_sides(
    filled: Replica, side: Side, merged: dict[str, Any] | None, name: str
) -> None:
    identifier = conflicting(filled)
    decide(filled, side, merged)
    pushed(filled)
    assert first(filled, "tracking_plans")["name"] == name
    theirs = filled.network.write("GET", f"/tracking-plans/{identifier}")["trackingPlan"]
    assert theirs["name"] == name
    quiet(filled)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_c4_a_plan_edited_here_and_deleted_there_comes_back_or_goes(filled: Replica, side: Side) -> None:
    was = first(filled, "tracking_plans")
    filled.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=was["id"])
    filled.network.write("DELETE", f"/tracking-plans/{was['id']}")
    assert [each.outcome for each in pushed(filled)] == ["conflict"]
    decide(filled, side)
    pushed(filled)
    alive = [row for row in filled.live("tracking_plans") if row["name"] == "Ours"]
    assert len(alive) == (1 if side == "ours" else 0)
    assert was["id"] not in {row["id"] for row in filled.live("tracking_plans")}
    filled.run(*ALL, allow_deletes=frozenset({"TrackingPlanRules"}))
    quiet(filled)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_c3_a_function_deleted_here_and_edited_there_goes_or_comes_back(filled: Replica, side: Side) -> None:
    was = first(filled, "source_functions")
    filled.do("DELETE FROM source_functions WHERE id = :id", id=was["id"])
    filled.network.write("PATCH", f"/functions/{was['id']}", {"description": "Theirs"})
    assert [each.outcome for each in pushed(filled)] == ["conflict"]
    decide(filled, side)
    pushed(filled)
    filled.run(*ALL)
    ids = {row["id"] for row in filled.live("source_functions")}
    assert (was["id"] in ids) == (side == "theirs")
    quiet(filled)


def test_a_plan_that_the_workspace_lost_is_restored_with_its_rules_under_a_new_id(filled: Replica) -> None:
    was = first(filled, "tracking_plans")
    rules = filled.rows("tracking_plan_rules", f"WHERE tracking_plan_id = '{was['id']}'")
    filled.network.write("DELETE", f"/tracking-plans/{was['id']}")
    filled.run(*ALL, allow_deletes=frozenset({"TrackingPlanRules"}))
    done = restore(filled.target, Options(objects=objects(*ALL)), by_name["TrackingPlans"], was["id"], None)
    assert done.rules == len(rules)
    assert {each.outcome for each in pushed(filled)} == {"done"}
    (back,) = [row for row in filled.live("tracking_plans") if row["name"] == was["name"]]
    assert back["id"] != was["id"]
    mine = [row for row in filled.live("tracking_plan_rules") if row["tracking_plan_id"] == back["id"]]

    def content(rows: list[dict[str, Any]]) -> list[Any]:
        return sorted((row["type"], row["key"] or "", row["version"], canonical(row["json_schema"])) for row in rows)

    assert content(mine) == content(rules)
    quiet(filled)


def canonical(schema: Any) -> str:
    return json.dumps(json.loads(schema) if isinstance(schema, str) else schema, sort_keys=True)


def test_a_function_deleted_through_here_is_restored_from_the_journal(filled: Replica) -> None:
    was = first(filled, "source_functions")
    filled.do("DELETE FROM source_functions WHERE id = :id", id=was["id"])
    assert [each.outcome for each in pushed(filled)] == ["done"]
    restore(filled.target, Options(objects=objects(*ALL)), by_name["SourceFunctions"], was["id"], None)
    assert [each.outcome for each in pushed(filled)] == ["done"]
    (back,) = [row for row in filled.live("source_functions") if row["display_name"] == was["display_name"]]
    assert (back["code"], back["description"]) == (was["code"], was["description"])
    quiet(filled)


def test_c20_two_databases_on_one_workspace_come_to_the_same(filled: Replica, tmp_path: Path) -> None:
    other = Replica(f"sqlite:///{tmp_path / 'other.db'}", filled.network)
    try:
        other.run(*ALL)
        was = first(filled, "tracking_plans")
        filled.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=was["id"])
        other.do("UPDATE tracking_plans SET description = 'The other' WHERE id = :id", id=was["id"])
        assert [each.outcome for each in pushed(filled)] == ["done"]
        assert [each.outcome for each in pushed(other)] == ["done"]
        filled.run(*ALL)
        for each in (filled, other):
            row = first(each, "tracking_plans")
            assert (row["name"], row["description"]) == ("Ours", "The other")
            quiet(each)
    finally:
        other.close()


def test_c8_an_edit_made_while_the_push_is_under_way_stays_an_edit(filled: Replica) -> None:
    was = first(filled, "tracking_plans")
    filled.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=was["id"])

    def meanwhile(request: Request, answer: Response) -> Response:
        if request.method == "PATCH":
            filled.do("UPDATE tracking_plans SET name = 'Ours too' WHERE id = :id", id=was["id"])
        return answer

    filled.network.on(f"/tracking-plans/{was['id']}", meanwhile)
    assert [each.outcome for each in pushed(filled)] == ["done"]
    filled.network.heal()
    (edit,) = pending(filled, "TrackingPlans")
    assert [(each.base, each.local) for each in edit.fields] == [("Ours", "Ours too")]
    assert [each.outcome for each in pushed(filled)] == ["done"]
    quiet(filled)


def test_two_thousand_rules_go_in_ten_requests(one: Replica) -> None:
    one.run(*ALL)
    was = first(one, "tracking_plans")
    one.network.write("DELETE", f"/tracking-plans/{was['id']}")
    one.run(*ALL, allow_deletes=frozenset({"TrackingPlanRules"}))
    one.do("INSERT INTO tracking_plans (id, name, type) VALUES ('new:big', 'Big', 'LIVE')")
    with one.engine.begin() as connection:
        rows = [{"key": f"Event {number}", "schema": '{"title": "Ours"}'} for number in range(2000)]
        statement = (
            'INSERT INTO tracking_plan_rules (tracking_plan_id, type, "key", version, json_schema)'
            " VALUES ('new:big', 'TRACK', :key, 1, :schema)"
        )
        connection.execute(text(statement), rows)
    one.network.written.clear()
    done = pushed(one)
    assert {each.outcome for each in done} == {"done"}
    assert len(done) == 2001
    assert Counter(method for method, _ in one.network.written) == {"POST": 1, "PATCH": 10}
    quiet(one)


def test_a_restored_plan_is_connected_again_to_its_sources(filled: Replica) -> None:
    filled.run("TrackingPlanSources")
    connected = first(filled, "tracking_plan_sources")
    plan_id = connected["tracking_plan_id"]
    sources = {row["id"] for row in filled.rows("tracking_plan_sources") if row["tracking_plan_id"] == plan_id}
    filled.network.write("DELETE", f"/tracking-plans/{plan_id}")
    lost = frozenset({"TrackingPlanRules", "TrackingPlanSources"})
    filled.run(*ALL, "TrackingPlanSources", allow_deletes=lost)
    asked = Options(objects=objects(*ALL))
    assert set(restore(filled.target, asked, by_name["TrackingPlans"], plan_id, None).sources) == sources
    (shown,) = [each for each in planned(filled) if each.object == "TrackingPlans"]
    assert "then its sources are connected: " in str(shown.reason)
    done = pushed(filled)
    assert {each.outcome for each in done} == {"done"}
    made = {row["id"] for row in filled.live("tracking_plans")}
    found = {
        each["id"]
        for plan_ in made
        for each in filled.network.write("GET", f"/tracking-plans/{plan_}/sources?pagination.count=200")["sources"]
    }
    assert sources <= found
    assert sum(target.endswith("/sources") for _, target in filled.network.written) == len(sources)
    quiet(filled)


@pytest.mark.parametrize("here", [False, True])
@pytest.mark.parametrize("kept", [0, 2])
def test_rules_and_sources_that_went_before_their_plan_do_not_come_back_with_it(
    filled: Replica, kept: int, here: bool
) -> None:
    everything, lost = (*ALL, "TrackingPlanSources"), frozenset({"TrackingPlanRules", "TrackingPlanSources"})
    filled.run(*everything)
    connected = first(filled, "tracking_plan_sources")
    plan_id = connected["tracking_plan_id"]
    rules = filled.rows("tracking_plan_rules", f"WHERE tracking_plan_id = '{plan_id}' ORDER BY _key")
    for rule in rules[kept:]:
        parts = {name: rule[name] for name in ("type", "key", "version") if rule[name] is not None}
        query = urlencode({f"rules.0.{name}": value for name, value in parts.items()})
        filled.network.write("DELETE", f"/tracking-plans/{plan_id}/rules?{query}")
    filled.network.write("DELETE", f"/tracking-plans/{plan_id}/sources?sourceId={connected['id']}")
    filled.run(*everything, allow_deletes=lost)
    if here:
        filled.do("DELETE FROM tracking_plans WHERE id = :id", id=plan_id)
        assert {each.outcome for each in pushed(filled)} == {"done"}
    else:
        filled.network.write("DELETE", f"/tracking-plans/{plan_id}")
    filled.run(*everything, allow_deletes=lost)
    back = restore(filled.target, Options(objects=objects(*ALL)), by_name["TrackingPlans"], plan_id, None)
    assert (back.rules, connected["id"] in back.sources) == (kept, False)


def test_a_plan_that_was_marked_as_deleted_here_is_restored_with_its_rules(filled: Replica) -> None:
    plan_id = first(filled, "tracking_plans")["id"]
    rules = filled.rows("tracking_plan_rules", f"WHERE tracking_plan_id = '{plan_id}'")
    filled.do("UPDATE tracking_plans SET _deleted_at = CURRENT_TIMESTAMP WHERE id = :id", id=plan_id)
    assert [(each.step.action, each.outcome) for each in pushed(filled)] == [("delete", "done")]
    back = restore(filled.target, Options(objects=objects(*ALL)), by_name["TrackingPlans"], plan_id, None)
    assert back.rules == len(rules)
    assert {each.outcome for each in pushed(filled)} == {"done"}
    quiet(filled)


def _quoted(replica: Replica, name: str) -> str:
    return replica.engine.dialect.identifier_preparer.quote(name)


def named_rule(replica: Replica, at: int = 0) -> dict[str, Any]:
    return replica.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY tracking_plan_id, _key")[at]


def give_key(replica: Replica, rule: dict[str, Any], key: str) -> None:
    statement = f"UPDATE tracking_plan_rules SET {_quoted(replica, 'key')} = :new WHERE _key = :key"
    replica.do(statement, new=key, key=rule["_key"])


def rules_there(replica: Replica, plan_id: str) -> dict[str, Any]:
    found = replica.network.write("GET", f"/tracking-plans/{plan_id}/rules?pagination.count=200")["rules"]
    return {each["key"]: each["jsonSchema"] for each in found if "key" in each}


@pytest.mark.parametrize("lost", [False, True])
def test_c9_a_rule_that_gets_another_key_is_renamed_and_keeps_its_schema(filled: Replica, lost: bool) -> None:
    rule = named_rule(filled)
    plan_id, before = rule["tracking_plan_id"], rules_there(filled, rule["tracking_plan_id"])
    give_key(filled, rule, "Ours")
    if lost:
        filled.network.lose = f"PATCH /tracking-plans/{plan_id}/rules"
    (done,) = pushed(filled)
    assert (done.step.action, done.outcome) == ("update", "done")
    assert len(list(writes(filled.network))) == 1, "a lost answer is followed by a look"
    filled.network.lose = ""
    after = rules_there(filled, plan_id)
    assert before.keys() - after.keys() == {rule["key"]}
    assert after["Ours"] == before[rule["key"]]
    assert {method for method, _ in filled.network.written} == {"PATCH"}
    (row,) = [each for each in filled.live("tracking_plan_rules") if each["key"] == "Ours"]
    assert row["_key"] != rule["_key"]
    quiet(filled)


def test_a_rename_that_a_kill_left_half_done_is_recognised(filled: Replica) -> None:
    rule = named_rule(filled)
    give_key(filled, rule, "Ours")
    body = {"rules": [{"type": "TRACK", "key": rule["key"], "version": rule["version"], "newKey": "Ours"}]}
    body["rules"][0]["jsonSchema"] = rules_there(filled, rule["tracking_plan_id"])[rule["key"]]
    filled.network.write("PATCH", f"/tracking-plans/{rule['tracking_plan_id']}/rules", body)
    filled.run(*ALL)
    assert [(each.step.action, each.outcome) for each in pushed(filled)] == [("adopt", "done")]
    assert [each["key"] for each in filled.live("tracking_plan_rules")].count("Ours") == 1
    quiet(filled)


def test_a_name_that_another_rule_has_is_not_given(filled: Replica) -> None:
    one_, two = named_rule(filled), named_rule(filled, 1)
    assert one_["tracking_plan_id"] == two["tracking_plan_id"]
    give_key(filled, one_, two["key"])
    (done,) = pushed(filled)
    assert (done.outcome, done.error) == ("conflict", f"the workspace has another rule of the key {two['key']}")
    assert list(writes(filled.network)) == []


def test_c9_a_rule_edited_here_and_renamed_there_is_a_conflict_that_names_it(filled: Replica) -> None:
    rule = named_rule(filled)
    theirs = rules_there(filled, rule["tracking_plan_id"])[rule["key"]]
    set_schema(filled, rule, json.dumps({"title": "Ours"}))
    body = {"type": "TRACK", "key": rule["key"], "version": rule["version"], "newKey": "Theirs", "jsonSchema": theirs}
    filled.network.write("PATCH", f"/tracking-plans/{rule['tracking_plan_id']}/rules", {"rules": [body]})
    (done,) = pushed(filled)
    assert (done.outcome, done.error) == ("conflict", "edited here, renamed to Theirs in the workspace")


WINS = {"ours": replace(FREE, policy="target_wins"), "theirs": replace(FREE, policy="segment_wins")}


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_policy_decides_what_both_sides_edited_and_keeps_the_other_value(filled: Replica, side: Side) -> None:
    was = first(filled, "tracking_plans")
    filled.do("UPDATE tracking_plans SET name = 'Ours', description = 'Mine' WHERE id = :id", id=was["id"])
    filled.network.write("PATCH", f"/tracking-plans/{was['id']}", {"name": "Theirs"})
    assert [each.outcome for each in pushed(filled, WINS[side])] == ["done"]
    wanted = "Ours" if side == "ours" else "Theirs"
    assert (first(filled, "tracking_plans")["name"], first(filled, "tracking_plans")["description"]) == (wanted, "Mine")
    theirs = filled.network.write("GET", f"/tracking-plans/{was['id']}")["trackingPlan"]
    assert (theirs["name"], theirs["description"]) == (wanted, "Mine")
    kept = filled.books("push_journal", "WHERE status = 'done'")
    lost = "Theirs" if side == "ours" else "Ours"
    assert any(json.loads(row["before"]).get("name") == lost for row in kept)
    assert filled.books("conflicts") == []
    quiet(filled)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_policy_decides_between_an_edit_here_and_a_deletion_there(filled: Replica, side: Side) -> None:
    was = first(filled, "source_functions")
    filled.do("UPDATE source_functions SET code = '// ours' WHERE id = :id", id=was["id"])
    filled.network.write("DELETE", f"/functions/{was['id']}")
    assert {each.outcome for each in pushed(filled, WINS[side])} == {"done"}
    alive = [row for row in filled.live("source_functions") if row["code"] == "// ours"]
    assert len(alive) == (1 if side == "ours" else 0)
    assert was["id"] not in {row["id"] for row in filled.live("source_functions")}
    quiet(filled)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_policy_decides_between_a_deletion_here_and_an_edit_there(filled: Replica, side: Side) -> None:
    was = first(filled, "source_functions")
    filled.do("DELETE FROM source_functions WHERE id = :id", id=was["id"])
    filled.network.write("PATCH", f"/functions/{was['id']}", {"description": "Theirs"})
    assert {each.outcome for each in pushed(filled, WINS[side])} == {"done"}
    assert (was["id"] in {row["id"] for row in filled.live("source_functions")}) == (side == "theirs")
    quiet(filled)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_policy_decides_between_two_plans_of_one_name(filled: Replica, side: Side) -> None:
    plan_id = filled.network.write("POST", "/tracking-plans", {"name": "Twice", "type": "LIVE"})["trackingPlan"]["id"]
    filled.network.write("PATCH", f"/tracking-plans/{plan_id}", {"description": "Theirs"})
    filled.do("INSERT INTO tracking_plans (name, type, description) VALUES ('Twice', 'LIVE', 'Ours')")
    assert {each.outcome for each in pushed(filled, WINS[side])} == {"done"}
    (row,) = [row for row in filled.live("tracking_plans") if row["name"] == "Twice"]
    assert (row["id"], row["description"]) == (plan_id, "Ours" if side == "ours" else "Theirs")
    quiet(filled)


@pytest.mark.parametrize(
    ("told", "name"), [("2999-01-01 00:00:00", "Ours"), ("2001-01-01 00:00:00", "Theirs"), (None, None)]
)
def test_the_newest_edit_wins_only_where_both_sides_tell_its_time(
    filled: Replica, told: str | None, name: str | None
) -> None:
    was = first(filled, "tracking_plans")
    statement = "UPDATE tracking_plans SET name = 'Ours', _edited_by = 'ann' WHERE id = :id"
    filled.do(statement, id=was["id"])
    if told:
        filled.do(f"UPDATE tracking_plans SET _edited_at = '{told}' WHERE id = :id", id=was["id"])
    filled.network.write("PATCH", f"/tracking-plans/{was['id']}", {"name": "Theirs"})
    (done,) = pushed(filled, replace(FREE, policy="newest"))
    if name is None:
        assert done.outcome == "conflict"
        return
    assert done.outcome == "done"
    row = first(filled, "tracking_plans")
    assert (row["name"], row["_edited_at"], row["_edited_by"]) == (name, None, None)
    kept = filled.books("push_journal", "WHERE status = 'done'")
    assert any(json.loads(each["after"]).get("_edited_by") == "ann" for each in kept)
    quiet(filled)


def test_what_was_deleted_through_here_ends_in_the_history_too(filled: Replica) -> None:
    kept = frozenset({"SourceFunctions"})
    filled.run("SourceFunctions", history=kept)
    was = first(filled, "source_functions")
    filled.do("DELETE FROM source_functions WHERE id = :id", id=was["id"])
    with filled.client() as client:
        asked = Options(objects=objects("SourceFunctions"), history=kept)
        assert [each.outcome for each in apply(filled.target, client, asked, FREE)] == ["done"]
    filled.run("SourceFunctions", history=kept)
    last = filled.rows("source_functions_history", f"WHERE id = '{was['id']}' AND _valid_to IS NULL")
    assert [bool(row["_deleted"]) for row in last] == [True]


def test_an_edit_of_a_row_that_this_push_just_made_stays_an_edit(filled: Replica) -> None:
    for name in ("Ours 1", "Ours 2"):
        filled.do("INSERT INTO tracking_plans (name, type) VALUES (:n, 'LIVE')", n=name)
    edited: list[str] = []

    def meanwhile(request: Request, answer: Response) -> Response:
        made = filled.rows("tracking_plans", "WHERE name LIKE 'Ours %' AND id LIKE 'tp!_%' ESCAPE '!'")
        if made and not edited:
            edited.append(made[0]["id"])
            filled.do("UPDATE tracking_plans SET description = 'Since' WHERE id = :id", id=edited[0])
        return answer

    filled.network.on("*", meanwhile)
    assert [each.outcome for each in pushed(filled)] == ["done", "done"]
    filled.network.heal()
    (step,) = planned(filled)
    assert (step.id, [(each.name, each.after) for each in step.changes]) == (edited[0], [("description", "Since")])
    assert [each.outcome for each in pushed(filled)] == ["done"]
    theirs = filled.network.write("GET", f"/tracking-plans/{edited[0]}")["trackingPlan"]
    assert theirs["description"] == "Since"
    quiet(filled)
