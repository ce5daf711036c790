"""What a push does where others act at the same time, where answers lie, and where a person wrote what cannot be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replicator import masks
from replicator.catalog import by_name
from replicator.errors import RunLocked, SegmentError
from replicator.options import Options, layout_of
from replicator.run import holding
from replicator.sandbox import Request, Sandbox, Token
from replicator.sync.journal import Journal
from replicator.sync.resolve import Side, resolve
from replicator.sync.sending import Sending
from replicator.sync.session import Allowed
from replicator.sync.settle import Settling
from replicator.target.bookkeeping import bookkeeping
from tests.scenarios import network as net
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, objects
from tests.scenarios.test_edits import pending, set_schema
from tests.scenarios.test_push import ALL, first, planned, pushed, quiet, writes


def plan_there(replica: Replica, plan: str) -> dict[str, Any]:
    found: dict[str, Any] = replica.network.write("GET", f"/tracking-plans/{plan}")["trackingPlan"]
    return found


def outcomes(replica: Replica) -> list[tuple[str, str]]:
    return [(each.step.action, each.outcome) for each in pushed(replica)]


def before(network: Network, method: str, do: Any) -> None:
    """Does that once, after the next request of that method had its effect."""
    left = [do]

    def perhaps(request: Request, answer: Any) -> Any:
        if request.method == method and left:
            left.pop()()
        return answer

    network.on("*", perhaps)


def test_c1_what_is_edited_there_while_others_are_sent_is_seen_and_not_overwritten(single: Replica) -> None:
    one_, two = [row["id"] for row in single.rows("tracking_plans", "ORDER BY id")[:2]]
    for plan in (one_, two):
        single.do("UPDATE tracking_plans SET name = :n WHERE id = :id", n=f"Ours {plan}", id=plan)
    theirs = f"/tracking-plans/{two}"
    before(single.network, "PATCH", lambda: single.network.write("PATCH", theirs, {"name": "Theirs"}))
    assert sorted(outcomes(single)) == [("conflict", "conflict"), ("update", "done")]
    assert plan_there(single, two)["name"] == "Theirs"


def test_c2_the_same_edit_on_both_sides_needs_no_write(filled: Replica) -> None:
    plan, function = first(filled, "tracking_plans")["id"], first(filled, "source_functions")["id"]
    filled.do("UPDATE tracking_plans SET name = 'Same' WHERE id = :id", id=plan)
    filled.do("UPDATE source_functions SET code = '// same' WHERE id = :id", id=function)
    filled.network.write("PATCH", f"/tracking-plans/{plan}", {"name": "Same"})
    filled.network.write("PATCH", f"/functions/{function}", {"code": "// same"})
    assert outcomes(filled) == [("adopt", "done")] * 2
    assert not list(writes(filled.network))
    quiet(filled)


@pytest.mark.parametrize("lied", ["description", "code"])
def test_c13_what_segment_takes_no_notice_of_is_told_and_kept_and_not_sent_again(single: Replica, lied: str) -> None:
    row = first(single, "source_functions")
    single.do("UPDATE source_functions SET description = 'Ours', code = '// ours' WHERE id = :id", id=row["id"])
    single.network.ignores = lied
    (done,) = pushed(single)
    assert (done.outcome, done.error) == ("refused", f"Segment took no notice of {lied}; it stays as it is here")
    single.run(*ALL)
    now = first(single, "source_functions")
    assert (now["description"], now["code"]) == ("Ours", "// ours")
    single.network.written.clear()
    (step,) = planned(single)
    assert (step.action, step.reason) == (
        "refused",
        f"Segment took no notice of {lied} when it was sent: change it again, or take it back",
    )
    assert outcomes(single) == [("refused", "refused")]
    assert not list(writes(single.network))

    single.network.ignores = ""
    single.do(f"UPDATE source_functions SET {lied} = 'Again' WHERE id = :id", id=row["id"])
    assert outcomes(single) == [("update", "done")]
    quiet(single)


def test_c13_a_schema_that_segment_takes_no_notice_of_is_told_and_kept_and_not_sent_again(single: Replica) -> None:
    (row, *_) = single.rows("tracking_plan_rules", "ORDER BY _key")
    rules = f"/tracking-plans/{row['tracking_plan_id']}/rules"
    parts = {"type": row["type"], "key": row["key"], "version": row["version"]}
    was = {**parts, "jsonSchema": json.loads(row["json_schema"])}
    set_schema(single, row, '{"title": "Ours"}')
    # It is answered with success, and the rule is as before.
    before(single.network, "PATCH", lambda: single.network.write("PATCH", rules, {"rules": [was]}))
    (done,) = pushed(single)
    why = "Segment took no notice of json_schema"
    assert (done.outcome, done.error) == ("refused", f"{why}; it stays as it is here")
    single.run(*ALL, full=True)
    (now,) = single.rows("tracking_plan_rules", f"WHERE _key = '{row['_key']}'")
    assert json.loads(now["json_schema"]) == {"title": "Ours"}
    single.network.written.clear()
    (step,) = planned(single)
    assert (step.action, step.reason) == ("refused", f"{why} when it was sent: change it again, or take it back")
    assert outcomes(single) == [("refused", "refused")]
    assert not list(writes(single.network))
    set_schema(single, row, '{"title": "Again"}')
    assert outcomes(single) == [("update", "done")]
    quiet(single)


def test_a_text_that_is_taken_away_here_is_empty_there(filled: Replica) -> None:
    plan = first(filled, "tracking_plans", "WHERE description <> ''")
    function = first(filled, "source_functions", "WHERE description <> ''")
    filled.do("UPDATE tracking_plans SET description = NULL WHERE id = :id", id=plan["id"])
    filled.do("UPDATE source_functions SET description = '' WHERE id = :id", id=function["id"])
    assert outcomes(filled) == [("update", "done")] * 2
    assert not plan_there(filled, plan["id"])["description"]
    quiet(filled)


@pytest.mark.parametrize("column", ["name", "code"])
def test_what_must_be_there_cannot_be_taken_away(single: Replica, column: str) -> None:
    table = "tracking_plans" if column == "name" else "source_functions"
    single.do(f"UPDATE {table} SET {column} = NULL WHERE id = :id", id=first(single, table)["id"])
    (done,) = pushed(single)
    assert (done.outcome, done.error) == ("refused", f"{column} cannot be taken away, only changed")
    assert not list(writes(single.network))


def test_nothing_and_an_empty_text_are_the_same(filled: Replica) -> None:
    filled.do("UPDATE tracking_plans SET description = CASE WHEN description = '' THEN NULL ELSE description END")
    assert planned(filled) == []
    plan = first(filled, "tracking_plans", "WHERE description IS NULL")
    filled.network.write("PATCH", f"/tracking-plans/{plan['id']}", {"description": "Theirs"})
    filled.run(*ALL)
    (row,) = filled.rows("tracking_plans", f"WHERE id = '{plan['id']}'")
    assert row["description"] == "Theirs"


def lose_creation(replica: Replica) -> None:
    """A push of a new plan: neither the creation's answer nor the look after it arrives."""
    lost: list[Request] = []

    def lose(request: Request, answer: Any) -> Any:
        if request.method == "POST" or lost:
            lost.append(request)
        return net.error(502)(request, answer) if lost else answer

    replica.network.on("/tracking-plans", lose)
    assert outcomes(replica) == [("create", "lost")]
    replica.network.heal()


