"""Who changed a record, as far as the audit trail tells: a guess, with how sure it is.

The trail says which resource an event is about, and not what it changed. So an event counts that is about the record
and lies between the listing that showed it as it was before and the one that showed it as it is now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

#: certain: one event is about the record; likely: several by one person, or one person's about its parent; possible:
#: several people's; none: no event.
Confidence = Literal["certain", "likely", "possible", "none"]

#: The trail's clock is not the database's.
SLACK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the audit trail."""

    at: datetime
    type: str
    who: str
    resource_id: str


@dataclass(frozen=True, slots=True)
class Blame:
    """Who, by which event and when: the last one, where there are several. `who` names all, last first."""

    confidence: Confidence = "none"
    who: str | None = None
    event: str | None = None
    at: datetime | None = None


def blame(
    events: Iterable[Event], own: str | None, parents: Collection[str], after: datetime | None, until: datetime
) -> Blame:
    """Whose change showed at `until`, if the record was seen as it was before at `after`; None: it was never seen."""
    if after is None:
        return Blame()
    window = [event for event in events if after - SLACK <= event.at <= until + SLACK]
    about = [event for event in window if event.resource_id == own]
    inherited = [event for event in window if event.resource_id in parents]
    found = sorted(about or inherited, key=lambda event: event.at, reverse=True)
    if not found:
        return Blame()
    people = list(dict.fromkeys(event.who for event in found))
    sure: Confidence = "certain" if about and len(found) == 1 else "likely"
    return Blame("possible" if len(people) > 1 else sure, ", ".join(people), found[0].type, found[0].at)
