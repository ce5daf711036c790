"""Everything that the API shows lies in the tables, value by value; a second run changes nothing."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from replicator.catalog import OBJECTS
from tests.scenarios.leaves import Check
from tests.scenarios.replica import Replica, result
from tests.scenarios.walk import Walk

PERIOD = "2026-10-01"


@pytest.mark.timeout(120)
def test_every_value_of_every_record_is_in_its_row_and_a_second_run_writes_nothing(replica: Replica) -> None:
    run = replica.run("all", periods=(PERIOD,))
    assert (run.status, run.exit_code, run.error) == ("done", 0, None), [each for each in run.objects if each.error]
    assert not [each.unseen for each in run.objects if each.unseen]
    asked = len(replica.network.asked)
    assert run.requests == asked
    # The check of the workspace, and regulations that two listings show.
    twice = {target for target, times in Counter(replica.network.asked).items() if times > 1}
    assert {target for target in twice if not target.startswith("/regulations/")} == {"/"}

    walk = Walk(
        replica.network.sandbox, period=PERIOD, volume=window(replica, "volume"), summary=window(replica, "-metrics")
    )
    found = walk.everything()
    assert found.keys() == {thing.name for thing in OBJECTS}
    for thing in OBJECTS:
        check = Check(thing.name, walk.identity[thing.name])
        check.holds(found[thing.name], replica.rows(thing.table), replica.stored(check.layout))

    before, bookkeeping = replica.contents(but=()), replica.books("quarantine")
    again = replica.run("all", periods=(PERIOD,))
    assert (again.status, again.requests) == ("done", asked)
    assert {(each.inserted, each.updated, each.deleted, each.duplicates) for each in again.objects} == {(0, 0, 0, 0)}
    assert replica.contents(but=()) == before
    assert replica.books("quarantine") == bookkeeping == []


def window(replica: Replica, path: str) -> dict[str, str]:
    """The window that the run asked for, the same wherever that path was asked."""
    asked = [
        dict(parse_qsl(urlsplit(target).query)) for target in replica.network.asked if path in urlsplit(target).path
    ]
    (window,) = {tuple(each[name] for name in ("startTime", "endTime", "granularity")) for each in asked}
    start, end = (datetime.fromisoformat(text) for text in window[:2])
    assert (start.hour, start.minute, window[2]) == (0, 0, "DAY")
    assert (end - start).days == 12
    return dict(zip(("startTime", "endTime", "granularity"), window, strict=True))


def test_children_are_counted_by_parent(one: Replica) -> None:
    one.run("TrackingPlanRules", "AudienceDestinations")
    rules = Counter(row["tracking_plan_id"] for row in one.rows("tracking_plan_rules"))
    for plan in one.rows("tracking_plans"):
        walk = Walk(one.network.sandbox, period="", volume={}, summary={})
        assert rules[plan["id"]] == len(list(walk.pages(f"/tracking-plans/{plan['id']}/rules", "rules")))
    assert len(rules) == len(one.rows("tracking_plans")) > 1
    assert result(one.run("TrackingPlanRules"), "TrackingPlanRules").unchanged == sum(rules.values())
