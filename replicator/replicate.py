"""One object in: its listings are staged page by page and, once they are proved complete, published."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from replicator.convert import time_text
from replicator.errors import Interrupted, UnexpectedResponse
from replicator.extract import Extraction, Fetched, Unseen, shown
from replicator.partitions import Partition, partitions
from replicator.rows import Encoder, Layout, Rejected, Row
from replicator.segment.counters import Counters
from replicator.target.publish import Counts, Extent, Publication, publish
from replicator.target.stage import Batch, Stage
from replicator.target.state import Checkpoint, ObjectState

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.segment.client import Client

log = logging.getLogger(__name__)

#: A batch is committed when it holds this many rows, or about this many characters.
BATCH_ROWS, BATCH_SIZE = 5_000, 4_000_000
#: An unfinished listing older than this begins anew: its first pages say little about today.
STALE = timedelta(hours=24)
#: Events may reach the audit trail late; how late is not stated, so a window overlaps the one before by this much.
OVERLAP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one object's replication needs; `report` gets its cumulative figures after each page."""

    run_id: str
    client: Client
    pool: Executor
    width: int
    full: bool
    details: bool
    periods: Sequence[str]
    parent_rows: Mapping[str, Iterable[Mapping[str, Any]]]
    allow_deletes: bool
    now: datetime
    stop: threading.Event
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


def replicate(stage: Stage, encoder: Encoder, state: ObjectState, reading: Reading) -> Figures:
    """Reads and publishes the object, or raises; an expired cursor of an earlier run makes it begin anew, once."""
    resumed = {} if reading.full or _stale(stage, state, reading.now) else stage.resumable()
    try:
        return _Replication(stage, encoder, state, reading, resumed).perform()
    except UnexpectedResponse as refused:
        if not resumed or refused.status not in {400, 422}:
            raise
        log.warning("listing restarts", extra={"object": stage.layout.object.name, "why": str(refused)})
        return _Replication(stage, encoder, state, reading, {}).perform()


def _stale(stage: Stage, state: ObjectState, now: datetime) -> bool:
    other = state.layout != layout_mark(stage.layout)
    return other or state.listing_began_at is None or now - state.listing_began_at > STALE


def layout_mark(layout: Layout) -> str:
    """Tells staged rows of one layout from those of another."""
    from hashlib import sha256

    return sha256(layout.token).hexdigest()


