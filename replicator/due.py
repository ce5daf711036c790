"""Which listings a run reads: those without a parent, and those of children that something says moved. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from replicator.partitions import HELD

if TYPE_CHECKING:
    from replicator.partitions import Partition
    from replicator.rows import Layout
    from replicator.target.known import Listed


#: When a person said so: after whatever was read.
ALWAYS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How much of an object is wanted."""

    now: datetime
    #: What did not move is read again all the same when it was read this long ago.
    reread: timedelta
    full: bool = False
    details: bool = False
    #: Ids of which an audit event or a person says that they moved, and when that was heard of.
    hints: Mapping[str, datetime] = field(default_factory=dict)

    def moved_since(self, identifiers: Iterable[str], read_at: datetime) -> bool:
        """Whether that was heard of after one of them was read."""
        return any(self.hints[each] >= read_at for each in identifiers if each in self.hints)


def mark_of(layout: Layout, partition: Partition, *, details: bool) -> str:
    """For what a partition is listed: its parent as it is now, in this layout, with details or without."""
    return sha256(repr((layout.reach, details, partition.mark)).encode()).hexdigest()


def is_due(layout: Layout, partition: Partition, known: Listed | None, terms: Terms) -> bool:
    """Whether the partition must be read, or nothing says that it moved since it was read last."""
    thing = layout.object
    if partition.mark == HELD:
        return False
    if terms.full or not thing.parents or thing.window or thing.restless:
        return True
    if known is None or known.listed_at is None or known.mark != mark_of(layout, partition, details=terms.details):
        return True
    return terms.now - known.listed_at >= terms.reread or terms.moved_since(partition.params.values(), known.listed_at)
