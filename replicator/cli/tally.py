"""Sums of what clients counted, which outlive the client of each run."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replicator.segment.counters import Counters


class Tally:
    """What the clients of one connection counted in this process, those of runs that go on included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: dict[str, float] = {}
        self._going: Counters | None = None

    @contextmanager
    def counting(self, counters: Counters) -> Iterator[None]:
        """Inside, these count, too; afterwards their sums stay."""
        with self._lock:
            self._going = counters
        try:
            yield
        finally:
            with self._lock:
                self._ended, self._going = self._with(counters), None

    def sums(self) -> Mapping[str, float]:
        """Empty until a client was made."""
        with self._lock:
            return self._with(self._going) if self._going else dict(self._ended)

    def _with(self, counters: Counters) -> dict[str, float]:
        names = ("requests", "retries", "refused", "waits", "waited")
        return {name: self._ended.get(name, 0) + getattr(counters, name) for name in names}
