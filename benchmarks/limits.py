"""How much of the API's rate limits a run uses: `python -m benchmarks.limits`, README.md.

The limits are the real ones, and for both ends the time passes faster than it does, so that nobody has to wait for it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.requests import WORKSPACE, Quiet
from replicator.catalog import select as choose
from replicator.run import Options, replicate
from replicator.sandbox import Request, Response, Sandbox
from replicator.sandbox.limits import DEFAULT_PER_MINUTE, WINDOW, RateLimit
from replicator.sandbox.routes import ROUTES
from replicator.sandbox.routing import Routes
from replicator.segment.client import Client
from replicator.segment.limits import Limits
from replicator.segment.token import Token
from replicator.target.database import open_target


class Clock:
    """Time that runs faster than the real one."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._begin, self._start = datetime.now(UTC), time.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._start) * self._speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._speed)

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=self.monotonic())


@dataclass(frozen=True, slots=True)
class Bucket:
    """What counts against one limit, in all windows but the last; None if one was enough.

    `used` is the share of what the time that passed allowed, `filled` that of the windows alone, which does not shrink
    where a busy machine begins one late.
    """

    name: str
    limit: int
    requests: int
    windows: int
    used: float | None
    filled: float | None


@dataclass
class Gate:
    """The sandbox, and at which moment what was asked of it."""

    sandbox: Sandbox
    clock: Clock
    rate_limit: RateLimit
    asked: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _routes: Routes = field(default_factory=lambda: Routes(ROUTES))

    def __call__(self, request: Request) -> Response:
        found = self._routes.match(request.method, urlsplit(request.target).path)
        name = found[0].operation if found and found[0].limit else "all others"
        with self._lock:
            self.asked[name].append(self.clock.monotonic())
        answer = self.sandbox(request)
        with self._lock:
            self.statuses[answer.status] += 1
        return answer

    def buckets(self) -> list[Bucket]:
        stated = {route.operation: route.limit for route in ROUTES if route.limit}
        real = self.rate_limit if isinstance(self.rate_limit, int) else None
        return [
            _bucket(name, real or stated.get(name) or DEFAULT_PER_MINUTE, times) for name, times in self.asked.items()
        ]


def _bucket(name: str, limit: int, times: Sequence[float]) -> Bucket:
    """A window begins with the first request after the end of the one before."""
    windows: list[tuple[float, int]] = []
    for at in sorted(times):
        if not windows or at >= windows[-1][0] + WINDOW:
            windows.append((at, 0))
        windows[-1] = (windows[-1][0], windows[-1][1] + 1)
    full = [count for _, count in windows[:-1]]
    spent = windows[-1][0] - windows[0][0]
    # Whole minutes that passed, whether anything was asked in them or not.
    used = sum(full) / (limit * spent / WINDOW) if full else None
    filled = sum(full) / (limit * len(full)) if full else None
    return Bucket(name, limit, len(times), len(windows), used, filled)


def measure(
    counts: dict[str, int],
    words: Sequence[str],
    url: str,
    *,
    threads: int,
    speed: float,
    rate_limit: RateLimit = "real",
) -> tuple[Gate, float]:
    """One run under the limits, and how many seconds of its clock it took."""
    clock = Clock(speed)
    gate = Gate(Sandbox(counts=counts, rate_limit=rate_limit, now=clock.now), clock, rate_limit)
    target, stop = open_target(url), threading.Event()
    limits = Limits(clock=clock.monotonic)
    with Client(
        base_url="http://127.0.0.1:1",
        token=Token("sandbox"),
        transport=gate,
        limits=limits,
        stop=stop,
        sleep=clock.sleep,
        now=clock.now,
    ) as client:
        options = Options(objects=tuple(choose(list(words))), concurrency=threads)
        result = replicate(target, client, options, Quiet(), stop)
    target.close()
    if result.exit_code:
        sys.exit(f"The run failed: {result}")
    return gate, clock.monotonic()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--concurrency", type=int, default=8, help="requests at once (%(default)s)")
    parser.add_argument("--speed", type=float, default=10, help="how much faster the time passes (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'replica.db'}"
        gate, spent = measure(WORKSPACE, ["core"], url, threads=options.concurrency, speed=options.speed)
    print(f"{'limit of':28} {'a minute':>8} {'requests':>8} {'windows':>8} {'used':>7}")
    for each in sorted(gate.buckets(), key=lambda bucket: -bucket.windows):
        used = "" if each.used is None else f"{each.used:.1%}"
        print(f"{each.name:28} {each.limit:8} {each.requests:8} {each.windows:8} {used:>7}")
    print(f"{spent / WINDOW:.1f} minutes, {gate.statuses.total()} requests, {gate.statuses[429]} refused by 429")
    return 0


if __name__ == "__main__":
    sys.exit(main())