def test_c11_a_creation_whose_answer_was_lost_is_found_by_the_name_that_was_sent(single: Replica) -> None:
    single.do("INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE')")
    lose_creation(single)
    single.do("UPDATE tracking_plans SET name = 'Ours, renamed' WHERE name = 'Ours'")
    assert outcomes(single) == [("adopt", "done")]
    assert outcomes(single) == [("update", "done")]
    assert [each for each in writes(single.network) if each.startswith("POST")] == ["POST /tracking-plans"]
    names = [row["name"] for row in single.live("tracking_plans")]
    assert (names.count("Ours"), names.count("Ours, renamed")) == (0, 1)
    quiet(single)


@pytest.mark.parametrize("edited", ["", "new", "brought", "both"])
def test_c11_a_run_that_brings_what_a_lost_creation_made_stands_in_no_pushs_way(filled: Replica, edited: str) -> None:
    filled.do("INSERT INTO tracking_plans (name, type, description) VALUES ('Ours', 'LIVE', 'Before')")
    lose_creation(filled)
    filled.run(*ALL)
    assert len([row for row in filled.live("tracking_plans") if row["name"] == "Ours"]) == 2
    if edited in {"new", "both"}:
        filled.do("UPDATE tracking_plans SET description = 'After' WHERE name = 'Ours' AND id LIKE 'new:%'")
    if edited in {"brought", "both"}:
        filled.do("UPDATE tracking_plans SET description = 'After' WHERE name = 'Ours' AND id NOT LIKE 'new:%'")
    if edited == "both":
        assert outcomes(filled) == [("adopt", "refused"), ("update", "done")]
        filled.do("DELETE FROM tracking_plans WHERE name = 'Ours' AND id NOT LIKE 'new:%'")
    assert outcomes(filled) == ([("adopt", "done"), ("update", "done")] if edited == "brought" else [("adopt", "done")])
    if edited in {"new", "both"}:
        # Of both, the brought row has sent the same already.
        assert outcomes(filled) == [("update" if edited == "new" else "adopt", "done")]
    assert [each for each in writes(filled.network) if each.startswith("POST")] == ["POST /tracking-plans"]
    (row,) = (row for row in filled.live("tracking_plans") if row["name"] == "Ours")
    assert row["description"] == ("After" if edited else "Before")
    quiet(filled)


