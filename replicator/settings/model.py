"""Every setting that the program knows, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from replicator.settings.alerts import Alerts, JobAlerts
from replicator.settings.schedule import Schedule, interval

Extended = Literal["auto", "on", "off"]
Deletes = Literal["soft", "hard"]
Conflicts = Literal["error", "segment_wins", "target_wins", "newest"]
Policy = Literal["evolve", "freeze", "fail"]
Mode = Literal["drop", "null", "hash"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """The fake workspace of `region = "sandbox"`."""

    size: Literal["small", "medium", "large"] = "small"
    seed: int = 1
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSettings:
    """What holds for one object alone; None: what holds for all of them."""

    columns: tuple[str, ...] | None = None
    leave_out: tuple[str, ...] | None = None
    plain_secrets: tuple[str, ...] | None = None
    #: Column, or path below one, to what becomes of it.
    mask: Mapping[str, Mode] | None = None
    #: Column to its name in the database.
    rename: Mapping[str, str] | None = None
    #: Column to value, values, or a table of tests (where.py).
    where: Mapping[str, Any] | None = None
    extended: Extended | None = None
    history: bool | None = None
    deletes: Deletes | None = None
    reread_hours: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, checked as far as it can be without asking anybody."""

    region: Literal["us", "eu", "sandbox"] = "us"
    base_url: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    ca_file: Path | None = None
    #: A URL that may hold a password.
    target: str = field(default="sqlite:///replica.db", repr=False)
    #: Where that URL was read from.
    target_file: Path | None = None
    schema: str = ""
    prefix: str = ""
    objects: tuple[str, ...] = ()
    #: Objects and groups of which every version is kept.
    history: tuple[str, ...] = ()
    #: First days of months.
    period: tuple[str, ...] = ()
    extended: Extended = "auto"
    #: Hours after which what did not move is read again all the same; 0 in every run.
    reread_hours: float = 24.0
    deletes: Deletes = "soft"
    concurrency: int = 8
    schema_policy: Policy = "evolve"
    #: Edits made here are sent to Segment, deletions and deployments only where that is asked for besides.
    push: bool = False
    push_deletes: bool = False
    deploy: bool = False
    #: What becomes of what was edited on both sides.
    conflicts: Conflicts = "error"
    migrate: bool = True
    mask_key: bytes | None = field(default=None, repr=False)
    mask_key_file: Path | None = None
    #: Columns, as Users.email, that are not stored.
    leave_out: frozenset[str] = frozenset()
    #: Columns that are masked as secrets are.
    masked: frozenset[str] = frozenset()
    plain_secrets: frozenset[str] = frozenset()
    #: By the name of the object, as it was spelled.
    object: Mapping[str, ObjectSettings] = field(default_factory=dict)
    deadline: float = 60.0
    tries: int = 6
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    #: By key, what it is called where its value was said.
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to do with which connections, as `replicator run` does it."""

    name: str
    #: Names of connections.
    connections: tuple[str, ...] = ()
    #: Objects and groups; none: those of the connection.
    objects: tuple[str, ...] = ()
    mode: Literal["incremental", "full"] = "incremental"
    #: Edits are sent to Segment besides, by the connections that have `push`.
    sync: bool = False
    #: Objects of which every version is kept; none: those of the connection.
    history: tuple[str, ...] = ()
    #: Five fields of cron; or an interval in `every`.
    schedule: str | None = None
    every: str | None = None
    time_zone: str = "UTC"
    #: Seconds by which its time is put off at most.
    jitter: float = 0.0
    alerts: JobAlerts = field(default_factory=JobAlerts)
    #: By key, what it is called where its value was said.
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def timing(self) -> Schedule | None:
        """When the daemon performs it; None: never."""
        if self.every:
            return Schedule(every=interval(self.every))
        return Schedule(cron=self.schedule, zone=self.time_zone) if self.schedule else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """Where the daemon answers monitors, and shows its status page."""

    #: Host and port; None: nowhere.
    listen: tuple[str, int] | None = None
    #: Whether there is a page besides what monitors ask.
    page: bool = True
    #: As `replicator web password` makes it.
    password_hash: str | None = field(default=None, repr=False)
    #: Holds such a hash, or the password itself.
    password_file: Path | None = None
    #: What that file holds.
    password: str | None = field(default=None, repr=False)
    #: Where people reach the page, if not at `listen`: that of a reverse proxy.
    url: str | None = None
    #: Further names by which it may be asked for.
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """The queue through which a daemon hands units to workers."""

    #: A PostgreSQL URL that may hold a password.
    queue: str = field(repr=False)
    schema: str = "replicator_fleet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All that a file and the environment say."""

    connections: Mapping[str, Settings]
    jobs: Mapping[str, Job] = field(default_factory=dict)
    web: Web = field(default_factory=Web)
    alerts: Alerts = field(default_factory=Alerts)
    #: None: the daemon performs the jobs itself.
    fleet: FleetSettings | None = None

    @property
    def tells(self) -> bool:
        """Whether there is somebody to tell of anything."""
        return self.alerts.anybody or any(job.alerts.anybody for job in self.jobs.values())
