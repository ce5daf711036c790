"""Every version of a row stays, from when to when it held, and the versions of a record leave no gap between them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import delete, insert, inspect, select, text, update

from replicator.errors import MassDeletion, TableAltered
from replicator.rows import Layout
from replicator.target import evolve
from replicator.target.alterations import Altered
from replicator.target.database import Place
from replicator.target.history import history_table, holds
from replicator.target.publication import Counts
from tests.contract.replica import PLANS, RULES, Replica, plan, plans
from tests.contract.test_evolve import layout_of, with_layout, without

Make = Callable[..., Replica]


def keeping(replica: Replica) -> list[str]:
    """Makes the history table of the replica's object, or brings it up to the layout."""
    with replica.target.begin() as connection:
        name = replica.layout.object.name
        changes = evolve.plan(replica.target, connection, [replica.layout], {name})
        assert not any(isinstance(each, Altered) for each in changes)
        evolve.apply(replica.target, connection, [each for each in changes if not isinstance(each, Altered)])
    return [str(each) for each in changes]


def load(replica: Replica, records: Sequence[Any], **options: Any) -> Counts:
    return replica.load(records, **{"history": True, "allow_deletes": True, **options})


def versions(replica: Replica) -> dict[str, list[dict[str, Any]]]:
    """By key, in their order; and whatever is there, it has no gap, no overlap and no two versions in a row alike."""
    table, key = history_table(replica.target, replica.layout), replica.layout.primary_key
    with replica.target.reading() as connection:
        found = connection.execute(select(table).order_by(table.c[key], table.c._valid_from)).mappings().all()
    kept: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        kept.setdefault(row[key], []).append(dict(row))
    for rows in kept.values():
        for one, other in pairwise(rows):
            assert one["_valid_from"] < one["_valid_to"] == other["_valid_from"]
            assert (one["_fingerprint"], one["_deleted"]) != (other["_fingerprint"], other["_deleted"])
        assert rows[-1]["_valid_to"] is None
    return kept


def agrees(replica: Replica) -> None:
    """What holds now is what the object's table holds."""
    kept, rows = versions(replica), replica.rows()
    assert kept.keys() >= rows.keys()
    shared = [name for name, _ in replica.layout.staged if name != "_partition"]
    for key, row in rows.items():
        last = kept[key][-1]
        assert {name: last[name] for name in shared} == {name: row[name] for name in shared}
        assert last["_deleted"] == (row["_deleted_at"] is not None)
    assert all(kept[key][-1]["_deleted"] for key in kept.keys() - rows.keys())


def shown(replica: Replica) -> dict[str, list[str | None]]:
    """Each record's names in their order; None while it was gone."""
    return {
        key: [None if each["_deleted"] else each["name"] for each in rows] for key, rows in versions(replica).items()
    }


def test_a_version_ends_in_the_moment_in_which_the_next_begins(plans_replica: Replica) -> None:
    assert keeping(plans_replica) == ["create table plans_history with 17 columns"]
    assert keeping(plans_replica) == []
    load(plans_replica, plans(3))
    second = plans_replica.begin_run("run-2")
    load(second, [plan(0), plan(1, name="New")])
    third = second.begin_run("run-3")
    load(third, plans(3))
    agrees(third)
    assert shown(third) == {
        "plan_0000": ["Plan 0"],
        "plan_0001": ["Plan 1", "New", "Plan 1"],
        "plan_0002": ["Plan 2", None, "Plan 2"],
    }
    assert [each["_run_id"] for each in versions(third)["plan_0002"]] == ["run-1", "run-2", "run-3"]
    gone = versions(third)["plan_0002"][1]
    assert (gone["count"], gone["created_at"]) == (2, versions(third)["plan_0002"][0]["created_at"])


def test_an_unchanged_listing_writes_no_version(plans_replica: Replica) -> None:
    keeping(plans_replica)
    load(plans_replica, plans(50))
    before = versions(plans_replica)
    second = plans_replica.begin_run("run-2")
    assert load(second, plans(50)).unchanged == 50
    assert versions(second) == before


