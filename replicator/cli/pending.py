"""`replicator pending`: what people changed in the database and Segment does not have."""

from __future__ import annotations

import json as jsonlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from difflib import unified_diff
from typing import TYPE_CHECKING, Any

import typer

from . import connection, documents, options
from .text import plural

if TYPE_CHECKING:
    from replicator.edits import Edit
    from replicator.settings import Settings
    from replicator.sync.model import Step
    from replicator.target.database import Target

#: Rows of a table that cannot be written: what is larger is looked at by name.
_LOOKED_AT = 10_000
#: Longer values are shown as a diff.
_SHORT = 60
_DEEDS = {
    "update": "edited here",
    "create": "added here",
    "delete": "deleted here",
    "unknown": "different on the two sides",
}


def pending(
    context: typer.Context,
    *,
    objects: options.Words = None,
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Show the edits that Segment does not have; asks it nothing.

    Those of tracking plans, their rules and functions. A row that was edited stays as it is: no run overwrites it.
    Edits of other tables are shown too, with the reason why they cannot be sent; a table of more than 10,000 rows is
    looked at when its object is named.
    """
    words = options.words(objects, "pending")
    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    with connection.books(settings) as opened:
        found, where = found_in(opened, settings, words), opened.where
        found += others_in(opened, settings, words)
    if json:
        documents.tell({"target": where, "edits": [asdict(each) for each in found]})
    else:
        typer.echo(_text(found, where))
    return 0


def found_in(target: Target, settings: Settings, words: tuple[str, ...]) -> list[Edit]:
    """The edits of those objects, of all writable ones if none is named."""
    from replicator.catalog import select
    from replicator.options import layout_of
    from replicator.sync.pending import pending as waiting

    chosen = connection.run_options(settings, words)
    things = [thing for thing in select(words or ("all",)) if thing.editable]
    with target.reading() as reading:
        return [each for thing in things for each in waiting(target, reading, layout_of(thing, chosen))]


def counts(target: Target, settings: Settings) -> dict[str, int]:
    """How many edits of each writable object there are, of those that were ever replicated."""
    from replicator.catalog import by_name
    from replicator.target.bookkeeping import bookkeeping
    from replicator.target.state import State

    with target.reading() as reading:
        known = State(bookkeeping(target.dialect), target.place.scope).every(reading)
    none = {name: 0 for name in known if name in by_name and by_name[name].editable}
    return none | Counter(each.object for each in found_in(target, settings, ()))


def others_in(target: Target, settings: Settings, words: tuple[str, ...]) -> list[Edit]:
    """The edits of tables that cannot be written; of large ones only where their objects were named."""
    from replicator import masks
    from replicator.catalog import select
    from replicator.options import layout_of
    from replicator.run import kept_mask_key
    from replicator.strays import Strays, rows
    from replicator.target.bookkeeping import bookkeeping

    chosen = connection.run_options(settings, words)
    layouts = [layout_of(thing, chosen) for thing in select(words or ("all",)) if not thing.editable]
    with target.reading() as reading:
        found = [(layout, rows(target, reading, layout)) for layout in layouts]
        looked_at = [layout for layout, count in found if count and (words or count <= _LOOKED_AT)]
        if not looked_at:
            return []
        key = chosen.mask_key or kept_mask_key(target, bookkeeping(target.dialect))
        strays = Strays(target, masks.keyed(key), key)
        return [each for layout in looked_at for each in strays.of(reading, layout)]


def _text(found: Sequence[Edit], where: str) -> str:
    lines = [line for each in found for line in _shown(each)]
    if not found:
        return f"No edits are pending in {where}."
    counts = Counter(each.kind for each in found)
    told = ", ".join(f"{count} {_DEEDS[kind]}" for kind, count in counts.items())
    return "\n".join([*lines, "", f"{plural(len(found), 'edit')} pending in {where}: {told}."])


def _shown(edit: Edit) -> Iterator[str]:
    yield f"{titled(edit)}: {_DEEDS[edit.kind]}"
    for field in edit.fields if edit.kind in {"update", "create"} else ():
        yield from changed(field.name, field.base, field.local, added=edit.kind == "create")
    for why in edit.refused:
        yield f"  cannot be sent: {why}"


def titled(of: Edit | Step) -> str:
    """Object, id, and by what people know the record."""
    known_as = ", ".join(str(value) for value in of.known_as.values() if value is not None)
    return f"{of.object} {of.id}" + (f" ({known_as})" if known_as else "")


def changed(
    name: str, was: Any, now: Any, *, added: bool = False, labels: tuple[str, str] = ("agreed on", "here")
) -> Iterator[str]:
    """Lines that show one field's change: short values on one line, others as a diff."""
    before, after = _lines(was), _lines(now)
    if max(map(len, (*before, *after, ""))) <= _SHORT and len(before) <= 1 and len(after) <= 1:
        yield f"  {name}: {'' if added else f'{documents.dump(was)} -> '}{documents.dump(now)}"
        return
    yield f"  {name}:"
    for line in unified_diff(before, after, *labels, lineterm=""):
        yield f"    {line}"


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.splitlines()
    return jsonlib.dumps(value, ensure_ascii=False, default=str, indent=2, sort_keys=True).splitlines()
