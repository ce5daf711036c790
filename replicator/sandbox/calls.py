"""One request, understood: what the handlers of the content see; and what they may answer with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .messages import not_found
from .series import Record, Rows, Series
from .world import World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .query import Query
    from .state import Children


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
    #: What a write carries, valid by its shape.
    body: Record = field(default_factory=dict)
    #: Who asks, as the audit trail names it, and the address, if it is a user.
    actor: str = ""
    email: str = ""
    #: How many events the trail had been told of when the listing began; all of them if None.
    known: int | None = None


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


@dataclass(frozen=True, slots=True)
class Write:
    """An operation with an effect. Its function returns all of `data`, or raises before it has changed anything."""

    effect: Callable[[World, Call], Mapping[str, Any]]
    #: Of the answer: 201 on eight creates (resources.md, "Envelope and errors").
    status: int = 200


Answer = Paged | One | Whole | Write


def walk(world: World, ids: Sequence[str], levels: Sequence[LevelOf]) -> str:
    """The last of these ids, each being that of a child of the one before; raises the API's 404."""
    parent = ids[0]
    world.table(levels[0]).get(parent)
    for above, level, identifier in zip(levels, levels[1:], ids[1:], strict=False):
        if not world.table(level).is_child(identifier, parent, world.table(above).born_index(parent)):
            raise not_found()
        parent = identifier
    return parent


def children(world: World, parents: LevelOf, parent: str, level: LevelOf) -> Children:
    """The records of `level` that are children of this record of `parents`; raises the API's 404."""
    above = world.table(parents)
    above.get(parent)
    return world.table(level).children(parent, above.born_index(parent))


def listing(*levels: LevelOf) -> RowsOf:
    """The records of the last level: all of them, or the children that the path names the parents of."""

    def rows(world: World, call: Call) -> Rows:
        if len(levels) == 1:
            return world.table(levels[0])
        return children(world, levels[-2], walk(world, call.ids, levels[:-1]), levels[-1])

    return rows


def record(*levels: LevelOf) -> RecordOf:
    def found(world: World, call: Call) -> Record:
        return world.table(levels[-1]).get(walk(world, call.ids, levels))

    return found
