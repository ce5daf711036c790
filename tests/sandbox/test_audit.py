"""The audit trail: what writes leave in it, and how it is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from replicator.sandbox import Behaviour, Clock, Request, Sandbox, Token
from tests.sandbox.contract import Client, contract, operations, problems

START = datetime(2026, 11, 23, 20, 15, tzinfo=UTC)
Event = dict[str, Any]


class Trail:
    """A workspace with a clock that the test moves, and what its audit trail says."""

    def __init__(self, behaviour: Behaviour = Behaviour(), **counts: int) -> None:  # noqa: B008 - it is frozen
        self.clock = Clock(START)
        self.sandbox = Sandbox(now=self.clock, counts=counts, behaviour=behaviour)
        self.client = Client(self.sandbox)

    def label(self, key: str) -> None:
        body = json.dumps({"label": {"key": key, "value": "x"}}).encode()
        answer = self.sandbox(Request("POST", "/labels", {"authorization": "Bearer sandbox"}, body))
        assert answer.status == 201, answer.body

    def unlabel(self, key: str) -> None:
        answer = self.sandbox(Request("DELETE", f"/labels/{key}/x", {"authorization": "Bearer sandbox"}))
        assert answer.status == 200, answer.body

    def events(self, **query: Any) -> list[Event]:
        return self.client.every("/audit-events", "events", **query)


def test_a_write_leaves_an_event_that_says_what_who_and_when() -> None:
    trail = Trail()
    before = trail.events()
    trail.label("team")
    newest, *others = trail.events()
    assert others == before
    assert newest == {
        "id": "events/900000000",
        "timestamp": "2026-11-23T20:15:00.000Z",
        "type": "Label Created",
        "actor": Token("sandbox").actor,
        "resourceId": "team:x",
        "resourceType": "label",
        "resourceName": "team",
    }


@pytest.mark.skipif(not contract()["paths"], reason="the contract is not beside the checkout")
def test_an_event_is_valid_by_the_contract() -> None:
    trail = Trail(AuditEvents=3)
    trail.label("team")
    (operation,) = (one for one in operations() if one.id == "listAuditEvents")
    answer = trail.client.ask("/audit-events")
    assert problems(operation, "application/json", answer.body) == []


def test_a_refused_write_leaves_no_event() -> None:
    trail = Trail(AuditEvents=0)
    trail.label("team")
    answer = trail.sandbox(Request("DELETE", "/labels/other/x", {"authorization": "Bearer sandbox"}))
    assert answer.status == 404
    assert [event["type"] for event in trail.events()] == ["Label Created"]


def test_written_and_other_events_are_one_list_newest_first_whatever_the_page() -> None:
    trail = Trail(AuditEvents=3000)
    for hour in range(40):
        trail.clock.advance(timedelta(hours=1))
        trail.label(f"key{hour}")
        if hour % 3 == 0:
            trail.unlabel(f"key{hour}")
    trail.clock.advance(timedelta(hours=1))
    whole = trail.events(**{"pagination.count": 1000})
    assert len(whole) == 3000 + 54
    times = [event["timestamp"][:19] for event in whole]
    assert times == sorted(times, reverse=True)
    assert len({event["id"] for event in whole}) == len(whole)
    for size in (1, 7, 250):
        found = trail.client.data("/audit-events", **{"pagination.count": size})["events"]
        assert found == whole[:size]
    assert trail.events(**{"pagination.count": 97}) == whole
    mixed = trail.events(startTime=whole[30]["timestamp"], endTime=whole[9]["timestamp"])
    seconds = times[30], times[9]
    assert mixed == [e for e, time in zip(whole, times, strict=True) if seconds[0] <= time <= seconds[1]]


def test_events_are_found_by_the_resource_and_by_its_kind() -> None:
    trail = Trail()
    trail.label("a")
    trail.label("b")
    trail.unlabel("a")
    assert [e["type"] for e in trail.events(resourceId="a:x")] == ["Label Deleted", "Label Created"]
    assert {e["resourceName"] for e in trail.events(resourceType="label")} == {"a", "b"}
    assert trail.events(resourceType="label", resourceId="nonesuch") == []
    sources = trail.events(resourceType="source")
    assert sources
    assert {e["resourceType"] for e in sources} == {"source"}


@pytest.mark.parametrize("pause", [timedelta(), timedelta(hours=1)], ids=["in the same second", "an hour on"])
def test_a_listing_shows_what_there_was_when_it_began(pause: timedelta) -> None:
    trail = Trail(AuditEvents=30)
    trail.label("early")
    before = trail.events()
    listed: list[Event] = []
    page: dict[str, Any] = {}
    while True:
        data = trail.client.data("/audit-events", **{"pagination.count": 4}, **page)
        listed += data["events"]
        trail.clock.advance(pause)
        trail.label(f"late{len(listed)}")
        if (following := data["pagination"].get("next")) is None:
            break
        page = {"pagination.cursor": following}
    assert listed == before
    assert sum(event["resourceType"] == "label" for event in trail.events()) == 1 + 8


def test_after_90_days_an_event_is_out_of_reach() -> None:
    trail = Trail(AuditEvents=0)
    trail.label("old")
    trail.clock.advance(timedelta(days=90) - timedelta(seconds=1))
    assert len(trail.events(startTime="2020-01-01")) == 1
    trail.clock.advance(timedelta(seconds=1))
    assert trail.events(startTime="2020-01-01") == []


def test_an_event_about_a_record_that_is_gone_stays_as_it_was() -> None:
    trail = Trail(AuditEvents=0)
    trail.label("short-lived")
    (created,) = trail.events()
    trail.unlabel("short-lived")
    assert trail.events()[1] == created


def test_a_trail_with_a_delay_shows_an_event_when_it_is_due() -> None:
    trail = Trail(Behaviour(audit_delay=60), AuditEvents=0)
    trail.label("slow")
    assert trail.events() == []
    trail.clock.advance(timedelta(seconds=59))
    assert trail.events() == []
    trail.clock.advance(timedelta(seconds=1))
    assert len(trail.events()) == 1


def test_a_clock_that_was_set_back_leaves_the_trail_in_order() -> None:
    trail = Trail(AuditEvents=0)
    trail.label("first")
    trail.clock.set(START - timedelta(hours=1))
    trail.label("second")
    trail.clock.set(START + timedelta(hours=1))
    assert [event["resourceName"] for event in trail.events()] == ["first", "second"]


def test_a_write_that_the_contract_names_no_event_for_leaves_one_only_if_told_to() -> None:
    for unnamed, types in ((False, []), (True, ["Tracking Plan Created"])):
        trail = Trail(Behaviour(audit_unnamed=unnamed), AuditEvents=0)
        body = b'{"name": "Web", "type": "LIVE"}'
        answer = trail.sandbox(Request("POST", "/tracking-plans", {"authorization": "Bearer sandbox"}, body))
        if answer.status == 404:
            pytest.skip("the sandbox has no tracking plan to write yet")
        assert [event["type"] for event in trail.events()] == types
