"""What the ledger says of a unit's turn: whether it is over, and what earlier workers did of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from replicator.cli.units import Turn, turn_of
from replicator.fleet.queue import Unit
from replicator.ledger import Ledger
from replicator.target import migrate
from replicator.target.bookkeeping import bookkeeping
from replicator.target.database import Target, open_target


@pytest.fixture
def target(target_url: str) -> Iterator[Target]:
    opened = open_target(target_url)
    migrate.migrate(opened)
    yield opened
    opened.close()


def had(target: Target, *runs: tuple[str, str, str], hours: float = 0.0) -> None:
    """Runs in their order: id, status, and an object that each is done with."""
    books = bookkeeping(target.dialect)
    for number, (run, status, done) in enumerate(runs):
        Ledger(target, books, run).begin("incremental", "often")
        with target.begin() as connection:
            began = datetime.now(UTC) - timedelta(hours=hours) + timedelta(seconds=number - 100)
            values = {"status": status, "started_at": began}
            connection.execute(books.runs.update().where(books.runs.c.id == run).values(**values))
            zero = {column.name: 0 for column in books.run_objects.columns if column.type.python_type is int}
            row = {"run_id": run, "object": done, "status": "done", "seconds": 0.0, "complete": True}
            connection.execute(insert(books.run_objects).values(**zero, **row, started_at=began, finished_at=began))


def test_a_turn_that_nobody_had_yet_is_a_whole_one(target: Target) -> None:
    assert turn_of(target, Unit("a", "often", "")) == Turn("")
    had(target, ("one", "done", "Labels"))
    assert turn_of(target, Unit("a", "often", "one")) == Turn("one")


@pytest.mark.parametrize("status", ["done", "partial", "failed", "needs_person"])
def test_a_turn_that_a_run_ended_since_is_over(target: Target, status: str) -> None:
    had(target, ("one", "done", "Labels"), ("two", status, "Labels"))
    assert turn_of(target, Unit("a", "often", "one")) is None
    assert turn_of(target, Unit("a", "often", "")) is None


def test_what_was_interrupted_or_is_left_by_a_dead_worker_is_gone_on_with_less_what_is_done(target: Target) -> None:
    had(target, ("one", "done", "Users"), ("two", "interrupted", "Labels"), ("three", "running", "Roles"))
    expected = Turn("two", frozenset({"Labels", "Roles"}))
    assert turn_of(target, Unit("a", "often", "one")) == expected
    assert turn_of(target, Unit("a", "often", "two")) == expected
    assert turn_of(target, Unit("a", "other", "")) == Turn("")


def test_what_was_done_long_ago_is_done_again(target: Target) -> None:
    had(target, ("one", "interrupted", "Labels"), hours=7)
    assert turn_of(target, Unit("a", "often", "")) == Turn("one")
