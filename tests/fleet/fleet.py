"""A fleet as its users have it: a served workspace, a planner, workers that die and sleep, and what came of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from replicator.sandbox import Request, Sandbox
from replicator.sandbox.access import Token
from replicator.sandbox.faults import Faulty
from replicator.sandbox.limits import Limiter
from replicator.sandbox.server import running
from replicator.sandbox.tenants import Workspace
from tests import canaries
from tests.scenarios.leaves import Check
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica
from tests.scenarios.walk import Walk

#: Which workspace each connection of the tests is of: two share a token, and with it a limit.
TOKENS = {"one": f"{canaries.TOKEN}-1", "two": f"{canaries.TOKEN}-2"}
ENDED = {"done", "partial", "failed", "needs_person"}


@dataclass
class Worker:
    """A process, started anew after each death."""

    folder: Path
    number: int
    units: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = _started(self.folder, f"worker{self.number}.log", "worker", "--units", str(self.units))

    def signal(self, number: int) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait(10)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0


def _started(folder: Path, log: str, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "replicator", *words, "--log-format", "json"]
    with (folder / log).open("ab") as file:
        return subprocess.Popen(command, cwd=folder, env=_environ(), stdout=file, stderr=file)


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SEGMENT_", "REPLICATOR_"))}


@dataclass
class Fleet:
    """Connections by name: the URL of the database, and whose token."""

    folder: Path
    queue: str
    connections: Mapping[str, tuple[str, str]]
    sandbox: Sandbox
    faulty: Faulty
    url: str
    job: str
    workers: list[Worker] = field(default_factory=list)
    daemon: subprocess.Popen[bytes] | None = None
    replicas: dict[str, Replica] = field(default_factory=dict)

    def configure(self) -> None:
        for name, token in TOKENS.items():
            path = self.folder / f"{name}-token"
            path.write_text(token)
            path.chmod(0o600)
        tables = [
            f'[connections.{name}]\ntarget = "{url}"\ntoken_file = "{whose}-token"\n'
            for name, (url, whose) in self.connections.items()
        ]
        top = f'base_url = "{self.url}"\n{self.job.split("[jobs", 1)[0]}'
        jobs = f"[jobs{self.job.split('[jobs', 1)[1]}"
        text = "\n".join([top, f'[fleet]\nqueue = "{self.queue}"', *tables, jobs])
        (self.folder / "replicator.toml").write_text(text)
        self.replicas = {name: Replica(url, Network()) for name, (url, _) in self.connections.items()}

    def start(self, workers: int, *, units: int = 2) -> None:
        self.daemon = _started(self.folder, "daemon.log", "daemon")
        self.workers = [Worker(self.folder, number, units) for number in range(workers)]
        for worker in self.workers:
            worker.start()

    def stop(self) -> list[int | None]:
        """Asks all to end, and gives their exit codes."""
        processes = [worker.process for worker in self.workers if worker.process]
        processes += [self.daemon] if self.daemon else []
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
        return [process.returncode for process in processes]

    def close(self) -> None:
        for process in [*(worker.process for worker in self.workers), self.daemon]:
            if process and process.poll() is None:
                process.kill()
                process.wait(10)
        for replica in self.replicas.values():
            replica.close()

    # What came of it

    def runs(self, name: str) -> list[dict[str, Any]]:
        """The ledger of a connection, in the order of the beginnings; empty until it is there."""
        with suppress(Exception):
            return sorted(self.replicas[name].books("runs"), key=lambda run: str(run["started_at"]))
        return []

    def done_since(self, moment: float) -> bool:
        return all(
            any(run["status"] == "done" and at(run["started_at"]) > moment for run in self.runs(name))
            for name in self.connections
        )

    def log(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def refused(self) -> int:
        """How many requests went beyond a limit: the server's word."""
        return sum(entry.status == 429 for entry in self.faulty.log.read())

    def busiest(self, seconds: float = 60.0) -> int:
        """The most requests of one token and operation class in any such time, as the server saw them."""
        times: dict[tuple[str, str], list[float]] = {}
        for entry in self.faulty.log.read():
            times.setdefault((entry.token, ""), []).append(entry.at.timestamp())
        most = 0
        for found in times.values():
            first = 0
            for last, moment in enumerate(found):
                while moment - found[first] >= seconds:
                    first += 1
                most = max(most, last - first + 1)
        return most

    def overlaps(self) -> list[tuple[str, str, str]]:
        """Runs of one connection that went on at the same time, by its ledger."""
        found = []
        for name in self.connections:
            for one, other in pairwise(self.runs(name)):
                if one["finished_at"] is None or at(one["finished_at"]) > at(other["started_at"]) + 0.001:
                    found.append((name, one["id"], other["id"]))
        return found

    def differences(self, but: Sequence[str] = ()) -> None:
        """Raises AssertionError where a row of a replica is not as its workspace has the record."""
        self.sandbox._limiter = Limiter("off", self.sandbox.now)
        for name, (_, whose) in self.connections.items():
            replica = self.replicas[name]
            walk = Walk(self._asker(TOKENS[whose]), period="", volume={}, summary={})
            found = walk.standing()
            names = {row["object"] for row in replica.books("object_state")} - set(but)
            assert names, name
            assert names <= found.keys(), names - found.keys()
            for each in sorted(names):
                check = Check(each, walk.identity[each])
                check.holds(found[each], replica.rows(check.layout.object.table), replica.stored(check.layout))

    def _asker(self, token: str) -> Callable[[Request], Any]:
        def ask(request: Request) -> Any:
            headers = {**request.headers, "authorization": f"Bearer {token}"}
            return self.sandbox(Request(request.method, request.target, headers))

        return ask

    def counted_twice(self) -> list[tuple[str, str, int, int]]:
        """Objects of which the ledger inserted more or fewer rows than are there."""
        found = []
        for name, replica in self.replicas.items():
            inserted: Counter[str] = Counter()
            for row in replica.books("run_objects"):
                if row["status"] == "done":
                    inserted[row["object"]] += row["inserted"] - row["deleted"]
            states = {row["object"]: row["records"] for row in replica.books("object_state")}
            found += [(name, each, inserted[each], there) for each, there in states.items() if inserted[each] != there]
        return found


