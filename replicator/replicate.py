"""One object in: its listings are staged page by page and, once they are proved complete, published."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from replicator.catalog.model import Window
from replicator.convert import time_text
from replicator.due import is_due, mark_of
from replicator.errors import Inaccessible, Interrupted, MassDeletion, NotFound, SegmentError, UnexpectedResponse
from replicator.extract import Details, Extraction, Fetched, Unseen
from replicator.intake import Intake
from replicator.partitions import Partition, partitions
from replicator.reading import Figures, Progressed, Reading
from replicator.segment.counters import Counters
from replicator.segment.unchanged import Pages, suits
from replicator.target.base import Base
from replicator.target.known import Detailed, Listed, Remembered
from replicator.target.publication import Counts, Extent, Publication
from replicator.target.publish import Unconfirmed, absentees, publish
from replicator.target.schema import object_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.encoder import Encoder
    from replicator.segment.pages import Fetches
    from replicator.target.stage import Stage
    from replicator.target.state import Checkpoint, ObjectState

log = logging.getLogger(__name__)

#: An unfinished listing older than this begins anew: its first pages say little about today.
STALE = timedelta(hours=24)
#: As many gets by id at most confirm that records are gone; more than that, and the listing is asked again.
MOST_GETS = 20
#: Events may reach the audit trail late; how late is not stated, so a window overlaps the one before by this much.
OVERLAP = timedelta(hours=1)


def replicate(stage: Stage, encoder: Encoder, state: ObjectState, reading: Reading, figures: Figures) -> None:
    """Reads and publishes the object, or raises; `figures` tell how far it came in either case.

    An expired cursor of an earlier run makes the listing begin anew, once.
    """
    start, counters = time.monotonic(), Counters()
    figures.drift = encoder.drift
    reading = replace(reading, client=reading.client.counting(counters))
    resumed = _resumable(stage, state, reading)
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


def _resumable(stage: Stage, state: ObjectState, reading: Reading) -> Mapping[str, Checkpoint]:
    """The checkpoints to go on from, if they belong to the listing that is wanted now."""
    began = state.listing_began_at
    if reading.full or began is None or reading.now - began > STALE or state.layout != _mark(stage, state, reading):
        return {}
    checkpoints = stage.resumable()
    wanted = {each.name for each in _partitions(stage, state, reading, began)}
    # What a parent that vanished meanwhile left in the stage must not be published.
    return checkpoints if checkpoints.keys() <= wanted else {}


def _mark(stage: Stage, state: ObjectState, reading: Reading) -> str:
    """Tells the staged rows of one listing from those of another: layout, beginning of the window, details or not."""
    return sha256(repr((stage.layout.reach, _since(state, reading), reading.details)).encode()).hexdigest()


def _since(state: ObjectState, reading: Reading) -> str | None:
    if not state.bookmark or reading.full:
        return None
    return time_text(datetime.fromisoformat(state.bookmark) - OVERLAP)


def _partitions(stage: Stage, state: ObjectState, reading: Reading, began: datetime) -> list[Partition]:
    return partitions(stage.layout.object, reading.parent_rows, reading.periods, began, _since(state, reading))


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
        self.totals: dict[str, int | None] = {}
        self.names: list[str] = []
        self.wanted: dict[str, Partition] = {}
        self.listings: dict[str, Listed] = {}
        #: Partitions that could not be seen.
        self.unfinished: set[str] = set()
        #: Records may be absent although they exist.
        self.moved = False
        #: What is remembered of the pages, where a later run may find that they are the same.
        self.pages = self._pages()
        #: How far the database's clock goes ahead of the API's, as far as is known.
        self.ahead = timedelta(0)

    def perform(self) -> None:
        every = _partitions(self.stage, self.state, self.reading, self.began)
        self.names = [each.name for each in every]
        with self.stage.target.reading() as connection:
            self.listings = self.stage.known.listings(connection, self.object.name)
        wanted = [each for each in every if each.name in self.resumed or self._is_due(each)]
        self.wanted = {each.name: each for each in wanted}
        self.figures.partitions, self.figures.skipped = len(every), len(every) - len(wanted)
        self.reading.started(len(wanted))
        if self.figures.skipped and not wanted and self.listings.keys() == set(self.names):
            self._stay()
            return
        if self.pages and self._is_as_published(self.pages):
            return
        if self.resumed:
            self._go_on()
        else:
            mark = _mark(self.stage, self.state, self.reading)
            self.stage.begin(layout=mark, listing_began_at=self.began, status="reading")
        try:
            self._read(wanted)
        except (Interrupted, SegmentError):
            self._store_all()
            raise
        self._store_all()
        self.figures.requests, self.figures.seconds = self.counters.requests, time.monotonic() - self.started
        self.figures.counts = self._publish()

    def _is_due(self, partition: Partition) -> bool:
        return is_due(self.stage.layout, partition, self.listings.get(partition.name), self.reading.terms)

    def _stay(self) -> None:
        """Nothing says that any partition moved: the object stays as it is, and the ledger says that."""
        with self.stage.target.begin() as connection:
            self.stage.lease.check(connection)
            self.figures.ids = _total(self.listings.values())
            epoch = self.stage.lease.epoch
            self.stage.state.write(connection, self.object.name, status="done", message=None, epoch=epoch)
            self.reading.also(connection, self.figures)

    def _pages(self) -> Pages | None:
        """Of an object with one listing that is all there is to know of its rows, which come from nowhere else."""
        thing, reading = self.object, self.reading
        also = thing.parents or thing.window or thing.each or thing.editable or thing.repeats or reading.details
        if self.resumed or also or reading.history or self.stage.layout.where or not suits(thing.listing):
            return None
        return Pages(reading.client, thing.listing, self.encoder.key)

    def _is_as_published(self, pages: Pages) -> bool:
        """Whether the listing has the pages that it had, and the table the rows that were made of them.

        Then all is settled. Otherwise the listing is read in the usual way, beginning with the pages that are kept.
        """
        listed = self.listings.get("")
        known = Remembered.of(listed)
        if self.reading.full or listed is None or known is None or listed.mark != self._mark_of(""):
            return False
        every = len(known.digests)

        def report(read: int) -> None:
            self.figures.pages, rows = read, known.count * read // every
            self.reading.report(Progressed(rows, self.counters.requests, int(read == every), known.count))

        if not pages.alike(self.wanted[""].params, self.object.stability, known.digests, report):
            self.figures.pages = 0
            return False
        with self.stage.target.begin() as connection:
            self.stage.lease.check(connection)
            table = object_table(self.stage.target, self.stage.layout)
            if self.stage.target.dialect.checksum(connection, table) != known.rows:
                self.figures.pages = 0
                return False
            pages.forget()
            self.figures.drift = known.drift
            self._settle_unchanged(connection, listed, known.count)
        return True

    def _settle_unchanged(self, connection: Connection, listed: Listed, count: int) -> None:
        """What publishing the same rows again would settle."""
        figures, name = self.figures, self.object.name
        figures.requests, figures.seconds = self.counters.requests, time.monotonic() - self.started
        figures.counts, figures.ids = Counts(records=count, unchanged=count, live=count), listed.ids or None
        self.stage.known.settle(connection, name, self.listings, {""}, [replace(listed, listed_at=self.began)])
        self.stage.state.forget(connection, name)
        run = {"run_id": self.reading.run_id, "epoch": self.stage.lease.epoch, "listing_began_at": None}
        found = {"bookmark": time_text(self.began), "listed_at": self.began, "records": count, "ids": figures.ids}
        self.stage.state.write(connection, name, status="done", message=None, **run, **found)
        self.reading.also(connection, figures)

    def _publish(self) -> Counts:
        try:
            return publish(self.stage, self._publication())
        except Unconfirmed as unconfirmed:
            self._confirm(unconfirmed.vanished)
            self.figures.requests, self.figures.seconds = self.counters.requests, time.monotonic() - self.started
            return publish(self.stage, replace(self._publication(), confirmed=True))

    def _confirm(self, vanished: int) -> None:
        """Are they gone? Each get by id must answer 404, or a second complete listing must lack them all (I4)."""
        extraction = self._extraction(self.reading.client)
        absent = absentees(self.stage, self._publication())
        if self.object.detail and len(absent) <= MOST_GETS:
            found = list(self.reading.pool.map(extraction.is_gone, absent))
            if all(found):
                return
            if False in found:
                self._note_moved("", f"{found.count(False)} records were not listed, yet are there by their id")
                return
        if shown := self._listed_again(extraction, absent):
            self._note_moved("", f"{shown} of {vanished} records were listed only when it was asked again")

    def _listed_again(self, extraction: Extraction, absent: Sequence[Mapping[str, Any]]) -> int:
        """How many of them the same listings show this time; all of them if one cannot be read to its end."""
        keys = {row[self.stage.layout.primary_key] for row in absent}
        names = {row.get("_partition", "") for row in absent} if self.object.partitioned else {""}
        again = [each for each in self.wanted.values() if each.name in names]
        shown: set[str] = set()
        for fetched in extraction.read(again, {}):
            if isinstance(fetched, Unseen) or fetched.broken:
                return len(keys)
            rows, refused = self.intake.encode(fetched)
            if refused:
                return len(keys)
            shown.update(keys.intersection(row[self.intake.key_at] for row in rows))
            if self.reading.stop.is_set():
                raise Interrupted("Stopped as asked; what was read stays. Run it again to go on.")
        return len(shown)

    def _go_on(self) -> None:
        """What the run that stopped knew of its pages goes for them still."""
        name = self.object.name
        with self.stage.target.reading() as connection:
            self.figures.quarantined = self.stage.quarantine.since(connection, name, self.began)
        for each in self.resumed.values():
            if not each.done and each.pages:
                self._note_moved(each.partition, f"an earlier run was stopped after {each.pages} of its pages")

    def _read(self, wanted: Sequence[Partition]) -> None:
        reading = self.reading
        extraction = self._extraction(self.pages or reading.client, self._details())
        failures: list[Unseen] = []
        unread = {each.name for each in wanted} - {name for name, each in self.resumed.items() if each.done}
        for fetched in extraction.read(wanted, self.resumed):
            if isinstance(fetched, Unseen):
                unread.discard(fetched.partition.name)
                failures.append(fetched)
                self._note_unseen(fetched)
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
        self.unfinished = {each.partition.name for each in failures}
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

    def _note_unseen(self, unseen: Unseen) -> None:
        self.figures.withheld = self.figures.withheld or isinstance(unseen.why, Inaccessible)
        self.figures.unseen.append(f"{unseen.partition.name or 'the listing'}: {unseen.why}")

    def _note_moved(self, partition: str, why: str) -> None:
        self.moved = True
        self.figures.unseen.append(f"{partition or 'the listing'}: {why}, so nothing was deleted")

    def _take(self, fetched: Fetched) -> None:
        name = fetched.partition.name
        self.figures.quarantined += self.intake.take(fetched)
        self.figures.pages += 1
        self.finished += fetched.checkpoint.done
        self._compare_clocks(fetched.date)
        self._compare_totals(fetched)
        if fetched.gone:
            self._note_moved(name, f"{fetched.gone} of the listed records were gone when they were asked for by id")
        if self.intake.is_full():
            self.figures.quarantined += self.intake.flush()
        total, rows = fetched.total if self.figures.partitions == 1 else None, sum(self.intake.staged.values())
        self.reading.report(Progressed(rows, self.counters.requests, self.finished, total))

    def _compare_clocks(self, date: datetime | None) -> None:
        if date is not None:
            ours = self.reading.now + timedelta(seconds=time.monotonic() - self.started)
            self.ahead = max(self.ahead, ours - date)

    def _compare_totals(self, fetched: Fetched) -> None:
        """A listing whose count changes, or disagrees with its pages, moved while it was read (I4)."""
        name, total, held = fetched.partition.name, fetched.total, fetched.checkpoint.position
        before = self.totals.setdefault(name, total)
        if self.object.repeats or self.object.window or total is None:
            return
        if before is not None and before != total:
            self._note_moved(name, f"the API counted {before} records first and {total} later")
        elif fetched.checkpoint.done and total != held:
            self._note_moved(name, f"the API counts {total} records and its pages held {held}")

    def _store_all(self) -> None:
        self.figures.quarantined += self.intake.flush()
        self.figures.quarantined += self.intake.settle()

    def _publication(self) -> Publication:
        return Publication(
            self.reading.run_id,
            self._extent(),
            self.began,
            allow_deletes=self.reading.allow_deletes,
            hard=self.reading.hard,
            history=self.reading.history,
            settle=self._settle,
            relisted=self._relisted(),
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
        sure = not (self.moved or self.figures.quarantined)
        read = [
            Listed(
                name,
                self._mark_of(name) if sure else "",
                self.began,
                self.intake.staged.get(name, 0),
                self._ids_of(name),
            )
            for name in self.intake.ids
            if name not in self.unfinished and name not in self.resumed
        ]
        # Without a mark it is read again; its time says how far the months of usage are known.
        gone = [Listed(name, listed_at=self.began) for name in self.resumed if name not in self.unfinished]
        gone += [Listed(name) for name in self.unfinished]
        # Months that this run was not asked for are known as they were.
        others = self.listings if self.object.window is Window.PERIOD else ()
        wanted = {*self.names, *others}
        self.stage.known.settle(connection, self.object.name, self.listings, wanted, [*read, *gone])
        left = {each.partition: each for each in (*self.listings.values(), *read, *gone)}
        self.figures.ids = _total(left[name] for name in self.names if name in left)

    def _ids_of(self, name: str) -> str:
        """A window of events is no set that another run could compare with its own."""
        return "" if self.object.window is Window.EVENTS else _hex(self.intake.ids[name])

    def _mark_of(self, name: str) -> str:
        return mark_of(self.stage.layout, self.wanted[name], details=self.reading.details)

    def _also(self, connection: Connection, counts: Counts) -> dict[str, Any]:
        """Runs in the publishing transaction, with the counts that it is going to commit; the object's state then."""
        if counts.kept:
            self._note_moved("", f"{counts.duplicates} records came twice and {counts.kept} known ones were not shown")
        if counts.kept or counts.duplicates:
            self.figures.ids = None
            self.stage.known.doubt(connection, self.object.name)
        elif self.pages and not (counts.vanished or counts.withheld):
            self._remember(connection, self.pages)
        told = replace(self.figures, counts=counts)
        state: dict[str, Any] = {"message": "; ".join(told.unseen[:3]) or None, "ids": told.ids}
        if not (told.unseen or told.skipped):
            state["listed_at"] = self.began
        self.reading.also(connection, told)
        return {"status": "partial" if told.withheld else "done", **state}

    def _remember(self, connection: Connection, pages: Pages) -> None:
        """Only what is the whole truth about the rows."""
        if not pages.memorable or self._extent() != "whole":
            return
        rows = self.stage.target.dialect.checksum(connection, object_table(self.stage.target, self.stage.layout))
        remembered = Remembered(rows, pages.digests, dict(self.encoder.drift))
        self.stage.known.remember(connection, self.object.name, remembered)

    def _extent(self) -> Extent:
        if self.object.window or not self.object.absence_deletes or self.moved or self.figures.quarantined:
            return "none"
        if self.figures.unseen or self.figures.skipped:
            return "partitions" if self.object.partitioned else "none"
        return "whole"

    def _relisted(self) -> Extent:
        """Of what every record was read anew, so that what was in quarantine before need not be kept."""
        if self.object.window is Window.EVENTS and _since(self.state, self.reading):
            return "none"
        return "partitions" if self.figures.unseen or self.figures.skipped or self.object.window else "whole"


def _hex(total: int) -> str:
    return f"{total % (1 << 64):016x}"


def _total(listings: Iterable[Listed]) -> str | None:
    """The sum over all partitions; None if one of them is not known."""
    sums = [each.ids for each in listings]
    return _hex(sum(int(each, 16) for each in sums)) if all(sums) else None
