"""Stage, then publish: the same on every database."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, event, text

from replicator.errors import MassDeletion, TargetError
from replicator.target import merging
from replicator.target.publication import Counts
from replicator.target.schema import object_table
from tests.contract.replica import RULES, Replica, plan, plans

Make = Callable[..., Replica]
OURS = ("_synced_at", "_deleted_at", "_run_id")


def places(replica: Replica) -> Any:
    """Where PostgreSQL keeps each row, and who wrote it; rewriting a row moves it."""
    if replica.target.dialect.title != "PostgreSQL":
        return None
    with replica.target.reading() as connection:
        return connection.execute(text("SELECT id, xmin::text, ctid::text FROM plans ORDER BY id")).all()


def test_the_first_listing_fills_the_table(plans_replica: Replica) -> None:
    counts = plans_replica.load(plans(25))
    assert (counts.records, counts.inserted, counts.updated, counts.unchanged, counts.live) == (25, 25, 0, 0, 25)
    assert sorted(plans_replica.records(), key=lambda each: each["id"]) == plans(25)
    state = plans_replica.object_state()
    assert (state.status, state.records, state.run_id, state.listing_began_at) == ("done", 25, "run-1", None)


def test_an_unchanged_listing_writes_no_row(plans_replica: Replica) -> None:
    plans_replica.load(plans(25))
    before, where = plans_replica.rows(), places(plans_replica)
    second = plans_replica.begin_run("run-2")
    counts = second.load(list(reversed(plans(25))))
    assert (counts.unchanged, counts.inserted, counts.updated, counts.deleted) == (25, 0, 0, 0)
    assert (second.rows(), places(second)) == (before, where)


@pytest.mark.parametrize("extent", ["whole", "none"])
def test_an_unchanged_listing_is_found_out_by_reading_alone_and_counts_as_any_other(
    plans_replica: Replica, extent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans_replica.load(plans(5))
    again = plans(3) if extent == "none" else plans(5)
    touched, quick = _writes(plans_replica, lambda: plans_replica.load(again, extent))
    assert not touched
    monkeypatch.setattr(merging, "_FEW", 0)
    assert plans_replica.load(again, extent) == quick
    monkeypatch.undo()
    touched, counts = _writes(plans_replica, lambda: plans_replica.load(plans(4)))
    assert touched
    assert (counts.deleted, counts.unchanged) == (1, 4)


def test_partitions_that_are_as_they_were_are_found_out_by_reading_alone(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = make(RULES)
    both = {"p1": rules(2), "p2": rules(3)}
    replica.load_partitions(both)
    touched, quick = _writes(replica, lambda: replica.load_partitions(both, unfinished=["p2"]))
    assert not touched
    monkeypatch.setattr(merging, "_FEW", 0)
    assert replica.load_partitions(both, unfinished=["p2"]) == quick
    monkeypatch.undo()
    assert replica.load_partitions({"p1": rules(1), "p2": []}, unfinished=["p2"]).deleted == 1


def _writes(replica: Replica, work: Callable[[], Counts]) -> tuple[list[str], Counts]:
    """The statements that would have changed rows of the object's table, whatever they found, and the work's counts."""
    name, seen = object_table(replica.target, replica.layout).name, list[str]()

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        if re.match(rf"(UPDATE|DELETE FROM|INSERT INTO) \W?{name}\b", statement):
            seen.append(statement)

    event.listen(replica.target.engine, "before_cursor_execute", note)
    try:
        return seen, work()
    finally:
        event.remove(replica.target.engine, "before_cursor_execute", note)


def test_changed_rows_are_updated_and_the_others_left_alone(plans_replica: Replica) -> None:
    plans_replica.load(plans(25))
    before = plans_replica.rows()
    second = plans_replica.begin_run("run-2")
    counts = second.load([plan(0, name="Renamed"), *plans(25)[1:], plan(99)])
    assert (counts.inserted, counts.updated, counts.unchanged) == (1, 1, 24)
    after = second.rows()
    assert (after["plan_0000"]["name"], after["plan_0000"]["_run_id"]) == ("Renamed", "run-2")
    assert {key: after[key] for key in before if key != "plan_0000"} == {
        k: v for k, v in before.items() if k != "plan_0000"
    }


def test_vanished_rows_become_tombstones_that_keep_their_values_and_come_back(plans_replica: Replica) -> None:
    plans_replica.load(plans(25))
    before = plans_replica.rows()["plan_0007"]
    second = plans_replica.begin_run("run-2")
    counts = second.load([each for each in plans(25) if each["id"] != "plan_0007"])
    assert (counts.deleted, counts.unchanged, counts.live) == (1, 24, 24)
    buried = second.rows()["plan_0007"]
    assert buried["_deleted_at"] is not None
    assert {k: v for k, v in buried.items() if k not in OURS} == {k: v for k, v in before.items() if k not in OURS}
    third = second.begin_run("run-3")
    counts = third.load(plans(25))
    assert (counts.updated, counts.inserted, counts.deleted, counts.live) == (1, 0, 0, 25)
    assert third.rows()["plan_0007"]["_deleted_at"] is None


def test_a_record_that_comes_twice_counts_once(plans_replica: Replica) -> None:
    counts = plans_replica.load([*plans(25), plan(3), plan(4)])
    assert (counts.records, counts.inserted, counts.duplicates, counts.live) == (25, 25, 2, 25)
    counts = plans_replica.load([*plans(26), plan(25), plan(4, name="Late"), plan(4, name="Later")])
    assert (counts.records, counts.inserted, counts.duplicates) == (26, 1, 3)
    assert plans_replica.rows()["plan_0004"]["name"] in {"Late", "Later", "Plan 4"}


def test_of_two_records_of_one_key_the_same_one_is_kept_by_each_run(plans_replica: Replica) -> None:
    listed = [*plans(3), plan(1, name="Another"), plan(1, name="A third")]
    plans_replica.load(plans(1))
    plans_replica.load(listed)
    run, before, where = plans_replica, plans_replica.rows(), places(plans_replica)
    for number, again in enumerate([listed, listed[::-1], listed], 2):
        run = run.begin_run(f"run-{number}")
        counts = run.load(again)
        assert (counts.unchanged, counts.updated, counts.duplicates, counts.kept) == (3, 0, 2, 0)
        assert (run.rows(), places(run)) == (before, where)


def test_of_two_records_of_one_key_none_flips_where_others_are_missing_or_move(make: Make) -> None:
    replica = make(RULES)
    listed = {"p1": [*rules(2), {**rules(1)[0], "jsonSchema": {"another": "one"}}], "p2": rules(2)}
    replica.load_partitions(listed)
    before = replica.rows()
    assert replica.load_partitions(listed, unfinished=["p2"]).updated == 0
    assert replica.rows() == before
    moved = replica.load_partitions({**listed, "p1": listed["p1"][:1] + listed["p1"][2:]})
    assert (moved.updated, moved.deleted, moved.kept) == (0, 0, 1)
    assert replica.rows() == before


def test_records_that_come_twice_while_others_are_missing_bury_nothing(plans_replica: Replica) -> None:
    plans_replica.load(plans(25))
    counts = plans_replica.load([*plans(24), plan(3)])
    assert (counts.deleted, counts.kept, counts.duplicates, counts.live) == (0, 1, 1, 25)


def test_more_than_the_guard_allows_never_vanishes_without_a_word(plans_replica: Replica) -> None:
    plans_replica.load(plans(100))
    before, state = plans_replica.rows(), plans_replica.object_state()
    with pytest.raises(MassDeletion, match=r"Plans: 21 of 100 rows .*--allow-deletes Plans") as held:
        plans_replica.load(plans(79))
    assert held.value.going == [{"id": each["id"]} for each in plans(100)[79:99]]
    assert plans_replica.rows() == before
    assert plans_replica.object_state().records == state.records
    assert plans_replica.load(plans(80)).deleted == 20
    assert plans_replica.load([], allow_deletes=True).deleted == 80
    assert plans_replica.load([]).deleted == 0


def test_ten_rows_may_vanish_from_a_small_table(plans_replica: Replica) -> None:
    plans_replica.load(plans(11))
    assert plans_replica.load(plans(1)).deleted == 10


def rules(count: int) -> list[dict[str, Any]]:
    return [{"type": "TRACK", "key": f"Event {at}", "version": 1} for at in range(count)]


def test_only_rows_of_finished_partitions_are_buried(make: Make) -> None:
    replica = make(RULES)
    replica.load_partitions({"p1": rules(5), "p2": rules(5)})
    counts = replica.load_partitions({"p1": rules(4), "p2": rules(3)}, unfinished=["p2"])
    assert (counts.deleted, counts.live) == (1, 9)
    assert {row["plan_id"] for row in replica.rows().values() if row["_deleted_at"]} == {"p1"}


def test_a_listing_that_proves_no_absence_buries_nothing(plans_replica: Replica) -> None:
    plans_replica.load(plans(25))
    counts = plans_replica.load([plan(30)], extent="none")
    assert (counts.records, counts.inserted, counts.deleted, counts.live) == (1, 1, 0, 26)


def test_a_row_that_moves_to_another_partition_is_not_buried_with_the_old_one(make: Make) -> None:
    replica = make(RULES)
    replica.load_partitions({"p1": rules(5), "p2": []})
    stage = replica.stage()
    stage.begin(status="reading")
    preparer = replica.target.engine.dialect.identifier_preparer
    table, names = preparer.format_table(stage.table), ", ".join(preparer.quote(n) for n, _ in replica.layout.staged)
    replica.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM rules")
    replica.execute(f"UPDATE {table} SET _partition = 'p2'")
    from replicator.target.stage import Batch
    from replicator.target.state import Checkpoint

    stage.append(Batch([], [], [Checkpoint("p1", done=True), Checkpoint("p2", staged=5, done=True)]))
    counts = replica.publish(stage)
    assert (counts.updated, counts.deleted) == (5, 0)
    assert {row["_partition"] for row in replica.rows().values()} == {"p2"}


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        # SQLite adds no CHECK to a table that exists.
        pytest.param(
            "CHECK (count < 30)", "small", marks=pytest.mark.kinds("postgresql", "mariadb", "mysql"), id="check"
        ),
        pytest.param("UNIQUE (name)", "small", id="unique"),
    ],
)
def test_a_rule_that_a_user_added_undoes_the_whole_publication(plans_replica: Replica, rule: str, name: str) -> None:
    plans_replica.load(plans(25))
    if plans_replica.target.dialect.title == "SQLite":
        plans_replica.execute("CREATE UNIQUE INDEX small ON plans (name)")
        name = "plans.name"
    elif plans_replica.target.dialect.title == "MySQL" and "UNIQUE" in rule:
        plans_replica.execute("CREATE UNIQUE INDEX small ON plans (name(100))")
    else:
        plans_replica.execute(f"ALTER TABLE plans ADD CONSTRAINT small {rule}")
    before, state = plans_replica.rows(), plans_replica.object_state()
    stage = plans_replica.staged([*plans(25)[:20], plan(24, name="Other"), plan(40, name="Plan 3", secret="hush-hush")])
    with pytest.raises(TargetError) as caught:
        plans_replica.publish(stage)
    said = str(caught.value)
    assert name in said
    assert said.count("\n") == 0
    assert "Plan 3" not in said
    assert "hush-hush" not in said
    assert plans_replica.rows() == before
    assert plans_replica.object_state().records == state.records
    assert stage.resumable()[""].done


def test_what_a_token_without_rights_sees_empty_is_not_emptied(plans_replica: Replica) -> None:
    plans_replica.load([plan(1, writeKeys=["abc"]), plan(2, writeKeys=[])])
    kept = plans_replica.rows()["plan_0001"]["write_keys"]
    counts = plans_replica.load([plan(1, writeKeys=[], name="New"), plan(2, writeKeys=["first"])])
    rows = plans_replica.rows()
    assert counts.updated == 2
    assert (rows["plan_0001"]["name"], rows["plan_0001"]["write_keys"]) == ("New", kept)
    assert rows["plan_0002"]["write_keys"] != "[]"
    assert plans_replica.load([plan(1, writeKeys=["other"]), plan(2)]).updated == 2
    assert plans_replica.rows()["plan_0001"]["write_keys"] not in (kept, "[]")


def test_hard_deletes_remove_what_this_listing_lacks_and_leave_earlier_tombstones(plans_replica: Replica) -> None:
    plans_replica.load(plans(25))
    second = plans_replica.begin_run("run-2")
    second.load(plans(24))
    third = second.begin_run("run-3")
    counts = third.load(plans(23), hard=True)
    assert (counts.deleted, counts.live) == (1, 23)
    assert {*third.rows()} - {*third.live()} == {"plan_0024"}


def test_a_stage_that_lost_rows_is_not_published(plans_replica: Replica) -> None:
    plans_replica.load(plans(25))
    second = plans_replica.begin_run("run-2")
    stage = second.staged([plan(at, name="Other") for at in range(25)])
    with second.target.begin() as connection:
        connection.execute(delete(stage.table).where(stage.table.c.id == "plan_0003"))
    before = second.rows()
    with pytest.raises(TargetError, match="holds 24 rows where 25 were read; nothing was changed"):
        second.publish(stage)
    assert second.rows() == before
