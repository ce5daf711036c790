"""A million records of an object: read in bounded memory, from the first page to the last, written to or not."""

from __future__ import annotations

import json
import re
import tracemalloc
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from replicator.sandbox import Clock, Request, Sandbox
from replicator.sandbox.life import Chance
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client

MILLION = 1_000_000
#: A page of 1,000 sources is 3 MB of JSON and as many objects; a million of them would take gigabytes.
BOUND = 25 * 2**20
LISTS = [
    ("/suppressions", "suppressed", "Suppressions"),
    ("/audit-events", "events", "AuditEvents"),
    ("/users", "users", "Users"),
    ("/sources", "sources", "Sources"),
]


@contextmanager
def bounded() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < BOUND, f"{peak / 2**20:.0f} MB"


def page(client: Client, path: str, cursor: str = "") -> dict[str, Any]:
    more = f"&pagination.cursor={quote(cursor)}" if cursor else ""
    answer = client.ask(f"{path}?pagination.count=1000{more}")
    assert answer.status == 200, answer.body
    return dict(json.loads(answer.body)["data"])


def moved_to(cursor: str, offset: int) -> str:
    """The cursor of the second page, moved to another place of the same list."""
    plain = b64decode(cursor).decode()
    return b64encode(re.sub(r"\b0?1000\b", str(offset), plain).encode()).decode()


@pytest.mark.parametrize(("path", "key", "name"), LISTS)
def test_a_million_records_are_paged_in_bounded_memory(path: str, key: str, name: str) -> None:
    client = Client(Sandbox(counts={name: MILLION}, now=lambda: NOW))
    with bounded():
        data = page(client, path)
        second = data["pagination"]["next"]
        for _ in range(3):
            data = page(client, path, data["pagination"]["next"])
            assert len(data[key]) == 1000
        last = page(client, path, moved_to(second, MILLION - 1000))
    assert len(last[key]) == 1000
    assert last["pagination"].get("next") is None


@pytest.mark.parametrize(("path", "key", "name"), LISTS[2:])
def test_a_million_records_that_were_written_to_are_paged_in_bounded_memory(path: str, key: str, name: str) -> None:
    client = Client(Sandbox(counts={name: MILLION}, now=lambda: NOW))
    first = page(client, path)
    gone = {record["id"] for record in first[key][10:20]}
    for identifier in gone:
        target = f"/users?userIds.0={identifier}" if name == "Users" else f"{path}/{identifier}"
        assert client.sandbox(Request("DELETE", target, {"authorization": "Bearer sandbox"})).status == 200
    with bounded():
        again = page(client, path)
        last = page(client, path, moved_to(again["pagination"]["next"], MILLION - 1000))
    assert not gone & {record["id"] for record in again[key]}
    assert len(again[key]) == 1000
    assert len(last[key]) == 990


def test_people_live_in_a_workspace_of_a_million_in_bounded_memory() -> None:
    clock = Clock(NOW)
    life = Chance(1, per_hour=10)
    counts = {"Sources": MILLION, "Users": MILLION, "AuditEvents": MILLION}
    client = Client(Sandbox(counts=counts, life=life, now=clock))
    with bounded():
        clock.advance(timedelta(hours=3))
        newest = page(client, "/audit-events")["events"]
    assert client.sandbox.life
    done = list(client.sandbox.life.done)
    assert done
    assert not [one for one in done if one.problem]
    assert {one.by for one in done} & {event["actor"] for event in newest}
