"""The faults that are set, how often each was called upon, and the draws that decide which of them strike."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from .kinds import KINDS, Elsewhere, Handshake

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from replicator.sandbox.messages import Request

    from .model import Fault


@dataclass(slots=True)
class Armed:
    """A fault that was set, and what became of it."""

    number: int
    fault: Fault
    #: Requests that it was for, and those of them that it struck.
    calls: int = 0
    struck: int = 0


class Armory:
    """Safe to use from several threads. The same seed, faults and order of requests give the same draws."""

    def __init__(self, faults: Iterable[Fault], *, seed: int, elsewhere: bool, tls: bool) -> None:
        self._elsewhere = elsewhere
        self._tls = tls
        self._lock = Lock()
        self._last = 0
        self.seed = seed
        self.armed: Sequence[Armed] = ()
        #: Whether there was any fault yet.
        self.used = False
        self.add(*faults)

    def add(self, *faults: Fault) -> list[int]:
        """Their numbers, by which they can be taken back; ValueError for what this sandbox cannot do."""
        self._check(faults)
        with self._lock:
            added = [Armed(self._last + at, fault) for at, fault in enumerate(faults, 1)]
            self._last += len(added)
            self.used = self.used or bool(added)
            self.armed = (*self.armed, *added)
        return [armed.number for armed in added]

    def remove(self, number: int) -> bool:
        with self._lock:
            left = tuple(armed for armed in self.armed if armed.number != number)
            found = len(left) < len(self.armed)
            self.armed = left
        return found

    def replace(self, *faults: Fault) -> None:
        """These in place of all others, numbered from 1, with the draws that they would have had at the start."""
        self._check(faults)
        with self._lock:
            self.armed, self._last = (), 0
        self.add(*faults)

    def reseed(self, seed: int) -> None:
        """Begins the draws anew: every fault counts from its first call again."""
        with self._lock:
            self.seed = seed
            for armed in self.armed:
                armed.calls = armed.struck = 0

    def certificate(self) -> str | None:
        """Which wrong certificate the next TLS connection gets, if any."""
        drawn = self._drawn(armed for armed in self.armed if isinstance(KINDS[armed.fault.kind].act, Handshake))
        return str(drawn[0].fault.value) if drawn else None

    def strike(self, request: Request, path: str, operation: str) -> tuple[Armed, ...]:
        """Those that strike this request, in the order in which they were set."""
        return self._drawn(
            armed
            for armed in self.armed
            if not isinstance((kind := KINDS[armed.fault.kind]).act, Handshake)
            and armed.fault.concerns(request.method, path, operation)
            and kind.asks(request)
        )

    def spare(self, armed: Armed) -> None:
        """It struck an answer in which there was nothing for it to do: that does not count."""
        with self._lock:
            armed.struck -= 1

    def _drawn(self, concerned: Iterable[Armed]) -> tuple[Armed, ...]:
        found = []
        with self._lock:
            for armed in concerned:
                armed.calls += 1
                if armed.fault.when.strikes(armed.calls, armed.struck, f"{self.seed} {armed.number}"):
                    armed.struck += 1
                    found.append(armed)
        return tuple(found)

    def _check(self, faults: Iterable[Fault]) -> None:
        acts = [KINDS[fault.kind].act for fault in faults]
        if not self._elsewhere and Elsewhere() in acts:
            raise ValueError("workspace_switch needs another workspace, and this sandbox was made without one")
        if not self._tls and Handshake() in acts:
            raise ValueError("tls needs a server that speaks TLS, and this one does not")
