"""What can go wrong on the way, over real sockets (reliability.md: H1 to H25)."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import time
from typing import Any

import pytest

from replicator.errors import (
    AccessDenied,
    FeatureMissing,
    Interrupted,
    NotFound,
    ReplicatorError,
    SegmentError,
    Unauthorized,
    UnexpectedResponse,
    Unreachable,
)
from replicator.segment.client import Client
from replicator.segment.limits import Limits
from replicator.segment.pages import Page, pages
from tests.segment.conftest import SOURCES, Clock, Connect
from tests.segment.scripted import RESET, Script, Seen, Step, answer, in_turn, serving

BODY = b'{"data":{"sources":[{"id":"a"}],"pagination":{"current":"MA=="}}}'
GOOD = answer(BODY)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def read(client: Client) -> list[Page]:
    return list(pages(client, SOURCES, {}, stability="stable"))


def failure(connect: Connect, script: Script, **settings: Any) -> tuple[SegmentError, int]:
    """The error that this server ends in, and after how many requests."""
    with serving(script) as server:
        client = connect(server.url, **settings)
        with pytest.raises(SegmentError) as caught:
            read(client)
        assert client.requests == len(server.seen) or not server.seen
        one_sentence(caught.value)
        return caught.value, client.requests


def one_sentence(error: ReplicatorError) -> None:
    text = str(error)
    assert text.endswith(".")
    assert text.isprintable()
    assert "pagination" not in text
    assert len(text) < 700
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    "fault",
    [
        [RESET],
        [b"", None],
        [HEAD, None],
        [HEAD + b"Content-Length: 1000\r\n\r\n" + b'{"data":', b"", None],
        [HEAD + b"\r\n" + b'{"data":{"sources":[{"id":"a"}', None],
        [HEAD + b"\r\n" + b'{"data":{"sources":[{"id":"a"},{"id":"\\ud800"}', None],
        [HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"dat\r\n', None],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", None],
        [HEAD + b"Content-Length: 0\r\n\r\n"],
        [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", None],
        [HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)[:-4], None],
        [HEAD + b"Content-Encoding: gzip\r\n\r\n" + b"no gzip at all", None],
        [HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY), 0.05, b"more", None],
        [answer({"errors": []}, 500)],
        [answer(b"<html>", 502, Content_Type="text/html")],
        [answer(b"", 503)],
        [answer({"errors": []}, 504)],
        [answer({"errors": []}, 408)],
        [answer({})],
        [answer({"data": None})],
        [answer({"data": {}})],
        [answer({"data": {"sources": None}})],
        [answer({"data": {"sources": {"id": "a"}}})],
        [answer({"data": {"sources": [], "pagination": []}})],
        [answer({"data": {"sources": [], "pagination": {"next": {}}}})],
        [answer({"errors": [{"type": "x"}]})],
        [answer(b"<html>Log in</html>", Content_Type="text/html")],
        [answer(b"OK", Content_Type="text/plain")],
    ],
)
def test_a_passing_fault_costs_one_more_request_and_nothing_else(connect: Connect, fault: list[Step]) -> None:
    with serving(in_turn(fault, GOOD)) as server:
        client = connect(server.url)
        assert [page.records for page in read(client)] == [[{"id": "a"}]]
        assert len(server.seen) == client.requests == 2
        assert client.counters.retries == 1


@pytest.mark.parametrize(
    ("fault", "kind", "says", "requests"),
    [
        ([RESET], Unreachable, "the connection failed", 6),
        ([HEAD + b"Content-Length: 9\r\n\r\n{", None], Unreachable, "the connection failed", 6),
        ([HEAD + b"\r\n" + b'{"data":{"sources":[{"id":"a"}', None], Unreachable, "cannot be read", 6),
        ([answer(b"", 503)], Unreachable, "fails with status 503", 6),
        ([answer({"errors": [{"message": "oops\r\n\x1b[31mred"}]}, 500)], Unreachable, "(oops [31mred)", 6),
        ([answer({})], UnexpectedResponse, "it has no data", 3),
        ([answer({"data": None})], UnexpectedResponse, "it has no data", 3),
        ([answer({"data": {"destinations": []}})], UnexpectedResponse, "`sources` is missing", 3),
        (
            [answer(b"<html>Log in</html>", Content_Type="text/html")],
            UnexpectedResponse,
            "text/html instead of JSON",
            3,
        ),
    ],
)
def test_a_lasting_fault_ends_in_a_sentence(
    connect: Connect, fault: list[Step], kind: type[SegmentError], says: str, requests: int
) -> None:
    error, sent = failure(connect, in_turn(fault))
    assert type(error) is kind
    assert says in str(error)
    assert str(error).startswith("GET /sources: ")
    assert sent == requests


@pytest.mark.parametrize(
    ("status", "error", "kind", "says"),
    [
        (400, {"message": "bad", "field": "x"}, UnexpectedResponse, "status 400 (bad; field x)"),
        (422, {"message": '"id" is required', "field": "id"}, UnexpectedResponse, '"id" is required; field id'),
        (422, {"message": "the tracking plan is full"}, UnexpectedResponse, "tracking plan is full"),
        (409, {"type": "Conflict"}, UnexpectedResponse, "status 409 (Conflict)"),
        (403, {"message": "You need the Warehouse Admin role"}, AccessDenied, "lacks the permission (You need"),
        (403, {"message": "This feature is not enabled"}, FeatureMissing, "lacks the feature (This feature"),
        (402, {"message": "Please upgrade your plan"}, FeatureMissing, "Please upgrade"),
        (400, {"message": "Audiences are not available on your plan"}, FeatureMissing, "not available"),
        (422, {"message": "feature is required", "field": "feature"}, UnexpectedResponse, "feature is required"),
        (404, {"message": "Resource not found"}, NotFound, "it is not there (Resource not found)"),
        (418, None, UnexpectedResponse, "status 418. "),
    ],
)
def test_a_refusal_is_told_at_once_in_the_apis_own_words(
    connect: Connect, status: int, error: dict[str, str] | None, kind: type[SegmentError], says: str
) -> None:
    body = {"errors": [error]} if error else b"not JSON"
    raised, sent = failure(connect, in_turn(answer(body, status, X_Request_Id="req-7")))
    assert type(raised) is kind
    assert says in str(raised)
    assert (raised.status, raised.request_id, sent) == (status, "req-7", 1)


def test_a_revoked_token_stops_everything_after_one_recheck(connect: Connect) -> None:
    denied = answer({"errors": [{"message": "You are not authorized"}]}, 401)
    with serving(in_turn(GOOD, denied)) as server:
        client = connect(server.url)
        read(client)
        for _ in range(3):
            with pytest.raises(Unauthorized) as caught:
                read(client)
            assert caught.value.stops_everything
            one_sentence(caught.value)
        assert [seen.target.partition("?")[0] for seen in server.seen] == ["/sources", "/sources", "/"]


def test_a_401_to_a_token_that_may_read_its_workspace_is_a_missing_permission(connect: Connect) -> None:
    def script(seen: Seen) -> list[Step]:
        good = seen.target == "/"
        return [answer({"data": {}}) if good else answer({"errors": [{"message": "No access"}]}, 401)]

    error, sent = failure(connect, script)
    assert type(error) is AccessDenied
    assert "(No access)" in str(error)
    assert sent == 2


@pytest.mark.parametrize(
    "fault",
    [
        [answer({}, 500)],
        [answer({}, 503, Retry_After="1")],
        [answer({}, 429, Retry_After="1")],
        [RESET],
        [answer(b"<html>", Content_Type="text/html")],
        [answer({})],
    ],
)
def test_whose_401_it_is_is_asked_again_like_anything_else(connect: Connect, fault: list[Step]) -> None:
    error, sent = failure(connect, in_turn([answer({}, 401)], fault, [answer({"data": {"workspace": {}}})]))
    assert type(error) is AccessDenied
    assert str(error).startswith("GET /sources: ")
    assert sent == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(answer({}, 500), Unreachable), (answer(b"<html>", Content_Type="text/html"), UnexpectedResponse)],
)
def test_a_401_of_which_nobody_can_say_whose_it_is_does_not_condemn_the_token(
    connect: Connect, fault: bytes, kind: type[SegmentError]
) -> None:
    def script(seen: Seen) -> list[Step]:
        return [fault if seen.target == "/" else GOOD if seen.number else answer({}, 401)]

    with serving(script) as server:
        client = connect(server.url)
        with pytest.raises(SegmentError) as caught:
            read(client)
        assert type(caught.value) is kind
        assert not caught.value.stops_everything
        assert len(read(client)) == 1


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_may_not_even_read_its_workspace_is_not_accepted(connect: Connect, status: int) -> None:
    error, sent = failure(connect, in_turn(answer({}, 401), answer({}, status)))
    assert type(error) is Unauthorized
    assert sent == 2


def test_an_address_that_is_too_long_is_told_at_once(connect: Connect) -> None:
    with serving(in_turn(GOOD)) as server:
        with pytest.raises(UnexpectedResponse) as caught:
            connect(server.url).get("listSources", "/sources", {"search": "x" * 70_000}, stability="stable", rate=None)
        assert "URL too long" in str(caught.value)
        assert "network" not in str(caught.value)
        one_sentence(caught.value)
        assert server.seen == []


def test_no_redirect_is_followed_and_only_its_host_is_told(connect: Connect) -> None:
    to = "https://evil.example/steal?token=s3cret"
    error, sent = failure(connect, in_turn(answer(b"", 302, Location=to)))
    assert type(error) is UnexpectedResponse
    assert "redirects to evil.example," in str(error)
    assert "s3cret" not in str(error)
    assert sent == 1


def test_that_nothing_changed_is_no_redirect(connect: Connect) -> None:
    error, sent = failure(connect, in_turn(b"HTTP/1.1 304 Not Modified\r\n\r\n"))
    assert type(error) is UnexpectedResponse
    assert "redirect" not in str(error)
    assert "status 304" in str(error)
    assert sent == 1


@pytest.mark.parametrize("more", [b'{"message": "half of it failed"}', b"1e400"])
@pytest.mark.parametrize("ending", [b"}", b',"x":NaN}'])
def test_data_beside_errors_is_no_whole_answer(connect: Connect, more: bytes, ending: bytes) -> None:
    spoiled = answer(BODY[:-1] + b',"errors":[' + more + b"]" + ending)
    error, sent = failure(connect, in_turn(spoiled))
    assert type(error) is UnexpectedResponse
    assert "it holds errors beside its data" in str(error)
    assert sent == 3
    for none in (b"[]", b"null"):
        with serving(in_turn(answer(BODY[:-1] + b',"errors":' + none + ending))) as server:
            assert len(read(connect(server.url))) == 1


@pytest.mark.parametrize("location", ["/elsewhere", "https://[", ""])
def test_a_redirect_to_nowhere_is_told_all_the_same(connect: Connect, location: str) -> None:
    error, _ = failure(connect, in_turn(answer(b"", 301, Location=location)))
    assert "it redirects, and" in str(error)


def test_nobody_listening_is_unreachable(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Unreachable, match="Connection refused"):
        read(connect(url))


def test_a_host_that_does_not_exist_is_unreachable(connect: Connect) -> None:
    with pytest.raises(Unreachable, match="the connection failed"):
        read(connect("https://no-such-host.invalid"))


def test_a_fault_between_two_pages_does_not_lose_the_first(connect: Connect) -> None:
    first = answer({"data": {"sources": [{"id": "a"}], "pagination": {"next": "Mw=="}}})
    with serving(in_turn(first, [RESET], GOOD)) as server:
        assert [page.records[0]["id"] for page in read(connect(server.url))] == ["a", "a"]
        assert [seen.target for seen in server.seen] == [
            "/sources?pagination.count=3",
            *["/sources?pagination.count=3&pagination.cursor=Mw%3D%3D"] * 2,
        ]


def test_retries_wait_with_a_growing_backoff_and_say_why(clock: Clock, connect: Connect) -> None:
    failure(connect, in_turn(answer(b"", 500)))
    assert len(clock.waits) == 5
    assert {wait.why for wait in clock.waits} == {"Segment fails with status 500"}
    assert all(wait.seconds <= 0.5 * 2**number for number, wait in enumerate(clock.waits, 1))


def test_an_unavailable_service_is_given_the_time_that_it_asks_for(clock: Clock, connect: Connect) -> None:
    with serving(in_turn(answer(b"", 503, Retry_After="12"), GOOD)) as server:
        read(connect(server.url))
    assert clock.slept == [12]


def test_one_event_is_logged_for_each_retry_and_wait(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "replicator.segment"), serving(in_turn(answer(b"", 500), GOOD)) as server:
        read(connect(server.url))
    assert [record.message for record in caplog.records] == ["request is tried again", "waiting"]
    assert vars(caplog.records[0])["why"] == "Segment fails with status 500"
    assert vars(caplog.records[0])["operation"] == "listSources"


def test_a_request_to_stop_ends_a_wait(connect: Connect) -> None:
    stop = threading.Event()
    with serving(in_turn(answer(b"", 503, Retry_After="60"))) as server:
        client = connect(server.url, stop=stop, sleep=None)
        threading.Timer(0.2, stop.set).start()
        began = time.monotonic()
        with pytest.raises(Interrupted):
            read(client)
        assert time.monotonic() - began < 5
        with pytest.raises(Interrupted):
            read(client)
        assert len(server.seen) == 1


def test_proxies_of_the_environment_never_see_the_token(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(in_turn(GOOD)) as server, serving(in_turn(GOOD)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        read(connect(server.url))
        assert (len(server.seen), len(proxy.seen)) == (1, 0)


def test_many_threads_share_the_connections(connect: Connect) -> None:
    with serving(in_turn([0.01, GOOD])) as server:
        client = connect(server.url, connections=4)
        threads = [threading.Thread(target=read, args=(client,)) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.seen) == client.requests == 40


def test_an_error_inside_the_transport_does_not_lose_the_ticket(connect: Connect) -> None:
    def broken(_: object) -> None:
        raise ConnectionResetError

    client = connect(broken, tries=2)
    with pytest.raises(Unreachable, match="ConnectionResetError"):
        read(client)
    assert isinstance(client._limits, Limits)
    assert client._limits._shared.flying == 0
