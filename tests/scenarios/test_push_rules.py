"""What a push makes of rules whose rows say things of each other, and of what Segment takes no notice of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from replicator.catalog import by_name
from replicator.errors import UsageError
from replicator.options import Options, layout_of
from replicator.sandbox import Request, Response
from replicator.sync.pending import pending as waiting
from replicator.sync.resolve import resolve
from tests.scenarios.replica import Replica, objects
from tests.scenarios.test_edits import pending, set_schema
from tests.scenarios.test_push import (
    ALL,
    FREE,
    first,
    give_key,
    named_rule,
    planned,
    pushed,
    quiet,
    rules_there,
    writes,
)
from tests.scenarios.test_push_careful import outcomes

COLUMNS = ("tracking_plan_id", "type", "key", "version", "json_schema")


def remove(replica: Replica, rule: Mapping[str, Any]) -> None:
    replica.do("DELETE FROM tracking_plan_rules WHERE _key = :key", key=rule["_key"])


def add(replica: Replica, rule: Mapping[str, Any], **other: Any) -> None:
    """A row as that rule's, less what is said of it otherwise."""
    values = {name: {**rule, **other}[name] for name in COLUMNS}
    schema = values["json_schema"]
    values["json_schema"] = schema if isinstance(schema, str) else json.dumps(schema)
    quote = replica.engine.dialect.identifier_preparer.quote
    given = ", ".join(f":{name}" for name in COLUMNS)
    if replica.engine.dialect.name == "postgresql":
        given = given.replace(":json_schema", "CAST(:json_schema AS jsonb)")
    replica.do(f"INSERT INTO tracking_plan_rules ({', '.join(map(quote, COLUMNS))}) VALUES ({given})", **values)


def titled(replica: Replica, rule: Mapping[str, Any]) -> dict[str, str | None]:
    """The titles of the plan's rules in the workspace, by key."""
    return {key: schema.get("title") for key, schema in rules_there(replica, rule["tracking_plan_id"]).items()}


def two_rules(replica: Replica) -> tuple[dict[str, Any], dict[str, Any]]:
    one, two = named_rule(replica), named_rule(replica, 1)
    assert (one["tracking_plan_id"], one["version"]) == (two["tracking_plan_id"], two["version"])
    return one, two


@pytest.mark.parametrize("schema", [None, '{"title": "Ours"}'])
def test_a_rule_that_is_deleted_and_added_again_is_not_removed_from_the_workspace(
    filled: Replica, schema: str | None
) -> None:
    rule = named_rule(filled)
    theirs = rules_there(filled, rule["tracking_plan_id"])
    remove(filled, rule)
    add(filled, rule, json_schema=schema or rule["json_schema"])
    assert outcomes(filled) == [("update" if schema else "adopt", "done")]
    assert len(list(writes(filled.network))) == (1 if schema else 0)
    after = rules_there(filled, rule["tracking_plan_id"])
    assert after.keys() == theirs.keys()
    assert after[rule["key"]].get("title") == ("Ours" if schema else theirs[rule["key"]].get("title"))
    (row,) = filled.rows("tracking_plan_rules", f"WHERE _key = '{rule['_key']}' OR _key LIKE 'new:%'")
    assert row["_key"] == rule["_key"]
    quiet(filled)


def test_a_reload_of_all_rules_asks_for_no_deletion(filled: Replica) -> None:
    rules = filled.rows("tracking_plan_rules")
    filled.do("DELETE FROM tracking_plan_rules")
    for rule in rules:
        add(filled, rule)
    assert set(outcomes(filled)) == {("adopt", "done")}
    assert not list(writes(filled.network))
    quiet(filled)


@pytest.mark.parametrize("policy", ["error", "target_wins", "segment_wins"])
def test_a_rule_that_is_reloaded_here_and_edited_there_is_merged_as_any_other_edit(
    single: Replica, policy: Any
) -> None:
    rule = named_rule(single)
    body = {name: rule[name] for name in ("type", "key", "version")} | {"jsonSchema": {"title": "Theirs"}}
    single.network.write("PATCH", f"/tracking-plans/{rule['tracking_plan_id']}/rules", {"rules": [body]})
    remove(single, rule)
    add(single, rule, json_schema='{"title": "Ours"}')
    done = pushed(single, replace(FREE, policy=policy))
    expected = {"error": "conflict", "target_wins": "update", "segment_wins": "pull"}[policy]
    assert [each.step.action for each in done] == [expected]
    assert titled(single, rule)[rule["key"]] == ("Ours" if policy == "target_wins" else "Theirs")
    if policy != "error":
        quiet(single)


