"""Columns that are left out or masked, and what happens when that changes."""

from __future__ import annotations

from replicator.catalog import by_name
from tests.scenarios.replica import Replica, result

DETAILS = frozenset(f"SourceFunctions.{column.name}" for column in by_name["SourceFunctions"].columns if column.detail)
EMAIL = frozenset({"Users.email"})


def test_a_column_that_is_left_out_is_not_made_and_its_values_go_nowhere(replica: Replica) -> None:
    replica.run("Users", leave_out=EMAIL, history=frozenset({"Users"}))
    everything = replica.dump()
    assert "email" not in replica.rows("users")[0]
    replica.run("Users", history=frozenset({"Users"}))
    emails = [row["email"] for row in replica.rows("users")]
    assert all(emails)
    assert not any(email in everything for email in emails)


def test_a_column_that_is_selected_later_is_filled_by_the_next_run(replica: Replica) -> None:
    replica.run("Users", "SourceFunctions", leave_out=EMAIL | DETAILS)
    assert not [path for path in replica.network.paths() if path.startswith("/functions/")]
    assert "code" not in replica.rows("source_functions")[0]
    later = replica.run("Users", "SourceFunctions")
    assert {each.status for each in later.objects} == {"done"}
    assert all(row["email"] for row in replica.rows("users"))
    assert all(row["code"] for row in replica.rows("source_functions"))
    still = replica.run("Users", "SourceFunctions")
    assert [each.updated + each.inserted for each in still.objects] == [0, 0]


def test_a_column_that_is_masked_later_is_rewritten_by_the_next_run_and_equal_values_stay_equal(
    replica: Replica,
) -> None:
    replica.run("AuditEvents", "Users")
    plain = {row["id"]: row["email"] for row in replica.rows("users")}
    masked = EMAIL | {"AuditEvents.actor_email"}
    assert result(replica.run("Users", "AuditEvents", masked=masked, full=True), "Users").updated == len(plain)
    now = {row["id"]: row["email"] for row in replica.rows("users")}
    assert all(mask.startswith("masked:") for mask in now.values())
    assert len(set(now.values())) == len(set(plain.values()))
    actors = {row["actor_email"] for row in replica.rows("audit_events")}
    assert actors - {None} <= set(now.values())
    assert result(replica.run("Users", masked=EMAIL), "Users").updated == 0
