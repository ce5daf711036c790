"""Another server of the same contract, whose answers are as odd as that allows: every value lies in the tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import pytest

from replicator.catalog import OBJECTS, by_name
from replicator.run import RunResult
from replicator.sandbox import Sandbox
from tests.sandbox.contract import contract
from tests.scenarios.foreign import Foreign
from tests.scenarios.leaves import Check
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica
from tests.scenarios.test_every_leaf import PERIOD, window
from tests.scenarios.walk import Walk

pytestmark = [
    pytest.mark.skipif(not contract()["paths"], reason="the API contract is not beside this checkout"),
    pytest.mark.timeout(180),
]
#: Rows of these stay when the API shows them no more: they lie in windows of time, or are kept for 90 days.
KEPT = {thing.name for thing in OBJECTS if thing.window or not thing.absence_deletes}


@pytest.fixture
def foreign(target_url: str) -> Foreign:
    """Another one for each kind of database."""
    return Foreign(target_url.partition(":")[0], now=datetime.now(UTC))


@pytest.fixture
def replica(target_url: str, foreign: Foreign) -> Iterator[Replica]:
    replica = Replica(target_url, Network(cast("Sandbox", foreign)))
    yield replica
    replica.close()


def test_every_value_of_an_unlikely_workspace_is_in_its_row_and_so_is_what_becomes_of_it(
    replica: Replica, foreign: Foreign
) -> None:
    for foreign.generation in (0, 1):
        replica.network.forget()
        run = replica.run("all", periods=(PERIOD,), allow_deletes=frozenset(by_name))
        assert (run.status, run.exit_code) == ("done", 0), [(each.object, each.error) for each in run.objects]
        assert replica.books("quarantine") == []
        assert sum(each.inserted for each in run.objects) > (50 if foreign.generation else 300)
        assert all(sum(each) > 20 for each in _changes(run)) == bool(foreign.generation)
        _all_there(replica, foreign)
        again = replica.run("all", periods=(PERIOD,))
        assert not [each for each in again.objects if (each.inserted, each.updated, each.deleted) != (0, 0, 0)]


def _changes(run: RunResult) -> tuple[list[int], list[int]]:
    return [each.updated for each in run.objects], [each.deleted for each in run.objects]


def _all_there(replica: Replica, foreign: Foreign) -> None:
    windows = {"volume": window(replica, "volume"), "summary": window(replica, "-metrics")}
    walk = Walk(foreign, period=PERIOD, **windows)
    for name, found in walk.everything().items():
        check, table = Check(name, walk.identity[name]), by_name[name].table
        rows, stored = replica.live(table), replica.stored(check.layout)
        stored = [row for row in stored if row["_deleted_at"] is None]
        check.holds(found, rows, stored, more=name in KEPT)
