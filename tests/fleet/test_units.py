"""A unit whose worker cannot reach the target, as the planner can."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from replicator.cli.units import Units
from replicator.fleet.hands import Again
from replicator.fleet.queue import Unit
from replicator.fleet.store import Store
from replicator.settings import load_all

TEXT = """
region = "sandbox"
target = "TARGET"
objects = ["Labels"]
[jobs.often]
every = "5s"
"""


def test_it_waits_in_the_queue_longer_each_time_until_the_target_is_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def configuration(target: str) -> None:
        (tmp_path / "replicator.toml").write_text(TEXT.replace("TARGET", target))
        units.found = load_all({}, {})

    def waits() -> list[float]:
        found = []
        for _ in range(3):
            with pytest.raises(Again) as again:
                units.perform(Unit("default", "often", ""))
            found.append(again.value.seconds)
        return found

    (tmp_path / "replicator.toml").write_text(TEXT.replace("TARGET", "sqlite:///replica.db"))
    units = Units(load_all({}, {}), {}, store, Event(), b"secret")
    configuration("postgresql://nobody@127.0.0.1:1/none")
    assert waits() == [2, 4, 8]
    configuration("sqlite:///replica.db")
    units.perform(Unit("default", "often", ""))
    configuration("postgresql://nobody@127.0.0.1:1/none")
    assert waits() == [2, 4, 8]
