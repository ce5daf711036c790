"""Moments as the API writes them: text, always UTC with `Z`, with or without milliseconds.

Both forms occur in live answers (resources.md, "Reads that bite").
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from .messages import invalid

DAY = 86_400
#: What rules carry in `deprecatedAt` while they are not deprecated.
ZERO = "0001-01-01T00:00:00.000Z"
#: The workspace was made then, and everything that is not a stream of events within two years of it.
BIRTH = int(datetime(2023, 9, 4, 9, 0, tzinfo=UTC).timestamp())


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def with_millis(seconds: int, millis: int = 0) -> str:
    return f"{moment(seconds):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def without_millis(seconds: int) -> str:
    return f"{moment(seconds):%Y-%m-%dT%H:%M:%SZ}"


def with_micros(micros: int) -> str:
    return f"{moment(micros // 1_000_000):%Y-%m-%dT%H:%M:%S}.{micros % 1_000_000:06d}Z"


def parse(field: str, text: str) -> int:
    """Whole seconds since 1970 of an ISO 8601 moment (a bare date is its midnight); raises the API's 422."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(field, "must be an ISO 8601 date") from None
    return int(parsed.replace(tzinfo=parsed.tzinfo or UTC).timestamp())


def parse_date(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text[:10]) if len(text) == len("2021-02-01") else moment(parse(field, text)).date()
    except (ValueError, OverflowError):
        raise invalid(field, "must be an ISO 8601 date, such as 2021-02-01") from None


def next_month(first: date) -> date:
    return (first.replace(day=1) + timedelta(days=32)).replace(day=1)
