"""A plan in a file is performed as it says, whatever it does to the plans of rules."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from replicator.cli import plans
from tests.scenarios.replica import Replica
from tests.scenarios.test_edits import set_schema
from tests.scenarios.test_push import ALL, FREE, named_rule, planned, pushed, quiet
from tests.scenarios.test_push_rules import add


def by_file(replica: Replica, tmp_path: Any, **allowed: Any) -> list[tuple[str, str, str | None]]:
    """What is planned now goes into a file and is applied from there."""
    (tmp_path / "plan.json").write_text(json.dumps(plans.document(planned(replica, replace(FREE, **allowed)), "")))
    done = pushed(replica, steps=plans.read(tmp_path / "plan.json"))
    return [(each.step.action, each.outcome, each.error) for each in done]


def test_a_planned_new_plan_gets_its_planned_rules(single: Replica, tmp_path: Any) -> None:
    single.do("INSERT INTO tracking_plans (id, name, type) VALUES ('new:ours', 'Ours', 'LIVE')")
    add(single, named_rule(single), tracking_plan_id="new:ours")
    assert by_file(single, tmp_path) == [("create", "done", None)] * 2
    quiet(single)


def test_a_planned_new_rule_that_went_to_another_plan_since_then_is_not_sent(single: Replica, tmp_path: Any) -> None:
    add(single, named_rule(single), key="Ours")
    (tmp_path / "plan.json").write_text(json.dumps(plans.document(planned(single), "")))
    other = single.rows("tracking_plans", "ORDER BY id DESC")[0]["id"]
    assert other != named_rule(single)["tracking_plan_id"]
    single.do("UPDATE tracking_plan_rules SET tracking_plan_id = :other WHERE key = 'Ours'", other=other)
    assert [each.outcome for each in pushed(single, steps=plans.read(tmp_path / "plan.json"))] == ["moved"]


def test_the_planned_deletions_of_a_deleted_plans_rules_are_done_with_it(single: Replica, tmp_path: Any) -> None:
    plan = named_rule(single)["tracking_plan_id"]
    rules = len(single.rows("tracking_plan_rules", f"WHERE tracking_plan_id = '{plan}'"))
    single.do("DELETE FROM tracking_plan_rules WHERE tracking_plan_id = :p", p=plan)
    single.do("DELETE FROM tracking_plans WHERE id = :p", p=plan)
    free = {"many_deletes": frozenset(ALL)}
    assert by_file(single, tmp_path, **free) == [("delete", "done", None)] * (rules + 1)
    quiet(single)


def test_what_was_planned_to_be_sent_again_is_told_why_it_is_not(single: Replica, tmp_path: Any) -> None:
    rule = named_rule(single)
    set_schema(single, rule, '{"title": "bad"}')
    single.network.refuse_rules_with = "bad"
    pushed(single)
    ((_, outcome, why),) = by_file(single, tmp_path, again=True)
    assert outcome == "refused"
    assert "or give --again" in str(why)