def test_c11_a_rule_that_was_added_on_both_sides_has_one_row(single: Replica) -> None:
    plan = first(single, "tracking_plans")["id"]
    rule = {"type": "TRACK", "key": "Ours", "version": 1, "jsonSchema": {"title": "Ours"}}
    single.network.write("PATCH", f"/tracking-plans/{plan}/rules", {"rules": [rule]})
    single.run(*ALL, full=True)
    columns = "tracking_plan_id, type, key, version, json_schema"
    same = f"SELECT {columns} FROM tracking_plan_rules WHERE tracking_plan_id = :plan AND key = 'Ours'"
    single.do(f"INSERT INTO tracking_plan_rules ({columns}) {same}", plan=plan)
    assert outcomes(single) == [("adopt", "done")]
    assert len(single.rows("tracking_plan_rules", "WHERE key = 'Ours'")) == 1
    single.do(f"INSERT INTO tracking_plan_rules ({columns}) {same}", plan=plan)
    (row,) = single.rows("tracking_plan_rules", "WHERE key = 'Ours' AND _key NOT LIKE 'new:%'")
    set_schema(single, row, '{"title": "2"}')
    assert sorted(outcomes(single)) == [("adopt", "done"), ("update", "done")]
    (row,) = single.rows("tracking_plan_rules", "WHERE key = 'Ours'")
    assert json.loads(row["json_schema"])["title"] == "2"
    quiet(single)


