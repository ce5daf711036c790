from __future__ import annotations

from datetime import UTC, datetime

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.contract import Client

NOW = datetime(2026, 11, 23, 20, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def client() -> Client:
    """A small workspace on a day that does not pass."""
    return Client(Sandbox(now=lambda: NOW))
