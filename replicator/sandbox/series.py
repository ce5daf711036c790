"""A collection of records that are made from their index when somebody reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, overload

from .messages import not_found

if TYPE_CHECKING:
    import msgspec

    from .ids import Ids

Record = dict[str, Any]


class Rows(Protocol):
    """What a list endpoint pages through; a slice may be ready-made JSON of its records."""

    def __len__(self) -> int: ...

    def __getitem__(self, window: slice, /) -> Sequence[Any] | msgspec.Raw: ...


class Series(Sequence[Record]):
    """Holds no record, so its length may be in the millions. Each read makes a new record."""

    def __init__(self, length: int, make: Callable[[int], Record], ids: Ids | None = None) -> None:
        self._length = length
        self._make = make
        self.ids = ids

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int, /) -> Record: ...

    @overload
    def __getitem__(self, index: slice, /) -> list[Record]: ...

    def __getitem__(self, index: int | slice, /) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self._make(i) for i in range(*index.indices(self._length))]
        if not 0 <= index < self._length:
            raise IndexError(index)
        return self._make(index)

    def index_of(self, identifier: str) -> int:
        """The index of the record with this id; raises the API's 404."""
        index = self.ids.index(identifier) if self.ids else None
        if index is None or index >= self._length:
            raise not_found()
        return index

    def find(self, identifier: str) -> Record:
        return self._make(self.index_of(identifier))

    def only(self, indexes: Sequence[int]) -> Series:
        return Series(len(indexes), lambda place: self._make(indexes[place]))


class Named(Series):
    """Records that are known by what they say, such as an e-mail address; `number` tells the index from it."""

    def __init__(self, length: int, make: Callable[[int], Record], number: Callable[[str], int | None]) -> None:
        super().__init__(length, make)
        self._number = number

    def index_of(self, identifier: str) -> int:
        index = self._number(identifier)
        if index is None or not 0 <= index < len(self):
            raise not_found()
        return index


class Shown:
    """Rows as a list shows them, which may be less than what is kept of them."""

    def __init__(self, rows: Rows, show: Callable[[Record], Any]) -> None:
        self._rows = rows
        self._show = show

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, window: slice) -> list[Any]:
        page: Any = self._rows[window]
        return [self._show(row) for row in page]


class Nested(Series):
    """The children of all parents in one series: parent p owns `each` neighbours from p * each on."""

    def __init__(self, parents: int, each: int, make: Callable[[int], Record], ids: Ids | None = None) -> None:
        super().__init__(parents * each, make, ids)
        self.each = each if parents else 0

    def of(self, parent: int) -> Series:
        return self.only(range(parent * self.each, (parent + 1) * self.each))

    def find_in(self, parent: int, identifier: str) -> Record:
        """The child with this id, if it is a child of this parent; raises the API's 404."""
        index = self.index_of(identifier)
        if index // self.each != parent:
            raise not_found()
        return self._make(index)
