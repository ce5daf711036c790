"""A clock that moves only when somebody sleeps, and clients that live on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from replicator.catalog.model import Listing
from replicator.segment.client import Client
from replicator.segment.limits import Limits, Wait
from replicator.segment.token import Token

Connect = Callable[..., Client]

SOURCES = Listing(operation="listSources", path="/sources", items=("sources",), page_size=3)


class Clock:
    """Time that passes by sleeping; sleepers in several threads wake at the moments that they asked for."""

    def __init__(self) -> None:
        self._begin = datetime(2026, 3, 1, tzinfo=UTC)
        self._passed = 0.0
        self._lock = threading.Lock()
        self.waits: list[Wait] = []

    def monotonic(self) -> float:
        return self._passed

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=self._passed)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._passed += seconds

    def sleep_until(self, moment: float) -> None:
        with self._lock:
            self._passed = max(self._passed, moment)

    @property
    def slept(self) -> list[float]:
        """The waits that were announced, in seconds."""
        return [wait.seconds for wait in self.waits]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connect(clock: Clock) -> Iterator[Connect]:
    """A client of a URL or of a callable, on the test's clock."""
    with ExitStack() as stack:

        def connected(to: Any, **settings: Any) -> Client:
            where = {"base_url": to} if isinstance(to, str) else {"base_url": "http://sandbox", "transport": to}
            defaults = {
                "token": Token("sandbox"),
                "limits": Limits(clock=clock.monotonic),
                "sleep": clock.sleep,
                "now": clock.now,
                "on_wait": clock.waits.append,
            }
            return stack.enter_context(Client(**(defaults | where | settings)))

        yield connected
