"""The three-way merge, held to what people may expect of it (reliability.md: I6, I7, I9, I10; C1-C4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.merge import ABSENT, Both, Clash, Conflict, Equal, Pull, Push, Result, Shape, merge
from replicator.merge.values import same, text_of
from tests.properties.records import values

SHAPES = {"code": Shape.LINES, "schema": Shape.SCHEMA, "labels": Shape.SET, "settings": Shape.NAMED}
Record = dict[str, Any]

_words = st.sampled_from(["a", "b", "c", "d"])
_leaves = st.none() | st.booleans() | st.integers(0, 3) | _words
_schemas = st.recursive(
    st.dictionaries(_words, _leaves, max_size=3),
    lambda inner: st.fixed_dictionaries(
        {}, optional={"properties": st.dictionaries(_words, inner), "required": st.lists(_words, unique=True)}
    ),
    max_leaves=6,
)
_settings = st.dictionaries(_words, st.booleans(), max_size=3).map(
    lambda named: [{"name": name, "required": required} for name, required in named.items()]
)
_records = st.fixed_dictionaries(
    {},
    optional={
        "name": st.none() | _words,
        "code": st.lists(_words, max_size=6).map(lambda lines: "".join(f"{line}\n" for line in lines)),
        "schema": _schemas,
        "labels": st.lists(_words, unique=True),
        "settings": _settings,
    },
)


def _merged(result: Result) -> Record:
    assert not isinstance(result, Conflict)
    return result.value


def _mirrored(result: Result) -> object:
    match result:
        case Push(value, pushed):
            return Pull(value, pushed)
        case Pull(value, pulled):
            return Push(value, pulled)
        case Both(value, pushed, pulled):
            return Both(value, pulled, pushed)
        case Conflict(clashes=clashes):
            return [(clash.path, clash.base, clash.remote, clash.local) for clash in clashes]
        case Equal():
            return Equal


@given(_records)
def test_equal_sides_need_no_write_whatever_the_base(record: Record) -> None:
    assert isinstance(merge({}, record, record, SHAPES), Equal)
    assert isinstance(merge(record, record, record, SHAPES), Equal)


@given(_records, _records)
def test_what_one_side_edits_the_other_takes_over(base: Record, edited: Record) -> None:
    for result in (merge(base, edited, base, SHAPES), merge(base, base, edited, SHAPES)):
        assert isinstance(merge(edited, edited, _merged(result), SHAPES), Equal)


@given(_records, _records, _records)
def test_swapped_sides_give_the_mirror_image(base: Record, local: Record, remote: Record) -> None:
    swapped = merge(base, remote, local, SHAPES)
    match merge(base, local, remote, SHAPES):
        case Conflict(clashes=clashes):
            assert _mirrored(swapped) == [(clash.path, clash.base, clash.local, clash.remote) for clash in clashes]
        case Equal():
            assert isinstance(swapped, Equal)
        case result:
            assert _mirrored(swapped) == result


@given(_records, _records, _records)
def test_a_merge_taken_over_by_both_sides_is_at_rest(base: Record, local: Record, remote: Record) -> None:
    result = merge(base, local, remote, SHAPES)
    if isinstance(result, Conflict):
        assert (result.base, result.local, result.remote) == (base, local, remote)
        assert result.clashes
        return
    for again in (merge(base, result.value, result.value, SHAPES), merge(result.value, local, result.value, SHAPES)):
        assert isinstance(again, Equal | Pull | Push)
    assert isinstance(merge(result.value, result.value, result.value, SHAPES), Equal)


@given(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1), st.data())
def test_properties_edited_on_different_sides_all_survive(names: list[str], data: st.DataObject) -> None:
    base = {name: {"type": "string"} for name in names}
    ours = data.draw(st.sets(st.sampled_from(names)))
    local = {name: {"type": "number"} if name in ours else spec for name, spec in base.items()}
    remote = {name: spec if name in ours else {"type": "boolean"} for name, spec in base.items()}
    was, mine, other = ({"schema": {"properties": side}} for side in (base, local, remote))
    result = merge(was, mine, other, SHAPES)
    wanted = {name: {"type": "number" if name in ours else "boolean"} for name in names}
    assert _merged(result) == {"schema": {"properties": wanted}}


@given(st.lists(_words), _words, _words)
def test_code_edited_far_apart_keeps_both_edits(middle: list[str], ours: str, theirs: str) -> None:
    fixed = [f"{place}: {word}" for place, word in enumerate(middle)] + ["the line between"]
    base, local, remote = (
        {"code": "\n".join([first, *fixed, last])}
        for first, last in (("old top", "old end"), (ours, "old end"), ("old top", theirs))
    )
    assert _merged(merge(base, local, remote, SHAPES)) == {"code": "\n".join([ours, *fixed, theirs])}


@pytest.mark.parametrize(
    ("base", "local", "remote", "reason"),
    [
        ({"name": "a"}, {"name": "b"}, {"name": "c"}, "edited differently on both sides"),
        ({}, {"name": "b"}, {"name": "c"}, "added differently on both sides"),
        ({"name": "a"}, {"name": None}, {"name": "c"}, "deleted in the replica, edited in the workspace"),
        ({"name": "a"}, {"name": "b"}, {}, "edited in the replica, deleted in the workspace"),
        ({"code": "x\ny\n"}, {"code": "1\ny\n"}, {"code": "2\ny\n"}, "edited differently on both sides"),
        ({"code": "x\ny\n"}, {"code": "1\ny\n"}, {"code": "x\n2\n"}, "edited differently on both sides"),
    ],
)
def test_one_thing_edited_differently_changes_neither_side(
    base: Record, local: Record, remote: Record, reason: str
) -> None:
    result = merge(base, local, remote, SHAPES)
    assert isinstance(result, Conflict)
    name = next(iter(local))
    sides = (side[name] if side.get(name) is not None else ABSENT for side in (base, local, remote))
    assert result.clashes == (Clash((name,), reason, *sides),)


def test_a_set_takes_what_either_side_put_in_and_loses_what_either_took_out() -> None:
    result = merge({"labels": ["a", "b", "c"]}, {"labels": ["c", "d", "b"]}, {"labels": ["e", "a", "b"]}, SHAPES)
    assert isinstance(result, Both)
    assert result.value == {"labels": ["b", "d", "e"]}


@pytest.mark.parametrize("other", [1.0, Decimal("1.00"), Decimal("1e0")])
def test_the_way_to_write_a_number_is_no_edit(other: object) -> None:
    assert isinstance(merge({}, {"size": {"a": 1, "b": 2}}, {"size": {"b": 2, "a": other}}, SHAPES), Equal)


@given(values, values)
def test_values_are_the_same_where_their_canonical_texts_are(one: object, other: object) -> None:
    assert same(one, other) == (text_of(one) == text_of(other))
    assert same({"a": one}, {"a": _respelt(one)})
    assert same([one, other], [_respelt(one), other])


def _respelt(value: Any) -> Any:
    """In the other order of keys, with numbers written in another way."""
    match value:
        case dict():
            return {name: _respelt(value[name]) for name in reversed(value)}
        case list():
            return [_respelt(each) for each in value]
        case int() if not isinstance(value, bool):
            return Decimal(value)
        case _:
            return value


def test_big_numbers_are_compared_exactly() -> None:
    assert isinstance(merge({}, {"size": 10**23}, {"size": 1e23}, SHAPES), Equal)
    assert isinstance(merge({"size": 2**70}, {"size": 2**70 + 1}, {"size": 2**70}, SHAPES), Push)


@pytest.mark.parametrize("mask", ["••••••", "masked:0123456789abcdef"])
def test_a_masked_secret_is_no_edit_and_is_never_pushed(mask: str) -> None:
    assert isinstance(merge({"name": "a"}, {"name": mask}, {"name": "a"}, SHAPES), Equal)
    assert isinstance(merge({"name": "a"}, {"name": mask}, {"name": "b"}, SHAPES), Pull)
    assert isinstance(merge({}, {"name": mask}, {}, SHAPES), Equal)
    assert isinstance(merge({}, {"schema": {"default": mask}}, {}, SHAPES), Conflict)
    assert isinstance(merge({"labels": []}, {"labels": [mask]}, {"labels": []}, SHAPES), Conflict)
