from __future__ import annotations

import json
from typing import Any

import pytest

from replicator.catalog.model import Listing, Paging, Shape
from replicator.errors import UnexpectedResponse
from replicator.sandbox import Response, Sandbox
from replicator.sandbox.server import running
from replicator.segment.client import Client
from replicator.segment.pages import Page, pages
from tests.segment.conftest import SOURCES, Connect
from tests.segment.scripted import answer, in_turn, serving

CONSUMERS = Listing(
    operation="listCredentialConsumers",
    path="/credentials/{credentialId}/consumers",
    items=("warehouses", "sources"),
    shape=Shape.LISTS,
    paging=Paging.EACH,
    page_size=2,
)


class Answers:
    """A transport that gives these answers in turn and keeps the requests."""

    def __init__(self, *data: Any) -> None:
        self.data = list(data)
        self.targets: list[str] = []
        self.headers: list[dict[str, str]] = []

    def __call__(self, request: Any) -> Response:
        self.targets.append(request.target)
        self.headers.append(dict(request.headers))
        data = self.data[min(len(self.targets), len(self.data)) - 1]
        body = data if isinstance(data, bytes) else json.dumps({"data": data}).encode()
        return Response(200, (("Content-Type", "application/json"),), body)


def read(client: Client, listing: Listing = SOURCES, cursor: str | None = None, **params: str) -> list[Page]:
    return list(pages(client, listing, params, stability="stable", cursor=cursor))


def records(client: Client, listing: Listing = SOURCES, **params: str) -> list[Any]:
    return [record for page in read(client, listing, **params) for record in page.records]


def listing(path: str = "/things", *items: str, **more: Any) -> Listing:
    return Listing(operation="listThings", path=path, items=items or ("things",), **({"page_size": 2} | more))


def test_a_listing_is_read_to_its_end_over_the_network_and_in_process(connect: Connect) -> None:
    sandbox = Sandbox(counts={"Sources": 10})
    with running(sandbox) as url:
        near, far = read(connect(sandbox)), read(connect(url))
    assert [len(page.records) for page in near] == [3, 3, 3, 1]
    assert [page.records for page in near] == [page.records for page in far]
    assert {page.total for page in near} == {10}
    assert near[-1].next is None
    assert all(page.plain for page in near)
    assert len({found["id"] for page in near for found in page.records}) == 10
    assert all(page.date for page in far)


def test_a_listing_goes_on_where_it_was_left(connect: Connect) -> None:
    client = connect(Sandbox(counts={"Sources": 10}))
    whole = read(client)
    for done, page in enumerate(whole[:-1], 1):
        assert read(client, cursor=page.next) == whole[done:]


@pytest.mark.parametrize(
    "last",
    [
        {},
        {"pagination": {"current": ""}},
        {"pagination": {"next": None}},
        {"pagination": {"next": ""}},
        {"pagination": None},
    ],
)
def test_next_absent_null_or_empty_ends_the_listing(connect: Connect, last: dict[str, Any]) -> None:
    answers = Answers({"things": [{"id": "a"}], "pagination": {"next": "x"}}, {"things": []} | last)
    assert [page.next for page in read(connect(answers), listing())] == ["x", None]


def test_an_empty_page_with_a_next_one_is_not_the_end(connect: Connect) -> None:
    answers = Answers({"things": [], "pagination": {"next": "x"}}, {"things": [{"id": "a"}]})
    assert records(connect(answers), listing()) == [{"id": "a"}]


def test_empty_pages_without_end_end_in_an_error(connect: Connect) -> None:
    def pages_of(*, every: int) -> Answers:
        found = ([{"id": at}] * (at % every == 0) for at in range(1, 2_001))
        made = [{"things": some, "pagination": {"next": f"c{at}"}} for at, some in enumerate(found)]
        return Answers(*made, {"things": []})

    endless = pages_of(every=10_000)
    with pytest.raises(UnexpectedResponse, match=r"GET /things: 1000 pages in a row were empty and named a next one"):
        read(connect(endless), listing())
    assert len(endless.targets) == 1_000
    assert len(records(connect(pages_of(every=999)), listing())) == 2


