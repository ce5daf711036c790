"""How large a workspace is, and that the same seed makes the same one."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from replicator.sandbox import COUNT_NAMES, Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client
from tests.sandbox.walk import every_request, target


def answers(seed: int) -> dict[str, bytes]:
    client = Client(Sandbox(seed=seed, now=lambda: NOW))
    return {target(visit): client.ask(target(visit)).body for visit in every_request(client)}


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert answers(1) == answers(1)


def test_another_seed_gives_another_workspace() -> None:
    one, two = answers(1), answers(2)
    shared = {path for path in one.keys() & two.keys() if path.count("/") > 1}
    # Paths with an id in them are of one workspace alone, except in the catalog, which is Segment's own.
    assert {path.split("/")[1] for path in shared} <= {"catalog", "usage", "events"}
    assert one["/catalog/sources"] == two["/catalog/sources"]


def test_another_seed_changes_more_than_the_ids() -> None:
    one, two = (Client(Sandbox(seed=seed, now=lambda: NOW)).data("/transformations") for seed in (1, 2))
    assert [row["name"] for row in one["transformations"]] != [row["name"] for row in two["transformations"]]


def test_what_is_no_stream_of_events_does_not_change_as_time_goes_by() -> None:
    """A replica of a workspace that nobody touches must not change either."""
    clock = [NOW]
    client = Client(Sandbox(now=lambda: clock[0]))
    moving = ("/audit-events", "/regulations", "/events/volume", "/usage", "/delivery-overview")
    visits = [
        v for v in every_request(client) if not v[1].startswith(moving) and not v[1].endswith("/delivery-metrics")
    ]
    before = [client.ask(target(visit)).body for visit in visits]
    clock[0] += timedelta(days=400)
    assert [client.ask(target(visit)).body for visit in visits] == before


@pytest.mark.parametrize("name", COUNT_NAMES)
def test_every_count_can_be_none_without_breaking_what_depends_on_it(name: str) -> None:
    client = Client(Sandbox(counts={name: 0}, now=lambda: NOW))
    statuses = {client.ask(target(visit)).status for visit in every_request(client)}
    assert statuses <= {200, 404}


def test_an_unknown_count_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="the nearest is Suppressions"):
        Sandbox(counts={"suppresions": 1})
    with pytest.raises(ValueError, match="negative"):
        Sandbox(counts={"Sources": -1})
    with pytest.raises(ValueError, match="small, medium, large"):
        Sandbox(size="huge")  # type: ignore[arg-type]


def test_counts_are_exact() -> None:
    counts = {"Suppressions": 2500, "AuditEvents": 1234, "TrackingPlans": 7, "Sources": 31, "RulesPerPlan": 20}
    client = Client(Sandbox(counts=counts, now=lambda: NOW))
    size = {"pagination.count": 1000}
    assert len(client.every("/suppressions", "suppressed", **size)) == 2500
    assert len(client.every("/audit-events", "events", **size)) == 1234
    assert len(client.every("/sources", "sources", **size)) == 31
    plans = client.every("/tracking-plans", "trackingPlans")
    rules = [client.every(f"/tracking-plans/{plan['id']}/rules", "rules") for plan in plans]
    assert [len(of_plan) for of_plan in rules] == [20] * 7


def test_ids_that_only_a_larger_workspace_has_are_not_found() -> None:
    large = Client(Sandbox(counts={"Sources": 40}, now=lambda: NOW))
    small = Client(Sandbox(now=lambda: NOW))
    statuses = [small.ask(f"/sources/{source['id']}").status for source in large.every("/sources", "sources")]
    assert statuses == [200] * 12 + [404] * 28


@pytest.mark.parametrize("days", [0, 1, 30, 90, 365, 1000])
@pytest.mark.parametrize("count", [1, 7, 90, 777])
def test_there_are_as_many_events_and_regulations_as_asked_for_on_any_day(days: int, count: int) -> None:
    counts = {"AuditEvents": count, "Regulations": count, "Sources": 0}
    client = Client(Sandbox(counts=counts, now=lambda: datetime(2024, 2, 1, 9, tzinfo=UTC) + timedelta(days=days)))
    assert len(client.every("/audit-events", "events")) == count
    assert len(client.every("/regulations", "regulations")) == count


def test_medium_and_large_are_larger() -> None:
    totals = []
    for size in ("small", "medium", "large"):
        client = Client(Sandbox(size=size, now=lambda: NOW))
        paths = ("/sources", "/users", "/destinations", "/tracking-plans", "/transformations")
        totals.append(sum(client.data(path)["pagination"]["totalEntries"] for path in paths))
    assert totals[0] * 5 < totals[1]
    assert totals[1] * 5 < totals[2]


LISTED = ("Sources", "Users", "TrackingPlans", "Suppressions", "AuditEvents", "Regulations", "Invites", "RulesPerPlan")


@pytest.mark.parametrize("name", LISTED)
def test_a_million_of_anything_is_not_held_in_memory(name: str) -> None:
    tracemalloc.start()
    client = Client(Sandbox(counts={name: 1_000_000}, now=lambda: NOW))
    for path in ("/sources", "/users", "/tracking-plans", "/suppressions", "/audit-events", "/regulations", "/invites"):
        assert client.ask(f"{path}?pagination.count=100").status == 200
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000_000


def test_the_last_page_of_a_million_costs_no_more_than_the_first() -> None:
    client = Client(Sandbox(counts={"Suppressions": 1_000_000, "Regulations": 1_000_000}, now=lambda: NOW))
    for path in ("/suppressions", "/regulations"):
        began = time.perf_counter()
        page = client.data(path, **{"pagination.count": 1000})
        for _ in range(20):
            page = client.data(path, **{"pagination.count": 1000, "pagination.cursor": page["pagination"]["next"]})
        assert time.perf_counter() - began < 5
