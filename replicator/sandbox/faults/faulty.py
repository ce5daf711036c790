"""The sandbox with faults: the same callable from Request to Response, and a log of what it was asked.

The sandbox itself knows nothing of faults. "Before" and "after the effect" are before and after it is called.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from replicator.sandbox.messages import Delivery, Request, Response

from .armed import Armed, Armory
from .delivery import in_process
from .kinds import KINDS, Change, Elsewhere, Instead, Page, Wire, keeps_from, waits_before
from .listings import expanded
from .log import Entry, Log, token_of
from .operations import operation_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .kinds import Act
    from .model import Fault

    Answer = Callable[[Request], Response]

#: Stands in for the answer of a sandbox that was not asked.
_NONE = Response(503, (), b"")


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
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


class Faulty:
    """A sandbox that goes wrong as it is told to. Safe to call from several threads.

    `elsewhere` answers once the workspace is switched; `tls` says that it is served over TLS. A caller in process
    gets a fault of the wire as a ConnectionError, and waits with `sleep`.
    """

    def __init__(  # noqa: PLR0913 - all but the sandbox have defaults
        self,
        sandbox: Answer,
        faults: Iterable[Fault] = (),
        *,
        seed: int = 1,
        elsewhere: Answer | None = None,
        tls: bool = False,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        log: Log | None = None,
    ) -> None:
        self.sandbox = sandbox
        self.faults = Armory(faults, seed=seed, elsewhere=elsewhere is not None, tls=tls)
        self.log = Log() if log is None else log
        self._elsewhere = elsewhere
        self._now = now
        self._sleep = sleep

    def __call__(self, request: Request) -> Response:
        exchange = self.begin(request)
        if exchange.wait:
            self._sleep(exchange.wait)
        return in_process(self.finish(exchange), self._sleep)

    def begin(self, request: Request) -> Exchange:
        """Decides what goes wrong with this request."""
        path = request.target.partition("?")[0]
        operation = operation_of(request.method, path)
        return Exchange(request, operation, self.faults.strike(request, path, operation) if self.faults.armed else ())

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

    def _own(self, exchange: Exchange) -> Response:
        """The sandbox's answer, or that of the other workspace."""
        answer = self._answering(exchange)
        # The cursors that a fault has given out are good for as long as somebody has them.
        return expanded(exchange.request, answer) if self.faults.used else answer(exchange.request)

    def _answering(self, exchange: Exchange) -> Answer:
        switched = any(isinstance(_act(armed), Elsewhere) for armed in exchange.struck)
        return self._elsewhere if switched and self._elsewhere else self.sandbox

    def _faulted(self, exchange: Exchange, response: Response) -> Response:
        """First what takes the answer's place, then what changes a good one, then the wire; each in its order."""
        acts = [(armed, _act(armed)) for armed in exchange.struck]
        for armed, act in acts:
            if isinstance(act, Instead):
                response = act.answer(armed.fault, exchange.request, self._now())
                break
        for armed, act in acts:
            if isinstance(act, Change | Page):
                changed = self._changed(exchange, act, armed.fault, response)
                response = changed or response
                if changed is None:
                    self.faults.spare(armed)
                    exchange.spared.append(armed)
        for armed, act in acts:
            if isinstance(act, Wire) and not waits_before(armed.fault):
                response = replace(response, delivery=act.change(armed.fault, response.delivery or Delivery()))
        return response

    def _changed(self, exchange: Exchange, act: Change | Page, fault: Fault, response: Response) -> Response | None:
        data = _data(response)
        if data is None:
            return None
        match act:
            case Change(change):
                return change(fault, response, data)
            case Page(change_page):
                return change_page(fault, exchange.request, response, self._answering(exchange))

    def _note(self, exchange: Exchange, response: Response, *, effect: bool) -> None:
        request, outcome = exchange.request, _outcome(response)
        kinds = tuple(armed.fault.kind for armed in exchange.struck if armed not in exchange.spared)
        at = self._now()
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
                request.body.decode("utf-8", "replace") if request.body else "",
            )
        )


def _act(armed: Armed) -> Act:
    return KINDS[armed.fault.kind].act


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
