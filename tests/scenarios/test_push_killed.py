"""A push that is killed at any of its crash points has each effect at most once, and the next push ends it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from replicator import crash
from replicator.options import Options
from replicator.sandbox import Sandbox
from replicator.sandbox.server import running
from replicator.segment.client import Client
from replicator.segment.token import Token
from replicator.sync.session import Allowed, apply, plan
from replicator.target.database import open_target
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, objects

WORDS = ("TrackingPlans", "TrackingPlanRules", "SourceFunctions")
FREE = Allowed(push=True, deletes=True, deploy=True)
COUNTS = {"TrackingPlans": 2, "RulesPerPlan": 3, "SourceFunctions": 3}
#: Everything a push does: a creation of each kind, an update, a deletion, rules put in and removed.
EDITS = """
INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE');
INSERT INTO source_functions (display_name, code) VALUES ('Ours', '// ours');
UPDATE source_functions SET code = '// edited'
 WHERE id = (SELECT min(id) FROM source_functions WHERE id NOT LIKE 'new:%');
DELETE FROM source_functions WHERE id = (SELECT max(id) FROM source_functions WHERE id NOT LIKE 'new:%');
UPDATE tracking_plan_rules SET json_schema = '{"title": "Ours"}'
 WHERE _key = (SELECT min(_key) FROM tracking_plan_rules WHERE type = 'TRACK');
DELETE FROM tracking_plan_rules WHERE _key = (SELECT max(_key) FROM tracking_plan_rules WHERE type = 'TRACK');
"""


#: Each test takes every so many-th point.
PARTS = 8


def push(database: Path, url: str) -> None:
    target = open_target(f"sqlite:///{database}")
    try:
        with Client(base_url=url, token=Token("sandbox"), sleep=lambda _: None) as client:
            apply(target, client, Options(objects=objects(*WORDS)), FREE)
    finally:
        target.close()


def die(database: Path, url: str, at: int) -> None:
    """Pushes, in a process of its own, which dies at its crash point of that number."""
    passed = 0

    def reached(moment: str, about: str) -> None:
        nonlocal passed
        passed += 1
        if passed > at:
            os.kill(os.getpid(), signal.SIGKILL)

    crash.arm(reached)
    push(database, url)


def killed(database: Path, url: str, at: int) -> bool:
    """Whether the push got as far as that point, and died there."""
    # Forks of a process without threads, in which everything is imported already.
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([__name__])
    child = forks.Process(target=die, args=(database, url, at))
    child.start()
    child.join()
    code = child.exitcode
    child.close()
    assert code in {0, -signal.SIGKILL}
    return code != 0


@pytest.mark.parametrize("first", range(PARTS))
def test_a_push_killed_at_any_point_is_ended_by_the_next_with_each_effect_once(first: int, tmp_path: Path) -> None:
    edited = tmp_path / "edited.db"
    at = first
    while True:
        network = Network(Sandbox(counts=COUNTS))
        if at == first:
            replica = Replica(f"sqlite:///{edited}", network)
            replica.run(*WORDS)
            replica.close()
            with closing(sqlite3.connect(edited)) as database:
                database.executescript(EDITS)
        database_file = tmp_path / f"{at}.db"
        shutil.copy(edited, database_file)
        with running(network) as url:
            died = killed(database_file, url, at)
            with closing(sqlite3.connect(database_file)) as database:
                # The killed process is dead for certain, which another machine could only guess by its heartbeat.
                database.execute("UPDATE _replicator_runs SET status = 'failed' WHERE status = 'running'")
                database.commit()
            push(database_file, url)
            _same_on_both_sides(database_file, network, url, at)
        database_file.unlink()
        if not died:
            break
        at += PARTS
    assert at > 40


def _same_on_both_sides(database_file: Path, network: Network, url: str, at: int) -> None:
    target = open_target(f"sqlite:///{database_file}")
    try:
        with Client(base_url=url, token=Token("sandbox")) as client:
            assert plan(target, client, Options(objects=objects(*WORDS)), FREE) == [], at
    finally:
        target.close()
    plans = network.write("GET", "/tracking-plans?pagination.count=200")["trackingPlans"]
    functions = network.write("GET", "/functions?resourceType=SOURCE&pagination.count=200")["functions"]
    assert Counter(each["name"] for each in plans)["Ours"] == 1, at
    assert Counter(each["displayName"] for each in functions)["Ours"] == 1, at
    assert len(functions) == COUNTS["SourceFunctions"], at
    for each in functions:
        whole = network.write("GET", f"/functions/{each['id']}")["function"]
        assert whole["isLatestVersion"] or not whole["code"].startswith("// "), at
    assert Counter(target for method, target in network.written if method == "POST")["/tracking-plans"] <= 2, at
