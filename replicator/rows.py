"""API records to rows and back, without loss: columns plus `_extra` rebuild the record (I14 in reliability.md).

A row's values are what every database takes as it is: str, int, float and None. Times are ISO text in UTC, JSON
columns are JSON text. What a column cannot hold exactly lies in `_extra`, under its field's name, and wins when the
record is rebuilt. Two names in `_extra` are ours:

    $absent    nullable fields that were not sent (their NULL would otherwise stand for null)
    $escaped   exact text (see exact.py) of the fields that a database cannot hold even as JSON
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b, sha256
from typing import Any, NamedTuple

import msgspec

from replicator import exact, masks
from replicator.catalog.model import Column, Object, Type
from replicator.convert import UNFIT, converter, sent

ABSENT, ESCAPED = "$absent", "$escaped"
#: MySQL's longest indexed key is 255 characters; a longer id would be cut there, so no database takes it.
MAX_KEY = 255
_MISSING: Any = object()

Row = tuple[Any, ...]

_canonical = msgspec.json.Encoder(order="sorted").encode
_compact = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be stored as a row: it goes to quarantine, whole, its secrets masked."""

    reason: str
    record: str


class Unkeyed(ValueError):
    """A record without a usable key."""


@dataclass(frozen=True)
class Layout:
    """Which of an object's columns are stored, and how its staged rows are laid out."""

    object: Object
    columns: tuple[Column, ...]

    @cached_property
    def keyed(self) -> bool:
        """Whether a `_key` digest of the natural key is the primary key, rather than `id`."""
        return self.object.key != ("id",)

    @property
    def primary_key(self) -> str:
        return "_key" if self.keyed else "id"

    @cached_property
    def staged(self) -> tuple[tuple[str, Type], ...]:
        """Names and types of a staged row's values, in their order."""
        head = (("_key", Type.TEXT),) if self.keyed else ()
        tail = (("_partition", Type.TEXT),) if self.object.partitioned else ()
        middle = tuple((column.name, column.type) for column in self.columns)
        return (*head, *middle, ("_extra", Type.JSON), ("_fingerprint", Type.TEXT), *tail)

    @cached_property
    def token(self) -> bytes:
        """Goes into each fingerprint, so that another selection or catalog rewrites every row."""
        return repr([(c.name, c.field, c.type.value, c.secret, c.nullable, c.given) for c in self.columns]).encode()


class _Step(NamedTuple):
    """How one column is filled; a plain tuple in the hot loop."""

    field: str
    given: bool
    nullable: bool
    #: Its text may differ from what was sent although both mean the same (times).
    rewrites: bool
    convert: Callable[[Any], Any]


