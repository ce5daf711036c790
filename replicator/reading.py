"""What one object's replication is told, and what it tells."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from replicator.target.publish import Counts

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.partitions import Parents
    from replicator.segment.client import Client


@dataclass(frozen=True, slots=True)
class Reading:
    """What one object's replication needs. `started` is told how many partitions there are, `report` each page."""

    run_id: str
    client: Client
    pool: Executor
    width: int
    full: bool
    details: bool
    periods: Sequence[str]
    parent_rows: Parents
    allow_deletes: bool
    now: datetime
    stop: threading.Event
    started: Callable[[int], None]
    report: Callable[[Progressed], None]
    #: Runs inside the publishing transaction: the ledger's row commits with the data.
    also: Callable[[Connection, Figures], None]


@dataclass(slots=True)
class Figures:
    """What came of one object so far; `counts` once it is published."""

    counts: Counts = field(default_factory=Counts)
    partitions: int = 0
    pages: int = 0
    quarantined: int = 0
    requests: int = 0
    seconds: float = 0.0
    #: What the listing could not prove, a sentence each: absences prove nothing then (I4).
    unseen: list[str] = field(default_factory=list)
    #: Some partition may not be looked into by this token.
    withheld: bool = False
    drift: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progressed:
    """Cumulative figures of one object's listing."""

    rows: int
    requests: int
    partitions: int
    total: int | None
