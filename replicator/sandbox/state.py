"""What has been written since the workspace was made.

A collection (`content/`) is the workspace as it was made: pure, never changed, in the millions. What people do to it
lies here, over it: a Table holds the records that were put, added and removed, a Fact a value that is no record, such
as which sources a warehouse reads. Every write is also a Change, data that another State can be given later: that is
how reads can lag behind writes.

Records are never edited in place: a write puts a new one.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .messages import Refusal, not_found
from .series import Nested, Record, Series

if TYPE_CHECKING:
    from .world import World

T = TypeVar("T")

Level = Callable[["World"], Series]


@dataclass(frozen=True, slots=True)
class Change:
    """One write: the method of which table (or "fact", "event") with which arguments."""

    kind: str
    of: Any
    arguments: tuple[Any, ...]


class State:
    """All writes to one workspace, as its readers or its writers see them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tables: dict[Level, Table] = {}
        self._facts: dict[tuple[str, str], Any] = {}
        #: What the audit trail got since the workspace was made, oldest first.
        self.events: list[Record] = []
        #: Whether there was any change.
        self.written = False
        #: Called with each change, if somebody has to repeat it.
        self.changed: Callable[[Change], None] | None = None

    def table(self, level: Level) -> Table:
        found = self._tables.get(level)
        return self._tables.setdefault(level, Table(self, level, level(self._world))) if found is None else found

    def fact(self, name: str, key: str, born: Callable[[], T]) -> T:
        """The value that was written, else the one that the workspace was made with."""
        found: T = self._facts[name, key] if (name, key) in self._facts else born()
        return found

    def tell(self, change: Change) -> None:
        self.written = True
        if self.changed:
            self.changed(change)

    def put_fact(self, name: str, key: str, value: object) -> None:
        self._facts[name, key] = value
        self.tell(Change("fact", name, (key, value)))

    def happened(self, event: Record) -> None:
        self.events.append(event)
        self.tell(Change("event", None, (event,)))

    def repeat(self, change: Change) -> None:
        """Do here what was done in another State."""
        match change:
            case Change("fact", name, (key, value)):
                self.put_fact(name, key, value)
            case Change("event", _, (event,)):
                self.happened(event)
            case Change(method, level, arguments):
                getattr(self.table(level), method)(*arguments)


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """A value for each key, with what it was before anybody wrote it. The name is the fact's own."""

    name: str
    born: Callable[[World, str], T]

    def of(self, world: World, key: str) -> T:
        return world.state.fact(self.name, key, lambda: self.born(world, key))

    def put(self, world: World, key: str, value: T) -> None:
        world.state.put_fact(self.name, key, value)


