"""A workspace over a real socket that somebody else changes, and a database that people edit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replicator.sandbox import Sandbox
from replicator.sandbox.server import running
from tests.canaries import TOKEN
from tests.cli.running import Run
from tests.scenarios import network as net
from tests.scenarios.network import Network

ENVIRON = {"SEGMENT_TOKEN": TOKEN}
CONFIGURATION = """
base_url = "{url}"
objects = ["TrackingPlans", "TrackingPlanRules", "SourceFunctions", "DestinationFunctions", "Suppressions"]
history = ["TrackingPlans", "SourceFunctions"]
push = true
[connections.acme]
target = "sqlite:///acme.db"
[jobs.often]
every = "15m"
{more}
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """Both ends of a connection, and the command line beside them."""

    network: Network
    replicator: Run

    def run(self) -> int:
        return self.replicator("run", "often", **ENVIRON).code

    def push(self) -> int:
        return self.replicator("apply", "--yes", **ENVIRON).code

    def do(self, sql: str, *values: object) -> None:
        with closing(sqlite3.connect("acme.db")) as database, database:
            database.execute(sql, values)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect("acme.db")) as database:
            return database.execute(sql).fetchall()

    def plan(self) -> tuple[str, str]:
        """The id and name of the first tracking plan."""
        ((identifier, name),) = self.rows("SELECT id, name FROM tracking_plans ORDER BY id LIMIT 1")
        return identifier, name

    def function(self) -> tuple[str, str]:
        """The id and code of the first source function."""
        ((identifier, code),) = self.rows("SELECT id, code FROM source_functions ORDER BY id LIMIT 1")
        return identifier, code

    def conflicting(self) -> str:
        """A plan whose name was edited on both sides, and a push that met it; the id of the conflict."""
        identifier, _ = self.plan()
        self.do("UPDATE tracking_plans SET name = ? WHERE id = ?", "Ours", identifier)
        self.network.write("PATCH", f"/tracking-plans/{identifier}", {"name": "Theirs"})
        assert self.push() == 4
        ((conflict,),) = self.rows("SELECT id FROM _replicator_conflicts")
        return str(conflict)

    def holding(self) -> None:
        """600 suppressions vanish, and a run that holds their deletions."""
        self.network.on("/suppressions", net.listing("suppressed", lambda found: []))
        assert self.run() == 4

    def theirs(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.network.write("GET", path)
        return found


@contextmanager
def scene(replicator: Run, folder: Path, more: str = "") -> Iterator[Scene]:
    """After its first run."""
    network: Any = Network(Sandbox())
    with running(network) as url:
        (folder / "replicator.toml").write_text(CONFIGURATION.format(url=url, more=more))
        made = Scene(network, replicator)
        assert made.run() == 0
        yield made


def schema_of(scene: Scene) -> tuple[str, dict[str, Any]]:
    """The key and JSON Schema of the first rule."""
    ((key, schema),) = scene.rows(
        "SELECT _key, json_schema FROM tracking_plan_rules WHERE type = 'TRACK' ORDER BY _key LIMIT 1"
    )
    return key, json.loads(schema)
