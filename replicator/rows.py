"""API records to rows and back, without loss: columns plus `_extra` rebuild the record (I14 in reliability.md).

A row's values are what every database takes as it is: str, int, float and None. Times are ISO text in UTC, JSON
columns are JSON text. What a column cannot hold exactly lies in `_extra`, under its field's name, and wins when the
record is rebuilt. Two names in `_extra` are ours:

    $absent    nullable fields that were not sent (their NULL would otherwise stand for null)
    $escaped   exact text (see exact.py) of the fields that a database cannot hold even as JSON
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b, sha256
from typing import Any

import msgspec

from replicator import exact, masks
from replicator.catalog.model import Column, Object, Type
from replicator.convert import ABSENT, UNFIT, Step, asked, converter, sent

ESCAPED = "$escaped"
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

    def seen(self, identifier: str, fingerprint: str, partition: str | None) -> Row:
        """The staged row of a stored record that was listed and is as it was: publishing leaves its row alone."""
        values = {"id": identifier, "_fingerprint": fingerprint, "_partition": partition}
        return tuple(values.get(name) for name, _ in self.staged)

    @cached_property
    def token(self) -> bytes:
        """Goes into each fingerprint, so that another selection or catalog rewrites every row."""
        return repr([(c.name, c.field, c.type.value, c.secret, c.nullable, c.given) for c in self.columns]).encode()


class _Reserved(ValueError):
    """A field that has one of our names in `_extra`."""


#: A value of this type is what its column holds, once the record is plain.
_QUICK: dict[Type, type] = {Type.TEXT: str, Type.INTEGER: int, Type.NUMBER: float}
#: More names than this say no more: somebody sends keys that are values.
_MOST_DRIFT = 1000


@dataclass(slots=True)
class Encoder:
    """Turns records into staged rows. `drift` collects what the catalog did not expect: field -> what came."""

    layout: Layout
    mask: masks.Mask
    key: bytes
    drift: dict[str, str] = field(default_factory=dict)
    _plan: tuple[tuple[str, type | None, Step], ...] = ()
    _known: frozenset[str] = frozenset()
    _expected: frozenset[str] = frozenset()
    _secret: frozenset[str] = frozenset()
    _seed: Any = None
    _key_at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        columns, thing = self.layout.columns, self.layout.object
        self._plan = tuple((c.field, self._quick(c), self._step(c)) for c in columns)
        self._known = frozenset(c.field for c in thing.columns)
        self._expected = self._known | thing.left_to_extra.keys()
        self._secret = frozenset(c.field for c in thing.columns if c.secret)
        self._seed = blake2b(self.layout.token, digest_size=16, key=self.key[:64])
        names = [column.name for column in columns]
        self._key_at = tuple(names.index(name) for name in thing.key)

    def _quick(self, column: Column) -> type | None:
        return None if column.given or column.secret else _QUICK.get(column.type)

    def _step(self, column: Column) -> Step:
        is_key = column.name in self.layout.object.key
        convert = converter(column.type, key=is_key)
        rewrites = is_key or column.type is Type.TIMESTAMP
        return Step(column.field, column.given, column.nullable, column.secret, rewrites, convert)

    def encode(
        self, records: Sequence[Any], *, plain: bool, given: Mapping[str, Any], partition: str | None
    ) -> Iterator[Row | Rejected]:
        """Rows for the records of one page, in their order. `plain` promises what `exact.is_plain` would say."""
        seed = self._seed.copy()
        if given:
            seed.update(_canonical(given))
        end = (partition,) if self.layout.object.partitioned else ()
        row, escaped, is_plain = self._row, self._escaped, exact.is_plain
        for record in records:
            try:
                encoded = (row if plain or is_plain(record) else escaped)(record, given, seed.copy(), end)
            except (ValueError, OverflowError, AttributeError, TypeError) as unfit:
                yield self._again(record, given, seed.copy(), end, unfit)
            else:
                yield encoded

    def _row(self, record: dict[str, Any], given: Mapping[str, Any], digest: Any, end: Row) -> Row:
        digest.update(_canonical(record))
        extra: dict[str, Any] = {}
        values = self._values(record, given, extra)
        head = (_digest(self._parts(values, extra, given)),) if self.layout.keyed else self._checked(values)
        return (*head, *values, _compact(extra).decode() if extra else None, digest.hexdigest(), *end)

    def _values(self, record: dict[str, Any], given: Mapping[str, Any], extra: dict[str, Any]) -> list[Any]:
        """Hot path: most values are what their column holds."""
        get, held = record.get, self._held
        values = [
            value if type(value := get(name)) is quick else held(step, value, record, given, extra)
            for name, quick, step in self._plan
        ]
        if not record.keys() <= self._known:
            self._keep_unknown(record, extra)
        return values

    def _held(
        self, step: Step, value: Any, record: dict[str, Any], given: Mapping[str, Any], extra: dict[str, Any]
    ) -> Any:
        """What the column holds of that value; what it cannot hold goes into `extra`."""
        name = step.field
        if value is None or step.given:
            value, extra = asked(step, record, given, extra)
            if value is None:
                return None
        if step.secret:
            value = self.mask(value)
        held = step.convert(value)
        if held is UNFIT:
            self._note(name, f"a {type(value).__name__} that its column cannot hold")
            held = None
            extra[name] = value
        elif (step.rewrites or held is None) and held != value:
            extra[name] = value
        return held

    def _keep_unknown(self, record: dict[str, Any], extra: dict[str, Any]) -> None:
        if ABSENT in record or ESCAPED in record:
            raise _Reserved("a field has a name of ours")
        for name in record.keys() - self._known:
            extra[name] = self.mask(record[name]) if masks.says_secret(name) else masks.by_name(record[name], self.mask)
            if name not in self._expected:
                self._note(name, "unknown to the catalog")

    def _note(self, name: str, what: str) -> None:
        if len(self.drift) < _MOST_DRIFT:
            self.drift[name] = what

    def _escaped(self, record: dict[str, Any], given: Mapping[str, Any], digest: Any, end: Row) -> Row:
        """The row of a record that databases refuse: readable values in the columns, the exact ones in $escaped."""
        digest.update(exact.dump(record).encode())
        originals = {
            name: value
            for name, value in record.items()
            if name in {ABSENT, ESCAPED} or not exact.is_plain({name: value})
        }
        clean = {
            name: exact.readable(value) if name in originals else value
            for name, value in record.items()
            if name not in originals or name in self._known
        }
        extra: dict[str, Any] = {}
        values = self._values(clean, given, extra)
        for name in originals:
            if name in self._known:
                extra.pop(name, None)
            elif name not in self._expected:
                self._note(exact.readable(name), "unknown to the catalog")
        head = self._exact_head(values, originals, extra, given)
        if kept := self.masked(originals):
            extra[ESCAPED] = exact.dump(kept)
        return (*head, *values, _compact(extra).decode() if extra else None, digest.hexdigest(), *end)

    def _exact_head(self, values: list[Any], originals: Mapping[str, Any], *sent: Mapping[str, Any]) -> Row:
        inexact = {self._plan[at][0] for at in self._key_at} & originals.keys()
        if not self.layout.keyed:
            if inexact:
                raise Unkeyed("its id holds what no database can index")
            return self._checked(values)
        readable = [None if name in inexact else value for value, (name, _, _) in zip(values, self._plan, strict=True)]
        return (_digest(self._parts(readable, originals, *sent)),)

    def _again(self, record: Any, given: Mapping[str, Any], digest: Any, end: Row, unfit: Exception) -> Row | Rejected:
        """The fast path failed: the exact path either holds the record or says why not."""
        if type(record) is not dict:
            return Rejected("the record is not a JSON object", exact.shown(self.mask(record)))
        if not isinstance(unfit, Unkeyed | exact.TooDeep):
            try:
                return self._escaped(record, given, digest, end)
            except (ValueError, OverflowError, TypeError) as why:
                unfit = why
        return Rejected(str(unfit), exact.shown(masks.by_name(self.masked(record), self.mask)))

    def mark(self, listed: Any) -> str:
        """Tells this listed record from any other, under this layout; "" for what is no record."""
        digest = self._seed.copy()
        try:
            digest.update(_canonical(listed) if exact.is_plain(listed) else exact.dump(listed).encode())
        except (ValueError, TypeError, OverflowError):
            return ""
        return str(digest.hexdigest())

    def masked(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record with its secrets masked: those of the catalog, and unknown fields that their names give away.

        Known fields that are not selected are left out.
        """
        chosen = {c.field for c in self.layout.columns}
        kept: dict[str, Any] = {}
        for name, value in record.items():
            if name in self._secret or (name not in self._known and masks.says_secret(name)):
                kept[name] = self.mask(value)
            else:
                kept[name] = value if name in self._known else masks.by_name(value, self.mask)
        return {name: value for name, value in kept.items() if name in chosen or name not in self._known}

    def _parts(self, values: list[Any], *sent: Mapping[str, Any]) -> list[Any]:
        """The key's values. One that its column cannot hold counts as it was sent, lest two records become one."""
        parts: list[Any] = []
        for at in self._key_at:
            name, part = self._plan[at][0], values[at]
            if part is None:
                part = next((each[name] for each in sent if name in each), None)
            parts.append(part)
        return parts

    def _checked(self, values: list[Any]) -> Row:
        key = values[self._key_at[0]]
        if not key:
            raise Unkeyed("it has no id, or one that is no text")
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


def rebuild(layout: Layout, row: Mapping[str, Any]) -> dict[str, Any]:
    """The API's record from a stored row (by column name, as the database returned it), masked fields as masked."""
    extra: dict[str, Any] = exact.load(row["_extra"]) if row.get("_extra") else {}
    absent = extra.pop(ABSENT, ())
    escaped = extra.pop(ESCAPED, None)
    record: dict[str, Any] = {}
    for column in layout.columns:
        value = row.get(column.name)
        if column.given or column.field in absent or (value is None and not column.nullable):
            continue
        record[column.field] = None if value is None else sent(column.type, value)
    return record | extra | (exact.load(escaped) if escaped else {})
