"""What opened and what closed since the last look, and what each channel is to be told. Pure.

A condition that stands is told once in each channel, and that it is over once to those that were told. One that came
and went while a channel was broken is told there in one message. What comes back before its end is told was not over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from replicator.alerts.judge import Judgement
    from replicator.settings.alerts import Kind

#: What a channel was told last of an alert: nothing yet, that it stands, that it is over.
Told = Literal["nothing", "opened", "closed"]
#: What it is to be told; `passed` says both at once.
Word = Literal["opened", "closed", "passed"]
#: These are events: that they are over is nothing to tell.
EVENTS: frozenset[Kind] = frozenset({"drift"})
WITHDRAWN = "The configuration has this job no longer."
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Key:
    """Which condition: of a job, of an object, or of the connection; `detail` tells events apart."""

    kind: Kind
    job: str = ""
    object: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """What stands, and why."""

    key: Key
    why: str
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition as the book has it; `closed` is None while it stands."""

    key: Key
    why: str
    run: str | None
    opened: datetime
    closed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """What one channel knows of one alert."""

    told: Told = "nothing"
    #: Not before.
    due: datetime | None = None
    attempts: int = 0


def settled(known: Mapping[Key, Alert], judged: Judgement, now: datetime) -> dict[Key, Alert]:
    """The alerts that change: opened, opened again, closed, or with other words. What nobody can judge stays."""
    changed: dict[Key, Alert] = {}
    for key, condition in judged.standing.items():
        before = known.get(key)
        if before is None or before.closed:
            changed[key] = Alert(key, condition.why, condition.run, now)
        elif (before.why, before.run) != (condition.why, condition.run):
            changed[key] = replace(before, why=condition.why, run=condition.run)
    for key, before in known.items():
        if key not in judged.standing and before.closed is None and judged.knows(key):
            why = WITHDRAWN if judged.withdraws(key) else before.why
            changed[key] = replace(before, closed=now, why=why)
    return changed


def begun(before: Tell | None, alert: Alert, delay: timedelta) -> Tell:
    """What a channel knows of an alert that has just opened there, or opened again."""
    if before is None or before.told == "closed":
        return Tell("nothing", alert.opened + delay)
    return before


def word(alert: Alert, tell: Tell) -> Word | None:
    """What is to be told there now, None if nothing."""
    if alert.closed is None:
        return "opened" if tell.told == "nothing" else None
    if alert.key.kind in EVENTS:
        return "opened" if tell.told == "nothing" else None
    if tell.told == "opened":
        return "closed"
    # What was over before its time came is nobody's business.
    late = tell.due is None or tell.due <= alert.closed or tell.attempts > 0
    return "passed" if tell.told == "nothing" and late else None


def due(alert: Alert, tell: Tell, now: datetime) -> Word | None:
    """The word, once its time has come."""
    return word(alert, tell) if tell.due is None or tell.due <= now else None


def after(tell: Tell, said: Word, now: datetime, *, sent: bool, wait: float = 0.0) -> Tell:
    """What the channel knows once that was tried; `wait` are the seconds that it asked for."""
    if sent:
        return Tell("opened" if said == "opened" else "closed", now, 0)
    seconds = max(wait, (_FIRST_WAIT * 2 ** min(tell.attempts, 12)).total_seconds())
    return Tell(tell.told, now + min(timedelta(seconds=seconds), _LONGEST_WAIT), tell.attempts + 1)


def open_ones(known: Iterable[Alert]) -> list[Alert]:
    """Those that stand, the newest first."""
    return sorted((each for each in known if each.closed is None), key=lambda each: each.opened, reverse=True)