@pytest.mark.parametrize("loop", ["xx", "xyx", "xyzy"])
def test_a_cursor_that_comes_again_ends_in_an_error(connect: Connect, loop: str) -> None:
    answers = Answers(*({"things": [{"id": at}], "pagination": {"next": at}} for at in loop))
    with pytest.raises(UnexpectedResponse, match="GET /things: the cursor of the next page was given before"):
        read(connect(answers), listing())
    assert len(answers.targets) == len(loop)


def test_a_loop_back_to_the_cursor_that_a_run_resumed_from_is_seen(connect: Connect) -> None:
    answers = Answers({"things": [], "pagination": {"next": "y"}}, {"things": [], "pagination": {"next": "x"}})
    with pytest.raises(UnexpectedResponse, match="given before"):
        read(connect(answers), listing(), cursor="x")


@pytest.mark.parametrize("cursor", ["a\0b", "a\ud800b", "A" * 70_000, "é" * 6_000], ids=lambda each: each[:3] + "…")
def test_a_cursor_that_cannot_be_sent_or_kept_is_an_answer_off_the_contract(connect: Connect, cursor: str) -> None:
    answers = Answers({"things": [], "pagination": {"next": cursor}})
    with pytest.raises(UnexpectedResponse) as caught:
        read(connect(answers), listing())
    assert "GET /things: the answer is not what the API promises: `pagination.next`" in str(caught.value)
    assert len(answers.targets) == 3
    assert len(str(caught.value)) < 300


def test_a_full_page_without_pagination_may_be_cut_and_is_refused(connect: Connect) -> None:
    assert len(records(connect(Answers({"things": [{}]})), listing())) == 1
    with pytest.raises(UnexpectedResponse, match="a full page of 2 records does not tell"):
        read(connect(Answers({"things": [{}, {}]})), listing())
    assert len(records(connect(Answers({"things": [{}, {}]})), listing(paging=Paging.NONE))) == 2


def test_a_full_page_whose_pagination_is_null_may_be_cut_and_is_refused(connect: Connect) -> None:
    with pytest.raises(UnexpectedResponse, match="a full page of 2 records does not tell"):
        read(connect(Answers({"things": [{}, {}], "pagination": None})), listing())
    both: dict[str, Any] = {
        "warehouses": [{}],
        "warehousesPagination": {},
        "sources": [{}, {}],
        "sourcesPagination": None,
    }
    with pytest.raises(UnexpectedResponse, match="a full page of 2 records does not tell"):
        read(connect(Answers(both)), CONSUMERS, credentialId="c")
    assert len(records(connect(Answers(both | {"sources": [{}]})), CONSUMERS, credentialId="c")) == 2


def test_each_kind_of_paging_has_its_own_parameters(connect: Connect) -> None:
    answers = Answers({"things": [], "pagination": {"next": "Mw=="}}, {"things": []})
    read(connect(answers), listing(query={"resourceType": "SOURCE"}), startTime="2026-01-01T00:00:00Z")
    assert answers.targets[0] == "/things?resourceType=SOURCE&startTime=2026-01-01T00%3A00%3A00Z&pagination.count=2"
    assert answers.targets[1].endswith("&pagination.count=2&pagination.cursor=Mw%3D%3D")
    bare = Answers({"things": [], "pagination": {"next": 2}}, {"things": []})
    read(connect(bare), listing(paging=Paging.BARE))
    assert bare.targets == ["/things?count=2", "/things?count=2&cursor=2"]
    none = Answers({"things": []})
    read(connect(none), listing(paging=Paging.NONE))
    assert none.targets == ["/things"]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("Signed Up/Order: 50%", "/events/Signed%20Up%2FOrder%3A%2050%25/x"),
        ("Größe?#&=+é😀", "/events/Gr%C3%B6%C3%9Fe%3F%23%26%3D%2B%C3%A9%F0%9F%98%80/x"),
        ("a\nb\x00", "/events/a%0Ab%00/x"),
        ("\ud800", "/events/%ED%A0%80/x"),
        ("...", "/events/.../x"),
    ],
)
def test_a_parameter_of_the_path_is_encoded_whole(connect: Connect, value: str, path: str) -> None:
    answers = Answers({"things": []})
    read(connect(answers), listing("/events/{event}/x", paging=Paging.NONE), event=value)
    assert answers.targets == [path]


