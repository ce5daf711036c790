"""What needs a person, by the ledger's figures. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from replicator.alerts.decide import Condition, Key

if TYPE_CHECKING:
    from replicator.settings.alerts import Kind
    from replicator.settings.schedule import Schedule
    from replicator.watch.troubles import Ended, Troubles

#: A turn that is missed by less is not late.
_SLACK = timedelta(minutes=10)
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Watched:
    """A job of the configuration: when it runs, and after how long without a success it is stale."""

    schedule: Schedule | None = None
    stale_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What stands, and what was judged at all: the rest stays as it is."""

    standing: Mapping[Key, Condition]
    #: Kind, job and detail, of those that are about jobs and edits.
    judged: frozenset[tuple[str, str, str]] = field(default_factory=frozenset)
    #: All jobs that there are; None: another configuration may have more.
    jobs: frozenset[str] | None = None

    def withdraws(self, key: Key) -> bool:
        """Whether that condition is about a job that nobody has any more."""
        return self.jobs is not None and bool(key.job) and key.job not in self.jobs

    def knows(self, key: Key) -> bool:
        """Whether that condition would stand here if it did."""
        if self.withdraws(key):
            return True
        about_jobs = key.kind in {"failed", "partial", "stale", "pending"}
        return not about_jobs or (key.kind, key.job, key.detail) in self.judged


def judge(
    found: Troubles, jobs: Mapping[str, Watched], pending: Mapping[str, int] | None, *, all_jobs: bool = False
) -> Judgement:
    """`jobs` are those that the configuration has for this connection; `pending` None: edits are not sent from here.

    `all_jobs`: there are no others.
    """
    standing: list[Condition] = []
    judged: set[tuple[str, str, str]] = set()
    for ended in found.ended:
        if ended.job and ended.job not in jobs:
            continue
        verdict = _of_run(ended, found)
        judged |= {(kind, ended.job, ended.detail) for kind in verdict}
        standing += [each for each in verdict.values() if each]
    for name, watched in jobs.items():
        judged.add(("stale", name, ""))
        standing += _stale(name, watched, found)
    if pending is not None:
        judged.add(("pending", "", "edits"))
    if waiting := {name: count for name, count in (pending or {}).items() if count}:
        standing.append(Condition(Key("pending", detail="edits"), f"edits that were not sent: {_counted(waiting)}"))
    standing += _of_objects(found)
    return Judgement({each.key: each for each in standing}, frozenset(judged), frozenset(jobs) if all_jobs else None)


def _of_run(ended: Ended, found: Troubles) -> Mapping[Kind, Condition | None]:
    """By kind, as far as the newest run says something of it; one that was killed once, and goes on, says nothing."""
    wrong = found.wrong.get(ended.run, ())
    told = "; ".join(f"{name} is {status}: {why or 'no reason is known'}" for name, status, why in wrong[:_SHOWN])
    told += f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""

    def standing(kind: Kind, why: str) -> Condition:
        return Condition(Key(kind, ended.job, detail=ended.detail), why, ended.run)

    if ended.status == "failed":
        failed = standing("failed", ended.error or told or "no reason is known")
        return {"failed": failed} if ended.killed_before or not ended.killed else {}
    if ended.detail == "push":
        return {"failed": None}
    return {"failed": None, "partial": standing("partial", told) if wrong else None}


def _stale(name: str, watched: Watched, found: Troubles) -> Iterator[Condition]:
    since = found.succeeded.get(name) or found.began.get(name)
    if since is None or found.now < _late(since, watched):
        return
    how = "has not succeeded" if name in found.succeeded else "has never succeeded, and was first tried"
    text = f"{how} since {since:%Y-%m-%d %H:%M} UTC"
    yield Condition(Key("stale", name), text)


def _late(since: datetime, watched: Watched) -> datetime:
    """When a job that succeeded last then is stale: as it was told, else once two turns passed."""
    if watched.stale_after:
        return since + watched.stale_after
    if watched.schedule is None:
        return datetime.max.replace(tzinfo=since.tzinfo)
    return watched.schedule.after(watched.schedule.after(since)) + _SLACK


def _of_objects(found: Troubles) -> Iterator[Condition]:
    for name, (message, run) in found.held.items():
        yield Condition(Key("deletes", object=name), message, run)
    for name, (count, reason) in found.conflicts.items():
        yield Condition(Key("conflicts", object=name), f"{count} of them, as: {reason}")
    for name, (count, reason) in found.quarantined.items():
        yield Condition(Key("quarantine", object=name), f"{count} of its records, as: {reason}")
    for (name, run), changes in found.drift.items():
        more = f"; and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        yield Condition(Key("drift", object=name, detail=run), "; ".join(changes[:_SHOWN]) + more, run)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
