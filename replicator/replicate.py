"""One object in: its listings are staged page by page and, once they are proved complete, published."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from replicator import resume
from replicator.catalog.model import Window
from replicator.confirm import why_not_gone
from replicator.convert import time_text
from replicator.due import is_due, mark_of
from replicator.errors import Interrupted, MassDeletion, NotFound, SegmentError, UnexpectedResponse
from replicator.extract import Details, Extraction, Fetched, Unseen
from replicator.intake import Intake
from replicator.proof import Proof
from replicator.reading import Figures, Progressed, Reading
from replicator.segment.counters import Counters
from replicator.segment.unchanged import Pages
from replicator.target.base import Base
from replicator.target.known import Detailed, Listed, in_hex, total_of
from replicator.target.publication import Counts, Publication
from replicator.target.publish import Unconfirmed, absentees, publish
from replicator.target.schema import object_table
from replicator.unchanged import Unchanged, remembers_pages

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.encoder import Encoder
    from replicator.partitions import Partition
    from replicator.segment.pages import Fetches
    from replicator.target.stage import Stage
    from replicator.target.state import Checkpoint, ObjectState

log = logging.getLogger(__name__)


def replicate(stage: Stage, encoder: Encoder, state: ObjectState, reading: Reading, figures: Figures) -> None:
    """Reads and publishes the object, or raises; `figures` tell how far it came in either case.

    An expired cursor of an earlier run makes the listing begin anew, once.
    """
    start, counters = time.monotonic(), Counters()
    figures.drift = encoder.drift
    reading = replace(reading, client=reading.client.counting(counters))
    resumed = resume.resumable(stage, state, reading)
    try:
        _Replication(stage, encoder, state, reading, resumed, figures, counters).perform()
    except UnexpectedResponse as refused:
        if not resumed or refused.status not in {400, 422}:
            raise
        log.warning("listing restarts", extra={"object": stage.layout.object.name, "why": str(refused)})
        figures.pages, figures.quarantined, figures.unseen = 0, 0, []
        _Replication(stage, encoder, state, reading, {}, figures, counters).perform()
    except MassDeletion:
        # Staged as it is, the listing would be found finished by the next run, and Segment not asked again.
        with stage.target.begin() as connection:
            stage.lease.check(connection)
            stage.state.forget(connection, stage.layout.object.name)
        raise
    finally:
        figures.requests, figures.seconds = counters.requests, time.monotonic() - start


class _Replication:
    def __init__(
        self,
        stage: Stage,
        encoder: Encoder,
        state: ObjectState,
        reading: Reading,
        resumed: Mapping[str, Checkpoint],
        figures: Figures,
        counters: Counters,
    ) -> None:
        self.stage, self.encoder, self.state, self.reading = stage, encoder, state, reading
        self.object = stage.layout.object
        self.resumed, self.figures, self.counters = resumed, figures, counters
        self.began = state.listing_began_at if resumed and state.listing_began_at else reading.now
        self.started = time.monotonic()
        staged = {name: each.staged for name, each in resumed.items()}
        self.intake = Intake(stage, encoder, reading.now, reading.store, staged)
        self.finished = sum(each.done for each in resumed.values())
        self.proof = Proof(self.object, figures)
        self.names: list[str] = []
        self.wanted: dict[str, Partition] = {}
        self.listings: dict[str, Listed] = {}
        #: Where a later run may find that the pages are the same.
        self.unchanged: Unchanged | None = None
        if not resumed and remembers_pages(stage, reading):
            pages = Pages(reading.client, self.object.listing, encoder.key)
            self.unchanged = Unchanged(stage, reading, figures, pages, self._spent)
        #: How far the database's clock goes ahead of the API's, as far as is known.
        self.ahead = timedelta(0)

    def perform(self) -> None:
        every = resume.wanted(self.stage, self.state, self.reading, self.began)
        self.names = [each.name for each in every]
        with self.stage.target.reading() as connection:
            self.listings = self.stage.known.listings(connection, self.object.name)
        known, layout, terms = self.listings, self.stage.layout, self.reading.terms
        due = {each.name for each in every if is_due(layout, each, known.get(each.name), terms)}
        wanted = [each for each in every if each.name in self.resumed.keys() | due]
        self.wanted = {each.name: each for each in wanted}
        self.figures.partitions, self.figures.skipped = len(every), len(every) - len(wanted)
        self.reading.started(len(wanted))
        if self.figures.skipped and not wanted and self.listings.keys() == set(self.names):
            self._stay()
            return
        if self.unchanged:
            only = self.wanted[""]
            if self.unchanged.is_as_published(self.listings, self._mark_of(""), only.params, self.began):
                return
        if self.resumed:
            self._go_on()
        else:
            mark = resume.mark(self.stage, self.state, self.reading)
            self.stage.begin(layout=mark, listing_began_at=self.began, status="reading")
        try:
            self._read(wanted)
        except (Interrupted, SegmentError):
            self._store_all()
            raise
        self._store_all()
        self._spent()
        self.figures.counts = self._publish()

    def _stay(self) -> None:
        """Nothing says that any partition moved: the object stays as it is, and the ledger says that."""
        with self.stage.target.begin() as connection:
            self.stage.lease.check(connection)
            self.figures.ids = total_of(self.listings.values())
            epoch = self.stage.lease.epoch
            self.stage.state.write(connection, self.object.name, status="done", message=None, epoch=epoch)
            self.reading.also(connection, self.figures)

    def _spent(self) -> int:
        """Brings the figures up to date; returns the requests."""
        self.figures.requests, self.figures.seconds = self.counters.requests, time.monotonic() - self.started
        return self.figures.requests

    def _publish(self) -> Counts:
        try:
            return publish(self.stage, self._publication())
        except Unconfirmed:
            absent = absentees(self.stage, self._publication())
            extraction = self._extraction(self.reading.client)
            if why := why_not_gone(absent, self.wanted.values(), extraction, self.intake, self.reading):
                self.proof.note_moved("", why)
            self._spent()
            return publish(self.stage, replace(self._publication(), confirmed=True))

    def _go_on(self) -> None:
        """What the run that stopped knew of its pages goes for them still."""
        with self.stage.target.reading() as connection:
            self.figures.quarantined = self.stage.quarantine.since(connection, self.object.name, self.began)
        for each in self.resumed.values():
            if not each.done and each.pages:
                self.proof.note_moved(each.partition, f"an earlier run was stopped after {each.pages} of its pages")

    def _read(self, wanted: Sequence[Partition]) -> None:
        reading = self.reading
        client = self.unchanged.pages if self.unchanged else reading.client
        extraction = self._extraction(client, self._details())
        failures: list[Unseen] = []
        unread = {each.name for each in wanted} - {name for name, each in self.resumed.items() if each.done}
        for fetched in extraction.read(wanted, self.resumed):
            if isinstance(fetched, Unseen):
                unread.discard(fetched.partition.name)
                failures.append(fetched)
                self.proof.note_unseen(fetched)
                continue
            self._take(fetched)
            if fetched.checkpoint.done:
                unread.discard(fetched.partition.name)
            if reading.stop.is_set():
                raise Interrupted("Stopped as asked, after a whole page; what was read stays. Run it again to go on.")
        # A parent that is gone says nothing of the object: its children wait for the parent's own listing.
        serious = [each.why for each in failures if not (self.object.parents and isinstance(each.why, NotFound))]
        if serious and len(failures) == len(wanted):
            raise serious[0]
        if unread:
            raise AssertionError(f"{len(unread)} of {len(wanted)} listings were never read to their end")

    def _extraction(self, client: Fetches, details: Details | None = None) -> Extraction:
        reading, where = self.reading, self.stage.layout.where
        return Extraction(self.object, client, reading.pool, reading.width, details, where)

    def _details(self) -> Details | None:
        reading, name, terms = self.reading, self.object.name, self.reading.terms
        if not reading.details:
            return None
        with self.stage.target.reading() as connection:
            table = object_table(self.stage.target, self.stage.layout)
            base = Base.of(self.stage.target, self.stage.layout, table)
            # A row that has no base needs its whole record, so that it gets one.
            based = [base.known] if base else []
            known = {} if reading.full else self.stage.known.details(connection, name, table, *based)

        def is_due(detailed: Detailed) -> bool:
            read_at = detailed.read_at
            return reading.now - read_at >= reading.reread or terms.moved_since([detailed.id], read_at)

        return Details(known, self.encoder.mark, is_due)

    def _take(self, fetched: Fetched) -> None:
        self.figures.quarantined += self.intake.take(fetched)
        self.figures.pages += 1
        self.finished += fetched.checkpoint.done
        self._compare_clocks(fetched.date)
        self.proof.note_page(fetched)
        if self.intake.is_full():
            self.figures.quarantined += self.intake.flush()
        total, rows = fetched.total if self.figures.partitions == 1 else None, sum(self.intake.staged.values())
        self.reading.report(Progressed(rows, self.counters.requests, self.finished, total))

    def _compare_clocks(self, date: datetime | None) -> None:
        if date is not None:
            ours = self.reading.now + timedelta(seconds=time.monotonic() - self.started)
            self.ahead = max(self.ahead, ours - date)

    def _store_all(self) -> None:
        self.figures.quarantined += self.intake.flush()
        self.figures.quarantined += self.intake.settle()

    def _publication(self) -> Publication:
        return Publication(
            self.reading.run_id,
            self.proof.extent(),
            self.began,
            allow_deletes=self.reading.allow_deletes,
            hard=self.reading.hard,
            history=self.reading.history,
            settle=self._settle,
            relisted=self.proof.relisted(since=resume.since(self.state, self.reading)),
            unmet=self._unmet(),
            repeats=self.object.repeats,
            # By the API's clock, if that is behind: events of the time between would be missed for ever.
            state={"bookmark": time_text(self.began - self.ahead)},
            also=self._also,
        )

    def _unmet(self) -> frozenset[str]:
        """Only where every record was encoded by this run."""
        if self.resumed or self.intake.unread or not any(self.intake.staged.values()):
            return frozenset()
        return frozenset(each.name for each in self.stage.layout.columns if each.field in self.encoder.unmet)

    def _settle(self, connection: Connection) -> None:
        """What was read to its end now is known; what an earlier run began may have moved since then."""
        read = [
            Listed(
                name,
                self._mark_of(name) if self.proof.sure else "",
                self.began,
                self.intake.staged.get(name, 0),
                self._ids_of(name),
            )
            for name in self.intake.ids
            if name not in self.proof.unfinished and name not in self.resumed
        ]
        # Without a mark it is read again; its time says how far the months of usage are known.
        gone = [Listed(name, listed_at=self.began) for name in self.resumed if name not in self.proof.unfinished]
        gone += [Listed(name) for name in self.proof.unfinished]
        # Months that this run was not asked for are known as they were.
        others = self.listings if self.object.window is Window.PERIOD else ()
        wanted = {*self.names, *others}
        self.stage.known.settle(connection, self.object.name, self.listings, wanted, [*read, *gone])
        left = {each.partition: each for each in (*self.listings.values(), *read, *gone)}
        self.figures.ids = total_of(left[name] for name in self.names if name in left)

    def _ids_of(self, name: str) -> str:
        """A window of events is no set that another run could compare with its own."""
        return "" if self.object.window is Window.EVENTS else in_hex(self.intake.ids[name])

    def _mark_of(self, name: str) -> str:
        return mark_of(self.stage.layout, self.wanted[name], details=self.reading.details)

    def _also(self, connection: Connection, counts: Counts) -> dict[str, Any]:
        """Runs in the publishing transaction, with the counts that it is going to commit; the object's state then."""
        if counts.kept:
            self.proof.note_moved(
                "", f"{counts.duplicates} records came twice and {counts.kept} known ones were not shown"
            )
        if counts.kept or counts.duplicates:
            self.figures.ids = None
            self.stage.known.doubt(connection, self.object.name)
        elif self.unchanged and not (counts.vanished or counts.withheld) and self.proof.extent() == "whole":
            self.unchanged.remember(connection, self.encoder.drift)
        told = replace(self.figures, counts=counts)
        state: dict[str, Any] = {"message": "; ".join(told.unseen[:3]) or None, "ids": told.ids}
        if not (told.unseen or told.skipped):
            state["listed_at"] = self.began
        self.reading.also(connection, told)
        return {"status": "partial" if told.withheld else "done", **state}