def test_an_encoded_path_arrives_over_the_network_as_it_was_written(connect: Connect) -> None:
    with serving(in_turn(answer({"data": {"things": []}}))) as server:
        read(connect(server.url), listing("/events/{event}", paging=Paging.NONE), event="a/b %2F../é")
        assert server.seen[0].target == "/events/a%2Fb%20%252F..%2F%C3%A9"


@pytest.mark.parametrize(("stability", "media"), [("stable", "v1"), ("beta", "v1beta"), ("alpha", "v1alpha")])
def test_the_media_type_is_pinned_and_we_say_who_we_are(connect: Connect, stability: Any, media: str) -> None:
    answers = Answers({"things": []})
    list(pages(connect(answers), listing(), {}, stability=stability))
    assert answers.headers[0]["accept"] == f"application/vnd.segment.{media}+json"
    assert answers.headers[0]["user-agent"].startswith("segment-replicator/")


def test_lists_with_a_cursor_each_are_read_to_the_end_of_each_and_no_row_twice(connect: Connect) -> None:
    def page(warehouses: list[int], sources: list[int], **following: str | None) -> dict[str, Any]:
        return {
            "warehouses": [{"id": f"w{at}"} for at in warehouses],
            "warehousesPagination": {"next": following.get("w"), "totalEntries": 3},
            "sources": [{"id": f"s{at}"} for at in sources],
            "sourcesPagination": {"next": following.get("s"), "totalEntries": 5},
        }

    answers = Answers(page([1, 2], [1, 2], w="W2", s="S2"), page([3], [3, 4], s="S4"), page([1], [5], w="W2"))
    client = connect(answers)
    found = read(client, CONSUMERS, credentialId="c")
    seen = [row["id"] for part in found for row in part.records]
    assert seen == ["w1", "w2", "s1", "s2", "w3", "s3", "s4", "s5"]
    assert {row["kind"][0] == row["id"][0] for part in found for row in part.records} == {True}
    assert found[0].total == 8
    path, count = "/credentials/c/consumers", "Pagination.count=2"
    assert answers.targets == [
        f"{path}?warehouses{count}&sources{count}",
        f"{path}?warehouses{count}&warehousesPagination.cursor=W2&sources{count}&sourcesPagination.cursor=S2",
        f"{path}?warehousesPagination.count=1&sources{count}&sourcesPagination.cursor=S4",
    ]
    answers.targets.clear()
    answers.data = answers.data[1:]
    assert read(client, CONSUMERS, cursor=found[0].next, credentialId="c") == found[1:]


def test_one_of_several_lists_that_loops_is_seen_while_the_other_goes_on(connect: Connect) -> None:
    def page(at: int) -> dict[str, Any]:
        lists: dict[str, Any] = {"warehouses": [], "sources": []}
        return lists | {"warehousesPagination": {"next": "W"}, "sourcesPagination": {"next": f"S{at}"}}

    with pytest.raises(UnexpectedResponse, match="given before"):
        read(connect(Answers(page(1), page(2), page(3))), CONSUMERS, credentialId="c")


def test_a_list_missing_among_several_is_an_error(connect: Connect) -> None:
    with pytest.raises(UnexpectedResponse, match="`sources` is missing"):
        read(connect(Answers({"warehouses": []})), CONSUMERS, credentialId="c")


def test_the_sandboxs_consumers_agree_with_one_large_page(connect: Connect) -> None:
    client = connect(Sandbox())
    credentials = records(client, Listing(operation="listCredentials", path="/credentials", items=("credentials",)))
    large = Listing(**{name: getattr(CONSUMERS, name) for name in ("operation", "path", "items", "shape", "paging")})
    found = 0
    for credential in credentials:
        small = [(row["kind"], row["id"]) for row in records(client, CONSUMERS, credentialId=credential["id"])]
        once = [(row["kind"], row["id"]) for row in records(client, large, credentialId=credential["id"])]
        assert sorted(small) == sorted(once)
        assert len(set(small)) == len(small)
        found += len(small)
    assert found > 0


@pytest.mark.parametrize("held", [None, {}, "none", 0])
def test_a_list_that_is_no_list_is_never_an_empty_page(connect: Connect, held: Any) -> None:
    with pytest.raises(UnexpectedResponse, match="`things` is no list"):
        read(connect(Answers({"things": held, "pagination": {}})), listing())
