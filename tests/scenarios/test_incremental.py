"""An incremental run asks for what may have moved, and for nothing else; what it believes is written down."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import inspect

from replicator.sandbox import Request, Response
from tests.scenarios import network as net
from tests.scenarios.replica import Replica, Told, result

DAY = timedelta(hours=24)


def run(replica: Replica, *words: str, reread: timedelta = DAY, **asked: Any) -> Any:
    replica.network.forget()
    return replica.run(*words, reread=reread, **asked)


def test_a_second_run_of_a_still_workspace_asks_for_the_top_listings_alone_and_writes_no_row(replica: Replica) -> None:
    run(replica, "core")
    before = replica.contents(but=())
    again = run(replica, "core")
    assert replica.contents(but=()) == before
    assert {path for path in replica.network.paths() if path.count("/") > 1} <= {"/audit-events"}
    assert max(replica.network.paths().values()) == 5  # the five kinds of functions have one path
    skipped = {each.object: each.skipped for each in again.objects if each.skipped}
    assert skipped["TrackingPlanRules"] == 6
    assert skipped["SourceConnectedWarehouses"] == 12


def test_the_children_of_the_one_parent_that_moved_are_read_again(replica: Replica) -> None:
    run(replica, "TrackingPlans", "TrackingPlanRules")
    moved = replica.rows("tracking_plans", "ORDER BY id")[2]["id"]
    replica.network.write("PATCH", f"/tracking-plans/{moved}", {"name": "Renamed"})
    rule = {"type": "TRACK", "key": "Brand New", "version": 1, "jsonSchema": {"type": "object"}}
    replica.network.write("PATCH", f"/tracking-plans/{moved}/rules", {"rules": [rule]})
    rules = result(run(replica, "TrackingPlans", "TrackingPlanRules"), "TrackingPlanRules")
    assert [path for path in replica.network.paths() if path.endswith("/rules")] == [f"/tracking-plans/{moved}/rules"]
    assert (rules.inserted, rules.updated, rules.deleted, rules.skipped) == (1, 0, 0, 5)
    plans = {row["key"]: row["tracking_plan_id"] for row in replica.rows("tracking_plan_rules")}
    assert plans["Brand New"] == moved


def test_children_go_with_their_parent_although_no_other_partition_is_read(replica: Replica) -> None:
    run(replica, "TrackingPlans", "TrackingPlanRules")
    gone = replica.rows("tracking_plans", "ORDER BY id")[0]["id"]
    replica.network.write("DELETE", f"/tracking-plans/{gone}")
    told = run(replica, "TrackingPlans", "TrackingPlanRules", allow_deletes=frozenset({"TrackingPlanRules"}))
    assert (result(told, "TrackingPlans").deleted, result(told, "TrackingPlanRules").deleted) == (1, 24)
    assert not [path for path in replica.network.paths() if path.endswith("/rules")]
    assert {row["tracking_plan_id"] for row in replica.live("tracking_plan_rules")}.isdisjoint({gone})
    assert result(run(replica, "TrackingPlanRules"), "TrackingPlanRules").deleted == 0


def test_children_that_were_read_a_while_ago_are_read_again_without_a_sign(one: Replica) -> None:
    run(one, "UserGroupUsers")
    assert result(run(one, "UserGroupUsers"), "UserGroupUsers").skipped == 4
    assert result(run(one, "UserGroupUsers", reread=timedelta(0)), "UserGroupUsers").skipped == 0
    assert result(run(one, "UserGroupUsers", full=True), "UserGroupUsers").skipped == 0


def test_details_are_asked_for_new_and_changed_records_and_for_no_other(replica: Replica) -> None:
    run(replica, "SourceFunctions")
    first, second = replica.rows("source_functions", "ORDER BY id")[:2]
    replica.network.write("PATCH", f"/functions/{first['id']}", {"displayName": "Other", "code": "// other"})
    function = {"code": "// new", "displayName": "New", "resourceType": "SOURCE"}
    new = replica.network.write("POST", "/functions", function)["function"]
    counted = result(run(replica, "SourceFunctions"), "SourceFunctions")
    assert (counted.inserted, counted.updated, counted.unchanged) == (1, 1, 2)
    asked = {path for path in replica.network.paths() if path.startswith("/functions/")}
    assert asked == {f"/functions/{first['id']}", f"/functions/{new['id']}"}
    rows = {row["id"]: row for row in replica.rows("source_functions")}
    assert (rows[first["id"]]["code"], rows[new["id"]]["code"]) == ("// other", "// new")
    assert rows[second["id"]] == second


def test_an_event_of_the_audit_trail_brings_the_details_of_its_record_forward(replica: Replica) -> None:
    run(replica, "AuditEvents", "Sources")
    source = replica.rows("sources", "WHERE tracking_plan_id IS NULL ORDER BY id")[0]["id"]
    plan = replica.network.write("POST", "/tracking-plans", {"name": "P", "type": "LIVE"})["trackingPlan"]["id"]
    replica.network.write("POST", f"/tracking-plans/{plan}/sources", {"sourceId": source})
    counted = result(run(replica, "AuditEvents", "Sources"), "Sources")
    assert [path for path in replica.network.paths() if path.startswith("/sources/")] == [f"/sources/{source}"]
    assert counted.updated == 1
    assert replica.rows("sources", f"WHERE id = '{source}'")[0]["tracking_plan_id"] == plan


def test_an_event_of_the_audit_trail_brings_the_children_of_its_record_forward(one: Replica) -> None:
    words = ("AuditEvents", "UserGroups", "UserGroupUsers")
    run(one, *words)
    group = one.rows("user_groups", "WHERE member_count > 0 ORDER BY id")[0]
    others = f"WHERE id NOT IN (SELECT id FROM user_group_users WHERE user_group_id = '{group['id']}') ORDER BY id"
    emails = [row["email"] for row in one.rows("user_group_users", others)][: int(group["member_count"])]
    # As many members as before, so that the group itself looks the same.
    one.network.write("PUT", f"/group/{group['id']}/users", {"emails": emails})
    counted = result(run(one, *words), "UserGroupUsers")
    read = [path for path in one.network.paths() if path.endswith("/users")]
    assert read == [f"/groups/{group['id']}/users"]
    assert counted.inserted == len(emails)


def test_an_event_that_a_failed_run_stored_still_brings_the_children_forward(replica: Replica) -> None:
    """Also in a run that does not read the trail; and once it did, no more."""
    run(replica, "AuditEvents", "UserGroups", "UserGroupUsers")
    group = replica.rows("user_groups", "WHERE member_count > 0 ORDER BY id")[0]
    others = f"WHERE id NOT IN (SELECT id FROM user_group_users WHERE user_group_id = '{group['id']}') ORDER BY id"
    emails = [row["email"] for row in replica.rows("user_group_users", others)][: int(group["member_count"])]
    replica.network.write("PUT", f"/group/{group['id']}/users", {"emails": emails})
    replica.network.on("/groups/*", net.error(404))
    replica.network.on("/groups", net.error(400))
    failed = run(replica, "AuditEvents", "UserGroups", "UserGroupUsers")
    assert result(failed, "AuditEvents").status == "done"
    assert result(failed, "UserGroupUsers").status != "done"
    replica.network.heal()
    run(replica, "UserGroups", "UserGroupUsers")
    assert [path for path in replica.network.paths() if path.endswith("/users")] == [f"/groups/{group['id']}/users"]
    run(replica, "AuditEvents", "UserGroups", "UserGroupUsers")
    assert not [path for path in replica.network.paths() if path.endswith("/users")]


def test_an_event_counts_whatever_the_ledger_says_of_the_run_that_stored_it(one: Replica) -> None:
    """The answer to a commit may be lost, and rows of the ledger may be deleted."""
    run(one, "AuditEvents", "Sources")
    source = _connect_a_plan(one)
    run(one, "AuditEvents")
    for table in ("run_objects", "runs"):
        one.do(f"DELETE FROM _replicator_{table}")
    run(one, "Sources")
    assert one.rows("sources", f"WHERE id = '{source}'")[0]["tracking_plan_id"] is not None


def test_details_that_a_stopped_run_read_are_read_again_where_an_event_came_before_the_run_that_went_on(
    one: Replica,
) -> None:
    run(one, "AuditEvents", "Sources")
    one.network.page_size = 5
    one.network.forget()
    assert one.run("Sources", told=Told(stop_after=1)).status == "interrupted"
    read = [path.removeprefix("/sources/") for path in one.network.paths() if path.startswith("/sources/")]
    source = _connect_a_plan(one, among=read)
    run(one, "AuditEvents")
    run(one, "Sources")
    assert f"/sources/{source}" not in one.network.paths()
    run(one, "AuditEvents", "Sources")
    assert one.rows("sources", f"WHERE id = '{source}'")[0]["tracking_plan_id"] is not None
    run(one, "AuditEvents", "Sources")
    assert f"/sources/{source}" not in one.network.paths()


def test_what_changed_while_a_first_run_read_the_trail_is_read_again_and_nothing_else(one: Replica) -> None:
    """A first run does not wait for the trail, and all that the trail tells is new to it."""
    changed: list[str] = []

    def change_once(request: Request, answer: Response) -> Response:
        if changed:
            return answer
        until = time.monotonic() + 30
        while not _has_rows(one, "sources"):
            assert time.monotonic() < until
            time.sleep(0.05)
        changed.append(_connect_a_plan(one))
        return one.network.sandbox(request)

    one.network.on("/audit-events", change_once)
    run(one, "AuditEvents", "Sources")
    one.network.heal()
    run(one, "AuditEvents", "Sources")
    assert [path for path in one.network.paths() if path.startswith("/sources/")] == [f"/sources/{changed[0]}"]


def _has_rows(replica: Replica, table: str) -> bool:
    return inspect(replica.engine).has_table(table) and bool(replica.rows(table, "LIMIT 1"))


def _connect_a_plan(replica: Replica, among: Sequence[str] = ()) -> str:
    """A source without a plan gets a new one, which its details alone and the trail tell; the source's id."""
    free = [row["id"] for row in replica.rows("sources", "WHERE tracking_plan_id IS NULL ORDER BY id")]
    source = next(each for each in free if not among or each in among)
    plan = replica.network.write("POST", "/tracking-plans", {"name": "P", "type": "LIVE"})["trackingPlan"]["id"]
    replica.network.write("POST", f"/tracking-plans/{plan}/sources", {"sourceId": source})
    return str(source)


