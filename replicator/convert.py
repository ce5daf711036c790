"""One value of a record to what its column holds, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from replicator import exact
from replicator.catalog.model import Type

#: Names, in `_extra`, the nullable fields that were not sent.
ABSENT = "$absent"
#: Returned for a value that the column cannot hold.
UNFIT: Any = object()
_INT64 = 2**63
_FLOAT_INTS = 2**53
_WORDS: dict[type, str] = {str: "a text", bool: "a boolean", list: "a list", dict: "an object"}
_compact = msgspec.json.Encoder(decimal_format="number").encode
_parse = datetime.fromisoformat
#: How long a time with milliseconds is, and what stands where in it, and in one without.
_MILLIS = 24
_SHORT = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"))
_MARKS = {20: (*_SHORT, (19, "Z")), _MILLIS: (*_SHORT, (19, "."), (23, "Z"))}
_HOUR = itemgetter(slice(11, 13))
#: More than six digits of a second, not all of them zero.
_FINER = re.compile(r"[.,]\d{6}0*[1-9]")


def converter(kind: Type, *, key: bool = False) -> Callable[[Any], Any]:
    """The function that makes a column's value from a sent one (never null), or UNFIT.

    A key takes an int for its text: an id that turns into a number keeps its row (reliability.md: H26).
    """
    return (_KEY_CONVERTERS if key else _CONVERTERS).get(kind) or _CONVERTERS[kind]


def in_words(value: Any) -> str:
    """What kind of JSON it is, as a person would say it."""
    return _WORDS.get(type(value), "a number")


def _text(value: Any) -> Any:
    return value if type(value) is str else UNFIT


def _key_text(value: Any) -> Any:
    if type(value) is str:
        return value
    return str(value) if type(value) is int else UNFIT


def _boolean(value: Any) -> Any:
    return (1 if value else 0) if type(value) is bool else UNFIT


def _integer(value: Any) -> Any:
    return value if type(value) is int and -_INT64 <= value < _INT64 else UNFIT


def _number(value: Any) -> Any:
    """A double. An int that it would round, or give back in other digits, does not fit."""
    if type(value) is float:
        return value if value - value == 0 else UNFIT
    if type(value) is not int:
        return UNFIT
    try:
        near = float(value)
    except OverflowError:
        return UNFIT
    return near if abs(value) < _FLOAT_INTS or (near == value and Decimal(repr(near)) == value) else UNFIT


def _json(value: Any) -> Any:
    return _compact(value).decode()


def _timestamp(value: Any) -> Any:
    """ISO text in UTC, with 3 digits of a second, or 6 where they are needed; None for the API's zero time.

    Zero time stands for "not" (resources.md, "Reads that bite"). MySQL's DATETIME begins in the year 1000.
    """
    if type(value) is not str:
        return UNFIT
    try:
        parsed = _parse(value)
    except ValueError:
        return UNFIT
    if value[7:11:3] == "-T" and value >= "1000" and value[11:13] != "24":
        if len(value) == 24 and value[19:24:4] == ".Z":
            return value
        if len(value) == 20 and value[13::3] == "::Z":
            return f"{value[:19]}.000Z"
    if value.startswith("0001-01-01T00:00:00"):
        return None
    try:
        held = time_text(parsed)
    except OverflowError:
        return UNFIT
    return held if held >= "1000" else UNFIT


def timestamps(values: Sequence[str]) -> Sequence[str] | None:
    """What `_timestamp` makes of each, where all are spelled as is usual, with or without milliseconds; else None."""
    width, text = len(values[0]), "".join(values)
    marks = _MARKS.get(width)
    if marks is None or set(map(len, values)) != {width}:
        return None
    if any(text[at::width].count(mark) != len(values) for at, mark in marks) or "0" in text[::width]:
        return None
    try:
        hours = {moment.hour for moment in map(_parse, values)}
    except ValueError:
        return None
    # Newer Pythons take 24:00 for the next day's first moment.
    if 0 in hours and "24" in map(_HOUR, values):
        return None
    return values if width == _MILLIS else [f"{value[:19]}.000Z" for value in values]


def _key_timestamp(value: Any) -> Any:
    """Two instants of one microsecond stay two keys."""
    if type(value) is str and len(value) > 26 and _FINER.search(value):
        return UNFIT
    return _timestamp(value)


def time_text(moment: datetime) -> str:
    """The one text of an instant; a naive one is taken as UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    naive = aware.replace(tzinfo=None)
    return naive.isoformat(timespec="microseconds" if naive.microsecond % 1000 else "milliseconds") + "Z"


_CONVERTERS: dict[Type, Callable[[Any], Any]] = {
    Type.TEXT: _text,
    Type.BOOLEAN: _boolean,
    Type.INTEGER: _integer,
    Type.NUMBER: _number,
    Type.TIMESTAMP: _timestamp,
    Type.JSON: _json,
}
_KEY_CONVERTERS: dict[Type, Callable[[Any], Any]] = {Type.TEXT: _key_text, Type.TIMESTAMP: _key_timestamp}


class Step(NamedTuple):
    """How one column is filled."""

    field: str
    given: bool
    nullable: bool
    secret: bool
    #: What it holds may differ from what was sent although both mean the same (times, ids that came as numbers).
    rewrites: bool
    convert: Callable[[Any], Any]
    #: The same for many texts at once, as far as they are usual.
    convert_all: Callable[[Sequence[str]], Sequence[str] | None] | None = None


def asked(
    step: Step, record: Mapping[str, Any], given: Mapping[str, Any], extra: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """The value of a column that the record does not fill, or not alone, and where what it cannot hold goes."""
    name = step.field
    if step.given and name in given:
        if name in record:
            extra[name] = record[name]
        return given[name], {}
    if name in record:
        if record[name] is None and not step.nullable:
            extra[name] = None
        return record[name], extra
    value = given.get(name)
    if step.nullable or value is not None:
        extra.setdefault(ABSENT, []).append(name)
    return value, {}


def sent(kind: Type, value: Any) -> Any:
    """The JSON value that the API sent, from what a database returned for its column (never NULL).

    Raises ValueError or TypeError for what a person wrote there and is none of its type.
    """
    match kind:
        case Type.TEXT:
            # SQLite keeps bytes as such in any column.
            return value.decode() if isinstance(value, bytes) else str(value)
        case Type.BOOLEAN:
            return bool(value)
        case Type.INTEGER:
            return int(value)
        case Type.NUMBER:
            return _shortest(value)
        case Type.TIMESTAMP:
            return time_text(value) if isinstance(value, datetime) else str(value)
        case Type.JSON:
            return exact.load(value)


def _shortest(value: float | Decimal) -> int | float:
    near = float(value)
    return int(near) if near.is_integer() and abs(near) < _FLOAT_INTS else near
