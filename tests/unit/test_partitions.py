"""Which listings an object takes: by parent, by fixed value, by month, by window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from replicator.catalog import OBJECTS, find
from replicator.catalog.model import Parent
from replicator.partitions import partitions

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


def test_an_object_without_parents_is_one_listing_without_a_name() -> None:
    (only,) = partitions(find("Sources"), {}, (), NOW)
    assert (only.name, only.params, only.given) == ("", {}, {})


def test_each_parents_row_is_a_listing_and_rows_without_a_value_or_of_another_kind_are_none() -> None:
    rows: list[dict[str, str | None]] = [
        {"space_id": "s", "id": "a", "audience_type": "LINKED"},
        {"space_id": "s", "id": "b", "audience_type": "USERS"},
        {"space_id": None, "id": "c", "audience_type": "LINKED"},
    ]
    (only,) = partitions(find("AudienceSchedules"), {"Audiences": rows}, (), NOW)
    assert only.params == {"spaceId": "s", "id": "a"}
    assert only.given == {"spaceId": "s", "audienceId": "a"}


def test_parents_of_several_objects_come_together_and_equal_ones_once() -> None:
    thing = find("FunctionVersions")
    rows = {parent.object: [{"id": parent.object}, {"id": "shared"}] for parent in thing.parents}
    names = [each.name for each in partitions(thing, rows, (), NOW)]
    assert len(names) == len(set(names)) == len(thing.parents) + 1


def test_fixed_values_are_combined_with_the_parents() -> None:
    found = partitions(find("SupportedAudienceDestinations"), {"Spaces": [{"id": "s1"}, {"id": "s2"}]}, (), NOW)
    assert len(found) == 2 * 3
    assert {each.params["audienceType"] for each in found} == {"ACCOUNTS", "LINKED", "USERS"}


def test_each_month_is_a_listing() -> None:
    found = partitions(find("DailyWorkspaceMTUUsage"), {}, ("2026-01-01", "2026-02-01"), NOW)
    assert [each.name for each in found] == ["period=2026-01-01", "period=2026-02-01"]
    assert [each.given for each in found] == [{"period": "2026-01-01"}, {"period": "2026-02-01"}]


def test_events_are_asked_for_since_the_bookmark_and_without_an_end() -> None:
    assert [each.params for each in partitions(find("AuditEvents"), {}, (), NOW)] == [{}]
    (since,) = partitions(find("AuditEvents"), {}, (), NOW, "2026-11-22T00:00:00.000Z")
    assert (since.name, since.params) == ("", {"startTime": "2026-11-22T00:00:00.000Z"})


@given(st.integers(0, 20 * 366 * 86_400))
def test_a_window_holds_whole_days_up_to_now_and_ends_at_a_midnight_where_it_is_part_of_the_key(seconds: int) -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    sources, destinations = {"Sources": [{"id": "s"}]}, {"Destinations": [{"id": "d", "source_id": "s"}]}
    (series,) = partitions(find("IngressSuccessMetrics"), sources, (), now)
    (summary,) = partitions(find("DestinationDeliveryMetrics"), destinations, (), now)
    for each in (series, summary):
        start, end = (datetime.fromisoformat(each.params[name]) for name in ("startTime", "endTime"))
        assert start == start.replace(hour=0, minute=0, second=0, microsecond=0)
        assert now - timedelta(days=14) <= start < end <= now - timedelta(minutes=2)
    assert summary.params["endTime"].endswith("T00:00:00.000Z")
    assert "Time" not in series.name + summary.name
    assert summary.given["startTime"] == summary.params["startTime"]


@given(st.lists(st.tuples(TEXT, TEXT), unique=True, max_size=8))
def test_names_are_short_and_differ_as_the_parents_do(pairs: list[tuple[str, str]]) -> None:
    rows = {"SpaceEvents": [{"space_id": space, "name": name} for space, name in pairs]}
    found = partitions(find("EventProperties"), rows, (), NOW)
    assert len({each.name for each in found}) == len(found) == len(pairs)
    assert all(len(each.name) <= 200 and each.name.isascii() and each.name.isprintable() for each in found)
    assert [each.name for each in partitions(find("EventProperties"), rows, (), NOW + timedelta(days=9))] == [
        each.name for each in found
    ]


def test_every_object_is_given_what_its_given_columns_need() -> None:
    """From the parent, the request, the position in the list, or a nested part of the record."""
    for thing in OBJECTS:
        rows = {parent.object: [_row(parent)] for parent in thing.parents}
        for each in partitions(thing, rows, ("2026-10-01",), NOW):
            elsewhere = {thing.listing.position, *thing.listing.lifted, "kind"}
            wanted = {column.field for column in thing.columns if column.given} - elsewhere
            assert wanted <= each.given.keys(), thing.name


def _row(parent: Parent) -> dict[str, str]:
    filled = {column: f"a {column}" for column in parent.params.values()}
    return filled | {column: allowed[0] for column, allowed in parent.where.items()}
