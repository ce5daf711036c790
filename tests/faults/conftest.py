"""A workspace over a real socket and its replica, and one in process on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.served import Served, served
from tests.scenarios.conftest import network, replica

__all__ = ["network", "replica"]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as made:
        yield made
