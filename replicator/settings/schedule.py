"""When a job runs: five fields of cron in a time zone, or an interval. Pure, but for the time zones' files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

_EVERY = re.compile(r"(\d{1,6})\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SHORTEST, _LONGEST = timedelta(seconds=5), timedelta(days=366)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELD = r"(?:\*|\d{1,2}(?:-\d{1,2})?)(?:/\d{1,2})?"
_MONTH = r"(?:\*|[a-z]{3}|\d{1,2}(?:-\d{1,2})?)(?:/\d{1,2})?"
_WEEKDAY = r"(\*|\w{1,3}(?:-\w{1,3})?)(?:/([1-7]))?"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One of `cron` and `every` is set."""

    cron: str | None = None
    every: timedelta | None = None
    zone: str = "UTC"

    def after(self, moment: datetime) -> datetime:
        """The first time after that moment, in UTC. ValueError where `cron` is none, or never comes true."""
        if self.every is not None:
            return moment.astimezone(UTC) + self.every
        # Each hour, or each few: by the time that passes. At certain hours: by the clock on the wall.
        hourly = "".join((self.cron or "").split(" ")[1:2]).startswith("*")
        return _first(self.cron or "", self.zone, moment) if hourly else self._by_wall(moment)

    def _by_wall(self, moment: datetime) -> datetime:
        """Once a day where the clock shows the hour twice, and an hour late where it leaves the hour out."""
        here = ZoneInfo(self.zone)
        wall = moment.astimezone(here).replace(tzinfo=UTC)
        while True:
            wall = _first(self.cron or "", "UTC", wall)
            found = wall.replace(tzinfo=here).astimezone(UTC)
            if found > moment:
                return found


def interval(value: Any) -> timedelta:
    """15m -> fifteen minutes. ValueError: it is none, or too short or too long."""
    found = _EVERY.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if not found:
        raise ValueError
    length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not _SHORTEST <= length <= _LONGEST:
        raise ValueError
    return length


def cron(value: Any) -> str:
    """The five fields, if they are some that ever come true. ValueError otherwise."""
    text = " ".join(value.lower().split()) if isinstance(value, str) else ""
    Schedule(cron=text).after(datetime(2000, 1, 1, tzinfo=UTC))
    return text


def zone(value: Any) -> str:
    """The name of a time zone. ValueError: there is none of that name."""
    try:
        return ZoneInfo(value).key
    except (OSError, KeyError, TypeError):
        raise ValueError from None


def _first(text: str, zone_name: str, moment: datetime) -> datetime:
    times = [found for each in _triggers(text, zone_name) if (found := _next(each, moment))]
    if not times:
        raise ValueError
    return min(times)


def _next(trigger: CronTrigger, moment: datetime) -> datetime | None:
    found: datetime | None = trigger.get_next_fire_time(None, moment + timedelta(microseconds=1))
    return found.astimezone(UTC) if found else None


def _triggers(text: str, zone_name: str) -> list[CronTrigger]:
    """Two where a day of the month and a weekday are both given: cron means either, APScheduler both."""
    from apscheduler.triggers.cron import CronTrigger

    fields = text.split(" ")
    if len(fields) != 5:
        raise ValueError
    minute, hour, day, month, weekday = fields
    for field, pattern in ((minute, _FIELD), (hour, _FIELD), (day, _FIELD), (month, _MONTH)):
        if not all(re.fullmatch(pattern, part) for part in field.split(",")):
            raise ValueError
    usual = {"minute": minute, "hour": hour, "month": month, "timezone": ZoneInfo(zone_name)}
    weekdays = _weekdays(weekday)
    if day.startswith("*") or weekday.startswith("*"):
        return [CronTrigger(**usual, day=day, day_of_week=weekdays)]
    return [CronTrigger(**usual, day=day), CronTrigger(**usual, day_of_week=weekdays)]


def _weekdays(field: str) -> str:
    """Names: cron counts from Sunday, which is 0 and 7; APScheduler from Monday."""
    numbers: set[int] = set()
    for part in field.split(","):
        found = re.fullmatch(_WEEKDAY, part)
        if not found:
            raise ValueError
        first, _, last = ("0-6" if found[1] == "*" else found[1]).partition("-")
        begin = _weekday(first)
        end = _weekday(last) if last else begin
        if end < begin:
            raise ValueError
        numbers.update(range(begin, end + 1, int(found[2] or 1)))
    return ",".join(_DAYS[number] for number in sorted({number % 7 for number in numbers}))


def _weekday(word: str) -> int:
    number = _DAYS.index(word) if word in _DAYS else int(word)
    if not 0 <= number <= 7:
        raise ValueError
    return number
