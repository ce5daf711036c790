"""Names, groups and globs, in any spelling."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.catalog import (
    GROUPS,
    LEFT_OUT,
    OBJECTS,
    Object,
    by_name,
    cost,
    find,
    select,
    select_for_run,
    with_parents,
)
from replicator.catalog.model import Paging, snake_case
from replicator.errors import UsageError

objects = st.sampled_from(OBJECTS)
words = st.sampled_from([*by_name, *GROUPS, "Daily*", "*functions", "tracking_plan?"])


def names(chosen: tuple[Object, ...]) -> list[str]:
    return [obj.name for obj in chosen]


@given(objects, st.randoms(use_true_random=False), st.booleans())
def test_a_name_is_found_in_snake_case_and_in_any_case(obj: Object, dice: random.Random, snake: bool) -> None:
    name = snake_case(obj.name) if snake else obj.name
    spelling = "".join(dice.choice([letter.upper(), letter.lower()]) for letter in name)
    assert find(spelling) is obj
    assert select([spelling]) == (obj,)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("TrackingPlans", "tracking_plans"),
        ("DailyPerSourceAPICallsUsage", "daily_per_source_api_calls_usage"),
        ("DailyWorkspaceMTUUsage", "daily_workspace_mtu_usage"),
        ("ReverseETLSyncStatuses", "reverse_etl_sync_statuses"),
        ("UserUserGroups", "user_user_groups"),
    ],
)
def test_tables_are_named_in_snake_case(name: str, table: str) -> None:
    assert by_name[name].table == table


@given(objects)
def test_snake_case_of_snake_case_changes_nothing(obj: Object) -> None:
    assert snake_case(obj.table) == obj.table
    for column in obj.columns:
        assert snake_case(column.name) == column.name


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("TrackingPlan", "the nearest is TrackingPlans."),
        ("destination_function", "the nearest is DestinationFunctions."),
        ("xyz", "`replicator objects` lists them."),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one_or_where_all_are(word: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        find(word)
    assert f'"{word}"' in str(error.value)
    assert str(error.value).endswith(told)


@pytest.mark.parametrize(
    ("word", "nearest"), [("usages", "usage"), ("-Lables", "Labels"), ("TrackinPlan*", "TrackingPlans")]
)
def test_an_unknown_word_is_answered_with_the_nearest_name_or_group(word: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=nearest):
        select([word])


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_answered_with_the_reason(name: str) -> None:
    for ask in (find, lambda word: select([word])):
        with pytest.raises(UsageError, match=LEFT_OUT[name]):
            ask(snake_case(name))


def test_nothing_means_core_and_dashes_alone_take_from_core() -> None:
    core = select(["core"])
    assert select([]) == core
    assert select(["-Labels"]) == tuple(obj for obj in core if obj.name != "Labels")
    assert select(["-usage"]) == core


def test_a_glob_stands_for_every_name_that_it_matches_in_either_spelling() -> None:
    daily = select(["usage"])
    assert select(["Daily*"]) == select(["daily_*"]) == daily
    assert names(select(["Tracking*", "-*Rules"])) == ["TrackingPlans", "TrackingPlanSources"]


def test_groups_are_taken_out_as_names_are() -> None:
    assert names(select(["all", "-core", "-usage", "-profiles", "-delivery", "-alpha"])) == names(select(["catalog"]))


@given(st.lists(words), st.lists(words), st.randoms(use_true_random=False))
def test_a_selection_keeps_the_catalogs_order_whatever_the_order_of_the_words(
    added: list[str], taken: list[str], dice: random.Random
) -> None:
    asked = [*added, *(f"-{word}" for word in taken)]
    chosen = select(asked)
    shuffled = dice.sample(asked, len(asked))
    assert select([*shuffled, *shuffled]) == chosen
    assert names(chosen) == [obj.name for obj in OBJECTS if obj in chosen]
    left_out = {name for word in taken for name in names(select([word]))}
    assert set(names(chosen)) == {name for word in added or ["core"] for name in names(select([word]))} - left_out


@given(st.lists(st.sampled_from(sorted(GROUPS)), min_size=1), st.lists(st.sampled_from(OBJECTS)))
def test_a_run_never_reads_what_is_left_out(added: list[str], taken: list[Object]) -> None:
    words = [*added, *(f"-{each.name}" for each in taken)]
    read = names(with_parents(select_for_run(words)))
    assert not set(read) & {each.name for each in taken}, "although another needs its rows"
    above = {each.name: set(names(with_parents([each]))) for each in select(words)}
    assert set(read) >= {name for name, needed in above.items() if not needed & {each.name for each in taken}}


def test_an_object_whose_parent_is_left_out_cannot_be_asked_for() -> None:
    assert names(select_for_run(["core", "-Users"])) == [
        name for name in names(select(["core"])) if name not in {"Users", "UserUserGroups"}
    ]
    with pytest.raises(UsageError, match=r"^UserUserGroups is listed for each of Users, which is left out: take both"):
        select_for_run(["UserUserGroups", "-Users"])


def test_a_group_that_is_left_out_is_read_where_another_needs_it() -> None:
    read = names(with_parents(select_for_run(["all", "-core"])))
    assert {"Sources", "SourceLatestLivePlugin"} <= set(read)


@given(st.lists(objects))
def test_parents_are_brought_along_first_and_once(chosen: list[Object]) -> None:
    closed = with_parents(chosen)
    place = {obj.name: index for index, obj in enumerate(closed)}
    assert {obj.name for obj in chosen} <= place.keys()
    assert len(place) == len(closed)
    for obj in closed:
        assert all(place[parent.object] < place[obj.name] for parent in obj.parents)
    needed = {parent.object for obj in closed for parent in obj.parents}
    assert place.keys() <= needed | {obj.name for obj in chosen}
    assert with_parents(closed) == closed


def test_sync_statuses_need_the_whole_chain_above_them() -> None:
    chain = ["Destinations", "DestinationSubscriptions", "ReverseETLSyncStatuses"]
    assert names(with_parents([find("ReverseETLSyncStatuses")])) == chain


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Labels", "1 request"),
        ("Sources", "1 request per 1000 records, and 1 for each new or changed record"),
        ("TrackingPlanRules", "1 request per 1000 records, for each row of TrackingPlans, at most 200 a minute"),
        ("SupportedAudienceDestinations", "1 request, 3 listings, for each row of Spaces, at most 60 a minute"),
        ("DailyWorkspaceMTUUsage", "1 request per 1000 records, for each month"),
        ("EventsVolume", "1 request per 1000 records, for each window of time, at most 60 a minute"),
    ],
)
def test_a_cost_says_what_makes_the_requests(name: str, told: str) -> None:
    assert str(cost(find(name))) == told


@given(objects)
def test_a_cost_counts_a_page_a_parent_and_a_record_where_there_are_any(obj: Object) -> None:
    bill = cost(obj)
    assert (bill.page_size is None) == (obj.listing.paging is Paging.NONE)
    assert bool(bill.per_parent) == bool(obj.parents)
    assert bill.per_record == bool(obj.detail)
    assert bill.rate == obj.listing.rate
