"""Records of the API to staged rows (see rows.py): a page at once where it is as usual, else record by record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from typing import Any

import msgspec

from replicator import exact, masks
from replicator.catalog.model import Column, Type
from replicator.columns import Planned, columns, count
from replicator.convert import ABSENT, UNFIT, Step, asked, converter, in_words, timestamps
from replicator.keyed import Unkeyed, digest_of
from replicator.rows import ESCAPED, MAX_KEY, Layout, Rejected, Row

_sorted, _plain = msgspec.json.Encoder(order="sorted"), msgspec.json.Encoder()
_canonical, _compact = _sorted.encode, _plain.encode


class _Reserved(ValueError):
    """A field that has one of our names in `_extra`."""


#: A value of this type is what its column holds, once the record is plain.
_QUICK: dict[Type, type] = {Type.TEXT: str, Type.INTEGER: int, Type.NUMBER: float}
#: So many records stay in the processor's cache while one column after the other is made; of a whole page they do not.
_AT_ONCE = 100
#: More names than this say no more: somebody sends keys that are values.
_MOST_DRIFT = 1000


@dataclass(slots=True)
class Encoder:
    """Turns records into staged rows. `drift` collects what the catalog did not expect: field -> what came."""

    layout: Layout
    mask: masks.Mask
    key: bytes
    drift: dict[str, str] = field(default_factory=dict)
    #: Fields of columns that no record had so far.
    unmet: set[str] = field(default_factory=set)
    _plan: tuple[Planned, ...] = ()
    _known: frozenset[str] = frozenset()
    _left_out: frozenset[str] = frozenset()
    _expected: frozenset[str] = frozenset()
    _secret: frozenset[str] = frozenset()
    _seed: Any = None
    _key_at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        columns, thing = self.layout.columns, self.layout.object
        self._plan = tuple((c.field, self._quick(c), self._step(c)) for c in columns)
        self._known = frozenset(c.field for c in thing.columns)
        self.unmet = {c.field for c in columns if not c.given}
        self._left_out = self._known - {c.field for c in columns}
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
        many = timestamps if column.type is Type.TIMESTAMP and not is_key else None
        return Step(column.field, column.given, column.nullable, column.secret, rewrites, convert, many)

    def encode(
        self, records: Sequence[Any], *, plain: bool, given: Mapping[str, Any], partition: str | None
    ) -> Sequence[Row | Rejected]:
        """Rows for the records of one page, in their order. `plain` promises what `exact.is_plain` would say."""
        seed = self._seed.copy()
        if given:
            seed.update(_canonical(given))
        end = (partition,) if self.layout.object.partitioned else ()
        made: list[Row | Rejected] = []
        for at in range(0, len(records), _AT_ONCE):
            made += self._some(records[at : at + _AT_ONCE], plain=plain, given=given, seed=seed, end=end)
        return made

    def _some(
        self, records: Sequence[Any], *, plain: bool, given: Mapping[str, Any], seed: Any, end: Row
    ) -> Sequence[Row | Rejected]:
        if plain and set(map(type, records)) == {dict}:
            with suppress(ValueError, OverflowError, AttributeError, TypeError):
                return self._at_once(records, given, seed, end)
        return self._one_by_one(records, plain=plain, given=given, seed=seed, end=end)

    def _at_once(
        self, records: Sequence[dict[str, Any]], given: Mapping[str, Any], seed: Any, end: Row
    ) -> Sequence[Row]:
        """Hot path. Raises what the path for one record raises, which then tells the record that is to blame."""
        prints: list[str] = []
        for line in _lines(_sorted, records):
            digest = seed.copy()
            digest.update(line)
            prints.append(digest.hexdigest())
        if covers := self.layout.covers:
            records = [masks.covered(record, covers, self.mask) for record in records]
        extras: list[dict[str, Any]] = [{} for _ in records]
        values, presents = columns(self._plan, records, given, extras, self._held)
        if self.unmet:
            self.unmet.difference_update(step[0] for step, there in zip(self._plan, presents, strict=True) if there)
        present = sum(presents) + sum([count(name, records) for name in self._left_out])
        if present != sum(map(len, records)):
            for record, extra in zip(records, extras, strict=True):
                if not record.keys() <= self._known:
                    self._keep_unknown(record, extra)
        head = (self._keys(values, extras, given),) if self.layout.keyed else ()
        if not head:
            self._check_all(values[self._key_at[0]])
        tails = [[each] * len(records) for each in end]
        texts = _texts(extras)
        return list(zip(*head, *values, texts, prints, *tails, strict=True))

    def _keys(self, values: Sequence[Sequence[Any]], extras: Sequence[Any], given: Mapping[str, Any]) -> list[str]:
        parts = [values[at] for at in self._key_at]
        if any(None in part for part in parts):
            rows = zip(*values, strict=True)
            return [digest_of(self._parts(row, extra, given)) for row, extra in zip(rows, extras, strict=True)]
        return [sha256(line).hexdigest() for line in _lines(_plain, list(zip(*parts, strict=True)))]

    def _check_all(self, keys: Sequence[Any]) -> None:
        if not all(keys) or max(map(len, keys)) > MAX_KEY:
            raise Unkeyed("one of them has no id that can be indexed")

    def _one_by_one(
        self, records: Sequence[Any], *, plain: bool, given: Mapping[str, Any], seed: Any, end: Row
    ) -> Sequence[Row | Rejected]:
        made: list[Row | Rejected] = []
        row, escaped, is_plain = self._row, self._escaped, exact.is_plain
        for record in records:
            try:
                encoded = (row if plain or is_plain(record) else escaped)(record, given, seed.copy(), end)
            except (ValueError, OverflowError, AttributeError, TypeError) as unfit:
                made.append(self._again(record, given, seed.copy(), end, unfit))
            else:
                made.append(encoded)
        return made

    def _row(self, record: dict[str, Any], given: Mapping[str, Any], digest: Any, end: Row) -> Row:
        digest.update(_canonical(record))
        record = self._covered(record)
        extra: dict[str, Any] = {}
        values = self._values(record, given, extra)
        head = (digest_of(self._parts(values, extra, given)),) if self.layout.keyed else self._checked(values)
        return (*head, *values, _compact(extra).decode() if extra else None, digest.hexdigest(), *end)

    def _covered(self, record: dict[str, Any]) -> dict[str, Any]:
        covers = self.layout.covers
        return masks.covered(record, covers, self.mask) if covers else record

    def _values(self, record: dict[str, Any], given: Mapping[str, Any], extra: dict[str, Any]) -> list[Any]:
        """Most values are what their column holds."""
        get, held = record.get, self._held
        if self.unmet:
            self.unmet -= record.keys()
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
            self._note(name, f"{in_words(value)} that its column cannot hold")
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
        record = self._covered(record)
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
        return (digest_of(self._parts(readable, originals, *sent)),)

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

        Known fields that are not selected are left out, and what is covered is covered.
        """
        chosen = {c.field for c in self.layout.columns}
        kept: dict[str, Any] = {}
        for name, value in masks.covered(record, self.layout.covers, self.mask).items():
            if name in self._secret or (name not in self._known and masks.says_secret(name)):
                kept[name] = self.mask(value)
            else:
                kept[name] = value if name in self._known else masks.by_name(value, self.mask)
        return {name: value for name, value in kept.items() if name in chosen or name not in self._known}

    def _parts(self, values: Sequence[Any], *sent: Mapping[str, Any]) -> list[Any]:
        """The key's values. One that its column cannot hold counts as it was sent, lest two records become one."""
        parts: list[Any] = []
        for at in self._key_at:
            name, part = self._plan[at][0], values[at]
            parts.append(next((each[name] for each in sent if name in each), None) if part is None else part)
        return parts

    def _checked(self, values: list[Any]) -> Row:
        key = values[self._key_at[0]]
        if not key:
            raise Unkeyed("it has no id, or one that is no text")
        if len(key) > MAX_KEY:
            raise Unkeyed(f"its id is longer than {MAX_KEY} characters")
        return ()


def _lines(encoder: msgspec.json.Encoder, values: Sequence[Any]) -> list[bytes]:
    """The JSON of each: a newline in it would be escaped, so that they can be made at once."""
    return encoder.encode_lines(values).split(b"\n")[:-1]


def _texts(extras: Sequence[dict[str, Any]]) -> list[str | None]:
    lines = iter(_lines(_plain, [extra for extra in extras if extra]))
    return [next(lines).decode() if extra else None for extra in extras]
