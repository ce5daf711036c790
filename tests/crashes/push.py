"""A push that is killed at one crash point after another: `python -m tests.crashes.push [--database KIND] [--double]`.

Every point of a push is tried: before and after each transaction begins and commits, before each request and after its
effect. The process is killed there, the next push goes on, and the sandbox's own log of requests must show what it
shows of a push that nobody kills: each effect, once.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from replicator import crash
from replicator.options import Options
from replicator.sandbox import Sandbox
from replicator.sandbox.faults import Faulty
from replicator.sandbox.server import running
from replicator.segment.client import Client
from replicator.segment.token import Token
from replicator.sync.session import Allowed, apply, plan
from replicator.target.database import open_target
from tests import databases
from tests.crashes import places
from tests.crashes.places import Base
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, objects

WORDS = ("TrackingPlans", "TrackingPlanRules", "SourceFunctions")
FREE = Allowed(push=True, deletes=True, deploy=True)
COUNTS = {"TrackingPlans": 2, "RulesPerPlan": 3, "SourceFunctions": 3, "AuditEvents": 0, "Users": 1}

#: Method, target and body of what changed the workspace.
Effects = Counter[tuple[str, str, str]]


@dataclass
class Swept:
    """What came of a sweep over one kind of database."""

    kind: str
    points: int = 0
    kills: int = 0
    wrong: list[str] = field(default_factory=list)


def edit(url: str) -> None:
    """Everything that a push does: creations, an update, a deletion, rules put in, renamed and removed."""
    replica = Replica(url, Network(Sandbox(counts=COUNTS)))
    try:
        key = replica.engine.dialect.identifier_preparer.quote_identifier("key")
        schema = "CAST(:s AS jsonb)" if replica.engine.dialect.name == "postgresql" else ":s"
        edited, _, gone = sorted(row["id"] for row in replica.live("source_functions"))
        rules = sorted((row for row in replica.live("tracking_plan_rules") if row["key"]), key=lambda row: row["_key"])
        other = sorted((row for row in replica.live("tracking_plan_rules") if not row["key"]), key=lambda r: r["_key"])
        replica.do("INSERT INTO tracking_plans (name, type) VALUES ('Ours', 'LIVE')")
        replica.do("INSERT INTO source_functions (display_name, code) VALUES ('Ours', '// ours')")
        replica.do("UPDATE source_functions SET code = '// edited' WHERE id = :id", id=edited)
        replica.do("DELETE FROM source_functions WHERE id = :id", id=gone)
        changed = f"UPDATE tracking_plan_rules SET json_schema = {schema} WHERE _key = :id"
        replica.do(changed, id=other[0]["_key"], s='{"title": "Ours"}')
        replica.do("DELETE FROM tracking_plan_rules WHERE _key = :id", id=other[1]["_key"])
        for rule in rules[:1]:
            replica.do(f"UPDATE tracking_plan_rules SET {key} = 'Ours' WHERE _key = :id", id=rule["_key"])
    finally:
        replica.close()


def push(url: str, base_url: str) -> None:
    target = open_target(url)
    try:
        with Client(base_url=base_url, token=Token("sandbox"), sleep=lambda _: None) as client:
            apply(target, client, Options(objects=objects(*WORDS)), FREE)
    finally:
        target.close()


def die(url: str, base_url: str, at: int, names: Path) -> None:
    """Pushes, in a process of its own, which dies at its crash point of that number; writes down those it reached."""
    passed = 0

    def reached(moment: str, about: str) -> None:
        nonlocal passed
        passed += 1
        with names.open("a") as file:
            file.write(f"{moment} {about}\n")
        if passed > at:
            os.kill(os.getpid(), signal.SIGKILL)

    crash.arm(reached)
    push(url, base_url)


def killed(url: str, base_url: str, at: int) -> tuple[bool, list[str]]:
    """Whether the push got as far as that point, and died there; what it reached."""
    # Forks of a process without threads, in which everything is imported already.
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([__name__])
    with tempfile.NamedTemporaryFile() as names:
        child = forks.Process(target=die, args=(url, base_url, at, Path(names.name)))
        child.start()
        child.join()
        code = child.exitcode
        child.close()
        assert code in {0, -signal.SIGKILL}, code
        return code != 0, Path(names.name).read_text().splitlines()


@contextmanager
def edited(kind: str, folder: Path) -> Iterator[Base]:
    """A database that was replicated and edited, and is kept as it is then."""
    with places.opened(kind, folder) as base:
        replica = Replica(base.url, Network(Sandbox(counts=COUNTS)))
        assert replica.run(*WORDS).status == "done"
        replica.close()
        edit(base.url)
        base.keep()
        yield base


def after(base: Base, deaths: Sequence[int]) -> tuple[Effects, int, list[str]]:
    """The effects of pushes that die there, one after the other, and of one that nobody kills; what is left to do."""
    base.restore()
    faulty, died = Faulty(Sandbox(counts=COUNTS)), 0
    with running(faulty) as base_url:
        for at in deaths:
            died += killed(base.url, base_url, at)[0]
        push(base.url, base_url)
        target = open_target(base.url)
        try:
            with Client(base_url=base_url, token=Token("sandbox")) as client:
                left = plan(target, client, Options(objects=objects(*WORDS)), FREE)
        finally:
            target.close()
    done = Counter((each.method, each.target, each.body) for each in faulty.log.read(lambda entry: entry.effect))
    return done, died, [f"{each.action} {each.object} {each.id}" for each in left]


def sweep(base: Base, *, most: int = 0, seed: int = 1, double: bool = False, writes: bool = False) -> Swept:
    """All points, or so many of them; those around `writes`; or pairs, the second one in the push that goes on."""
    swept = Swept(base.kind)
    usual, _, left = after(base, ())
    assert usual, "the push has no effect"
    assert not left, left
    base.restore()
    with running(Sandbox(counts=COUNTS)) as base_url:
        _, names = killed(base.url, base_url, sys.maxsize)
    swept.points = len(names)
    chance = random.Random(seed)
    cases = [[at] for at, name in enumerate(names) if not writes or _is_write(name)]
    if double:
        cases = [[chance.randrange(len(names)), chance.randrange(len(names))] for _ in range(most or 200)]
    elif 0 < most < len(cases):
        cases = sorted(chance.sample(cases, most))
    for deaths in cases:
        done, died, left = after(base, deaths)
        swept.kills += died
        if done != usual:
            swept.wrong.append(f"killed at {deaths}: {done - usual} too much, {usual - done} missing")
        swept.wrong += [f"killed at {deaths}: left to do: {each}" for each in left]
    return swept


def _is_write(name: str) -> bool:
    operation = name.rsplit(maxsplit=1)[-1]
    return " request " in name and not operation.startswith(("get", "list"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes.push", description=__doc__)
    parser.add_argument("--database", action="append", choices=databases.kinds(), help="all by default")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="only N points of each")
    parser.add_argument("--double", action="store_true", help="pairs of points, 200 or as many as --sample says")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    wrong = 0
    for kind in asked.database or databases.kinds():
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, edited(kind, Path(folder)) as base:
            swept = sweep(base, most=asked.sample, seed=asked.seed, double=asked.double)
        for each in swept.wrong:
            sys.stdout.write(f"{kind} {each}\n")
        seconds = time.monotonic() - began
        told = f"{swept.points} points, {swept.kills} kills, {len(swept.wrong)} wrong, {seconds:.0f} s"
        sys.stdout.write(f"{kind}: {told}\n")
        sys.stdout.flush()
        wrong += len(swept.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
