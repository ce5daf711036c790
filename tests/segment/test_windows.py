"""Windows of the rate limit, one request at a time, on a clock that stands still."""

from __future__ import annotations

import pytest

from replicator.segment.limits import POLL, Limits, Ticket, Usage, Wait
from tests.segment.conftest import Clock


def taken(limits: Limits, operation: str = "a") -> Ticket:
    ticket = limits.take(operation, None)
    assert isinstance(ticket, Ticket)
    return ticket


def test_requests_under_way_are_counted_into_the_next_window(clock: Clock) -> None:
    limits = Limits(assumed=3, clock=clock.monotonic)
    first, _ = taken(limits), taken(limits)
    limits.answered(first, Usage())
    clock.sleep(60)
    taken(limits)
    taken(limits)
    assert isinstance(limits.take("a", None), Wait)


def test_a_late_answer_of_the_last_window_does_not_fill_the_new_one(clock: Clock) -> None:
    limits = Limits(assumed=3, clock=clock.monotonic)
    early, late = taken(limits), taken(limits)
    limits.answered(early, Usage(2, 1, None))
    clock.sleep(60)
    taken(limits)
    limits.answered(late, Usage(3, 0, 0.0))
    taken(limits)


def test_an_answer_that_outlives_its_window_counts_in_the_next_one(clock: Clock) -> None:
    limits = Limits(assumed=2, clock=clock.monotonic)
    early, late = taken(limits), taken(limits)
    limits.answered(early, Usage(1, 1, 60.0))
    clock.sleep(60)
    # The server counted it as the first of a new window, before anybody asked us for another ticket.
    limits.answered(late, Usage(1, 1, 60.0))
    taken(limits)
    assert isinstance(limits.take("a", None), Wait)


def test_an_answer_that_outlives_its_window_does_not_begin_the_next_one(clock: Clock) -> None:
    limits = Limits(assumed=3, clock=clock.monotonic)
    early, late = taken(limits), taken(limits)
    limits.answered(early, Usage())
    clock.sleep(60)
    limits.answered(late, Usage())
    clock.sleep(30)
    limits.answered(taken(limits), Usage())
    taken(limits)
    clock.sleep(31)
    assert isinstance(limits.take("a", None), Wait)


def test_a_window_full_of_requests_from_the_last_one_ends_all_the_same(clock: Clock) -> None:
    limits = Limits(assumed=2, clock=clock.monotonic)
    early, late = taken(limits), taken(limits)
    limits.answered(early, Usage(1, 0, None))
    clock.sleep(60)
    limits.answered(late, Usage())
    waiting = limits.take("a", None)
    assert isinstance(waiting, Wait)
    assert waiting.seconds == 60


def test_a_window_that_began_anew_before_ours_ended_is_noticed(clock: Clock) -> None:
    limits = Limits(clock=clock.monotonic)
    for consumed in (1, 2, 3):
        limits.answered(taken(limits), Usage(consumed, 5 - consumed, None))
    clock.sleep(59)
    old, new = taken(limits), taken(limits)
    limits.answered(new, Usage(1, 4, None))
    limits.answered(old, Usage(4, 1, None))
    clock.sleep(59)
    for _ in range(3):
        taken(limits)
    assert isinstance(limits.take("a", None), Wait)


def test_answers_that_overtake_each_other_lose_no_request(clock: Clock) -> None:
    limits = Limits(assumed=3, clock=clock.monotonic)
    first, second = taken(limits), taken(limits)
    limits.answered(second, Usage(2, 1, None))
    limits.answered(first, Usage(1, 2, None))
    taken(limits)
    assert isinstance(limits.take("a", None), Wait)


def test_what_others_consume_is_counted_while_requests_are_under_way(clock: Clock) -> None:
    limits = Limits(clock=clock.monotonic)
    first, _ = taken(limits), taken(limits)
    limits.answered(first, Usage(9, 1, 60.0))
    taken(limits)
    assert isinstance(limits.take("a", None), Wait)


def test_while_no_answer_has_come_the_rest_asks_again_soon(clock: Clock) -> None:
    limits = Limits(clock=clock.monotonic)
    ticket = limits.take("a", 1)
    waiting = limits.take("a", 1)
    assert isinstance(ticket, Ticket)
    assert isinstance(waiting, Wait)
    assert waiting.seconds == POLL
    limits.answered(ticket, Usage(1, 999_999, 60.0))
    assert isinstance(limits.take("a", 1), Ticket)


def test_an_answer_that_never_came_counts_as_a_request(clock: Clock) -> None:
    limits = Limits(assumed=1, clock=clock.monotonic)
    ticket = limits.take("a", None)
    assert isinstance(ticket, Ticket)
    limits.unanswered(ticket)
    waiting = limits.take("a", None)
    assert isinstance(waiting, Wait)
    assert waiting.seconds == 60


@pytest.mark.parametrize(
    ("rate", "headers", "held"), [(None, {}, True), (5, {"Retry-After": "9"}, True), (5, {}, False)]
)
def test_a_refusal_holds_back_the_whole_token_or_the_operation_alone(
    clock: Clock, rate: int | None, headers: dict[str, str], held: bool
) -> None:
    limits = Limits(clock=clock.monotonic)
    ticket = limits.take("a", rate)
    assert isinstance(ticket, Ticket)
    limits.refused(ticket, 9, whole_token="Retry-After" in headers or rate is None)
    assert isinstance(limits.take("a", rate), Wait)
    assert isinstance(limits.take("b", 60), Wait) is held
    clock.sleep(9)
    assert isinstance(limits.take("a", rate), Ticket)
