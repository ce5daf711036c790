"""An object whose listing has the pages that it had is as it was published, if its table still is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from replicator.convert import time_text
from replicator.reading import Progressed
from replicator.segment.unchanged import Pages, suits
from replicator.target.known import Listed, Remembered
from replicator.target.publication import Counts
from replicator.target.schema import object_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.reading import Figures, Reading
    from replicator.target.stage import Stage


def remembers_pages(stage: Stage, reading: Reading) -> bool:
    """Whether the object has one listing that is all there is to know of its rows, which come from nowhere else."""
    thing = stage.layout.object
    also = thing.parents or thing.window or thing.each or thing.editable or thing.repeats or reading.details
    return not (also or reading.history or stage.layout.where) and suits(thing.listing)


@dataclass(slots=True)
class Unchanged:
    """Of such an object. `spent` brings the figures up to date with what the reading cost."""

    stage: Stage
    reading: Reading
    figures: Figures
    pages: Pages
    spent: Callable[[], int]

    def is_as_published(
        self, listings: Mapping[str, Listed], mark: str, params: Mapping[str, str], began: datetime
    ) -> bool:
        """Whether the listing has the pages that it had, and the table the rows that were made of them.

        Then all is settled. Otherwise the listing is read in the usual way, beginning with the pages that are kept.
        """
        listed = listings.get("")
        known = Remembered.of(listed)
        if self.reading.full or listed is None or known is None or listed.mark != mark:
            return False
        stability = self.stage.layout.object.stability
        if not self.pages.alike(params, stability, known.digests, lambda read: self._report(read, known)):
            self.figures.pages = 0
            return False
        with self.stage.target.begin() as connection:
            self.stage.lease.check(connection)
            table = object_table(self.stage.target, self.stage.layout)
            if self.stage.target.dialect.checksum(connection, table) != known.rows:
                self.figures.pages = 0
                return False
            self.pages.forget()
            self.figures.drift = known.drift
            self._settle(connection, listings, replace(listed, listed_at=began), began, known.count)
        return True

    def _report(self, read: int, known: Remembered) -> None:
        every = len(known.digests)
        self.figures.pages, rows = read, known.count * read // every
        self.reading.report(Progressed(rows, self.spent(), int(read == every), known.count))

    def _settle(
        self, connection: Connection, listings: Mapping[str, Listed], listed: Listed, began: datetime, count: int
    ) -> None:
        """What publishing the same rows again would settle."""
        self.spent()
        figures, name = self.figures, self.stage.layout.object.name
        figures.counts, figures.ids = Counts(records=count, unchanged=count, live=count), listed.ids or None
        self.stage.known.settle(connection, name, listings, {""}, [listed])
        self.stage.state.forget(connection, name)
        run = {"run_id": self.reading.run_id, "epoch": self.stage.lease.epoch, "listing_began_at": None}
        found = {"bookmark": time_text(began), "listed_at": began, "records": count, "ids": figures.ids}
        self.stage.state.write(connection, name, status="done", message=None, **run, **found)
        self.reading.also(connection, figures)

    def remember(self, connection: Connection, drift: Mapping[str, str]) -> None:
        """For the next run, in the transaction that publishes the rows: call it where they are the whole truth."""
        if not self.pages.memorable:
            return
        rows = self.stage.target.dialect.checksum(connection, object_table(self.stage.target, self.stage.layout))
        remembered = Remembered(rows, self.pages.digests, dict(drift))
        self.stage.known.remember(connection, self.stage.layout.object.name, remembered)
