"""A record as a row, and the way back, without loss: columns plus `_extra` rebuild it (I14 in reliability.md).

A row's values are what every database takes as it is: str, int, float and None. Times are ISO text in UTC, JSON
columns are JSON text. What a column cannot hold exactly lies in `_extra`, under its field's name, and wins when the
record is rebuilt. Two names in `_extra` are ours:

    $absent    nullable fields that were not sent (their NULL would otherwise stand for null)
    $escaped   exact text (see exact.py) of the fields that a database cannot hold even as JSON
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from replicator import exact
from replicator.catalog.model import Column, Object, Type
from replicator.convert import ABSENT, sent

if TYPE_CHECKING:
    from replicator.masks import Cover
    from replicator.where import Condition

ESCAPED = "$escaped"
#: MySQL's longest indexed key is 255 characters; a longer id would be cut there, so no database takes it.
MAX_KEY = 255

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be stored as a row: it goes to quarantine, whole, its secrets masked."""

    reason: str
    record: str


@dataclass(frozen=True)
class Layout:
    """Which of an object's columns are stored, and how its staged rows are laid out."""

    object: Object
    columns: tuple[Column, ...]
    #: What of a record is hidden before it becomes a row; its fingerprint knows it all the same.
    covers: tuple[Cover, ...] = ()
    #: A record of which one of these is not true has no row.
    where: tuple[Condition, ...] = ()
    #: What columns are called in the database where that is not their name.
    names: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def keyed(self) -> bool:
        """Whether a `_key` digest of the natural key is the primary key, rather than `id`."""
        return self.object.key != ("id",)

    @property
    def primary_key(self) -> str:
        return "_key" if self.keyed else "id"

    @cached_property
    def staged(self) -> tuple[tuple[str, Type], ...]:
        """Names and types of a staged row's values, in their order."""
        head = (("_key", Type.TEXT),) if self.keyed else ()
        tail = (("_partition", Type.TEXT),) if self.object.partitioned else ()
        middle = tuple((column.name, column.type) for column in self.columns)
        return (*head, *middle, ("_extra", Type.JSON), ("_fingerprint", Type.TEXT), *tail)

    @cached_property
    def shape(self) -> tuple[Hashable, ...]:
        """What its tables look like."""
        return self.object.name, self.object.table, self.staged, tuple(sorted(self.names.items()))

    def called(self, name: str) -> str:
        """What the column of that name is called in the database; the program goes by the name."""
        return self.names.get(name, name)

    def seen(self, identifier: str, fingerprint: str, partition: str | None) -> Row:
        """The staged row of a stored record that was listed and is as it was: publishing leaves its row alone."""
        values = {"id": identifier, "_fingerprint": fingerprint, "_partition": partition}
        return tuple(values.get(name) for name, _ in self.staged)

    def unwanted(self, row: Row) -> Row:
        """The staged row of a record that does not pass `where`: its key, without a fingerprint."""
        kept = {self.primary_key, "_partition"}
        named = zip(self.staged, row, strict=True)
        return tuple("" if name == "_fingerprint" else value if name in kept else None for (name, _), value in named)

    @cached_property
    def token(self) -> bytes:
        """Goes into each fingerprint, so that another selection or catalog rewrites every row."""
        columns = [(c.name, c.field, c.type.value, c.secret, c.nullable, c.given) for c in self.columns]
        # What is not asked for leaves no trace here, lest every row be rewritten by a version that knows it.
        hidden = [(each.path, each.mode) for each in self.covers]
        return "".join(repr(part) for part in (columns, hidden) if part).encode()

    @cached_property
    def reach(self) -> bytes:
        """Tells which records of a listing have rows, and what is in them: of another reach it is to be read again."""
        return self.token + (repr([each.name for each in self.where]).encode() if self.where else b"")

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The columns of which something is covered, as far as declared fields go."""
        fields = {each.path[0] for each in self.covers}
        return frozenset(c.name for c in self.object.columns if c.field in fields)


def rebuild(layout: Layout, row: Mapping[str, Any]) -> dict[str, Any]:
    """The API's record from a stored row (by column name, as the database returned it), masked fields as masked."""
    extra: dict[str, Any] = exact.load(row["_extra"]) if row.get("_extra") else {}
    absent = extra.pop(ABSENT, ())
    escaped = extra.pop(ESCAPED, None)
    record: dict[str, Any] = {}
    for column in layout.columns:
        value = row.get(column.name)
        if column.given or column.field in absent or (value is None and not column.nullable):
            continue
        record[column.field] = None if value is None else sent(column.type, value)
    return record | extra | (exact.load(escaped) if escaped else {})