def test_children_whose_listing_moved_while_it_was_read_are_read_again_by_the_next_run(one: Replica) -> None:
    one.network.on("/tracking-plans/*", net.data(lambda found: found["pagination"].update(totalEntries=99)))
    first = result(run(one, "TrackingPlanRules"), "TrackingPlanRules")
    assert "so nothing was deleted" in (first.unseen or "")
    one.network.heal()
    assert result(run(one, "TrackingPlanRules"), "TrackingPlanRules").skipped == 0
    assert result(run(one, "TrackingPlanRules"), "TrackingPlanRules").skipped == 6


def test_a_record_named_by_a_person_is_read_again(one: Replica) -> None:
    run(one, "Users")
    wanted = one.rows("users")[3]["id"]
    run(one, "Users", ids=frozenset({wanted}))
    assert [path for path in one.network.paths() if path.startswith("/users/")] == [f"/users/{wanted}"]


def test_a_deleted_record_is_confirmed_by_its_get_and_buried_in_the_same_run(replica: Replica) -> None:
    run(replica, "Sources")
    gone = replica.rows("sources", "ORDER BY id")[0]["id"]
    replica.network.write("DELETE", f"/sources/{gone}")
    counted = result(run(replica, "Sources"), "Sources")
    assert (counted.deleted, counted.requests) == (1, 2)
    assert replica.network.paths()[f"/sources/{gone}"] == 1
    row = replica.rows("sources", f"WHERE id = '{gone}'")[0]
    assert row["_deleted_at"] is not None
    assert row["slug"]


