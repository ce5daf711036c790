"""Columns that the configuration calls by another name, and what happens when that changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from replicator.catalog import by_name
from replicator.edits import edits
from replicator.errors import ConfigError
from replicator.history import as_of, layout_of, versions
from replicator.options import Options
from replicator.options import layout_of as selected
from replicator.sandbox import Sandbox
from replicator.selection import Selection, selections
from replicator.settings import ObjectSettings
from replicator.strays import rows
from replicator.sync.restore import restore
from replicator.sync.session import Allowed, apply
from tests.scenarios.replica import Replica, objects, result

KEPT = frozenset({"Users", "TrackingPlans"})


def names(thing: str = "Users", **called: str) -> dict[str, Selection]:
    return selections(objects={thing: ObjectSettings(rename=called)})


def ours(row: dict[str, Any]) -> list[str]:
    return [name for name in row if not name.startswith("_")]


def test_a_column_has_its_name_in_every_table_from_the_first_run_on(replica: Replica) -> None:
    chosen = names("TrackingPlans", name="title", description="about")
    replica.run("TrackingPlans", selections=chosen, history=KEPT)
    for table in ("tracking_plans", "tracking_plans_history", "tracking_plans_base"):
        held = ours(replica.rows(table)[0])
        assert {"title", "about"} <= set(held)
        assert not {"name", "description"} & set(held)
    assert all(row["title"] for row in replica.rows("tracking_plans"))
    again = result(replica.run("TrackingPlans", selections=chosen, history=KEPT), "TrackingPlans")
    assert (again.inserted, again.updated) == (0, 0)
    first = replica.rows("tracking_plans", "ORDER BY id")[0]
    replica.network.write("PATCH", f"/tracking-plans/{first['id']}", {"name": "Another"})
    assert result(replica.run("TrackingPlans", selections=chosen, history=KEPT), "TrackingPlans").updated == 1
    told = versions(replica.target, layout_of(replica.target, by_name["TrackingPlans"]), [first["id"]], timedelta(0))
    assert [(each.path, each.old, each.new) for each in told[1].fields if each.path == "title"] == [
        ("title", first["title"], "Another")
    ]


def test_edits_say_that_a_run_comes_first_where_a_column_was_just_renamed(replica: Replica) -> None:
    replica.run("SourceFunctions")
    replica.do("UPDATE source_functions SET display_name = 'Ours'")
    chosen = Options(objects=objects("SourceFunctions"), selections=names("SourceFunctions", display_name="title"))
    with replica.client() as client:
        with pytest.raises(ConfigError, match=r"source_functions has no title, .* run `replicator schema apply`"):
            apply(replica.target, client, chosen, Allowed(push=True))
        replica.run("SourceFunctions", selections=chosen.selections)
        assert {each.outcome for each in apply(replica.target, client, chosen, Allowed(push=True))} == {"done"}


def test_edits_of_tables_that_cannot_be_written_say_so_too(one: Replica) -> None:
    one.run("Users")
    layout = selected(by_name["Users"], Options(objects=(), selections=names(email="mail")))
    with one.target.reading() as connection, pytest.raises(ConfigError, match="users has no mail, "):
        rows(one.target, connection, layout)


def test_another_name_renames_the_column_and_nothing_is_read_or_written_for_it(replica: Replica) -> None:
    usual: dict[str, Any] = {"history": KEPT, "reread": timedelta(days=1)}
    before = replica.run("Users", **usual)
    held = {row["id"]: row["email"] for row in replica.rows("users")}
    for called in ({"email": "mail"}, {"email": "post", "name": "full_name"}, {}):
        run = replica.run("Users", selections=names(**called), **usual)
        counted = result(run, "Users")
        assert (counted.inserted, counted.updated, counted.status) == (0, 0, "done")
        assert run.requests < before.requests, "no details are asked for again"
        column = called.get("email", "email")
        assert {row["id"]: row[column] for row in replica.rows("users")} == held
        assert {row["id"]: row[column] for row in replica.rows("users_history")} == held
        assert len(ours(replica.rows("users")[0])) == len(ours(replica.rows("users_history")[0]))
    told = [row["change"] for row in replica.books("schema_changes") if "rename" in row["change"]]
    assert sorted(told)[:2] == [
        "rename column email of table users to mail",
        "rename column email of table users_history to mail",
    ]


def test_an_edit_made_before_its_column_was_renamed_is_still_an_edit_and_is_sent(replica: Replica) -> None:
    replica.run("TrackingPlans")
    first = replica.rows("tracking_plans", "ORDER BY id")[0]
    replica.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = :id", id=first["id"])
    chosen = names("TrackingPlans", name="title")
    replica.run("TrackingPlans", selections=chosen)
    options = Options(objects=objects("TrackingPlans"), selections=chosen)
    with replica.target.reading() as connection:
        (edit,) = edits(replica.target, connection, selected(by_name["TrackingPlans"], options))
    assert [(each.name, each.base, each.local) for each in edit.fields] == [("name", first["name"], "Ours")]
    replica.do("UPDATE tracking_plans SET title = 'Ours, later' WHERE id = :id", id=first["id"])
    replica.do("INSERT INTO tracking_plans (title, type) VALUES ('New', 'LIVE')")
    with replica.client() as client:
        done = apply(replica.target, client, options, Allowed(push=True))
    assert {each.outcome for each in done} == {"done"}
    found = replica.network.write("GET", "/tracking-plans?pagination.count=200")["trackingPlans"]
    assert {"Ours, later", "New"} <= {each["name"] for each in found}
    replica.run("TrackingPlans", selections=chosen)
    with replica.client() as client:
        assert apply(replica.target, client, options, Allowed(push=True)) == []


def test_a_deleted_plan_is_restored_from_columns_that_were_renamed(replica: Replica) -> None:
    chosen = names("TrackingPlans", name="title")
    replica.run("TrackingPlans", selections=chosen)
    first = replica.rows("tracking_plans", "ORDER BY id")[0]
    replica.network.write("DELETE", f"/tracking-plans/{first['id']}")
    replica.run("TrackingPlans", selections=chosen)
    options = Options(objects=objects("TrackingPlans", "TrackingPlanRules"), selections=chosen)
    key = restore(replica.target, options, by_name["TrackingPlans"], first["id"], None).key
    assert replica.rows("tracking_plans", f"WHERE id = '{key}'")[0]["title"] == first["title"]


def test_who_changed_a_record_is_told_although_the_trail_has_other_names(replica: Replica) -> None:
    words, kept = ("AuditEvents", "Sources"), frozenset({"Sources"})
    chosen = names("AuditEvents", actor="who", actor_email="who_mail")
    replica.network.sandbox = Sandbox()
    replica.run(*words, selections=chosen, history=kept)
    first = replica.rows("sources", "ORDER BY id")[0]["id"]
    replica.network.write("PATCH", f"/sources/{first}", {"name": "Another"})
    replica.run(*words, selections=chosen, history=kept)
    told = versions(replica.target, layout_of(replica.target, by_name["Sources"]), [first], timedelta(0))
    assert told[-1].blame.who in {row["who"] for row in replica.rows("audit_events")}


def test_a_column_of_a_users_own_is_not_overwritten(replica: Replica) -> None:
    replica.run("Users")
    replica.do("ALTER TABLE users ADD COLUMN mail VARCHAR(200)")
    replica.do("UPDATE users SET mail = 'mine'")
    refused = result(replica.run("Users", selections=names(email="mail")), "Users")
    assert refused.status == "failed"
    assert "column email of table users is to be called mail, and there is a column of that name" in str(refused.error)
    assert {row["mail"] for row in replica.rows("users")} == {"mine"}


@pytest.mark.parametrize("policy", ["freeze", "fail"])
def test_a_policy_that_leaves_tables_alone_renames_nothing(one: Replica, policy: str) -> None:
    one.run("Users")
    refused = result(one.run("Users", selections=names(email="mail"), policy=policy), "Users")
    assert (
        f"Users needs to rename column email of table users to mail, which the schema policy `{policy}` forbids"
        in str(refused.error)
    )
    assert "email" in one.rows("users")[0]
    one.do("ALTER TABLE users RENAME COLUMN email TO mail")
    counted = result(one.run("Users", selections=names(email="mail"), policy=policy), "Users")
    assert (counted.status, counted.updated) == ("done", 0)


def test_a_column_that_was_left_out_for_a_while_is_found_under_its_name(one: Replica) -> None:
    one.run("Users", selections=names(email="mail"))
    one.run("Users", selections=selections({"Users.email"}))
    one.run("Users", selections=names(email="post"))
    assert "mail" not in one.rows("users")[0]
    assert all(row["post"] for row in one.rows("users"))


def test_rows_of_a_moment_have_the_names_that_the_columns_have_now(one: Replica) -> None:
    one.run("Users", history=KEPT)
    moment = datetime.now(UTC)
    one.run("Users", selections=names(email="mail"), history=KEPT)
    rows = list(as_of(one.target, layout_of(one.target, by_name["Users"]), moment))
    assert all(row["mail"] for row in rows)
