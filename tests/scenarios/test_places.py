"""One replica for one workspace, in its own place, in tables that may have been altered."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from replicator.run import RunResult
from replicator.sandbox import Request, Response, Sandbox
from replicator.target.database import Place
from tests.databases import Database
from tests.scenarios import network as net
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, Told, result, statuses


def test_another_workspaces_token_is_refused_and_nothing_written(replica: Replica) -> None:
    replica.run("Roles", "Transformations")
    before = replica.contents(but=())
    replica.network.sandbox = Sandbox(seed=2)
    run = replica.run("Roles", "Transformations")
    assert (run.status, run.exit_code, run.objects) == ("failed", 2, ())
    assert "belongs to workspace" in (run.error or "")
    assert replica.contents(but=()) == before


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b'{"data": {"workspace": null}}', b'{"data": {"workspace": {"id": 7}}}']
)
def test_a_workspace_that_cannot_be_read_is_a_failed_run_and_leaves_it_closed(one: Replica, body: bytes) -> None:
    one.network.on("/", net.raw(body))
    run = one.run("Roles")
    assert (run.status, run.objects) == ("failed", ())
    assert run.error
    one.network.heal()
    assert one.run("Roles").status == "done"
    assert {row["status"] for row in one.books("runs")} == {"failed", "done"}


def test_two_places_of_one_database_do_not_mix(database: Database, network: Network) -> None:
    moment = network.sandbox.world.now()
    other = Network(Sandbox(seed=2, now=lambda: moment))
    here = Replica(database.url, network)
    there = Replica(database.url, other, place=Place(prefix="other_"))
    here.run("Transformations", "Roles")
    there.run("Transformations", told=Told(stop_after=1))
    ids = {row["id"] for row in here.rows("transformations")}
    other.on("/transformations", net.listing("transformations", lambda found: found[2:]))
    assert there.run("Transformations", full=True).status == "done"
    again = here.run("Transformations", "Roles")
    assert {(each.inserted, each.updated, each.deleted) for each in again.objects} == {(0, 0, 0)}
    assert {row["id"] for row in here.live("transformations")} == ids
    assert len(there.live("other_transformations")) == 6
    assert not ids & {row["id"] for row in there.rows("other_transformations")}
    here.close()
    there.close()


def test_a_run_in_one_place_is_no_hindrance_to_one_in_another(database: Database, network: Network) -> None:
    here, there = Replica(database.url, network), Replica(database.url, Network(), place=Place(prefix="other_"))
    runs: list[RunResult] = []

    def meanwhile(request: Request, answer: Response) -> Response:
        if not runs:
            runs.append(there.run("Roles"))
        return answer

    network.on("/roles", meanwhile)
    assert here.run("Roles").status == "done"
    assert runs[0].status == "done"
    here.close()
    there.close()


def test_a_schema_of_its_own_holds_the_objects(one: Replica, database: Database, network: Network) -> None:
    if database.kind != "postgresql":
        return
    replica = Replica(database.url, network, place=Place(schema="segment"))
    assert replica.run("Roles").status == "done"
    assert replica.rows("segment.roles")
    replica.close()


@pytest.mark.parametrize("policy", ["freeze", "fail"])
def test_a_policy_that_forbids_new_tables_fails_the_objects_that_have_none(one: Replica, policy: Any) -> None:
    one.run("Roles")
    run = one.run("Roles", "Transformations", policy=policy)
    assert statuses(run) == {"Roles": "done", "Transformations": "failed"}
    why = result(run, "Transformations").error or ""
    assert policy in why
    assert "\n" not in why


def test_an_altered_table_fails_its_object_alone(replica: Replica) -> None:
    replica.run("Roles", "Transformations")
    replica.do("ALTER TABLE transformations RENAME COLUMN id TO identity")
    run = replica.run("Roles", "Transformations")
    assert (run.status, statuses(run)) == ("partial", {"Roles": "done", "Transformations": "failed"})
    assert "transformations" in (result(run, "Transformations").error or "")


def test_a_rule_of_the_users_own_that_a_row_breaks_fails_its_object_alone(replica: Replica) -> None:
    words = ("Roles", "Users", "Labels")
    replica.run(*words)
    column = "email(100)" if replica.target.dialect.title == "MySQL" else "email"
    replica.do(f"CREATE UNIQUE INDEX mine ON users ({column})")
    before = replica.contents(but=())
    replica.network.on("/users*", net.data(_same_email))
    run = replica.run(*words)
    assert statuses(run) == {"Labels": "done", "Roles": "done", "Users": "failed"}
    assert replica.contents(but=())["users"] == before["users"]
    assert "mistake in this program" not in (result(run, "Users").error or "")


def _same_email(found: dict[str, Any]) -> None:
    for each in [*found.get("users", []), found.get("user", {})]:
        each["email"] = "same@example.com"


def _named_alike(found: dict[str, Any]) -> None:
    for each in found["transformations"]:
        each["name"] = "the same"


def test_a_column_that_somebody_dropped_is_added_again_and_filled(replica: Replica) -> None:
    replica.run("Transformations")
    names = {row["id"]: row["name"] for row in replica.rows("transformations")}
    replica.do("ALTER TABLE transformations DROP COLUMN name")
    run = replica.run("Transformations")
    assert result(run, "Transformations").updated == len(names)
    assert {row["id"]: row["name"] for row in replica.rows("transformations")} == names
    assert any("name" in row["change"] for row in replica.books("schema_changes"))


@pytest.mark.parametrize("column", ["name", "_fingerprint"])
def test_a_column_is_filled_though_the_run_that_added_it_was_cut_off_right_afterwards(
    replica: Replica, column: str
) -> None:
    """Where DDL commits, the column is there, and nothing else of that run is."""
    replica.run("Transformations")
    rows = {row["id"]: (row["name"], row["_fingerprint"]) for row in replica.rows("transformations")}
    replica.do(f"ALTER TABLE transformations DROP COLUMN {column}")

    def cut_off(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "ADD COLUMN" in statement:
            raise RuntimeError("cut off")

    event.listen(replica.target.engine, "after_cursor_execute", cut_off)
    with pytest.raises(RuntimeError, match="cut off"):
        replica.run("Transformations")
    event.remove(replica.target.engine, "after_cursor_execute", cut_off)
    assert replica.run("Transformations").status == "done"
    assert {row["id"]: (row["name"], row["_fingerprint"]) for row in replica.rows("transformations")} == rows


def test_a_column_of_the_users_own_is_left_alone(replica: Replica) -> None:
    replica.run("Transformations")
    replica.do("ALTER TABLE transformations ADD COLUMN mine VARCHAR(20)")
    replica.do("UPDATE transformations SET mine = 'note'")
    replica.network.on("/transformations", net.data(_named_alike))
    assert result(replica.run("Transformations"), "Transformations").updated == 8
    assert {row["mine"] for row in replica.rows("transformations")} == {"note"}


def test_progress_is_told_as_it_happens(one: Replica) -> None:
    told = Told()
    run = one.run("TrackingPlanRules", told=told)
    assert told.run_id == run.run_id
    assert told.partitions == {"TrackingPlans": 1, "TrackingPlanRules": 6}
    assert sorted(set(told.pages)) == ["TrackingPlanRules", "TrackingPlans"]
    assert list(told.results.values()) == list(run.objects)