def test_a_push_that_slept_while_another_took_over_sends_nothing(
    filled: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.do("INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE')")
    intend, leases = Sending.intend, bookkeeping(filled.target.dialect).leases

    def asleep(self: Sending, *told: Any) -> list[str]:
        found = intend(self, *told)
        with filled.target.begin() as connection:
            connection.execute(leases.update().values(epoch=leases.c.epoch + 1))
        self.checked -= 60
        return found

    monkeypatch.setattr(Sending, "intend", asleep)
    with pytest.raises(RunLocked, match="took over"):
        outcomes(filled)
    assert list(writes(filled.network)) == []


def test_of_a_record_that_a_push_read_twice_the_later_reading_counts(filled: Replica) -> None:
    plans, key = filled.network.write("GET", "/tracking-plans?pagination.count=200")["trackingPlans"], b"k" * 32
    layout = layout_of(by_name["TrackingPlans"], Options(objects=objects("TrackingPlans")))
    with holding(filled.target, "push") as (ledger, lease):
        settling = Settling(filled.target, lease, ledger, layout, masks.keyed(key), key)
        readings = [settling.encode([{**each, "description": word} for each in plans]) for word in ("First", "Second")]
        settling.publish([row for rows in readings for row in rows])
        ledger.finish("done", None, {})
    assert {row["description"] for row in filled.live("tracking_plans")} == {"Second"}


@pytest.mark.parametrize("later", [False, True])
def test_c11_a_creation_is_found_whatever_was_appended_to_its_name(single: Replica, later: bool) -> None:
    single.do("INSERT INTO destination_functions (display_name, code) VALUES ('Ours', '// ours')")
    single.network.on("/", net.data(lambda found: found["workspace"].update(name="Another")))
    made: list[Request] = []

    def lose(request: Request, answer: Any) -> Any:
        if request.method == "POST":
            # Somebody makes one of a name that begins alike, too.
            body = {"displayName": "Ours (old)", "code": "// theirs", "resourceType": "DESTINATION"}
            made.append(request)
            single.network.write("POST", "/functions", body)
        return net.error(502)(request, answer) if request.method == "POST" or (later and made) else answer

    single.network.on("/functions", lose)
    assert outcomes(single) == [("create", "lost" if later else "done")]
    single.network.heal()
    single.network.on("/", net.data(lambda found: found["workspace"].update(name="Another")))
    if later:
        assert outcomes(single) == [("adopt", "done")]
    names = [row["display_name"] for row in single.live("destination_functions")]
    assert names.count("Ours (Acme Outdoors)") == 1
    assert len(made) == 1
    quiet(single)


def test_c11_what_somebody_edits_when_an_answer_is_lost_is_not_overwritten(single: Replica) -> None:
    plan = first(single, "tracking_plans")["id"]
    single.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=plan)
    asked: list[Request] = []

    def theirs(request: Request, answer: Any) -> Any:
        if request.method == "PATCH" or asked:
            asked.append(request)
        if len(asked) == 1:
            single.network.write("PATCH", f"/tracking-plans/{plan}", {"name": "Theirs"})
        return net.error(502)(request, answer) if request.method == "PATCH" else answer

    single.network.on(f"/tracking-plans/{plan}", theirs)
    assert outcomes(single) == [("update", "moved")]
    single.network.heal()
    assert outcomes(single) == [("conflict", "conflict")]
    assert plan_there(single, plan)["name"] == "Theirs"


@pytest.mark.parametrize("side", ["ours", "theirs"])
@pytest.mark.parametrize("pulled", [False, True])
def test_c3_a_plan_deleted_here_whose_rule_is_edited_there_is_a_conflict(
    single: Replica, side: Side, pulled: bool
) -> None:
    rule = single.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY _key")[0]
    plan = rule["tracking_plan_id"]
    single.do("DELETE FROM tracking_plan_rules WHERE tracking_plan_id = :id", id=plan)
    single.do("DELETE FROM tracking_plans WHERE id = :id", id=plan)
    edited = {name: rule[name] for name in ("type", "key", "version")} | {"jsonSchema": {"title": "Theirs"}}
    single.network.write("PATCH", f"/tracking-plans/{plan}/rules", {"rules": [edited]})
    if pulled:
        single.run(*ALL)
    plans = Options(objects=objects("TrackingPlans"))
    (step,) = [each for each in planned(single) if each.object == "TrackingPlans"]
    assert step.action == "conflict"
    assert step.reason == f"deleted here, its rules edited in the workspace ({rule['key']})"
    many = Allowed(push=True, deletes=True, deploy=True, many_deletes=frozenset(ALL))
    done = [each for each in pushed(single, many) if each.step.object == "TrackingPlans"]
    assert [each.outcome for each in done] == ["conflict"]
    (conflict,) = [each for each in single.books("conflicts") if each["object"] == "TrackingPlans"]
    with single.client() as client:
        resolve(single.target, client, plans, conflict["id"], side)
    single.run(*ALL)
    done = [each for each in pushed(single, many) if each.step.object == "TrackingPlans"]
    ids = [each["id"] for each in single.network.write("GET", "/tracking-plans?pagination.count=200")["trackingPlans"]]
    assert (plan in ids, [each.outcome for each in done]) == ((True, []) if side == "theirs" else (False, ["done"]))


