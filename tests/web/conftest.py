"""A configuration in a folder of its own, as the command line's tests have it."""

from __future__ import annotations

from tests.cli.conftest import folder, replicator

__all__ = ["folder", "replicator"]
