"""The rate limits of one token, for every process of the fleet: a row in PostgreSQL for each operation that states one.

The generic cell rate algorithm (schema.sql) lets no 60 seconds hold more requests than the limit, wherever the server's
window begins and whichever processes send them. What answers say of the limit, and of what others consumed, counts for
the whole fleet at once, and so does a 429. Nothing here sleeps or sends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from replicator.segment.limits import ASSUMED_PER_MINUTE, Usage, Wait

if TYPE_CHECKING:
    from replicator.segment.token import Token

    from .store import Store

#: A permit is good for so long: one that was given before the process was paused would be sent into another window.
GOOD_FOR = 0.5
#: Shorter waits are what an even pace is made of.
_WORTH_TELLING = 2.0
#: So that a wait is not over a moment too early.
_ROUNDING = 0.001


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to send one request now."""

    operation: str
    stated: int | None
    #: The limit that it was given under, and how many requests the fleet had sent lately.
    limit: int
    known: int
    given: float


class SharedLimits:
    """See `replicator.segment.limits.Admission`."""

    def __init__(
        self,
        store: Store,
        token: Token,
        *,
        secret: bytes,
        assumed: int = ASSUMED_PER_MINUTE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`secret` is the fleet's (Store.secret): tokens lie there as a keyed hash."""
        self._store = store
        self._token = blake2b(token.header().encode(), key=secret, digest_size=16).hexdigest()
        self._assumed = assumed
        self._clock = clock
        #: The longest wait that was asked for.
        self.longest = 0.0

    def take(self, operation: str, rate: int | None) -> Permit | Wait:
        name = operation if rate is not None else ""
        query = "SELECT wait, held, limited, known FROM take_v1(%s, %s, %s)"
        with self._store.connection() as connection:
            row = connection.execute(query, (self._token, name, rate or self._assumed)).fetchone()
            given = self._clock()
        assert row is not None  # noqa: S101 - the function gives one
        wait, held, limit, known = row
        if not wait:
            return Permit(operation, rate, limit, known, given)
        self.longest = max(self.longest, wait)
        whose = "the token" if rate is None else "this operation"
        why = "Segment asked to wait" if held else f"{limit} requests a minute for {whose} are shared by the fleet"
        return Wait(wait + _ROUNDING, why, operation, told=held or wait >= _WORTH_TELLING)

    def renewed(self, permit: Permit) -> Permit | Wait:
        fresh = self._clock() - permit.given < GOOD_FOR
        return permit if fresh else self.take(permit.operation, permit.stated)

    def answered(self, permit: Permit, usage: Usage) -> None:
        if usage.consumed is None or usage.remaining is None:
            return
        said = usage.consumed + usage.remaining
        if said == permit.limit and usage.consumed <= permit.known:
            return
        query = "SELECT learn_v1(%s, %s, %s, %s, %s, %s)"
        row = (self._token, _bucket(permit), permit.stated, min(said, 10_000_000), usage.consumed, usage.ends_in)
        with self._store.connection() as connection:
            connection.execute(query, row)

    def unanswered(self, permit: Permit) -> None:
        """It counts: nobody knows whether the server counted it."""

    def refused(self, permit: Permit, seconds: float, *, whole_token: bool) -> None:
        query = "SELECT hold_v1(%s, %s, %s, %s, %s)"
        with self._store.connection() as connection:
            connection.execute(query, (self._token, _bucket(permit), permit.stated, seconds, whole_token))


def _bucket(permit: Permit) -> str:
    return permit.operation if permit.stated is not None else ""