@dataclass(slots=True)
class Encoder:
    """Turns records into staged rows. `drift` collects what the catalog did not expect: field -> what came."""

    layout: Layout
    mask: masks.Mask
    key: bytes
    drift: dict[str, str] = field(default_factory=dict)
    _plan: tuple[_Step, ...] = ()
    _known: frozenset[str] = frozenset()
    _expected: frozenset[str] = frozenset()
    _seed: Any = None
    _key_at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        columns, thing = self.layout.columns, self.layout.object
        keys = set(thing.key)
        self._plan = tuple(
            _Step(c.field, c.given, c.nullable, c.type is Type.TIMESTAMP, self._convert(c, key=c.name in keys))
            for c in columns
        )
        self._known = frozenset(c.field for c in thing.columns)
        self._expected = self._known | thing.left_to_extra.keys()
        self._seed = blake2b(self.layout.token, digest_size=16, key=self.key[:64])
        names = [column.name for column in columns]
        self._key_at = tuple(names.index(name) for name in thing.key)

    def _convert(self, column: Column, *, key: bool) -> Callable[[Any], Any]:
        convert = converter(column.type, key=key)
        if not column.secret:
            return convert
        mask = self.mask
        return lambda value: convert(mask(value))

    def encode(
        self, records: Sequence[Any], *, plain: bool, given: Mapping[str, Any], partition: str | None
    ) -> Iterator[Row | Rejected]:
        """Rows for the records of one page, in their order. `plain` promises what `exact.is_plain` would say."""
        seed = self._seed.copy()
        if given:
            seed.update(_canonical(given))
        end = (partition,) if self.layout.object.partitioned else ()
        row = self._row
        for record in records:
            try:
                yield row(record, given, seed.copy(), end, plain)
            except (ValueError, OverflowError, AttributeError, TypeError) as unfit:
                yield self._again(record, given, seed.copy(), end, unfit)

    def _row(self, record: dict[str, Any], given: Mapping[str, Any], digest: Any, end: Row, plain: bool) -> Row:  # noqa: FBT001 - hot path
        if not (plain or exact.is_plain(record)):
            return self._escaped(record, given, digest, end)
        digest.update(_canonical(record))
        extra: dict[str, Any] = {}
        values = self._values(record, given, extra)
        head = (self._digest(values),) if self.layout.keyed else self._checked(values)
        return (*head, *values, self._text(extra) if extra else None, digest.hexdigest(), *end)

    def _values(self, record: dict[str, Any], given: Mapping[str, Any], extra: dict[str, Any]) -> list[Any]:
        values: list[Any] = []
        absent: list[str] = []
        get, missing = record.get, _MISSING
        for name, is_given, nullable, rewrites, convert in self._plan:
            value = get(name, missing)
            if is_given and name in given:
                value = given[name]
            if value is missing:
                value = given.get(name)
                if nullable or value is not None:
                    absent.append(name)
            elif value is None and not nullable:
                extra[name] = None
            if value is None:
                values.append(None)
                continue
            held = convert(value)
            if held is UNFIT:
                self.drift[name] = f"a {type(value).__name__} that its column cannot hold"
                held = None
                extra[name] = value
            elif (rewrites or held is None) and held != value:
                extra[name] = value
            values.append(held)
        if not record.keys() <= self._known:
            self._keep_unknown(record, extra)
        if absent:
            extra[ABSENT] = absent
        return values

    def _keep_unknown(self, record: dict[str, Any], extra: dict[str, Any]) -> None:
        for name in record.keys() - self._known:
            extra[name] = record[name]
            if name not in self._expected:
                self.drift[name] = "unknown to the catalog"

    def _escaped(self, record: dict[str, Any], given: Mapping[str, Any], digest: Any, end: Row) -> Row:
        """The row of a record with values that databases refuse: readable ones in the columns, exact ones in $escaped."""
        digest.update(exact.dump(record).encode())
        originals = {name: value for name, value in record.items() if not exact.is_plain({name: value})}
        originals |= {name: record[name] for name in (ABSENT, ESCAPED) if name in record}
        clean = {
            name: exact.readable(value) if name in originals else value
            for name, value in record.items()
            if name not in originals or name in self._known
        }
        extra: dict[str, Any] = {}
        values = self._values(clean, given, extra)
        for name in originals:
            extra.pop(name, None)
            if name not in self._expected:
                self.drift[exact.readable(name)] = "unknown to the catalog"
        extra[ESCAPED] = exact.dump(masks.by_name(self.masked(originals), self.mask))
        exact_key = [originals.get(self._plan[at].field, values[at]) for at in self._key_at]
        if not self.layout.keyed and self._plan[self._key_at[0]].field in originals:
            raise Unkeyed("its id holds characters that no database can index")
        head = (_digest(exact_key),) if self.layout.keyed else self._checked(values)
        return (*head, *values, self._text(extra), digest.hexdigest(), *end)

    def _again(self, record: Any, given: Mapping[str, Any], digest: Any, end: Row, unfit: Exception) -> Row | Rejected:
        """The fast path failed: the exact path either holds the record or says why not."""
        if type(record) is not dict:
            return Rejected("the record is not a JSON object", _whole(self.mask(record)))
        if not isinstance(unfit, Unkeyed | exact.TooDeep):
            try:
                return self._escaped(record, given, digest, end)
            except (ValueError, TypeError) as why:
                unfit = why
        return Rejected(str(unfit), _whole(masks.by_name(self.masked(record), self.mask)))

    def masked(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record with the catalog's secret fields masked, and without those that are not selected."""
        secret = {c.field for c in self.layout.object.columns if c.secret}
        chosen = {c.field for c in self.layout.columns}
        return {
            name: self.mask(value) if name in secret else value
            for name, value in record.items()
            if name in chosen or name not in self._known
        }

    def _text(self, extra: dict[str, Any]) -> str:
        return _compact(masks.by_name(extra, self.mask)).decode()

    def _digest(self, values: list[Any]) -> str:
        return _digest([values[at] for at in self._key_at])

    def _checked(self, values: list[Any]) -> Row:
        key = values[self._key_at[0]]
        if not key:
            raise Unkeyed("it has no id")
        if len(key) > MAX_KEY:
            raise Unkeyed(f"its id is longer than {MAX_KEY} characters")
        return ()


def _digest(parts: Sequence[Any]) -> str:
    """SHA-256 of the key's values: a NUMBER column holds `1` and `1.0` as one double, an absent part is null."""
    if parts.count(None) == len(parts):
        raise Unkeyed("it has no part of its key")
    try:
        text = _compact(parts)
    except (ValueError, TypeError, OverflowError):
        text = exact.dump(parts).encode()
    return sha256(text).hexdigest()


def _whole(record: Any) -> str:
    """Text of a rejected record for people; exact where it can be."""
    try:
        return exact.dump(record)
    except (ValueError, TypeError, RecursionError):
        return json.dumps(exact.readable(record), default=repr)[:100_000] if _shallow(record) else "(nested too deep)"


def _shallow(value: Any) -> bool:
    try:
        exact.is_plain(value)
    except (exact.TooDeep, RecursionError):
        return False
    return True


def rebuild(layout: Layout, row: Mapping[str, Any]) -> dict[str, Any]:
    """The API's record from a stored row (by column name, as the database returned it), masked fields as masked."""
    extra = row.get("_extra") or {}
    extra = dict(json.loads(extra) if isinstance(extra, str) else extra)
    absent = extra.pop(ABSENT, ())
    escaped = extra.pop(ESCAPED, None)
    record: dict[str, Any] = {}
    for column in layout.columns:
        value = row.get(column.name)
        if column.given or column.field in absent or (value is None and not column.nullable):
            continue
        record[column.field] = None if value is None else sent(column.type, value)
    return record | extra | (exact.load(escaped) if escaped else {})
