"""What earlier runs found out, so that this one need not ask again: finished listings, and what details were read for.

Both are rows beside the data and commit with it, on the caller's connection.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from replicator.target.bookkeeping import Bookkeeping

_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """One partition's last finished listing.

    `mark` tells what it was read for (see due.mark_of); "" when it proves nothing, so that it is read again.
    `ids` is the sum of the CRC-32 of its keys, in hex: equal sets have equal sums, in whatever order they came.
    """

    partition: str
    mark: str = ""
    listed_at: datetime | None = None
    records: int = 0
    ids: str = ""
    #: Of an object with no other listing: see Remembered.
    pages: str | None = None


def in_hex(total: int) -> str:
    """A sum of CRC-32 as `ids` says it."""
    return f"{total % (1 << 64):016x}"


def total_of(listings: Iterable[Listed]) -> str | None:
    """The sum over all of them; None if one of them is not known."""
    sums = [each.ids for each in listings]
    return in_hex(sum(int(each, 16) for each in sums)) if all(sums) else None


@dataclass(frozen=True, slots=True)
class Remembered:
    """Of a listing that was published whole: its pages (segment/unchanged.py), and what came of them."""

    #: What the table held then, as Dialect.checksum says it.
    rows: str
    digests: Sequence[str]
    drift: Mapping[str, str]

    @classmethod
    def of(cls, listed: Listed | None) -> Remembered | None:
        return cls(**json.loads(listed.pages)) if listed and listed.pages else None

    @property
    def count(self) -> int:
        return int(self.rows.partition(":")[0])


@dataclass(frozen=True, slots=True)
class Detailed:
    """For what a record's details were read: the mark of the `listed` record, and its row's `fingerprint` then."""

    id: str
    listed: str
    fingerprint: str
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """For one scope."""

    books: Bookkeeping
    scope: str

    def listings(self, connection: Connection, name: str) -> dict[str, Listed]:
        """The object's finished listings, by partition."""
        table = self.books.listings
        columns = [table.c[field] for field in Listed.__slots__]
        rows = connection.execute(select(*columns).where(*self._mine(table, name)))
        return {row.partition: Listed(*row) for row in rows}

    def settle(
        self,
        connection: Connection,
        name: str,
        before: Collection[str],
        wanted: Collection[str],
        read: Iterable[Listed],
    ) -> None:
        """Keeps what was read; partitions of `before` that are no longer wanted go, wanted ones get a row."""
        table = self.books.listings
        found = {each.partition: each for each in read}
        stale = [*(partition for partition in before if partition not in wanted), *found]
        for chunk in _chunks(stale):
            connection.execute(delete(table).where(*self._mine(table, name), table.c.partition.in_(chunk)))
        new = [found.get(each) or Listed(each) for each in wanted if each in found or each not in before]
        rows = [{"scope": self.scope, "object": name, **asdict(each)} for each in new]
        if rows:
            connection.execute(insert(table), rows)

    def remember(self, connection: Connection, name: str, remembered: Remembered) -> None:
        """Of the object's one listing."""
        table, pages = self.books.listings, json.dumps(asdict(remembered))
        connection.execute(update(table).where(*self._mine(table, name)).values(pages=pages))

    def doubt(self, connection: Connection, name: str, partition: str | None = None) -> None:
        """What was listed so far proves nothing: all of it, or that partition, is read again by the next run."""
        table = self.books.listings
        if partition is None:
            connection.execute(update(table).where(*self._mine(table, name)).values(mark="", ids="", pages=None))
        else:
            one = (*self._mine(table, name), table.c.partition == partition)
            connection.execute(update(table).where(*one).values(mark="", ids="", pages=None, listed_at=None))

    def partitions(self, name: str) -> Any:
        """A query of the names of the partitions that there are."""
        table = self.books.listings
        return select(table.c.partition).where(*self._mine(table, name))

    def details(
        self, connection: Connection, name: str, table: Table, *conditions: ColumnElement[bool]
    ) -> dict[str, Detailed]:
        """By id, for the live rows of the object's `table` that still are what the details were read for.

        Only those that meet the `conditions`, too.
        """
        known = self.books.details
        columns = [known.c[field] for field in Detailed.__slots__]
        same = (table.c.id == known.c.id, table.c._deleted_at.is_(None), table.c._fingerprint == known.c.fingerprint)
        rows = connection.execute(select(*columns).where(*self._mine(known, name), *same, *conditions))
        return {row.id: Detailed(*row) for row in rows}

    def save_details(self, connection: Connection, name: str, details: Sequence[Detailed]) -> None:
        """In place of those of the same records."""
        table = self.books.details
        rows = {each.id: {"scope": self.scope, "object": name, **asdict(each)} for each in details}
        for chunk in _chunks(list(rows)):
            connection.execute(delete(table).where(*self._mine(table, name), table.c.id.in_(chunk)))
            connection.execute(insert(table), [rows[identifier] for identifier in chunk])

    def forget(self, connection: Connection, name: str) -> None:
        """Everything about the object."""
        for table in (self.books.listings, self.books.details):
            connection.execute(delete(table).where(*self._mine(table, name)))

    def _mine(self, table: Table, name: str) -> tuple[Any, ...]:
        return (table.c.scope == self.scope, table.c.object == name)


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    return (items[at : at + _CHUNK] for at in range(0, len(items), _CHUNK))
