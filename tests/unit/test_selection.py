"""Which columns may be left out or masked."""

from __future__ import annotations

from typing import Any

import pytest

from replicator.catalog import OBJECTS, by_name
from replicator.errors import ConfigError
from replicator.masks import Cover
from replicator.options import Options, layout_of, reads_details
from replicator.selection import needed, selections
from replicator.settings import ObjectSettings


def test_names_are_taken_in_either_spelling() -> None:
    found = selections({"users.email"}, {"AuditEvents.actor_email"}, {"sources.write_keys"})
    assert found["Users"].leave_out == {"email"}
    assert found["AuditEvents"].covers == (Cover(("actorEmail",), "hash"),)
    assert found["Sources"].plain == {"write_keys"}


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        selections({"Users.mail", "Users.id", "Users.name"}, {"Sources.enabled", "Users.name"}, {"Sources.name"})
    for told in (
        "leave_out: Users has no column mail; the nearest is email",
        "leave_out: Users.id must stay as it is",
        "masked: Sources.enabled holds a boolean, and a mask is a text: leave it out",
        "masked: Users.name is in leave_out too",
        "plain_secrets: Sources has no secret column name; its secret columns: write_keys, settings",
    ):
        assert told in str(error.value)


@pytest.mark.parametrize("name", sorted(by_name))
def test_whatever_may_be_left_out_leaves_a_layout_that_can_be_stored_and_asked_by(name: str) -> None:
    thing = by_name[name]
    free = frozenset(f"{name}.{column.name}" for column in thing.columns) - {f"{name}.{each}" for each in needed(thing)}
    kept = {column.name for column in layout_of(thing, Options(objects=(), selections=selections(free))).columns}
    assert kept == needed(thing)
    assert set(thing.key) <= kept
    for child in OBJECTS:
        for parent in child.parents:
            assert parent.object != name or {*parent.params.values(), *parent.where} <= kept


def test_details_are_read_only_where_a_stored_column_needs_them() -> None:
    functions = by_name["SourceFunctions"]
    details = frozenset(f"SourceFunctions.{column.name}" for column in functions.columns if column.detail)
    assert reads_details(functions, Options(objects=()))
    assert reads_details(functions, Options(objects=(), selections=selections(frozenset(sorted(details)[1:]))))
    assert not reads_details(functions, Options(objects=(), selections=selections(details)))
    assert reads_details(functions, Options(objects=(), selections=selections(details), extended="on"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rename": {"id": "key"}}, "object.Users.rename: Users.id must keep its name"),
        ({"rename": {"email": "name"}}, "Users.email cannot be called name, because another column is"),
        ({"rename": {"email": "x", "name": "X"}}, "Users.email cannot be called x, because another column is"),
        ({"rename": {"email": "x"}, "leave_out": ("email",)}, "Users.email is in object.Users.leave_out too"),
        ({"rename": {"mail": "x"}}, "Users has no column mail; the nearest is email"),
        ({"columns": ("mail",)}, "object.Users.columns: Users has no column mail"),
        ({"columns": (), "leave_out": ()}, "object.Users.columns and object.Users.leave_out exclude one another"),
        ({"mask": {"id": "null"}}, "object.Users.mask: Users.id must stay as it is"),
        ({"mask": {"email.x": "null"}}, "Users.email holds a text, and nothing lies below it"),
        ({"mask": {"_extra": "drop"}}, "_extra holds fields that are no columns: name one"),
        ({"mask": {"_extra.email": "hash"}}, "email is no field of _extra: name the column email instead"),
        ({"mask": {"email": "drop"}, "leave_out": ("email",)}, ""),
        ({"mask": {"permissions.a": "drop"}, "leave_out": ("permissions",)}, "Users.permissions.a is in"),
    ],
)
def test_what_cannot_be_is_told_with_the_setting_that_asks_for_it(wrong: dict[str, Any], told: str) -> None:
    if not told:
        assert selections(objects={"Users": ObjectSettings(**wrong)})["Users"].leave_out == {"email"}
        return
    with pytest.raises(ConfigError) as error:
        selections(objects={"Users": ObjectSettings(**wrong)})
    assert told in str(error.value)


def test_a_path_that_leads_to_what_rows_are_found_by_is_refused() -> None:
    (thing,) = [each for each in OBJECTS if each.listing.lifted]
    ((_, way),) = thing.listing.lifted.items()
    column = next(each.name for each in thing.columns if each.field == way[0])
    for path in (".".join((column, *way[1:])), f"{column}.*"):
        with pytest.raises(ConfigError, match="must stay as it is"):
            selections(objects={thing.name: ObjectSettings(mask={path: "hash"})})
    assert selections(objects={thing.name: ObjectSettings(mask={f"{column}.other": "hash"})})
