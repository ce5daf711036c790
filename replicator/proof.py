"""What speaks against a listing: whether it is complete, so that what it lacks may be taken for gone (I4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from replicator.catalog.model import Window
from replicator.errors import Inaccessible

if TYPE_CHECKING:
    from replicator.catalog.model import Object
    from replicator.extract import Fetched, Unseen
    from replicator.reading import Figures
    from replicator.target.publication import Extent


@dataclass(slots=True)
class Proof:
    """Of one object's listings, while they are read. Each doubt is a sentence in `figures.unseen`."""

    object: Object
    figures: Figures
    #: Records may be absent although they exist.
    moved: bool = False
    #: Partitions that could not be seen.
    unfinished: set[str] = field(default_factory=set)
    _totals: dict[str, int | None] = field(default_factory=dict)

    @property
    def sure(self) -> bool:
        """Whether a later run may go by what this one read."""
        return not (self.moved or self.figures.quarantined)

    def note_unseen(self, unseen: Unseen) -> None:
        """That listing could not be read."""
        name = unseen.partition.name
        self.unfinished.add(name)
        self.figures.withheld = self.figures.withheld or isinstance(unseen.why, Inaccessible)
        self.figures.unseen.append(f"{name or 'the listing'}: {unseen.why}")

    def note_moved(self, partition: str, why: str) -> None:
        """That listing may lack what there is."""
        self.moved = True
        self.figures.unseen.append(f"{partition or 'the listing'}: {why}, so nothing was deleted")

    def note_page(self, fetched: Fetched) -> None:
        """Held against what was known of its listing before."""
        self._compare_totals(fetched)
        if fetched.gone:
            why = f"{fetched.gone} of the listed records were gone when they were asked for by id"
            self.note_moved(fetched.partition.name, why)

    def _compare_totals(self, fetched: Fetched) -> None:
        """A listing whose count changes, or disagrees with its pages, moved while it was read."""
        name, total, held = fetched.partition.name, fetched.total, fetched.checkpoint.position
        before = self._totals.setdefault(name, total)
        if self.object.repeats or self.object.window or total is None:
            return
        if before is not None and before != total:
            self.note_moved(name, f"the API counted {before} records first and {total} later")
        elif fetched.checkpoint.done and total != held:
            self.note_moved(name, f"the API counts {total} records and its pages held {held}")

    def extent(self) -> Extent:
        """Of what it is known that nothing is missing."""
        if self.object.window or not self.object.absence_deletes or self.moved or self.figures.quarantined:
            return "none"
        if self.figures.unseen or self.figures.skipped:
            return "partitions" if self.object.partitioned else "none"
        return "whole"

    def relisted(self, *, since: str | None) -> Extent:
        """Of what every record was read anew, so that what was in quarantine before need not be kept."""
        if self.object.window is Window.EVENTS and since:
            return "none"
        return "partitions" if self.figures.unseen or self.figures.skipped or self.object.window else "whole"
