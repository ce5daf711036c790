"""What the daemon tells monitors: /healthz, /readyz and /metrics. Every connection is asked by a thread of its own.

And the door behind which a server answers them, and shows the status page (replicator/web).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from replicator import __version__
from replicator.errors import ConfigError, ReplicatorError
from replicator.settings import Web
from replicator.web.site import Answer

from . import connection, pending, resort

if TYPE_CHECKING:
    from replicator.settings import Configuration, Settings
    from replicator.watch.figures import Figures
    from replicator.web.server import Server
    from replicator.web.site import Site

    from .keeper import Keeper

#: A reading serves every question of so many seconds: whoever asks oftener costs the database nothing.
_FRESH = 5.0
#: Finding edits compares whole tables: so often.
_COUNTED = 60.0
_AT_ONCE = 8

log = logging.getLogger("replicator.web")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one database said, or why it could not be asked."""

    at: float
    figures: Figures | None
    why: str = ""
    #: Edits by object, and when they were counted.
    pending: Mapping[str, int] = field(default_factory=dict)
    counted_at: float = 0.0


class Monitor:
    """The answers; `follow` tells it what the daemon keeps now."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._kept: tuple[Configuration, Mapping[str, Keeper]] | None = None
        self._readings: dict[str, Reading] = {}
        self._asking: dict[str, threading.Lock] = {}

    def follow(self, found: Configuration, keepers: Mapping[str, Keeper]) -> None:
        """From now on it is about these."""
        self._readings, self._asking = {}, {name: threading.Lock() for name in keepers}
        self._kept = found, dict(keepers)

    def kept(self) -> tuple[Configuration | None, Mapping[str, Keeper]]:
        """What it is about."""
        return self._kept or (None, {})

    def answer(self, path: str) -> Answer | None:
        """None: there is no such path."""
        pages = {"/healthz": self._healthy, "/readyz": self._ready, "/metrics": self._metrics}
        return pages[path]() if path in pages else None

    def _healthy(self) -> Answer:
        stuck = {name: keeper.age() for name, keeper in self._keepers() if not keeper.lives()}
        lines = [f"{name}: its thread gave no sign of life for {age:.0f} s." for name, age in sorted(stuck.items())]
        return Answer(503 if stuck else 200, "\n".join(lines or ["alive"]) + "\n")

    def _ready(self) -> Answer:
        readings = self._all()
        wrong = [f"{name}: {reading.why}" for name, reading in readings.items() if reading.why]
        return Answer(503 if wrong or not readings else 200, "\n".join(wrong or ["ready"]) + "\n")

    def _metrics(self) -> Answer:
        from replicator.watch import metrics

        found = [metrics.Sample("replicator_info", {"version": __version__}, 1)]
        for name, keeper in self._keepers():
            label = {"connection": name}
            found.append(metrics.Sample("replicator_keeper_age_seconds", label, keeper.age()))
            sums = keeper.tally.sums()
            found += [metrics.Sample(metric, label, sums[key]) for key, metric in metrics.COUNTED.items() if sums]
        for name, reading in self._all().items():
            found.append(metrics.Sample("replicator_up", {"connection": name}, int(reading.figures is not None)))
            if reading.figures:
                found += metrics.samples(name, reading.figures, reading.pending)
        return Answer(200, metrics.text(found), metrics.TYPE)

    def _keepers(self) -> list[tuple[str, Keeper]]:
        """Those that keep something: one that ended as it should has nothing to tell any more."""
        _, keepers = self._kept or (None, {})
        return [(name, keeper) for name, keeper in keepers.items() if not keeper.gone()]

    def _all(self) -> dict[str, Reading]:
        if self._kept is None:
            return {}
        found, keepers = self._kept
        wanted = {name: found.connections[name] for name in sorted(keepers) if name in found.connections}
        with ThreadPoolExecutor(_AT_ONCE, "web reading") as threads:
            return dict(zip(wanted, threads.map(self._reading, wanted, wanted.values()), strict=True))

    def _reading(self, name: str, settings: Settings) -> Reading:
        with self._asking.setdefault(name, threading.Lock()):
            known = self._readings.get(name)
            if known is None or time.monotonic() - known.at > _FRESH:
                known = self._readings[name] = self._asked(settings, known)
            return known

    def _asked(self, settings: Settings, before: Reading | None) -> Reading:
        from replicator.watch import figures

        now = time.monotonic()
        try:
            with connection.books(settings) as books:
                if before and before.figures and now - before.counted_at < _COUNTED:
                    counted, at = before.pending, before.counted_at
                else:
                    counted, at = pending.counts(books, settings), now
                return Reading(now, figures.read(books), pending=counted, counted_at=at)
        except ReplicatorError as error:
            return Reading(time.monotonic(), None, resort.scrubbed(str(error), self._environ))
        except Exception as error:
            log.exception("mistake in this program", extra={"kind": type(error).__name__})
            return Reading(time.monotonic(), None, f"This is a mistake in the program ({type(error).__name__}).")


class Door:
    """The server at the address that the configuration says now."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._web = Web()
        self._server: Server | None = None

    def follow(self, web: Web) -> None:
        """Moves to that address. Raises ConfigError where it cannot listen there; the old one stays."""
        if web == self._web:
            return
        if self._web.listen and web.listen and self._web.listen[1] == web.listen[1]:
            # A port that both addresses have is free only once the old one is closed.
            before = self._web
            self.close()
            try:
                opened = self._opened(web)
            except ConfigError:
                self.follow(before)
                raise
        else:
            opened = self._opened(web)
        self.close()
        self._web, self._server = web, opened
        if opened:
            log.info("web listens", extra={"address": opened.address, "page": web.page})

    def _opened(self, web: Web) -> Server | None:
        if not web.listen:
            return None
        from replicator.web.application import application
        from replicator.web.server import Server

        if web.password:
            resort.remember(web.password)
        return Server(*web.listen, application(self._site, web, web.listen[1]))

    @property
    def port(self) -> int:
        """Where it listens; 0: nowhere."""
        return self._server.port if self._server else 0

    def close(self) -> None:
        """Nobody is answered any more."""
        if self._server:
            self._server.close()
        self._web, self._server = Web(), None
