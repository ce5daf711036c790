"""Whatever happens in a workspace and to the runs of its replica, the replica never lies and ends in step.

REPLICATOR_TEST_HISTORIES says how many histories are tried; `python -m tests.model` runs more, on any database.
"""

from __future__ import annotations

import os

import pytest

from tests.model import histories

#: Each part is a test of its own, so that all cores have some.
PARTS = 20
NUMBER = int(os.environ.get("REPLICATOR_TEST_HISTORIES", "200")) // PARTS


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(1, PARTS + 1))
def test_a_replica_is_true_at_every_step_of_a_random_history_and_in_step_at_its_end(seed: int) -> None:
    histories.run("sqlite", NUMBER, seed)


@pytest.mark.parametrize("seed", [0])
def test_some_random_histories_end_in_step(seed: int) -> None:
    histories.run("sqlite", 5, seed)
