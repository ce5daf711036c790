from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from replicator.catalog.model import Listing, Paging
from replicator.errors import RateLimited
from replicator.sandbox import Response, Sandbox
from replicator.segment.client import Client
from replicator.segment.counters import Counters
from replicator.segment.limits import Limits, Wait
from replicator.segment.pages import pages
from tests.segment.conftest import Clock, Connect

ROLES = Listing(operation="listRoles", path="/roles", items=("roles",))
#: States 2 requests a minute.
SCHEDULE = "getAdvancedSyncScheduleFromWarehouse"


def slowed(sandbox: Sandbox, clock: Clock, seconds: float) -> Any:
    """The sandbox, taking that long for each request."""

    def answer(request: Any) -> Response:
        clock.sleep(seconds / 2)
        response = sandbox(request)
        clock.sleep(seconds / 2)
        return response

    return answer


def ask(client: Client, count: int, *, rate: int | None = None) -> None:
    for _ in range(count):
        client.get("listRoles", "/roles", {}, stability="stable", rate=rate)


@pytest.mark.parametrize("limit", [1, 7, 100, 600, 1000, 2500])
def test_the_allowance_is_used_up_and_never_exceeded(clock: Clock, connect: Connect, limit: int) -> None:
    sandbox = Sandbox(rate_limit=limit, now=clock.now)
    client = connect(slowed(sandbox, clock, 0.02))
    ask(client, limit * 5)
    assert client.counters.refused == 0
    # Five allowances need four waits of a minute at least; the last one is used from its beginning.
    assert clock.monotonic() <= 5 * 60 / 0.95


def test_a_server_without_limits_slows_nobody_down(clock: Clock, connect: Connect) -> None:
    client = connect(Sandbox(rate_limit="off", now=clock.now))
    ask(client, 3000)
    ask(client, 300, rate=2)
    assert clock.slept == []


def test_a_stated_limit_is_kept_and_leaves_the_other_operations_alone(clock: Clock, connect: Connect) -> None:
    sandbox = Sandbox(rate_limit="real", now=clock.now)
    client = connect(sandbox)
    warehouses = Listing(operation="listWarehouses", path="/warehouses", items=("warehouses",))
    found = next(pages(client, warehouses, {}, stability="stable")).records
    schedule = Listing(operation=SCHEDULE, path=f"/warehouses/{found[0]['id']}/advanced-sync-schedule", rate=2)
    for _ in range(6):
        client.get(SCHEDULE, schedule.path, {}, stability="beta", rate=2)
    assert client.counters.refused == 0
    assert [round(seconds) for seconds in clock.slept] == [60, 60]
    assert {wait.operation for wait in clock.waits} == {SCHEDULE}
    assert "2 requests a minute for this operation" in clock.waits[0].why
    before = len(clock.waits)
    ask(client, 500)
    assert len(clock.waits) == before


def test_a_run_that_begins_in_somebody_elses_window_waits_for_its_end_only(clock: Clock, connect: Connect) -> None:
    sandbox = Sandbox(rate_limit=100, now=clock.now)
    ask(connect(sandbox), 60)
    clock.sleep(45)
    client = connect(sandbox)
    ask(client, 41)
    assert client.counters.refused == 0
    assert 14 <= sum(clock.slept) <= 17


def test_two_programs_with_one_token_share_the_allowance(clock: Clock, connect: Connect) -> None:
    sandbox = Sandbox(rate_limit=100, now=clock.now)
    one, other = connect(sandbox), connect(sandbox)
    for _ in range(200):
        ask(one, 1)
        ask(other, 1)
    # Neither sees the last requests of the other, so a refusal at the end of a window may happen; a storm may not.
    assert one.counters.refused + other.counters.refused <= 8


def test_threads_share_the_allowance_without_a_refusal(clock: Clock, connect: Connect) -> None:
    sandbox = Sandbox(rate_limit=50, now=clock.now)
    gate = threading.Semaphore(8)

    def answer(request: Any) -> Response:
        with gate:
            clock.sleep(0.01)
            return sandbox(request)

    def sleep(seconds: float) -> None:
        wake = clock.monotonic() + seconds
        threading.Event().wait(0.002)
        clock.sleep_until(wake)

    client = connect(answer, sleep=sleep)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ask(client, 1), range(500)))
    assert client.counters.refused == 0
    assert client.requests == 500


