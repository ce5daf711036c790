"""A network and a replica of it, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from replicator.sandbox import Sandbox
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica
from tests.scenarios.test_push import ALL


@pytest.fixture
def network() -> Network:
    """A workspace in which time stands still."""
    moment = datetime.now(UTC)
    return Network(Sandbox(now=lambda: moment))


@pytest.fixture
def replica(target_url: str, network: Network) -> Iterator[Replica]:
    """On each kind of database in turn."""
    replica = Replica(target_url, network)
    yield replica
    replica.close()


@pytest.fixture
def one(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Iterator[Replica]:
    """In SQLite alone, for what the database has no part in."""
    replica = Replica(f"sqlite:///{tmp_path_factory.mktemp('replica') / 'replica.db'}", network)
    yield replica
    replica.close()


@pytest.fixture
def filled(replica: Replica) -> Replica:
    """After a run of all that can be edited, on each kind of database."""
    replica.run(*ALL)
    replica.network.written.clear()
    return replica


@pytest.fixture
def single(one: Replica) -> Replica:
    """The same, in SQLite alone."""
    one.run(*ALL)
    one.network.written.clear()
    return one
