"""Alerts beside the runs: the daemon's thread that looks and tells, and the look at the end of a command."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from replicator.about import about
from replicator.errors import ConfigError, ReplicatorError, TargetError, TargetUnusable
from replicator.settings import CONNECTION_VARIABLE, load_all

from . import connection, pending, resort

if TYPE_CHECKING:
    from replicator.alerts.decide import Alert, Tell
    from replicator.alerts.perform import Post
    from replicator.settings import Configuration, Settings
    from replicator.target.database import Target

    from .keeper import Keeper

#: The thread looks for runs that ended so often, and at every connection at least so often; the more there are, the
#: later, because a look costs some hundredths of a second. Edits take comparing whole tables: less often.
_STEP, _SWEEP, _EACH, _COUNTS = 1.0, 30.0, 0.3, 300.0
#: A database that is away for longer is told: restarts take less.
_AWAY = 120.0
_AT_ONCE = 4

log = logging.getLogger("replicator.alerts")


def post_of(found: Configuration, environ: Mapping[str, str]) -> Post:
    """The channels of that configuration; from now on their secrets are taken out of whatever is told."""
    from replicator.alerts.channels import ChannelBroken
    from replicator.alerts.perform import Post

    post = Post(found, lambda text: resort.scrubbed(text, environ))
    for channel in post.channels.values():
        try:
            for secret in channel.secrets():
                resort.remember(secret)
        except ChannelBroken as error:
            log.warning("channel cannot be used", extra={"channel": channel.name, "why": str(error)})
    return post


@contextmanager
def afterwards(
    environ: Mapping[str, str], config: Path | None, settings: Settings, name: str | None = None
) -> Iterator[None]:
    """Inside, a command runs; whatever comes of it, people are told, if the configuration says so."""
    found = load_all(environ, {}, config=config)
    name = name or environ.get(CONNECTION_VARIABLE) or next(iter(found.connections))
    mine = found.connections.get(name)
    same = mine and (mine.target, mine.schema, mine.prefix) == (settings.target, settings.schema, settings.prefix)
    post = post_of(found, environ) if same and found.tells else None
    if post is None:
        # A database that only the command line names is not what the configuration is about.
        yield
        return
    try:
        yield
    except TargetUnusable as error:
        # There is no ledger to look into: whoever runs this again is told again.
        away = _Away(since=0.0)
        away.tell(post, name, str(error))
        raise
    except ReplicatorError:
        _look(post, name, settings)
        raise
    _look(post, name, settings)


def _look(post: Post, name: str, settings: Settings) -> None:
    """One look; alerts that fail stop no command."""
    try:
        with about(connection=name), connection.books(settings) as target:
            looked(target, post, name, settings)
    except ReplicatorError as error:
        log.warning("alerts were not looked at", extra={"why": str(error)})


def looked(
    target: Target, post: Post, name: str, settings: Settings, *, edits: bool = True, all_jobs: bool = False
) -> None:
    """Judges what stands in that database, `edits` too, and tells it; `all_jobs`: no other configuration has more."""
    from replicator.alerts import perform

    waiting = pending.counts(target, settings) if settings.push and edits else None
    perform.look(target, post, name, waiting, all_jobs=all_jobs)
    perform.tell(target, post, name)


@dataclass
class _Away:
    """A database that cannot be asked has no book: whom this process told of it is known here alone."""

    since: float
    alert: Alert | None = None
    tells: dict[str, Tell] = field(default_factory=dict)

    def tell(self, post: Post, name: str, why: str | None) -> None:
        """`why` None: it is there again."""
        from replicator.alerts import decide, words

        now, key = datetime.now(UTC), decide.Key("away")
        before = self.alert or decide.Alert(key, why or "", None, now)
        self.alert = decide.Alert(key, why or before.why, None, before.opened, None if why else now)
        for wanted in post.wanted(key):
            tell = self.tells.get(wanted.channel, decide.Tell())
            said = decide.due(self.alert, tell, now)
            if said and not post.rests(wanted.channel):
                error = post.deliver(wanted.channel, [words.message(name, self.alert, said, post.scrub)])
                wait = error.wait if error else 0.0
                self.tells[wanted.channel] = decide.after(tell, said, now, sent=error is None, wait=wait)

    def over(self) -> bool:
        """Whether everybody who was told of it knows that it is there again."""
        return all(tell.told != "opened" for tell in self.tells.values())


class Teller(threading.Thread):
    """Looks at each connection after its runs and every half minute; a channel that hangs keeps no run waiting."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(name="alerts", daemon=True)
        self._environ = environ
        self._kept: tuple[Configuration, Mapping[str, Keeper], Post] | None = None
        #: Of each connection: how many runs its keeper had ended at the last look, and when that was.
        self._seen: dict[str, tuple[int, float]] = {}
        #: When its edits were counted.
        self._counted: dict[str, float] = {}
        self._away: dict[str, _Away] = {}
        self._over = threading.Event()

    def follow(self, found: Configuration, keepers: Mapping[str, Keeper]) -> None:
        """From now on it is about these."""
        self._kept = found, dict(keepers), post_of(found, self._environ)

    def end(self) -> None:
        """No further look."""
        self._over.set()

    def run(self) -> None:
        """Until it is ended."""
        with ThreadPoolExecutor(_AT_ONCE, "alerts of") as threads:
            while not self._over.wait(_STEP):
                for _ in threads.map(self._look, self._due()):
                    pass

    def _due(self) -> list[str]:
        if self._kept is None:
            return []
        found, keepers, post = self._kept
        due = []
        sweep = max(_SWEEP, _EACH * len(keepers))
        for name, keeper in keepers.items() if post.channels else ():
            runs, at = self._seen.get(name, (-1, 0.0))
            if name in found.connections and (runs != keeper.ended or time.monotonic() - at > sweep):
                self._seen[name] = keeper.ended, time.monotonic()
                due.append(name)
        return due

    def _look(self, name: str) -> None:
        if self._kept is None:
            return
        found, _, post = self._kept
        with about(connection=name):
            try:
                with connection.books(found.connections[name]) as target:
                    # Daemons of one database have one configuration (docs/alerts.md); a command may have another.
                    looked(target, post, name, found.connections[name], edits=self._counts(name), all_jobs=True)
            except ConfigError:
                # Nothing was replicated into it yet.
                return
            except TargetError as error:
                self._missed(post, name, str(error))
            except ReplicatorError as error:
                log.warning("alerts were not looked at", extra={"why": str(error)})
            except Exception as error:
                log.exception("mistake in this program", extra={"kind": type(error).__name__})
            else:
                self._there(post, name)

    def _counts(self, name: str) -> bool:
        now = time.monotonic()
        if now - self._counted.get(name, -_COUNTS) < _COUNTS:
            return False
        self._counted[name] = now
        return True

    def _missed(self, post: Post, name: str, why: str) -> None:
        away = self._away.setdefault(name, _Away(time.monotonic()))
        if time.monotonic() - away.since >= _AWAY:
            away.tell(post, name, why)

    def _there(self, post: Post, name: str) -> None:
        if away := self._away.get(name):
            if away.alert:
                away.tell(post, name, None)
            if away.over():
                del self._away[name]
