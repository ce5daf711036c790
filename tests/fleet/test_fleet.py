"""Three workers, killed and put to sleep at random: nothing is lost, nothing comes twice, and no limit is exceeded."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests import databases
from tests.fleet.fleet import Chaos, fleet, wait_for

pytestmark = pytest.mark.slow
JOB = """
objects = ["core", "-AuditEvents"]
reread_hours = 0
[jobs.often]
every = "5s"
"""


@pytest.mark.timeout(180)
def test_workers_that_die_and_sleep_lose_nothing_write_nothing_twice_and_keep_the_limit(tmp_path: Path) -> None:
    with databases.fresh("postgresql", tmp_path) as queue, databases.fresh("postgresql", tmp_path) as other:
        connections = {
            "a": (queue.url, "one"),
            "b": (other.url, "one"),
            "c": (f"sqlite:///{tmp_path / 'c.db'}", "two"),
        }
        with fleet(tmp_path, queue.url, connections, JOB, rate_limit=900) as made:
            made.start(3)
            assert wait_for(lambda: any(made.runs(name) for name in connections), 30), made.log()
            chaos = Chaos(made, seed=5)
            chaos.go_on(20, longest_sleep=10)
            began = time.time()
            assert wait_for(lambda: made.done_since(began), 60), made.log()
            assert set(made.stop()) == {0}, made.log()
            told = made.log()
            assert chaos.kills
            assert chaos.sleeps
            assert "mistake in this program" not in told
            assert "Traceback" not in told
            assert made.overlaps() == []
            assert made.refused() == 0
            assert made.counted_twice() == []
            made.differences()
            assert max(chaos.takeovers(), default=0) < 20
