"""Whether a listing that an earlier run began is the one that is wanted now, so that it can go on at its page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from replicator.convert import time_text
from replicator.partitions import Partition, partitions

if TYPE_CHECKING:
    from replicator.reading import Reading
    from replicator.target.stage import Stage
    from replicator.target.state import Checkpoint, ObjectState

#: An unfinished listing older than this begins anew: its first pages say little about today.
STALE = timedelta(hours=24)
#: Events may reach the audit trail late; how late is not stated, so a window overlaps the one before by this much.
OVERLAP = timedelta(hours=1)


def resumable(stage: Stage, state: ObjectState, reading: Reading) -> Mapping[str, Checkpoint]:
    """The checkpoints to go on from; none where the listing is another one, or too old."""
    began = state.listing_began_at
    if reading.full or began is None or reading.now - began > STALE or state.layout != mark(stage, state, reading):
        return {}
    checkpoints = stage.resumable()
    names = {each.name for each in wanted(stage, state, reading, began)}
    # What a parent that vanished meanwhile left in the stage must not be published.
    return checkpoints if checkpoints.keys() <= names else {}


def mark(stage: Stage, state: ObjectState, reading: Reading) -> str:
    """Tells the staged rows of one listing from those of another: layout, beginning of the window, details or not."""
    return sha256(repr((stage.layout.reach, since(state, reading), reading.details)).encode()).hexdigest()


def since(state: ObjectState, reading: Reading) -> str | None:
    """Where a window of events begins; None for all that the API still has."""
    if not state.bookmark or reading.full:
        return None
    return time_text(datetime.fromisoformat(state.bookmark) - OVERLAP)


def wanted(stage: Stage, state: ObjectState, reading: Reading, began: datetime) -> list[Partition]:
    """Every listing of the object, whether or not it is due."""
    return partitions(stage.layout.object, reading.parent_rows, reading.periods, began, since(state, reading))
