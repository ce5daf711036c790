"""What reading cost: for the closing table, the ledger and the progress display."""

from __future__ import annotations

import threading


class Counters:
    """Sums that several threads add to."""

    __slots__ = ("_lock", "refused", "requests", "retries", "waited", "waits")

    def __init__(self) -> None:
        self.requests = 0
        self.retries = 0
        #: Answers with status 429.
        self.refused = 0
        self.waits = 0
        #: Seconds, summed over the threads.
        self.waited = 0.0
        self._lock = threading.Lock()

    def add(self, **more: float) -> None:
        """Add to the sums of these names."""
        with self._lock:
            for name, value in more.items():
                setattr(self, name, getattr(self, name) + value)

    def __repr__(self) -> str:
        sums = ", ".join(f"{name}={getattr(self, name)}" for name in self.__slots__ if name != "_lock")
        return f"Counters({sums})"
