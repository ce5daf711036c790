"""The token is planted as a canary and looked for in whatever a person could see (reliability.md: I11)."""

from __future__ import annotations

import base64
import io
import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from replicator.errors import SegmentError
from replicator.segment import client as client_module
from replicator.segment.client import Client
from replicator.segment.exchange import Request
from replicator.segment.pages import pages
from replicator.segment.token import Token
from tests.segment.conftest import SOURCES, Connect
from tests.segment.scripted import RESET, Script, Seen, Step, answer, in_turn, serving

CANARY = "sgp_c4n/Ary+T0ken=="


def forms() -> list[str]:
    shifted = [base64.b64encode(b"\0" * pad + CANARY.encode()).decode()[4:-4] for pad in range(3)]
    return [CANARY, quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode(), CANARY.encode().hex(), *shifted]


def hunt(text: str) -> None:
    for form in forms():
        assert form not in text


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """All loggers at DEBUG, as somebody would do to find a fault."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def with_locals(error: BaseException) -> str:
    """A traceback as tools print it that show local variables, causes and contexts included."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def echo(seen: Seen) -> list[Step]:
    said = seen.headers["authorization"]
    encoded = base64.b64encode(said.encode()).decode()
    return [answer({"errors": [{"message": f"bad {said} {quote(said)} {encoded}", "field": said}]}, 422)]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(echo, id="echoed"),
        pytest.param(in_turn([RESET]), id="reset"),
        pytest.param(in_turn([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", None]), id="cut"),
        pytest.param(in_turn([b"nonsense\r\n\r\n", None]), id="nonsense"),
        pytest.param(in_turn(answer({}, 401)), id="401"),
        pytest.param(in_turn(answer({}, 403)), id="403"),
        pytest.param(in_turn(answer({}, 404)), id="404"),
        pytest.param(in_turn(answer({}, 429, Retry_After="5")), id="429"),
        pytest.param(in_turn(answer({}, 500)), id="500"),
        pytest.param(in_turn(answer(b"", 302, Location=f"https://{quote(CANARY, safe='')}.example/")), id="redirect"),
        pytest.param(in_turn(answer({})), id="empty"),
        pytest.param(in_turn(answer(b"<p>", Content_Type="text/html")), id="html"),
        pytest.param(in_turn([5.0]), id="silence"),
    ],
)
def test_no_failure_shows_the_token(connect: Connect, everything_logged: io.StringIO, script: Script) -> None:
    with serving(script) as server:
        client = connect(server.url, token=Token(CANARY), deadline=0.3, tries=2)
        with pytest.raises(SegmentError) as caught:
            list(pages(client, SOURCES, {}, stability="stable"))
        assert server.seen[0].headers["authorization"] == f"Bearer {CANARY}"
    hunt(str(caught.value))
    hunt(repr(vars(caught.value)))
    hunt(with_locals(caught.value))
    hunt(everything_logged.getvalue())


def test_no_object_of_the_client_shows_the_token(connect: Connect) -> None:
    kept: list[Any] = []

    def transport(request: Any) -> None:
        kept.append(request)
        raise ConnectionResetError

    client = connect(transport, token=Token(CANARY), tries=1)
    with pytest.raises(SegmentError) as caught:
        client.get("getWorkspace", "/", {}, stability="stable", rate=None)
    assert isinstance(kept[0], Request)
    assert CANARY in kept[0].headers["authorization"]
    hunt(repr(kept[0]) + repr(client) + repr(vars(client)) + with_locals(caught.value))


def test_a_good_run_logs_no_token_and_no_query(connect: Connect, everything_logged: io.StringIO) -> None:
    good = answer({"data": {"sources": []}})
    with serving(in_turn(answer({}, 500), good)) as server:
        client = connect(server.url, token=Token(CANARY))
        list(pages(client, SOURCES, {"search": "someone@example.com"}, stability="stable"))
    logged = everything_logged.getvalue()
    assert "request is tried again" in logged
    assert "example.com" not in logged
    hunt(logged)


def test_an_error_inside_the_http_library_carries_no_frame_with_the_token(connect: Connect) -> None:
    with serving(in_turn([RESET])) as server:
        client = connect(server.url, token=Token(CANARY), tries=1)
        try:
            client.get("getWorkspace", "/", {}, stability="stable", rate=None)
        except SegmentError:
            text = "".join(traceback.TracebackException(*sys.exc_info(), capture_locals=True).format())
    assert "httpcore" not in text
    hunt(text)


def test_the_hunt_itself_finds_a_leak() -> None:
    for form in forms():
        with pytest.raises(AssertionError):
            hunt(f"… {form} …")
    assert isinstance(client_module.Client, type)
    assert Client is client_module.Client
