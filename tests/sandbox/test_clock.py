"""The sandbox's own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from replicator.sandbox import Sandbox
from replicator.sandbox.clock import Clock, control, parse_clock
from tests.sandbox.contract import Client

START = datetime(2026, 1, 1, tzinfo=UTC)


class Watch:
    """The real time, where the test makes it."""

    def __init__(self) -> None:
        self.now = datetime(2030, 5, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize(
    ("text", "at_first", "after_a_minute"),
    [
        ("real", timedelta(), timedelta(minutes=1)),
        ("+1h", timedelta(hours=1), timedelta(hours=1, minutes=1)),
        ("real -2d", timedelta(days=-2), timedelta(days=-2, minutes=1)),
        ("x60", timedelta(), timedelta(hours=1)),
    ],
)
def test_a_clock_that_runs_keeps_its_distance_and_its_speed(
    text: str, at_first: timedelta, after_a_minute: timedelta
) -> None:
    watch = Watch()
    began = watch()
    clock = parse_clock(text, watch)
    assert clock() - began == at_first
    watch.now += timedelta(minutes=1)
    assert clock() - began == after_a_minute


def test_a_clock_with_a_moment_stands_still() -> None:
    watch = Watch()
    clock = parse_clock("2026-01-01T00:00:00Z", watch)
    watch.now += timedelta(days=9)
    assert clock() == START


def test_a_moment_and_a_speed_run_on_from_that_moment() -> None:
    watch = Watch()
    clock = parse_clock("2026-01-01 x3600", watch)
    watch.now += timedelta(seconds=24)
    assert clock() == START + timedelta(days=1)


@pytest.mark.parametrize("text", ["yesterday", "+1", "+1w", "x", "2026-13-01", "+1h/minute", "+99999999d"])
def test_a_clock_that_cannot_be_read_is_refused_with_what_was_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it as|no calendar"):
        parse_clock(text)


def test_each_request_moves_a_stepped_clock_on_after_it_was_answered() -> None:
    clock = Clock(START, step=timedelta(hours=1))
    client = Client(Sandbox(now=clock))
    resets = [dict(client.ask("/").headers)["X-RateLimit-Reset"] for _ in range(3)]
    assert [text[-12:] for text in resets] == ["00:01:00 GMT", "01:01:00 GMT", "02:01:00 GMT"]
    client.token = "wrong"
    client.ask("/")
    assert clock() == START + timedelta(hours=4), "refused requests count too"


def test_ninety_days_of_history_pass_in_no_time() -> None:
    clock = Clock(START)
    client = Client(Sandbox(now=clock))
    first = client.every("/audit-events", "events")
    clock.advance(timedelta(days=90))
    later = client.every("/audit-events", "events")
    assert len(first) == len(later) == 800
    assert not {event["id"] for event in first} & {event["id"] for event in later}


def test_the_control_sets_and_moves_the_clock_and_tells_the_time() -> None:
    clock = Clock(START)
    assert control(clock, {"advance": "+1d"})["now"] == "2026-01-02T00:00:00Z"
    assert control(clock, {"set": "2025-06-01T12:00:00+02:00"})["now"] == "2025-06-01T10:00:00Z"
    said = control(clock, {"clock": "2027-01-01 +5s/request"})
    assert said == {"now": "2027-01-01T00:00:00Z", "speed": 0.0, "stepSeconds": 5.0}
    clock.tick()
    assert clock() == datetime(2027, 1, 1, 0, 0, 5, tzinfo=UTC)
    for wrong in ({"wind": 1}, {"advance": "+9999999d"}, {"set": "noon"}):
        with pytest.raises(ValueError, match=r"\w+"):
            control(clock, wrong)
