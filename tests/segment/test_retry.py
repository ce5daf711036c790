from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.segment import retry

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DATE = format_datetime(NOW, usegmt=True)


def in_seconds(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


def asked(headers: dict[str, str], data: object = None) -> float | None:
    return retry.asked_for(headers, [{"type": "RequestError", "data": data}], NOW)


def test_retry_after_goes_before_the_body_and_the_body_before_the_reset() -> None:
    reset = {"x-ratelimit-reset": in_seconds(40), "date": DATE}
    assert asked({"retry-after": "7", **reset}, {"msBeforeNext": 20_000}) == 7
    assert asked(reset, {"msBeforeNext": 20_000}) == 20
    assert asked(reset) == 41
    assert asked({}) is None


def test_retry_after_that_was_rounded_down_is_made_whole_by_the_body() -> None:
    assert asked({"retry-after": "7"}, {"msBeforeNext": 7_400}) == 7.4
    assert asked({"retry-after": "8"}, {"msBeforeNext": 7_400}) == 8


def test_retry_after_may_be_a_date_and_counts_from_the_answers_own_date() -> None:
    assert asked({"retry-after": in_seconds(30)}) == 30
    skewed = format_datetime(NOW + timedelta(days=2), usegmt=True)
    ahead = format_datetime(NOW + timedelta(days=2, seconds=30), usegmt=True)
    assert asked({"retry-after": ahead, "date": skewed}) == 30


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "soon",
        "-5",
        "0",
        "nan",
        "inf",
        "1e99",
        "99999999999999",
        "1_000",
        "٣",
        "Mon, 99 Xyz 2026",
        in_seconds(-60),
        "1" * 99,
    ],
)
def test_garbage_in_retry_after_falls_through_to_the_next_source(garbage: str) -> None:
    assert asked({"retry-after": garbage}, {"msBeforeNext": 3_000}) == 3
    assert asked({"retry-after": garbage}) is None


@pytest.mark.parametrize(
    "data", [None, [], "x", {}, {"msBeforeNext": "7"}, {"msBeforeNext": True}, {"msBeforeNext": -1}]
)
def test_garbage_in_the_body_is_no_wait(data: object) -> None:
    assert asked({}, data) is None


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.integers() | st.floats() | st.text())
def test_no_header_makes_the_wait_absurd(after: str, reset: str, date: str, milliseconds: object) -> None:
    seconds = asked({"retry-after": after, "x-ratelimit-reset": reset, "date": date}, {"msBeforeNext": milliseconds})
    assert seconds is None or 0 < seconds <= retry.LONGEST


@given(st.integers(1, 86_400))
def test_whole_seconds_are_taken_at_their_word(seconds: int) -> None:
    assert asked({"retry-after": str(seconds)}) == seconds


@pytest.mark.parametrize("long", ["86401", "90000", "2592000", in_seconds(90_000)])
def test_who_asks_for_more_than_a_day_gets_a_day(long: str) -> None:
    assert asked({"retry-after": long}) == retry.LONGEST
    assert asked({}, {"msBeforeNext": 90_000_000}) == retry.LONGEST


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_date(text: str) -> None:
    date = retry.http_date(text)
    assert date is None or date.tzinfo is UTC


def test_usage_is_read_from_the_headers_and_its_end_from_the_servers_clock() -> None:
    headers = {
        "x-ratelimit-consumed": "21",
        "x-ratelimit-remaining": "579",
        "x-ratelimit-reset": in_seconds(12),
        "date": in_seconds(-3),
    }
    usage = retry.usage(headers, NOW)
    assert (usage.consumed, usage.remaining, usage.ends_in) == (21, 579, 15)


def test_usage_of_an_answer_without_headers_says_nothing() -> None:
    usage = retry.usage(
        {"x-ratelimit-consumed": "-1", "x-ratelimit-remaining": "many", "x-ratelimit-reset": "later"}, NOW
    )
    assert (usage.consumed, usage.remaining, usage.ends_in) == (None, None, None)


def test_backoff_grows_is_jittered_and_stays_under_its_ceiling() -> None:
    for attempt in range(1, 12):
        ceiling = min(30.0, 0.5 * 2**attempt)
        drawn = [retry.backoff(attempt) for _ in range(200)]
        assert 0 <= min(drawn) < ceiling / 4
        assert ceiling * 3 / 4 < max(drawn) <= ceiling


def test_reading_a_hostile_header_costs_next_to_nothing() -> None:
    began = time.process_time()
    asked({"retry-after": "9" * 100_000, "x-ratelimit-consumed": "9" * 100_000})
    assert time.process_time() - began < 0.5
