"""`replicator objects`."""

from __future__ import annotations

import re
from pathlib import Path

from replicator.catalog import LEFT_OUT, OBJECTS, by_name
from tests.cli.running import Run


def test_the_table_has_every_object_and_what_is_left_out(replicator: Run) -> None:
    shown = replicator("objects").out
    assert all(f"\n{thing.name} " in shown for thing in OBJECTS)
    assert f"{len(OBJECTS)} objects" in shown
    assert all(f"{name}: {why}" in shown for name, why in LEFT_OUT.items())


def test_a_group_has_its_objects_alone(replicator: Run) -> None:
    document = replicator("objects", "--group", "usage", "--json").document
    assert len(document["objects"]) == 4
    assert all("usage" in each["groups"] for each in document["objects"])


def test_one_object_is_shown_whole_in_either_spelling(replicator: Run) -> None:
    shown = replicator("objects", "Users").out
    assert shown == replicator("objects", "users").out
    for part in (
        "Users, table users",
        "GET /users/{userId}",
        "and 1 for each new or changed record",
        "email",
        "personal",
        "core",
    ):
        assert part in shown
    assert "secret" in replicator("objects", "Sources").out
    assert "2 requests a minute" in replicator("objects", "WarehouseSyncs").out


def test_the_document_is_complete(replicator: Run) -> None:
    document = replicator("objects", "--json").document
    assert [each["name"] for each in document["objects"]] == [thing.name for thing in OBJECTS]
    assert document["left_out"] == dict(LEFT_OUT)
    for each in document["objects"]:
        thing = by_name[each["name"]]
        assert each["table"] == thing.table
        assert {c["name"]: (c["field"], c["type"], c["secret"]) for c in each["columns"]} == {
            c.name: (c.field, c.type.value, c.secret) for c in thing.columns
        }
        assert each["key"] == list(thing.key)
        assert each["writes"] == list(thing.writes)
        assert [parent["object"] for parent in each["parents"]] == [parent.object for parent in thing.parents]


def test_how_changes_are_seen_is_told_with_these_settings(replicator: Run) -> None:
    shown = replicator("objects", "TrackingPlanRules", REPLICATOR_REREAD_HOURS="6").out
    assert shown.count("first run after 6 h: ") == 3
    detection = replicator("objects", "Labels", "--json").document["objects"][0]["detection"]
    assert {name: seen["late"] for name, seen in detection.items()} == dict.fromkeys(
        ("inserts", "updates", "deletes"), "next run"
    )


def test_one_object_is_shown_with_what_the_configuration_says_of_it(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(
        """[object.Sources]
leave_out = ["slug"]
rename = { name = "title" }
mask = { "metadata.name" = "hash", write_keys = "null", "_extra.contact" = "drop" }
where = { enabled = true }
reread_hours = 6
"""
    )
    shown = replicator("objects", "Sources").out
    for line in (
        r"slug +text +slug +left out",
        r"name +text +name +.*called title",
        r"metadata +json +metadata +.*metadata.name: hash",
        r"where +enabled is True",
        r"write_keys: null",
    ):
        assert re.search(line, shown), line
    (told,) = replicator("objects", "Sources", "--json").document["objects"]
    assert told["selection"] == {
        "left_out": ["slug"],
        "masked": {"_extra.contact": "drop", "metadata.name": "hash", "write_keys": "null"},
        "where": ["enabled is True"],
        "renamed": {"name": "title"},
    }
    assert replicator("objects", "Labels", "--json").document["objects"][0]["selection"] == {}
