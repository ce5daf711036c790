"""The indexes of tables that a run makes: they are there once the rows are, whatever became of the run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import inspect

from replicator.catalog import by_name
from replicator.options import Options, layouts
from replicator.target import evolve, migrate
from tests.scenarios.replica import Replica, objects

WORDS = ("TrackingPlans", "TrackingPlanRules", "Suppressions")


def made(replica: Replica, *, filled_next: bool) -> None:
    """As the beginning of a run makes the tables, or as `schema apply` does."""
    migrate.migrate(replica.target)
    with replica.target.reading() as connection:
        wanted = layouts([by_name[word] for word in WORDS], Options(objects=objects(*WORDS)))
        changes = evolve.plan(replica.target, connection, wanted.values())
    with replica.target.begin() as connection:
        todo = [each for each in changes if not isinstance(each, evolve.Altered)]
        evolve.apply(replica.target, connection, todo, filled_next=filled_next)


def indexed(replica: Replica, tables: Sequence[str] = ("tracking_plan_rules", "suppressions")) -> dict[str, list[str]]:
    """By table, the columns that have an index."""
    # A connection of SQLite that is idle does not know what others did to the schema.
    replica.engine.dispose()
    look = inspect(replica.engine)
    found = {table: [str(each["column_names"][0]) for each in look.get_indexes(table)] for table in tables}
    return {table: sorted(columns) for table, columns in found.items()}


def test_a_first_run_ends_with_the_indexes_that_its_tables_are_to_have(replica: Replica) -> None:
    replica.run(*WORDS)
    found = indexed(replica)
    assert "tracking_plan_id" in found["tracking_plan_rules"]
    assert all(found.values())
    # What a table made by `schema apply` has.
    for table in found:
        replica.do(f"DROP TABLE {table}")
    made(replica, filled_next=False)
    assert indexed(replica) == found
    replica.run(*WORDS, full=True)
    assert indexed(replica) == found


def test_a_run_that_died_when_it_had_made_the_tables_leaves_the_indexes_to_the_next(replica: Replica) -> None:
    made(replica, filled_next=True)
    replica.target.unindexed.clear()
    replica.run(*WORDS)
    found = indexed(replica)
    assert "tracking_plan_id" in found["tracking_plan_rules"]
    assert all(found.values())
    assert not [row for row in replica.books("settings") if row["name"].startswith("unindexed")]


@pytest.mark.parametrize("died", [False, True])
def test_names_of_indexes_that_a_renamed_table_kept_are_no_obstacle(replica: Replica, died: bool) -> None:
    replica.run(*WORDS)
    found = indexed(replica)
    replica.do("ALTER TABLE tracking_plan_rules RENAME TO old_rules")
    if died:
        made(replica, filled_next=True)
        replica.target.unindexed.clear()
    replica.run(*WORDS, full=True)
    assert indexed(replica) == found


def test_a_table_that_was_dropped_before_its_indexes_were_made_gets_them_with_the_next_one(replica: Replica) -> None:
    made(replica, filled_next=True)
    replica.do("DROP TABLE suppressions")
    replica.target.unindexed.clear()
    replica.run(*WORDS)
    assert all(indexed(replica).values())
