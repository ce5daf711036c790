"""What changes between two runs arrives as inserts, updates, tombstones and revivals, and is counted as such."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from replicator.sandbox import Sandbox
from tests.scenarios import network as net
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, result


def test_changes_arrive_and_the_counts_agree_everywhere(replica: Replica) -> None:
    replica.run("Roles", "Transformations")
    first, second, third = replica.rows("transformations", "ORDER BY id")[:3]

    def changed(records: list[Any]) -> list[Any]:
        kept = [each for each in records if each["id"] != first["id"]]
        renamed = [each | {"name": "Renamed"} if each["id"] == second["id"] else each for each in kept]
        return [*renamed, {**records[-1], "id": "new-1"}, {**records[-1], "id": "new-2"}]

    replica.network.on("/transformations", net.listing("transformations", changed))
    run = replica.run("Roles", "Transformations")

    one = result(run, "Transformations")
    assert (one.inserted, one.updated, one.unchanged, one.deleted, one.records) == (2, 1, 6, 1, 9)
    rows = {row["id"]: row for row in replica.rows("transformations")}
    assert rows[second["id"]]["name"] == "Renamed"
    assert rows[first["id"]]["_deleted_at"] is not None
    assert rows[first["id"]]["name"] == first["name"]
    touched = {key for key, row in rows.items() if row["_run_id"] == run.run_id}
    assert touched == {first["id"], second["id"], "new-1", "new-2"}
    assert rows[third["id"]] == third

    (ledger,) = replica.books("run_objects", f"WHERE run_id = '{run.run_id}' AND object = 'Transformations'")
    counted = ("status", "inserted", "updated", "unchanged", "deleted", "records", "requests", "pages")
    assert {name: ledger[name] for name in counted} == {name: getattr(one, name) for name in counted}
    assert ledger["complete"]
    (totals,) = replica.books("runs", f"WHERE id = '{run.run_id}'")
    sums = {name: sum(getattr(each, name) for each in run.objects) for name in ("inserted", "updated", "deleted")}
    assert {name: totals[name] for name in sums} == sums
    assert (totals["status"], totals["requests"]) == ("done", run.requests)
    assert replica.state("Transformations")["records"] == len(replica.live("transformations")) == 9


def test_a_deleted_record_that_returns_is_alive_again_in_its_row(replica: Replica) -> None:
    replica.run("Labels")
    replica.network.on("/labels", net.listing("labels", lambda labels: labels[1:]))
    assert result(replica.run("Labels"), "Labels").deleted == 1
    assert len(replica.live("labels")) == len(replica.rows("labels")) - 1
    replica.network.heal()
    revived = result(replica.run("Labels"), "Labels")
    assert (revived.updated, revived.inserted, revived.deleted) == (1, 0, 0)
    assert len(replica.live("labels")) == len(replica.rows("labels"))


def test_children_of_a_deleted_parent_are_deleted_and_those_of_others_stay(one: Replica) -> None:
    one.run("UserGroupUsers")
    gone = next(row["user_group_id"] for row in one.rows("user_group_users", "ORDER BY user_group_id"))
    kept = [row for row in one.rows("user_group_users") if row["user_group_id"] != gone]
    one.network.on("/groups", net.listing("userGroups", lambda groups: [g for g in groups if g["id"] != gone]))
    run = one.run("UserGroupUsers", allow_deletes=frozenset({"UserGroupUsers"}))
    assert run.status == "done"
    assert {row["user_group_id"] for row in one.live("user_group_users")} == {row["user_group_id"] for row in kept}
    assert len(one.live("user_group_users")) == len(kept)
    assert one.network.paths()[f"/groups/{gone}/users"] == 1, "asked by the first run alone"


def test_a_detail_that_changes_behind_an_unchanged_listing_arrives(one: Replica) -> None:
    one.run("SourceFunctions")
    wanted = one.rows("source_functions", "ORDER BY id")[0]["id"]

    def edit(found: dict[str, Any]) -> None:
        found["function"]["code"] = "// new"

    one.network.on(f"/functions/{wanted}", net.data(edit))
    run = one.run("SourceFunctions")
    assert result(run, "SourceFunctions").updated == 1
    assert {row["id"]: row["code"] for row in one.rows("source_functions")}[wanted] == "// new"


def test_details_can_be_switched_off_and_what_is_known_of_them_stays(one: Replica) -> None:
    one.run("SourceFunctions", "Users")
    code = {row["id"]: row["code"] for row in one.rows("source_functions")}
    permissions = {row["id"]: row["permissions"] for row in one.rows("users")}
    one.network.forget()
    run = one.run("SourceFunctions", "Users", extended="off")
    assert (run.status, run.requests) == ("done", 3)
    assert {row["id"]: row["code"] for row in one.rows("source_functions")} == code
    assert {row["id"]: row["permissions"] for row in one.rows("users")} == permissions
    assert all(code.values())
    assert one.run("SourceFunctions", extended="on").requests == 2 + len(code)


def test_write_keys_that_a_weaker_token_sees_empty_stay_as_a_better_one_saw_them(one: Replica) -> None:
    one.run("Sources")
    keys = {row["id"]: row["write_keys"] for row in one.rows("sources")}
    one.network.on("/sources*", net.data(_without_write_keys))
    one.run("Sources")
    assert {row["id"]: row["write_keys"] for row in one.rows("sources")} == keys
    assert all("masked:" in each for each in keys.values())


def _without_write_keys(found: dict[str, Any]) -> None:
    for source in [*found.get("sources", []), found.get("source", {})]:
        source["writeKeys"] = []


def test_a_grown_workspace_adds_and_changes_nothing_else(one: Replica) -> None:
    one.run("Suppressions")
    moment = one.network.sandbox.world.now()
    one.network.sandbox = Sandbox(counts={"Suppressions": 650}, now=lambda: moment)
    counted = result(one.run("Suppressions"), "Suppressions")
    assert (counted.inserted, counted.updated, counted.deleted) == (50, 0, 0)
    with one.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppressions")).scalar() == counted.records


def test_threads_do_not_matter(tmp_path_factory: Any) -> None:
    contents = []
    moment = Sandbox().world.now()
    for threads in (1, 16):
        folder = tmp_path_factory.mktemp(f"threads-{threads}")
        replica = Replica(f"sqlite:///{folder / 'replica.db'}", Network(Sandbox(now=lambda: moment)))
        run = replica.run("core", concurrency=threads, mask_key=b"k" * 32)
        assert run.status == "done"
        contents.append(replica.contents())
        replica.close()
    assert contents[0] == contents[1]
