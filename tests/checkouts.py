"""Copies of this checkout as a stranger would have it, and the program's commands run in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import databases

ROOT = Path(__file__).resolve().parent.parent
_OURS = ("REPLICATOR_", "SEGMENT_", "PYTEST_", "COV_", "VIRTUAL_ENV", "PYTHONPATH")


def copy_to(folder: Path) -> Path:
    """What a clone would hold: files that git tracks, or would if they were added."""
    listing = _output("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT)
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def run(command: str, folder: Path, python: str = sys.executable) -> str:
    """What a shell command prints on a machine with that Python and no database; fails with all of its output."""
    return _output("/bin/sh", "-c", command, cwd=folder, python=python)


def _output(*command: str, cwd: Path, python: str = sys.executable) -> str:
    env = _environment(python)
    done = subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _environment(python: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    path = f"{Path(python).parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | dict.fromkeys(databases.ENVIRONMENT.values(), "") | {"PATH": path, "COLUMNS": "120"}
