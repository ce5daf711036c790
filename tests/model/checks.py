"""What must be true of the replica of a history; the numbers are those of reliability.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Table

from replicator.options import Options, layouts
from replicator.rows import Layout, rebuild
from replicator.target.history import history_table
from replicator.target.schema import object_table
from tests.crashes import invariants
from tests.model.world import WORDS, Key, World, canonical, rule_key
from tests.scenarios.replica import Replica, objects

LAYOUTS: Mapping[str, Layout] = layouts(objects(*WORDS), Options(objects=()))
Rows = dict[Key, dict[str, Any]]


def rows(replica: Replica, connection: Connection) -> Rows:
    """Every row, those of tombstones too, by the key of its record."""
    found: Rows = {}
    for name, layout in LAYOUTS.items():
        for row in _all(connection, object_table(replica.target, layout)):
            found[_key(name, row)] = row
    return found


def _all(connection: Connection, table: Table) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sqlalchemy.select(table)).mappings()]


def _key(name: str, row: Mapping[str, Any]) -> Key:
    match name:
        case "Labels":
            return (name, row["key"], row["value"])
        case "TrackingPlanRules":
            return rule_key(row["tracking_plan_id"], row)
        case _:
            return (name, row["id"])


def _record(key: Key, row: Mapping[str, Any]) -> str:
    return canonical(rebuild(LAYOUTS[key[0]], row))


def hold(replica: Replica, world: World, epoch: int) -> list[str]:
    """What does not hold of any replica at any time (I1, I2, I5, I13, I14)."""
    with replica.target.reading() as connection:
        problems = invariants.broken(replica.target, connection, hard=False, epoch=epoch)
        for key, row in rows(replica, connection).items():
            if _record(key, row) not in world.past.get(key, ()):
                problems.append(f"I2: {key} never was {_record(key, row)}")
        return problems + _history(replica, world, connection)


def buried(before: Rows, after: Rows, alive: set[Key]) -> list[str]:
    """Records that lived all the time while a run called them dead (I4)."""
    return [
        f"I4: {key} is called deleted, and it is there"
        for key, row in after.items()
        if key in alive and row["_deleted_at"] and not (key in before and before[key]["_deleted_at"])
    ]


def unequal(replica: Replica, world: World) -> list[str]:
    """Where the replica differs from the workspace, record by record (I2, I14)."""
    with replica.target.reading() as connection:
        every = rows(replica, connection)
    live = {key: _record(key, row) for key, row in every.items() if row["_deleted_at"] is None}
    truth = world.records()
    return [
        f"the end: {key} is {live.get(key)}, and in the workspace {truth.get(key)}"
        for key in sorted(live.keys() | truth.keys())
        if live.get(key) != truth.get(key)
    ]


def _history(replica: Replica, world: World, connection: Connection) -> list[str]:
    problems = []
    for name, layout in LAYOUTS.items():
        versions: dict[Key, list[dict[str, Any]]] = {}
        for row in _all(connection, history_table(replica.target, layout)):
            versions.setdefault(_key(name, row), []).append(row)
        now = {_key(name, row): row for row in _all(connection, object_table(replica.target, layout))}
        problems += [f"history: {key} has none" for key in now.keys() - versions.keys()]
        for key, found in versions.items():
            found.sort(key=_begin)
            problems += _intervals(key, found) + _told(key, found, world)
            last = found[-1]
            if last["_deleted"] != (now[key]["_deleted_at"] is not None) or _record(key, last) != _record(
                key, now[key]
            ):
                problems.append(f"history: the last version of {key} is not its row")
    return problems


def _begin(row: Mapping[str, Any]) -> datetime:
    begin: datetime = row["_valid_from"]
    return begin


def _intervals(key: Key, found: Sequence[Mapping[str, Any]]) -> list[str]:
    torn = [one for one, other in pairwise(found) if one["_valid_to"] != other["_valid_from"]]
    empty = [each for each in found if each["_valid_to"] and each["_valid_to"] <= each["_valid_from"]]
    if torn or empty or found[-1]["_valid_to"] is not None:
        return [f"history: the versions of {key} leave gaps, overlap, or end"]
    return []


def _told(key: Key, found: Sequence[Mapping[str, Any]], world: World) -> list[str]:
    """The versions are what happened, in that order; what came and went between two runs may be missing."""
    happened = iter(world.past.get(key, ()))
    for each in found:
        told = None if each["_deleted"] else _record(key, each)
        if not any(told == value for value in happened):
            return [f"history: {key} was not {told} at that place of its life"]
    return []
