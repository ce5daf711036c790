"""I7: what the audit trail tells of edits that fell between the look of a push and its write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from replicator.sandbox import Request, Response, Sandbox, Token
from replicator.sandbox.behaviour import Behaviour
from tests.scenarios import network as net
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica
from tests.scenarios.test_edits import set_schema
from tests.scenarios.test_push import ALL, first, pushed

_PEOPLE = (Token("sandbox"), Token("app", user="usr_1", email="jo@example.com"), Token("terraform"))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Replica]:
    """Whose audit trail is replicated, in a workspace where each write leaves an event."""
    sandbox = Sandbox(tokens=_PEOPLE, behaviour=Behaviour(audit_unnamed=True), counts={"AuditEvents": 0})
    replica = Replica(f"sqlite:///{tmp_path}/one.db", Network(sandbox), token="sandbox")
    replica.run(*ALL, "AuditEvents")
    replica.network.forget()
    yield replica
    replica.close()


def edit_as(replica: Replica, who: str, path: str, body: dict[str, Any]) -> None:
    sent = json.dumps(body).encode()
    assert replica.network.sandbox(Request("PATCH", path, {"authorization": f"Bearer {who}"}, sent)).status == 200


def after_the_look(network: Network, path: str, deed: Callable[[], None]) -> None:
    """Does that once, right after that path was read."""
    left = [deed]

    def perhaps(request: Request, answer: Response) -> Response:
        if request.method == "GET" and left:
            left.pop()()
        return answer

    network.on(path, perhaps)


def asked(replica: Replica) -> list[str]:
    return [target for target in replica.network.asked if target.startswith("/audit-events")]


@pytest.mark.parametrize(("who", "told"), [("app", "jo@example.com"), ("terraform", Token("terraform").actor)])
def test_c1_an_edit_between_the_look_and_the_write_is_told(watched: Replica, who: str, told: str) -> None:
    one, two = [row["id"] for row in watched.rows("tracking_plans", "ORDER BY id")[:2]]
    function = first(watched, "source_functions")["id"]
    watched.do("UPDATE tracking_plans SET name = 'Ours ' || id WHERE id IN (:one, :two)", one=one, two=two)
    watched.do("UPDATE source_functions SET code = '// ours' WHERE id = :id", id=function)
    for path, theirs in ((f"/tracking-plans/{two}", {"name": "Theirs"}), (f"/functions/{function}", {"code": "// x"})):
        after_the_look(watched.network, path, partial(edit_as, watched, who, path, theirs))
    done = {each.step.id: each for each in pushed(watched)}
    assert {each.outcome for each in done.values()} == {"done"}
    assert watched.network.write("GET", f"/tracking-plans/{two}")["trackingPlan"]["name"] == f"Ours {two}"
    assert done[one].error is None
    for key, event in ((two, "Tracking Plan Modified"), (function, "Source Function Modified")):
        said = str(done[key].error)
        assert said.startswith(f"{told} edited it in the moment of the write ({event}, ")
        (row,) = watched.books("push_journal", f"WHERE record_id = '{key}' AND action = 'update'")
        assert (row["status"], row["error"]) == ("done", said)
        assert json.loads(row["before"])
    assert len(asked(watched)) == 1


def test_c1_an_edit_of_a_rule_is_told_by_the_event_of_its_plan(watched: Replica) -> None:
    rule = watched.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY _key")[0]
    path = f"/tracking-plans/{rule['tracking_plan_id']}/rules"
    set_schema(watched, rule, json.dumps({"title": "Ours", "properties": {}}))
    theirs = {name: rule[name] for name in ("type", "key", "version")} | {"jsonSchema": {"title": "Theirs"}}
    after_the_look(watched.network, path, partial(edit_as, watched, "app", path, {"rules": [theirs]}))
    (done,) = pushed(watched)
    assert done.outcome == "done"
    assert str(done.error).startswith("jo@example.com edited it in the moment of the write (")


def test_a_push_that_met_nobody_says_so_for_one_request_and_none_where_nothing_was_written(watched: Replica) -> None:
    plan = first(watched, "tracking_plans")["id"]
    assert pushed(watched) == []
    assert not asked(watched)
    watched.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=plan)
    assert [(each.outcome, each.error) for each in pushed(watched)] == [("done", None)]
    assert len(asked(watched)) == 1
    assert f"resourceId={plan}" in asked(watched)[0]


@pytest.mark.parametrize("replicated", [True, False])
def test_a_trail_that_cannot_be_read_or_is_not_replicated_hinders_no_push(one: Replica, *, replicated: bool) -> None:
    one.run(*ALL, *(["AuditEvents"] if replicated else []))
    one.network.forget()
    one.network.on("/audit-events", net.error(403, "Forbidden"))
    one.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=first(one, "tracking_plans")["id"])
    assert [(each.outcome, each.error) for each in pushed(one)] == [("done", None)]
    assert len(asked(one)) == replicated