def test_c3_the_rules_of_a_deleted_plan_that_a_policy_overrules_are_kept_in_the_journal(single: Replica) -> None:
    rule = single.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY _key")[0]
    plan = rule["tracking_plan_id"]
    single.do("DELETE FROM tracking_plans WHERE id = :id", id=plan)
    edited = {name: rule[name] for name in ("type", "key", "version")} | {"jsonSchema": {"title": "Theirs"}}
    single.network.write("PATCH", f"/tracking-plans/{plan}/rules", {"rules": [edited]})
    done = pushed(single, Allowed(push=True, deletes=True, policy="target_wins"))
    assert [(each.step.action, each.outcome) for each in done] == [("delete", "done")]
    (entry,) = single.books("push_journal")
    before = json.loads(entry["before"])
    assert before["name"]
    assert [(each["key"], each["jsonSchema"]["title"]) for each in before["rules"]] == [(rule["key"], "Theirs")]


@pytest.mark.parametrize("body", [b"{}", b'{"data": {}}', b'{"data": {"trackingPlan": {"id": '])
def test_c11_a_creation_whose_answer_names_nothing_is_found_and_not_made_again(single: Replica, body: bytes) -> None:
    single.do("INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE')")
    single.network.on(
        "/tracking-plans",
        lambda request, answer: net.raw(body)(request, answer) if request.method == "POST" else answer,
    )
    assert outcomes(single) == [("create", "done")]
    assert [method for method, _ in single.network.written] == ["POST"]
    assert {entry["status"] for entry in single.books("push_journal")} == {"done"}
    quiet(single)


def test_c6_a_plan_deleted_there_and_made_anew_under_its_name_is_another_one(filled: Replica) -> None:
    was = first(filled, "tracking_plans")
    filled.network.write("DELETE", f"/tracking-plans/{was['id']}")
    made = filled.network.write("POST", "/tracking-plans", {"name": was["name"], "type": "LIVE"})["trackingPlan"]
    filled.run(*ALL, allow_deletes=frozenset(ALL))
    rows = {row["id"]: row for row in filled.rows("tracking_plans") if row["name"] == was["name"]}
    assert rows.keys() == {was["id"], made["id"]}
    assert rows[was["id"]]["_deleted_at"]
    assert not rows[made["id"]]["_deleted_at"]
    quiet(filled)


def test_c7_a_second_plan_of_one_name_is_not_made_and_takes_over_no_other(filled: Replica) -> None:
    filled.do("INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE')")
    filled.do("INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE')")
    assert sorted(outcomes(filled)) == [("create", "done"), ("refused", "refused")]
    (made,) = [row["id"] for row in filled.live("tracking_plans") if row["name"] == "Ours" and row["slug"]]
    (step,) = planned(filled)
    assert step.reason == f"there is one of this name already, {made}: change that one, or give this one another name"
    assert [each for each in writes(filled.network) if each.startswith("POST")] == ["POST /tracking-plans"]
    filled.do("UPDATE tracking_plans SET name = 'Ours too' WHERE id = :id", id=step.id)
    assert outcomes(filled) == [("create", "done")]
    quiet(filled)


def test_c13_a_schema_that_segment_keeps_in_its_own_way_is_no_edit_afterwards(filled: Replica) -> None:
    rule = filled.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY _key")[0]
    set_schema(filled, rule, '{"title": "Ours",   "properties": {"traits": {}}, "minimum": 1.0}')
    assert outcomes(filled) == [("update", "done")]
    (row,) = [each for each in filled.live("tracking_plan_rules") if each["_key"] == rule["_key"]]
    there = row["json_schema"] if isinstance(row["json_schema"], dict) else json.loads(row["json_schema"])
    assert there["properties"] == {"context": {}, "properties": {}, "traits": {}}
    quiet(filled)


