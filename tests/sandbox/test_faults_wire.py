"""What each fault of the wire does to a client's socket."""

from __future__ import annotations

import json
import socket
import ssl
import time
import zlib
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from time import perf_counter
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import pytest

from replicator.sandbox import Sandbox
from replicator.sandbox.certificates import certificates
from replicator.sandbox.faults import Faulty, fault_of_text
from replicator.sandbox.server import running
from tests.sandbox.faulty import get, hear, make, opened, served


def test_a_delayed_answer_is_the_same_answer_later() -> None:
    with served("delay=0.3,nth=1") as server:
        late, usual = (hear(server.url, patience=1) for _ in range(2))
    assert late.body == usual.body
    assert late.status == 200
    with served("delay=0.3") as server:
        began = perf_counter()
        opened(server.url).close()
        assert 0.3 <= perf_counter() - began < 2


def test_a_dripping_answer_comes_whole_at_its_pace() -> None:
    with served("drip=400") as server:
        heard = hear(server.url)
        length = len(heard.body)
        assert json.loads(heard.body)["data"]["workspace"]
        assert heard.ended == "closed"
        assert 0.6 * length / 400 < heard.seconds < 3 * length / 400 + 1


@pytest.mark.parametrize(
    ("framing", "header"),
    [
        ("length", ("content-length", None)),
        ("chunked", ("transfer-encoding", "chunked")),
        ("close", ("connection", "close")),
    ],
)
def test_a_body_is_cut_in_each_framing(framing: str, header: tuple[str, str | None]) -> None:
    with served(f"truncate_at=20,framing={framing}") as server:
        heard = hear(server.url, "/sources")
        whole = get(server.faulty.sandbox).body
    name, value = header
    assert heard.ended == "closed"
    assert heard.headers[name] == (value or str(len(whole)))
    assert ("content-length" in heard.headers) == (framing == "length")
    sent = b"14\r\n" + whole[:20] + b"\r\n" if framing == "chunked" else whole[:20]
    assert heard.body == sent


def test_a_client_notices_a_cut_body_unless_the_connection_delimits_it() -> None:
    with served("truncate_at=20,framing=length,nth=1", "truncate_at=20,framing=close,nth=2") as server:
        client = HTTPConnection(urlsplit(server.url).netloc, timeout=5)
        client.request("GET", "/", headers={"Authorization": "Bearer sandbox"})
        with pytest.raises(IncompleteRead):
            client.getresponse().read()
        client.close()
        client.request("GET", "/", headers={"Authorization": "Bearer sandbox"})
        assert len(client.getresponse().read()) == 20
        client.close()


def test_a_cut_can_end_in_a_reset() -> None:
    with served("truncate_at=20,ending=reset") as server:
        heard = hear(server.url, "/sources")
    assert (len(heard.body), heard.ended) == (20, "reset")


@pytest.mark.parametrize(("moment", "asked"), [("before", 0), ("after", 1)])
def test_a_connection_is_reset_before_or_after_the_effect(moment: str, asked: int) -> None:
    calls = []
    sandbox = Sandbox()

    def counted(request: object) -> object:
        calls.append(request)
        return sandbox(request)  # type: ignore[arg-type] # it is handed on

    with running(Faulty(counted, [fault_of_text(f"reset={moment}")])) as url:  # type: ignore[arg-type] # as above
        heard = hear(url)
    assert (heard.content, heard.ended) == (b"", "reset")
    assert len(calls) == asked


def test_a_lost_answer_is_a_closed_connection_without_a_byte() -> None:
    with served("lose_response,nth=1", "lose_response,nth=2,hang=0.3") as server:
        at_once, later = hear(server.url), hear(server.url)
    assert (at_once.content, at_once.ended) == (later.content, later.ended) == (b"", "closed")
    assert later.seconds >= 0.3 > at_once.seconds


def test_a_gzip_bomb_is_small_on_the_wire_and_large_behind_it() -> None:
    with served("gzip_bomb=32M") as server:
        heard = hear(server.url, patience=1)
    assert heard.headers["content-encoding"] == "gzip"
    assert len(heard.body) < 200_000
    plain = zlib.decompress(heard.body, wbits=31)
    assert len(plain) >= 32 * 2**20
    assert json.loads(plain)["data"]["workspace"]


