"""A listing page by page, and the get by id: from the catalog's description of an operation to records.

What reaches the caller is either a record (a dict) or Broken; ids and fields are the caller's to check. An answer
without `data`, or without its list, is an error and never an empty page (reliability.md: H10).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from replicator.catalog.model import Detail, Listing, Shape, Stability
from replicator.errors import NoPath, UnexpectedResponse

from . import cursors
from .ask import LONGEST
from .client import Answer, Ask
from .decode import Broken, OffContract, decode

__all__ = ["Broken", "Fetches", "Page", "Peeked", "pages", "peek", "peeked", "record"]

T = TypeVar("T")
#: So many pages in a row may hold nothing and name a next one (reliability.md: H16).
MOST_EMPTY = 1000
_EMPTY: tuple[Any, ...] = ([], b"[]")
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Page:
    """`plain` promises what exact.is_plain would say of every record; `date` is the clock of the API."""

    records: list[Any]
    #: The cursor that continues after this page; None on the last.
    next: str | None
    #: How many records the API says the whole listing holds.
    total: int | None
    plain: bool
    date: datetime | None


class Fetches(Protocol):
    """The client, as far as listings need it."""

    def fetch(self, ask: Ask, read: Callable[[Answer], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Peeked:
    """A page of which no record was decoded: the bytes of all of them. They are none where nobody could tell."""

    answer: Answer
    records: bytes
    next: str | None
    total: int | None


P = TypeVar("P", Page, Peeked)


def pages(
    client: Fetches,
    listing: Listing,
    params: Mapping[str, str],
    *,
    stability: Stability,
    cursor: str | None = None,
) -> Iterator[Page]:
    """Each page of the listing, from `cursor` on. `params` fills the path's parameters; the rest of it is query."""
    return _walk(client, listing, params, stability, cursor, _reader)


def peeked(
    client: Fetches,
    listing: Listing,
    params: Mapping[str, str],
    *,
    stability: Stability,
    is_known: Callable[[Peeked], bool],
) -> Iterator[Peeked]:
    """As `pages`, for a listing that is one list of records. What is not known is decoded, so that a fault shows."""

    def reader(listing: Listing, cursor: str | None) -> Callable[[Answer], Peeked]:
        def read(answer: Answer) -> Peeked:
            page = peek(listing, cursor, answer)
            if not is_known(page):
                _reader(listing, cursor)(answer)
            return page

        return read

    return _walk(client, listing, params, stability, None, reader)


def _walk(
    client: Fetches,
    listing: Listing,
    params: Mapping[str, str],
    stability: Stability,
    cursor: str | None,
    reader: Callable[[Listing, str | None], Callable[[Answer], P]],
) -> Iterator[P]:
    path, query = _target(listing.operation, listing.path, {**listing.query, **params})
    seen, empty = set[str](), 0
    while True:
        if cursor is not None:
            seen.update(cursors.marks(listing, cursor))
        ask = Ask(listing.operation, path, query | cursors.query(listing, cursor), stability, listing.rate)
        page = client.fetch(ask, reader(listing, cursor))
        if page.next is not None and cursors.repeats(listing, page.next, seen):
            raise UnexpectedResponse(
                f"{ask.where}: the cursor of the next page was given before, so the listing would never end. "
                "Run it again later; if it stays so, report this."
            )
        empty = empty + 1 if page.records in _EMPTY else 0
        if page.next is not None and empty >= MOST_EMPTY:
            raise UnexpectedResponse(
                f"{ask.where}: {empty} pages in a row were empty and named a next one. "
                "Run it again later; if it stays so, report this."
            )
        yield page
        if page.next is None:
            return
        cursor = page.next


def record(client: Fetches, detail: Detail, params: Mapping[str, str], *, stability: Stability) -> Any | None:
    """The record of a get by id; None where the API answers null. It may be Broken; raises NotFound.

    What lies beside the item (a source's trackingPlanId) joins the record.
    """
    path, query = _target(detail.operation, detail.path, params)
    ask = Ask(detail.operation, path, query, stability, detail.rate)

    def read(answer: Answer) -> Any | None:
        data = decode(answer.body, ()).data
        item = _present(data, detail.item)
        if item is None or isinstance(item, Broken):
            return item
        if not isinstance(item, dict):
            raise OffContract(f"`{detail.item}` is no object")
        beside = {name: value for name, value in data.items() if name != detail.item}
        return next((value for value in beside.values() if isinstance(value, Broken)), beside | item)

    return client.fetch(ask, read)


