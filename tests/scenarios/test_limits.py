"""A run keeps under the API's limits, uses what they allow, and counts its requests rightly."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks import limits
from replicator.sandbox import Sandbox
from replicator.segment.limits import Limits
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, objects

MINUTE = 60.0


class Clock:
    """Time that passes when somebody sleeps; sleepers wake at the moments that they asked for."""

    def __init__(self) -> None:
        self.passed = 0.0
        self._lock = threading.Lock()
        self._begin = datetime.now(UTC)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        until = self.passed + seconds
        with self._lock:
            self.passed = max(self.passed, until)

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=self.passed)


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("allowed", [7, 40])
def test_a_run_stays_under_the_limit_and_uses_it(
    tmp_path_factory: pytest.TempPathFactory, allowed: int, threads: int
) -> None:
    clock = Clock()
    network = Network(Sandbox(rate_limit=allowed, now=clock.now))
    replica = Replica(f"sqlite:///{tmp_path_factory.mktemp('limits') / 'replica.db'}", network)
    client = {"limits": Limits(clock=clock.monotonic), "sleep": clock.sleep, "now": clock.now}
    run = replica.run("TrackingPlanRules", "Users", "SourceFunctions", client=client, concurrency=threads)
    replica.close()
    assert run.status == "done"
    assert network.statuses[429] == 0
    assert network.statuses == {200: run.requests}
    # None of these objects states a limit of its own but their parts, so the token's limit is what counts.
    windows = -(-run.requests // allowed)
    assert clock.passed <= (windows + 1) * MINUTE


def test_requests_are_those_of_the_run_though_the_client_served_others_before(one: Replica) -> None:
    one.run("Roles")
    with one.client() as client:
        client.get("listRoles", "/roles", {}, stability="stable", rate=None)
        from replicator.run import Options, replicate
        from tests.scenarios.replica import Told

        run = replicate(one.target, client, Options(objects=objects("Roles")), Told(), threading.Event())
    assert run.requests == 2


@pytest.mark.slow
def test_of_what_the_limits_allow_a_run_uses_nearly_all(tmp_path: Path) -> None:
    counts = {"TrackingPlans": 90, "RulesPerPlan": 2, "Users": 120}
    words = ["TrackingPlanRules", "Users"]
    url = f"sqlite:///{tmp_path / 'replica.db'}"
    gate, _ = limits.measure(counts, words, url, threads=8, speed=10.0, rate_limit=40)
    assert gate.statuses.keys() == {200}
    filled = {bucket.name: bucket.filled for bucket in gate.buckets() if bucket.windows > 2}
    assert filled.keys() == {"all others", "listRulesFromTrackingPlan"}
    assert all(share and share >= 0.95 for share in filled.values()), filled
