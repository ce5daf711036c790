"""Three workers, killed and put to sleep at random: nothing is lost, nothing comes twice, and no limit is exceeded."""

from __future__ import annotations

import signal
import time
from functools import partial
from pathlib import Path

import pytest

from replicator.intake import BATCH_ROWS
from replicator.sandbox.faults import fault_of_text
from tests import databases
from tests.fleet.fleet import Chaos, Fleet, at, fleet, wait_for

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
            chaos.go_on(12, longest_sleep=9)
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


PAGES = """
objects = ["Suppressions"]
[jobs.once]
every = "1h"
"""


def pages(made: Fleet) -> list[str]:
    return [entry.target for entry in made.faulty.log.read() if entry.target.startswith("/suppressions")]


@pytest.mark.timeout(180)
def test_a_killed_workers_unit_goes_on_at_its_page_within_seconds(tmp_path: Path) -> None:
    with databases.fresh("postgresql", tmp_path) as queue:
        connections = {"a": (queue.url, "one")}
        with fleet(tmp_path, queue.url, connections, PAGES, rate_limit=120, Suppressions=24_000) as made:
            made.start(2, units=1)
            assert wait_for(lambda: len(pages(made)) > 18, 60), made.log()
            (run,) = made.runs("a")
            (victim,) = [worker for worker in made.workers if f" process {worker.pid} " in run["holder"]]
            victim.kill()
            killed = time.time()
            assert wait_for(lambda: len(made.runs("a")) == 2, 40), made.log()
            taken = time.time() - killed
            assert wait_for(lambda: made.runs("a")[-1]["status"] == "done", 60), made.log()
            made.stop()
            assert [run["status"] for run in made.runs("a")] == ["interrupted", "done"]
            # What had been read but not stored is read again: two batches, and a page for each thread, at most.
            asked = pages(made)
            assert len(asked) - len(set(asked)) <= 2 * BATCH_ROWS // 1000 + 2
            assert len(set(asked)) == 24
            assert taken < 20
            made.differences()


@pytest.mark.timeout(120)
def test_a_wait_that_is_long_gives_the_worker_back_and_the_rest_comes_later(tmp_path: Path) -> None:
    job = PAGES.replace('"Suppressions"', '"Labels", "TrackingPlanRules"')
    with databases.fresh("postgresql", tmp_path) as queue:
        connections = {"a": (queue.url, "one")}
        with fleet(tmp_path, queue.url, connections, job, rate_limit=600) as made:
            made.faulty.faults.add(fault_of_text("listRulesFromTrackingPlan:status=429,retry_after=22,nth=1"))
            made.start(1, units=1)
            assert wait_for(lambda: len(made.runs("a")) == 2, 90), made.log()
            assert wait_for(lambda: made.runs("a")[-1]["status"] == "done", 60), made.log()
            made.stop()
            first, second = made.runs("a")
            assert first["status"] == "interrupted"
            assert "Segment asked to wait" in first["error"]
            assert at(second["started_at"]) - at(first["finished_at"]) > 15
            # What the turn's first run had finished is not read again.
            read = [
                (row["run_id"], row["object"])
                for row in made.replicas["a"].books("run_objects", "WHERE status = 'done'")
            ]
            assert (first["id"], "Labels") in read
            assert (second["id"], "Labels") not in read
            assert (second["id"], "TrackingPlanRules") in read
            made.differences()


@pytest.mark.timeout(120)
def test_a_worker_follows_its_configuration_at_sighup_and_keeps_the_old_one_where_the_new_is_broken(
    tmp_path: Path,
) -> None:
    with (
        databases.fresh("postgresql", tmp_path) as queue,
        fleet(tmp_path, queue.url, {"a": (queue.url, "one")}, PAGES, rate_limit=9000) as made,
    ):
        made.start(1, units=1)
        assert wait_for(lambda: made.done_since(0), 60), made.log()
        file, log = tmp_path / "replicator.toml", tmp_path / "worker0.log"
        right = file.read_text()

        def says(told: str) -> bool:
            return told in log.read_text()

        for text, told in (
            (f"{right}evry = 3", "configuration is broken; the old one goes on"),
            (right.replace("[fleet]", '[fleet]\nschema = "other"'), "restart the worker for that"),
            (f'{right}\n[jobs.new]\nevery = "1h"\nobjects = ["Labels"]\n', "configuration reloaded"),
        ):
            file.write_text(text)
            made.workers[0].signal(signal.SIGHUP)
            assert wait_for(partial(says, told), 20), made.log()
        assert made.daemon
        made.daemon.send_signal(signal.SIGHUP)
        assert wait_for(lambda: [run["job"] for run in made.runs("a") if run["status"] == "done"][1:], 60), made.log()
        assert set(made.stop()) == {0}, made.log()
        assert [run["job"] for run in made.runs("a")] == ["once", "new"]
        assert "mistake in this program" not in made.log()