def test_what_happened_while_no_history_was_kept_is_caught_up(plans_replica: Replica) -> None:
    load(plans_replica, plans(4), history=False)
    load(plans_replica, plans(3), history=False)
    keeping(plans_replica)
    first = plans_replica.begin_run("run-2")
    load(first, plans(3))
    assert shown(first) == {
        "plan_0000": ["Plan 0"],
        "plan_0001": ["Plan 1"],
        "plan_0002": ["Plan 2"],
        "plan_0003": [None],
    }
    second = first.begin_run("run-3")
    load(second, [plan(0, name="New"), plan(2), plan(3)], history=False)
    third = second.begin_run("run-4")
    assert load(third, [plan(0, name="New"), plan(2), plan(3)]).unchanged == 3
    agrees(third)
    assert shown(third) == {
        "plan_0000": ["Plan 0", "New"],
        "plan_0001": ["Plan 1", None],
        "plan_0002": ["Plan 2"],
        "plan_0003": [None, "Plan 3"],
    }


def test_an_emptied_history_begins_anew(plans_replica: Replica) -> None:
    keeping(plans_replica)
    load(plans_replica, plans(3))
    plans_replica.execute("DELETE FROM plans_history")
    load(plans_replica, plans(3))
    agrees(plans_replica)
    assert len(versions(plans_replica)) == 3


def test_a_row_that_somebody_removed_is_gone_and_its_last_values_stay(plans_replica: Replica) -> None:
    keeping(plans_replica)
    load(plans_replica, plans(3))
    plans_replica.execute("DELETE FROM plans WHERE id = 'plan_0001'")
    second = plans_replica.begin_run("run-2")
    load(second, [plan(0), plan(2)], history=False)
    third = second.begin_run("run-3")
    load(third, [plan(0), plan(2)])
    agrees(third)
    assert shown(third)["plan_0001"] == ["Plan 1", None]
    assert versions(third)["plan_0001"][1]["count"] == 1


def test_hard_deletes_leave_the_history(plans_replica: Replica) -> None:
    keeping(plans_replica)
    load(plans_replica, plans(3))
    second = plans_replica.begin_run("run-2")
    load(second, plans(2), hard=True)
    assert len(second.rows()) == 2
    agrees(second)
    third = second.begin_run("run-3")
    load(third, plans(3), hard=True)
    agrees(third)
    assert shown(third)["plan_0002"] == ["Plan 2", None, "Plan 2"]


