"""Edits in Segment that a push may have overwritten, as far as the audit trail tells.

The API has no conditional write: what somebody does to a record between the look at it and our write, of the same
field, is overwritten unseen (I7 in reliability.md). Where the trail is replicated, one listing of it after the push
tells who else was at work in that time; what it shows only later, or leaves out, nobody is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replicator.sync.model import Step

#: Segment's clock is known from headers, which tell whole seconds.
SLACK = timedelta(seconds=1)
#: How actors begin that are no persons (resources.md, "Change detection").
_TOKEN = "public-api-token/"  # noqa: S105 - no secret


@dataclass(frozen=True, slots=True)
class Moment:
    """One write: of which step, and from when to when somebody else's edit could be overwritten by it."""

    step: Step
    looked: datetime
    written: datetime

    @property
    def about(self) -> str:
        """What the trail calls the record: rules have no ids, and are told of as their plan."""
        return str(self.step.known_as.get("tracking_plan_id") or self.step.id)


def others(moments: Sequence[Moment], trail: Iterable[Mapping[str, Any]]) -> list[tuple[Step, str]]:
    """The steps that may have overwritten somebody's edit, each with a sentence that says whose."""
    events = defaultdict(list)
    for event in sorted(trail, key=lambda event: str(event.get("timestamp"))):
        # A read leaves an event, too.
        if not str(event.get("type")).endswith("Retrieved"):
            events[event.get("resourceId")].append(event)
    within = [(each, [event for event in events[each.about] if _lies_in(each, event)]) for each in moments]
    ours = _ours([event for _, found in within for event in found])
    theirs = [(each.step, [event for event in found if event.get("actor") != ours]) for each, found in within]
    return [(step, _sentence(found)) for step, found in theirs if found]


def _lies_in(moment: Moment, event: Mapping[str, Any]) -> bool:
    at = datetime.fromisoformat(str(event["timestamp"]))
    return moment.looked - SLACK <= at <= moment.written + SLACK


def _ours(events: Sequence[Mapping[str, Any]]) -> str | None:
    """No answer says how the trail names our own token: it is the one that was at work most and, of equals, last."""
    tokens = [str(each.get("actor")) for each in events if str(each.get("actor")).startswith(_TOKEN)]
    last = {actor: at for at, actor in enumerate(tokens)}
    return max(last, key=lambda actor: (tokens.count(actor), last[actor]), default=None)


def _sentence(events: Sequence[Mapping[str, Any]]) -> str:
    who = dict.fromkeys(str(each.get("actorEmail") or each.get("actor")) for each in events)
    what = f"{events[-1]['type']}, {events[-1]['timestamp']}"
    return f"{', '.join(who)} edited it in the moment of the write ({what}): look whether that edit was overwritten"
