"""Some of the sweep's crashes on each database; `python -m tests.crashes` makes them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crashes.workspace import FLOWS
from tests.databases import Database

ROOT = Path(__file__).parents[2]
#: Of each flow; REPLICATOR_CRASHES asks for more.
CASES = int(os.environ.get("REPLICATOR_CRASHES", "6"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("flow", [name for name in FLOWS if name != "pair"])
def test_the_next_run_mends_what_a_crash_left_behind(database: Database, flow: str) -> None:
    _sweep(database.kind, "--flow", flow)


def test_a_crash_while_a_crash_is_being_mended_is_mended_too(database: Database) -> None:
    _sweep(database.kind, "--double")


def _sweep(kind: str, *words: str) -> None:
    """In a process of its own: a sweep forks, and changes what it forks."""
    command = [sys.executable, "-m", "tests.crashes", "--database", kind, "--sample", str(CASES), "--json", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    (report,) = json.loads(done.stdout)
    assert not report["violations"], "\n".join(report["violations"])
    # A crash that was never reached proves nothing.
    assert report["runs"] - report["missed"] >= CASES // 2
