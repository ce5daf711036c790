"""The Segment client: one for each token, shared by all threads.

Each try takes a ticket from the limits, is sent within its deadline, and is judged; what is worth another try is sent
again after the wait that the answer asks for. A write is sent once: whether it had an effect is for the caller to see.
"""

from __future__ import annotations

import copy
import logging
import math
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from replicator.crash import crashpoint
from replicator.errors import (
    Inaccessible,
    Interrupted,
    NotFound,
    PutOff,
    RateLimited,
    SegmentError,
    Unauthorized,
)

from . import retry
from .answers import Again, Answer, Denied, Refused, judge, understood
from .ask import Ask, Lost, Stability
from .counters import Counters
from .decode import decode
from .exchange import Failed, Reply, Request, transport_to
from .limits import POLL, Admission, Limits, Permit, Wait

if TYPE_CHECKING:
    from .token import Token

__all__ = ["Answer", "Ask", "Client", "Counters", "Lost", "Request", "Wait"]

log = logging.getLogger("replicator.segment")
T = TypeVar("T")


#: Tells a missing permission from a bad token: any valid token may read its own workspace.
_WHO_AM_I = Ask("getWorkspace", "/", {}, "stable", None)


@dataclass(frozen=True, slots=True)
class _Patience:
    deadline: float
    tries: int
    max_wait: float
    longest_sleep: float


