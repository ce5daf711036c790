"""How long to wait before the same request is sent again."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from .limits import Usage

#: Nobody is held back for longer than a day, whatever is asked for; what asks for years is taken for garbage.
LONGEST, _GARBAGE = 86_400.0, 366 * 86_400.0
_BASE, _CEILING = 0.5, 30.0


def now() -> datetime:
    return datetime.now(UTC)


def backoff(attempt: int) -> float:
    """Full jitter: anywhere between nothing and a ceiling that doubles, so that threads do not come back as one."""
    return random.uniform(0, min(_CEILING, _BASE * 2.0**attempt))


def asked_for(headers: Mapping[str, str], errors: list[dict[str, Any]], now: datetime) -> float | None:
    """The seconds that a refusal asks for: Retry-After, else msBeforeNext, else X-RateLimit-Reset; None if none does.

    Dates count from the answer's own Date, so that a wrong clock of ours does no harm; `now` stands in for it.
    """
    said = _retry_after(headers, now)
    exact = _milliseconds(errors)
    if said is None:
        return exact if exact is not None else _until_reset(headers, now)
    # Retry-After has whole seconds and may be rounded down; never come back a moment too early.
    return exact if exact is not None and 0 < exact - said < 1 else said


def usage(headers: Mapping[str, str], now: datetime) -> Usage:
    """What the X-RateLimit headers say; resources.md: Reset is a date, not epoch seconds."""
    reset = headers.get("x-ratelimit-reset")
    return Usage(
        consumed=_count(headers.get("x-ratelimit-consumed")),
        remaining=_count(headers.get("x-ratelimit-remaining")),
        ends_in=_seconds_until(reset, headers, now) if reset else None,
    )


def answer_date(headers: Mapping[str, str]) -> datetime | None:
    """The server's clock at the time of the answer."""
    return http_date(headers["date"]) if "date" in headers else None


def http_date(text: str) -> datetime | None:
    """RFC 5322; anything else is None."""
    try:
        parsed = parsedate_to_datetime(text)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    seconds = _number(text)
    return _sane(_seconds_until(text, headers, now) if seconds is None else seconds)


def _milliseconds(errors: list[dict[str, Any]]) -> float | None:
    data = errors[0].get("data") if errors else None
    value = data.get("msBeforeNext") if isinstance(data, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _sane(value / 1000) if abs(value) <= _GARBAGE * 1000 else None


def _until_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    text = headers.get("x-ratelimit-reset", "")
    seconds = _seconds_until(text, headers, now)
    # Both dates have whole seconds.
    return None if seconds is None or seconds < 0 else _sane(seconds + 1)


def _seconds_until(text: str, headers: Mapping[str, str], now: datetime) -> float | None:
    date = http_date(text)
    return None if date is None else (date - (answer_date(headers) or now)).total_seconds()


def _sane(seconds: float | None) -> float | None:
    """Zero says nothing: taken at its word it would be a hot loop."""
    return min(seconds, LONGEST) if seconds is not None and 0 < seconds <= _GARBAGE else None


def _number(text: str) -> float | None:
    if not text.isascii() or "_" in text or len(text) > 32:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else None
