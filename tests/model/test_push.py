"""Random histories of a two-way sync: all sides come to the same, and no edit is lost.

REPLICATOR_TEST_TWO_WAY_HISTORIES says how many are tried on SQLite, and a quarter of them on each server;
`python -m tests.model.push --histories 2000` tries as many as asked, on any database.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.databases import Database
from tests.model.push import histories, run
from tests.model.sides import Wire
from tests.scenarios.replica import Replica

#: Each part is a test of its own, so that all cores have some.
PARTS = 20
NUMBER = int(os.environ.get("REPLICATOR_TEST_TWO_WAY_HISTORIES", "60"))


@pytest.mark.parametrize("seed", range(15))
def test_both_sides_of_a_random_history_come_to_the_same_and_no_edit_is_lost(seed: int, tmp_path: Path) -> None:
    databases = ("one", "two") if seed % 3 == 0 else ("one",)
    run([Replica(f"sqlite:///{tmp_path / name}.db", Wire()) for name in databases], seed)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_both_sides_of_many_random_histories_come_to_the_same(database: Database, part: int) -> None:
    share = max(1, NUMBER // PARTS // (1 if database.kind == "sqlite" else 4))
    first = 1000 + part * share
    broken = histories(database.kind, range(first, first + share))
    again = f"--database {database.kind} --histories 1 --processes 1 --seed SEED"
    assert not broken, "\n\n".join([*broken, f"The same again: python -m tests.model.push {again}"])
