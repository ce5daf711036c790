"""When a job's turn comes, by what the ledger says of its runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from replicator.settings.schedule import Schedule

#: After a failed run the next one waits twice as long each time, and this long at most.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
#: A database that does not answer may only be starting: it is asked again sooner.
FIRST_LOOK, LONGEST_LOOK = timedelta(seconds=2), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Past:
    """One run of a job; `ended` is None while it goes on, and for a dead one the last sign of its life."""

    status: str
    began: datetime
    ended: datetime | None
    id: str = ""


def wait_after(failures: int) -> timedelta:
    """How long a job waits after so many failures in a row."""
    return min(FIRST_WAIT * 2 ** min(failures - 1, 10), LONGEST_WAIT) if failures else timedelta(0)


def look_after(failures: int) -> timedelta:
    """How long a daemon that could not ask its ledger so many times in a row waits to ask again."""
    return min(FIRST_LOOK * 2 ** min(failures - 1, 10), LONGEST_LOOK) if failures else timedelta(0)


def turn(schedule: Schedule, runs: Sequence[Past], now: datetime, *, jitter: timedelta, name: str) -> datetime | None:
    """When the job is due; None while it runs. `runs` are its newest, the newest first.

    A job that never ran is due at once, one that was stopped or killed goes on at once (killed again, it waits), and
    one that failed waits as `wait_after` says. Any other is due at the first time of its schedule after its last run
    began, once for however many such times have passed. `jitter` is the most that this time is put off, always by the
    same for one name.
    """
    if not runs:
        return now
    last = runs[0]
    if last.ended is None:
        return None
    if last.status == "interrupted":
        return last.ended
    failures = next((at for at, run in enumerate(runs) if run.status not in {"failed", "died"}), len(runs))
    if failures:
        return last.ended + wait_after(failures - (last.status == "died"))
    return schedule.after(last.began) + jitter * (crc32(name.encode()) / 2**32)
