"""The same pages without the product: a plain httpx client, and of the catalog only paths and columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from benchmarks.workspace import OBJECTS, TOKEN
from replicator.catalog import by_name
from replicator.catalog.model import Column, Detail, Listing, Object, Type

Row = tuple[Any, ...]
_TYPES: dict[Type, Any] = {
    Type.TEXT: str | None,
    Type.TIMESTAMP: str | None,
    Type.BOOLEAN: bool | None,
    Type.INTEGER: int | None,
    Type.NUMBER: float | None,
    Type.JSON: msgspec.Raw,
}


class _Pagination(msgspec.Struct):
    next: str | None = None


@dataclass
class Reader:
    """Reads one page after the other.

    `requests` were sent; `needed` is what the counted records take, by object, `needed_later` what a later run takes.
    """

    base_url: str
    requests: int = 0
    needed: Counter[str] = field(default_factory=Counter)
    needed_later: int = 0
    _ids: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        headers = {"authorization": f"Bearer {TOKEN}", "accept": "application/vnd.segment.v1+json"}
        self._client = httpx.Client(base_url=self.base_url, headers=headers, trust_env=False)

    def fetch(self, path: str, query: dict[str, str]) -> bytes:
        """One answer's body."""
        self.requests += 1
        return self._client.get(path, params=query).raise_for_status().content

    def drop(self) -> int:
        """Every page once, decoded no further than to its cursor."""
        rows = 0
        for name in OBJECTS:
            thing = by_name[name]
            for raws in self._pages(thing, msgspec.Raw):
                rows += len(raws)
                self._remember(thing, raws)
                if thing.detail:
                    for raw in raws:
                        self.fetch(_filled(thing.detail, _id(raw)), {})
        return rows

    def rows(self, thing: Object) -> Iterator[list[Row]]:
        """Pages of typed tuples, each JSON column as its text."""
        columns = [column for column in thing.columns if not column.given]
        record = _record(thing, columns)
        detailed = self._detailed(thing.detail, record) if thing.detail else None
        jsons = [at for at, column in enumerate(columns) if column.type is Type.JSON]
        for parent, found in self._parented(thing, record):
            self._remember(thing, found)
            whole = [detailed(each) for each in found] if detailed else found
            rows = [msgspec.structs.astuple(each) for each in whole]
            if jsons:
                rows = [_texts(row, jsons) for row in rows]
            if thing.explode:
                rows = [(*row[:-1], one) for row in rows for one in row[-1]]
            yield [(parent, *row) for row in rows] if thing.parents else rows

    def _detailed(self, detail: Detail, record: Any) -> Callable[[Any], Any]:
        decode = msgspec.json.Decoder(_envelope(detail.item, record)).decode
        return lambda listed: getattr(decode(self.fetch(_filled(detail, listed.id), {})).data, detail.item)

    def _parented(self, thing: Object, record: Any) -> Iterator[tuple[str | None, list[Any]]]:
        for parent in self._parents(thing):
            for page in self._listing(thing, parent, record):
                yield parent, page

    def _pages(self, thing: Object, record: Any) -> Iterator[list[Any]]:
        for _, page in self._parented(thing, record):
            yield page

    def _parents(self, thing: Object) -> list[str] | list[None]:
        return self._ids[thing.parents[0].object] if thing.parents else [None]

    def _listing(self, thing: Object, parent: str | None, record: Any) -> Iterator[list[Any]]:
        listing = thing.listing
        items = listing.items[0]
        decoder = msgspec.json.Decoder(_envelope(items, list[record], pagination=_Pagination))
        path = listing.path if parent is None else _filled(listing, parent)
        query = {**listing.query, "pagination.count": str(listing.page_size)}
        records = 0
        while True:
            data = decoder.decode(self.fetch(path, query)).data
            page = getattr(data, items)
            records += len(page)
            yield page
            if data.pagination.next is None:
                break
            query["pagination.cursor"] = data.pagination.next
        pages = max(1, -(-records // listing.page_size))
        self.needed[thing.name] += pages + (records if thing.detail else 0)
        if not thing.parents:
            # Over a still workspace: of the events those of the overlap with the run before, on one page.
            self.needed_later += 1 if thing.window else pages

    def _remember(self, thing: Object, records: list[Any]) -> None:
        if thing.name == "TrackingPlans":
            self._ids.setdefault(thing.name, []).extend(_id(each) for each in records)


def stored(thing: Object) -> list[Column]:
    """The columns of a row, in its order."""
    given = [column for column in thing.columns if column.given]
    return [*given, *(column for column in thing.columns if not column.given)]


def _record(thing: Object, columns: list[Column]) -> Any:
    exploded = thing.explode.into if thing.explode else ""
    fields = [
        (column.name, list[str], msgspec.field(name=thing.explode.field))
        if thing.explode and column.field == exploded
        else (column.name, _TYPES[column.type], _default(column))
        for column in columns
    ]
    return msgspec.defstruct(thing.name, fields, kw_only=True)


def _default(column: Column) -> Any:
    return msgspec.field(name=column.field, default=msgspec.Raw(b"") if column.type is Type.JSON else None)


def _envelope(name: str, kind: Any, **beside: Any) -> Any:
    data = msgspec.defstruct("Data", [(name, kind), *beside.items()])
    return msgspec.defstruct("Answer", [("data", data)])


def _filled(operation: Listing | Detail, identifier: str) -> str:
    head, _, tail = operation.path.partition("{")
    return f"{head}{identifier}{tail.partition('}')[2]}"


def _id(record: Any) -> str:
    return str(msgspec.json.decode(record)["id"] if isinstance(record, msgspec.Raw) else record.id)


def _texts(row: Row, jsons: list[int]) -> Row:
    values = list(row)
    for at in jsons:
        values[at] = bytes(values[at]).decode() or None
    return tuple(values)
