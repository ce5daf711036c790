"""How the server behaves where the contract leaves it open ("unverified" in resources.md): switches, safest first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    #: A change of a rule moves its tracking plan's `updatedAt`. Unverified: a client must not rely on it.
    rules_touch_plan: bool = False
    #: Writes that the contract names no audit event for leave one all the same, as the app's own trail shows.
    audit_unnamed: bool = False
    #: Seconds until a read shows what was written. None is stated; 0 is what most clients are written for.
    read_delay: float = 0.0
    #: Fields that a request's schema does not know are refused with 422 instead of ignored.
    strict: bool = False
    #: Bytes of a request's body above which it is answered by 413.
    largest_body: int = 5_000_000
