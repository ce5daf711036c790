"""What the status page is about: the connections that the daemon keeps (replicator/web/site)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from replicator.errors import ReplicatorError
from replicator.web.site import Answer, Turn

from . import connection, objects, resort, turns

if TYPE_CHECKING:
    from replicator.catalog.detection import Detection
    from replicator.catalog.model import Object
    from replicator.options import Options
    from replicator.segment.client import Client
    from replicator.settings import Job, Settings
    from replicator.target.database import Target
    from replicator.watch.live import Running

    from .keeper import Keeper
    from .web import Monitor

log = logging.getLogger("replicator.web")


class Kept:
    """A Site, of what the monitor follows."""

    def __init__(self, monitor: Monitor, environ: Mapping[str, str]) -> None:
        self._monitor, self._environ = monitor, environ

    def connections(self) -> Mapping[str, Settings]:
        found, keepers = self._monitor.kept()
        return {name: each for name, each in found.connections.items() if name in keepers} if found else {}

    def jobs(self, name: str) -> Sequence[Job]:
        return self._keeper(name).jobs

    def wake(self, name: str) -> None:
        self._keeper(name).wake()

    def turns(self, name: str, target: Target) -> Sequence[Turn]:
        found, _ = turns.of(target, name, list(self.jobs(name)))
        return [
            Turn(each.job, each.last.status, each.last.began, each.last.ended, each.due)
            if each.last
            else Turn(each.job, None, None, None, each.due)
            for each in found
        ]

    def silent(self, name: str) -> float | None:
        keeper = self._keeper(name)
        return None if keeper.lives() or keeper.gone() else keeper.age()

    def live(self, name: str) -> Running | None:
        return self._keeper(name).live.seen()

    def books(self, name: str) -> AbstractContextManager[Target]:
        return connection.books(self.connections()[name])

    def client(self, name: str) -> AbstractContextManager[Client]:
        return connection.open_client(self.connections()[name], self._environ)

    def options(self, name: str) -> Options:
        return connection.run_options(self.connections()[name], ("all",))

    def detection(self, name: str, thing: Object) -> Detection:
        return objects.detected(thing, self.connections()[name])

    def told(self, error: Exception) -> str:
        if isinstance(error, ReplicatorError):
            return resort.scrubbed(str(error), self._environ)
        log.error("mistake in this program", exc_info=error, extra={"kind": type(error).__name__})
        return f"This is a mistake in the program ({type(error).__name__}); the daemon's log has more."

    def probe(self, path: str) -> Answer:
        return self._monitor.answer(path) or Answer(404, "There is no such page.\n")

    def _keeper(self, name: str) -> Keeper:
        return self._monitor.kept()[1][name]
