"""What the page is about, as the composition root hands it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from replicator.catalog.detection import Detection
    from replicator.catalog.model import Object
    from replicator.options import Options
    from replicator.segment.client import Client
    from replicator.settings import Job, Settings
    from replicator.target.database import Target
    from replicator.watch.live import Running

#: What monitors ask: without login, cookie and Host check.
PROBES = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a monitor is told."""

    status: int
    text: str
    type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Turn:
    """A job of one connection: how it went last, and when it is due; None while it runs, and without a schedule."""

    job: Job
    status: str | None
    began: datetime | None
    ended: datetime | None
    due: datetime | None


class Site(Protocol):
    """The connections that the daemon keeps, by name."""

    def connections(self) -> Mapping[str, Settings]: ...

    def turns(self, name: str, target: Target) -> Sequence[Turn]: ...

    def jobs(self, name: str) -> Sequence[Job]: ...

    def wake(self, name: str) -> None:
        """Its thread looks at once what is due."""

    def silent(self, name: str) -> float | None:
        """For how many seconds its thread gave no sign of life, if that is too long."""

    def live(self, name: str) -> Running | None:
        """The run of it that goes on in this process."""

    def books(self, name: str) -> AbstractContextManager[Target]:
        """Its database. Raises ReplicatorError where there is nothing to read yet."""

    def client(self, name: str) -> AbstractContextManager[Client]: ...

    def options(self, name: str) -> Options: ...

    def detection(self, name: str, thing: Object) -> Detection: ...

    def told(self, error: Exception) -> str:
        """One sentence without a secret, for people."""

    def probe(self, path: str) -> Answer:
        """The answer to one of PROBES."""