def test_a_huge_body_is_sent_without_being_held() -> None:
    with served("body_bytes=20M") as server:
        heard = hear(server.url)
    assert int(heard.headers["content-length"]) == len(heard.body) > 20 * 2**20
    assert json.loads(heard.body)["data"]["workspace"]


def test_a_redirect_leads_where_it_says() -> None:
    with served("redirect=http://127.0.0.1:9/there", "GET /sources:redirect=/x,code=307") as server:
        heard = hear(server.url, patience=0.5)
    assert (heard.status, heard.headers["location"]) == (302, "http://127.0.0.1:9/there")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("5", "5"),
        ("garbage", "soon"),
        ("none", None),
        ("date", "Mon, 23 Nov 2026 20:15:00 GMT"),
        ("date+90", "Mon, 23 Nov 2026 20:16:30 GMT"),
    ],
)
def test_retry_after_comes_in_each_form(how: str, expected: str | None) -> None:
    with served(f"status=429,retry_after={how}") as server, pytest.raises(HTTPError) as caught:
        opened(server.url)
    with caught.value as error:
        assert (error.code, error.headers["Retry-After"]) == (429, expected)
        assert json.load(error)["errors"][0]["message"] == "Too many requests"


def test_a_status_can_come_with_html_or_nothing_and_every_status_can_be_sent() -> None:
    with served("status=502,body=html,nth=1", "status=503,body=empty,nth=2") as server:
        html, empty = (hear(server.url, patience=1) for _ in range(2))
    assert (html.status, html.headers["content-type"], html.body[:9]) == (502, "text/html", b"<!DOCTYPE")
    assert (empty.status, empty.body) == (503, b"")
    for status in (204, 304, 418, 599):
        with served(f"status={status}") as server:
            assert hear(server.url, patience=1).status == status


def test_the_server_stops_while_an_answer_hangs() -> None:
    with served("lose_response,hang=60", "drip=1") as server:
        client = socket.create_connection(urlsplit(server.url).netloc.split(":"))  # type: ignore[arg-type] # resolves text
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox\r\n\r\n")
        time.sleep(0.1)
        began = perf_counter()
    assert perf_counter() - began < 10
    client.close()


def test_connections_that_are_left_alone_stay_open_for_the_next_request() -> None:
    with served("status=500,nth=2") as server:
        client = HTTPConnection(urlsplit(server.url).netloc, timeout=5)
        statuses, ports = [], set()
        for _ in range(3):
            client.request("GET", "/", headers={"Authorization": "Bearer sandbox"})
            ports.add(client.sock.getsockname())
            answer = client.getresponse()
            answer.read()
            statuses.append(answer.status)
        client.close()
    assert statuses == [200, 500, 200]
    assert len(ports) == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("expired", "certificate has expired"), ("wrong-host", "mismatch"), ("self-signed", "self-signed certificate")],
)
def test_a_client_that_trusts_the_authority_refuses_each_wrong_certificate_for_its_own_reason(
    kind: str, reason: str
) -> None:
    faulty = make(f"tls={kind},nth=2", tls=True)
    with certificates() as made, running(faulty, tls=made) as url:
        assert url.startswith("https:")
        trusting = ssl.create_default_context(cafile=str(made.ca_file))
        for wrong in (False, True, False):
            if wrong:
                with pytest.raises(URLError, match=reason):
                    opened(url, context=trusting)
            else:
                with opened(url, context=trusting) as answer:
                    assert answer.status == 200
    assert not Path(made.ca_file).exists()


def test_faults_of_the_wire_work_over_tls_too() -> None:
    with certificates() as made, running(make("reset,nth=1", "truncate_at=9,nth=2", tls=True), tls=made) as url:
        trusting = ssl.create_default_context(cafile=str(made.ca_file))
        with pytest.raises(ConnectionResetError):
            opened(url, context=trusting)
        with opened(url, context=trusting) as answer, pytest.raises(IncompleteRead):
            answer.read()


def test_what_this_sandbox_cannot_do_is_refused_when_it_is_set() -> None:
    with pytest.raises(ValueError, match="tls needs a server that speaks TLS"):
        make("tls=expired")
    with pytest.raises(ValueError, match="workspace_switch needs another workspace"):
        make("workspace_switch")
