"""Moments as people say them: 2026-11-01, 2026-11-01T12:30:00Z, now, -2h, "3 days ago"."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from replicator.errors import UsageError

_AGO = re.compile(r"(-?)\s*(\d{1,6})\s*([a-z]+?)s?(\s+ago)?", re.IGNORECASE)
_UNITS = {
    **dict.fromkeys(("s", "sec", "second"), timedelta(seconds=1)),
    **dict.fromkeys(("m", "min", "minute"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hour"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day"), timedelta(days=1)),
    **dict.fromkeys(("w", "week"), timedelta(weeks=1)),
}


def moment(word: str, now: datetime) -> datetime:
    """The moment, in UTC; one without a zone is in UTC already. Raises UsageError."""
    plain = word.strip().lower()
    if plain == "now":
        return now
    try:
        if (ago := _AGO.fullmatch(plain)) and bool(ago[1]) != bool(ago[4]) and ago[3] in _UNITS:
            return now - int(ago[2]) * _UNITS[ago[3]]
        found = datetime.fromisoformat(word.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{word!r} is no moment: give one such as 2026-11-01, 2026-11-01T12:30:00Z, now, -2h or '3 days ago'."
        ) from None