class Client:
    """Requests to one base URL with one token. Use it in a `with` block, or close it."""

    def __init__(  # noqa: PLR0913 - each has a default that suits
        self,
        *,
        base_url: str,
        token: Token,
        transport: Callable[[Any], Any] | None = None,
        limits: Admission | None = None,
        deadline: float = 60.0,
        max_body: int = 64 * 2**20,
        tries: int = 6,
        max_wait: float = 300.0,
        longest_sleep: float = math.inf,
        ca_file: Path | None = None,
        connections: int = 32,
        on_wait: Callable[[Wait], None] = lambda _: None,
        stop: threading.Event | None = None,
        sleep: Callable[[float], object] | None = None,
        now: Callable[[], datetime] = retry.now,
    ) -> None:
        """`deadline` holds for each try, `max_wait` for each single wait; `stop` ends every wait with Interrupted.

        A wait for the rate limit beyond `longest_sleep` is not made: PutOff says how long it would be.
        `connections` should not be fewer than the threads. Tests replace `sleep`, `now`, and the clock of `limits`.
        """
        self._token = token
        self._host = urlsplit(base_url).netloc
        self._compressed = transport is None
        self._transport = transport_to(base_url, transport, connections, max_body, ca_file)
        self._limits: Admission = limits or Limits()
        self._patience = _Patience(deadline, tries, max_wait, longest_sleep)
        self._on_wait = on_wait
        self._stop = stop or threading.Event()
        self._sleep = sleep or self._stop.wait
        self._now = now
        self._ahead = timedelta(0)
        self._revoked = threading.Event()
        self._total = Counters()
        self._counters: tuple[Counters, ...] = (self._total,)
        self._gate: AbstractContextManager[object] = nullcontext()

    @property
    def requests(self) -> int:
        """How many requests were sent, retries included, by all threads."""
        return self._total.requests

    @property
    def counters(self) -> Counters:
        return self._total

    def counting(self, counters: Counters) -> Client:
        """This same client, but what is asked through it counts into `counters` too. Close the original only."""
        view = copy.copy(self)
        view._counters = (*self._counters, counters)  # noqa: SLF001 - our own class
        return view

    def at_most(self, requests: int) -> Client:
        """This same client, but with so many requests under way at once. Threads that wait for a limit do not count."""
        view = copy.copy(self)
        view._gate = threading.BoundedSemaphore(requests)  # noqa: SLF001 - our own class
        return view

    def get(
        self,
        operation: str,
        target_path: str,
        query: Mapping[str, str],
        *,
        stability: Stability,
        rate: int | None,
    ) -> Answer:
        """The first good answer. `target_path` is percent-encoded already; `rate` is what the contract states."""
        return self.fetch(Ask(operation, target_path, query, stability, rate), lambda answer: answer)

    def fetch(self, ask: Ask, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the first good answer.

        An answer that `read` finds Unreadable or OffContract is asked for again, as it may have been cut on the way.
        """
        for attempt in range(1, self._patience.tries + 1):
            outcome = self._try(ask, read)
            if not isinstance(outcome, Again):
                return outcome
            self._after(ask, outcome, attempt)
        raise AssertionError("the last try raises")

    def write(self, ask: Ask) -> Answer | Lost:
        """Sends a write once, again only after a 429, which says that it was not done.

        Raises SegmentError where it had no effect; Lost says that nobody knows.
        """
        for attempt in range(1, self._patience.tries + 1):
            ticket = self._admitted(ask)
            reply = self._exchange(ask, ticket)
            if isinstance(reply, Failed):
                return Lost(self._token.scrub(reply.why))
            match judge(ask.where, reply, self._token.scrub, self._now()):
                case Refused() as refused:
                    self._after(ask, self._refused(ticket, refused), attempt)
                case Answer() as answer:
                    return answer
                case Again(why=why):
                    return Lost(why)
                case Denied() as denied:
                    raise self._who_is_denied(ask, denied)
                case SegmentError() as error:
                    raise error
        raise AssertionError("the last try raises")

    def _try(self, ask: Ask, read: Callable[[Answer], T]) -> T | Again:
        ticket = self._admitted(ask)
        reply = self._exchange(ask, ticket)
        verdict = judge(ask.where, reply, self._token.scrub, self._now())
        match verdict:
            case Refused():
                return self._refused(ticket, verdict)
            case Answer():
                return understood(ask.where, verdict, read)
            case Again():
                return verdict
            case Denied():
                raise self._who_is_denied(ask, verdict)
            case SegmentError():
                raise verdict

    def _after(self, ask: Ask, again: Again, attempt: int) -> None:
        if attempt >= min(self._patience.tries, again.tries or self._patience.tries):
            raise again.error
        self._count(retries=1)
        log.warning(
            "request is tried again",
            extra={"operation": ask.operation, "path": ask.path, "why": again.why, "attempt": attempt},
        )
        # After a 429 the limits make the next try wait.
        if not isinstance(again.error, RateLimited):
            seconds = retry.backoff(attempt) if again.seconds is None else again.seconds
            self._wait(Wait(seconds, again.why, ask.operation))

    def _admitted(self, ask: Ask) -> Permit:
        while True:
            self._check_stop()
            if self._revoked.is_set():
                raise Unauthorized(f"{ask.where}: not sent, because Segment no longer accepts the token.", status=401)
            ticket = self._limits.take(ask.operation, ask.rate)
            if not isinstance(ticket, Wait):
                return ticket
            self._wait_for_limit(ticket)

    def _wait_for_limit(self, wait: Wait) -> None:
        if wait.seconds > self._patience.longest_sleep:
            raise PutOff(
                f"{wait.operation}: the next request has to wait for {wait.seconds:.0f} s ({wait.why});"
                " a later run goes on there.",
                seconds=wait.seconds,
            )
        # A poll is no wait that anybody would want to read about.
        self._wait(wait, silent=wait.seconds <= POLL)

    def _wait(self, wait: Wait, *, silent: bool = False) -> None:
        if wait.seconds > self._patience.max_wait:
            raise RateLimited(
                f"{wait.operation}: the next request has to wait for {wait.seconds:.0f} s, longer than the "
                f"{self._patience.max_wait:.0f} s that are allowed ({wait.why}). Run it again then."
            )
        if not silent:
            self._count(waits=1, waited=wait.seconds)
        if wait.told and not silent:
            extra = {"operation": wait.operation, "seconds": round(wait.seconds, 3), "why": wait.why}
            log.info("waiting", extra=extra)
            self._on_wait(wait)
        self._sleep(wait.seconds)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Interrupted("Stopped as asked, between two requests; what was stored stays. Run it again to go on.")

    def _exchange(self, ask: Ask, ticket: Permit) -> Reply | Failed:
        self._count(requests=1)
        reply: Reply | Failed | None = None
        try:
            crashpoint("before request", ask.operation)
            with self._gate:
                ticket = self._renewed(ticket)
                request = ask.request(self._host, self._token.header(), compressed=self._compressed)
                reply = self._transport.send(request, self._patience.deadline)
            crashpoint("after request", ask.operation)
        finally:
            if reply is None or isinstance(reply, Failed):
                self._limits.unanswered(ticket)
            elif reply.status != 429:
                now = self._now()
                self._ahead = (retry.answer_date(reply.headers) or now) - now
                self._limits.answered(ticket, retry.usage(reply.headers, self._now()))
        return reply

    def _renewed(self, ticket: Permit) -> Permit:
        while isinstance(found := self._limits.renewed(ticket), Wait):
            self._check_stop()
            self._sleep(found.seconds)
        return found

    def _refused(self, ticket: Permit, refused: Refused) -> Again:
        seconds = retry.backoff(1) if refused.seconds is None else refused.seconds
        self._limits.refused(ticket, seconds, whole_token=refused.named or ticket.stated is None)
        self._count(refused=1)
        return Again(refused.error, "Segment's rate limit is used up")

    def _who_is_denied(self, ask: Ask, denied: Denied) -> SegmentError:
        """Another question tells a token that lacks a permission from one that is no longer valid.

        Raises where that has no answer either: then nobody knows.
        """
        if ask is _WHO_AM_I:
            self._revoked.set()
            return denied.unauthorized
        try:
            self.fetch(_WHO_AM_I, lambda answer: decode(answer.body, ()))
        except (Unauthorized, Inaccessible, NotFound):
            return denied.unauthorized
        return denied.inaccessible

    def _count(self, **more: float) -> None:
        for counters in self._counters:
            counters.add(**more)

    def time(self) -> datetime:
        """Segment's, as far as its last answer told it; ours where none did."""
        return self._now() + self._ahead

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
