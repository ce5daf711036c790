"""Finds the files that come with the program."""

from __future__ import annotations

from pathlib import Path

from replicator.errors import ReplicatorError

_PACKAGE = Path(__file__).resolve().parent


def migrations_path() -> Path:
    """The Alembic scripts: inside the package in a wheel, beside it in a checkout."""
    for folder in (_PACKAGE / "migrations", _PACKAGE.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise ReplicatorError(
        f"The migrations of segment-replicator are not at {_PACKAGE / 'migrations'}: "
        "the installation is incomplete. Install the package again."
    )
