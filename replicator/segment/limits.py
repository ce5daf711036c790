"""When a request may be sent: as many as the API allows, and none that it would refuse.

The server counts the requests of a token in windows of 60 seconds that begin with their first request, apart for each
operation that states a limit and together for the rest (resources.md, "Rate limits"; whether stated operations count
twice is unknown). Every good answer says how much was consumed, what remains and when the window ends: its word
replaces what we assume, so a server without limits does not slow us down.

Nothing here sleeps or sends. All methods may be called from any thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

#: Stated limits are called lower than the default and go up to 600 a minute; the default itself is not published.
ASSUMED_PER_MINUTE = 600
WINDOW = 60.0
#: While the first requests of a window are under way, only their answers can tell more.
POLL = 0.02
#: Dates in headers have whole seconds, rounded in a way that nobody states.
_ROUNDING = 1.0
_LONGEST_WINDOW = 86_400.0


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait that is about to begin."""

    seconds: float
    why: str
    operation: str
    #: Whether anybody would want to read about it.
    told: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer's X-RateLimit headers say; `ends_in` counts from the answer."""

    consumed: int | None = None
    remaining: int | None = None
    ends_in: float | None = None


@dataclass(slots=True)
class _Bucket:
    stated: int | None
    limit: int
    #: Whether the answers' headers are taken as speaking of this bucket.
    believed: bool = True
    #: Counts windows, so that a late answer of an earlier one is told apart.
    window: int = 0
    #: Tickets given in this window.
    issued: int = 0
    #: What the server may have counted in its window, other programs' requests included.
    used: int = 0
    flying: int = 0
    #: Never earlier than the server's own end of the window; unknown until its first answer.
    ends: float | None = None
    held_until: float = 0.0

    def roll(self, now: float) -> None:
        """Begin a new window once the old one is over; what is under way may be counted in the new one."""
        if self.ends is not None and now >= self.ends:
            self.window += 1
            self.issued, self.used, self.ends = 0, self.flying, None

    def land(self, window: int, now: float, length: float) -> bool:
        """One request is over. False if it outlived its window: then nobody knows in which one it was counted."""
        self.roll(now)
        self.flying -= 1
        if window == self.window and self.ends is None:
            self.ends = now + length
        return window == self.window


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to send one request; given back with what came of it."""

    bucket: _Bucket
    window: int
    #: Its number in the window, and how many were under way with it, itself included.
    number: int
    flying: int

    @property
    def stated(self) -> int | None:
        """The limit that the contract states for this operation alone."""
        return self.bucket.stated


class Permit(Protocol):
    """A ticket of whichever limits."""

    @property
    def stated(self) -> int | None: ...


class Admission(Protocol):
    """What the client asks before it sends, and tells afterwards. A permit goes back to whoever gave it."""

    def take(self, operation: str, rate: int | None) -> Permit | Wait: ...

    def renewed(self, permit: Any) -> Permit | Wait:
        """Right before the request is sent: the same permit, unless it was given too long ago."""

    def answered(self, permit: Any, usage: Usage) -> None: ...

    def unanswered(self, permit: Any) -> None: ...

    def refused(self, permit: Any, seconds: float, *, whole_token: bool) -> None: ...


class Limits:
    def __init__(
        self,
        *,
        assumed: int = ASSUMED_PER_MINUTE,
        window: float = WINDOW,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._assumed = assumed
        self._window = window
        self._held_until = 0.0
        self._shared = _Bucket(None, assumed)
        self._stated: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, operation: str, rate: int | None) -> Ticket | Wait:
        """A ticket, or how long to wait before asking again."""
        with self._lock:
            now = self.clock()
            bucket = self._bucket(operation, rate)
            bucket.roll(now)
            held = max(self._held_until, bucket.held_until)
            if held > now:
                return Wait(held - now, "Segment asked to wait", operation)
            if bucket.used < bucket.limit:
                bucket.used += 1
                bucket.issued += 1
                bucket.flying += 1
                return Ticket(bucket, bucket.window, bucket.issued, bucket.flying)
            if bucket.ends is None and not bucket.flying:
                bucket.ends = now + self._window
            if bucket.ends is None:
                return Wait(POLL, "the first answer tells the limit", operation)
            whose = "this operation" if bucket.stated else "the token"
            return Wait(bucket.ends - now, f"{bucket.limit} requests a minute for {whose} are used up", operation)

    def renewed(self, ticket: Ticket) -> Ticket:
        """The same: this process knows of every request that it has under way, however late it is sent."""
        return ticket

    def _bucket(self, operation: str, rate: int | None) -> _Bucket:
        if rate is None:
            return self._shared
        return self._stated.setdefault(operation, _Bucket(rate, rate))

    def answered(self, ticket: Ticket, usage: Usage) -> None:
        """The request was counted and served."""
        with self._lock:
            now = self.clock()
            bucket = ticket.bucket
            if bucket.land(ticket.window, now, self._window) and bucket.believed:
                self._learn(bucket, ticket, usage, now)

    def _learn(self, bucket: _Bucket, ticket: Ticket, usage: Usage, now: float) -> None:
        if usage.consumed is not None and usage.remaining is not None:
            limit = usage.consumed + usage.remaining
            if bucket.stated is not None and limit > bucket.stated and usage.consumed > bucket.issued:
                _distrust(bucket)
                return
            bucket.limit = max(1, limit)
        if usage.consumed is not None:
            self._count(bucket, ticket, usage.consumed, now)
        if usage.ends_in is not None and -_ROUNDING <= usage.ends_in <= _LONGEST_WINDOW:
            _date(bucket, usage.ends_in, now)

    def _count(self, bucket: _Bucket, ticket: Ticket, consumed: int, now: float) -> None:
        """Answers come in any order, so each gives bounds only: what it counted, and what it cannot have counted."""
        most = consumed + (bucket.issued - ticket.number) + (ticket.flying - 1)
        answered_before = ticket.number - ticket.flying
        if consumed <= answered_before:
            # It was counted in a newer window than ours, which ends a little late.
            bucket.window += 1
            bucket.issued = 0
        if consumed <= max(1, answered_before):
            bucket.ends = now + self._window
        bucket.used = max(consumed, min(bucket.used, most))

    def unanswered(self, ticket: Ticket) -> None:
        """Nobody knows whether the server counted the request: take it as counted."""
        with self._lock:
            ticket.bucket.land(ticket.window, self.clock(), self._window)

    def refused(self, ticket: Ticket, seconds: float, *, whole_token: bool) -> None:
        """429: hold back for that long, and then begin a new window."""
        with self._lock:
            now = self.clock()
            bucket = ticket.bucket
            bucket.land(ticket.window, now, self._window)
            if bucket.stated is not None and bucket.limit > bucket.stated:
                _distrust(bucket)
            bucket.held_until = max(bucket.held_until, now + seconds)
            bucket.ends = bucket.held_until
            if whole_token:
                self._held_until = max(self._held_until, now + seconds)


def _distrust(bucket: _Bucket) -> None:
    """The headers spoke of some other bucket than this one: go by the limit that the contract states."""
    bucket.believed = False
    bucket.limit = bucket.stated or bucket.limit


def _date(bucket: _Bucket, ends_in: float, now: float) -> None:
    """Keep our own end of the window, which is more exact, unless the server's date rules it out."""
    earliest, latest = now + ends_in - _ROUNDING, now + ends_in + _ROUNDING
    if bucket.ends is None or not earliest <= bucket.ends <= latest:
        bucket.ends = latest