def test_a_publication_that_is_undone_leaves_no_version(plans_replica: Replica) -> None:
    keeping(plans_replica)
    load(plans_replica, plans(20))
    before = versions(plans_replica)
    with pytest.raises(MassDeletion):
        load(plans_replica, [plan(0, name="New")], allow_deletes=False)

    def kill(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(plans_replica, [plan(0, name="New")], also=kill)
    assert versions(plans_replica) == before
    load(plans_replica, [plan(0, name="New")])
    agrees(plans_replica)
    assert sum(map(len, versions(plans_replica).values())) == 40


def test_records_that_came_twice_have_one_version(plans_replica: Replica) -> None:
    keeping(plans_replica)
    load(plans_replica, [*plans(3), plan(1)])
    load(plans_replica, [plan(0, name="New"), plan(0, name="New"), *plans(3)[1:]])
    agrees(plans_replica)
    assert [len(each) for each in versions(plans_replica).values()] == [2, 1, 1]


def test_a_clock_that_was_set_back_makes_no_overlap(plans_replica: Replica) -> None:
    keeping(plans_replica)
    load(plans_replica, plans(3))
    table, settings = history_table(plans_replica.target, plans_replica.layout), plans_replica.books.settings
    for forget in (True, False):
        ahead = plans_replica.now() + timedelta(hours=3 if forget else 6)
        with plans_replica.target.begin() as connection:
            if forget:
                connection.execute(delete(settings).where(settings.c.name.like("history:%")))
                connection.execute(update(table).where(table.c._valid_to.is_(None)).values(_valid_from=ahead))
            else:
                mark = update(settings).where(settings.c.name.like("history:%"))
                connection.execute(mark.values(value=f"run-1 {ahead.isoformat()}"))
        load(plans_replica, plans(3, name=f"After {forget}"))
        agrees(plans_replica)
        assert all(each[-1]["_valid_from"] > ahead for each in versions(plans_replica).values())


def test_a_new_column_begins_a_version_and_a_widened_one_keeps_the_old(make: Make) -> None:
    old = make(without(PLANS, "count"))
    keeping(old)
    load(old, plans(3))
    new = with_layout(old, PLANS).begin_run("run-2")
    assert keeping(new) == ["add column count to table plans", "add column count to table plans_history"]
    load(new, plans(3))
    agrees(new)
    assert [each["count"] for each in versions(new)["plan_0001"]] == [None, 1]


def test_columns_that_a_run_leaves_alone_stay_in_the_versions(plans_replica: Replica) -> None:
    keeping(plans_replica)
    load(plans_replica, plans(3, tags=["a"]))
    bare = replace(plans_replica, layout=Layout(PLANS, without(PLANS, "tags").columns)).begin_run("run-2")
    load(bare, [{name: value for name, value in each.items() if name != "tags"} for each in plans(3, name="New")])
    agrees(replace(bare, layout=layout_of(PLANS)))
    assert {each[-1]["tags"] is None for each in versions(replace(bare, layout=layout_of(PLANS))).values()} == {False}


def test_a_history_that_lost_its_key_stops_the_object_and_says_which_table(plans_replica: Replica) -> None:
    keeping(plans_replica)
    plans_replica.execute("ALTER TABLE plans_history RENAME TO old_history")
    plans_replica.execute("CREATE TABLE plans_history (id VARCHAR(255))")
    with plans_replica.target.reading() as connection:
        changes = evolve.plan(plans_replica.target, connection, [plans_replica.layout], {"Plans"})
    with pytest.raises(TableAltered, match="table plans_history has lost its primary key column _valid_from"):
        evolve.fit(plans_replica.layout, changes, "evolve")


def test_histories_of_two_prefixes_and_of_natural_keys_do_not_mix(make: Make) -> None:
    one, other = (make(RULES, place=Place(prefix=f"{each}_"), run_id=each) for each in ("one", "two"))
    for replica in (one, other):
        keeping(replica)
    rule = {"type": "TRACK", "key": "a", "version": 1, "jsonSchema": {}}
    one.load_partitions({"p1": [rule], "p2": []}, history=True)
    other.load_partitions({"p1": [rule, rule | {"key": "b"}], "p2": [rule]}, history=True)
    one.load_partitions({"p1": [rule | {"jsonSchema": {"a": 1}}], "p2": []}, history=True)
    agrees(one)
    agrees(other)
    assert [len(each) for each in versions(one).values()] == [2]
    assert [len(each) for each in versions(other).values()] == [1, 1, 1]


@pytest.mark.kinds("postgresql")  # the only one whose SQL has functions that give rows
@pytest.mark.parametrize("place", [Place(), Place(schema="Segment Data", prefix="x_")])
def test_a_function_gives_the_rows_of_a_moment(make: Make, place: Place) -> None:
    old = make(without(PLANS, "count"), place=place)
    keeping(old)
    load(old, plans(3))
    new = with_layout(old, PLANS).begin_run("run-2")
    moment = new.now()
    keeping(new)
    load(new, [plan(0, name="New")])
    called = '"Segment Data".x_plans_as_of' if place.schema else "plans_as_of"
    with new.target.reading() as connection:
        ask = text(f"SELECT name, count FROM {called}(:moment) ORDER BY id")
        assert [row.name for row in connection.execute(ask, {"moment": moment})] == ["Plan 0", "Plan 1", "Plan 2"]
        assert list(connection.execute(ask, {"moment": new.now()})) == [("New", 0)]


@pytest.mark.kinds("postgresql")  # where the function has to follow
def test_after_a_history_was_renamed_the_next_run_makes_a_new_one(plans_replica: Replica) -> None:
    keeping(plans_replica)
    plans_replica.execute("ALTER TABLE plans_history RENAME TO old_history")
    assert keeping(plans_replica) == ["create table plans_history with 17 columns"]
    load(plans_replica, plans(1))
    with plans_replica.target.reading() as connection:
        assert len(connection.execute(text("SELECT * FROM plans_as_of(now() + interval '1 minute')")).all()) == 1


def test_the_printed_statements_make_a_history_too(plans_replica: Replica) -> None:
    replica = plans_replica
    with replica.target.begin() as connection:
        changes = evolve.plan(replica.target, connection, [replica.layout], {"Plans"})
        printed = evolve.statements(replica.target, [each for each in changes if not isinstance(each, Altered)])
        for statement in filter(str.strip, printed.split(";")):
            connection.execute(text(statement))
        assert inspect(connection).has_table("plans_history")
    assert keeping(replica) == []


@dataclass
class Story:
    """A workspace that changes at random, and what the history of it has to say."""

    draw: random.Random
    records: dict[int, str] = field(default_factory=dict)
    told: dict[str, list[str | None]] = field(default_factory=dict)

    def change(self) -> None:
        for at in range(8):
            fate = self.draw.randrange(5)
            if fate == 0:
                self.records.pop(at, None)
            elif fate < 3:
                self.records[at] = f"Name {self.draw.randrange(3)}"

    def tell(self) -> None:
        for at in range(8):
            told, now = self.told.get(f"plan_{at:04d}", []), self.records.get(at)
            if (told or [None])[-1] != now:
                self.told[f"plan_{at:04d}"] = [*told, now]

    def listing(self) -> list[dict[str, Any]]:
        return [plan(at, name=name) for at, name in self.records.items()]


@pytest.mark.parametrize("seed", range(3))
def test_after_any_story_the_history_tells_it(plans_replica: Replica, seed: int) -> None:
    draw = random.Random(seed)
    story, replica = Story(draw), plans_replica
    keeping(replica)
    moments: list[tuple[Any, dict[int, str]]] = []
    for step in range(12):
        story.change()
        replica = replica.begin_run(f"run-{step + 2}")
        options = {"hard": draw.random() < 0.2, "history": draw.random() < 0.8 or step == 11}
        if draw.random() < 0.3:
            stage = replica.staged(story.listing())
            with pytest.raises(ZeroDivisionError):
                replica.publish(stage, **options, allow_deletes=True, also=lambda *_: 1 / 0)
        load(replica, story.listing(), **options)
        if options["history"]:
            story.tell()
            agrees(replica)
            moments.append((replica.now(), dict(story.records)))
    # What came and went while no history was kept begins as a tombstone.
    kept = {key: told[told[0] is None :] for key, told in shown(replica).items()}
    assert {key: told for key, told in kept.items() if told} == story.told
    table = history_table(replica.target, replica.layout)
    with replica.target.reading() as connection:
        for moment, records in moments:
            query = select(table.c.id, table.c.name).where(holds(table, moment), table.c._deleted.is_(False))
            assert {row.id: row.name for row in connection.execute(query)} == {
                f"plan_{at:04d}": name for at, name in records.items()
            }


def test_times_of_whole_milliseconds_are_compared_as_times(plans_replica: Replica) -> None:
    keeping(plans_replica)
    load(plans_replica, plans(1))
    table = history_table(plans_replica.target, plans_replica.layout)
    whole = plans_replica.now().replace(microsecond=123_000)
    inside = whole + timedelta(microseconds=456)
    with plans_replica.target.begin() as connection:
        row = dict(connection.execute(select(table)).mappings().one())
        connection.execute(delete(table))
        connection.execute(insert(table).values({**row, "_valid_from": inside, "_valid_to": None}))
        for moment, held in ((whole, 0), (inside, 1), (inside + timedelta(milliseconds=1), 1)):
            assert len(connection.execute(select(table.c.id).where(holds(table, moment))).all()) == held