def test_two_rows_that_are_to_be_one_rule_are_both_kept_and_told(single: Replica) -> None:
    rule = named_rule(single)
    for title in ("1", "2"):
        add(single, rule, key="Ours", json_schema=json.dumps({"title": title}))
    why = "2 rows here are to be one rule, of this type, key and version: keep one of them"
    assert [each.refused for each in pending_told(single)] == [(why,)] * 2
    assert [(each.outcome, each.error) for each in pushed(single)] == [("refused", why)] * 2
    assert not list(writes(single.network))
    assert len(single.rows("tracking_plan_rules", "WHERE key = 'Ours'")) == 2
    single.do("""DELETE FROM tracking_plan_rules WHERE key = 'Ours' AND json_schema LIKE '%"1"%'""")
    assert outcomes(single) == [("create", "done")]
    assert titled(single, rule)["Ours"] == "2"
    quiet(single)


def pending_told(replica: Replica) -> list[Any]:
    layout = layout_of(by_name["TrackingPlanRules"], Options(objects=objects(*ALL)))
    with replica.target.reading() as connection:
        return list(waiting(replica.target, connection, layout))


@pytest.mark.parametrize("later", [False, True])
def test_a_row_that_was_given_another_key_of_ours_is_no_deletion(filled: Replica, later: bool) -> None:
    rule, plan = named_rule(filled), first(filled, "tracking_plans")
    theirs = rules_there(filled, rule["tracking_plan_id"])
    filled.do("UPDATE tracking_plan_rules SET _key = 'abc' WHERE _key = :key", key=rule["_key"])
    filled.do("UPDATE tracking_plans SET id = 'tp_other' WHERE id = :id", id=plan["id"])
    if later:
        filled.run(*ALL, allow_deletes=frozenset(ALL))
    done = {each.step.id: (each.outcome, each.error) for each in pushed(filled)}
    assert done[rule["_key"]] == ("refused", "its row was given another _key, abc: give it this one again")
    assert done[plan["id"]] == ("refused", "its row was given another id, tp_other: give it this one again")
    assert {outcome for outcome, _ in done.values()} == {"refused"}
    assert not list(writes(filled.network))
    assert rules_there(filled, rule["tracking_plan_id"]).keys() == theirs.keys()
    back = "_deleted_at = NULL WHERE"
    filled.do(f"UPDATE tracking_plan_rules SET _key = :key, {back} _key = 'abc'", key=rule["_key"])
    filled.do(f"UPDATE tracking_plans SET id = :id, {back} id = 'tp_other'", id=plan["id"])
    quiet(filled)


@pytest.mark.parametrize("kind", ["IDENTIFY", "GROUP", "COMMON"])
def test_a_new_rule_of_a_type_without_keys_that_has_one_is_refused(single: Replica, kind: str) -> None:
    add(single, named_rule(single), type=kind, key="Ours", version=3, json_schema='{"title": "Ours"}')
    (done,) = pushed(single)
    assert (done.outcome, done.error) == ("refused", f"a rule of the type {kind} has no key: leave it out")
    assert not list(writes(single.network))
    single.do("UPDATE tracking_plan_rules SET key = '' WHERE key = 'Ours'")
    assert outcomes(single) == [("create", "done")]
    quiet(single)


def chain(replica: Replica, one: Mapping[str, Any], two: Mapping[str, Any]) -> None:
    give_key(replica, {**two}, "Third")
    give_key(replica, {**one}, two["key"])


def onto_a_deleted_one(replica: Replica, one: Mapping[str, Any], two: Mapping[str, Any]) -> None:
    remove(replica, two)
    give_key(replica, {**one}, two["key"])