class _Replication:
    def __init__(self, stage: Stage, encoder: Encoder, state: ObjectState, reading: Reading, resumed: Mapping[str, Checkpoint]) -> None:
        self.stage, self.encoder, self.state, self.reading = stage, encoder, state, reading
        self.object = stage.layout.object
        self.resumed = resumed
        self.figures = Figures(drift=encoder.drift)
        self.counters = Counters()
        self.began = state.listing_began_at if resumed and state.listing_began_at else reading.now
        self.checkpoints: dict[str, Checkpoint] = {}
        self.staged = {name: each.staged for name, each in resumed.items()}
        self.rows: list[Row] = []
        self.refused: list[tuple[str, str, str]] = []
        self.size = 0
        self.finished = sum(each.done for each in resumed.values())
        self.moved = False
        self.server_began: datetime | None = None

    def perform(self) -> Figures:
        start = time.monotonic()
        wanted = self._partitions()
        self.figures.partitions = len(wanted)
        if not self.resumed:
            self.stage.begin(layout=layout_mark(self.stage.layout), listing_began_at=self.began, status="reading")
        try:
            self._read(wanted)
        except Interrupted:
            self._flush()
            raise
        self._flush()
        self.figures.requests = self.counters.requests
        self.figures.seconds = time.monotonic() - start
        self.figures.counts = publish(self.stage, self._publication(wanted))
        return self.figures

    def _partitions(self) -> list[Partition]:
        since = None
        if self.state.bookmark and not self.reading.full:
            since = time_text(datetime.fromisoformat(self.state.bookmark) - OVERLAP)
        return partitions(self.object, self.reading.parent_rows, self.reading.periods, self.began, since)

    def _read(self, wanted: Sequence[Partition]) -> None:
        reading = self.reading
        client = reading.client.counting(self.counters)
        extraction = Extraction(self.object, client, reading.pool, reading.width, reading.details)
        failures: list[Unseen] = []
        for fetched in extraction.read(wanted, self.resumed):
            if isinstance(fetched, Unseen):
                failures.append(fetched)
                self._note_unseen(fetched)
                continue
            self._take(fetched)
            if reading.stop.is_set():
                raise Interrupted("Stopped as asked, after a whole page; what was read stays. Run it again to go on.")
        if failures and len(failures) == len(wanted):
            raise failures[0].why

    def _note_unseen(self, unseen: Unseen) -> None:
        from replicator.errors import Inaccessible

        self.figures.withheld = self.figures.withheld or isinstance(unseen.why, Inaccessible)
        self.figures.unseen.append(f"{unseen.partition.name or 'the listing'}: {unseen.why}")

    def _take(self, fetched: Fetched) -> None:
        name = fetched.partition.name
        rows, refused = self._encode(fetched)
        self.rows += rows
        self.refused += refused
        self.staged[name] = self.staged.get(name, 0) + len(rows)
        self.checkpoints[name] = replace(fetched.checkpoint, staged=self.staged[name])
        self.figures.pages += 1
        self.figures.quarantined += len(refused)
        if rows:
            self.size += len(rows) * sum(len(value) for value in rows[0] if type(value) is str)
        if fetched.checkpoint.done:
            self.finished += 1
            self._compare_total(fetched)
        if len(self.rows) >= BATCH_ROWS or self.size >= BATCH_SIZE:
            self._flush()
        total = fetched.total if self.figures.partitions == 1 else None
        self.reading.report(Progressed(sum(self.staged.values()), self.counters.requests, self.finished, total))

    def _encode(self, fetched: Fetched) -> tuple[list[Row], list[tuple[str, str, str]]]:
        partition = fetched.partition
        name = partition.name if self.object.partitioned else None
        made = list(self.encoder.encode(fetched.records, plain=fetched.plain, given=partition.given, partition=name))
        refused = [(partition.name, each.reason, shown(each, self.object)) for each in fetched.broken]
        bad = [each for each in made if isinstance(each, Rejected)]
        if not bad:
            return made, refused  # type: ignore[return-value] # no Rejected among them
        refused += [(partition.name, each.reason, each.record) for each in bad]
        return [each for each in made if not isinstance(each, Rejected)], refused

    def _compare_total(self, fetched: Fetched) -> None:
        """A listing whose count disagrees with its pages moved while it was read: absence proves nothing (I4)."""
        if fetched.total is not None and fetched.total != fetched.checkpoint.position:
            self.moved = True
            self.figures.unseen.append(
                f"{fetched.partition.name or 'the listing'}: the API counts {fetched.total} records and its pages held"
                f" {fetched.checkpoint.position}, so nothing was deleted"
            )

    def _flush(self) -> None:
        if not (self.rows or self.refused or self.checkpoints):
            return
        self.figures.quarantined += self.stage.append(Batch(self.rows, self.refused, list(self.checkpoints.values())))
        self.rows, self.refused, self.checkpoints, self.size = [], [], {}, 0

    def _publication(self, wanted: Sequence[Partition]) -> Publication:
        extent = self._extent(wanted)
        status = "partial" if self.figures.withheld else "done"
        state: dict[str, Any] = {"status": status, "bookmark": time_text(self.began), "message": "; ".join(self.figures.unseen[:3]) or None}
        if extent == "whole":
            state["listed_at"] = self.began

        def also(connection: Connection, counts: Counts) -> None:
            self.reading.also(connection, replace_counts(self.figures, counts))

        return Publication(
            self.reading.run_id, extent, self.began, allow_deletes=self.reading.allow_deletes, state=state, also=also
        )

    def _extent(self, wanted: Sequence[Partition]) -> Extent:
        if self.object.window or not self.object.absence_deletes or self.moved or self.figures.quarantined:
            return "none"
        if self.figures.unseen:
            return "partitions" if self.object.partitioned else "none"
        return "whole"


def replace_counts(figures: Figures, counts: Counts) -> Figures:
    """The figures as they will be once the publication commits."""
    return replace(figures, counts=counts)
