"""The edits that wait here, and what Segment said of those that it refused. Segment is asked nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from replicator.sync.fit import fit
from replicator.sync.journal import Journal
from replicator.target.bookkeeping import bookkeeping

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.edits import Edit
    from replicator.rows import Layout
    from replicator.target.database import Target


def pending(target: Target, connection: Connection, layout: Layout) -> Iterator[Edit]:
    """Those of a writable object, by id."""
    found = fit(target, connection, layout)
    journal = Journal(target, bookkeeping(target.dialect), "")
    rejected = journal.rejected(connection, layout.object.name) if found else {}
    for edit in found:
        why = next((each.why for each in rejected.get(edit.id, ()) if each.is_of(edit)), None)
        yield replace(edit, refused=(*edit.refused, why)) if why else edit
