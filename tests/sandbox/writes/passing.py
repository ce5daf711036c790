"""A sandbox whose day passes when it is told to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client


class Day:
    def __init__(self) -> None:
        self.now: datetime = NOW

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


def client_with(**settings: Any) -> tuple[Client, Day]:
    day = Day()
    return Client(Sandbox(now=lambda: day.now, **settings)), day


def events(client: Client, count: int) -> list[tuple[str, str, str]]:
    """The last events of the trail, newest first, as they were written."""
    written = client.sandbox.world.state.events[::-1][:count]
    return [(event["type"], event["resourceType"], event["resourceId"]) for event in written]
