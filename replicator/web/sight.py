"""What the overview shows of each connection: read at most once in a few seconds, and never waited for longer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replicator.target.decisions import Decisions
from replicator.watch import figures, runs

if TYPE_CHECKING:
    from datetime import datetime

    from replicator.target.database import Target
    from replicator.watch.figures import Figures
    from replicator.web.site import Site, Turn

#: A reading serves every question of so many seconds.
_FRESH = 2.0
#: A page waits for a database no longer; the reading goes on and serves the next one.
PATIENCE = 4.0
#: So many runs are drawn.
DRAWN = 40

log = logging.getLogger("replicator.web")


@dataclass(frozen=True, slots=True)
class Sight:
    """One connection, as its database has it."""

    figures: Figures
    turns: Sequence[Turn]
    #: The newest runs, newest first.
    runs: Sequence[Mapping[str, Any]]
    #: The objects whose deletions the next run may perform.
    approved: Collection[str]

    @property
    def now(self) -> datetime:
        return self.figures.now

    @property
    def held(self) -> list[str]:
        """The objects whose deletions wait for a person."""
        return sorted(name for name, state in self.figures.objects.items() if state.status == "needs_person")

    @property
    def conflicts(self) -> int:
        return sum(self.figures.conflicts.values())

    @property
    def quarantined(self) -> int:
        return sum(self.figures.quarantined.values())


@dataclass(frozen=True, slots=True)
class Seen:
    """The sight, or why there is none."""

    sight: Sight | None
    why: str = ""


def read(site: Site, name: str, target: Target) -> Sight:
    """Asks the database. Raises TargetError."""
    with target.reading() as connection:
        approved = Decisions(target).approved(connection)
    return Sight(
        figures.read(target),
        site.turns(name, target),
        runs.newest(target, DRAWN),
        frozenset(approved),
    )


class Sights:
    """One reading of each connection at a time, each in a thread of its own."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Seen]] = {}
        self._going: dict[str, _Reading] = {}

    def of(self, name: str) -> Seen:
        """What is known of that connection now."""
        return self.every([name])[name]

    def every(self, names: Sequence[str]) -> dict[str, Seen]:
        """Of all those at once: one that is slow keeps no other waiting."""
        until = time.monotonic() + PATIENCE
        asked = {name: self._asked(name) for name in names}
        return {name: found if isinstance(found, Seen) else found.within(until) for name, found in asked.items()}

    def forget(self, name: str) -> None:
        """Something was changed: the next question reads anew."""
        with self._lock:
            self._known.pop(name, None)
            self._going.pop(name, None)

    def _asked(self, name: str) -> Seen | _Reading:
        with self._lock:
            known = self._known.get(name)
            if known and time.monotonic() - known[0] <= _FRESH:
                return known[1]
            if name not in self._going:
                self._going[name] = reading = _Reading()
                threading.Thread(target=self._read, args=(name, reading), name=f"web {name}", daemon=True).start()
            return self._going[name]

    def _read(self, name: str, reading: _Reading) -> None:
        try:
            with self._site.books(name) as target:
                seen = Seen(read(self._site, name, target))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page shows it, and the others
            seen = Seen(None, self._site.told(error))
        with self._lock:
            if self._going.get(name) is reading:
                self._known[name] = time.monotonic(), seen
                del self._going[name]
        reading.end(seen)


class _Reading:
    def __init__(self) -> None:
        self._over = threading.Event()
        self._seen = Seen(None, f"Its database gave no answer within {PATIENCE:.0f} seconds; it is still being asked.")

    def end(self, seen: Seen) -> None:
        self._seen = seen
        self._over.set()

    def within(self, until: float) -> Seen:
        self._over.wait(max(0.0, until - time.monotonic()))
        return self._seen
