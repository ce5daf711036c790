"""Tokens, versions, errors and rate limits."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicator.sandbox import Request, Response, Sandbox
from replicator.sandbox.limits import RateLimit
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client

CLIENT = Client(Sandbox(now=lambda: NOW))


def error(response: Response) -> dict[str, Any]:
    body = json.loads(response.body)
    assert set(body) == {"errors"}
    return dict(body["errors"][0])


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer other", "Basic sandbox", "sandbox", "Bearer sandbox2"]
)
def test_without_the_right_token_nothing_is_answered(authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    response = CLIENT.sandbox(Request("GET", "/", headers))
    assert response.status == 401
    assert error(response)["message"]


def test_the_token_can_be_chosen_and_is_never_shown() -> None:
    sandbox = Sandbox(token="a-secret")
    assert Client(sandbox, token="a-secret").ask("/").status == 200
    assert Client(sandbox).ask("/").status == 401
    assert "a-secret" not in repr(sandbox.tokens)
    assert b"a-secret" not in Client(sandbox, token="a-secret").ask("/echo?message=x").body


@pytest.mark.parametrize(
    "target", ["/nonesuch", "/sources/", "/sources//settings", "/spaces/x/audiences/y/nonesuch", "//"]
)
def test_a_path_that_is_not_in_the_contract_is_not_found(target: str) -> None:
    if target == "/sources/":
        assert CLIENT.ask(target).status == 200  # a slash at the end changes nothing
    elif target != "//":
        assert error(CLIENT.ask(target))["type"] == "NotFound"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
def test_a_method_that_a_path_does_not_take_is_not_found(method: str) -> None:
    headers = {"authorization": "Bearer sandbox"}
    assert CLIENT.sandbox(Request(method, "/sources", headers)).status == 404


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/vnd.segment.v1+json", "application/vnd.segment.v1+json"),
        ("application/vnd.segment.v1alpha+json, application/json", "application/vnd.segment.v1alpha+json"),
        ("application/vnd.segment.stable+json", "application/vnd.segment.stable+json"),
        ("application/vnd.segment.v9+json, application/json", "application/json"),
    ],
)
def test_the_answer_is_of_the_version_that_was_asked_for(accept: str, answered: str) -> None:
    response = CLIENT.sandbox(Request("GET", "/sources", {"authorization": "Bearer sandbox", "accept": accept}))
    assert response.status == 200
    assert dict(response.headers)["Content-Type"] == answered


def test_a_version_that_the_operation_does_not_have_is_not_found() -> None:
    assert CLIENT.ask("/spaces", "v1").status == 404
    assert CLIENT.ask("/credentials", "v1alpha").status == 404
    assert CLIENT.ask("/spaces").status == 200


def test_the_echo_makes_the_errors_that_it_is_asked_for() -> None:
    assert CLIENT.data("/echo", message="Größe")["message"] == "Größe"
    assert CLIENT.ask("/echo?message=x&statusCode=503").status == 503
    assert CLIENT.ask("/echo?message=x&triggerError=true").status == 400
    assert CLIENT.ask("/echo?message=x&triggerUnexpectedError=true").status == 500
    assert len(json.loads(CLIENT.ask("/echo?message=x&triggerMultipleErrors=true").body)["errors"]) == 2


class Clock:
    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> Any:
        return self.time


def limited(rate_limit: RateLimit) -> tuple[Client, Clock]:
    clock = Clock()
    return Client(Sandbox(rate_limit=rate_limit, now=clock)), clock


def test_without_limits_the_headers_are_sent_all_the_same() -> None:
    headers = dict(CLIENT.ask("/").headers)
    assert headers["X-RateLimit-Remaining"] == "1000000"
    assert headers["X-RateLimit-Consumed"] == "1"
    assert parsedate_to_datetime(headers["X-RateLimit-Reset"]) - NOW == timedelta(seconds=60)


def test_over_the_limit_it_says_how_long_to_wait_and_then_goes_on() -> None:
    client, clock = limited(3)
    remaining = [dict(client.ask("/").headers)["X-RateLimit-Remaining"] for _ in range(3)]
    assert remaining == ["2", "1", "0"]
    clock.time += timedelta(seconds=12.5)
    refused = client.ask("/sources")
    assert refused.status == 429
    assert dict(refused.headers)["Retry-After"] == "48"
    assert error(refused)["data"] == {"remainingPoints": 0, "msBeforeNext": 47500, "consumedPoints": 4}
    clock.time += timedelta(seconds=47.4)
    assert client.ask("/").status == 429
    clock.time += timedelta(seconds=0.1)
    assert client.ask("/").status == 200


def test_real_limits_are_those_of_the_endpoints_and_one_for_the_rest() -> None:
    client, _ = limited("real")
    warehouse = client.every("/warehouses", "warehouses")[0]["id"]
    assert [client.ask(f"/warehouses/{warehouse}/syncs").status for _ in range(3)] == [200, 200, 429]
    # Another endpoint has a window of its own, and so have all those without a limit together.
    assert client.ask(f"/warehouses/{warehouse}/advanced-sync-schedule").status == 200
    statuses = [client.ask("/" if turn % 2 else "/sources").status for turn in range(1000)]
    assert statuses == [200] * 999 + [429]


def test_refused_requests_have_no_limit_headers_unless_they_were_refused_for_it() -> None:
    assert not [name for name, _ in CLIENT.ask("/nonesuch").headers if name.startswith("X-")]


@pytest.mark.parametrize("wrong", [0, -1, "on"])
def test_an_impossible_limit_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(ValueError, match="rate_limit"):
        Sandbox(rate_limit=wrong)


def test_threads_share_one_limit() -> None:
    client, _ = limited(50)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: client.ask("/").status, range(100)))
    assert sorted(statuses) == [200] * 50 + [429] * 50


SEGMENTS = st.sampled_from(
    ["sources", "spaces", "functions", "filters", "x", "%2F", "é", "", "audit-events", "usage", "daily"]
)
NAMES = st.sampled_from(
    ["pagination.count", "pagination", "startTime", "period", "granularity", "groupBy.0", "resourceType"]
)
VALUES = st.one_of(
    st.text(max_size=12), st.sampled_from(["DAY", "0001-01-01", "9999-12-31", "2026-11-01T00:00:00+14:00"])
)


@given(
    path=st.lists(SEGMENTS, max_size=5),
    query=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    accept=st.text(max_size=9),
)
@settings(max_examples=300, deadline=None)
def test_whatever_is_asked_is_answered_in_the_envelope(
    path: list[str], query: list[tuple[str, str]], accept: str
) -> None:
    target = "/" + "/".join(path) + "?" + "&".join(f"{name}={value}" for name, value in query)
    headers = {"authorization": "Bearer sandbox", "accept": accept}
    response = CLIENT.sandbox(Request("GET", target, headers))
    assert response.status in (200, 404, 422)
    assert set(json.loads(response.body)) == ({"data"} if response.status == 200 else {"errors"})


MOMENTS = st.sampled_from(
    ["0001-01-01", "1969-12-31", "2026-11-01", "9999-12-31T23:59:59Z", "2026-13-01", "now", "20261101", ""]
)


@given(start=MOMENTS, end=MOMENTS, granularity=st.sampled_from(["DAY", "HOUR", "MINUTE"]))
@settings(max_examples=100, deadline=None)
def test_no_moment_is_too_strange_to_be_answered(start: str, end: str, granularity: str) -> None:
    window = f"startTime={start}&endTime={end}&granularity={granularity}"
    source = CLIENT.data("/sources", **{"pagination.count": 1})["sources"][0]["id"]
    targets = (
        f"/events/volume?{window}",
        f"/audit-events?{window}",
        f"/delivery-overview/successfully-received?{window}&sourceId={source}",
        f"/usage/api-calls/daily?period={start}",
    )
    assert all(CLIENT.ask(target).status in (200, 422) for target in targets)