def at(moment: Any) -> float:
    return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).timestamp()


@contextmanager
def fleet(
    folder: Path, queue: str, connections: Mapping[str, tuple[str, str]], job: str, *, rate_limit: int, **counts: int
) -> Iterator[Fleet]:
    spaces = [
        Workspace(tokens=(Token(secret),), slug=f"space-{name}", seed=number, counts=dict(counts))
        for number, (name, secret) in enumerate(TOKENS.items(), 1)
    ]
    sandbox = Sandbox(workspaces=spaces, rate_limit=rate_limit)
    faulty = Faulty(sandbox, elsewhere=Sandbox(seed=9))
    with running(faulty) as url:
        made = Fleet(folder, queue, connections, sandbox, faulty, url, job)
        made.configure()
        try:
            yield made
        finally:
            made.close()


@dataclass
class Chaos:
    """Deaths and sleeps, at random; `takeovers` are the seconds from a death to the next run of the unit."""

    fleet: Fleet
    seed: int
    kills: int = 0
    sleeps: int = 0
    interrupted: list[tuple[str, float]] = field(default_factory=list)

    def go_on(self, seconds: float, *, longest_sleep: float = 12.0, pause: float = 2.0) -> None:
        chance = random.Random(self.seed)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(chance.uniform(0.3, 1.0) * pause)
            worker = chance.choice(self.fleet.workers)
            if chance.random() < 0.6:
                self.kill(worker)
                time.sleep(chance.uniform(0.2, 1.0))
                worker.start()
            else:
                self.sleeps += 1
                worker.signal(signal.SIGSTOP)
                time.sleep(chance.uniform(0.5, longest_sleep))
                worker.signal(signal.SIGCONT)

    def kill(self, worker: Worker) -> None:
        """Remembers which connections' runs it was in the midst of."""
        under_way = [
            name
            for name in self.fleet.connections
            for run in self.fleet.runs(name)[-1:]
            if run["status"] == "running" and f" process {worker.pid} " in f"{run['holder']} "
        ]
        worker.kill()
        self.kills += 1
        self.interrupted += [(name, time.time()) for name in under_way]

    def takeovers(self) -> list[float]:
        """For each run that was cut short, how long it took until the next one of its connection began."""
        found = []
        for name, moment in self.interrupted:
            later = [at(run["started_at"]) - moment for run in self.fleet.runs(name)]
            found += [min(seconds for seconds in later if seconds > 0)] if any(each > 0 for each in later) else []
        return found


def wait_for(condition: Callable[[], Any], seconds: float) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.1)
    return None
