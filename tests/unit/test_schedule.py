"""When a schedule's times come, and when a job's turn does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.settings import schedule
from replicator.settings.schedule import Schedule
from replicator.settings.turns import Past, look_after, turn, wait_after

MOMENT = datetime(2026, 11, 24, 7, 59, 59, tzinfo=UTC)
NONE = timedelta(0)


def in_utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "first"),
    [
        ("* * * * *", "2026-11-24T08:00"),
        ("0 3 * * *", "2026-11-25T03:00"),
        ("*/20 8-9 * * *", "2026-11-24T08:00"),
        ("5,10 9 * * *", "2026-11-24T09:05"),
        # A Sunday, which cron calls 0 and 7; Monday is 1.
        ("0 0 * * 0", "2026-11-29T00:00"),
        ("0 0 * * 7", "2026-11-29T00:00"),
        ("0 0 * * SUN", "2026-11-29T00:00"),
        ("0 0 * * 1", "2026-11-30T00:00"),
        ("0 0 * * 5-7", "2026-11-27T00:00"),
        # Either the first of the month or a Friday.
        ("0 0 1 * 5", "2026-11-27T00:00"),
        ("0 0 1 dec *", "2026-12-01T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
    ],
)
def test_five_fields_mean_what_they_mean_to_cron(cron: str, first: str) -> None:
    assert Schedule(cron=schedule.cron(cron)).after(MOMENT) == in_utc(first)


_numbers = st.one_of(
    st.just("*"), st.lists(st.integers(1, 28), min_size=1, max_size=3).map(lambda n: ",".join(map(str, n)))
)
_weekdays = st.one_of(
    st.just("*"), st.lists(st.integers(0, 7), min_size=1, max_size=2).map(lambda n: ",".join(map(str, n)))
)


def holds(day: str, weekday: str, when: datetime) -> bool:
    on_day = day == "*" or when.day in map(int, day.split(","))
    on_weekday = weekday == "*" or when.isoweekday() % 7 in [int(each) % 7 for each in weekday.split(",")]
    either = day != "*" and weekday != "*"
    return (on_day or on_weekday) if either else (on_day and on_weekday)


@given(_numbers, _weekdays, st.integers(0, 400))
def test_the_first_time_after_a_moment_is_the_first_that_the_fields_hold_for(day: str, weekday: str, days: int) -> None:
    moment = in_utc("2026-01-01T03:00") + timedelta(days=days)
    expected = moment
    while not (expected > moment and holds(day, weekday, expected)):
        expected += timedelta(days=1)
    assert Schedule(cron=f"0 3 {day} * {weekday}").after(moment) == expected


def test_a_time_of_a_zone_moves_with_its_clocks() -> None:
    berlin = Schedule(cron="0 3 * * *", zone="Europe/Berlin")
    assert berlin.after(in_utc("2026-03-28T12:00")) == in_utc("2026-03-29T01:00")
    assert berlin.after(in_utc("2026-03-27T12:00")) == in_utc("2026-03-28T02:00")


def test_a_day_has_a_time_once_even_where_the_clock_shows_it_twice_or_never() -> None:
    for first, hour in (("2026-03-26T12:00", 2), ("2026-10-22T12:00", 2)):
        times, moment = [], in_utc(first)
        for _ in range(6):
            moment = Schedule(cron=f"30 {hour} * * *", zone="Europe/Berlin").after(moment)
            times.append(moment)
        days = [time.astimezone(ZoneInfo("Europe/Berlin")).date() for time in times]
        assert days == sorted(set(days))


@pytest.mark.parametrize(
    "wrong", ["", "* * * *", "60 * * * *", "0 0 30 2 *", "0 0 * * 8", "0 0 * * foo", "last 0 * * *", 5]
)
def test_what_never_comes_or_is_no_cron_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the settings say what was expected
        schedule.cron(wrong)


def test_an_interval_has_a_unit() -> None:
    assert schedule.interval("90m") == timedelta(minutes=90)
    for wrong in ("90", "0s", "m", "1w", "9999d"):
        with pytest.raises(ValueError):  # noqa: PT011
            schedule.interval(wrong)


EVERY = Schedule(every=timedelta(minutes=15))


def ran(status: str, ago: int, took: int | None = 1) -> Past:
    began = MOMENT - timedelta(minutes=ago)
    return Past(status, began, None if took is None else began + timedelta(minutes=took))


def due(*runs: Past, jitter: timedelta = NONE, name: str = "a") -> datetime | None:
    return turn(EVERY, runs, MOMENT, jitter=jitter, name=name)


def test_a_job_that_never_ran_is_due_at_once_and_one_that_runs_is_not() -> None:
    assert due() == MOMENT
    assert due(ran("running", 3, None)) is None


def test_after_downtime_a_job_is_due_once_for_all_the_times_that_passed() -> None:
    missed = due(ran("done", 300))
    assert missed
    assert missed < MOMENT
    assert due(ran("done", 0, 0)) == MOMENT + timedelta(minutes=15)


def test_one_that_was_stopped_or_killed_goes_on_at_once_but_not_when_it_is_killed_again() -> None:
    for status in ("interrupted", "died"):
        last = ran(status, 5)
        assert due(last) == last.ended
    last = ran("died", 5)
    assert last.ended
    assert due(last, ran("died", 9)) == last.ended + wait_after(1)


def test_a_failing_job_waits_twice_as_long_each_time_and_an_hour_at_most() -> None:
    last = ran("failed", 5)
    assert last.ended
    assert due(last, ran("done", 50)) == last.ended + timedelta(minutes=1)
    assert due(last, ran("failed", 9), ran("failed", 12)) == last.ended + timedelta(minutes=4)
    assert wait_after(100) == timedelta(hours=1)


def test_a_database_that_does_not_answer_is_asked_again_within_seconds_and_then_ever_more_rarely() -> None:
    assert [look_after(failures).total_seconds() for failures in range(4)] == [0, 2, 4, 8]
    assert look_after(100) == timedelta(minutes=5)


def test_jitter_puts_a_time_off_by_less_than_itself_and_always_by_the_same() -> None:
    jitter = timedelta(minutes=10)
    times = {name: due(ran("done", 0, 0), jitter=jitter, name=name) for name in "abcdefgh"}
    assert len(set(times.values())) == len(times)
    assert all(time and timedelta(0) <= time - MOMENT - timedelta(minutes=15) < jitter for time in times.values())
    assert due(ran("done", 0, 0), jitter=jitter, name="a") == times["a"]
