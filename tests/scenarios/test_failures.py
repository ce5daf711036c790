"""One object's failure leaves the others right, and nothing is deleted that was merely not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from replicator.sandbox import Request, Response
from tests.scenarios import network as net
from tests.scenarios.network import Fault
from tests.scenarios.replica import Replica, result, statuses


def _cut(request: Request, answer: Response) -> Response:
    return Response(answer.status, answer.headers, answer.body[: len(answer.body) // 2])


def _in_circles(found: dict[str, Any]) -> None:
    found["pagination"]["next"] = "Mw=="


FAULTS: dict[str, tuple[Fault, str]] = {
    "403": (net.error(403, "Forbidden"), "unavailable"),
    "the feature is missing": (net.error(403, "FeatureNotEnabled", "not enabled for this workspace"), "unavailable"),
    "404 of the listing": (net.error(404, "NotFound"), "failed"),
    "500 for ever": (net.error(500), "failed"),
    "a page of HTML": (net.raw(b"<html>Sign in</html>", "text/html"), "failed"),
    "no list": (net.raw(b'{"data": {"pagination": {"current": "MA=="}}}'), "failed"),
    "null for data": (net.raw(b'{"data": null}'), "failed"),
    "a cursor that goes in circles": (net.data(_in_circles), "failed"),
    "cut JSON": (_cut, "failed"),
    "422": (net.error(422, "input-validation"), "failed"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_one_object_that_fails_leaves_its_rows_and_the_others_right(one: Replica, name: str) -> None:
    fault, status = FAULTS[name]
    one.run("Roles", "Transformations", "Labels")
    before = one.contents(but=())
    one.network.on("/transformations", fault)
    one.network.on("/labels", net.listing("labels", lambda labels: labels[1:]))
    run = one.run("Roles", "Transformations", "Labels")
    assert (run.status, run.exit_code) == ("partial", 3)
    assert statuses(run) == {"Labels": "done", "Roles": "done", "Transformations": status}
    assert one.contents(but=())["transformations"] == before["transformations"]
    assert result(run, "Labels").deleted == 1
    why = result(run, "Transformations").error or ""
    assert why
    assert "mistake in this program" not in why
    assert one.state("Transformations")["status"] == status
    assert one.state("Transformations")["message"] == why
    assert {
        row["object"]: row["status"] for row in one.books("run_objects", f"WHERE run_id = '{run.run_id}'")
    } == statuses(run)

    one.network.heal()
    healed = one.run("Roles", "Transformations", "Labels")
    assert (healed.status, healed.exit_code) == ("done", 0)
    assert one.contents()["transformations"] == [
        row for row in one.contents()["transformations"] if "_deleted_at': None" in row
    ]


def test_a_parent_whose_id_no_path_can_hold_leaves_the_children_of_the_others_right(one: Replica) -> None:
    def odd(groups: list[Any]) -> list[Any]:
        return [{**groups[0], "id": ".."}, *groups]

    one.run("UserGroups", "UserGroupUsers", "Sources")
    before = one.contents()
    one.network.on("/groups", net.listing("userGroups", odd))
    one.network.on("/sources", net.listing("sources", odd))
    run = one.run("UserGroups", "UserGroupUsers", "Sources")
    assert statuses(run) == {"UserGroups": "done", "UserGroupUsers": "partial", "Sources": "done"}
    assert "'..', which no path can hold" in (result(run, "UserGroupUsers").unseen or "")
    now = one.contents()
    assert now["user_group_users"] == before["user_group_users"]
    for table in ("user_groups", "sources"):
        assert len(now[table]) == len(before[table]) + 1
    assert all("/../" not in path and not path.endswith("/..") for path in one.network.paths())


def test_all_objects_that_fail_are_a_failed_run(one: Replica) -> None:
    one.network.on("/roles", net.error(500))
    run = one.run("Roles")
    assert (run.status, run.exit_code) == ("failed", 1)


def test_a_parent_that_fails_makes_its_children_skipped_with_their_rows_untouched(replica: Replica) -> None:
    replica.run("TrackingPlanRules", "Roles")
    before = replica.contents(but=())
    replica.network.on("/tracking-plans", net.error(500))
    run = replica.run("TrackingPlanRules", "Roles")
    assert statuses(run) == {"TrackingPlans": "failed", "TrackingPlanRules": "skipped", "Roles": "done"}
    assert "TrackingPlans" in (result(run, "TrackingPlanRules").error or "")
    assert replica.contents(but=()) == before


@pytest.mark.parametrize("status", [403, 404])
def test_one_parents_children_that_cannot_be_seen_stay_and_the_others_are_followed(
    replica: Replica, status: int
) -> None:
    replica.run("TrackingPlanRules")
    plans = sorted(row["id"] for row in replica.rows("tracking_plans"))
    hidden, seen = plans[0], plans[1]
    replica.network.on(f"/tracking-plans/{hidden}/rules", net.error(status, "NotFound"))
    replica.network.on(f"/tracking-plans/{seen}/rules", net.listing("rules", lambda rules: rules[1:]))
    run = replica.run("TrackingPlanRules")
    rules = result(run, "TrackingPlanRules")
    assert rules.status == ("partial" if status == 403 else "done")
    assert rules.deleted == 1
    assert hidden in (rules.unseen or "")
    dead = replica.rows("tracking_plan_rules", "WHERE _deleted_at IS NOT NULL")
    assert [row["tracking_plan_id"] for row in dead] == [seen]


def test_a_token_revoked_in_the_middle_stops_everything_and_what_was_read_stays(replica: Replica) -> None:
    replica.network.page_size = 100
    revoked = _after(4, replica, net.error(401, "Unauthorized"))
    replica.network.on("*", revoked)
    run = replica.run("AuditEvents", "Suppressions", "Roles")
    assert (run.status, run.exit_code) == ("failed", 1)
    assert run.error
    assert "token" in run.error
    assert len(replica.network.asked) < 15, "no storm of retries"
    assert replica.books("runs")[0]["status"] == "failed"

    replica.network.heal()
    read = sum(row["pages"] for row in replica.books("checkpoints"))
    replica.network.forget()
    again = replica.run("AuditEvents", "Suppressions", "Roles")
    assert again.status == "done"
    assert read >= 1
    assert len(replica.network.asked) <= 1 + 8 + 6 + 1 - read + len(statuses(run))
    assert len(replica.live("audit_events")) == 800
    assert len(replica.live("suppressions")) == 600


def _after(count: int, replica: Replica, fault: Fault) -> Fault:
    """The fault, once so many requests were answered."""

    def altered(request: Request, answer: Response) -> Response:
        return answer if len(replica.network.asked) < count else fault(request, answer)

    return altered


def test_an_emptied_listing_is_left_for_a_person_to_decide(replica: Replica) -> None:
    replica.run("Suppressions", "Roles")
    before = replica.contents(but=())
    replica.network.on("/suppressions", net.listing("suppressed", lambda found: []))
    run = replica.run("Suppressions", "Roles")
    assert (run.status, run.exit_code) == ("needs_person", 4)
    assert statuses(run) == {"Suppressions": "needs_person", "Roles": "done"}
    assert "--allow-deletes Suppressions" in (result(run, "Suppressions").error or "")
    assert replica.contents(but=()) == before

    replica.network.heal()
    healed = replica.run("Suppressions")
    assert (healed.status, result(healed, "Suppressions").unchanged) == ("done", 600), "Segment is asked again"

    replica.network.on("/suppressions", net.listing("suppressed", lambda found: []))
    allowed = replica.run("Suppressions", allow_deletes=frozenset({"Suppressions"}))
    assert (allowed.status, result(allowed, "Suppressions").deleted) == ("done", 600)
    assert replica.live("suppressions") == []


def test_a_guarded_parent_keeps_its_children_from_being_read(one: Replica) -> None:
    one.run("Users", "UserUserGroups")
    one.network.on("/users", net.listing("users", lambda found: []))
    run = one.run("UserUserGroups")
    assert statuses(run) == {"Users": "needs_person", "UserUserGroups": "skipped"}
    assert run.exit_code == 4


Moved = Callable[[list[Any]], list[Any]]
SHIFTS: dict[str, Moved] = {
    "a record twice and one never": lambda found: [*found[:3], found[2], *found[4:]],
    "fewer than the API counts": lambda found: found[:-1],
}


@pytest.mark.parametrize("name", SHIFTS)
def test_a_listing_that_moved_while_it_was_read_deletes_nothing(replica: Replica, name: str) -> None:
    replica.run("Transformations")
    before = replica.contents(but=())
    replica.network.on("/transformations", net.data(lambda found: _shift(found, SHIFTS[name])))
    run = replica.run("Transformations")
    moved = result(run, "Transformations")
    assert (run.status, moved.deleted, moved.inserted, moved.updated) == ("done", 0, 0, 0)
    assert replica.contents(but=()) == before
    assert "nothing was deleted" in (moved.unseen or "")
    (row,) = replica.books("run_objects", f"WHERE run_id = '{run.run_id}'")
    assert not row["complete"]


def test_a_parents_listing_that_moved_deletes_nothing(one: Replica) -> None:
    one.run("TrackingPlanRules")
    plan = one.rows("tracking_plans")[0]["id"]
    before = one.contents(but=())
    one.network.on(f"/tracking-plans/{plan}/rules", net.data(lambda found: found["rules"].pop()))
    assert result(one.run("TrackingPlanRules"), "TrackingPlanRules").deleted == 0
    assert one.contents(but=()) == before


def _shift(found: dict[str, Any], shift: Moved) -> None:
    found["transformations"] = shift(found["transformations"])


def test_a_count_that_changes_between_two_pages_shows_that_the_listing_moved(one: Replica) -> None:
    one.network.page_size = 3
    one.run("Transformations")

    def deleted_meanwhile(request: Request, answer: Response) -> Response:
        """The first record was deleted after its page: the fourth slid onto that page and is never shown."""
        if "cursor" not in request.target:
            return answer

        def change(found: dict[str, Any]) -> None:
            found["pagination"]["totalEntries"] -= 1
            found["transformations"] = [each for each in found["transformations"] if each["id"] != slid]

        return net.data(change)(request, answer)

    slid = one.network.sandbox.world.collections["transformations"][3]["id"]
    one.network.on("/transformations", deleted_meanwhile)
    run = one.run("Transformations")
    assert result(run, "Transformations").deleted == 0
    assert len(one.live("transformations")) == 8


def test_a_record_that_is_gone_when_it_is_asked_for_by_id_keeps_its_row(one: Replica) -> None:
    one.run("Users")
    wanted = one.rows("users", "ORDER BY id")[0]
    one.network.on(f"/users/{wanted['id']}", net.error(404, "NotFound"))
    users = result(one.run("Users"), "Users")
    assert (users.status, users.deleted) == ("done", 0)
    assert "gone" in (users.unseen or "")
    assert wanted in one.rows("users")
