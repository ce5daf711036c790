"""Objects with every type of column, and records of every kind, hostile ones above all."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from replicator import exact
from replicator.catalog import model
from replicator.catalog.model import Column, Listing, Object, Type

MASK_KEY = b"a key for tests"
COLUMNS = (
    model.text("id"),
    model.text("name"),
    model.text("label", nullable=True),
    model.boolean("enabled"),
    model.boolean("maybe", nullable=True),
    model.integer("count"),
    model.number("ratio"),
    model.number("size", nullable=True),
    model.timestamp("createdAt"),
    model.timestamp("deletedAt", nullable=True),
    model.json("settings"),
    model.json("order", nullable=True),
)
THING = Object(
    name="HostileThings",
    groups=frozenset({"core"}),
    listing=Listing(operation="listThings", path="/things", items=("things",)),
    columns=COLUMNS,
)
KEYED = Object(
    name="HostileRules",
    groups=frozenset({"core"}),
    listing=Listing(operation="listRules", path="/plans/{planId}/rules", items=("rules",)),
    columns=(
        Column("plan_id", "planId", Type.TEXT, given=True),
        model.text("type"),
        model.text("key", nullable=True),
        model.number("version"),
        model.json("jsonSchema"),
    ),
    key=("plan_id", "type", "key", "version"),
    each={"planId": ("p1", "p2")},
)

_SPICES = [
    "",
    " ",
    "a",
    "A",
    "a ",
    "\\N",
    "\\",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "'",
    '"',
    "`",
    "%s",
    ":x",
    "😀",
    "\x00",
    "\ud800",
]
_SPICES += [
    "\u2028",
    "é",
    "e\u0301",
    "NULL",
    "null",
    "$absent",
    "0",
    "-0",
    "1e5",
    "\x1a",
    "\x7f",
    "\ufffe",
    "\U0010ffff",
    "{}",
]
#: As json.loads makes them: two halves of a pair that stand side by side are one character.
texts = (
    st.lists(st.one_of(st.sampled_from(_SPICES), st.text(st.characters(), max_size=5)), max_size=4)
    .map("".join)
    .map(lambda text: json.loads(json.dumps(text)))
)
_integers = st.one_of(
    st.integers(-10, 10),
    st.integers(),
    st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 10**400]),
)
_decimals = st.sampled_from(
    ["0.1000000000000000000001", "1e400", "-1e400", "1E-500", "123456789012345678901234567890.5"]
)
numbers = st.one_of(
    _integers,
    st.floats(allow_nan=False, allow_infinity=False).map(lambda near: exact.number(repr(near))),
    _decimals.map(Decimal),
)
names = st.one_of(
    st.sampled_from(
        ["$absent", "$escaped", "_extra", "_key", "_fingerprint", "__proto__", "select", "order", "createdAt"]
    ),
    texts,
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)
_moments = [
    "2021-01-01T00:00:00.000Z", "2021-01-01T00:00:00Z", "2021-01-01T00:00:00.123456Z", "2021-01-01T00:00:00.123456789Z",
    "2021-01-01T00:00:00+05:30", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z", "0999-12-31T23:59:59.999Z",
    "1000-01-01T00:00:00.000Z", "1000-01-01T00:00:00+05:00", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-05:00", "10000-01-01T00:00:00Z", "2021-02-30T00:00:00.000Z", "2021-01-01",
    "2021-W01-1T00:00:00.000Z", "2021-01-01T24:00:00.000Z", "2021-01-01T23:59:60.000Z", "0000-00-00T00:00:00.000Z",
    "infinity", "now", "1969-12-31T23:59:59.000Z", "2039-01-01T00:00:00.000Z", "1582-10-10T00:00:00.000Z",
]  # fmt: skip
_FITTING: dict[Type, st.SearchStrategy[Any]] = {
    Type.TEXT: texts,
    Type.BOOLEAN: st.booleans(),
    Type.INTEGER: _integers,
    Type.NUMBER: numbers,
    Type.TIMESTAMP: st.sampled_from(_moments),
    Type.JSON: values,
}


def _fields(thing: Object) -> dict[str, st.SearchStrategy[Any]]:
    """Mostly values of the declared type."""
    return {c.field: st.one_of(_FITTING[c.type], _FITTING[c.type], values) for c in thing.columns if not c.given}


#: Records without an id; the test gives each one its own.
records = st.builds(
    lambda known, unknown: unknown | known,
    st.fixed_dictionaries({}, optional={name: each for name, each in _fields(THING).items() if name != "id"}),
    st.dictionaries(names, values, max_size=3),
).map(lambda record: {name: value for name, value in record.items() if name != "id"})
rules = st.fixed_dictionaries({}, optional=_fields(KEYED))


def same(left: Any, right: Any) -> bool:
    """Equal as JSON values: a number is what its text says, whatever Python makes of it; a boolean is no number."""
    return bool(_plain(left) == _plain(right))


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case bool() | None | str():
            return (type(value), value)
        case float():
            return Decimal(repr(value))
        case _:
            return Decimal(value)
