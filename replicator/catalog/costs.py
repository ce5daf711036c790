"""What reading an object costs in requests."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from replicator.catalog.model import Object, Paging, Window


@dataclass(frozen=True, slots=True)
class Cost:
    """One listing is one request, or one for every `page_size` records; these say how many listings there are."""

    #: Records that one request brings; None where a listing is a single answer.
    page_size: int | None
    #: One listing for each row of these objects (of any of them, where there are several).
    per_parent: tuple[str, ...]
    #: That many listings, for each parent where there are parents: the fixed values of a parameter.
    listings: int
    #: One listing for each month asked for.
    per_period: bool
    #: One listing for each stretch of time asked for.
    per_window: bool
    #: One request more for each new or changed record, where its details are selected.
    per_record: bool
    #: Requests per minute that the contract states for the listing and for the get by id.
    rate: int | None
    detail_rate: int | None

    def __str__(self) -> str:
        parts = ["1 request" if self.page_size is None else f"1 request per {self.page_size} records"]
        if self.listings > 1:
            parts.append(f"{self.listings} listings")
        if self.per_parent:
            parts.append(f"for each row of {' and '.join(self.per_parent)}")
        if self.per_period:
            parts.append("for each month")
        if self.per_window:
            parts.append("for each window of time")
        if self.per_record:
            parts.append("and 1 for each new or changed record")
        if self.rate is not None:
            parts.append(f"at most {self.rate} a minute")
        return ", ".join(parts)


def cost(obj: Object) -> Cost:
    listing = obj.listing
    return Cost(
        page_size=None if listing.paging is Paging.NONE else listing.page_size,
        per_parent=tuple(parent.object for parent in obj.parents),
        listings=prod(len(values) for values in obj.each.values()),
        per_period=obj.window is Window.PERIOD,
        per_window=obj.window is Window.VOLUME,
        per_record=any(column.detail for column in obj.columns),
        rate=listing.rate,
        detail_rate=obj.detail.rate if obj.detail else None,
    )
