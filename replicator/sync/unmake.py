"""Rows that a person added, and deleted again before anybody knew whether a push had made their records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import literal, or_, select

from replicator import masks
from replicator.edits import Edit, Field, missing
from replicator.sync.decide import columns_of, decide
from replicator.sync.journal import Intent, Journal
from replicator.sync.model import Step
from replicator.sync.written import RULES
from replicator.target.base import Base
from replicator.target.bookkeeping import bookkeeping

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.catalog.model import Object
    from replicator.rows import Layout
    from replicator.sync.look import Look
    from replicator.target.database import Target


def begun_and_gone(target: Target, connection: Connection, layout: Layout) -> dict[str, Intent]:
    """By the rows' keys, the creations that are open."""
    begun = Journal(target, bookkeeping(target.dialect), "").intents(connection, layout.object.name)
    gone = missing(target, connection, layout, begun.keys())
    return {key: intent for key, intent in begun.items() if key in gone}


def wish(thing: Object, key: str, intent: Intent) -> Edit:
    """To delete what was made of that row."""
    known_as = {name: intent.sent[name] for name in thing.natural if name in intent.sent}
    fields = tuple(Field(name, intent.sent.get(name), None) for name in thing.editable)
    return Edit(thing.name, key, "delete", known_as, fields)


def unmake(look: Look, layout: Layout, edit: Edit, intent: Intent) -> Step:
    """It is deleted, unless it has another row here, or somebody edited it."""
    thing = layout.object
    why = "its row was deleted while nobody knew whether a push had made it"
    nothing = Step(edit.object, edit.id, "adopt", edit.known_as, reason=f"{why}: nothing is to be done", edit=edit)
    made = _made(look, thing, edit, intent)
    if made is None or _has_row(look.target, layout, edit, made):
        return nothing
    seen = columns_of(thing, masks.covered(made, layout.covers, look.mask))
    # What the server gives where nothing was sent, such as an empty list, is no edit of anybody.
    step = decide(thing, edit, {name: value or None for name, value in seen.items()}, look.remote.suffix)
    if step.action != "delete":
        return nothing
    return replace(step, id=str(made.get("id", edit.id)), reason=why, remote=seen)


def _made(look: Look, thing: Object, edit: Edit, intent: Intent) -> Mapping[str, Any] | None:
    if thing.name == RULES:
        return look.remote.rule(edit.known_as)
    found = look.remote.made(thing, intent.sent, intent.known)
    return found[0] if len(found) == 1 else None


def _has_row(target: Target, layout: Layout, edit: Edit, made: Mapping[str, Any]) -> bool:
    """Whether a row or a base is that record's, by its id or, of a rule, by what it is known by."""
    base = Base.of(target, layout)
    if base is None:
        return False
    known = edit.known_as if layout.object.name == RULES else {base.key: made["id"]}
    with target.reading() as connection:
        rows, bases = (
            select(literal(1)).where(*(table.c[name].is_not_distinct_from(value) for name, value in known.items()))
            for table in (base.table, base.base)
        )
        alive = rows.where(base.table.c._deleted_at.is_(None))
        return bool(connection.execute(select(or_(alive.exists(), bases.exists()))).scalar())
