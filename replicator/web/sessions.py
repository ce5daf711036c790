"""Who is logged in, in this process's memory: a restart logs everybody out."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

#: Seconds without a request after which a session ends, and after which it ends in any case.
IDLE, LONGEST = 2 * 3600.0, 12 * 3600.0
#: The oldest goes where there are more.
_MOST = 200


@dataclass(frozen=True, slots=True)
class Session:
    """`who` is what the person said at the login, for the record."""

    who: str
    began: float
    seen: float


class Sessions:
    """By the value of their cookie. A value that belongs to no session still has its CSRF token."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._found: dict[str, Session] = {}

    @staticmethod
    def fresh() -> str:
        """A new value for a cookie, which nobody can guess."""
        return secrets.token_urlsafe(32)

    def begin(self, who: str) -> str:
        """Logs in; returns the value of the cookie, which no earlier one is."""
        value, now = self.fresh(), self._clock()
        with self._lock:
            self._found[value] = Session(who, now, now)
            while len(self._found) > _MOST:
                self._found.pop(min(self._found, key=lambda each: self._found[each].seen))
        return value

    def of(self, value: str) -> Session | None:
        """The session of that cookie, which is thereby seen once more."""
        now = self._clock()
        with self._lock:
            found = self._found.get(value)
            if found is None:
                return None
            if now - found.seen > IDLE or now - found.began > LONGEST:
                del self._found[value]
                return None
            self._found[value] = seen = Session(found.who, found.began, now)
            return seen

    def end(self, value: str) -> None:
        """Logs out."""
        with self._lock:
            self._found.pop(value, None)

    def token(self, value: str) -> str:
        """What a form has to send besides that cookie."""
        return hmac.new(self._key, value.encode("utf-8", "surrogatepass"), "sha256").hexdigest()

    def fits(self, value: str, token: str) -> bool:
        """Whether that is the token of that cookie."""
        return bool(value) and hmac.compare_digest(self.token(value).encode(), token.encode("utf-8", "surrogatepass"))
