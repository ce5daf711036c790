"""How inserts, updates and deletes of an object are seen, and how late at worst: for people, from the catalog. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from replicator.catalog.model import Object, Window

NEXT, NEVER = "next run", "never"


@dataclass(frozen=True, slots=True)
class Seen:
    """`by` is a clause; `late` says after how long at worst: "next run", "first run after 24 h", "never"."""

    by: str
    late: str

    def __str__(self) -> str:
        return f"{self.late}: {self.by}"


@dataclass(frozen=True, slots=True)
class Detection:
    """Of one object."""

    inserts: Seen
    updates: Seen
    deletes: Seen

    def __iter__(self) -> Iterator[Seen]:
        return iter((self.inserts, self.updates, self.deletes))


def reads_details(thing: Object, extended: str) -> bool:
    """Whether a run asks for each record by its id, too."""
    if thing.detail is None or extended == "off":
        return False
    return extended == "on" or any(column.detail for column in thing.columns)


def detection(thing: Object, *, reread: timedelta, extended: str) -> Detection:
    """What the settings make of the object. `reread` of 0 reads everything in every run."""
    if thing.window:
        return _windowed(thing)
    late = f"first run after {_hours(reread)}" if reread else NEXT
    if thing.parents and not thing.restless:
        return _child(thing, late, extended)
    each = "complete listing of every parent" if thing.parents else "complete listing"
    updates = Seen(f"{each}; the row's fingerprint differs", NEXT)
    if reads_details(thing, extended):
        updates = Seen(f"{each}; {_detailed(thing, reread)}", late)
    return Detection(Seen(each, NEXT), updates, _deletes(thing, each, NEXT))


def _child(thing: Object, late: str, extended: str) -> Detection:
    parents = " or ".join(dict.fromkeys(parent.object for parent in thing.parents))
    again = f"its parent's listing is read again when {parents} or the audit trail shows a change"
    again += f", else {late.removeprefix('first run ')}" if late != NEXT else ", and in every run"
    updates = f"{again}; the row's fingerprint differs"
    if reads_details(thing, extended):
        updates += ", and that of its details"
    return Detection(Seen(again, late), Seen(updates, late), _deletes(thing, again, late))


def _detailed(thing: Object, reread: timedelta) -> str:
    names = ", ".join(column.name for column in thing.columns if column.detail) or "details"
    when = "in every run"
    if reread:
        when = f"when the listed record or the audit trail shows a change, else after {_hours(reread)}"
    return f"what the get by id alone carries ({names}) {when}"


def _deletes(thing: Object, each: str, late: str) -> Seen:
    if not thing.absence_deletes:
        return Seen("the listing forgets old records, so a missing one proves nothing", NEVER)
    how = "its get by id answers 404 or a second listing lacks it too" if thing.detail else "a second one lacks it too"
    parent = "; all of them with their parent" if thing.parents else ""
    return Seen(f"{each}; what a listing lacks is gone when {how}{parent}", late)


def _windowed(thing: Object) -> Detection:
    never = Seen("a window of time says nothing about what lies outside of it", NEVER)
    match thing.window:
        case Window.PERIOD:
            by = "the current month is read in every run, and the one before until it is final; others on --period"
            return Detection(Seen(by, NEXT), Seen(f"{by}; the row's fingerprint differs", NEXT), never)
        case Window.EVENTS:
            by = "what happened since the bookmark, less an hour of overlap"
            return Detection(Seen(by, NEXT), Seen("what happened does not change", NEVER), never)
        case _:
            by = "the last days are read in every run"
            return Detection(Seen(by, NEXT), Seen(f"{by}; the row's fingerprint differs", NEXT), never)


def _hours(reread: timedelta) -> str:
    return f"{reread / timedelta(hours=1):g} h"
