"""The life of a soak: people edit on both sides while answers go wrong, daemons die and the database goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from .processes import Daemon, Sample, Sandbox, answers, sample

if TYPE_CHECKING:
    from .people import People
    from .servers import Server

#: About one request in twenty goes wrong; what drifts between pages strikes the few listings that have several.
FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 429, "retry_after": 1, "probability": 0.006},
    {"status": 429, "retry_after": "none", "probability": 0.002},
    {"status": 500, "probability": 0.005},
    {"status": 502, "effect": "done", "probability": 0.005},
    {"status": 503, "probability": 0.004},
    {"reset": True, "probability": 0.004},
    {"reset": "after", "probability": 0.004},
    {"lose_response": True, "probability": 0.005},
    {"truncate_at": 120, "probability": 0.004},
    {"truncate_at": 200, "framing": "chunked", "ending": "reset", "probability": 0.002},
    {"delay": 2, "probability": 0.004},
    {"drip": 4000, "probability": 0.001},
    {"bad_json": True, "probability": 0.002},
    {"html200": True, "probability": 0.001},
    {"data_null": True, "method": "GET", "probability": 0.001},
    {"route": "list*", "missing_list": True, "probability": 0.001},
    {"route": "listRulesFromTrackingPlan", "status": 404, "probability": 0.002},
    {"route": "list*", "dup_page": True, "probability": 0.01},
    {"route": "list*", "drop_page": True, "probability": 0.01},
    {"route": "list*", "insert": 2, "probability": 0.01},
    {"route": "list*", "delete": 2, "probability": 0.01},
    {"route": "list*", "empty_page": True, "probability": 0.01},
    {"cursor_expire": True, "probability": 0.01},
)
#: A daemon that was stopped for longer is taken for dead by the other one.
_TAKEN_FOR_DEAD = 75.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Mean seconds between two mishaps of a kind, which come at random instants."""

    kill: float
    restart: float
    pause: float
    #: The longest that a daemon is stopped.
    longest_pause: float

    @classmethod
    def of(cls, seconds: float) -> Rhythm:
        kill, restart, pause = min(75.0, seconds / 5), min(150.0, seconds / 4), min(150.0, seconds / 4)
        return cls(kill, restart, pause, _TAKEN_FOR_DEAD if seconds >= 600 else 8.0)


class Watch(threading.Thread):
    """Looks at the daemon that is never killed, and keeps what the sandbox's log says of writes."""

    def __init__(self, server: Server, sandbox: Sandbox, kept: Daemon, web: str, say: Callable[[str], None]) -> None:
        super().__init__(name="watch", daemon=True)
        self.server, self.sandbox, self.kept, self.web, self.say = server, sandbox, kept, web, say
        self.every = 5.0
        self.samples: list[Sample] = []
        self.most_connections = 0
        self.healthy = self.unhealthy = 0
        self.writes: dict[int, dict[str, Any]] = {}
        self.requests = 0
        self._seen = 0
        self.over = threading.Event()

    def run(self) -> None:
        began = time.monotonic()
        looks = 0
        while not self.over.wait(self.every):
            try:
                connections = self.server.connections()
            except SQLAlchemyError:
                continue  # it is being restarted
            if found := sample(self.kept.pid, time.monotonic() - began, connections):
                self.samples.append(found)
                self.most_connections = max(self.most_connections, connections)
            if answers(self.web):
                self.healthy += 1
            else:
                self.unhealthy += 1
            looks += 1
            if looks % 5 == 0:
                self.read_log()
            if looks % 60 == 0:
                self.say(f"the daemon that is kept has {found.megabytes if found else 0:.0f} MB")

    def read_log(self) -> None:
        """Before the log forgets its oldest entries."""
        try:
            found = self.sandbox.asked(f"/log?effect=true&since={self._seen}")
        except OSError:
            return  # a busy machine; the next look reads on from here
        self.writes |= {each["number"]: each for each in found["entries"]}
        self._seen = self.requests = found["last"]


@dataclass
class Life:
    people: People
    server: Server
    victim: Daemon
    rhythm: Rhythm
    random: Random
    say: Callable[[str], None]
    _paused_until: float = field(default=0.0)

    def live(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        mishaps: dict[str, tuple[float, Callable[[], None]]] = {
            "kill": (self.rhythm.kill, self.kill),
            "restart": (self.rhythm.restart, self.restart),
            "pause": (self.rhythm.pause, self.pause),
        }
        due = {name: time.monotonic() + self._soon(mean) for name, (mean, _) in mishaps.items()}
        while (now := time.monotonic()) < until:
            if self._paused_until and now > self._paused_until:
                self._go_on()
            for name, (mean, happen) in mishaps.items():
                if now >= due[name]:
                    happen()
                    due[name] = time.monotonic() + self._soon(mean)
            self.people.act()
            time.sleep(self.random.expovariate(1.0))
        self._go_on()

    def _soon(self, mean: float) -> float:
        """Any instant, and yet each comes in a short life too."""
        return self.random.uniform(0.2, 1.8) * mean

    def kill(self) -> None:
        self.say("kill -9")
        self._paused_until = 0.0
        self.victim.kill()
        time.sleep(self.random.uniform(0, 2))
        self.victim.start()

    def restart(self) -> None:
        crash, away = self.random.random() < 0.5, self.random.uniform(0, 3)
        self.say(f"the database is restarted, {'crashing, ' if crash else ''}away for {away:.1f} s")
        self.server.restart(away, crash=crash)

    def pause(self) -> None:
        if self._paused_until:
            return
        seconds = self.random.choice((1.0, 3.0, 6.0, self.rhythm.longest_pause))
        self.say(f"SIGSTOP for {seconds:.0f} s")
        self.victim.pause()
        self._paused_until = time.monotonic() + seconds

    def _go_on(self) -> None:
        if self._paused_until:
            self.victim.go_on()
            self._paused_until = 0.0
