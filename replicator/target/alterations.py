"""How a table differs from what it should be: what can be added to it, and what nothing additive can mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Column, Table


@dataclass(frozen=True, slots=True)
class CreateTable:
    """The object has no table yet."""

    object: str
    table: Table

    def __str__(self) -> str:
        return f"create table {self.table.name} with {len(self.table.columns)} columns"


@dataclass(frozen=True, slots=True)
class AddColumn:
    """The table lacks a column; its rows are read again, so that the column is filled."""

    object: str
    table: Table
    column: Column[Any]

    def __str__(self) -> str:
        return f"add column {self.column.name} to table {self.table.name}"


@dataclass(frozen=True, slots=True)
class Widen:
    """The column's type is narrower than what the catalog declares now."""

    object: str
    table: Table
    column: Column[Any]
    was: str

    def __str__(self) -> str:
        return f"widen column {self.column.name} of table {self.table.name} from {self.was} to {self.column.type!r}"


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """The configuration calls the column by another name; all that is in it stays."""

    object: str
    table: Table
    column: Column[Any]
    was: str

    def __str__(self) -> str:
        return f"rename column {self.was} of table {self.table.name} to {self.column.name}"


@dataclass(frozen=True, slots=True)
class Altered:
    """Somebody changed the table so that nothing additive can mend it."""

    object: str
    why: str

    def __str__(self) -> str:
        return self.why


SchemaChange = CreateTable | AddColumn | Widen | RenameColumn
