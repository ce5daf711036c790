"""What a fleet costs, measured on a real queue and reckoned for so many workspaces: `python -m benchmarks.fleet`."""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks import workspace
from replicator.fleet.queue import Queue, Unit
from replicator.fleet.store import Store, conninfo, open_store
from replicator.settings import FleetSettings
from tests import databases

#: Of a slot's time, and of a core's, so much is planned with: the rest is for what comes at once.
FULL = 0.7


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds that this machine needs; CPU is that of our process, the database's own less."""

    #: A unit whose workspace did not change: as long as it takes, and the CPU of it.
    unit: float
    unit_cpu: float
    #: Requests that it sends.
    requests: int
    #: The planner asks one ledger and hands one unit over.
    look_cpu: float
    put: float
    #: A worker takes a unit out of a queue that is so deep, and ends it.
    handed: float
    #: A request's turn at the rate limit.
    take: float


@dataclass(frozen=True, slots=True)
class Load:
    """So many connections, one job each, so often; answers take so long, and so many requests are under way at once."""

    workspaces: int = 5_000
    every: float = 900.0
    slots: int = 8
    latency: float = 0.2
    at_once: int = 4


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    usual = Load()
    parser.add_argument("--workspaces", type=int, default=usual.workspaces, help="(%(default)s)")
    parser.add_argument(
        "--every", type=float, default=usual.every / 60, help="minutes between a job's runs (%(default)s)"
    )
    parser.add_argument("--slots", type=int, default=usual.slots, help="units at once of a worker (%(default)s)")
    parser.add_argument("--latency", type=float, default=usual.latency, help="seconds of an answer (%(default)s)")
    parser.add_argument(
        "--depth", type=int, default=2_000, help="units that wait while taking is measured (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    options = parser.parse_args(arguments)
    load = Load(options.workspaces, options.every * 60, options.slots, options.latency)
    with tempfile.TemporaryDirectory() as folder:
        costs = measured(Path(folder), options.depth)
    found = reckoned(costs, load)
    if options.json:
        print(json.dumps({"costs": asdict(costs), "load": asdict(load), "found": found}, indent=2))
    else:
        print("\n".join(_lines(costs, load, found)))
    return 0


# What is measured


def measured(folder: Path, depth: int) -> Costs:
    with databases.fresh("postgresql", folder) as queue, databases.fresh("postgresql", folder) as target:
        settings = FleetSettings(queue=queue.url.replace("+psycopg", ""))
        store = open_store(settings)
        try:
            put = _putting(settings, depth)
            handed = _handing(settings, depth)
            take = _taking(store)
        finally:
            store.close()
        with workspace.serving(600) as url:
            unit = _unit(url, target.url, folder)
    return Costs(put=put, handed=handed, take=take, **unit)


def _putting(settings: FleetSettings, depth: int) -> float:
    queue = Queue(settings)
    queue.put(Unit("warm", "up", ""))
    began = perf_counter()
    for number in range(depth):
        queue.put(Unit(f"connection-{number}", "often", ""))
    seconds = (perf_counter() - began) / depth
    queue.close()
    return seconds


def _handing(settings: FleetSettings, depth: int) -> float:
    """One worker takes and ends units that do nothing, so many at once as in a process, from a queue that deep."""
    from replicator.fleet.hands import work

    most, stop, times = min(depth, 300), threading.Event(), []

    def perform(_: Unit) -> None:
        times.append(perf_counter())
        if len(times) >= most:
            stop.set()

    work(conninfo(settings), "benchmark", perform, stop, units=Load().slots)
    return (times[-1] - times[0]) / len(times)


def _taking(store: Store, count: int = 1_000) -> float:
    from replicator.fleet.limits import SharedLimits
    from replicator.segment.token import Token

    limits = SharedLimits(store, Token(workspace.TOKEN), secret=store.secret(), assumed=1_000_000)
    limits.take("warm", None)
    began = perf_counter()
    for _ in range(count):
        limits.take("up", None)
    return (perf_counter() - began) / count


def _unit(url: str, target: str, folder: Path) -> dict[str, Any]:
    """The second run of a job over a workspace that stands still, in this process, and a look at its ledger."""
    from replicator.cli import turns
    from replicator.cli.connection import open_database
    from replicator.cli.keeper import perform
    from replicator.settings import load_all

    file = folder / "fleet.toml"
    file.write_text(f'target = "{target}"\nbase_url = "{url}"\nobjects = ["core"]\n[jobs.often]\nevery = "15m"\n')
    environ = {"SEGMENT_TOKEN": workspace.TOKEN}
    found = load_all(environ, {}, config=file)
    job, settings = found.jobs["often"], found.connections["default"]
    run = perform(environ, job, "", settings, threading.Event())
    took: list[tuple[float, float]] = []
    for _ in range(3):
        with _timed(took):
            run = perform(environ, job, run.run_id, settings, threading.Event())
    looks: list[tuple[float, float]] = []
    for _ in range(10):
        with _timed(looks):
            opened = open_database(settings)
            turns.of(opened, "default", [job])
            opened.close()
    return {
        "unit": statistics.median(each[0] for each in took),
        "unit_cpu": statistics.median(each[1] for each in took),
        "requests": run.requests,
        "look_cpu": statistics.median(each[1] for each in looks),
    }


@contextmanager
def _timed(into: list[tuple[float, float]]) -> Iterator[None]:
    wall, cpu = perf_counter(), process_time()
    yield
    into.append((perf_counter() - wall, process_time() - cpu))


# What is reckoned


def reckoned(costs: Costs, load: Load) -> dict[str, Any]:
    """How many workers the load takes, by their cores and by their slots, and how long units wait for them."""
    units = load.workspaces / load.every
    lasts = costs.unit_cpu + costs.requests * load.latency / load.at_once
    by_core = units * costs.unit_cpu / FULL
    by_slot = units * lasts / load.slots / FULL
    workers = max(1, round(max(by_core, by_slot) + 0.5))
    spread = _waits(load, lasts, workers * load.slots, random.Random(1).uniform)
    at_once = _waits(load, lasts, workers * load.slots, lambda _least, _most: 0.0)
    return {
        "units_a_second": units,
        "requests_a_second": units * costs.requests,
        "seconds_of_a_unit": lasts,
        "workers_by_core": by_core,
        "workers_by_slot": by_slot,
        "workers": workers,
        "of_the_queue": units * costs.handed,
        "of_the_planner": units * 2 * (costs.look_cpu + costs.put),
        "of_the_limits": units * costs.requests * costs.take,
        "spread": spread,
        "at_once": at_once,
    }


def _waits(load: Load, lasts: float, slots: int, phase: Callable[[float, float], float]) -> dict[str, float]:
    """Each connection's job comes once in the interval, at its phase, and waits for the first free slot."""
    chance = random.Random(2)
    due = sorted(phase(0.0, load.every) for _ in range(load.workspaces))
    free = [0.0] * slots
    waits, begun = [], []
    for moment in due:
        begins = max(moment, heapq.heappop(free))
        heapq.heappush(free, begins + lasts * chance.uniform(0.5, 1.5))
        waits.append(begins - moment)
        begun.append(begins)
    waits.sort()
    deepest = max(
        number - sum(1 for each in begun[:number] if each <= due[number]) for number in range(0, len(due), 50)
    )
    return {"median": waits[len(waits) // 2], "p95": waits[len(waits) * 95 // 100], "deepest": max(0, deepest)}


def _lines(costs: Costs, load: Load, found: dict[str, Any]) -> list[str]:
    spread, at_once = found["spread"], found["at_once"]
    return f"""measured here
  a unit over an unchanged workspace: {costs.requests} requests, {costs.unit_cpu:.2f} s of CPU
  the planner: {costs.look_cpu * 1000:.1f} ms of CPU to ask a ledger, {costs.put * 1000:.1f} ms to hand a unit over
  a worker takes and ends a unit in {costs.handed * 1000:.1f} ms ({1 / costs.handed:.0f} a second)
  a request's turn at the rate limit: {costs.take * 1000:.2f} ms
reckoned for {load.workspaces:,} workspaces, each every {load.every / 60:.0f} minutes, answers after {load.latency} s
  {found["units_a_second"]:.1f} units and {found["requests_a_second"]:.0f} requests a second
  a unit takes {found["seconds_of_a_unit"]:.1f} s
  workers of one core and {load.slots} units at once: {found["workers"]}
    ({found["workers_by_core"]:.1f} by CPU, {found["workers_by_slot"]:.1f} by slots, {FULL:.0%} full)
  busy: the queue {found["of_the_queue"]:.1%} of what one worker takes,
    the planner {found["of_the_planner"]:.1%} of a core,
    the rate limits {found["of_the_limits"]:.1%} of a database session
  spread over the interval units wait {spread["median"]:.1f} s (95 %: {spread["p95"]:.1f} s);
    {spread["deepest"]:.0f} wait at most
  all due at once they wait {at_once["median"]:.0f} s (95 %: {at_once["p95"]:.0f} s);
    {at_once["deepest"]:.0f} wait at most""".splitlines()


if __name__ == "__main__":
    sys.exit(main())
