"""Object tables are created and widened, and nothing else is ever done to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import inspect, text

from replicator.catalog import OBJECTS, model
from replicator.catalog.model import Object
from replicator.errors import SchemaFrozen, TableAltered
from replicator.rows import Layout
from replicator.target import evolve
from replicator.target.alterations import Altered
from replicator.target.database import Place, open_target
from replicator.target.migrate import migrate
from tests.contract.replica import PLANS, RULES, Replica, evolved, plan, plans
from tests.databases import Database

Make = Callable[..., Replica]


def without(thing: Object, *names: str) -> Object:
    return replace(thing, columns=tuple(column for column in thing.columns if column.name not in names))


def retyped(thing: Object, name: str, make_column: Callable[..., model.Column]) -> Object:
    changed = [make_column(c.field, c.name) if c.name == name else c for c in thing.columns]
    return replace(thing, columns=tuple(changed))


def layout_of(thing: Object) -> Layout:
    return Layout(thing, thing.columns)


def with_layout(replica: Replica, thing: Object) -> Replica:
    return replace(replica, layout=layout_of(thing))


def test_no_table_of_the_catalog_needs_a_change_once_it_is_made(database: Database) -> None:
    target = open_target(database.url)
    migrate(target)
    layouts = [layout_of(thing) for thing in OBJECTS]
    first = evolved(target, *layouts)
    assert len(first) == len(layouts) + sum(bool(each.object.editable) for each in layouts)
    assert evolved(target, *layouts) == []
    target.close()


def test_a_new_column_is_added_and_filled_in_rows_that_did_not_change(make: Make) -> None:
    old = make(without(PLANS, "count", "created_at"))
    old.load(plans(5))
    new = with_layout(old, PLANS)
    assert sorted(str(change) for change in evolved(new.target, new.layout)) == [
        "add column count to table plans",
        "add column created_at to table plans",
    ]
    assert new.load(plans(5)).updated == 5
    assert [row["count"] for _, row in sorted(new.rows().items())] == [0, 1, 2, 3, 4]
    assert new.load(plans(5)).unchanged == 5


def test_columns_and_indexes_of_the_user_stay(plans_replica: Replica) -> None:
    plans_replica.load(plans(5))
    plans_replica.execute("ALTER TABLE plans ADD COLUMN owner VARCHAR(20)")
    plans_replica.execute("CREATE INDEX by_owner ON plans (owner)")
    plans_replica.execute("UPDATE plans SET owner = 'me' WHERE id = 'plan_0001'")
    assert evolved(plans_replica.target, plans_replica.layout) == []
    plans_replica.load([plan(at, name="New") for at in range(5)])
    with plans_replica.target.reading() as connection:
        assert connection.execute(text("SELECT owner FROM plans WHERE id = 'plan_0001'")).scalar() == "me"
        assert "by_owner" in {index["name"] for index in inspect(connection).get_indexes("plans")}


def test_a_column_that_the_user_dropped_comes_back_and_is_filled(plans_replica: Replica) -> None:
    plans_replica.load(plans(5))
    plans_replica.execute("ALTER TABLE plans DROP COLUMN name")
    evolved(plans_replica.target, plans_replica.layout)
    assert plans_replica.load(plans(5)).updated == 5
    assert {row["name"] for row in plans_replica.rows().values()} == {f"Plan {at}" for at in range(5)}


def test_a_retyped_column_stops_that_object_alone(make: Make) -> None:
    replica = make()
    evolved(replica.target, layout_of(RULES))
    if replica.target.dialect.title == "SQLite":
        replica.execute("ALTER TABLE plans DROP COLUMN count")
        replica.execute("ALTER TABLE plans ADD COLUMN count TEXT")
    elif replica.target.dialect.title == "PostgreSQL":
        replica.execute("ALTER TABLE plans ALTER COLUMN count TYPE text")
    else:
        replica.execute("ALTER TABLE plans MODIFY COLUMN count LONGTEXT")
    layouts = [replica.layout, layout_of(RULES)]
    with replica.target.begin() as connection:
        changes = evolve.plan(replica.target, connection, layouts)
    with pytest.raises(TableAltered, match=r"Plans: column count of table plans is .* is needed"):
        evolve.fit(layouts[0], changes, "evolve")
    assert evolve.fit(layouts[1], changes, "evolve") == layouts[1]


@pytest.mark.parametrize("narrow", [model.number, model.integer, model.boolean, model.timestamp])
def test_a_column_is_widened_to_text_without_loss(make: Make, narrow: Any) -> None:
    old = make(retyped(PLANS, "ratio", narrow))
    value = {model.number: 0.5, model.integer: 7, model.boolean: True, model.timestamp: "2026-01-02T03:04:05.000Z"}[
        narrow
    ]
    old.load(plans(5, ratio=value))
    old.execute("ALTER TABLE plans ADD COLUMN owner VARCHAR(20)")
    old.execute("CREATE INDEX by_owner ON plans (owner)")
    old.execute("UPDATE plans SET owner = 'me'")
    new = with_layout(old, retyped(PLANS, "ratio", model.text))
    evolved(new.target, new.layout)
    assert evolved(new.target, new.layout) == []
    assert {row["name"] for row in new.rows().values()} == {f"Plan {at}" for at in range(5)}
    with new.target.reading() as connection:
        assert set(connection.execute(text("SELECT owner FROM plans")).scalars()) == {"me"}
        assert "by_owner" in {index["name"] for index in inspect(connection).get_indexes("plans")}
    assert new.load(plans(5, ratio="half")).updated == 5
    assert {row["ratio"] for row in new.rows().values()} == {"half"}


@pytest.mark.kinds("sqlite")  # it has to copy the table
@pytest.mark.parametrize(
    ("made", "lost"),
    [
        ("CREATE TABLE notes (plan TEXT REFERENCES plans (id) ON DELETE CASCADE)", "the foreign key of table notes"),
        ("CREATE TRIGGER stamp AFTER UPDATE ON plans BEGIN SELECT 1; END", "trigger stamp"),
        ("CREATE VIEW ratios AS SELECT id, ratio FROM Plans", "view ratios"),
        ("ALTER TABLE plans ADD COLUMN twice GENERATED ALWAYS AS (ratio * 2)", "generated column twice"),
        ("ALTER TABLE plans ADD COLUMN mine CHECK (mine > 0)", "a CHECK"),
    ],
)
def test_a_column_is_not_widened_where_that_would_cost_what_a_person_made(make: Make, made: str, lost: str) -> None:
    old = make(retyped(PLANS, "ratio", model.integer))
    old.load(plans(3, ratio=7))
    old.execute(made)
    new = with_layout(old, retyped(PLANS, "ratio", model.text))
    with new.target.reading() as connection:
        (found,) = evolve.plan(new.target, connection, [new.layout])
    assert isinstance(found, Altered)
    assert f"the table has to be copied, and {lost} would be lost with it: drop that" in str(found)


def test_an_integer_column_is_widened_to_a_number(make: Make) -> None:
    old = make(retyped(PLANS, "ratio", model.integer))
    old.load(plans(3, ratio=7))
    new = with_layout(old, PLANS)
    evolved(new.target, new.layout)
    assert {row["ratio"] for row in new.rows().values()} == {7}
    assert new.load(plans(3, ratio=0.5)).updated == 3


def test_a_frozen_schema_leaves_a_new_field_to_extra(make: Make) -> None:
    old = make(without(PLANS, "count"))
    with old.target.begin() as connection:
        changes = evolve.plan(old.target, connection, [layout_of(PLANS)])
    with pytest.raises(SchemaFrozen, match="add column count to table plans"):
        evolve.fit(layout_of(PLANS), changes, "fail")
    frozen = replace(old, layout=evolve.fit(layout_of(PLANS), changes, "freeze"))
    frozen.load(plans(3))
    assert frozen.encoder().drift == {}
    assert sorted(frozen.records(), key=lambda each: each["id"]) == plans(3)


def test_two_prefixes_in_one_database_do_not_mix(make: Make) -> None:
    one, other = make(place=Place(prefix="one_")), make(place=Place(prefix="two_"), run_id="run-2")
    one.load(plans(5))
    other.load(plans(3))
    assert (len(one.rows()), len(other.rows())) == (5, 3)
    assert (one.object_state().records, other.object_state().records) == (5, 3)


@pytest.mark.kinds("postgresql")  # the only one with schemas inside a database
def test_a_schema_of_its_own_is_made(database: Database, make: Make) -> None:
    replica = make(place=Place(schema="Segment Data"))
    replica.load(plans(5))
    assert evolved(replica.target, replica.layout) == []
    with replica.target.reading() as connection:
        assert connection.execute(text('SELECT count(*) FROM "Segment Data".plans')).scalar() == 5
    usual = open_target(database.url, Place(schema="public"))
    usual.close()
    assert usual.place == Place()


@pytest.mark.parametrize("thing", [PLANS, RULES], ids=["plans", "rules"])
def test_the_printed_statements_work_when_a_person_runs_them(database: Database, thing: Object) -> None:
    target = open_target(database.url)
    layouts = [layout_of(without(thing, "json_schema", "tags")), layout_of(thing)]
    for layout in layouts:
        with target.begin() as connection:
            changes = evolve.plan(target, connection, [layout])
            printed = evolve.statements(target, [each for each in changes if not isinstance(each, Altered)])
        for statement in printed.split(";"):
            if statement.strip():
                with target.begin() as connection:
                    connection.execute(text(statement.replace(":", r"\:")))
        with target.begin() as connection:
            assert evolve.plan(target, connection, [layout]) == []
    target.close()


def test_after_a_table_was_renamed_the_next_run_makes_a_new_one(make: Make) -> None:
    replica = make(RULES)
    replica.execute("ALTER TABLE rules RENAME TO old_rules")
    evolved(replica.target, replica.layout)
    assert replica.load_partitions({"p1": [{"type": "TRACK", "key": "a", "version": 1}]}).inserted == 1
