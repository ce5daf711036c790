from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_of_an_unchanged_object_the_yardstick_and_the_product_both_find_every_row_as_it_was() -> None:
    command = [sys.executable, "-m", "benchmarks.unchanged", "--target", "sqlite", "--rows", "2500", "--rounds", "1"]
    done = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=110)
    jobs = json.loads(done.stdout)["targets"]["sqlite"]
    assert jobs.keys() == {"compare", "unchanged"}
    for line in jobs.values():
        assert (line["rows"], line["written"]) == (2500, 0)
        assert all(line[figure] > 0 for figure in ("wall", "cpu", "peak", "wall_ratio", "cpu_ratio"))
