"""One soak of one kind of database, from the empty folder to the verdict."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from replicator.sandbox.faults.log import token_of

from . import judge
from .life import FAULTS, Life, Rhythm, Watch
from .people import People
from .processes import PROGRAM, Daemon, Sandbox, command, standing
from .servers import Server, serving
from .workspace import Workspace

COUNTS = {
    "Sources": 12,
    "Destinations": 12,
    "TrackingPlans": 9,
    "RulesPerPlan": 16,
    "SourceFunctions": 4,
    "DestinationFunctions": 4,
    "Suppressions": 3000,
    "AuditEvents": 0,
    "Spaces": 0,
}
SYNCED = ("TrackingPlans", "TrackingPlanRules", "SourceFunctions", "DestinationFunctions")
_CONFIGURATION = """
target = "{target}"
base_url = "{base_url}"
objects = ["core"]
history = ["{history}"]
push = true
push_deletes = true
concurrency = 4
deadline = 20

[jobs.follow]
every = "{follow}s"

[jobs.both]
objects = {synced}
sync = true
every = "{both}s"

[jobs.whole]
mode = "full"
every = "{whole}s"
"""
_WEB = '\n[web]\nlisten = "127.0.0.1:{port}"\n'
#: Seconds for the first runs to fill the tables.
_FIRST = 300.0
_STARTS = 5.0


@dataclass
class Verdict:
    kind: str
    figures: dict[str, Any] = field(default_factory=dict)
    #: Name of a check -> what it found.
    problems: dict[str, list[str]] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        return not any(self.problems.values())


def soak(kind: str, minutes: float, seed: int, say: Callable[[str], None], keep: Path | None = None) -> Verdict:
    """Raises NoServer. `keep`: where logs are copied to."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True)))
        own = folder / "server"
        own.mkdir()
        folder.chmod(0o755)
        server = stack.enter_context(serving(kind, own))
        sandbox = Sandbox(folder, COUNTS, seed)
        stack.callback(sandbox.stop)
        engine = create_engine(server.url, poolclass=NullPool)
        try:
            return _soak(_Stage(kind, folder, server, sandbox, engine, Random(seed), say), minutes * 60)
        finally:
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                for log in folder.glob("*.log"):
                    shutil.copy(log, keep / f"{kind}-{log.name}")


@dataclass
class _Stage:
    kind: str
    folder: Path
    server: Server
    sandbox: Sandbox
    engine: Engine
    random: Random
    say: Callable[[str], None]

    def configuration(self, seconds: float) -> str:
        quick = seconds < 300
        return _CONFIGURATION.format(
            target=self.server.url,
            base_url=self.sandbox.url,
            history='core", "-AuditEvents',
            synced=json.dumps(SYNCED),
            follow=8 if quick else 15,
            both=5 if quick else 8,
            whole=40 if quick else 120,
        )


def _soak(stage: _Stage, seconds: float) -> Verdict:
    workspace = Workspace(stage.sandbox.url)
    people = People(stage.engine, workspace, stage.random)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = stage.configuration(seconds)
    kept = Daemon("kept", stage.folder, configuration + _WEB.format(port=port))
    victim = Daemon("victim", stage.folder, configuration)
    with standing((kept, victim)):
        _filled(stage.engine)
        stage.say("the tables are filled; life begins")
        stage.sandbox.asked("/faults", "PUT", list(FAULTS))
        watch = Watch(stage.server, stage.sandbox, kept, f"http://127.0.0.1:{port}/healthz", stage.say)
        watch.every = 2 if seconds < 300 else 5
        watch.start()
        Life(people, stage.server, victim, Rhythm.of(seconds), stage.random, stage.say).live(seconds)
        faults = stage.sandbox.asked("/faults")["faults"]
        stage.sandbox.asked("/faults", "DELETE")
        watch.over.set()
        watch.join()
        # One that was started this moment does not heed SIGTERM yet.
        time.sleep(_STARTS)
        ends = {daemon.name: daemon.end() for daemon in (victim, kept)}
    stage.say("the faults are over and the daemons have ended; two cycles, then the verdict")
    verdict = Verdict(stage.kind)
    verdict.figures |= {
        "minutes": round(seconds / 60, 1),
        "kills": victim.kills,
        "stops": victim.stops,
        "restarts": stage.server.restarts,
        "crashes": stage.server.crashes,
        "deeds": dict(sorted(people.written.done.items())),
        "requests": watch.requests,
        "struck": sum(each["struck"] for each in faults),
        "faults": {_name(each["fault"]): each["struck"] for each in faults},
        "health": {"well": watch.healthy, "ill": watch.unhealthy},
        "growth": judge.growth(watch.samples),
        "connections": {"most": watch.most_connections, "left": stage.server.connections()},
        "ends": {name: {"code": code, "seconds": round(took, 1)} for name, (code, took) in ends.items()},
    }
    _settle(stage, verdict)
    _judge(stage, verdict, people, workspace, watch, (kept, victim))
    return verdict


