"""Which records of an object are wanted: conditions on its columns, which never reach SQL. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, get_args

from replicator.catalog.model import Type

if TYPE_CHECKING:
    from replicator.catalog.model import Column, Object

Test = Literal["is", "not", "from", "below", "like", "present"]
TESTS: tuple[str, ...] = get_args(Test)
_KINDS: dict[Type, str] = {
    Type.TEXT: "text",
    Type.BOOLEAN: "true or false",
    Type.INTEGER: "a number",
    Type.NUMBER: "a number",
    Type.TIMESTAMP: "a time such as 2026-01-31 or 2026-01-31T12:00:00Z",
    Type.JSON: "nothing but { present = true } or { present = false }",
}
_ORDERED = frozenset({Type.INTEGER, Type.NUMBER, Type.TIMESTAMP})


@dataclass(frozen=True, slots=True)
class Condition:
    """`not` and `is` hold for any of the values, the others for the one. What is null is only `not` something."""

    column: Column
    test: Test
    values: tuple[Any, ...]

    @property
    def name(self) -> tuple[str, str, tuple[Any, ...]]:
        """Tells it from any other of the same object."""
        return (self.column.name, self.test, self.values)

    def holds(self, record: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
        """Of a record as the API sent it, and what its listing was asked for."""
        own, other = (given, record) if self.column.given else (record, given)
        sent = own.get(self.column.field, other.get(self.column.field))
        if self.test == "present":
            return (sent is not None) is self.values[0]
        value = comparable(self.column.type, sent)
        match self.test:
            case "is":
                return value is not None and value in self.values
            case "not":
                return value is None or value not in self.values
            case "from":
                return value is not None and bool(value >= self.values[0])
            case "below":
                return value is not None and bool(value < self.values[0])
            case "like":
                return value is not None and fnmatchcase(value, self.values[0])


def wanted(record: Any, given: Mapping[str, Any], conditions: Sequence[Condition]) -> bool:
    """Whether all of them hold; what is no record is for others to refuse."""
    return not isinstance(record, dict) or all(each.holds(record, given) for each in conditions)


def comparable(kind: Type, value: Any) -> Any:
    """The value as one of that type; None where it is none."""
    match kind:
        case Type.TEXT:
            return value if isinstance(value, str) else None
        case Type.BOOLEAN:
            return value if isinstance(value, bool) else None
        case Type.INTEGER | Type.NUMBER:
            return value if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None
        case Type.TIMESTAMP:
            return _moment(value)
        case Type.JSON:
            return None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None


def parsed(thing: Object, asked: Mapping[str, Any]) -> Iterator[Condition | str]:
    """The conditions of a setting `where`; a sentence in place of each that is none."""
    known = {each.name: each for each in thing.columns}
    for name, said in asked.items():
        column = known.get(name)
        if column is None:
            yield f"{thing.name} has no column {name}"
        elif column.detail:
            yield f"{thing.name}.{name} takes a request for each record, and records are chosen before that"
        else:
            for test, value in (said if isinstance(said, dict) else {"is": said}).items():
                yield _condition(thing, column, test, value)


def _condition(thing: Object, column: Column, test: str, said: Any) -> Condition | str:
    values = tuple(said) if isinstance(said, list | tuple) else (said,)
    if test == "present":
        fits = len(values) == 1 and isinstance(values[0], bool)
        return Condition(column, "present", values) if fits else f"{thing.name}.{column.name}: present is true or false"
    found = tuple(comparable(column.type, each) for each in values)
    if not values or None in found:
        return f"{thing.name}.{column.name} is compared with {_KINDS[column.type]}"
    match test:
        case "is" | "not":
            return Condition(column, test, found)
        case "from" | "below" if column.type in _ORDERED and len(found) == 1:
            return Condition(column, test, found)
        case "like" if column.type is Type.TEXT and len(found) == 1:
            return Condition(column, test, found)
        case _:
            return f"{thing.name}.{column.name} holds a {column.type.value}, which `{test}` cannot be asked of so"
