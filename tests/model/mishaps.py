"""What may befall a run: faults of the network, and a process that dies at one of its crash points."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from replicator import crash
from replicator.sandbox import Request, Response
from replicator.target import lease
from tests.scenarios import network as net
from tests.scenarios.network import Fault, Network

PLANS, RULES, LABELS = PLACES = "/tracking-plans", "/tracking-plans/*", "/labels"


class Died(Exception):
    """What no part of the program expects."""


@dataclass
class Clock:
    """Goes on by what somebody sleeps, at once."""

    slept: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@dataclass
class Death:
    """From the given crash point on nothing works any more: whatever is done after it, a dead process would not do."""

    after: int | None = None
    passed: int = 0
    _lock: Any = field(default_factory=threading.Lock)

    def reached(self, _moment: str, _about: str) -> None:
        with self._lock:
            self.passed += 1
            dead = self.after is not None and self.passed > self.after
        if dead:
            raise Died

    def comes(self, after: int) -> None:
        self.after, self.passed = after, 0

    def is_over(self) -> None:
        """The next process is another one: it finds the lease of one that is no more."""
        self.after = None
        lease._BIRTH = uuid.uuid4().hex[:8]


DEATH = Death()
crash.arm(DEATH.reached)


def _cut(_request: Request, _answer: Response) -> Response:
    raise ConnectionResetError


def _with(key: str, change: Callable[[list[Any]], list[Any]]) -> Fault:
    return net.listing(key, change)


#: By name: where, what, and how often; None is for ever.
FAULTS: dict[str, tuple[str, Fault, int | None]] = {
    "H1 refused once": (PLANS, net.error(429), 1),
    "H3 refused for ever": (RULES, net.error(429), None),
    "H4 broken for ever": (PLANS, net.error(503), None),
    "H4 broken once": ("*", net.error(500), 1),
    "H5 no such parent": (RULES, net.error(404), None),
    "H8 cut once": ("*", _cut, 1),
    "H8 cut for ever": (RULES, _cut, None),
    "H10 a page of HTML": (LABELS, net.raw(b"<html></html>", "text/html"), None),
    "H10 nothing": (PLANS, net.raw(b"{}"), None),
    "H13 a record twice": (PLANS, _with("trackingPlans", lambda found: [*found, *found[:1]]), 1),
    "H15 a record left out of a page": (PLANS, _with("trackingPlans", lambda found: found[1:]), 1),
    "H15 a record left out once": (LABELS, _with("labels", lambda found: found[1:]), 1),
    "H18 the token is revoked": (RULES, net.error(401, "Unauthorized"), None),
    "H19 forbidden": (PLANS, net.error(403, "Forbidden"), None),
    "H19 children forbidden": (RULES, net.error(403, "Forbidden"), None),
}


def befall(network: Network, name: str) -> None:
    where, fault, times = FAULTS[name]
    network.on(where, fault if times is None else limited(fault, times))


def limited(fault: Fault, times: int) -> Fault:
    left = [None] * times
    lock = threading.Lock()

    def perhaps(request: Request, answer: Response) -> Response:
        with lock:
            strikes = bool(left) and bool(left.pop() is None)
        return fault(request, answer) if strikes else answer

    return perhaps


def meanwhile(network: Network, do: Callable[[], None], after: int) -> None:
    """Something happens once, after so many answers: between two pages, or between parents and children."""
    asked = [0]
    lock = threading.Lock()

    def count(_request: Request, answer: Response) -> Response:
        with lock:
            asked[0] += 1
            now = asked[0] == after
        if now:
            do()
        return answer

    network.on("*", count)
