"""The sweep: a run is cut short at one crash point after another, and each time the next runs must mend it.

Every run is a fork of one process that holds no thread and no connection: nothing is imported twice, and the workspace
that each of them sees is the same one.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import select
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from replicator import intake, run
from replicator.catalog import select as objects
from replicator.cli.signals import stopping
from replicator.errors import ReplicatorError
from replicator.segment.client import Client
from replicator.segment.token import Token
from replicator.target.database import Place, Target, open_target
from replicator.target.dialects import DIALECTS
from tests.crashes import invariants, places, workspace
from tests.crashes.invariants import Books
from tests.crashes.places import Base
from tests.crashes.traps import MODES, Point, Trap
from tests.crashes.workspace import Flow, Line
from tests.scenarios.replica import Told

#: A run takes less than a second; one that is not over by then hangs, which I16 forbids.
GRACE = 60.0
#: As many runs may pass until all is mended: one that goes on deletes nothing, the next one does (I4, I9).
CYCLES = 2


@dataclass(frozen=True, slots=True)
class Case:
    """A run that comes to grief there, in that way, and perhaps the next one too."""

    flow: str
    mode: str
    points: tuple[Point, ...]

    def __str__(self) -> str:
        return f"{self.flow}: {self.mode} at {', then '.join(map(str, self.points))}"


@dataclass
class Report:
    """Of the sweep of one flow on one kind of database."""

    kind: str
    flow: str
    points: int
    runs: int = 0
    missed: int = 0
    cycles: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)


@dataclass
class Scene:
    """One flow on one database: what it starts from, and what an undisturbed run makes of it."""

    place: Base
    flow: Flow
    line: Line
    before: dict[str, Any]
    after: dict[str, Any] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)

    def reset(self) -> None:
        self.place.restore() if self.flow.after_another else self.place.empty()

    def run(self, points: Sequence[Point], mode: str) -> dict[str, Any]:
        """A run with that trap, or with one that only notes what it passes."""
        trap = Trap(self.place.kind, self.line, self.place.url, points[0] if points else None, mode)
        told = perform(self.place.url, self.line, self.flow, trap)
        return {**told, "sprung": trap.sprung, "points": [(each.name, each.nth) for each in trap.passed]}

    def check(self, epoch: int, *, by_row: bool) -> dict[str, Any]:
        """What the crash left behind."""
        with self.place.engine().connect() as connection:
            problems = self._broken(connection, epoch)
            now = invariants.contents(connection, fingerprints=False)
            problems += invariants.neither(now, self.before["loose"], self.after["loose"], by_row=by_row)
            return {"violations": problems, "epoch": Books.of(connection).epoch()}

    def mend(self, epoch: int) -> dict[str, Any]:
        """The next runs, until the database is as it should be."""
        for cycle in range(1, CYCLES + 1):
            told = perform(self.place.url, self.line, self.flow)
            if told["status"] != "done":
                return {"violations": [f"the next run ended so: {told}"], "cycles": cycle}
            with self.place.engine().connect() as connection:
                seen = snapshot(connection)
                problems = invariants.unequal(seen["exact"], self.after["exact"])
                if seen["states"] != self.after["states"]:
                    problems.append(f"the end: states {seen['states']} in place of {self.after['states']}")
                problems += self._broken(connection, epoch + cycle) + _left(Books.of(connection))
            if not problems:
                break
        return {"violations": problems, "cycles": cycle}

    def _broken(self, connection: Connection, epoch: int) -> list[str]:
        hard = bool(self.flow.options.get("hard_deletes"))
        target = Target(connection.engine, DIALECTS[connection.dialect.name](), "", "", Place())
        return invariants.broken(target, connection, hard=hard, epoch=epoch)


def _left(books: Books) -> list[str]:
    """What a run that ended well must not leave."""
    left = [f"the end: run {row['id']} is `running`" for row in books.rows("runs") if row["status"] == "running"]
    left += [f"the end: a checkpoint of {row['object']} is left" for row in books.rows("checkpoints")]
    return left + ["the end: the lease is held" for row in books.rows("leases") if row["run_id"]]


def snapshot(connection: Connection) -> dict[str, Any]:
    books = Books.of(connection)
    return {
        "loose": invariants.contents(connection, fingerprints=False),
        "exact": invariants.contents(connection, fingerprints=True),
        "states": books.states(),
        "epoch": books.epoch(),
    }


def perform(url: str, line: Line, flow: Flow, trap: Trap | None = None) -> dict[str, Any]:
    """One run as the command line makes it, each page stored as it comes, one object and one request at a time."""
    intake.BATCH_SECONDS, run.OBJECTS_AT_ONCE = 0, 1
    # Made anew, the key of the masks would tell the fingerprints of two databases apart.
    secrets.token_hex = lambda nbytes=None: "5e" * (nbytes or 32)
    target = open_target(url)
    if trap:
        trap.arm(target)
    stop = threading.Event()
    chosen = run.Options(objects=tuple(objects(flow.words)), concurrency=1, **flow.options)
    token = Token("sandbox")
    with (
        stopping(stop),
        Client(base_url="http://127.0.0.1:1", token=token, transport=line, stop=stop, sleep=lambda _: None) as client,
    ):
        try:
            told = run.replicate(target, client, chosen, Told(), stop)
        except ReplicatorError as error:
            return {"status": "refused", "error": str(error)}
        except Exception as error:  # noqa: BLE001 - what it was is told
            return {"status": "raised", "error": repr(error)}
        finally:
            target.close()
    return {
        "status": told.status,
        "error": told.error,
        "objects": {o.object: [o.status, o.error] for o in told.objects},
    }


@contextmanager
def staged(kind: str, name: str, folder: Path) -> Iterator[Scene]:
    """A database in which that flow is about to begin.

    The first runs are of this process itself: what they import, every fork has.
    """
    flow = workspace.FLOWS[name]
    with places.opened(kind, folder) as base:
        line = workspace.made()
        _succeed(perform(base.url, line, replace(flow, options={})))
        if flow.after_another:
            if flow.alter:
                with base.engine().begin() as connection:
                    flow.alter(connection)
            workspace.change(line)
            base.keep()
        else:
            base.empty()
        scene = Scene(base, flow, line, _seen(base))
        told = forked(lambda: scene.run((), "")) or {}
        _succeed(told)
        scene.points = [Point(name, nth) for name, nth in told["points"]]
        scene.after = _seen(base)
        yield scene


def _seen(base: Base) -> dict[str, Any]:
    with base.engine().connect() as connection:
        return snapshot(connection)


def _succeed(told: dict[str, Any]) -> None:
    assert told.get("status") == "done", told
    assert threading.active_count() == 1, "a process that has threads cannot be forked"


def cases(scene: Scene, modes: Sequence[str], *, double: bool) -> list[Case]:
    """Each point in each way that fits it; of the publish path, each pair of points, the second one in the next run."""
    kind, name = scene.place.kind, scene.flow.name
    if double:
        path = [point for point in scene.points if point.publishes]
        return [Case(name, mode, (a, b)) for mode in modes for a in path for b in path]
    return [Case(name, mode, (each,)) for mode in modes for each in scene.points if each.suits(mode, kind)]


def sweep(scene: Scene, chosen: Sequence[Case], report: Report, tell: Callable[[str], None]) -> None:
    """Tries the cases, one after the other."""
    began = time.monotonic()
    for case in chosen:
        try:
            problems = _try(scene, case, report)
        except Broke as broke:
            problems = [str(broke)]
        report.runs += 1
        for problem in problems:
            report.violations.append(f"{case}: {problem}")
            tell(report.violations[-1])
    report.seconds = time.monotonic() - began


def _try(scene: Scene, case: Case, report: Report) -> list[str]:
    scene.reset()
    epoch = scene.before["epoch"]
    problems: list[str] = []
    for number, point in enumerate(case.points):
        told = forked(lambda point=point: scene.run([point], case.mode))  # type: ignore[misc] # bound at once
        report.missed += told is not None and not told["sprung"]
        # A part of an object's listings may be published when some requests fail, and by a run that goes on.
        by_row = number > 0 or case.mode in {"reset", "offline"}
        found = scene.check(epoch, by_row=by_row)
        problems, epoch = problems + found["violations"], found["epoch"]
    mended = forked(lambda: scene.mend(epoch)) or {}
    report.cycles += mended["cycles"] > 1
    return problems + list(mended["violations"])


def sample(chosen: Sequence[Case], most: int, seed: int) -> list[Case]:
    """So many of them, the same ones for a seed; all of them for 0."""
    return random.Random(seed).sample(list(chosen), most) if 0 < most < len(chosen) else list(chosen)


class Broke(Exception):
    """A forked process failed by itself, or hung."""


def forked(work: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """What the work gives, done in a process of its own; None if that was killed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        _work(work, writer)
    os.close(writer)
    try:
        return _answer(pid, reader)
    finally:
        os.close(reader)


def _work(work: Callable[[], dict[str, Any]], writer: int) -> None:
    try:
        said = json.dumps(work())
    except BaseException:  # noqa: BLE001 - the parent tells it
        said = json.dumps({"broke": traceback.format_exc()})
    with os.fdopen(writer, "w") as pipe:
        pipe.write(said)
    os._exit(0)


def _answer(pid: int, reader: int) -> dict[str, Any] | None:
    said, over = b"", time.monotonic() + GRACE
    while True:
        ready, _, _ = select.select([reader], [], [], max(0, over - time.monotonic()))
        chunk = os.read(reader, 65536) if ready else b""
        if not chunk:
            break
        said += chunk
    if not ready:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if not ready:
        raise Broke(f"I16: it was not over within {GRACE:.0f} s")
    if not said:
        return None
    told: dict[str, Any] = json.loads(said)
    if "broke" in told:
        raise Broke(told["broke"])
    return told


__all__ = ["MODES", "Case", "Report", "Scene", "cases", "sample", "staged", "sweep"]
