"""What must be true of the database after any crash, read by plain SQL; the numbers are those of reliability.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, inspect, text

from replicator.catalog import OBJECTS, by_name
from replicator.rows import Layout
from replicator.target.database import Target
from replicator.target.schema import stage_table

Contents = Mapping[str, Sequence[str]]
_TABLES = {thing.table for thing in OBJECTS}
#: They differ from run to run.
_OURS = frozenset({"_run_id", "_synced_at", "_valid_from"})
_MOMENTS = frozenset({"_deleted_at", "_valid_to"})


def contents(connection: Connection, *, fingerprints: bool) -> dict[str, list[str]]:
    """Each object's rows, and the versions of its history, as text: whether a moment is set counts, not which it is.

    Without fingerprints a column that is missing equals one that is empty, as while a table is being altered.
    """
    found = {}
    for table in sorted(inspect(connection).get_table_names()):
        if table.removesuffix("_history") in _TABLES:
            rows = connection.execute(text(f"SELECT * FROM {table}")).mappings()
            found[table] = sorted(_shown(row, fingerprints) for row in rows)
    return found


def _shown(row: Mapping[Any, Any], fingerprints: bool) -> str:
    kept = {name: value for name, value in row.items() if name not in _OURS and value is not None}
    kept |= {name: True for name in _MOMENTS if name in kept}
    if not fingerprints:
        kept.pop("_fingerprint", None)
    return json.dumps(kept, default=str, sort_keys=True)


@dataclass(frozen=True)
class Books:
    """The program's own tables, read from outside; a table that is not there yet is empty."""

    connection: Connection
    schema: str | None
    prefix: str
    tables: frozenset[str]

    @classmethod
    def of(cls, connection: Connection) -> Books:
        schema, prefix = ("replicator", "") if connection.dialect.name == "postgresql" else (None, "_replicator_")
        return cls(connection, schema, prefix, frozenset(inspect(connection).get_table_names(schema=schema)))

    def rows(self, name: str) -> list[dict[str, Any]]:
        if self.prefix + name not in self.tables:
            return []
        table = f"{self.schema}.{name}" if self.schema else self.prefix + name
        return [dict(row) for row in self.connection.execute(text(f"SELECT * FROM {table}")).mappings()]

    def epoch(self) -> int:
        return max((int(row["epoch"]) for row in self.rows("leases")), default=0)

    def states(self) -> dict[str, list[Any]]:
        """What is believed of each object, less what differs from run to run."""
        return {row["object"]: [row["status"], row["records"], row["message"]] for row in self.rows("object_state")}


def broken(target: Target, connection: Connection, *, hard: bool, epoch: int) -> list[str]:
    """What does not hold (I1, I5, I13); `epoch` is the highest that was ever seen."""
    books = Books.of(connection)
    now = books.epoch()
    problems = [f"I13: the lease went from epoch {epoch} back to {now}"] if now < epoch else []
    ledger = {(row["run_id"], row["object"]): row for row in books.rows("run_objects")}
    runs = {row["id"] for row in books.rows("runs")}
    problems += [f"I1: the ledger speaks of run {run}, which is unknown" for run, _ in ledger if run not in runs]
    tables, checkpoints = inspect(connection).get_table_names(), books.rows("checkpoints")
    for state in books.rows("object_state"):
        name = state["object"]
        if by_name[name].table in tables:
            problems += _of_rows(connection, state, ledger, hard=hard)
        else:
            problems.append(f"I1: {name} has a state, but no table")
        problems += _of_stage(target, books, state, [row for row in checkpoints if row["object"] == name])
        if (state["epoch"] or 0) > now:
            problems.append(f"I13: {name} was written under epoch {state['epoch']}, the lease has {now}")
    for row in ledger.values():
        if row["status"] == "done" and row["records"] != row["inserted"] + row["updated"] + row["unchanged"]:
            problems.append(f"I5: {row['object']} counts {row['records']} records, but not where they went")
    return problems


def _of_rows(
    connection: Connection, state: Mapping[str, Any], ledger: Mapping[Any, Mapping[str, Any]], *, hard: bool
) -> list[str]:
    name, problems = state["object"], []
    rows = list(connection.execute(text(f"SELECT _run_id, _deleted_at FROM {by_name[name].table}")))
    live = sum(row[1] is None for row in rows)
    if state["records"] is not None and state["records"] != live:
        problems.append(f"I1: {name} has {live} live rows, and its state says {state['records']}")
    if rows and not state["bookmark"]:
        problems.append(f"I1: {name} has rows, and its state knows of no listing")
    for run in {row[0] for row in rows}:
        entry, held = ledger.get((run, name)), sum(row[0] == run for row in rows)
        if entry is None:
            problems.append(f"I1: rows of {name} came by run {run}, whose ledger does not know it")
        elif entry["status"] == "done" and not hard:
            counted = entry["inserted"] + entry["updated"] + entry["deleted"]
            if held > counted or (run == state["run_id"] and held != counted):
                problems.append(f"I5: run {run} counts {counted} rows of {name}, and {held} carry its id")
    return problems


def _of_stage(
    target: Target, books: Books, state: Mapping[str, Any], checkpoints: Sequence[Mapping[str, Any]]
) -> list[str]:
    name = state["object"]
    if checkpoints and state["listing_began_at"] is None:
        return [f"I1: {name} has checkpoints, but no listing that is unfinished"]
    promised = sum(row["staged"] for row in checkpoints)
    table = stage_table(target, Layout(by_name[name], by_name[name].columns))
    if not checkpoints or table.name not in books.tables:
        return []
    staged = books.connection.execute(text(f"SELECT count(*) FROM {table.fullname}")).scalar_one()
    # A new listing empties the stage before it forgets the old one's checkpoints; the next run sees that by the count.
    return (
        [f"I1: {name} has {staged} staged rows, its checkpoints say {promised}"] if staged not in {0, promised} else []
    )


def neither(now: Contents, before: Contents, after: Contents, *, by_row: bool) -> list[str]:
    """Tables that hold what they held neither before the run nor after an undisturbed one (I3, I4, I15)."""
    problems = []
    for table, rows in now.items():
        known = set(before.get(table, ())) | set(after.get(table, ()))
        if by_row and not set(rows) <= known:
            problems.append(f"I2: {table} holds rows that never were: {sorted(set(rows) - known)[:2]}")
        if not by_row and rows and list(rows) not in (list(before.get(table, ())), list(after.get(table, ()))):
            problems.append(
                f"I3: {table} holds neither the old rows nor the new ones: {_difference(rows, after[table])}"
            )
    return problems


def unequal(now: Contents, wanted: Contents) -> list[str]:
    """Tables that differ from those of the run without a crash."""
    return [
        f"the end: {table} differs: {_difference(now.get(table, ()), wanted.get(table, ()))}"
        for table in sorted(now.keys() | wanted.keys())
        if list(now.get(table, ())) != list(wanted.get(table, ()))
    ]


def _difference(rows: Sequence[str], wanted: Sequence[str]) -> str:
    more, less = sorted(set(rows) - set(wanted)), sorted(set(wanted) - set(rows))
    return f"{len(rows)} rows for {len(wanted)}; only here {more[:1]}; missing {less[:1]}"
