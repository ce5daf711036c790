"""A page of records to columns of values, so that what most records need is done by loops of the interpreter's own.

What comes out is what `Encoder` makes of each record by itself; a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any

from replicator.convert import UNFIT, Step

#: Field, type of the values that the column holds as they are, and what to do with all others.
Planned = tuple[str, type | None, Step]
#: One value of a record to what its column holds; what it cannot hold goes into the record's extra.
Held = Callable[[Step, Any, dict[str, Any], Mapping[str, Any], dict[str, Any]], Any]
Extras = Sequence[dict[str, Any]]


def columns(
    plan: Sequence[Planned], records: Sequence[dict[str, Any]], given: Mapping[str, Any], extras: Extras, held: Held
) -> tuple[list[Sequence[Any]], list[int]]:
    """The values of each planned column, one for each record, and in how many of the records its field was.

    `extras` has a dict for each record and gets what the columns cannot hold.
    """
    found = [_column(each, records, given, extras, held) for each in plan]
    return [values for values, _ in found], [present for _, present in found]


def _column(
    planned: Planned, records: Sequence[dict[str, Any]], given: Mapping[str, Any], extras: Extras, held: Held
) -> tuple[Sequence[Any], int]:
    name, quick, step = planned
    values: list[Any] = list(map(dict.get, records, repeat(name)))
    kinds = set(map(type, values))
    if kinds == {quick}:
        return values, len(values)
    nulls = values.count(None)
    present = count(name, records) if nulls else len(values)
    # Only of a field that is never null does NULL surely say that it was not sent.
    plain_nulls = not nulls or not (step.nullable or name in given or present + nulls != len(values))
    if step.given or step.secret or not plain_nulls:
        return [
            value if type(value) is quick else held(step, value, record, given, extra)
            for value, record, extra in zip(values, records, extras, strict=True)
        ], present
    if kinds <= {quick, type(None)}:
        return values, present
    if step.convert_all and kinds == {str} and (usual := step.convert_all(values)) is not None:
        if usual is not values:
            for value, extra in zip(values, extras, strict=True):
                extra[name] = value
        return usual, present
    convert = step.convert
    converted = [None if value is None else convert(value) for value in values]
    for at, (new, sent) in enumerate(zip(converted, values, strict=True)):
        if new is UNFIT:
            converted[at] = held(step, sent, records[at], given, extras[at])
        elif new is not sent and (step.rewrites or new is None) and new != sent:
            extras[at][name] = sent
    return converted, present


def count(name: str, records: Sequence[dict[str, Any]]) -> int:
    """How many of the records have the field."""
    return sum(map(dict.__contains__, records, repeat(name)))
