"""What planning and pushing edits costs, beside the fewest requests that could do: `python -m benchmarks.push`.

A workspace of 500 plans with 200 rules each, replicated into a SQLite file, in which 1 % of the rules are edited. The
sandbox answers in another process, so that CPU time and memory are the program's own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from math import ceil
from multiprocessing.connection import Connection
from pathlib import Path
from sqlite3 import connect
from threading import Event
from typing import Any

from replicator.catalog import select
from replicator.options import Options
from replicator.sandbox import Sandbox
from replicator.sandbox.server import running

WORDS = ("TrackingPlans", "TrackingPlanRules")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.push", description=__doc__)
    parser.add_argument("--plans", type=int, default=500, help="(%(default)s)")
    parser.add_argument("--rules", type=int, default=200, help="in each plan (%(default)s)")
    parser.add_argument("--edited", type=float, default=0.01, help="share of the rules (%(default)s)")
    options = parser.parse_args(arguments)
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    counts = {"TrackingPlans": options.plans, "RulesPerPlan": options.rules}
    server = spawn.Process(target=_serve, args=(counts, theirs), daemon=True)
    server.start()
    url = ours.recv()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "replica.db"
        _apart(spawn, _fill, str(database), url)
        plans = _edit(database, options.edited)
        print(f"{'':8} {'steps':>6} {'CPU s':>6} {'wall s':>7} {'peak MB':>8} {'requests':>9} {'needed':>7}")
        pages = ceil(options.rules / 1000)
        for name, work, needed in (
            # The workspace's own record, and the listing of each plan that has an edited rule.
            ("plan", _plan, 1 + plans * pages),
            # Besides: one PATCH for each of those plans, and its rules as they are afterwards.
            ("apply", _apply, 1 + plans * (2 * pages + 1)),
        ):
            found = _apart(spawn, work, str(database), url)
            figures = f"{found['cpu']:6.2f} {found['wall']:7.2f} {found['peak']:8.0f} {found['requests']:9} {needed:7}"
            print(f"{name:8} {found['steps']:6} {figures}")
    server.terminate()
    return 0


def _serve(counts: dict[str, int], pipe: Connection) -> None:
    with running(Sandbox(counts=counts)) as url:
        pipe.send(url)
        Event().wait()


def _apart(spawn: Any, work: Callable[[str, str], dict[str, Any]], database: str, url: str) -> dict[str, Any]:
    """Does the work in a process of its own, whose peak is that of nothing else."""
    with spawn.Pool(1) as pool:
        found: dict[str, Any] = pool.apply(_measured, (work, database, url))
        return found


def _measured(work: Callable[[str, str], dict[str, Any]], database: str, url: str) -> dict[str, Any]:
    began, cpu = time.monotonic(), time.process_time()
    found = work(database, url)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found | {"wall": time.monotonic() - began, "cpu": time.process_time() - cpu, "peak": peak}


def _fill(database: str, url: str) -> dict[str, Any]:
    from benchmarks.requests import Quiet
    from replicator.run import replicate
    from replicator.target.database import open_target

    target = open_target(f"sqlite:///{database}")
    stop = Event()
    with _client(url) as client:
        result = replicate(target, client, _options(), Quiet(), stop)
    target.close()
    return {"steps": 0, "requests": result.requests}


def _edit(database: Path, share: float) -> int:
    """Edits every so many-th rule; how many plans that touches."""
    with closing(connect(database)) as opened:
        rules = opened.execute("SELECT _key, tracking_plan_id, json_schema FROM tracking_plan_rules ORDER BY _key")
        chosen = list(rules)[:: round(1 / share)]
        rows = [(json.dumps({**json.loads(text), "description": "Ours"}), key) for key, _, text in chosen]
        opened.executemany("UPDATE tracking_plan_rules SET json_schema = ? WHERE _key = ?", rows)
        opened.commit()
    return len({plan for _, plan, _ in chosen})


def _plan(database: str, url: str) -> dict[str, Any]:
    from replicator.sync.session import Allowed, plan
    from replicator.target.database import open_target

    target = open_target(f"sqlite:///{database}")
    with _client(url) as client:
        steps = plan(target, client, _options(), Allowed(push=True))
        requests = client.requests
    target.close()
    return {"steps": len(steps), "requests": requests}


def _apply(database: str, url: str) -> dict[str, Any]:
    from replicator.sync.session import Allowed, apply
    from replicator.target.database import open_target

    target = open_target(f"sqlite:///{database}")
    with _client(url) as client:
        done = apply(target, client, _options(), Allowed(push=True))
        requests = client.requests
    target.close()
    if any(each.outcome != "done" for each in done):
        sys.exit("Some of the edits could not be sent.")
    return {"steps": len(done), "requests": requests}


def _options() -> Options:
    return Options(objects=tuple(select(WORDS)))


def _client(url: str) -> Any:
    from replicator.segment.client import Client
    from replicator.segment.limits import Limits
    from replicator.segment.token import Token

    return Client(base_url=url, token=Token("sandbox"), limits=Limits())


if __name__ == "__main__":
    sys.exit(main())