def test_headers_that_speak_of_another_bucket_are_believed_until_the_first_refusal(
    clock: Clock, connect: Connect
) -> None:
    """The token's headers on an operation with a stricter limit of its own: one 429, then the stated limit holds."""
    sent = {"all": 0, "own": 0, "ends": 0.0}

    def answer(request: Any) -> Response:
        now = clock.monotonic()
        if now >= sent["ends"]:
            sent.update(own=0, ends=now + 60)
        sent["own"] += 1
        sent["all"] += 1
        headers = (("X-RateLimit-Consumed", str(int(sent["own"]))), ("X-RateLimit-Remaining", "900"))
        if sent["own"] > 5:
            return Response(429, (*headers, ("Retry-After", "60")), b"{}")
        return Response(200, (*headers, ("Content-Type", "application/json")), b'{"data":{}}')

    client = connect(answer)
    ask(client, 30, rate=5)
    assert client.counters.refused == 1
    assert sent["all"] == 31


def test_headers_that_count_more_than_we_sent_are_not_taken_for_the_operations_own(
    clock: Clock, connect: Connect
) -> None:
    consumed = iter(range(40, 1000))

    def answer(request: Any) -> Response:
        told = (("X-RateLimit-Consumed", str(next(consumed))), ("X-RateLimit-Remaining", "900"))
        return Response(200, (*told, ("Content-Type", "application/json")), b'{"data":{}}')

    ask(connect(answer), 4, rate=2)
    assert [round(seconds) for seconds in clock.slept] == [60]


def test_without_headers_what_is_assumed_holds(clock: Clock, connect: Connect) -> None:
    client = connect(lambda _: Response(200, (("Content-Type", "application/json"),), b'{"data":{}}'))
    ask(client, 1201)
    assert [round(seconds) for seconds in clock.slept] == [60, 60]


def refusing(clock: Clock, times: int, headers: dict[str, str], data: Any = None) -> Any:
    left = [times]

    def answer(request: Any) -> Response:
        if left[0]:
            left[0] -= 1
            body = b'{"errors":[{"type":"RequestError","data":%s}]}' % (data or b"null")
            return Response(429, tuple(headers.items()), body)
        return Response(200, (("Content-Type", "application/json"),), b'{"data":{}}')

    return answer


@pytest.mark.parametrize(
    ("headers", "data", "seconds"),
    [
        ({"Retry-After": "17"}, None, 17),
        ({}, b'{"msBeforeNext":2500}', 2.5),
        ({"Retry-After": "soon"}, b'{"msBeforeNext":900}', 0.9),
    ],
)
def test_a_refusal_is_waited_out_for_as_long_as_it_asks(
    clock: Clock, connect: Connect, headers: dict[str, str], data: bytes | None, seconds: float
) -> None:
    client = connect(refusing(clock, 1, headers, data))
    ask(client, 1)
    assert clock.slept == [seconds]
    assert client.counters.refused == 1
    assert client.requests == 2


def test_a_refusal_without_a_hint_is_waited_out_with_a_backoff(clock: Clock, connect: Connect) -> None:
    ask(connect(refusing(clock, 3, {})), 1)
    assert 1 <= len(clock.slept) <= 3
    assert all(0 < seconds <= 1 for seconds in clock.slept)


@pytest.mark.parametrize(
    ("rate", "headers", "held"), [(None, {}, True), (5, {"Retry-After": "9"}, True), (5, {}, False)]
)
def test_the_client_tells_the_limits_whom_a_refusal_concerns(
    clock: Clock, connect: Connect, rate: int | None, headers: dict[str, str], held: bool
) -> None:
    limits = Limits(clock=clock.monotonic)
    others: list[bool] = []
    client = connect(
        refusing(clock, 1, headers, b'{"msBeforeNext":5000}'),
        limits=limits,
        on_wait=lambda _: others.append(isinstance(limits.take("other", 60), Wait)),
    )
    ask(client, 1, rate=rate)
    assert others[0] is held


def test_refusals_without_end_end_the_object(clock: Clock, connect: Connect) -> None:
    client = connect(refusing(clock, 99, {"Retry-After": "5"}), tries=4)
    with pytest.raises(RateLimited, match="GET /roles: Segment's rate limit is used up") as caught:
        ask(client, 1)
    assert client.requests == 4
    assert caught.value.status == 429


def test_a_wait_that_is_too_long_is_refused_in_a_sentence(clock: Clock, connect: Connect) -> None:
    client = connect(refusing(clock, 1, {"Retry-After": "3600"}))
    with pytest.raises(RateLimited, match="wait for 3600 s, longer than the 300 s"):
        ask(client, 1)
    assert clock.slept == []


def test_requests_are_counted_for_all_and_for_each_object(connect: Connect) -> None:
    client = connect(Sandbox())
    mine, yours = Counters(), Counters()
    ask(client.counting(mine), 3)
    ask(client.counting(yours), 4)
    list(pages(client.counting(mine), ROLES, {}, stability="stable"))
    assert (mine.requests, yours.requests, client.requests) == (4, 4, 8)
    assert Paging.CURSOR is ROLES.paging