def and_another_in_its_place(replica: Replica, one: Mapping[str, Any], two: Mapping[str, Any]) -> None:
    remove(replica, two)
    give_key(replica, {**one}, "Third")
    add(replica, one, json_schema='{"title": "New"}')


def and_an_equal_one_in_its_place(replica: Replica, one: Mapping[str, Any], two: Mapping[str, Any]) -> None:
    remove(replica, two)
    give_key(replica, {**one}, "Third")
    add(replica, one)


@pytest.mark.parametrize(
    ("deed", "expected"),
    [
        (chain, {"two": "First", "Third": "Second"}),
        (onto_a_deleted_one, {"two": "First"}),
        (and_another_in_its_place, {"one": "New", "Third": "First"}),
        (and_an_equal_one_in_its_place, {"one": "First", "Third": "First"}),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_keys_that_rules_give_up_go_to_others_in_the_same_push(
    filled: Replica, deed: Callable[..., None], expected: dict[str, str], turned: bool
) -> None:
    one, two = two_rules(filled)[:: -1 if turned else 1]
    one, two = titled_as(filled, one, "First"), titled_as(filled, two, "Second")
    names = {"one": one["key"], "two": two["key"]}
    filled.network.written.clear()
    deed(filled, one, two)
    assert {outcome for _, outcome in outcomes(filled)} == {"done"}
    there = titled(filled, one)
    found = {key: there[key] for key in there.keys() & {*names.values(), "Third"}}
    assert found == {names.get(key, key): text for key, text in expected.items()}
    quiet(filled)


def titled_as(replica: Replica, rule: dict[str, Any], text: str) -> dict[str, Any]:
    """The rule, with that title on both sides."""
    set_schema(replica, rule, json.dumps({"title": text}))
    assert outcomes(replica) == [("update", "done")]
    (found,) = replica.rows("tracking_plan_rules", f"WHERE _key = '{rule['_key']}'")
    return found


@pytest.mark.parametrize("policy", ["error", "segment_wins"])
def test_rules_that_take_each_others_keys_are_refused_with_the_way_out(single: Replica, policy: Any) -> None:
    one, two = two_rules(single)
    give_key(single, one, two["key"])
    give_key(single, two, one["key"])
    why = "rules cannot take each other's keys in one push: give one of them a third key, push, then the right one"
    done = pushed(single, replace(FREE, policy=policy))
    assert [(each.outcome, each.error) for each in done] == [("refused", why)] * 2
    assert not list(writes(single.network))
    give_key(single, one, "Third")
    assert outcomes(single) == [("update", "done")] * 2
    (third,) = single.rows("tracking_plan_rules", "WHERE key = 'Third'")
    give_key(single, third, two["key"])
    assert outcomes(single) == [("update", "done")]
    quiet(single)


def test_a_key_that_was_not_given_up_in_the_end_is_not_given(single: Replica) -> None:
    one, two = two_rules(single)
    chain(single, one, two)
    single.network.refuse_rules_with = "Third"
    done = {each.step.id: (each.outcome, each.error) for each in pushed(single)}
    assert done[two["_key"]][0] == "refused"
    why = "the rule that has its key in the workspace was to give it up, and did not"
    assert done[one["_key"]] == ("refused", why)
    assert [method for method, _ in single.network.written] == ["PATCH"]
    single.network.refuse_rules_with = ""
    assert set(outcomes_again(single)) == {("update", "done")}
    quiet(single)


def outcomes_again(replica: Replica) -> list[tuple[str, str]]:
    return [(each.step.action, each.outcome) for each in pushed(replica, replace(FREE, again=True))]


def test_a_key_that_another_rule_has_is_decided_as_the_policy_says_or_told_how(single: Replica) -> None:
    one, two = two_rules(single)
    give_key(single, one, two["key"])
    for policy in ("error", "target_wins"):
        (done,) = pushed(single, replace(FREE, policy=policy))
        assert (done.outcome, done.error) == ("conflict", f"the workspace has another rule of the key {two['key']}")
    (conflict,) = single.books("conflicts")
    with single.client() as client, pytest.raises(UsageError) as raised:
        resolve(single.target, client, Options(objects=objects(*ALL)), conflict["id"], "ours")
    assert "delete that rule's row here as well" in str(raised.value)
    (done,) = pushed(single, replace(FREE, policy="segment_wins"))
    assert (done.step.action, done.outcome) == ("pull", "done")
    assert not list(writes(single.network))
    (row,) = single.rows("tracking_plan_rules", f"WHERE _key = '{one['_key']}'")
    assert row["key"] == one["key"]
    assert single.books("conflicts") == []
    quiet(single)


def renamed(replica: Replica, rule: dict[str, Any]) -> None:
    give_key(replica, rule, "Ours")


def created(replica: Replica, rule: dict[str, Any]) -> None:
    add(replica, rule, key="Ours", json_schema='{"title": "Ours"}')


def plan_deleted(replica: Replica, rule: dict[str, Any]) -> None:
    replica.do("DELETE FROM tracking_plans WHERE id = :id", id=rule["tracking_plan_id"])


@pytest.mark.parametrize(
    ("method", "deed", "kind", "what"),
    [
        ("PATCH", renamed, "update", "key"),
        ("PATCH", created, "create", "it"),
        ("DELETE", remove, "delete", "it"),
        ("DELETE", plan_deleted, "delete", "it"),
    ],
)
def test_c13_whatever_segment_takes_no_notice_of_is_told_and_kept_and_not_sent_again(
    single: Replica, method: str, deed: Callable[..., None], kind: str, what: str
) -> None:
    rule = named_rule(single)
    theirs = rules_there(single, rule["tracking_plan_id"])
    deed(single, rule)
    thing = "TrackingPlans" if deed is plan_deleted else "TrackingPlanRules"
    before = pending(single, thing)
    single.network.deaf_to = method
    (done,) = pushed(single)
    assert (done.step.action, done.outcome) == (kind, "refused")
    assert str(done.error).startswith(f"Segment took no notice of {what}")
    single.network.deaf_to = ""
    single.run(*ALL, full=True)
    assert [replace(each, refused=()) for each in pending(single, thing)] == before
    single.network.written.clear()
    (step,) = planned(single)
    assert step.action == "refused"
    assert str(step.reason).startswith(f"Segment took no notice of {what}")
    assert outcomes(single) == [("refused", "refused")]
    assert not list(writes(single.network))
    assert rules_there(single, rule["tracking_plan_id"]) == theirs
    assert outcomes_again(single) == [(kind, "done")]
    quiet(single)


def test_c13_of_a_rename_with_a_new_schema_what_segment_heeded_is_settled(single: Replica) -> None:
    rule = named_rule(single)
    set_schema(single, rule, '{"title": "Ours"}')
    give_key(single, rule, "Ours")
    single.network.ignores = "newKey"
    (done,) = pushed(single)
    assert (done.outcome, done.error) == ("refused", "Segment took no notice of key; it stays as it is here")
    assert titled(single, rule)[rule["key"]] == "Ours"
    (edit,) = pending(single, "TrackingPlanRules")
    assert [(each.name, each.local) for each in edit.fields] == [("key", "Ours")]
    single.network.ignores = ""
    assert outcomes_again(single) == [("update", "done")]
    quiet(single)


def test_a_rename_after_which_the_rule_is_under_neither_key_is_not_told_as_done(single: Replica) -> None:
    rule = named_rule(single)
    give_key(single, rule, "Ours")

    def otherwise(request: Request, answer: Response) -> Response:
        if request.method == "PATCH":
            body = {name: rule[name] for name in ("type", "version")} | {"key": "Ours", "newKey": "ours"}
            body["jsonSchema"] = json.loads(rule["json_schema"])
            single.network.write("PATCH", f"/tracking-plans/{rule['tracking_plan_id']}/rules", {"rules": [body]})
        return answer

    single.network.on(f"/tracking-plans/{rule['tracking_plan_id']}/rules", otherwise)
    assert outcomes(single) == [("update", "lost")]
    single.network.heal()
    (row,) = single.rows("tracking_plan_rules", f"WHERE _key = '{rule['_key']}'")
    assert row["key"] == "Ours"
    assert [(each.outcome, each.error) for each in pushed(single)] == [
        ("conflict", "renamed here, deleted in the workspace")
    ]
