"""`python -m tests.mutations`: plants each bug in a copy of the sources and says which ones no test notices."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutations.planted import MUTATIONS, Mutation
from tests.mutations.told import TOLD

ROOT = Path(__file__).parents[2]
#: A bug may make a test wait for ever.
PATIENCE = 600


def main() -> int:
    asked = _asked()
    chosen = [each for each in (*MUTATIONS, *TOLD) if asked.only in each.name]
    began = time.monotonic()
    with ThreadPoolExecutor(asked.workers) as pool:
        survivors = [
            name for name, caught in pool.map(lambda each: _tried(each, asked.databases), chosen) if not caught
        ]
    sys.stdout.write(
        f"{len(chosen) - len(survivors)} of {len(chosen)} bugs were caught, {time.monotonic() - began:.0f} s\n"
    )
    return 1 if survivors else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="bugs whose name contains this")
    parser.add_argument("--databases", action="store_true", help="on every database, not on SQLite alone")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="at once (%(default)s)")
    return parser.parse_args()


def _tried(mutation: Mutation, databases: bool) -> tuple[str, bool]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        code = _run(mutation, Path(folder), databases=databases)
    # 1: tests failed. Any other code would say that none were run.
    word = {0: "SURVIVED", 1: "caught"}.get(code, f"NOT TRIED (pytest ended with {code})")
    sys.stdout.write(f"{word:9} {mutation.name} ({time.monotonic() - began:.0f} s)\n")
    sys.stdout.flush()
    return mutation.name, code == 1


def _run(mutation: Mutation, folder: Path, *, databases: bool) -> int:
    copy = folder / "project"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")
    shutil.copytree(ROOT, copy, ignore=ignored)
    contract = ROOT.parent / "shared"
    if contract.exists():
        (folder / "shared").symlink_to(contract.resolve())
    plant(mutation, copy / "replicator")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *mutation.tests]
    if not databases:
        command += ["-k", "not postgresql and not mariadb and not mysql"]
    environ = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return 1
    return done.returncode


def plant(mutation: Mutation, package: Path) -> None:
    """Changes the source. Raises ValueError where it is no longer as the mutation says."""
    path = package / mutation.file
    source = path.read_text("utf-8")
    if source.count(mutation.old) != 1:
        raise ValueError(f"{mutation.name}: {mutation.file} has {mutation.old!r} {source.count(mutation.old)} times")
    path.write_text(source.replace(mutation.old, mutation.new), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
