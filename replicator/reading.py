"""What one object's replication is told, and what it tells."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from replicator.due import Terms
from replicator.target.publication import Counts

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
    #: Of one thread: it commits what was read while more is read.
    store: Executor
    width: int
    full: bool
    details: bool
    periods: Sequence[str]
    parent_rows: Parents
    allow_deletes: bool
    #: Tombstones leave no row behind.
    hard: bool
    #: Each version of a row stays.
    history: bool
    #: Ids of which an audit event or a person says that they moved, and when that was heard of.
    hints: Mapping[str, datetime]
    #: What did not move is read again all the same when it was read this long ago.
    reread: timedelta
    now: datetime
    stop: threading.Event
    started: Callable[[int], None]
    report: Callable[[Progressed], None]
    #: Runs inside the publishing transaction: the ledger's row commits with the data.
    also: Callable[[Connection, Figures], None]

    @property
    def terms(self) -> Terms:
        """What decides which partitions are read."""
        return Terms(now=self.now, reread=self.reread, full=self.full, details=self.details, hints=self.hints)


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
    #: Partitions that were not asked for: nothing says that they moved.
    skipped: int = 0
    #: The set of the records' ids, as one number in hex (target/known.py); None if it is not known whole.
    ids: str | None = None
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
