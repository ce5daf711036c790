"""Answers that are too slow or too large, over real sockets (reliability.md: H7, H11, H12)."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
import zlib

import pytest

from replicator.errors import UnexpectedResponse, Unreachable
from replicator.segment.exchange import Failed, collect
from tests.segment.conftest import Connect
from tests.segment.scripted import Step, answer, in_turn, serving
from tests.segment.test_faults import HEAD, failure, read


@pytest.mark.parametrize(
    "drip",
    [
        [HEAD + b"Content-Length: 1000\r\n\r\n", *([0.05, b" "] * 200)],
        [b"HTTP/1.1 200 OK\r\n", *([0.05, b"X-A: b\r\n"] * 200)],
        [10.0],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *([0.05, b"1\r\n \r\n"] * 200)],
    ],
)
def test_a_slow_drip_ends_at_the_deadline(connect: Connect, drip: list[Step]) -> None:
    began = time.monotonic()
    error, _ = failure(connect, in_turn(drip), deadline=0.4, tries=2)
    assert type(error) is Unreachable
    assert "no complete answer within 0.4 s" in str(error)
    assert 0.7 < time.monotonic() - began < 3


def test_silence_after_a_late_byte_ends_at_the_same_deadline(connect: Connect) -> None:
    began = time.monotonic()
    failure(connect, in_turn([HEAD + b"Content-Length: 9\r\n\r\n", 0.9, b" ", 5.0]), deadline=1.0, tries=1)
    assert 0.9 < time.monotonic() - began < 1.6


def test_a_gzip_bomb_stops_at_the_cap_without_its_memory(connect: Connect) -> None:
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeeze.compress(b" " * 2**20) for _ in range(200)) + squeeze.flush()
    tracemalloc.start()
    error, sent = failure(connect, in_turn(answer(bomb, Content_Encoding="gzip")), max_body=8 * 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert type(error) is UnexpectedResponse
    assert "larger than 8 MiB" in str(error)
    assert sent == 1
    assert peak < 40 * 2**20


def test_a_body_of_several_gzip_members_is_all_of_them_wherever_it_is_cut(connect: Connect) -> None:
    """RFC 1952."""
    whole = json.dumps({"data": {"sources": [{"id": "a"}] * 2}}).encode()
    body = b"".join(map(gzip.compress, [whole[:20], b"", whole[20:]]))
    for at in range(1, len(body), 7):
        assert collect([body[:at], body[at:]], "gzip", 2**20) == whole
    with serving(in_turn(answer(body, Content_Encoding="gzip"))) as server:
        assert len(read(connect(server.url))[0].records) == 2


def test_the_cap_holds_over_all_gzip_members() -> None:
    one = gzip.compress(b" " * 2**19)
    assert collect([one], "gzip", 2**20) == b" " * 2**19
    for chunks in ([one * 3], [one] * 3, [gzip.compress(b"")] * 2**17):
        refused = collect(chunks, "gzip", 2**20)
        assert isinstance(refused, Failed)
        assert "larger than 1 MiB" in refused.why
        assert not refused.passing
    cut = collect([one, one[:-4]], "gzip", 2**21)
    assert isinstance(cut, Failed)
    assert "cut short" in cut.why


def test_an_endless_body_stops_at_the_cap(connect: Connect) -> None:
    error, _ = failure(connect, in_turn([HEAD + b"\r\n", *([b" " * 2**20] * 64)]), max_body=2**20)
    assert "larger than 1 MiB" in str(error)


def test_a_compression_that_was_not_asked_for_is_refused(connect: Connect) -> None:
    error, _ = failure(connect, in_turn(answer(b"x", Content_Encoding="br")))
    assert "compressed in a way" in str(error)


def test_a_compressed_page_is_read(connect: Connect) -> None:
    body = gzip.compress(json.dumps({"data": {"sources": [{"id": "a"}] * 2}}).encode())
    with serving(in_turn(answer(body, Content_Encoding="gzip"))) as server:
        assert read(connect(server.url))[0].records == [{"id": "a"}] * 2
        assert server.seen[0].headers["accept-encoding"] == "gzip"