class Table:
    """A collection as it is now. Records are known by id; in their order come the born ones, then the added."""

    def __init__(self, state: State, level: Level, born: Series) -> None:
        self._state = state
        self._level = level
        self.born = born
        self._put: dict[int, Record] = {}
        self._gone: list[int] = []
        self._added: dict[str, Record] = {}
        self._parents: dict[str, str] = {}
        self._edits: list[Callable[[Record], Record]] = []
        self._made = 0

    def __len__(self) -> int:
        return len(self.born) - len(self._gone) + len(self._added)

    def __getitem__(self, window: slice) -> Any:
        if not (self._put or self._gone or self._added or self._edits):
            return self.born[window]
        start, stop, _ = window.indices(len(self))
        return list(self._records(start, stop))

    def __iter__(self) -> Iterator[Record]:
        return self._records(0, len(self))

    def __contains__(self, identifier: str) -> bool:
        return self._find(identifier) is not None

    def _records(self, start: int, stop: int) -> Iterator[Record]:
        alive = len(self.born) - len(self._gone)
        index = self._place(start)
        for _ in range(start, min(stop, alive)):
            while self._is_gone(index):
                index += 1
            yield self._at(index)
            index += 1
        if stop > alive:
            yield from list(self._added.values())[max(0, start - alive) : stop - alive]

    def _place(self, position: int) -> int:
        """The index of the born record at this place among those that are left."""
        index = position
        while (moved := position + bisect_right(self._gone, index)) != index:
            index = moved
        return index

    def _is_gone(self, index: int) -> bool:
        place = bisect_right(self._gone, index)
        return place > 0 and self._gone[place - 1] == index

    def _at(self, index: int) -> Record:
        return self._put[index] if index in self._put else reduce(_edited, self._edits, self.born[index])

    def _find(self, identifier: str) -> int | str | None:
        """The index of a born record, the id of an added one."""
        if identifier in self._added:
            return identifier
        try:
            index = self.born.index_of(identifier)
        except Refusal:
            return None
        return None if self._is_gone(index) else index

    def get(self, identifier: str) -> Record:
        """Raises the API's 404."""
        found = self._find(identifier)
        if found is None:
            raise not_found()
        return self._added[found] if isinstance(found, str) else self._at(found)

    def only(self, identifiers: Sequence[str]) -> Chosen:
        """Those of these records that are there, in the order given."""
        return Chosen(self, [identifier for identifier in identifiers if identifier in self])

    def born_index(self, identifier: str) -> int | None:
        """The number that the record was made with; None if somebody added it. It may be gone."""
        try:
            return self.born.index_of(identifier)
        except Refusal:
            return None

    def new_id(self) -> str:
        """An id that no record has, like those of the others; without a prefix that depends on the record."""
        if self.born.ids is None:
            message = f"{self._level.__name__} have no ids"
            raise TypeError(message)
        self._made += 1
        return self.born.ids[(1 << 40) + self._made]

    def add(self, identifier: str, record: Record, parent: str = "") -> None:
        """`parent` is the id of the record that it is a child of."""
        self._added[identifier] = record
        self._parents[identifier] = parent
        self._state.tell(Change("add", self._level, (identifier, record, parent)))

    def put(self, identifier: str, record: Record) -> None:
        """Raises the API's 404."""
        match self._find(identifier):
            case None:
                raise not_found()
            case str():
                self._added[identifier] = record
            case index:
                self._put[index] = record
        self._state.tell(Change("put", self._level, (identifier, record)))

    def remove(self, identifier: str) -> None:
        """Raises the API's 404."""
        match self._find(identifier):
            case None:
                raise not_found()
            case str():
                del self._added[identifier], self._parents[identifier]
            case index:
                insort(self._gone, index)
                self._put.pop(index, None)
        self._state.tell(Change("remove", self._level, (identifier,)))

    def change_all(self, edit: Callable[[Record], Record]) -> None:
        """Edit the records that were written now, the others whenever somebody reads them: there may be millions."""
        self._put = {index: edit(record) for index, record in self._put.items()}
        self._added = {identifier: edit(record) for identifier, record in self._added.items()}
        self._edits.append(edit)
        self._state.tell(Change("change_all", self._level, (edit,)))

    def children(self, parent: str, born_parent: int | None) -> Children:
        """`born_parent` is the parent's own `born_index`."""
        if born_parent is None or not isinstance(self.born, Nested):
            return self.of(parent, range(0))
        return self.of(parent, range(born_parent * self.born.each, (born_parent + 1) * self.born.each))

    def of(self, parent: str, born: Sequence[int]) -> Children:
        """Those made with these numbers, as far as they are left, then those added as children of this parent."""
        return Children(self, self.left(born), [i for i, p in self._parents.items() if p == parent])

    def those(self, born: Sequence[int], identifiers: Iterable[str]) -> Children:
        """Those made with these numbers, then those with these ids, as far as they are left."""
        return Children(self, self.left(born), [identifier for identifier in identifiers if identifier in self])

    def left(self, born: Sequence[int]) -> Sequence[int]:
        """Those of these numbers whose records are still there."""
        if not self._gone or (isinstance(born, range) and not any(index in born for index in self._gone)):
            return born
        gone = set(self._gone)
        return [index for index in born if index not in gone]

    def is_child(self, identifier: str, parent: str, born_parent: int | None) -> bool:
        found = self._find(identifier)
        if isinstance(found, int):
            return isinstance(self.born, Nested) and self.born.each > 0 and found // self.born.each == born_parent
        return found is not None and self._parents[found] == parent


def _edited(record: Record, edit: Callable[[Record], Record]) -> Record:
    return edit(record)


class Chosen(Sequence[Record]):
    """Some records of a table, by their ids."""

    def __init__(self, table: Table, identifiers: Sequence[str]) -> None:
        self._table = table
        self.ids = identifiers

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._table.get(identifier) for identifier in self.ids[place]]
        return self._table.get(self.ids[place])


class Children(Sequence[Record]):
    """The children of one record: the born ones that are left, then the added."""

    def __init__(self, table: Table, born: Sequence[int], added: Sequence[str]) -> None:
        self._table = table
        self._born = born
        self._added = added

    def __len__(self) -> int:
        return len(self._born) + len(self._added)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        if place < len(self._born):
            return self._table._at(self._born[place])  # noqa: SLF001 - both are one
        return self._table.get(self._added[place - len(self._born)])
