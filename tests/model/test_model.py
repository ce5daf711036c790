"""Whatever happens in a workspace and to the runs of its replica, the replica never lies and ends in step.

REPLICATOR_TEST_HISTORIES says how many histories SQLite gets; `python -m tests.model` runs more of them.
"""

from __future__ import annotations

import os

import pytest

from tests import databases
from tests.model import histories

NUMBER = int(os.environ.get("REPLICATOR_TEST_HISTORIES", "40"))
#: A history on a server costs several times as much.
SHARE = 10


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", databases.kinds())
def test_a_replica_is_true_at_every_step_of_a_random_history_and_in_step_at_its_end(kind: str) -> None:
    try:
        histories.run(kind, NUMBER if kind == "sqlite" else max(1, NUMBER // SHARE), seed=1)
    except databases.NoServer as error:
        pytest.skip(str(error))
