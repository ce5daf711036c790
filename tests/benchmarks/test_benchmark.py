from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

JOBS = {"drop", "bare", "full", "again"}


@pytest.mark.slow
def test_the_benchmark_counts_each_request_and_the_second_run_writes_no_row() -> None:
    command = [sys.executable, "-m", "benchmarks", "--target", "sqlite", "--rows", "2500", "--rounds", "1", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=110)
    found = json.loads(done.stdout)
    assert (found["rows"], found["rounds"], found["targets"].keys()) == (2500, 1, {"sqlite"})
    jobs = found["targets"]["sqlite"]
    assert jobs.keys() == JOBS
    for line in jobs.values():
        assert all(line[figure] > 0 for figure in ("wall_seconds", "cpu_seconds_per_100k", "peak_megabytes"))
    assert jobs["full"]["rows"] == jobs["bare"]["rows"] == jobs["full"]["rows_stored"] > 2 * 2500
    assert all(jobs[name]["requests"] == jobs[name]["requests_needed"] for name in ("drop", "bare"))
    asks_for_the_workspace = 1
    for name in ("full", "again"):
        assert jobs[name]["requests"] == jobs[name]["requests_needed"] + asks_for_the_workspace
    assert jobs["full"]["rows_written"] == jobs["full"]["rows"]
    assert jobs["again"]["rows_written"] == jobs["again"]["rows_stored"] == 0
