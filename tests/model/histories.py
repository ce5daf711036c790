"""Runs so many histories on one kind of database."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.crashes import places
from tests.model.machine import Histories
from tests.model.world import WORDS, World
from tests.scenarios.replica import Replica

#: Deeds and runs of one history, at most.
STEPS = 6
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


def run(kind: str, number: int, seed: int) -> None:
    """The same ones for a seed. Raises what the shortest history that goes wrong does."""
    folder = tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
    with folder as path, places.opened(kind, Path(path)) as base:
        replica = Replica(base.url, World().network)
        assert replica.run(*WORDS, history=frozenset(WORDS)).status == "done"
        replica.close()
        base.keep()
        machine = type("Machine", (Histories,), {"base": base, "replica": replica})
        hypothesis.seed(seed)(machine)
        try:
            run_state_machine_as_test(machine, settings=_settings(number))
        except BaseException as error:
            again = f"--database {kind} --histories {number} --processes 1 --seed {seed}"
            error.add_note(f"The same again: python -m tests.model {again}")
            raise


def _settings(number: int) -> settings:
    return settings(
        max_examples=number,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
