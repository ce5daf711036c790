"""What whole runs keep of the past, beside the rows of today."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from tests.scenarios import network as net
from tests.scenarios.replica import Replica, result

KEPT = frozenset({"Labels", "UserGroups", "UserGroupUsers"})


def told(replica: Replica, table: str, key: str) -> dict[str, list[bool]]:
    """By key, whether the record was gone, version by version; they follow one another without gap or overlap."""
    found: dict[str, list[Any]] = {}
    for row in replica.rows(f"{table}_history", f"ORDER BY {key}, _valid_from"):
        found.setdefault(row[key], []).append(row)
    for rows in found.values():
        assert [one["_valid_to"] for one, _ in pairwise(rows)] == [other["_valid_from"] for _, other in pairwise(rows)]
        assert rows[-1]["_valid_to"] is None
    return {name: [bool(row["_deleted"]) for row in rows] for name, rows in found.items()}


def test_a_record_that_left_and_returned_has_three_versions(replica: Replica) -> None:
    replica.run("Labels", "Roles", history=KEPT)
    gone = min(row["_key"] for row in replica.rows("labels"))
    (lost,) = (row["key"] + row["value"] for row in replica.rows("labels", f"WHERE _key = '{gone}'"))
    only = net.listing("labels", lambda labels: [each for each in labels if each["key"] + each["value"] != lost])
    replica.network.on("/labels", only)
    assert result(replica.run("Labels", "Roles", history=KEPT), "Labels").deleted == 1
    replica.network.heal()
    replica.run("Labels", "Roles", history=KEPT)
    versions = told(replica, "labels", "_key")
    assert versions.pop(gone) == [False, True, False]
    assert set(map(tuple, versions.values())) == {(False,)}
    assert "roles_history" not in replica.dump()


def test_children_of_a_parent_that_left_end_with_it_though_no_listing_of_theirs_is_read(replica: Replica) -> None:
    replica.run("UserGroupUsers", history=KEPT, reread=timedelta(hours=24))
    gone = replica.rows("user_group_users", "ORDER BY user_group_id")[0]["user_group_id"]
    left = {row["_key"] for row in replica.rows("user_group_users", f"WHERE user_group_id = '{gone}'")}
    replica.network.on("/groups", net.listing("userGroups", lambda all_: [g for g in all_ if g["id"] != gone]))
    allowed = frozenset({"UserGroupUsers"})
    run = replica.run("UserGroupUsers", history=KEPT, reread=timedelta(hours=24), allow_deletes=allowed)
    assert result(run, "UserGroupUsers").deleted == len(left) > 0
    versions = told(replica, "user_group_users", "_key")
    assert {key for key, gone in versions.items() if gone == [False, True]} == left
    assert {len(gone) for key, gone in versions.items() if key not in left} == {1}
    assert told(replica, "user_groups", "id")[gone] == [False, True]
