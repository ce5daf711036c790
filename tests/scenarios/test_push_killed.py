"""A push is killed after its write had its effect, and then the person changes their mind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replicator.sandbox import Request
from replicator.sync.session import Allowed
from tests.scenarios.replica import Replica
from tests.scenarios.test_edits import pending, set_schema
from tests.scenarios.test_push import ALL, first, give_key, named_rule, planned, pushed, quiet, rules_there, writes
from tests.scenarios.test_push_careful import before, outcomes, plan_there

OPEN = ("sent", "lost")


def kill(replica: Replica) -> None:
    """A push that dies right after its first write had its effect."""

    def die(request: Request, answer: Any) -> Any:
        if request.method != "GET":
            raise KeyboardInterrupt
        return answer

    replica.network.on("*", die)
    with pytest.raises(KeyboardInterrupt):
        pushed(replica)
    replica.network.heal()
    replica.network.written.clear()


def code_there(replica: Replica, function: str) -> str:
    return str(replica.network.write("GET", f"/functions/{function}")["function"]["code"])


def plans_there(replica: Replica) -> list[str]:
    found = replica.network.write("GET", "/tracking-plans?pagination.count=200")["trackingPlans"]
    return [each["name"] for each in found]


def settled(replica: Replica) -> bool:
    """Nothing is open in the journal any more, and nothing is left to do."""
    quiet(replica)
    return not [row for row in replica.books("push_journal") if row["status"] in OPEN and row["action"] != "deploy"]


@pytest.mark.parametrize("a_run_between", [False, True])
def test_code_that_is_taken_back_is_taken_back_in_the_workspace(filled: Replica, a_run_between: bool) -> None:
    was = first(filled, "source_functions")
    filled.do("UPDATE source_functions SET code = '// ours' WHERE id = :id", id=was["id"])
    kill(filled)
    assert code_there(filled, was["id"]) == "// ours"
    filled.do("UPDATE source_functions SET code = :code WHERE id = :id", code=was["code"], id=was["id"])
    if a_run_between:
        filled.run(*ALL)
        assert first(filled, "source_functions")["code"] == was["code"]
    (edit,) = pending(filled, "SourceFunctions")
    assert [(each.name, each.base, each.local) for each in edit.fields] == [("code", "// ours", was["code"])]
    assert outcomes(filled) == [("update", "done")]
    assert code_there(filled, was["id"]) == was["code"]
    assert settled(filled)


@pytest.mark.parametrize("a_run_between", [False, True])
@pytest.mark.parametrize("theirs", [None, "// theirs"])
def test_what_is_taken_back_after_a_write_without_effect_follows_the_workspace(
    filled: Replica, theirs: str | None, a_run_between: bool
) -> None:
    was = first(filled, "source_functions")
    filled.do("UPDATE source_functions SET code = '// ours' WHERE id = :id", id=was["id"])
    kill(filled)
    filled.network.write("PATCH", f"/functions/{was['id']}", {"code": theirs or was["code"]})
    filled.do("UPDATE source_functions SET code = :code WHERE id = :id", code=was["code"], id=was["id"])
    if a_run_between:
        filled.run(*ALL)
    assert outcomes(filled) == [("adopt", "done")]
    assert not [each for each in writes(filled.network) if each.startswith("PATCH")]
    assert first(filled, "source_functions")["code"] == (theirs or was["code"])
    assert settled(filled)


def test_of_two_fields_that_were_sent_the_one_that_is_taken_back_is_taken_back_there(filled: Replica) -> None:
    was = first(filled, "tracking_plans")
    filled.do("UPDATE tracking_plans SET name = 'Ours', description = 'Ours' WHERE id = :id", id=was["id"])
    kill(filled)
    filled.do("UPDATE tracking_plans SET description = 'Another' WHERE id = :id", id=was["id"])
    filled.do("UPDATE tracking_plans SET name = :name WHERE id = :id", name=was["name"], id=was["id"])
    assert outcomes(filled) == [("update", "done")]
    there = plan_there(filled, was["id"])
    assert (there["name"], there["description"]) == (was["name"], "Another")
    assert settled(filled)


@pytest.mark.parametrize("a_run_between", [False, True])
@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize("then", ["Second", None])
def test_a_rule_that_is_renamed_again_or_back_has_that_name_there(
    filled: Replica, then: str | None, effect: bool, a_run_between: bool
) -> None:
    rule = named_rule(filled)
    plan_id, was = rule["tracking_plan_id"], rules_there(filled, rule["tracking_plan_id"])
    give_key(filled, rule, "First")
    kill(filled)
    if not effect:
        back = {"type": "TRACK", "key": "First", "newKey": rule["key"], "version": rule["version"]}
        back["jsonSchema"] = was[rule["key"]]
        filled.network.write("PATCH", f"/tracking-plans/{plan_id}/rules", {"rules": [back]})
    give_key(filled, rule, then or rule["key"])
    if a_run_between:
        filled.run(*ALL)
    asked = "update" if then or effect else "adopt"
    assert [(each.step.action, each.outcome) for each in pushed(filled)] == [(asked, "done")]
    assert rules_there(filled, plan_id) == {
        (then or name) if name == rule["key"] else name: schema for name, schema in was.items()
    }
    filled.run(*ALL)
    live = [each["key"] for each in filled.live("tracking_plan_rules") if each["tracking_plan_id"] == plan_id]
    assert ("First" in live, live.count(then or rule["key"])) == (False, 1)
    assert settled(filled)


def test_a_rule_that_is_deleted_after_its_rename_goes_under_its_new_name(filled: Replica) -> None:
    rule = named_rule(filled)
    give_key(filled, rule, "First")
    set_schema(filled, rule, json.dumps({"title": "Ours"}))
    kill(filled)
    filled.do("DELETE FROM tracking_plan_rules WHERE _key = :key", key=rule["_key"])
    assert outcomes(filled) == [("delete", "done")]
    assert not {"First", rule["key"]} & rules_there(filled, rule["tracking_plan_id"]).keys()
    assert settled(filled)


def test_a_new_plan_that_is_deleted_again_goes_there_too(filled: Replica) -> None:
    filled.do("INSERT INTO tracking_plans (name, type) VALUES ('Mistake', 'LIVE')")
    kill(filled)
    filled.do("DELETE FROM tracking_plans WHERE name = 'Mistake'")
    assert "Mistake" in plans_there(filled)
    assert [each.action for each in planned(filled, Allowed(push=True))] == ["refused"]
    assert outcomes(filled) == [("delete", "done")]
    assert "Mistake" not in plans_there(filled)
    assert settled(filled)


@pytest.mark.parametrize("why", ["a run brought it", "edited there", "never made"])
def test_a_new_plan_that_is_deleted_again_stays_where_somebody_has_a_use_for_it(filled: Replica, why: str) -> None:
    filled.do("INSERT INTO tracking_plans (name, type) VALUES ('Mistake', 'LIVE')")
    kill(filled)
    filled.do("DELETE FROM tracking_plans WHERE name = 'Mistake'")
    made = filled.network.write("GET", "/tracking-plans?pagination.count=200")["trackingPlans"]
    plan_id = next(each["id"] for each in made if each["name"] == "Mistake")
    if why == "a run brought it":
        filled.run(*ALL)
    elif why == "edited there":
        filled.network.write("PATCH", f"/tracking-plans/{plan_id}", {"description": "Theirs"})
    else:
        filled.network.write("DELETE", f"/tracking-plans/{plan_id}")
    assert outcomes(filled) == [("adopt", "done")]
    assert ("Mistake" in plans_there(filled)) == (why != "never made")
    filled.run(*ALL)
    assert len([row for row in filled.live("tracking_plans") if row["name"] == "Mistake"]) == (why != "never made")
    assert settled(filled)


@pytest.mark.parametrize("added_again", [False, True])
def test_a_new_rule_that_is_deleted_again_goes_there_too_unless_it_is_added_again(
    filled: Replica, added_again: bool
) -> None:
    rule = named_rule(filled)
    name = filled.engine.dialect.identifier_preparer.quote("key")
    columns = f"tracking_plan_id, type, {name}, version, json_schema"
    add = (
        f"INSERT INTO tracking_plan_rules ({columns}) SELECT tracking_plan_id, type, 'Mistake', version, json_schema"
        " FROM tracking_plan_rules WHERE _key = :key"
    )
    filled.do(add, key=rule["_key"])
    kill(filled)
    assert "Mistake" in rules_there(filled, rule["tracking_plan_id"])
    filled.do(f"DELETE FROM tracking_plan_rules WHERE {name} = 'Mistake'")
    if added_again:
        filled.do(add, key=rule["_key"])
    assert outcomes(filled) == ([("adopt", "done")] * 2 if added_again else [("delete", "done")])
    assert ("Mistake" in rules_there(filled, rule["tracking_plan_id"])) == added_again
    assert settled(filled)


def test_a_row_that_is_deleted_while_it_is_made_stays_deleted(filled: Replica) -> None:
    filled.do("INSERT INTO tracking_plans (name, type) VALUES ('Fresh', 'LIVE')")
    before(filled.network, "POST", lambda: filled.do("DELETE FROM tracking_plans WHERE name = 'Fresh'"))
    pushed(filled)
    assert [row for row in filled.live("tracking_plans") if row["name"] == "Fresh"] == []
    assert outcomes(filled) == [("delete", "done")]
    assert "Fresh" not in plans_there(filled)
    assert settled(filled)
