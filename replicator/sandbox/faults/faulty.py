"""The sandbox with faults: the same callable from Request to Response, and a log of what it was asked.

The sandbox itself knows nothing of faults. "Before" and "after the effect" are before and after it is called.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from replicator.sandbox.messages import Delivery, Request, Response

from .delivery import in_process
from .kinds import KINDS, Change, Elsewhere, Handshake, Instead, Page, Wire, keeps_from, waits_before
from .listings import expanded
from .log import Entry, Log, stamp, token_of
from .operations import operation_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .model import Fault

    Answer = Callable[[Request], Response]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Armed:
    """A fault that was set, and what became of it."""

    number: int
    fault: Fault
    #: Requests that it was for, and those of them that it struck.
    calls: int = 0
    struck: int = 0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with the faults that strike it."""

    request: Request
    operation: str
    struck: tuple[Armed, ...]
    #: Those of them that found nothing to do.
    spared: list[Armed] = field(default_factory=list)

    @property
    def wait(self) -> float:
        """Seconds before the sandbox is asked."""
        return sum(waits_before(armed.fault) for armed in self.struck)


#: Stands in for the answer of a sandbox that was not asked.
_NONE = Response(503, (), b"")


class Faulty:
    """A sandbox that goes wrong as it is told to. Safe to call from several threads.

    `elsewhere` answers once the workspace is switched. A caller in process gets a fault of the wire as a
    ConnectionError, and waits with `sleep`.
    """

    def __init__(
        self,
        sandbox: Answer,
        faults: Iterable[Fault] = (),
        *,
        seed: int = 1,
        elsewhere: Answer | None = None,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        log: Log | None = None,
    ) -> None:
        self.sandbox = sandbox
        self.log = Log() if log is None else log
        self._seed = seed
        self._elsewhere = elsewhere
        self._now = now
        self._sleep = sleep
        self._armed: tuple[Armed, ...] = ()
        #: The number of the last one; and whether there was any, for its cursors outlive it.
        self._set = 0
        self._ever = False
        self._lock = Lock()
        self.add(*faults)

    def __call__(self, request: Request) -> Response:
        exchange = self.begin(request)
        if exchange.wait:
            self._sleep(exchange.wait)
        return in_process(self.finish(exchange), self._sleep)

    def begin(self, request: Request) -> Exchange:
        """Decides what goes wrong with this request."""
        path = request.target.partition("?")[0]
        operation = operation_of(request.method, path)
        return Exchange(request, operation, self._draw(request, path, operation) if self._armed else ())

    def finish(self, exchange: Exchange) -> Response:
        """The answer, to be asked for after `exchange.wait` seconds; a server sees to its delivery."""
        response, effect = _NONE, False
        if not any(keeps_from(armed.fault) for armed in exchange.struck):
            response = self._own(exchange)
            effect = exchange.request.method not in ("GET", "HEAD") and response.status < 300
        if exchange.struck:
            response = self._faulted(exchange, response)
        self._note(exchange, response, effect=effect)
        return response

    def add(self, *faults: Fault) -> list[int]:
        """Their numbers, by which they can be taken back."""
        for fault in faults:
            if isinstance(KINDS[fault.kind].act, Elsewhere) and self._elsewhere is None:
                raise ValueError("workspace_switch needs another workspace: this sandbox was made without one")
        with self._lock:
            added = tuple(Armed(self._set + at, fault) for at, fault in enumerate(faults, 1))
            self._set += len(added)
            self._ever = self._ever or bool(added)
            self._armed += added
        return [armed.number for armed in added]

    def remove(self, number: int) -> bool:
        with self._lock:
            before = len(self._armed)
            self._armed = tuple(armed for armed in self._armed if armed.number != number)
            return len(self._armed) < before

    def clear(self) -> None:
        """No faults. What is next set has the numbers from 1 on, and with them the same draws as at the start."""
        with self._lock:
            self._armed, self._set = (), 0

    @property
    def armed(self) -> Sequence[Armed]:
        return self._armed

    @property
    def seed(self) -> int:
        return self._seed

    def reseed(self, seed: int) -> None:
        """Begins the draws anew: every fault counts from its first call again."""
        with self._lock:
            self._seed = seed
            for armed in self._armed:
                armed.calls = armed.struck = 0

    def certificate(self) -> str | None:
        """Which wrong certificate the next TLS connection gets, if any."""
        drawn = self._drawn(armed for armed in self._armed if isinstance(KINDS[armed.fault.kind].act, Handshake))
        return drawn[0].fault.value if drawn else None

    def _own(self, exchange: Exchange) -> Response:
        """The sandbox's answer, or that of the other workspace."""
        switched = any(isinstance(KINDS[armed.fault.kind].act, Elsewhere) for armed in exchange.struck)
        chosen = self._elsewhere if switched and self._elsewhere else self.sandbox
        return expanded(exchange.request, chosen) if self._ever else chosen(exchange.request)

    def _draw(self, request: Request, path: str, operation: str) -> tuple[Armed, ...]:
        return self._drawn(
            armed
            for armed in self._armed
            if not isinstance((kind := KINDS[armed.fault.kind]).act, Handshake)
            and armed.fault.concerns(request.method, path, operation)
            and kind.asks(request)
        )

    def _drawn(self, concerned: Iterable[Armed]) -> tuple[Armed, ...]:
        found = []
        with self._lock:
            for armed in concerned:
                armed.calls += 1
                if armed.fault.when.strikes(armed.calls, armed.struck, f"{self._seed} {armed.number}"):
                    armed.struck += 1
                    found.append(armed)
        return tuple(found)

    def _faulted(self, exchange: Exchange, response: Response) -> Response:
        """Another answer first, then what changes a good one, then the wire; each in the order of setting."""
        acts = [(armed, KINDS[armed.fault.kind].act) for armed in exchange.struck]
        others = [
            act.answer(armed.fault, exchange.request, self._now()) for armed, act in acts if isinstance(act, Instead)
        ]
        response = others[0] if others else response
        for armed, act in acts:
            if isinstance(act, Change | Page):
                changed = self._changed(act, armed.fault, exchange.request, response)
                response = changed or response
                if changed is None:
                    self._spare(exchange, armed)
        for armed, act in acts:
            if isinstance(act, Wire) and not waits_before(armed.fault):
                response = replace(response, delivery=act.change(armed.fault, response.delivery or Delivery()))
        return response

    def _changed(self, act: Change | Page, fault: Fault, request: Request, response: Response) -> Response | None:
        data = _data(response)
        if data is None:
            return None
        match act:
            case Change(change):
                return change(fault, response, data)
            case Page(change_page):
                return change_page(fault, request, response, self.sandbox)

    def _spare(self, exchange: Exchange, armed: Armed) -> None:
        """It struck an answer in which there was nothing for it to do: that does not count."""
        with self._lock:
            armed.struck -= 1
        exchange.spared.append(armed)

    def _note(self, exchange: Exchange, response: Response, *, effect: bool) -> None:
        request, outcome = exchange.request, _outcome(response)
        kinds = tuple(armed.fault.kind for armed in exchange.struck if armed not in exchange.spared)
        at = stamp(self._now())
        self.log.add(
            lambda number: Entry(
                number,
                at,
                request.method,
                request.target,
                exchange.operation,
                None if outcome in ("reset", "lost") else response.status,
                outcome,
                effect,
                kinds,
                token_of(request.headers),
                request.body.decode("utf-8", "replace"),
            )
        )


def _data(response: Response) -> dict[str, Any] | None:
    """What a good answer says; None for all others, and for what an earlier fault has made unreadable."""
    if response.status >= 300:
        return None
    try:
        data = msgspec.json.decode(response.body)["data"]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _outcome(response: Response) -> str:
    delivery = response.delivery
    if delivery is None:
        return "answered"
    if delivery.silent:
        return "reset" if delivery.ending == "reset" else "lost"
    return "answered" if delivery.cut_at is None else "cut"
