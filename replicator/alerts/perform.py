"""A look at one connection's database: what stands is judged and kept, and each channel told what it does not know."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from replicator.alerts import channels, decide, words
from replicator.alerts.book import Book, Wanted
from replicator.alerts.channels import ChannelBroken
from replicator.alerts.judge import Watched, judge
from replicator.crash import crashpoint
from replicator.settings.alerts import JOB_KINDS, length
from replicator.watch import troubles

if TYPE_CHECKING:
    from datetime import datetime

    from replicator.alerts.channels import Channel
    from replicator.alerts.decide import Alert, Key, Tell, Word
    from replicator.settings import Configuration, Job
    from replicator.target.database import Target
    from replicator.watch.troubles import Troubles

#: A look that others overtake is made again.
_LOOKS = 3
#: After a failure this process leaves a channel alone for a moment, whichever connection has something to tell.
_REST = 20.0

log = logging.getLogger("replicator.alerts")


@dataclass
class Post:
    """The channels of a configuration, and which of them is to be told what."""

    found: Configuration
    scrub: Callable[[str], str] = str
    channels: Mapping[str, Channel] = field(init=False)
    _rests: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.channels = channels.of(self.found.alerts, self.found.jobs)

    def wanted(self, key: Key) -> list[Wanted]:
        """The channels that are to be told of that condition."""
        own = self.found.jobs[key.job].alerts if key.kind in JOB_KINDS and key.job in self.found.jobs else None
        alerts = self.found.alerts
        if key.kind not in (alerts.on if own is None or own.on is None else own.on):
            return []
        hook = f"webhook of {key.job}" if own and (own.webhook_url or own.webhook_url_file) else "webhook"
        mail = f"mail of {key.job}" if own and own.mail_to is not None else "mail"
        delay = length(alerts.pending_after) if key.kind == "pending" else None
        return [Wanted(name, delay or timedelta(0)) for name in (hook, mail) if name in self.channels]

    def watched(self, connection: str) -> dict[str, Watched]:
        """The jobs that the configuration has for that connection."""
        jobs = [job for job in self.found.jobs.values() if connection in job.connections]
        return {job.name: Watched(job.timing, self._stale_after(job)) for job in jobs}

    def _stale_after(self, job: Job) -> timedelta | None:
        return length(job.alerts.stale_after or self.found.alerts.stale_after)

    def deliver(self, name: str, messages: Sequence[words.Message]) -> ChannelBroken | None:
        """One message about all of them; gives what went wrong."""
        try:
            crashpoint("before alert", name)
            self.channels[name].send(messages)
            crashpoint("after alert", name)
        except ChannelBroken as error:
            self._rests[name] = time.monotonic() + _REST
            log.warning("alert not sent", extra={"channel": name, "why": self.scrub(str(error))})
            return error
        self._rests.pop(name, None)
        log.info("alert sent", extra={"channel": name, "about": [each.title for each in messages]})
        return None

    def rests(self, name: str) -> bool:
        """Whether that channel failed a moment ago."""
        return self._rests.get(name, 0.0) > time.monotonic()


def look(
    target: Target, post: Post, connection: str, pending: Mapping[str, int] | None, *, all_jobs: bool = False
) -> None:
    """Judges, and keeps what changed; the newest figures count, whoever else looks in this moment."""
    book = Book(target)
    for _ in range(_LOOKS):
        with target.reading() as reading:
            # Before all else: what is read afterwards is at least as new.
            number = book.number(reading)
            known, tells = book.known(reading), book.tells(reading)
            changed = _changed(known, troubles.read(reading, target), post, connection, pending, all_jobs=all_jobs)
        if book.keep(number, changed, _wanted(post, {**known, **changed}, changed, tells)):
            return


def standing(target: Target, post: Post, connection: str, pending: Mapping[str, int] | None) -> list[Alert]:
    """What stands now, whether or not anybody is told; nothing is kept."""
    with target.reading() as reading:
        known = Book(target).known(reading)
        changed = _changed(known, troubles.read(reading, target), post, connection, pending)
    return decide.open_ones({**known, **changed}.values())


def _changed(
    known: Mapping[Key, Alert],
    found: Troubles,
    post: Post,
    connection: str,
    pending: Mapping[str, int] | None,
    *,
    all_jobs: bool = False,
) -> dict[Key, Alert]:
    judged = judge(found, post.watched(connection), pending, all_jobs=all_jobs)
    return decide.settled(known, judged, found.now)


def _wanted(
    post: Post, alerts: Mapping[Key, Alert], changed: Mapping[Key, Alert], tells: Mapping[tuple[Key, str], Tell]
) -> dict[Key, list[Wanted]]:
    """The channels that have to learn of what stands: those that never did, or only of an earlier time."""
    found: dict[Key, list[Wanted]] = {}
    for alert in decide.open_ones(alerts.values()):
        new = [
            each
            for each in post.wanted(alert.key)
            if (tell := tells.get((alert.key, each.channel))) is None
            or (tell.told == "closed" and alert.key in changed)
        ]
        if new:
            found[alert.key] = new
    return found


def tell(target: Target, post: Post, connection: str) -> list[ChannelBroken]:
    """Tells each channel what is due there, in one message; gives what went wrong."""
    book = Book(target)
    with target.reading() as reading:
        now = target.dialect.now(reading)
        known, tells = book.known(reading), book.tells(reading)
    broken = []
    for name in post.channels:
        due = [
            (known[key], each, said)
            for (key, channel), each in tells.items()
            if channel == name and key in known and (said := decide.due(known[key], each, now))
        ]
        if due and not post.rests(name) and (error := _told(book, post, connection, name, due, now)):
            broken.append(error)
    return broken


def _told(
    book: Book,
    post: Post,
    connection: str,
    channel: str,
    due: Sequence[tuple[Alert, Tell, Word]],
    now: datetime,
) -> ChannelBroken | None:
    claim = uuid.uuid4().hex
    mine = [each for each in due if book.claim(each[0], channel, each[1], claim, now)]
    if not mine:
        return None
    told = [words.message(connection, alert, said, post.scrub) for alert, _, said in mine]
    error = post.deliver(channel, told)
    why = post.scrub(str(error)) if error else None
    for alert, before, said in mine:
        after = decide.after(before, said, now, sent=error is None, wait=error.wait if error else 0.0)
        book.told(alert, channel, after, claim, why)
    return error
