"""Records that a complete listing lacks are gone if their get by id says so, or a second complete listing (I4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from replicator.errors import Interrupted
from replicator.extract import Unseen

if TYPE_CHECKING:
    from replicator.extract import Extraction
    from replicator.intake import Intake
    from replicator.partitions import Partition
    from replicator.reading import Reading

#: As many gets by id at most confirm that records are gone; more than that, and the listing is asked again.
MOST_GETS = 20


def why_not_gone(
    absent: Sequence[Mapping[str, Any]],
    listings: Collection[Partition],
    extraction: Extraction,
    intake: Intake,
    reading: Reading,
) -> str | None:
    """What speaks against it that the `absent` rows' records are gone; None if nothing does."""
    if intake.stage.layout.object.detail and len(absent) <= MOST_GETS:
        found = list(reading.pool.map(extraction.is_gone, absent))
        if all(found):
            return None
        if False in found:
            return f"{found.count(False)} records were not listed, yet are there by their id"
    shown = _listed_again(absent, listings, extraction, intake, reading)
    return f"{shown} of {len(absent)} records were listed only when it was asked again" if shown else None


def _listed_again(
    absent: Sequence[Mapping[str, Any]],
    listings: Collection[Partition],
    extraction: Extraction,
    intake: Intake,
    reading: Reading,
) -> int:
    """How many of them the same listings show this time; all of them if one cannot be read to its end."""
    layout = intake.stage.layout
    keys = {row[layout.primary_key] for row in absent}
    names = {row.get("_partition", "") for row in absent} if layout.object.partitioned else {""}
    shown: set[str] = set()
    for fetched in extraction.read([each for each in listings if each.name in names], {}):
        if isinstance(fetched, Unseen) or fetched.broken:
            return len(keys)
        rows, refused = intake.encode(fetched)
        if refused:
            return len(keys)
        shown.update(keys.intersection(row[intake.key_at] for row in rows))
        if reading.stop.is_set():
            raise Interrupted("Stopped as asked; what was read stays. Run it again to go on.")
    return len(shown)
