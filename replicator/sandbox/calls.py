"""One request, understood: what the handlers of the content see; and what they may answer with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .series import Nested, Record, Rows, Series
from .world import World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .query import Query


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    #: The values of the path's parameters, in their order, decoded.
    ids: tuple[str, ...]
    query: Query
    headers: Mapping[str, str]
    version: str
    #: When the listing began: the clock, or what the cursor has kept of it.
    anchor: int = 0


RowsOf = Callable[[World, Call], Rows]
RecordOf = Callable[[World, Call], Record | None]
LevelOf = Callable[[World], Series]


@dataclass(frozen=True, slots=True)
class Paged:
    """A list. `key` holds the records in the answer, beside `pagination`."""

    key: str
    rows: RowsOf
    largest: int = 1000
    default: int = 200
    #: The parameters are `{object}.count` and `{object}.cursor`; bare `count` and `cursor` if empty.
    object: str = "pagination"
    #: How `next` shows that there is none: both occur (resources.md, "Pagination").
    end: Literal["absent", "null"] = "absent"
    total: bool = True
    backward: bool = True
    cursor: Literal["offset", "key", "frozen", "number"] = "offset"
    #: What else stands beside the records.
    extra: Callable[[World, Call], Record] | None = None


@dataclass(frozen=True, slots=True)
class One:
    """A record under `key`."""

    key: str
    record: RecordOf


@dataclass(frozen=True, slots=True)
class Whole:
    """All of `data`: what is neither a paged list nor one record."""

    data: Callable[[World, Call], Mapping[str, Any]]


Answer = Paged | One | Whole


def walk(world: World, ids: Sequence[str], levels: Sequence[LevelOf]) -> int:
    """The index of the last id, each being a child of the one before; raises the API's 404."""
    parent = levels[0](world).index_of(ids[0])
    for level, identifier in zip(levels[1:], ids[1:], strict=False):
        series = level(world)
        if not isinstance(series, Nested):
            message = f"{level.__name__} has no parents"
            raise TypeError(message)
        series.find_in(parent, identifier)
        parent = series.index_of(identifier)
    return parent


def listing(*levels: LevelOf) -> RowsOf:
    """The records of the last level: all of them, or the children that the path names the parents of."""

    def rows(world: World, call: Call) -> Rows:
        series = levels[-1](world)
        if len(levels) == 1:
            return series
        parent = walk(world, call.ids, levels[:-1])
        return series.of(parent) if isinstance(series, Nested) else series

    return rows


def record(*levels: LevelOf) -> RecordOf:
    def found(world: World, call: Call) -> Record:
        return levels[-1](world)[walk(world, call.ids, levels)]

    return found
