"""The workspace's own time: real, ahead or behind, faster, standing still, or one step on with each request."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([+-])(\d+(?:\.\d+)?)([smhd])")
_SPEED = re.compile(r"x(\d+(?:\.\d+)?)")
_PER_REQUEST = "/request"
GRAMMAR = "[real | 2026-01-01T00:00:00Z] [+1h or -2d] [+5s/request] [x60]"


def utc_now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Calling it tells the time. `speed` is 1 for a clock that runs, 0 for one that stands still."""

    def __init__(
        self,
        start: datetime | None = None,
        *,
        speed: float | None = None,
        step: timedelta = timedelta(),
        real: Callable[[], datetime] = utc_now,
    ) -> None:
        """Without `start` it begins at the real time, and runs; with one it stands still, unless `speed` says more."""
        self._real = real
        self._set_at = real()
        self._base = start or self._set_at
        self.speed = (0.0 if start else 1.0) if speed is None else speed
        self.step = step

    def __call__(self) -> datetime:
        return self._base + (self._real() - self._set_at) * self.speed if self.speed else self._base

    def set(self, moment: datetime) -> None:
        self._set_at, self._base = self._real(), moment

    def advance(self, by: timedelta | None = None) -> datetime:
        """Move on, by one step if nothing is said; returns the time that it is then."""
        self.set(self() + (self.step if by is None else by))
        return self()

    def tick(self) -> None:
        """A request has been answered."""
        if self.step:
            self.advance()


def parse_clock(text: str, real: Callable[[], datetime] = utc_now) -> Clock:
    """A clock as `--clock` says it, by GRAMMAR; raises a ValueError that tells what it cannot read."""
    start, speed, step, offset = None, None, timedelta(), timedelta()
    for word in text.split():
        if word == "real":
            continue
        if word.endswith(_PER_REQUEST):
            step = duration(word.removesuffix(_PER_REQUEST))
        elif word[0] in "+-":
            offset = duration(word)
        elif match := _SPEED.fullmatch(word):
            speed = float(match[1])
        else:
            start = moment_of(word)
    try:
        clock = Clock(start, speed=speed, step=step, real=real)
        clock.advance(offset)
    except OverflowError:
        message = f"the clock cannot be set to {text!r}: no calendar reaches there"
        raise ValueError(message) from None
    return clock


def duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        message = f"{text!r} is no span of time; write it as +90s, +5m, +1.5h or -2d"
        raise ValueError(message)
    return timedelta(seconds=float(match[1] + match[2]) * _UNITS[match[3]])


def moment_of(text: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no moment; write it as 2026-01-01T00:00:00Z, and a clock as {GRAMMAR}"
        raise ValueError(message) from None
    return parsed.replace(tzinfo=parsed.tzinfo or UTC)


def control(clock: Clock, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the control endpoint does with the clock: `{"set": …}`, `{"advance": …}`, `{"clock": …}`, or nothing.

    Answers with the time and the way the clock goes; raises a ValueError that tells what it cannot read.
    """
    if unknown := sorted(wanted.keys() - {"clock", "set", "advance"}):
        message = f"a clock has no {unknown[0]!r}; it takes clock, set and advance"
        raise ValueError(message)
    try:
        if "clock" in wanted:
            other = parse_clock(str(wanted["clock"]))
            clock.speed, clock.step = other.speed, other.step
            clock.set(other())
        if "set" in wanted:
            clock.set(moment_of(str(wanted["set"])))
        if "advance" in wanted:
            clock.advance(duration(str(wanted["advance"])))
    except OverflowError:
        message = "the clock cannot be set so: no calendar reaches there"
        raise ValueError(message) from None
    now = clock().astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"now": now, "speed": clock.speed, "stepSeconds": clock.step.total_seconds()}
