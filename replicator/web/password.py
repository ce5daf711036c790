"""How the page's password is kept (scrypt), compared, and kept from being tried at leisure."""

from __future__ import annotations

import hmac
import secrets
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import deque
from collections.abc import Callable
from hashlib import scrypt

from replicator.settings.keys import HASHED

#: About a tenth of a second and 32 MB for each try.
_COST, _BLOCK, _LANES = 2**15, 8, 1
_MEMORY = 2**26
#: Failed tries from one address, and from all of them, within so many seconds; then nobody's is looked at.
TRIES, TRIES_OF_ALL, WITHIN = 5, 50, 60.0


def hashed(password: str) -> str:
    """What is kept of the password, in one line."""
    salt = secrets.token_bytes(16)
    digest = _digest(password, salt, _COST, _BLOCK, _LANES)
    return f"scrypt:{_COST}:{_BLOCK}:{_LANES}:{_coded(salt)}:{_coded(digest)}"


def matches(password: str, kept: str) -> bool:
    """Whether the line was made of that password; takes as long either way."""
    found = HASHED.fullmatch(kept)
    if not found:
        return False
    cost, block, lanes, salt, digest = found.groups()
    try:
        made = _digest(password, _decoded(salt), int(cost), int(block), int(lanes))
    except ValueError:  # parameters that scrypt cannot or may not use
        return False
    return hmac.compare_digest(made, _decoded(digest))


def _digest(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=cost, r=block, p=lanes, maxmem=_MEMORY, dklen=32
    )


def _coded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Door:
    """Compares one password at a time, and only as often as TRIES and TRIES_OF_ALL allow."""

    def __init__(self, kept: str, clock: Callable[[], float]) -> None:
        self._kept = kept if HASHED.fullmatch(kept) else hashed(kept)
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: deque[tuple[float, str]] = deque()

    def wait(self, address: str) -> float:
        """For how many seconds nobody at that address may try."""
        with self._lock:
            return self._wait(address)

    def opens(self, password: str, address: str) -> bool:
        """Whether that is the password; always no while the address has to wait."""
        with self._lock:
            if self._wait(address):
                return False
            if matches(password, self._kept):
                self._failed = deque(each for each in self._failed if each[1] != address)
                return True
            self._failed.append((self._clock(), address))
            return False

    def _wait(self, address: str) -> float:
        now = self._clock()
        while self._failed and now - self._failed[0][0] >= WITHIN:
            self._failed.popleft()
        mine = [at for at, whose in self._failed if whose == address]
        ends = [mine[-TRIES] + WITHIN - now] if len(mine) >= TRIES else []
        if len(self._failed) >= TRIES_OF_ALL:
            ends.append(self._failed[-TRIES_OF_ALL][0] + WITHIN - now)
        return max(0.0, *ends, 0.0)