def test_what_a_listing_leaves_out_and_a_get_still_shows_is_not_deleted(one: Replica) -> None:
    run(one, "Sources")
    one.network.on("/sources", net.listing("sources", lambda records: records[1:]))
    counted = result(run(one, "Sources"), "Sources")
    assert counted.deleted == 0
    assert "are there by their id" in (counted.unseen or "")
    assert len(one.live("sources")) == 12


def test_what_only_one_of_two_listings_leaves_out_is_not_deleted(one: Replica) -> None:
    run(one, "Labels")
    times = []

    def once(records: list[Any]) -> list[Any]:
        times.append(1)
        return records[1:] if len(times) == 1 else records

    one.network.on("/labels", net.listing("labels", once))
    counted = result(run(one, "Labels"), "Labels")
    assert (counted.deleted, len(times)) == (0, 2)
    assert "only when it was asked again" in (counted.unseen or "")


@pytest.mark.parametrize("hard", [False, True])
def test_deletes_are_soft_unless_they_are_to_be_hard(replica: Replica, *, hard: bool) -> None:
    run(replica, "Labels")
    label = replica.rows("labels")[0]
    replica.network.write("DELETE", f"/labels/{label['key']}/{label['value']}")
    assert result(run(replica, "Labels", hard_deletes=hard), "Labels").deleted == 1
    assert len(replica.rows("labels")) == (5 if hard else 6)
    assert len(replica.live("labels")) == 5


