"""What a run does about edits before it reads, lest it take one for none: it needs no look at the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from replicator import exact
from replicator.catalog.model import Type
from replicator.edits import emptied, respelled, taken_back
from replicator.target.base import Base, bound

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.rows import Layout
    from replicator.target.database import Target
    from replicator.target.lease import Lease


def prepare(target: Target, lease: Lease, layout: Layout) -> None:
    """Of the object whose table the run has made.

    The base takes over what is only written in another way, so that its row follows again, and what was sent to no
    known effect and taken back here, so that the run does not bring it. What a person copied with all columns is told
    from what a run brought, so that the run does not bury it.
    """
    base = Base.of(target, layout)
    if base is None:
        return
    with target.reading() as connection:
        rows = respelled(connection, layout, base)
        found = list(taken_back(target, connection, layout, base))
        copied = base.copied(connection)
    if not (rows or found or copied):
        return
    with target.begin() as connection:
        lease.check(connection)
        for row in rows:
            _rebase(connection, base, row[f"base_{base.key}"], {name: row[f"local_{name}"] for name in base.compared})
        for edit in found:
            _rebase(connection, base, edit.id, {each.name: _raw(layout, each.name, each.base) for each in edit.fields})
        if copied:
            ours = {**emptied(layout), "_run_id": "", "_fingerprint": None}
            connection.execute(update(base.table).where(base.table.c[base.key].in_(copied)).values(**ours))


def _rebase(connection: Connection, base: Base, key: str, raw: dict[str, Any]) -> None:
    values = {name: bound(base.base.c[name], value) for name, value in raw.items()}
    connection.execute(update(base.base).where(base.base.c[base.key] == key).values(**values))


def _raw(layout: Layout, name: str, value: Any) -> Any:
    """A value as the database has it."""
    is_json = layout.object.column(name).type is Type.JSON
    return exact.dump(value) if is_json and value is not None else value
