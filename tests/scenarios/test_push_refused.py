"""What Segment refused for what it says is kept, told in Segment's words, and not sent again as it is."""

from __future__ import annotations

import json
from dataclasses import replace

from replicator.catalog import by_name
from replicator.options import Options, layout_of
from replicator.sync import pending
from tests.scenarios import network as net
from tests.scenarios.replica import Replica, objects
from tests.scenarios.test_edits import set_schema
from tests.scenarios.test_push import ALL, FREE, first, planned, pushed, quiet, writes

AGAIN = replace(FREE, again=True)


def waiting(replica: Replica, name: str) -> list[tuple[str, ...]]:
    """Why the edits of that object cannot be sent, as `pending` tells it without asking Segment."""
    layout = layout_of(by_name[name], Options(objects=objects(*ALL)))
    with replica.target.reading() as connection:
        return [each.refused for each in pending.pending(replica.target, connection, layout)]


def test_c10_a_refused_edit_is_sent_once_until_the_row_or_the_record_changes(filled: Replica) -> None:
    function = first(filled, "source_functions")["id"]
    path = f"/functions/{function}"
    filled.do("UPDATE source_functions SET logo_url = 'no address' WHERE id = :id", id=function)
    (done,) = pushed(filled)
    assert done.outcome == "refused"
    words = str(done.error)
    assert "logoUrl" in words
    assert list(writes(filled.network)) == [f"PATCH {path}"]

    (again,) = pushed(filled)
    assert again.outcome == "refused"
    assert again.error == (f"{words} It is not sent again as it is: change it, take it back, or give --again.")
    (step,) = planned(filled)
    assert (step.action, step.reason, step.requests) == ("refused", again.error, 0)
    assert waiting(filled, "SourceFunctions") == [(words,)]
    assert list(writes(filled.network)) == [f"PATCH {path}"]

    pushed(filled, AGAIN)
    assert list(writes(filled.network)) == [f"PATCH {path}"] * 2
    filled.network.write("PATCH", path, {"logoUrl": "https://example.com/theirs.png"})
    filled.do("UPDATE source_functions SET description = 'Ours' WHERE id = :id", id=function)
    filled.do("UPDATE source_functions SET logo_url = 'https://example.com/ours.png' WHERE id = :id", id=function)
    assert waiting(filled, "SourceFunctions") == [()]
    assert [each.outcome for each in pushed(filled)] == ["conflict"]
    filled.do("UPDATE source_functions SET logo_url = 'https://example.com/theirs.png' WHERE id = :id", id=function)
    assert [(each.step.action, each.outcome) for each in pushed(filled)] == [("update", "done")]
    quiet(filled)


def test_c10_a_refused_creation_waits_for_another_value(filled: Replica) -> None:
    filled.do("INSERT INTO source_functions (display_name, code, logo_url) VALUES ('Ours', '// ours', 'no address')")
    assert [each.outcome for each in pushed(filled)] == ["refused"]
    filled.network.written.clear()
    (done,) = pushed(filled)
    assert done.outcome == "refused"
    assert str(done.error).startswith('POST /functions: Segment refuses the request with status 422 ("logoUrl"')
    assert waiting(filled, "SourceFunctions") == [(str(done.error).partition(" It is not sent again")[0],)]
    assert not list(writes(filled.network))
    filled.do("UPDATE source_functions SET logo_url = 'https://example.com/a.png' WHERE display_name = 'Ours'")
    assert [(each.step.action, each.outcome) for each in pushed(filled)] == [("create", "done")]
    quiet(filled)


def test_c10_of_a_batch_only_the_refused_rule_is_held(filled: Replica) -> None:
    rules = filled.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY tracking_plan_id, _key")
    bad, good = [each for each in rules if each["tracking_plan_id"] == rules[0]["tracking_plan_id"]][:2]
    filled.network.refuse_rules_with = '"Refused"'
    set_schema(filled, bad, json.dumps({"title": "Refused"}))
    set_schema(filled, good, json.dumps({"title": "Ours"}))
    assert sorted(each.outcome for each in pushed(filled)) == ["done", "refused"]
    filled.network.written.clear()
    set_schema(filled, good, json.dumps({"title": "Ours too"}))
    assert sorted(each.outcome for each in pushed(filled)) == ["done", "refused"]
    assert len(list(writes(filled.network))) == 1
    (why,) = waiting(filled, "TrackingPlanRules")
    assert "is not a schema" in why[0]
    filled.network.refuse_rules_with = ""
    assert [each.outcome for each in pushed(filled, AGAIN)] == ["done"]
    assert waiting(filled, "TrackingPlanRules") == []


def test_c16_what_is_refused_for_who_sends_it_is_sent_again(one: Replica) -> None:
    one.run(*ALL)
    plan = first(one, "tracking_plans")["id"]
    one.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=plan)
    left = [net.error(403, "Forbidden")]
    one.network.on(
        f"/tracking-plans/{plan}",
        lambda request, answer: left.pop()(request, answer) if request.method == "PATCH" and left else answer,
    )
    assert [each.outcome for each in pushed(one)] == ["refused"]
    assert waiting(one, "TrackingPlans") == [()]
    assert [each.outcome for each in pushed(one)] != ["refused"]
