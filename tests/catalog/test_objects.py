"""The catalog against itself: what the types cannot say about an object."""

from __future__ import annotations

import subprocess
import sys

import pytest

from replicator.catalog import GROUPS, OBJECTS, by_name, select
from replicator.catalog.model import Column, Object, Paging, Shape, Type, Window, snake_case

each_object = pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj.name)


@each_object
def test_columns_have_names_and_fields_of_their_own(obj: Object) -> None:
    fields = [column.field for column in obj.columns]
    assert len(set(names(obj))) == len(obj.columns)
    assert len(set(fields)) == len(fields)
    assert all(name == snake_case(name) and not name.startswith("_") for name in names(obj))


@each_object
def test_columns_are_named_after_their_fields(obj: Object) -> None:
    assert names(obj) == [snake_case(column.field) for column in obj.columns]


@each_object
def test_keys_bookmarks_and_natural_keys_are_columns_of_the_listing(obj: Object) -> None:
    for name in (*obj.key, *obj.natural, *filter(None, [obj.tracked_by])):
        assert not obj.column(name).detail
    assert all(obj.column(name).type is not Type.JSON for name in (*obj.key, *obj.natural))
    assert not any(obj.column(name).secret for name in obj.key)


@each_object
def test_ways_of_tracking_come_with_what_they_need(obj: Object) -> None:
    assert bool(obj.tracked_by) == (obj.tracking != "snapshot")
    assert (obj.tracking == "window") == (obj.window is not None)
    if obj.tracked_by:
        assert obj.column(obj.tracked_by).type is Type.TIMESTAMP


@each_object
def test_parents_are_known_and_have_the_columns_that_are_asked_of_them(obj: Object) -> None:
    for parent in obj.parents:
        known = by_name[parent.object]
        for name in (*parent.params.values(), *parent.where):
            assert not known.column(name).detail
        assert parent.params.keys() == obj.parents[0].params.keys()


@each_object
def test_a_partitions_parameters_are_columns_so_that_rows_tell_where_they_came_from(obj: Object) -> None:
    carried = [*(name for parent in obj.parents for name in parent.params), *obj.each]
    fields = {column.field for column in obj.columns}
    assert {obj.listing.given_as.get(name, name) for name in carried} <= fields


@each_object
def test_shapes_and_paging_come_with_what_they_need(obj: Object) -> None:
    listing = obj.listing
    assert bool(listing.items) == (listing.shape is not Shape.DATA)
    assert (len(listing.items) > 1) == (listing.shape is Shape.LISTS) == (listing.paging is Paging.EACH)
    assert bool(listing.scalar) == (listing.shape in {Shape.STRINGS, Shape.MAP})
    assert 1 <= listing.page_size <= 1000


def test_parents_come_before_their_children() -> None:
    place = {obj.name: index for index, obj in enumerate(OBJECTS)}
    for obj in OBJECTS:
        assert all(place[parent.object] < place[obj.name] for parent in obj.parents)


def test_tables_and_operations_are_told_apart() -> None:
    assert len({obj.table for obj in OBJECTS}) == len(OBJECTS)
    assert len({(obj.listing.path, tuple(obj.listing.query.items())) for obj in OBJECTS}) == len(OBJECTS)


def test_core_holds_nothing_unstable_and_nothing_as_slow_as_two_requests_a_minute() -> None:
    for obj in select(["core"]):
        assert obj.stability == "stable"
        assert obj.listing.rate is None or obj.listing.rate >= 60


def test_alpha_is_exactly_what_the_contract_calls_alpha() -> None:
    assert select(["alpha"]) == tuple(obj for obj in OBJECTS if obj.stability == "alpha")


def test_every_object_is_in_a_group_and_every_group_has_objects() -> None:
    assert all(obj.groups and obj.groups <= set(GROUPS) - {"all"} for obj in OBJECTS)
    assert all(select([group]) for group in GROUPS)
    assert {obj.name for obj in select(["usage"])} == {obj.name for obj in OBJECTS if obj.window is Window.PERIOD}


def names(obj: Object) -> list[str]:
    return [column.name for column in obj.columns]


def marked(mark: str) -> set[tuple[str, str]]:
    return {(obj.name, column.name) for obj in OBJECTS for column in obj.columns if getattr(column, mark)}


def test_settings_and_write_keys_are_secret_wherever_they_turn_up() -> None:
    suspects = {"settings", "encrypted_settings", "connection_settings", "write_keys", "preview_webhook_url"}
    # A function's settings are definitions: names and types, no values.
    definitions = {(name, "settings") for name, _ in marked("detail") if name.endswith("Functions")}
    expected = {(obj.name, column.name) for obj in OBJECTS for column in obj.columns if column.name in suspects}
    assert marked("secret") - {("AudienceActivations", "destination_mapping")} == expected - definitions


def test_only_write_keys_come_back_empty_to_a_token_without_rights() -> None:
    assert marked("withheld") == {(obj.name, "write_keys") for obj in OBJECTS if "write_keys" in names(obj)}


def test_addresses_and_names_of_people_are_personal_wherever_they_turn_up() -> None:
    suspects = {"email", "actor_email", "subjects", "subject_id", "author", "samples", "contacts"}

    def tells(obj: Object, column: Column) -> bool:
        people = obj.name in {"Users", "UserGroupUsers"} and column.name == "name"
        return people or column.name in suspects or (column.name == "value" and bool(obj.listing.position))

    assert marked("personal") == {
        (obj.name, column.name) for obj in OBJECTS for column in obj.columns if tells(obj, column)
    }


def test_the_catalog_needs_no_library_that_does_input_or_output() -> None:
    heavy = "{'sqlalchemy', 'alembic', 'httpx', 'msgspec', 'psycopg', 'pymysql', 'typer', 'rich'}"
    program = f"import sys, replicator.catalog; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
