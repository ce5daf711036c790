"""A queue of its own for each test, in a fresh PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.fleet.store import Store, open_store
from replicator.settings import FleetSettings
from tests import canaries, databases


@pytest.fixture
def queue_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    try:
        with databases.fresh("postgresql", tmp_path) as fresh:
            # As libpq has it, and as people write it.
            yield fresh.url.replace("postgresql+psycopg", "postgresql")
            canaries.check(request.node, fresh.url)
    except databases.NoServer as error:
        pytest.skip(str(error))


@pytest.fixture
def fleet_settings(queue_url: str) -> FleetSettings:
    return FleetSettings(queue=queue_url)


@pytest.fixture
def store(fleet_settings: FleetSettings) -> Iterator[Store]:
    opened = open_store(fleet_settings)
    yield opened
    opened.close()
