"""One measurement: a job (jobs.py) in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def measure(job: str, *arguments: str) -> dict[str, Any]:
    """Its figures; ends this program where the job fails."""
    command = [sys.executable, "-m", "benchmarks.jobs", job, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"The job {job} failed.")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
