"""What a run costs in requests, beside the fewest that could do: `python -m benchmarks.requests`, README.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from replicator.catalog import OBJECTS
from replicator.catalog import select as choose
from replicator.rows import Layout
from replicator.run import ObjectResult, Options, RunResult, replicate
from replicator.sandbox import Request, Sandbox
from replicator.segment.client import Client, Wait
from replicator.segment.token import Token
from replicator.target.database import Target, open_target
from replicator.target.schema import object_table

if TYPE_CHECKING:
    from replicator.catalog.model import Object

#: 500 plans with 20 rules each, 300 functions, 1,000 sources, 1,000 destinations, 200 users.
WORKSPACE = {
    "TrackingPlans": 500,
    "RulesPerPlan": 20,
    "Sources": 1000,
    "Destinations": 1000,
    "Users": 200,
    **dict.fromkeys(
        ("SourceFunctions", "DestinationFunctions", "InsertDestinationFunctions", "InsertSourceFunctions"), 60
    ),
    "InsertTransformationFunctions": 60,
    "FiltersPerDestination": 1,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One run; `minimum` is what its pages, and the gets of what is new or moved, take."""

    run: str
    requests: int
    minimum: int
    written: int


class Quiet:
    """Progress that nobody watches."""

    def began(self, run_id: str, objects: Sequence[str]) -> None: ...
    def reading(self, name: str, partitions: int) -> None: ...
    def page(self, name: str, *, rows: int, requests: int, done_partitions: int, total: int | None) -> None: ...
    def waiting(self, wait: Wait) -> None: ...
    def finished(self, result: ObjectResult) -> None: ...


def measure(counts: dict[str, int], share: float, url: str) -> list[Line]:
    """A first run, one over the unchanged workspace, and one after that share of it was changed."""
    sandbox, target = Sandbox(counts=counts), open_target(url)
    objects = choose(["core"])
    try:
        first = _run(sandbox, target, objects)
        lines = [Line("first", first.requests, 1 + _first(target, objects), _written(first))]
        second = _run(sandbox, target, objects)
        listings = 1 + _listings(target, objects)
        lines.append(Line("unchanged", second.requests, listings, _written(second)))
        changed = _change(sandbox, target, share)
        third = _run(sandbox, target, objects)
        lines.append(Line(f"{share:.0%} changed", third.requests, listings + changed, _written(third)))
    finally:
        target.close()
    return lines


def _run(sandbox: Sandbox, target: Target, objects: Sequence[Object]) -> RunResult:
    stop = threading.Event()
    with Client(base_url="http://127.0.0.1:1", token=Token("sandbox"), transport=sandbox, stop=stop) as client:
        result = replicate(target, client, Options(objects=tuple(objects)), Quiet(), stop)
    if result.exit_code:
        sys.exit(f"The run failed: {result}")
    return result


def _written(result: RunResult) -> int:
    return sum(each.inserted + each.updated + each.deleted for each in result.objects)


def _count(target: Target, thing: Object, by: str | None = None) -> list[int]:
    """How many rows it has; by a column, how many for each of its values."""
    table = object_table(target, Layout(thing, thing.columns))
    query = select(func.count()).select_from(table).where(table.c._deleted_at.is_(None))
    with target.reading() as connection:
        return list(connection.execute(query.group_by(table.c[by]) if by else query).scalars())


def _pages(count: int, thing: Object) -> int:
    return max(1, ceil(count / thing.listing.page_size))


def _listings(target: Target, objects: Sequence[Object]) -> int:
    """The pages of what has no parent; of the audit trail, the newest one."""
    tops = [thing for thing in objects if not thing.parents]
    return sum(1 if thing.window else _pages(_count(target, thing)[0], thing) for thing in tops)


def _first(target: Target, objects: Sequence[Object]) -> int:
    total = 0
    for thing in objects:
        (count,) = _count(target, thing)
        total += count if thing.detail else 0
        if thing.parents:
            filled = _count(target, thing, "_partition")
            parents = sum(_parents(target, thing))
            total += sum(_pages(each, thing) for each in filled) + parents - len(filled)
        else:
            total += _pages(count, thing)
    return total


def _parents(target: Target, thing: Object) -> list[int]:
    by_name = {each.name: each for each in OBJECTS}
    return [_count(target, by_name[parent.object])[0] for parent in thing.parents]


def _change(sandbox: Sandbox, target: Target, share: float) -> int:
    """Renames that share of the plans, functions, sources and destinations; returns what they take to read again."""
    kinds: tuple[tuple[str, str, Callable[[str], dict[str, Any]]], ...] = (
        ("TrackingPlans", "/tracking-plans", lambda name: {"name": name}),
        ("SourceFunctions", "/functions", lambda name: {"displayName": name}),
        ("Sources", "/sources", lambda name: {"name": name}),
        ("Destinations", "/destinations", lambda name: {"name": name}),
    )
    core, total = choose(["core"]), 0
    for name, path, body in kinds:
        thing = next(each for each in core if each.name == name)
        table = object_table(target, Layout(thing, thing.columns))
        with target.reading() as connection:
            ids = list(connection.execute(select(table.c.id).order_by(table.c.id)).scalars())
        children = sum(1 for each in core if any(parent.object == name for parent in each.parents))
        for identifier in ids[: max(1, round(len(ids) * share))]:
            sent = json.dumps(body(f"Renamed {identifier}")).encode()
            answer = sandbox(Request("PATCH", f"{path}/{identifier}", {"authorization": "Bearer sandbox"}, sent))
            if answer.status != 200:
                sys.exit(f"{path}: {answer.body.decode()}")
            total += children + (1 if thing.detail else 0)
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.requests", description=__doc__)
    parser.add_argument("--share", type=float, default=0.01, help="how much changes before the third run (%(default)s)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        lines = measure(WORKSPACE, options.share, f"sqlite:///{Path(folder) / 'replica.db'}")
    if options.json:
        print(json.dumps([{name: getattr(line, name) for name in Line.__slots__} for line in lines], indent=2))
        return 0
    print(f"{'run':<12} {'requests':>9} {'minimum':>9} {'rows written':>13}")
    for line in lines:
        print(f"{line.run:<12} {line.requests:>9} {line.minimum:>9} {line.written:>13}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
