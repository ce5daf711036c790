"""What each fault does to an answer: its bytes, its pages, its fields; and when it strikes."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from replicator.sandbox import Sandbox
from replicator.sandbox.faults import Faulty
from tests.sandbox.conftest import NOW
from tests.sandbox.faulty import data, get, make


def walk(faulty: Faulty, count: int = 5, most: int = 12) -> list[tuple[list[int], int | None]]:
    """Each page as the numbers of its sources, with its total; a status where a page is refused."""
    everything = data(get(faulty.sandbox, "/sources?pagination.count=200"))["sources"]
    numbers = {source["id"]: number for number, source in enumerate(everything)}
    pages: list[tuple[list[int], int | None]] = []
    target = first = f"/sources?pagination.count={count}"
    while len(pages) < most:
        response = get(faulty, target)
        if response.status != 200:
            return [*pages, ([], -response.status)]
        found = data(response)
        paging = found["pagination"]
        pages.append(([numbers[source["id"]] for source in found["sources"]], paging.get("totalEntries")))
        if not paging.get("next"):
            return pages
        target = f"{first}&pagination.cursor={paging['next']}"
    return pages


def span(*bounds: int) -> list[list[int]]:
    return [list(range(a, b)) for a, b in pairwise(bounds)]


USUAL = span(0, 5, 10, 15, 20, 23)


@pytest.mark.parametrize(
    ("fault", "pages"),
    [
        ("status=500,nth=9", USUAL),
        ("dup_page,nth=2", [*USUAL[:2], *USUAL[1:]]),
        ("dup_page,nth=1", [*USUAL[:1], *USUAL]),
        ("drop_page,nth=2", [*USUAL[:2], *USUAL[3:]]),
        ("drop_page,nth=4", USUAL[:4]),
        ("empty_page,nth=2", [USUAL[0], [], *USUAL[1:]]),
        ("empty_page,nth=5", [*USUAL[:4], [], USUAL[4]]),
        ("insert,nth=2", [*USUAL[:2], *span(9, 14, 19, 23)]),
        ("insert=3,nth=2", [*USUAL[:2], *span(7, 12, 17, 22, 23)]),
        ("insert=2,nth=4", [*USUAL[:4], *span(18, 23)]),
        ("delete=2,nth=2", [*USUAL[:2], *span(12, 17, 22, 23)]),
        ("delete=3,nth=1", [USUAL[0], *span(8, 13, 18, 23)]),
        ("delete=4,nth=4", [*USUAL[:4], []]),
        ("cursor_loop,nth=2", [*USUAL[:2], *USUAL[1:]]),
        ("cursor_loop=start,nth=2", [*USUAL[:2], *USUAL]),
        ("cursor_expire,nth=2", [*USUAL[:2], []]),
    ],
)
def test_pages_come_as_the_fault_says(fault: str, pages: list[list[int]]) -> None:
    assert [numbers for numbers, _ in walk(make(fault))] == pages


def test_a_cursor_that_turns_in_circles_does_so_for_ever() -> None:
    assert [numbers for numbers, _ in walk(make("cursor_loop,after=1"))] == [USUAL[0], *[USUAL[1]] * 11]


def test_totals_follow_what_was_inserted_and_deleted_and_are_wrong_where_told() -> None:
    assert [total for _, total in walk(make("insert=2,nth=2"))] == [23, 23, 25, 25, 25]
    assert [total for _, total in walk(make("delete,nth=2"))] == [23, 23, 22, 22, 22]
    assert {total for _, total in walk(make("wrong_total=-3"))} == {20}


def test_a_shifted_page_moves_a_listing_that_another_client_reads_not_at_all() -> None:
    faulty = make("insert,nth=2")
    walk(faulty)
    assert [numbers for numbers, _ in walk(faulty)] == USUAL


def test_pages_that_went_wrong_are_good_to_the_end_when_the_fault_is_taken_back() -> None:
    faulty = make("delete,nth=1")
    following = data(get(faulty, "/sources?pagination.count=20"))["pagination"]["next"]
    faulty.faults.replace()
    rest = data(get(faulty, f"/sources?pagination.count=20&pagination.cursor={following}"))
    assert len(rest["sources"]) == 2
    assert rest["pagination"] == {"current": following, "totalEntries": 22} | {
        key: value for key, value in rest["pagination"].items() if key == "previous"
    }


@pytest.mark.parametrize(
    "form", ["pagination[count]=5&pagination[cursor]={}", "pagination.cursor={}&pagination.count=5"]
)
def test_shifted_pages_are_found_in_each_form_of_the_query(form: str) -> None:
    faulty = make("insert,nth=1")
    following = data(get(faulty, "/sources?pagination.count=5"))["pagination"]["next"]
    assert len(data(get(faulty, "/sources?" + form.format(following)))["sources"]) == 5


def test_lists_whose_cursors_are_numbers_are_left_alone() -> None:
    faulty = make("GET /spaces/*:insert", "dup_page", "empty_page", sandbox=Sandbox(now=lambda: NOW))
    space = data(get(faulty.sandbox, "/spaces"))["spaces"][0]["id"]
    target = f"/spaces/{space}/filters?integrationId=x"
    assert get(faulty, target).body == get(faulty.sandbox, target).body


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("bad_json", lambda body: body.endswith(b"]") and body.count(b"{") > body.count(b"}")),
        ("bom", lambda body: body.startswith(b"\xef\xbb\xbf{")),
        ("nan", lambda body: body.count(b":NaN") == 1),
        ("nan=-infinity", lambda body: body.count(b":-Infinity") == 1),
        ("nul,field=slug", lambda body: b'"slug":"before\\u0000after"' in body),
        ("lone_surrogate", lambda body: b'"\\ud83d alone"' in body),
        ("huge_integer", lambda body: b":" + b"9" * 5000 + b"," in body),
        ("deep_nesting=300", lambda body: b":" + b"[" * 300 + b"]" * 300 in body),
        ("dup_keys", lambda body: body.count(b'"id":"the second value"') == 1),
        ("missing_list", lambda body: set(json.loads(body)["data"]) == {"pagination"}),
        ("data_null", lambda body: json.loads(body) == {"data": None}),
        ("empty_object", lambda body: json.loads(body) == {}),
        ("html200", lambda body: body.startswith(b"<!DOCTYPE html>")),
    ],
)
def test_a_body_is_broken_in_the_way_that_was_asked_for(fault: str, expected: Callable[[bytes], bool]) -> None:
    response = get(make(fault))
    assert response.status == 200
    assert expected(response.body)


def test_a_broken_value_is_in_the_record_and_field_that_were_named_and_all_else_stays() -> None:
    faulty = make("nan,record=2,field=enabled")
    usual, broken = data(get(faulty.sandbox))["sources"], data(get(faulty))["sources"]
    assert [number for number, source in enumerate(broken) if source != usual[number]] == [2]
    assert broken[2].keys() == usual[2].keys()
    assert broken[2]["enabled"] != broken[2]["enabled"]


def test_both_values_of_a_duplicate_key_are_in_the_record() -> None:
    pairs: list[list[str]] = []
    json.loads(get(make("dup_keys,record=1")).body, object_pairs_hook=lambda found: pairs.append([k for k, _ in found]))
    assert sum(names.count("id") == 2 for names in pairs) == 1


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("blank_field=writeKeys+slug", lambda old: old | {"writeKeys": [], "slug": ""}),
        ("add_field=novel", lambda old: old | {"novel": "new"}),
        ("remove_field=slug", lambda old: {key: value for key, value in old.items() if key != "slug"}),
        ("rename_field=enabled>active", lambda old: {"active" if k == "enabled" else k: v for k, v in old.items()}),
        ("retype_field=enabled+writeKeys", lambda old: old | {
            "enabled": json.dumps(old["enabled"]),
            "writeKeys": {str(number): key for number, key in enumerate(old["writeKeys"])},
        }),
    ],
)  # fmt: skip
def test_fields_change_in_every_record(fault: str, change: Callable[[Any], Any]) -> None:
    faulty = make(fault)
    assert data(get(faulty))["sources"] == [change(source) for source in data(get(faulty.sandbox))["sources"]]
    one = "/sources/" + data(get(faulty.sandbox))["sources"][0]["id"]
    assert data(get(faulty, one))["source"] == change(data(get(faulty.sandbox, one))["source"])


def test_a_dotted_field_is_found_inside_a_record() -> None:
    sources = data(get(make("blank_field=metadata.name")))["sources"]
    assert {source["metadata"]["name"] for source in sources} == {""}


def test_a_later_schema_adds_removes_renames_and_retypes_the_same_fields_for_the_same_seed() -> None:
    faulty = make("schema=4")
    usual, later, again = (data(get(one))["sources"][0] for one in (faulty.sandbox, faulty, make("schema=4")))
    assert later == again
    assert set(later) - set(usual) == {"addedLater", *(name for name in later if name.endswith("V2"))}
    assert len(set(usual) - set(later)) == 2
    assert sum(type(later[name]) is not type(usual[name]) for name in set(usual) & set(later)) == 1
    assert data(get(make("schema=5")))["sources"][0].keys() != later.keys()


def test_access_is_lost_as_told() -> None:
    faulty = make("revoke_after=2", "listUsers:forbid", "listLabels:forbid,code=401")
    targets = ("/users", "/labels", "/", "/users")
    assert [get(faulty, target).status for target in targets] == [403, 401, 401, 401]


def test_a_switched_workspace_answers_in_everything_and_the_old_one_is_untouched() -> None:
    other = Sandbox(seed=2, now=lambda: NOW)
    faulty = make("workspace_switch,after=1", elsewhere=other)
    before, after = data(get(faulty, "/"))["workspace"]["id"], data(get(faulty, "/"))["workspace"]["id"]
    assert before != after
    assert get(faulty, "/sources").body == get(other, "/sources").body


def test_when_a_fault_strikes() -> None:
    def struck(when: str) -> list[int]:
        faulty = make(f"getWorkspace:status=500,{when}")
        get(faulty, "/sources")
        return [call for call in range(1, 11) if get(faulty, "/").status == 500]

    assert struck("nth=3") == [3]
    assert struck("every=4") == [4, 8]
    assert struck("after=8") == [9, 10]
    assert struck("times=2") == [1, 2]
    assert struck("after=2,every=2,times=2") == [4, 6]
    assert struck("probability=0") == []


def test_what_finds_nothing_to_do_has_not_struck() -> None:
    faulty = make("cursor_loop,times=1", "missing_list,times=1")
    get(faulty, "/")
    assert [armed.struck for armed in faulty.faults.armed] == [0, 0]
    assert faulty.log.read()[-1].faults == ()
    get(faulty, "/sources?pagination.count=5")
    assert [armed.struck for armed in faulty.faults.armed] == [1, 1]


def test_the_same_seed_gives_the_same_faults_and_another_one_gives_others() -> None:
    def statuses(seed: int) -> list[int]:
        faulty = make("status=500,probability=0.3", "status=503,probability=0.2", seed=seed)
        return [get(faulty, "/").status for _ in range(200)]

    assert statuses(1) == statuses(1)
    assert statuses(1) != statuses(2)
    assert 30 < statuses(1).count(500) < 90


def test_what_a_seed_draws_does_not_depend_on_other_requests() -> None:
    def statuses(others: int) -> list[int]:
        faulty = make("getWorkspace:status=500,probability=0.3", "listUsers:status=503,probability=0.5")
        found = []
        for _ in range(50):
            for _ in range(others):
                get(faulty, "/users")
            found.append(get(faulty, "/").status)
        return found

    assert statuses(0) == statuses(2)


def test_a_caller_in_process_gets_the_wires_faults_as_errors_and_waits_with_its_own_clock() -> None:
    slept: list[float] = []
    faults = ("/a:reset", "/b:lose_response,hang=7", "/c:truncate_at=5", "/c:delay=2,effect=late", "/sources:drip=1000")
    faulty = make(*faults, sleep=slept.append)
    for target, error in (("/a", ConnectionResetError), ("/b", ConnectionAbortedError), ("/c", ConnectionAbortedError)):
        with pytest.raises(error):
            get(faulty, target)
    response = get(faulty)
    assert slept == [0, 7, 2, 0, len(response.body) / 1000]
    faulty.faults.replace()
    assert get(faulty).body == response.body
