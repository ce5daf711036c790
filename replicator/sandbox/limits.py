"""Rate limits: windows of 60 seconds for each token, and for each endpoint that states a limit of its own.

The default number is not published; stated limits run from 2 to 600 a minute and are called lower than the default
(resources.md, "Rate limits"), so 1000 stands in for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import format_datetime
from math import ceil
from threading import Lock
from typing import TYPE_CHECKING, Literal

from .messages import Refusal
from .moments import moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

RateLimit = Literal["real", "off"] | int
Headers = tuple[tuple[str, str], ...]

WINDOW = 60.0
DEFAULT_PER_MINUTE = 1000
UNLIMITED_REMAINING = 1_000_000


@dataclass(slots=True)
class _Window:
    ends: float
    consumed: int = 0


class Limiter:
    def __init__(self, rate_limit: RateLimit, now: Callable[[], datetime]) -> None:
        if rate_limit not in ("real", "off") and (not isinstance(rate_limit, int) or rate_limit < 1):
            message = f"rate_limit must be 'real', 'off' or a number from 1 on, not {rate_limit!r}"
            raise ValueError(message)
        self._rate_limit = rate_limit
        self._now = now
        self._windows: dict[tuple[str, str], _Window] = {}
        self._lock = Lock()

    def spend(self, token: str, operation: str, stated: int | None) -> Headers:
        """Count one request and return the headers that say so; raises the API's 429."""
        bucket = operation if stated else "default"
        if self._rate_limit == "off":
            return _headers(1, UNLIMITED_REMAINING, self._now().timestamp() + WINDOW)
        limit = self._rate_limit
        if not isinstance(limit, int):
            limit = stated or DEFAULT_PER_MINUTE
        with self._lock:
            now = self._now().timestamp()
            window = self._windows.get((token, bucket))
            if window is None or now >= window.ends:
                window = self._windows[token, bucket] = _Window(now + WINDOW)
            window.consumed += 1
            consumed, ends = window.consumed, window.ends
        if consumed > limit:
            raise _too_many(consumed, ends - now, ends)
        return _headers(consumed, limit - consumed, ends)


def _headers(consumed: int, remaining: int, ends: float) -> Headers:
    return (
        ("X-RateLimit-Consumed", str(consumed)),
        ("X-RateLimit-Remaining", str(remaining)),
        ("X-RateLimit-Reset", format_datetime(moment(ceil(ends)), usegmt=True)),
    )


def _too_many(consumed: int, wait: float, ends: float) -> Refusal:
    data = {"remainingPoints": 0, "msBeforeNext": ceil(wait * 1000), "consumedPoints": consumed}
    headers = (("Retry-After", str(max(1, ceil(wait)))), *_headers(consumed, 0, ends))
    return Refusal(429, "RequestError", "Too many requests", data=data, headers=headers)
