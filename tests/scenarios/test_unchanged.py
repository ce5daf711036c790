"""A listing that has the pages it had: nothing is decoded, staged or written, unless the table is not as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from replicator.sandbox import Request, Response, Sandbox
from replicator.segment import unchanged
from tests.scenarios import network as net
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, Told, result

RECORDS, PAGES = 45, 5


@pytest.fixture
def network() -> Network:
    network = Network(Sandbox(counts={"Destinations": RECORDS}))
    network.page_size = RECORDS // PAGES
    return network


@pytest.fixture
def listed(replica: Replica) -> Replica:
    """A replica whose listing was published."""
    assert result(replica.run("Destinations"), "Destinations").inserted == RECORDS
    replica.network.forget()
    return replica


@contextmanager
def staging(replica: Replica) -> Iterator[list[str]]:
    """The statements that make a stage."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().upper().startswith("CREATE") and "stage_" in statement:
            seen.append(statement)

    event.listen(replica.target.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(replica.target.engine, "before_cursor_execute", note)


def late(replica: Replica) -> str:
    """The id of a record on the last page."""
    replica.network.forget()
    replica.run("Destinations", full=True)
    body = replica.network.sandbox(Request("GET", replica.network.asked[-1], {"authorization": "Bearer sandbox"})).body
    return next(str(row["id"]) for row in replica.rows("destinations", "ORDER BY id") if row["id"].encode() in body)


def on_its_page(identifier: str, change: Callable[[list[Any]], list[Any]]) -> net.Fault:
    """Changes the records of one page, and leaves every byte of the others."""

    def altered(request: Request, answer: Response) -> Response:
        here = identifier.encode() in answer.body
        return net.listing("destinations", change)(request, answer) if here else answer

    return altered


def test_the_same_pages_are_counted_and_nothing_is_staged_or_written(listed: Replica) -> None:
    before, told = listed.contents(but=()), Told()
    with staging(listed) as stages:
        run = listed.run("Destinations", told=told)
    one = result(run, "Destinations")
    assert stages == []
    assert (one.status, one.records, one.unchanged, one.pages) == ("done", RECORDS, RECORDS, PAGES)
    assert (one.inserted, one.updated, one.deleted, one.requests) == (0, 0, 0, PAGES)
    assert told.pages.count("Destinations") == PAGES
    assert listed.contents(but=()) == before
    state = listed.state("Destinations")
    assert (state["status"], state["records"], state["run_id"]) == ("done", RECORDS, run.run_id)
    first, again = listed.books("run_objects", "WHERE object = 'Destinations' ORDER BY started_at")
    assert (again["complete"], again["unchanged"], again["ids"]) == (first["complete"], RECORDS, first["ids"])
    assert again["ids"]


def test_a_record_that_changes_on_the_last_page_is_updated_and_no_page_is_asked_for_twice(listed: Replica) -> None:
    identifier = late(listed)
    before = {row["id"]: row for row in listed.rows("destinations")}
    listed.network.on("/destinations", on_its_page(identifier, lambda found: [each | {"name": "N"} for each in found]))
    one = result(listed.run("Destinations"), "Destinations")
    assert (one.updated, one.unchanged, one.requests) == (RECORDS // PAGES, RECORDS - RECORDS // PAGES, PAGES)
    after = {row["id"]: row for row in listed.rows("destinations")}
    assert after[identifier]["name"] == "N"
    assert sum(after[each] == before[each] for each in before) == RECORDS - RECORDS // PAGES
    with staging(listed) as stages:
        assert result(listed.run("Destinations"), "Destinations").unchanged == RECORDS
    assert stages == []


def test_the_same_pages_with_another_count_are_looked_at_closely(listed: Replica) -> None:
    listed.network.on("/destinations", net.text(b'"totalEntries":45', b'"totalEntries":46'))
    one = result(listed.run("Destinations"), "Destinations")
    assert "the API counts 46 records and its pages held 45" in (one.unseen or "")


def test_a_listing_that_ends_before_its_last_page_is_not_the_same(listed: Replica) -> None:
    identifier = late(listed)

    def cut(request: Request, answer: Response) -> Response:
        return net.listing("destinations", lambda _: [])(request, answer) if identifier in str(answer.body) else answer

    listed.network.on("/destinations", cut)
    one = result(listed.run("Destinations"), "Destinations")
    assert (one.deleted, one.records) == (0, RECORDS - RECORDS // PAGES)
    assert "nothing was deleted" in (one.unseen or "")


def test_a_listing_that_ends_after_the_same_pages_but_too_early_is_not_the_same(listed: Replica) -> None:
    asked: list[str] = []

    def ends(request: Request, answer: Response) -> Response:
        asked.append(request.target)
        last = len(asked) == PAGES - 1
        body = re.sub(rb'"next":"[^"]+"', b'"next":null', answer.body) if last else answer.body
        return Response(answer.status, answer.headers, body)

    listed.network.on("/destinations", ends)
    one = result(listed.run("Destinations"), "Destinations")
    assert (one.records, one.unchanged, one.deleted) == (RECORDS - RECORDS // PAGES, RECORDS - RECORDS // PAGES, 0)
    assert "nothing was deleted" in (one.unseen or "")


@pytest.mark.parametrize("spoil", ["DELETE FROM destinations", "UPDATE destinations SET _fingerprint = ''"])
def test_a_table_that_somebody_spoiled_is_mended_though_the_pages_are_the_same(listed: Replica, spoil: str) -> None:
    before = listed.contents()
    identifier = late(listed)
    listed.do(f"{spoil} WHERE id = '{identifier}'")
    one = result(listed.run("Destinations"), "Destinations")
    assert one.inserted + one.updated == 1
    assert one.requests == PAGES
    assert listed.contents() == before


def test_a_page_that_comes_broken_is_asked_for_again(listed: Replica) -> None:
    broken: list[str] = []

    def breaks_once(request: Request, answer: Response) -> Response:
        if "cursor" not in request.target or broken:
            return answer
        broken.append(request.target)
        return net.raw(answer.body[:-20])(request, answer)

    listed.network.on("/destinations", breaks_once)
    one = result(listed.run("Destinations"), "Destinations")
    assert broken
    assert (one.status, one.unchanged, one.requests) == ("done", RECORDS, PAGES + 1)


def test_what_was_kept_back_is_read_once_it_is_too_much(listed: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "MOST_SECONDS", 0.0)
    with staging(listed) as stages:
        one = result(listed.run("Destinations"), "Destinations")
    assert stages
    assert (one.unchanged, one.requests, one.pages) == (RECORDS, PAGES, PAGES)


def test_a_longer_listing_than_is_kept_is_not_remembered(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "MOST_BYTES", 1000)
    for _ in range(2):
        with staging(replica) as stages:
            assert result(replica.run("Destinations"), "Destinations").records == RECORDS
        assert stages


def test_another_selection_and_a_full_run_read_every_record(listed: Replica) -> None:
    with staging(listed) as stages:
        assert result(listed.run("Destinations", full=True), "Destinations").unchanged == RECORDS
        assert stages
        stages.clear()
        assert result(listed.run("Destinations", mask_key=b"another"), "Destinations").updated == RECORDS
    assert stages


def test_a_full_page_that_no_longer_tells_whether_there_are_more_is_not_the_same(replica: Replica) -> None:
    groups = [{"id": f"g{at}", "name": "n", "memberCount": 0} for at in range(1000)]

    def only(pagination: Any) -> net.Fault:
        return net.data(lambda found: found.update(userGroups=groups, pagination=pagination))

    replica.network.on("/groups", only({"current": "MA=="}))
    assert result(replica.run("UserGroups"), "UserGroups").inserted == 1000
    replica.network.on("/groups", only(None))
    one = result(replica.run("UserGroups"), "UserGroups")
    assert (one.status, one.deleted) == ("failed", 0)
    assert "a full page of 1000 records does not tell whether there are more" in (one.error or "")


def test_pages_that_have_to_be_taken_apart_are_never_the_same(replica: Replica) -> None:
    """Nobody compared their bytes."""

    def spoiled(name: bytes) -> net.Fault:
        body = b'{"data": {"userGroups": [{"id": "g", "name": "%s"}], "pagination": {"current": ""}, "more": NaN}}'
        return net.raw(body % name)

    replica.network.on("/groups", spoiled(b"before"))
    assert result(replica.run("UserGroups"), "UserGroups").inserted == 1
    replica.network.on("/groups", spoiled(b"after"))
    assert result(replica.run("UserGroups"), "UserGroups").updated == 1
