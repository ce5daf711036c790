"""What the kept versions tell: one record's story, what differs between two moments, and the rows of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import func, or_, select

from replicator import exact
from replicator.blame import Blame
from replicator.catalog.model import Type
from replicator.convert import sent
from replicator.errors import UsageError
from replicator.target.bookkeeping import bookkeeping
from replicator.target.gaps import Gap, Marks
from replicator.target.history import comparable, history_table, holds, stored
from replicator.target.names import as_stored
from replicator.target.state import State
from replicator.trail import Change, Trail

if TYPE_CHECKING:
    from datetime import timedelta

    from sqlalchemy import Connection

    from replicator.catalog.model import Object
    from replicator.rows import Layout
    from replicator.target.database import Target

#: stored anew: nothing of it that is shown changed, as when a new version of this program keeps another column.
What = Literal["first seen", "changed", "deleted", "returned", "stored anew"]
#: The object's own table goes before the setting `history` of all of them.
_ENABLE = "Set history = true in a table [object.{name}]: the next run begins to keep it."


@dataclass(frozen=True, slots=True)
class Field:
    """One value that changed; `path` leads into a JSON column: settings.trackUrl."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Version:
    """From when to when a record was like that, and in what it differs from the version before."""

    begin: datetime
    end: datetime | None
    what: What
    fields: tuple[Field, ...]
    run_id: str
    blame: Blame


@dataclass(frozen=True, slots=True)
class Differing:
    """One record that is not at one moment as it was at another."""

    key: Mapping[str, Any]
    what: Literal["added", "changed", "deleted"]
    fields: tuple[Field, ...]
    since: datetime
    blame: Blame


def kept(target: Target, things: Iterable[Object]) -> list[Layout]:
    """Those of the objects that have a history, with the columns that it holds."""
    with target.reading() as connection:
        found = [stored(connection, target, as_stored(target, connection, thing)) for thing in things]
    return [layout for layout in found if layout]


def layout_of(target: Target, thing: Object) -> Layout:
    """The columns that the object's history holds. Raises UsageError where none is kept."""
    for layout in kept(target, [thing]):
        return layout
    raise UsageError(f"No history of {thing.name} is kept in {target.where}. {_ENABLE.format(name=thing.name)}")


def gaps(target: Target, thing: Object, begin: datetime, end: datetime) -> list[Gap]:
    """The times between those moments in which runs kept no history of the object."""
    with target.reading() as connection:
        state = State(bookkeeping(target.dialect), target.place.scope)
        found = Marks(connection, state, thing.name).gaps()
    return [gap for gap in found if gap.begin < end and (gap.end is None or begin < gap.end)]


def versions(target: Target, layout: Layout, words: Sequence[str], reread: timedelta) -> list[Version]:
    """The record's versions in their order. Its id, or the parts of its key, tell which. Raises UsageError."""
    with target.reading() as connection:
        rows = _rows_of(connection, target, layout, words)
        changes = [
            Change(row, row["_valid_from"], row["_run_id"], before["_valid_from"] if before else None)
            for before, row in zip([None, *rows], rows, strict=False)
        ]
        blames = Trail(target, layout.object, reread).blames(connection, changes)
    told = []
    for before, row, by in zip([None, *rows], rows, blames, strict=False):
        fields = compare(content(layout, before), content(layout, row)) if before else ()
        what = _what(before, row, fields)
        told.append(Version(row["_valid_from"], row["_valid_to"], what, fields, row["_run_id"], by))
    return told


def _what(before: Mapping[str, Any] | None, row: Mapping[str, Any], fields: Sequence[Field]) -> What:
    if row["_deleted"]:
        return "deleted"
    if before is None:
        return "first seen"
    if before["_deleted"]:
        return "returned"
    return "changed" if fields else "stored anew"


def _rows_of(connection: Connection, target: Target, layout: Layout, words: Sequence[str]) -> list[dict[str, Any]]:
    table, thing = history_table(target, layout), layout.object
    query = select(table).order_by(table.c._valid_from)
    if len(words) == 1:
        named = query.where(table.c[layout.primary_key] == words[0])
    elif len(words) == len(thing.key):
        texts = [(name, word) for name, word in zip(thing.key, words, strict=True) if _is_text(thing, name)]
        named = query.where(*(table.c[name] == word for name, word in texts if word))
    else:
        raise UsageError(
            f"{_named(thing)}, so give {'one word' if len(thing.key) == 1 else 'each of them, or `_key`'}."
        )
    found = [dict(row) for row in connection.execute(named).mappings()]
    if len(words) > 1:
        found = [row for row in found if all(map(_is_word, _key_of(layout, row).values(), words))]
    if not found:
        raise UsageError(
            f"The history of {thing.name} has no record {' '.join(words)!r}. {_named(thing)};"
            f" table {table.name} has all of them."
        )
    return found