def test_the_certificate_tells_equal_sets_of_ids_from_others(one: Replica) -> None:
    first = result(run(one, "Labels", "TrackingPlanRules"), "TrackingPlanRules")
    again = result(run(one, "Labels", "TrackingPlanRules"), "TrackingPlanRules")
    assert first.ids == again.ids
    plan = one.rows("tracking_plans")[0]["id"]
    rule = {"type": "TRACK", "key": "Another", "version": 1, "jsonSchema": {"type": "object"}}
    one.network.write("PATCH", f"/tracking-plans/{plan}/rules", {"rules": [rule]})
    other = result(run(one, "Labels", "TrackingPlanRules", reread=timedelta(0)), "TrackingPlanRules")
    assert other.ids not in {None, first.ids}
    assert one.state("TrackingPlanRules")["ids"] == other.ids


def test_what_was_never_read_does_not_wait_for_the_audit_trail(one: Replica) -> None:
    def late(_request: Request, answer: Response) -> Response:
        time.sleep(0.5)
        return answer

    one.network.on("/audit-events", late)
    told = Told()
    assert one.run("AuditEvents", "Sources", told=told).status == "done"
    assert next(iter(told.results)) == "Sources"
    told = Told()
    assert one.run("AuditEvents", "Sources", told=told).status == "done"
    assert next(iter(told.results)) == "AuditEvents"


def test_further_runs_over_one_database_handle_find_each_statement_compiled(replica: Replica) -> None:
    """The engine keeps what it compiles, by the tables' identity: a table described anew would be kept anew."""
    for reread in (timedelta(0), DAY) * 2:
        run(replica, "core", reread=reread)
    kept: Any = replica.target.engine._compiled_cache
    before = set(kept)
    for reread in (timedelta(0), DAY):
        run(replica, "core", reread=reread)
    assert [str(kept[key]) for key in set(kept) - before] == []
