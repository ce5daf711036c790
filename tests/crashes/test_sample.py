"""Some of the sweep's cases on each kind of database; `python -m tests.crashes` tries all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import databases

ROOT = Path(__file__).resolve().parents[2]
CASES = 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", databases.kinds())
@pytest.mark.parametrize("asked", [["--flow", "changes"], ["--double"]])
def test_what_a_crash_leaves_is_true_and_the_next_run_mends_it(kind: str, asked: list[str]) -> None:
    if kind != "sqlite":
        try:
            databases.server(kind)
        except databases.NoServer as error:
            pytest.skip(str(error))
    # The sweep forks, so it needs a process without threads.
    command = [sys.executable, "-m", "tests.crashes", "--database", kind, "--json", "--sample", str(CASES), *asked]
    told = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False, timeout=110)
    reports = json.loads(told.stdout.splitlines()[-1])
    assert told.returncode == 0, told.stderr
    (report,) = reports
    assert report["runs"] == CASES
    assert report["points"] > 60
    assert not report["violations"]
