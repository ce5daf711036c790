"""Lists: complete, without repetition, whatever the size of a page and however it is asked for."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client
from tests.sandbox.walk import Visit, every_request

SIZES = (1, 3, 7, 10)
CLIENT = Client(Sandbox(now=lambda: NOW))


def first_lists() -> list[Visit]:
    """One listing of each operation, the one with the most records."""
    found: dict[str, tuple[int, Visit]] = {}
    for visit in every_request(CLIENT):
        if visit[2]:
            rows = len(CLIENT.every(visit[1], visit[2], **visit[3]))
            if rows > found.get(visit[0], (-1, visit))[0]:
                found[visit[0]] = rows, visit
    return [visit for _, visit in found.values()]


LISTS = first_lists()


@pytest.mark.parametrize("visit", LISTS, ids=lambda visit: visit[0])
def test_every_size_of_page_gives_each_record_once_and_in_the_same_order(visit: Visit) -> None:
    _, path, key, query = visit
    whole = CLIENT.every(path, key, **query)
    assert len({json.dumps(row) for row in whole}) == len(whole) > 0
    for size in SIZES if len(whole) <= 400 else SIZES[-1:]:
        count = {"count": size} if "count" in query else {"pagination.count": size}
        assert CLIENT.every(path, key, **(query | count)) == whole, size


@given(size=st.integers(min_value=1, max_value=1000), total=st.integers(min_value=0, max_value=1500))
@settings(max_examples=40, deadline=None)
def test_suppressions_and_audit_events_are_whole_at_any_size(size: int, total: int) -> None:
    client = Client(Sandbox(now=lambda: NOW, counts={"Suppressions": total, "AuditEvents": total}))
    size = max(size, total // 50 + 1)
    suppressed = client.every("/suppressions", "suppressed", **{"pagination.count": size})
    subjects = {(row["subjectType"], subject) for row in suppressed for subject in row["subjectIds"]}
    assert len(suppressed) == len(subjects) == total
    events = client.every("/audit-events", "events", **{"pagination.count": size})
    assert len({event["id"] for event in events}) == len(events) == total
    assert [event["timestamp"] for event in events] == sorted((e["timestamp"] for e in events), reverse=True)


@pytest.mark.parametrize(
    "pagination",
    [
        "pagination.count=4&pagination.cursor={}",
        "pagination[count]=4&pagination[cursor]={}",
        "pagination%5Bcount%5D=4&pagination%5Bcursor%5D={}",
        "json",
    ],
)
def test_pagination_is_understood_in_each_encoding_that_an_sdk_sends(pagination: str) -> None:
    cursor = CLIENT.data("/sources", **{"pagination.count": 4})["pagination"]["next"]
    as_json = f"pagination={quote(json.dumps({'count': 4, 'cursor': cursor}))}"
    query = as_json if pagination == "json" else pagination.format(quote(cursor))
    data = json.loads(CLIENT.ask(f"/sources?{query}").body)["data"]
    assert [row["id"] for row in data["sources"]] == [row["id"] for row in CLIENT.every("/sources", "sources")[4:8]]
    assert data["pagination"]["current"] == cursor
    assert data["pagination"]["totalEntries"] == 12


@pytest.mark.parametrize("encoded", ['{"count":3,"cursor":null}', '{"count":"3"}', '{"count":3}'])
def test_pagination_as_json_may_leave_the_cursor_out(encoded: str) -> None:
    data = json.loads(CLIENT.ask(f"/sources?pagination={quote(encoded)}").body)["data"]
    assert len(data["sources"]) == 3


@pytest.mark.parametrize("encoded", ["[]", "3", "{", "", '{"count":0}', '{"count":[1,2000]}', '{"count":true}'])
def test_pagination_as_json_that_is_no_pagination_is_refused(encoded: str) -> None:
    assert CLIENT.ask(f"/sources?pagination={quote(encoded)}").status == 422


def test_without_pagination_a_page_has_200_records() -> None:
    assert len(CLIENT.data("/suppressions")["suppressed"]) == 200


def _pagination(path: str, **query: Any) -> dict[str, Any]:
    return dict(CLIENT.data(path, **query)["pagination"])


def test_the_end_of_a_list_is_shown_by_no_next_or_by_null_and_both_occur() -> None:
    assert "next" not in _pagination("/sources")
    assert _pagination("/transformations")["next"] is None


def test_previous_leads_back_except_in_lists_that_only_go_forward() -> None:
    first = _pagination("/users", **{"pagination.count": 5})
    second = _pagination("/users", **{"pagination.count": 5, "pagination.cursor": first["next"]})
    assert second["previous"] == first["current"] == "MA=="
    assert "previous" not in first
    space = CLIENT.every("/spaces", "spaces")[0]["id"]
    first = _pagination(f"/spaces/{space}/traits", **{"pagination.count": 2})
    second = _pagination(f"/spaces/{space}/traits", **{"pagination.count": 2, "pagination.cursor": first["next"]})
    assert "previous" not in second


def test_the_cursors_of_space_filters_are_numbers() -> None:
    space = CLIENT.every("/spaces", "spaces")[0]["id"]
    query = {"integrationId": space, "pagination.count": 5}
    assert _pagination("/filters", **query) == {"current": 0, "next": 5, "totalEntries": 12}
    assert _pagination("/filters", **query, **{"pagination.cursor": 10}) == {"current": 10, "totalEntries": 12}


def test_the_consumers_of_a_credential_are_two_lists_with_a_cursor_each() -> None:
    client = Client(Sandbox(now=lambda: NOW, counts={"Credentials": 1, "Sources": 40, "Warehouses": 5}))
    path = f"/credentials/{client.every('/credentials', 'credentials')[0]['id']}/consumers"
    whole = client.data(path)
    first = client.data(path, **{"warehousesPagination.count": 2, "sourcesPagination.count": 3})
    assert first["warehouses"] == whole["warehouses"][:2]
    assert first["sources"] == whole["sources"][:3]
    second = client.data(
        path, **{"sourcesPagination.count": 3, "sourcesPagination.cursor": first["sourcesPagination"]["next"]}
    )
    assert second["sources"] == whole["sources"][3:6]
    assert second["warehouses"] == whole["warehouses"]
    assert client.ask(f"{path}?sourcesPagination.cursor={first['warehousesPagination']['next']}").status == 422


@pytest.mark.parametrize("cursor", ["bogus", "Mw==", "MA", "MQ==", "é", "bnVsbA==", b64encode(b"4-00000000").decode()])
def test_a_cursor_that_the_list_did_not_give_is_refused(cursor: str) -> None:
    for path in ("/sources", "/suppressions", "/audit-events", "/usage/mtu/daily?period=2026-10-01"):
        joint = "&" if "?" in path else "?"
        response = CLIENT.ask(f"{path}{joint}pagination.cursor={quote(cursor)}")
        assert response.status == 422, path
        assert json.loads(response.body)["errors"][0]["field"] == "pagination.cursor"


def test_a_cursor_of_another_list_or_partition_or_workspace_is_refused() -> None:
    cursor = quote(_pagination("/functions", resourceType="SOURCE", **{"pagination.count": 1})["next"])
    same = f"/functions?resourceType=SOURCE&pagination.cursor={cursor}"
    assert CLIENT.ask(same).status == 200
    assert CLIENT.ask(f"/functions?resourceType=DESTINATION&pagination.cursor={cursor}").status == 422
    assert CLIENT.ask(f"/sources?pagination.cursor={cursor}").status == 422
    assert Client(Sandbox(seed=2, now=lambda: NOW)).ask(same).status == 422


def test_a_cursor_past_the_end_is_refused() -> None:
    cursor = _pagination("/users", **{"pagination.count": 1})["next"]
    past = b64encode(b64decode(cursor).replace(b"1-", b"11-")).decode()
    assert CLIENT.ask(f"/users?pagination.cursor={quote(past)}").status == 422


def test_the_terraform_providers_first_cursor_starts_every_list() -> None:
    for name, path, key, query in LISTS:
        if name not in ("listFiltersForSpace", "listReverseEtlSyncStatusesFromModelAndSubscriptionId"):
            start = CLIENT.data(path, **query, **{"pagination.cursor": "MA=="})
            assert start[key] == CLIENT.data(path, **query)[key]
