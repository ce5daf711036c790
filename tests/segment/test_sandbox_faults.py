"""The client against the sandbox's own faults, over a real socket: what it gives for each kind of trouble."""

from __future__ import annotations

import json

import pytest

from replicator.errors import SegmentError
from replicator.sandbox import Request, Sandbox
from replicator.sandbox.faults import Faulty, Log, fault_of_text
from replicator.sandbox.server import running
from replicator.segment.pages import pages
from tests.segment.conftest import SOURCES, Connect


def listed(connect: Connect, *faults: str) -> tuple[list[str], Log]:
    """The ids of the sources, three a page, as the client reads them from a sandbox with these faults."""
    faulty = Faulty(Sandbox(counts={"Sources": 8}), map(fault_of_text, faults))
    with running(faulty) as url:
        client = connect(url, deadline=3)
        found = [record["id"] for page in pages(client, SOURCES, {}, stability="stable") for record in page.records]
    return found, faulty.log


@pytest.fixture(scope="module")
def usual() -> list[str]:
    answer = Sandbox(counts={"Sources": 8})(Request("GET", "/sources", {"authorization": "Bearer sandbox"}))
    return [source["id"] for source in json.loads(answer.body)["data"]["sources"]]


@pytest.mark.parametrize(
    "fault",
    [
        "status=429,retry_after=3,nth=2",
        "status=429,retry_after=date+3,nth=2",
        "status=429,retry_after=garbage,times=1",
        "status=503,body=html,nth=2",
        "reset,nth=2",
        "reset=after,nth=1",
        "lose_response,nth=3",
        "truncate_at=100,nth=2",
        "truncate_at=100,framing=chunked,nth=2",
        "truncate_at=100,framing=close,nth=2",
        "bad_json,nth=2",
        "html200,nth=1",
        "data_null,nth=2",
        "missing_list,nth=2",
        "drip=10,nth=2",
    ],
)
def test_what_passes_is_tried_again_and_nothing_is_missing(connect: Connect, usual: list[str], fault: str) -> None:
    found, log = listed(connect, fault)
    assert found == usual
    assert len(log.read()) == 4


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        ("revoke_after=1", 3),
        ("forbid", 1),
        ("redirect=http://127.0.0.1:1/", 1),
        ("cursor_expire", 2),
        ("cursor_loop,nth=2", 2),
        ("cursor_loop=start,nth=2", 3),
        ("gzip_bomb=512M,nth=1", 1),
        ("body_bytes=512M,nth=1", 1),
    ],
)
def test_what_does_not_pass_is_an_error_after_as_few_requests_as_can_tell(
    connect: Connect, fault: str, requests: int
) -> None:
    faulty = Faulty(Sandbox(counts={"Sources": 8}), [fault_of_text(fault)])
    with running(faulty) as url, pytest.raises(SegmentError):
        list(pages(connect(url), SOURCES, {}, stability="stable"))
    assert len(faulty.log.read()) == requests


def test_what_moves_between_pages_is_read_as_it_came(connect: Connect, usual: list[str]) -> None:
    assert listed(connect, "insert,nth=1")[0] == usual[:3] + usual[2:]
    assert listed(connect, "delete,nth=1")[0] == usual[:3] + usual[4:]
    assert listed(connect, "dup_page,nth=1")[0] == usual[:3] + usual
    assert listed(connect, "empty_page,nth=2")[0] == usual
