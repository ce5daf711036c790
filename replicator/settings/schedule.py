"""When a job runs: five fields of cron, or an interval."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

_EVERY = re.compile(r"every (?:(\d{1,4}) )?(second|minute|hour|day)s?")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: All daemons count from here, so that one goes on where another was.
_ZERO = datetime(2000, 1, 1, tzinfo=UTC)


def trigger(text: str, zone: str = "UTC", jitter: float = 0.0) -> BaseTrigger:
    """The schedule as APScheduler has it; ValueError for what is none."""
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    late = round(jitter) or None
    if found := _EVERY.fullmatch(text.strip()):
        number = int(found[1] or 1)
        if not number:
            raise ValueError
        length = timedelta(**{f"{found[2]}s": number})
        return IntervalTrigger(seconds=int(length.total_seconds()), start_date=_ZERO, timezone=zone, jitter=late)
    minute, hour, day, month, weekday = text.split()
    if day != "*" and weekday != "*":
        # Cron would mean either, APScheduler both.
        raise ValueError
    return CronTrigger(
        minute=minute, hour=hour, day=day, month=month, day_of_week=_weekdays(weekday), timezone=zone, jitter=late
    )


def _weekdays(field: str) -> str:
    """Cron counts from Sunday, APScheduler from Monday: names mean the same to both."""
    if field == "*":
        return field
    return ",".join(sorted({_DAYS[day % 7] for part in field.lower().split(",") for day in _range(part)}))


def _range(part: str) -> range:
    span, _, step = part.partition("/")
    if span == "*":
        return range(0, 7, int(step or 1))
    first, dash, last = span.partition("-")
    begin = _day(first)
    end = _day(last) if dash else (6 if step else begin)
    if end < begin:
        end += 7
    return range(begin, end + 1, int(step or 1))


def _day(word: str) -> int:
    if word in _DAYS:
        return _DAYS.index(word)
    if not re.fullmatch("[0-7]", word):
        raise ValueError
    return int(word)