def _name(fault: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fault.items() if name != "probability")


def _filled(engine: Engine) -> None:
    until = time.monotonic() + _FIRST
    while time.monotonic() < until:
        try:
            with engine.connect() as connection:
                done = connection.exec_driver_sql("SELECT count(*) FROM destination_functions").scalar_one()
                rules = connection.exec_driver_sql("SELECT count(*) FROM tracking_plan_rules").scalar_one()
            if done and rules:
                return
        except SQLAlchemyError:
            pass
        time.sleep(0.5)
    raise RuntimeError("the first runs did not fill the tables in time")


def _settle(stage: _Stage, verdict: Verdict) -> None:
    """What a person does after the storm: decides the conflicts. Two cycles before and two after are all it takes."""
    problems = verdict.problems.setdefault("settling", [])

    def replicator(*words: str, well: Sequence[int] = (0,)) -> str:
        code, out, err = _replicator(stage, *words)
        if code not in well:
            problems.append(f"{' '.join(words)} ended with {code}: {out[-600:]} {err[-600:]}")
        return out

    def cycle() -> None:
        # 4 and the like: conflicts wait for a person.
        replicator("run", "both", well=range(5))
        replicator("run", "follow", well=range(5))

    cycle()
    decided = 0
    for _ in range(5):
        found = json.loads(replicator("conflicts", "--json"))["conflicts"]
        if not found:
            break
        for each in found:
            side = stage.random.choice(("--ours", "--theirs"))
            replicator("resolve", each["id"], side, well=(0, 2))
            decided += 1
        replicator("run", "both", well=range(5))
    verdict.figures["conflicts_decided"] = decided
    cycle()
    cycle()
    before = stage.sandbox.asked("/log?limit=0")["last"]
    replicator("run", "both")
    replicator("run", "follow")
    wrote = stage.sandbox.asked(f"/log?effect=true&since={before}")["entries"]
    problems += [f"a cycle too many sent {each['method']} {each['target']} {each['body'][:200]}" for each in wrote]
    problems += [f"a cycle too many changed rows: {line}" for line in judge.changes(stage.engine, 2)]
    left = replicator("pending", "--json")
    verdict.figures["pending"] = left[:300]


def _replicator(stage: _Stage, *words: str) -> tuple[int, str, str]:
    file = str(stage.folder / "victim.toml")
    return command((*words, "--config", file), {"SEGMENT_TOKEN": PROGRAM}, stage.folder)


def _judge(
    stage: _Stage, verdict: Verdict, people: People, workspace: Workspace, watch: Watch, daemons: Sequence[Daemon]
) -> None:
    watch.read_log()
    found, identity = judge.walked(workspace)
    followed, _, _ = judge.differences(stage.server.url, found, identity, judge.FOLLOWED)
    _replicator(stage, "run", "whole")
    differ, records, values = judge.differences(stage.server.url, found, identity, ("core",))
    verdict.figures |= {"records": records, "values": values, "ledger": judge.books(stage.engine)}
    program = token_of({"authorization": f"Bearer {PROGRAM}"})
    ours = [each for each in watch.writes.values() if each["token"] == program and each["effect"]]
    verdict.figures["writes"] = len([each for each in ours if each["method"] != "GET"])
    lines = [(daemon.name, line) for daemon in daemons for line in daemon.lines()]
    stages = [name for name in inspect(stage.engine).get_table_names() if "stage" in name]
    ends, health = verdict.figures["ends"], verdict.figures["health"]
    verdict.problems |= {
        "content, after two cycles": followed,
        "content, after a whole run": differ,
        "people": people.refused,
        "edits lost": judge.lost(people.written, found),
        "effects twice": judge.twice(people.written, watch.writes.values(), program),
        "growth": judge.grown(verdict.figures["growth"], long=verdict.figures["minutes"] >= 10),
        "mistakes": [f"{name}: {line}" for name, line in lines if _mistaken(line)][:20],
        "ends": [f"{name}: {each}" for name, each in ends.items() if each["code"] or each["seconds"] > 30],
        "health": [f"{health['ill']} times /healthz did not answer well"] if health["ill"] else [],
        "left over": [
            *(f"table {name}" for name in stages),
            *(
                [f"{verdict.figures['connections']['left']} connections"]
                if verdict.figures["connections"]["left"]
                else []
            ),
        ],
    }


def _mistaken(line: Mapping[str, Any]) -> bool:
    told = str(line.get("event", "")) + str(line.get("raw", ""))
    return "mistake" in told or "Traceback" in told


def as_data(verdict: Verdict) -> dict[str, Any]:
    return asdict(verdict) | {"well": verdict.well}
