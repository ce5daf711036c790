"""What is wrong with a connection, the worst first, and where to mend it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from replicator.web.sight import Seen, Sight

#: `wrong`: something does not work; `person`: somebody has to decide or mend; `note`: it goes on without that.
Level = Literal["wrong", "person", "note"]
_ORDER: tuple[Level, ...] = ("wrong", "person", "note")
#: How a run may end, less what its objects say for themselves.
_ENDED: Mapping[str, tuple[Level, str]] = {
    "interrupted": ("note", "was stopped before its end"),
    "partial": ("person", "left objects out"),
}
_FAILED: tuple[Level, str] = ("wrong", "failed")
#: The same of an object.
_OF_OBJECT: Mapping[str, tuple[Level, str]] = {
    "failed": ("wrong", "was not read"),
    "unavailable": ("note", "cannot be seen"),
    "partial": ("note", "is not whole"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing: what it is, why, what to do, and the page that shows it (below the connection's own)."""

    level: Level
    what: str
    why: str = ""
    fix: str = ""
    page: str = ""
    link: str = ""
    when: datetime | None = None


def problems(seen: Seen, silent: float | None) -> list[Problem]:
    """Of one connection. `silent`: for how many seconds its thread gave no sign of life, if that is too long."""
    found = list(_of_thread(silent))
    if seen.sight is None:
        found.append(Problem("wrong", "Its database cannot be read", seen.why))
    else:
        found += [*_of_runs(seen.sight), *_of_alerts(seen.sight), *_of_objects(seen.sight), *_of_people(seen.sight)]
    return sorted(found, key=lambda each: _ORDER.index(each.level))


def _of_thread(silent: float | None) -> Iterator[Problem]:
    if silent is not None:
        yield Problem(
            "wrong",
            "Its thread hangs",
            f"It gave no sign of life for {silent:.0f} seconds.",
            "The daemon's log says what it did last; restarting the daemon loses nothing.",
        )


def _of_runs(sight: Sight) -> Iterator[Problem]:
    """The newest ended run of each job; those by hand say nothing about what goes on."""
    due = {turn.job.name: turn.due for turn in sight.turns}
    for last in sight.figures.last:
        if last.job not in due or last.status in {"done", "needs_person"}:
            continue
        again = due[last.job]
        fix = f"It is tried again at {again:%H:%M:%S} UTC." if again else ""
        page, link = (f"runs/{last.id}", "Show the run") if last.id else ("", "")
        level, what = _ENDED.get(last.status, _FAILED)
        yield Problem(level, f"Job {last.job} {what}", last.error or "", fix, page, link, last.ended)


def _of_alerts(sight: Sight) -> Iterator[Problem]:
    """What the page does not see by itself: the other alerts stand for what it shows anyway."""
    if count := sight.figures.alerts.get("stale", 0):
        what = "A job has not succeeded for too long" if count == 1 else f"{count} jobs have not succeeded for too long"
        yield Problem("wrong", what, "", "`replicator alerts` says which, and since when.", "runs", "Show the runs")
    for channel, count in sorted(sight.figures.untold.items()):
        if count:
            fix = "`replicator alerts test` says what does not work."
            yield Problem("wrong", f"Alerts cannot be told by {channel}", f"{count:,} of them wait.", fix)


def _of_objects(sight: Sight) -> Iterator[Problem]:
    for name, state in sorted(sight.figures.objects.items()):
        if state.status in _OF_OBJECT and state.message:
            level, what = _OF_OBJECT[state.status]
            yield Problem(level, f"{name} {what}", state.message, "", f"objects/{name}", "Show the object")


def _of_people(sight: Sight) -> Iterator[Problem]:
    if approved := [name for name in sight.held if name in sight.approved]:
        what = f"Deletions are approved: {', '.join(approved)}"
        yield Problem("note", what, "The next run of these objects deletes.", "", "deletes", "Show them")
    if held := [name for name in sight.held if name not in sight.approved]:
        yield Problem(
            "person",
            f"Deletions wait for approval: {', '.join(held)}",
            "More rows would go than the guard lets vanish at once, so nothing of these objects was changed.",
            "Approve them, or find out why the records are gone.",
            "deletes",
            "Look and approve",
        )
    if sight.conflicts:
        count = f"{sight.conflicts:,} edit{'s' if sight.conflicts > 1 else ''}"
        yield Problem(
            "person",
            f"{count} in conflict",
            "The database and the workspace were changed differently. Neither side is overwritten.",
            "Decide which version counts.",
            "conflicts",
            "Resolve",
        )
    if sight.quarantined:
        count = f"{sight.quarantined:,} record{'s' if sight.quarantined > 1 else ''}"
        yield Problem(
            "person",
            f"{count} in quarantine",
            "They could not be stored as rows and are kept whole.",
            "`replicator quarantine retry` reads them again once the reason is gone.",
            "quarantine",
            "Show the reasons",
        )
