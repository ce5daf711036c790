"""A fresh replica on each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.replica import Replica, replica
from tests.databases import Database


@pytest.fixture
def make(database: Database) -> Iterator[Callable[..., Replica]]:
    """Makes replicas in the test's database, and closes them."""
    made: list[Replica] = []

    def _make(*arguments: Any, **options: Any) -> Replica:
        made.append(replica(database.url, *arguments, **options))
        return made[-1]

    yield _make
    for each in made:
        each.target.close()


@pytest.fixture
def plans_replica(make: Callable[..., Replica]) -> Replica:
    return make()
