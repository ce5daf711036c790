"""A fleet under fire: `python -m tests.fleet --minutes 10 --workers 3 --seed 1`, with the figures at the end."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests import databases
from tests.fleet.fleet import Chaos, Fleet, fleet, wait_for

JOB = """
objects = ["core", "-AuditEvents"]
reread_hours = 0
[jobs.often]
every = "5s"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of deaths and sleeps (%(default)s)")
    parser.add_argument("--workers", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--rate-limit", type=int, default=900, help="requests a minute of a token (%(default)s)")
    parser.add_argument("--longest-sleep", type=float, default=12.0, help="seconds (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what happens when (%(default)s)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="what all of them logged, where something went wrong")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return _go(Path(folder), options)


def _go(folder: Path, options: argparse.Namespace) -> int:
    with databases.fresh("postgresql", folder) as queue, databases.fresh("postgresql", folder) as other:
        connections = {
            "a": (queue.url, "one"),
            "b": (other.url, "one"),
            "c": (f"sqlite:///{folder / 'c.db'}", "two"),
        }
        with fleet(folder, queue.url, connections, JOB, rate_limit=options.rate_limit) as made:
            made.start(options.workers)
            wait_for(lambda: any(made.runs(name) for name in connections), 30)
            chaos = Chaos(made, seed=options.seed)
            chaos.go_on(options.minutes * 60, longest_sleep=options.longest_sleep)
            began = time.time()
            calm = wait_for(lambda: made.done_since(began), 240)
            settled = time.time() - began
            codes = made.stop()
            problems = _problems(made)
            _report(made, chaos, settled)
            if not calm:
                problems.append("not every connection was brought up to date within four minutes of calm")
            if set(codes) != {0}:
                problems.append(f"exit codes {codes}")
            if problems and options.log:
                options.log.write_text(made.log())
            _say("\n".join(problems) or "nothing lost, nothing twice, no overlap, no request beyond the limit")
    return 1 if problems else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _problems(made: Fleet) -> list[str]:
    problems = [f"runs overlap: {each}" for each in made.overlaps()]
    problems += [f"rows and ledger differ: {each}" for each in made.counted_twice()]
    if made.refused():
        problems.append(f"{made.refused()} requests went beyond the limit")
    if "mistake in this program" in made.log() or "Traceback" in made.log():
        problems.append("a traceback or a mistake in the program")
    try:
        made.differences()
    except AssertionError as error:
        problems.append(f"a row differs from its record: {error}")
    return problems


def _report(made: Fleet, chaos: Chaos, settled: float) -> None:
    runs = [run for name in made.connections for run in made.runs(name)]
    takeovers = sorted(chaos.takeovers())
    _say(f"killed {chaos.kills} times, put to sleep {chaos.sleeps} times")
    _say(f"runs {dict(Counter(run['status'] for run in runs))}, requests {len(made.faulty.log.read())}")
    _say(f"most requests in 60 s of one token: {made.busiest()}")
    if takeovers:
        middle = statistics.median(takeovers)
        _say(f"taken over {len(takeovers)} runs after {middle:.1f} s in the middle, {takeovers[-1]:.1f} s at most")
    _say(f"all up to date {settled:.0f} s after the last blow")


if __name__ == "__main__":
    sys.exit(main())