def _target(operation: str, path: str, params: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    named = set(_PARAMETER.findall(path))

    def encoded(found: re.Match[str]) -> str:
        value = params[found[1]]
        quoted = quote(value, safe="", errors="surrogatepass")
        # An empty id would turn the get by id into the list, and dots into the path above.
        if value in ("", ".", "..") or len(quoted) > LONGEST:
            which = repr(value) if len(value) <= 2 else f"of {len(value)} characters"
            raise NoPath(f"{operation}: the record above it has an id {which}, which no path can hold.")
        return quoted

    query = {name: value for name, value in params.items() if name not in named}
    return _PARAMETER.sub(encoded, path), query


def _reader(listing: Listing, cursor: str | None) -> Callable[[Answer], Page]:
    def read(answer: Answer) -> Page:
        data, plain = decode(answer.body, listing.items)
        records = _RECORDS[listing.shape](listing, data, cursor)
        following = cursors.following(listing, cursor, data)
        for name in cursors.silent(listing, cursor, data):
            _refuse_cut_list(listing, _array(data, name))
        return Page(records, following, cursors.total(listing, data), plain, answer.date)

    return read


class _Members(msgspec.Struct):
    """An answer's `data`, as the bytes of each member."""

    data: dict[str, msgspec.Raw]
    errors: Any = None


_members = msgspec.json.Decoder(_Members).decode


def peek(listing: Listing, cursor: str | None, answer: Answer) -> Peeked:
    """The page, undecoded. What is odd about it is for whoever decodes it to find."""
    try:
        whole = _members(answer.body)
        data = whole.data
        pagination = {name: msgspec.json.decode(raw) for name, raw in data.items() if name == "pagination"}
        if whole.errors or cursors.silent(listing, cursor, pagination):
            return Peeked(answer, b"", None, None)
        following = cursors.following(listing, cursor, pagination)
        return Peeked(answer, bytes(data[listing.items[0]]), following, cursors.total(listing, pagination))
    except (msgspec.MsgspecError, ValueError, KeyError, RecursionError, OffContract):
        return Peeked(answer, b"", None, None)


def _refuse_cut_list(listing: Listing, records: list[Any]) -> None:
    """Regulations of a source may answer without pagination; then a full page may or may not be all there is."""
    if len(records) >= listing.page_size:
        raise OffContract(f"a full page of {len(records)} records does not tell whether there are more")


def _present(data: dict[str, Any], name: str) -> Any:
    try:
        return data[name]
    except KeyError:
        raise OffContract(f"`{name}` is missing") from None


def _array(data: dict[str, Any], name: str) -> list[Any]:
    found = _present(data, name)
    if not isinstance(found, list):
        raise OffContract(f"`{name}` is no list")
    return found


def _objects(values: list[Any]) -> list[Any]:
    """The values themselves, but Broken for what is no object; the usual page is not copied."""
    if set(map(type, values)) <= {dict}:
        return values
    return [value if isinstance(value, dict | Broken) else _no_record(value, "it is no object") for value in values]


def _no_record(value: Any, reason: str) -> Broken:
    return Broken(json.dumps(value, default=str).encode(), reason)


def _list(listing: Listing, data: dict[str, Any], cursor: str | None) -> list[Any]:  # noqa: ARG001 - one signature
    return _objects(_array(data, listing.items[0]))


def _strings(listing: Listing, data: dict[str, Any], cursor: str | None) -> list[Any]:  # noqa: ARG001
    def wrapped(value: Any) -> Any:
        if isinstance(value, str):
            return {listing.scalar: value}
        return value if isinstance(value, Broken) else _no_record(value, "it is no string")

    return [wrapped(value) for value in _array(data, listing.items[0])]


def _one(listing: Listing, data: dict[str, Any], cursor: str | None) -> list[Any]:  # noqa: ARG001
    found = _present(data, listing.items[0])
    return [] if found is None else _objects([found])


def _data(listing: Listing, data: dict[str, Any], cursor: str | None) -> list[Any]:  # noqa: ARG001
    broken = next((value for value in data.values() if isinstance(value, Broken)), None)
    return [broken or data]


def _map(listing: Listing, data: dict[str, Any], cursor: str | None) -> list[Any]:  # noqa: ARG001
    """The contract leaves the shape open: by key, an array, or a single object that has the key's field itself."""
    found, name = _present(data, listing.items[0]), listing.scalar
    if isinstance(found, Broken):
        return [found]
    if isinstance(found, dict) and not isinstance(found.get(name), str):
        return [{name: key, "value": value} for key, value in found.items()]
    if not isinstance(found, list | dict):
        raise OffContract(f"`{listing.items[0]}` is neither an object nor a list")
    return [_named(name, value) for value in (found if isinstance(found, list) else [found])]


def _named(name: str, value: Any) -> Any:
    key = value.get(name) if isinstance(value, dict) else value
    if isinstance(value, Broken):
        return value
    return {name: key, "value": value} if isinstance(key, str) else _no_record(value, f"it has no `{name}`")


def _lists(listing: Listing, data: dict[str, Any], cursor: str | None) -> list[Any]:
    """The lists that are still under way; a finished one comes along with a row that was yielded before."""
    return [
        value if isinstance(value, Broken) else {**value, "kind": name}
        for name in listing.items
        if name in cursors.open_lists(listing, cursor)
        for value in _objects(_array(data, name))
    ]


_RECORDS: Mapping[Shape, Callable[[Listing, dict[str, Any], str | None], list[Any]]] = {
    Shape.LIST: _list,
    Shape.STRINGS: _strings,
    Shape.ONE: _one,
    Shape.DATA: _data,
    Shape.MAP: _map,
    Shape.LISTS: _lists,
}
