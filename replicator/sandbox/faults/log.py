"""What was asked and what became of it: append-only, bounded, with the bodies that were sent.

Tests read from it that an intent had one effect at most, so it counts what the sandbox did, whatever the client saw.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Entry(NamedTuple):
    number: int
    #: When the answer was ready.
    at: datetime
    method: str
    target: str
    operation: str
    #: What the client was sent; None if nothing.
    status: int | None
    #: answered, cut, reset or lost.
    outcome: str
    #: Whether the sandbox carried out a write.
    effect: bool
    #: The kinds of the faults that struck.
    faults: tuple[str, ...]
    #: A digest that tells tokens apart and is none.
    token: str
    body: str


class Log:
    """The newest entries, as many as both bounds allow; `dropped` counts the others."""

    def __init__(self, *, entries: int = 100_000, body_bytes: int = 64 * 2**20) -> None:
        self._entries: deque[Entry] = deque()
        self._most = entries
        self._most_bytes = body_bytes
        self._bytes = 0
        self._lock = Lock()
        self.last = 0
        self.dropped = 0

    def add(self, make: Callable[[int], Entry]) -> None:
        with self._lock:
            self.last += 1
            entry = make(self.last)
            self._entries.append(entry)
            self._bytes += len(entry.body)
            while len(self._entries) > self._most or (self._bytes > self._most_bytes and self._entries):
                self._bytes -= len(self._entries.popleft().body)
                self.dropped += 1

    def clear(self) -> None:
        """Forgets the entries; the numbers go on."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0
            self.dropped = 0

    def read(self, wanted: Callable[[Entry], bool] = lambda _: True, *, limit: int | None = None) -> list[Entry]:
        """The oldest first."""
        with self._lock:
            entries = list(self._entries)
        return list(islice(filter(wanted, entries), limit))


def as_data(entry: Entry) -> dict[str, Any]:
    return entry._asdict() | {"at": entry.at.isoformat(timespec="microseconds")}


def token_of(headers: Mapping[str, str]) -> str:
    authorization = headers.get("authorization", "")
    return _digest(authorization) if authorization else ""


@lru_cache(maxsize=64)
def _digest(authorization: str) -> str:
    return blake2b(authorization.partition(" ")[2].encode(), digest_size=4).hexdigest()
