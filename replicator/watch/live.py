"""How far the run that goes on in this process is: told by its threads, asked by others."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replicator.outcome import ObjectResult
    from replicator.segment.client import Wait

Stage = str
#: What an object of a run can be at.
WAITS, READS = "waits", "reads"


@dataclass(frozen=True, slots=True)
class Reach:
    """One object of the run; `status` is that of its result once it has one."""

    object: str
    status: Stage = WAITS
    pages: int = 0
    rows: int = 0
    requests: int = 0
    listings: int = 0
    listings_done: int = 0
    total: int | None = None
    error: str | None = None
    changed: int = 0

    @property
    def ended(self) -> bool:
        return self.status not in {WAITS, READS}

    @property
    def share(self) -> tuple[int, int] | None:
        """How much of how much, where that is known."""
        if self.listings > 1:
            return self.listings_done, self.listings
        return (min(self.rows, self.total), self.total) if self.total else None


@dataclass(frozen=True, slots=True)
class Running:
    """One moment of the run."""

    run_id: str
    job: str
    began: datetime
    seconds: float = 0.0
    objects: Sequence[Reach] = ()
    #: Why all of it waits, and for how many seconds yet.
    waits: str = ""
    wait_left: float = 0.0

    @property
    def done(self) -> int:
        return sum(each.ended for each in self.objects)

    @property
    def requests(self) -> int:
        return sum(each.requests for each in self.objects)

    @property
    def going(self) -> list[Reach]:
        """The objects that are being read."""
        return [each for each in self.objects if each.status == READS]


@dataclass(slots=True)
class _Run:
    id: str
    job: str
    began: datetime
    at: float
    objects: dict[str, Reach]
    waits: str = ""
    waits_until: float = 0.0


@dataclass(slots=True)
class Live:
    """A Progress (replicator/outcome) that can be asked; of one connection, whose runs come one after the other."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _run: _Run | None = None
    _job: str = ""

    def of_job(self, name: str) -> None:
        """What begins next is a run of that job."""
        with self._lock:
            self._job = name

    def over(self) -> None:
        """No run goes on."""
        with self._lock:
            self._run = None

    def seen(self) -> Running | None:
        """This moment of the run that goes on."""
        with self._lock:
            run = self._run
            if run is None:
                return None
            now = monotonic()
            left = max(0.0, run.waits_until - now)
            objects = tuple(run.objects.values())
            return Running(run.id, run.job, run.began, now - run.at, objects, run.waits if left else "", left)

    def began(self, run_id: str, objects: Sequence[str]) -> None:
        with self._lock:
            self._run = _Run(run_id, self._job, datetime.now(UTC), monotonic(), {name: Reach(name) for name in objects})

    def reading(self, name: str, partitions: int) -> None:
        self._note(name, {"status": READS, "listings": partitions})

    def page(self, name: str, *, rows: int, requests: int, done_partitions: int, total: int | None) -> None:
        figures = {"status": READS, "rows": rows, "requests": requests, "listings_done": done_partitions}
        self._note(name, {**figures, "total": total}, pages=1)

    def waiting(self, wait: Wait) -> None:
        with self._lock:
            if self._run:
                self._run.waits, self._run.waits_until = wait.why, monotonic() + wait.seconds

    def finished(self, result: ObjectResult) -> None:
        changed = result.inserted + result.updated + result.deleted
        figures = {"status": result.status, "rows": result.records, "requests": result.requests}
        self._note(result.object, {**figures, "error": result.error, "changed": changed})

    def _note(self, name: str, values: Mapping[str, object], *, pages: int = 0) -> None:
        with self._lock:
            if self._run is None:
                return
            known = self._run.objects.get(name, Reach(name))
            if known.ended and values.get("status") == READS:
                # Two threads told in another order than it happened.
                return
            self._run.objects[name] = replace(known, pages=known.pages + pages, **values)  # type: ignore[arg-type]
