"""One measurement: a job (jobs.py) in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any


def measure(job: str, *arguments: str) -> dict[str, Any]:
    """Its figures; ends this program where the job fails."""
    command = [sys.executable, "-m", "benchmarks.jobs", job, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=_compiled())
    if done.returncode:
        sys.exit(f"The job {job} failed.")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@cache
def _compiled() -> dict[str, str]:
    """An environment in which modules are compiled once, as they are where pip installed the wheel."""
    folder = str(Path(tempfile.gettempdir()) / f"replicator-benchmarks-{os.getuid()}-{sys.hexversion:x}")
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = inherited | {"PYTHONPYCACHEPREFIX": folder}
    modules = "benchmarks.jobs, replicator.run, replicator.sandbox, alembic.autogenerate, psycopg, pymysql, httpx"
    subprocess.run([sys.executable, "-c", f"import {modules}"], check=False, env=environment)
    return environment