def test_a_deletion_whose_push_was_killed_over_it_has_an_outcome_in_the_end(filled: Replica) -> None:
    plan = first(filled, "tracking_plans")["id"]
    filled.do("DELETE FROM tracking_plans WHERE id = :p", p=plan)

    def die(request: Request, answer: Any) -> Any:
        if request.method == "DELETE":
            raise KeyboardInterrupt
        return answer

    filled.network.on("*", die)
    with pytest.raises(KeyboardInterrupt):
        pushed(filled)
    filled.network.heal()
    filled.run(*ALL)
    books = bookkeeping(filled.target.dialect)
    with filled.target.begin() as connection:
        Journal(filled.target, books, "an earlier run").want_sources(connection, "new:plan", ["source"])
    pushed(filled)
    waiting = [row for row in filled.books("push_journal") if row["action"] == "connect"]
    assert [(row["status"], row["error"]) for row in waiting] == [("sent", None)]
    deleted = [row for row in filled.books("push_journal") if row["action"] == "delete"]
    left = [(row["status"], bool(row["ended_at"]), row["error"]) for row in deleted]
    assert left == [("lost", True, "its push was killed before it knew Segment's answer")]


@pytest.mark.parametrize("added", [False, True])
def test_c13_what_segment_made_of_a_schema_that_a_cut_off_push_sent_is_no_edit_of_somebody_else(
    single: Replica, added: bool
) -> None:
    rule = single.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY _key")[0]
    if added:
        columns = "tracking_plan_id, type, key, version, json_schema"
        values = """'TRACK', 'Ours', 1, '{"title": "Ours"}'"""
        single.do(f"INSERT INTO tracking_plan_rules ({columns}) VALUES (:p, {values})", p=rule["tracking_plan_id"])
    else:
        set_schema(single, rule, '{"title": "Ours"}')
    lost: list[Request] = []

    def lose(request: Request, answer: Any) -> Any:
        if request.method == "PATCH" or lost:
            lost.append(request)
        return net.error(502)(request, answer) if lost else answer

    single.network.on(f"/tracking-plans/{rule['tracking_plan_id']}/rules", lose)
    with pytest.raises(SegmentError):
        pushed(single)
    single.network.heal()
    assert outcomes(single) == [("adopt", "done")]
    assert len(list(writes(single.network))) == 1
    quiet(single)


def test_c8_an_edit_of_a_row_that_is_just_being_made_stays_an_edit(filled: Replica) -> None:
    filled.do("INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE')")
    edit = "UPDATE tracking_plans SET description = 'Meanwhile' WHERE name = 'Ours'"
    before(filled.network, "POST", lambda: filled.do(edit))
    assert outcomes(filled) == [("create", "done")]
    (row,) = filled.rows("tracking_plans", "WHERE name = 'Ours'")
    assert row["description"] == "Meanwhile"
    assert outcomes(filled) == [("update", "done")]
    quiet(filled)


def test_c14_a_function_that_was_saved_and_not_deployed_is_deployed_by_the_next_push(single: Replica) -> None:
    function = first(single, "source_functions")["id"]
    single.do("UPDATE source_functions SET code = '// ours' WHERE id = :id", id=function)
    deployment = f"/functions/{function}/deploy"
    single.network.on(deployment, net.error(503))
    (done,) = pushed(single)
    assert done.outcome == "done"
    single.network.heal()
    pushed(single)
    found = single.network.write("GET", f"/functions/{function}")["function"]
    assert (found["code"], found["isLatestVersion"]) == ("// ours", True)
    quiet(single)


def test_c16_the_edits_that_a_token_may_not_send_stay_and_its_words_are_told(tmp_path: Any) -> None:
    reader = Token("sandbox-reader", read_only=True)
    network = Network(Sandbox(tokens=(Token("sandbox"), reader)))
    replica = Replica(f"sqlite:///{tmp_path}/replica.db", network)
    replica.run(*ALL)
    plan = first(replica, "tracking_plans")["id"]
    replica.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=plan)
    replica.token = "sandbox-reader"
    (done,) = pushed(replica)
    assert done.outcome == "refused"
    assert done.error
    assert first(replica, "tracking_plans")["name"] == "Ours"
    assert [each.id for each in pending(replica, "TrackingPlans")] == [plan]
    replica.token = "sandbox"
    assert outcomes(replica) == [("update", "done")]
    replica.close()


