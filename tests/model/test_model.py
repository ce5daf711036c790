"""Whatever happens in a workspace and to the runs of its replica, the replica never lies and ends in step.

REPLICATOR_TEST_HISTORIES says how many histories are tried; `python -m tests.model` runs more, on any database.
"""

from __future__ import annotations

import os

import pytest

from tests.model import histories

NUMBER = int(os.environ.get("REPLICATOR_TEST_HISTORIES", "20"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_replica_is_true_at_every_step_of_a_random_history_and_in_step_at_its_end() -> None:
    histories.run("sqlite", NUMBER, seed=1)
