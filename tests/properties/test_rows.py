"""Records to rows and back, without a database."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from replicator import exact, masks
from replicator.catalog.model import Type
from replicator.encoder import Encoder
from replicator.rows import Layout, Rejected, rebuild
from replicator.target.dialects.delimited import delimited, undelimited
from tests.properties.records import KEYED, MASK_KEY, THING, names, records, rules, same, texts, values

LAYOUT, RULES = Layout(THING, THING.columns), Layout(KEYED, KEYED.columns)
MASK = masks.keyed(MASK_KEY)


def encoded(layout: Layout, record: Any, **asked: Any) -> Any:
    partition = "p1" if layout.object.partitioned else None
    encoder = Encoder(layout, lambda value: value, MASK_KEY)
    return encoder.encode([record], plain=False, given=asked, partition=partition)[0]


def named(layout: Layout, row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip([name for name, _ in layout.staged], row, strict=True))


@given(records)
@settings(max_examples=1000, deadline=None)
def test_a_record_comes_back_from_its_row_or_is_rejected(record: dict[str, Any]) -> None:
    row = encoded(LAYOUT, {"id": "1"} | record)
    assert isinstance(row, Rejected) or same(rebuild(LAYOUT, named(LAYOUT, row)), {"id": "1"} | record)


@given(rules)
@settings(max_examples=500, deadline=None)
def test_a_record_with_a_natural_key_comes_back_too(record: dict[str, Any]) -> None:
    row = encoded(RULES, record, planId="p1")
    assert isinstance(row, Rejected) or same(rebuild(RULES, named(RULES, row)), record)


@given(records, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_the_order_of_fields_is_no_change(record: dict[str, Any], random: Any) -> None:
    shuffled = list(record.items())
    random.shuffle(shuffled)
    assert _fingerprint(record) == _fingerprint(dict(shuffled))


@given(records, records)
@settings(max_examples=500, deadline=None)
def test_any_other_content_is_a_change(one: dict[str, Any], other: dict[str, Any]) -> None:
    if same(one, other):
        assert True
    else:
        assert _fingerprint(one) != _fingerprint(other)


@given(records, texts, values, values)
@settings(max_examples=500, deadline=None)
def test_one_other_field_is_a_change(record: dict[str, Any], name: str, before: Any, after: Any) -> None:
    if not same(before, after) and name != "id":
        assert _fingerprint(record | {name: before}) != _fingerprint(record | {name: after})


def _fingerprint(record: dict[str, Any]) -> str:
    row = encoded(LAYOUT, {"id": "1"} | record)
    assert not isinstance(row, Rejected)
    return str(named(LAYOUT, row)["_fingerprint"])


@given(rules, rules)
@settings(max_examples=1000, deadline=None)
def test_two_records_share_a_key_only_when_its_parts_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    rows = [encoded(RULES, each, planId="p1") for each in (one, other)]
    keys = [{"type": each.get("type"), "key": each.get("key"), "version": each.get("version")} for each in (one, other)]
    if not any(isinstance(row, Rejected) for row in rows) and rows[0][0] == rows[1][0]:
        assert same(*[{name: _as_key(name, part) for name, part in key.items()} for key in keys])


def _as_key(name: str, part: Any) -> Any:
    return str(part) if name != "version" and type(part) is int else part


@given(values)
@settings(max_examples=1000, deadline=None)
def test_exact_text_is_loaded_as_it_was_dumped(value: Any) -> None:
    text = exact.dump(value)
    assert text.isascii()
    assert same(exact.load(text), value)
    assert exact.dump(exact.load(text)) == text


@given(values)
def test_what_is_readable_is_storable(value: Any) -> None:
    assert exact.is_plain(exact.readable(value))


@given(st.lists(st.tuples(*[st.one_of(st.none(), texts, st.integers())] * 4), max_size=5))
@settings(max_examples=500)
def test_delimited_text_reads_as_the_rows(rows: list[tuple[Any, ...]]) -> None:
    storable = [tuple(exact.readable(value) for value in row) for row in rows]
    assert _read(delimited(storable).decode()) == [[None if v is None else str(v) for v in row] for row in storable]


@given(
    st.lists(
        st.tuples(
            st.none() | texts, st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.floats(allow_nan=False)
        ),
        max_size=5,
    )
)
@settings(max_examples=500)
def test_delimited_rows_come_back_as_they_were(rows: list[tuple[Any, ...]]) -> None:
    storable = [tuple(exact.readable(value) for value in row) for row in rows]
    assert undelimited(delimited(storable), [Type.TEXT, Type.INTEGER, Type.NUMBER]) == storable


def _read(text: str) -> list[list[str | None]]:
    """As the servers do: split at what is not escaped, then unescape."""
    assert text.endswith("\n") or not text
    return [[_unescaped(field) for field in line.split("\t")] for line in text.split("\n")[:-1]]


def _unescaped(field: str) -> str | None:
    if field == "\\N":
        return None
    parts = field.split("\\\\")
    return "\\".join(part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in parts)


@given(values)
def test_a_mask_is_the_same_for_the_same_value_and_key_alone(value: Any) -> None:
    assert MASK(value) == MASK(value)
    if any(isinstance(leaf, str | int | float) and not isinstance(leaf, bool) for leaf in _leaves(value)):
        assert MASK(value) != masks.keyed(b"another key")(value)


def _leaves(value: Any) -> list[Any]:
    match value:
        case dict():
            return [leaf for item in value.values() for leaf in _leaves(item)]
        case list():
            return [leaf for item in value for leaf in _leaves(item)]
        case _:
            return [value]


@given(st.lists(records | st.just({"name": "plain", "createdAt": "2021-01-01T00:00:00Z"}), max_size=4))
@settings(max_examples=500, deadline=None)
def test_a_page_gives_the_rows_that_its_records_give_one_by_one(page: list[dict[str, Any]]) -> None:
    page = [{"id": str(at)} | record for at, record in enumerate(page)]
    _same_at_once(LAYOUT, page, {})


@given(st.lists(rules, max_size=4))
@settings(max_examples=500, deadline=None)
def test_a_page_with_natural_keys_gives_the_rows_of_its_records_too(page: list[dict[str, Any]]) -> None:
    _same_at_once(RULES, page, {"planId": "p1"})


def _same_at_once(layout: Layout, page: list[dict[str, Any]], asked: dict[str, Any]) -> None:
    """Of what `plain` promises nothing else may come than of the path that looks at each record."""
    partition = "p1" if layout.object.partitioned else None
    plain = [record for record in page if not _refused(record)]
    one, other = (Encoder(layout, MASK, MASK_KEY) for _ in range(2))
    at_once = one.encode(plain, plain=True, given=asked, partition=partition)
    assert at_once == other.encode(plain, plain=False, given=asked, partition=partition)
    assert one.drift == other.drift


def _refused(record: dict[str, Any]) -> bool:
    try:
        return not exact.is_plain(record)
    except exact.TooDeep:
        return True


_steps = st.one_of(texts, st.sampled_from(["settings", "name", "*", "a"]))
covers = st.lists(
    st.builds(
        masks.Cover,
        st.lists(_steps, min_size=1, max_size=3).map(tuple),
        st.sampled_from(["drop", "null", "hash"]),
    ),
    max_size=3,
)


@given(records, covers)
@settings(max_examples=500, deadline=None)
def test_what_is_covered_once_is_covered_and_nothing_else_is_touched(
    record: dict[str, Any], chosen: list[masks.Cover]
) -> None:
    before = repr(record)
    once = masks.covered(record, chosen, MASK)
    assert same(masks.covered(once, chosen, MASK), once)
    assert repr(record) == before
    touched = {name for name in record if any(each.path[0] in {name, "*"} or "." in name for each in chosen)}
    assert all(same(once[name], value) for name, value in record.items() if name not in touched)


CANARY = "canary-8c2e"
_secrets = st.recursive(
    st.just(CANARY),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.just("k"), inner)),
    max_leaves=3,
)


@given(
    records, names, st.one_of(names, st.just("*")), _secrets, st.sampled_from(["drop", "null", "hash"]), st.booleans()
)
@settings(max_examples=1000, deadline=None)
def test_what_lies_at_a_masked_path_is_in_no_column_nor_in_extra_nor_in_quarantine(
    record: dict[str, Any], first: str, below: str, secret: Any, mode: masks.Mode, broken: bool
) -> None:
    """In known and unknown fields, in lists, in records that databases refuse, and in those that no row can hold."""
    # A `*` in a path is every field.
    first = "settings" if first in {"id", "*"} else first
    nested = {"settings": {"deep": secret, below: [secret]}, first: [{below: secret, "kept": "yes"}]}
    record = {"id": "" if broken else "1"} | record | nested
    chosen = (
        masks.Cover(("settings",), mode),
        masks.Cover((first, below), mode),
        masks.Cover((first, "*", below), mode),
    )
    encoder = Encoder(Layout(THING, THING.columns, chosen), MASK, MASK_KEY)
    for made in (
        encoder.encode([record], plain=False, given={}, partition=None)[0],
        *(encoder.encode([record], plain=True, given={}, partition=None) if not _refused(record) else ()),
    ):
        assert CANARY not in repr(made)
        assert isinstance(made, Rejected) or made[0] == "1"