def test_c18_a_listing_that_was_begun_before_a_deletion_does_not_bring_the_record_back(single: Replica) -> None:
    listed = single.network.write("GET", "/tracking-plans?pagination.count=2")["trackingPlans"]
    plan = listed[0]["id"]
    single.network.page_size = 2
    single.network.on("/tracking-plans", _cut_later)
    single.run("TrackingPlans")
    single.network.heal()
    assert single.books("checkpoints"), "the listing was not cut off"
    single.do("DELETE FROM tracking_plans WHERE id = :id", id=plan)
    pushed(single)
    single.run("TrackingPlans")
    assert plan not in [row["id"] for row in single.live("tracking_plans")]


def _cut_later(request: Request, answer: Any) -> Any:
    return net.error(500)(request, answer) if "cursor" in request.target else answer


def test_c19_a_table_that_is_restored_from_a_backup_contradicts_what_was_edited_there_since(filled: Replica) -> None:
    was = first(filled, "tracking_plans")
    filled.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=was["id"])
    # The backup of the whole: table and base as they were, with the edit in it.
    base = filled.rows("tracking_plans_base", f"WHERE id = '{was['id']}'")[0]
    filled.network.write("PATCH", f"/tracking-plans/{was['id']}", {"name": "Theirs"})
    filled.run(*ALL)
    filled.do("UPDATE tracking_plans_base SET name = :n WHERE id = :id", n=base["name"], id=was["id"])
    assert outcomes(filled) == [("conflict", "conflict")]
    assert plan_there(filled, was["id"])["name"] == "Theirs"
    assert first(filled, "tracking_plans")["name"] == "Ours"


def test_c21_rows_that_a_bulk_load_brings_are_edits_like_others(filled: Replica) -> None:
    filled.do(
        "INSERT INTO tracking_plans (name, type) SELECT CONCAT('Ours ', id), 'LIVE' FROM tracking_plans"
        if filled.engine.dialect.name != "sqlite"
        else "INSERT INTO tracking_plans (name, type) SELECT 'Ours ' || id, 'LIVE' FROM tracking_plans"
    )
    ours = [each for each in pending(filled, "TrackingPlans") if each.kind == "create"]
    assert len(ours) == len(filled.live("tracking_plans")) / 2
    assert outcomes(filled) == [("create", "done")] * len(ours)
    quiet(filled)


@pytest.mark.parametrize("a_run_between", [False, True])
@pytest.mark.parametrize("table", ["tracking_plans", "tracking_plan_rules"])
def test_c21_a_row_that_is_copied_with_all_its_columns_is_one_that_somebody_added(
    filled: Replica, table: str, a_run_between: bool
) -> None:
    quote = filled.engine.dialect.identifier_preparer.quote
    mine = filled.rows(table, "WHERE type = 'TRACK' ORDER BY _key" if table == "tracking_plan_rules" else "ORDER BY id")
    key, changed = ("_key", {"version": "7"}) if table == "tracking_plan_rules" else ("id", {"name": "'Copied'"})
    changed |= {key: "'mine'"}
    columns = ", ".join(map(quote, mine[0]))
    values = ", ".join(changed.get(name, quote(name)) for name in mine[0])
    filled.do(f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE {key} = :key", key=mine[0][key])
    if a_run_between:
        for _ in range(2):
            filled.run(*ALL)
        assert len(filled.live(table)) == len(filled.rows(table))
    name = "TrackingPlanRules" if table == "tracking_plan_rules" else "TrackingPlans"
    assert [(each.kind, each.id, each.refused) for each in pending(filled, name)] == [("create", "mine", ())]
    assert outcomes(filled) == [("create", "done")]
    quiet(filled)
    (row,) = filled.rows(table, f"WHERE {next(iter(changed))} = {next(iter(changed.values()))}")
    assert (row[key] != "mine", row["_deleted_at"]) == (True, None)
