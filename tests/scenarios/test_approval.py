"""A person's approval lets one run delete what the guard holds, and no other; who decided, and when, is kept."""

from __future__ import annotations

import pytest

from replicator.options import Options
from replicator.sync.resolve import resolve
from replicator.target.decisions import TAKEN_BACK, Decisions
from tests.scenarios import network as net
from tests.scenarios.replica import Replica, objects
from tests.scenarios.test_push import ALL, conflicting


@pytest.fixture
def held(replica: Replica) -> Replica:
    """Its listing of 600 suppressions came back empty."""
    replica.run("Suppressions", "Roles")
    replica.network.on("/suppressions", net.listing("suppressed", lambda found: []))
    assert replica.run("Suppressions").status == "needs_person"
    return replica


def approve(replica: Replica, name: str = "Suppressions") -> None:
    with replica.target.begin() as connection:
        Decisions(replica.target).keep(connection, "deletes", name, "Ada", "600 of 600 rows are no longer in Segment")


def alive(replica: Replica) -> int:
    return len(replica.live("suppressions"))


def test_an_approved_run_deletes_and_the_next_one_is_held_again(held: Replica) -> None:
    approve(held)
    run = held.run("Suppressions")
    assert (run.status, alive(held)) == ("done", 0)
    (decision,) = held.books("decisions")
    assert (decision["decided_by"], decision["used_by"]) == ("Ada", run.run_id)
    assert decision["used_at"] >= decision["decided_at"]

    held.network.heal()
    held.run("Suppressions")
    held.network.on("/suppressions", net.listing("suppressed", lambda found: []))
    assert held.run("Suppressions").status == "needs_person"
    assert alive(held) == 600


def test_a_run_that_does_not_read_the_object_leaves_its_approval(held: Replica) -> None:
    approve(held)
    held.run("Roles")
    assert held.books("decisions")[0]["used_by"] is None
    assert held.run("Suppressions").status == "done"
    assert alive(held) == 0


def test_an_approval_of_one_object_is_none_of_another(held: Replica) -> None:
    approve(held, "Roles")
    assert held.run("Suppressions", "Roles").status == "needs_person"
    assert alive(held) == 600


def test_a_run_that_fails_uses_the_approval_up_all_the_same(held: Replica) -> None:
    """What was seen when somebody approved it may be long ago once the API answers again."""
    approve(held)
    held.network.heal()
    held.network.on("/suppressions", net.error(500))
    assert held.run("Suppressions").status == "failed"
    held.network.heal()
    held.network.on("/suppressions", net.listing("suppressed", lambda found: []))
    assert held.run("Suppressions").status == "needs_person"
    assert alive(held) == 600


def test_an_approval_that_was_taken_back_lets_nothing_go(held: Replica) -> None:
    approve(held)
    with held.target.begin() as connection:
        Decisions(held.target).take_back(connection, "Suppressions")
    assert held.run("Suppressions").status == "needs_person"
    assert [each["used_by"] for each in held.books("decisions")] == [TAKEN_BACK]


def test_whoever_resolves_a_conflict_is_kept_with_it(replica: Replica) -> None:
    replica.run(*ALL)
    identifier = conflicting(replica)
    (conflict,) = replica.books("conflicts")
    with replica.client() as client:
        resolve(replica.target, client, Options(objects=objects(*ALL)), conflict["id"], "theirs", who="Ada")
    (kept,) = replica.books("decisions")
    assert [kept[name] for name in ("kind", "object", "record_id", "what", "decided_by")] == [
        "resolve",
        "TrackingPlans",
        identifier,
        "theirs",
        "Ada",
    ]