def _is_text(thing: Object, name: str) -> bool:
    return thing.column(name).type is Type.TEXT


def _is_word(value: Any, word: str) -> bool:
    return word == ("" if value is None else str(value))


def _named(thing: Object) -> str:
    return f"A record of {thing.name} is named by {', '.join(thing.key)}"


def differing(
    target: Target, layout: Layout, begin: datetime, end: datetime, reread: timedelta
) -> tuple[datetime | None, list[Differing]]:
    """Since when the history is kept, and what of it differs between both moments, ordered by key.

    Nothing is known of the time before, so records that were there when it began count as not added.
    """
    table, key = history_table(target, layout), layout.primary_key
    with target.reading() as connection:
        first = _first(connection, table)
        if first is None:
            return None, []
        begin = max(begin, first)
        moved = select(table.c[key]).where(table.c._valid_from > comparable(begin))
        moved = moved.where(table.c._valid_from <= comparable(end))
        query = select(table).where(table.c[key].in_(moved), or_(holds(table, begin), holds(table, end)))
        rows = connection.execute(query.order_by(table.c[key], table.c._valid_from)).mappings()
        found = ([dict(row) for row in some] for _, some in groupby(rows, lambda row: row[key]))
        told = [(each, some[-1]) for some in found if (each := _between(layout, some, begin, end))]
        changes = [Change(row, each.since, row["_run_id"], begin) for each, row in told]
        blames = Trail(target, layout.object, reread).blames(connection, changes)
    return first, [replace(each, blame=by) for (each, _), by in zip(told, blames, strict=True)]


def _between(layout: Layout, rows: Sequence[Any], begin: datetime, end: datetime) -> Differing | None:
    """The record of those versions, if it is not at the end as it was at the beginning."""
    was, now = _live(rows, begin), _live(rows, end)
    fields = compare(content(layout, was), content(layout, now)) if was and now else ()
    key = _key_of(layout, rows[-1])
    since = rows[-1]["_valid_from"]
    if was and now:
        return Differing(key, "changed", fields, since, Blame()) if fields else None
    if was or now:
        return Differing(key, "added" if now else "deleted", (), since, Blame())
    return None


def _live(rows: Sequence[Any], moment: datetime) -> Any:
    for row in rows:
        if row["_valid_from"] <= moment and (row["_valid_to"] is None or row["_valid_to"] > moment):
            return None if row["_deleted"] else row
    return None


def as_of(target: Target, layout: Layout, moment: datetime) -> Iterator[dict[str, Any]]:
    """The rows as they were then, by column, ordered by key. Raises UsageError for a time of which nothing is known."""
    table = history_table(target, layout)
    with target.reading() as connection:
        first = _first(connection, table)
        if first is None or moment < first:
            begins = f"begins at {first:%Y-%m-%dT%H:%M:%S.%fZ}" if first else "is empty yet"
            raise UsageError(f"The history of {layout.object.name} {begins}: what was before is not known.")
        query = select(table).where(holds(table, moment), table.c._deleted.is_(False))
        for row in connection.execute(query.order_by(table.c[layout.primary_key])).mappings():
            yield content(layout, dict(row))


def _first(connection: Connection, table: Any) -> datetime | None:
    found: datetime | None = connection.execute(select(func.min(table.c._valid_from))).scalar()
    return found


def _key_of(layout: Layout, row: Mapping[str, Any]) -> dict[str, Any]:
    values = content(layout, row)
    return {name: values[name] for name in layout.object.key}


def content(layout: Layout, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row's values as JSON has them, by what their columns are called, and what no column holds under `_extra`."""
    values = {
        called: None if row[called] is None else sent(column.type, row[called])
        for column, called in ((each, layout.called(each.name)) for each in layout.columns)
    }
    extra = exact.load(row["_extra"]) if row["_extra"] else {}
    return values | ({"_extra": extra} if extra else {})


def compare(old: Any, new: Any, path: str = "") -> tuple[Field, ...]:
    """What differs, as deep as both sides are objects; a list is one value."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*old, *(name for name in new if name not in old)]
        return tuple(
            field
            for name in names
            for field in compare(old.get(name), new.get(name), f"{path}.{name}" if path else name)
        )
    return () if old == new and isinstance(old, bool) == isinstance(new, bool) else (Field(path, old, new),)
