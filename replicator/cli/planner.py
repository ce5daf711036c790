"""One connection's jobs in a fleet: what is due goes into the queue, and workers perform it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from . import turns
from .keeper import Keeper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.fleet.queue import Queue
    from replicator.settings import Job, Settings


#: So many ledgers are asked at once, of however many connections.
_ASKING = threading.BoundedSemaphore(8)
#: How soon to look again after a unit that waits or runs.
_LOOK = 5.0
#: How soon to look in any case: of what others began and did not end a part is due at once.
_IDLE = 60.0

log = logging.getLogger("replicator.daemon")


class Planner(Keeper):
    """A keeper that hands its jobs over instead of performing them."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        jobs: list[Job],
        environ: Mapping[str, str],
        before: Keeper | None,
        queue: Queue,
    ) -> None:
        super().__init__(name, settings, jobs, environ, before)
        self._queue = queue

    def _performed(self) -> float:
        with _ASKING:
            found, now, busy = self._asked()
        due = turns.in_order(found, now)
        for turn in due:
            self._hand_over(turn)
        waits = [(turn.due - now).total_seconds() for turn in found if turn.due and turn.due > now]
        return min([*waits, _LOOK if due or busy else _IDLE])

    def _hand_over(self, turn: turns.Turn) -> None:
        from replicator.fleet.queue import Unit

        if self._queue.put(Unit(self.connection, turn.job.name, turn.after)):
            log.info("unit waits for a worker", extra={"job": turn.job.name})
