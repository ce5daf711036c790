"""How the next page is asked for, and how an answer names it (resources.md, "Pagination").

Cursors are opaque; ours for Paging.EACH is the JSON object {list: its cursor}, without the lists that are finished.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from typing import Any
from urllib.parse import quote

from replicator import exact
from replicator.catalog.model import Listing, Paging

from .ask import LONGEST
from .decode import OffContract


def query(listing: Listing, cursor: str | None) -> dict[str, str]:
    """The documented dotted form, with the largest page always asked for: the server's default is 200."""
    count = str(listing.page_size)
    match listing.paging:
        case Paging.NONE:
            return {}
        case Paging.CURSOR:
            asked = {"pagination.count": count, "pagination.cursor": cursor}
        case Paging.BARE:
            asked = {"count": count, "cursor": cursor}
        case Paging.EACH:
            asked = _query_each(listing, open_lists(listing, cursor), count)
    return {name: value for name, value in asked.items() if value is not None}


def _query_each(listing: Listing, lists: Mapping[str, str | None], count: str) -> dict[str, str | None]:
    """A finished list cannot be left out of the answer: ask for a single row, which nobody reads."""
    asked: dict[str, str | None] = {}
    for name in listing.items:
        asked[f"{name}Pagination.count"] = count if name in lists else "1"
        asked[f"{name}Pagination.cursor"] = lists.get(name)
    return asked


def open_lists(listing: Listing, cursor: str | None) -> Mapping[str, str | None]:
    """For Paging.EACH: the lists that are not finished, with their cursors."""
    if cursor is None or listing.paging is not Paging.EACH:
        return dict.fromkeys(listing.items)
    opened: dict[str, str] = json.loads(cursor)
    return opened


def following(listing: Listing, cursor: str | None, data: Mapping[str, Any]) -> str | None:
    """The cursor of the next page, or None where the answer names none: absent, null and "" all end a listing."""
    match listing.paging:
        case Paging.NONE:
            return None
        case Paging.CURSOR | Paging.BARE:
            return _next(data, "pagination")
        case Paging.EACH:
            found = {name: _next(data, f"{name}Pagination") for name in open_lists(listing, cursor)}
            left = {name: at for name, at in found.items() if at is not None}
            return json.dumps(left, sort_keys=True) if left else None


def _next(data: Mapping[str, Any], name: str) -> str | None:
    pagination = data.get(name)
    if pagination is None:
        return None
    if not isinstance(pagination, dict):
        raise OffContract(f"`{name}` is no object")
    found = pagination.get("next")
    if found is None or found == "":
        return None
    # Space filters count their pages in numbers.
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise OffContract(f"`{name}.next` is neither a text nor a number")
    cursor = str(found)
    if not exact.is_plain(cursor):
        raise OffContract(f"`{name}.next` holds a character that no address and no database takes")
    if len(quote(cursor, safe="")) > LONGEST:
        raise OffContract(f"`{name}.next` is {len(cursor)} characters long, too long for an address")
    return cursor


def silent(listing: Listing, cursor: str | None, data: Mapping[str, Any]) -> list[str]:
    """The lists of which the answer does not say whether there is more: their pagination is absent or null."""
    match listing.paging:
        case Paging.NONE:
            return []
        case Paging.CURSOR | Paging.BARE:
            return [] if data.get("pagination") is not None else list(listing.items)
        case Paging.EACH:
            return [name for name in open_lists(listing, cursor) if data.get(f"{name}Pagination") is None]


def marks(listing: Listing, cursor: str) -> set[str]:
    """What tells that this cursor was used: itself, or each list's own."""
    if listing.paging is not Paging.EACH:
        return {cursor}
    return {f"{name} {at}" for name, at in open_lists(listing, cursor).items()}


def repeats(listing: Listing, cursor: str, seen: Container[str]) -> bool:
    """Whether the listing goes round in circles (reliability.md: H14)."""
    return any(mark in seen for mark in marks(listing, cursor))


def total(listing: Listing, data: Mapping[str, Any]) -> int | None:
    """How many records the API says there are; not every endpoint counts, and some only about."""
    names = [f"{name}Pagination" for name in listing.items] if listing.paging is Paging.EACH else ["pagination"]
    totals = [_total(data.get(name)) for name in names]
    return None if None in totals else sum(count for count in totals if count is not None)


def _total(pagination: Any) -> int | None:
    count = pagination.get("totalEntries") if isinstance(pagination, dict) else None
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    if isinstance(count, str):
        count = int(count) if re.fullmatch("[0-9]{1,12}", count) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
