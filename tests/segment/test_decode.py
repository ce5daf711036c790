from __future__ import annotations

import json
import math
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replicator import exact
from replicator.segment import splitter
from replicator.segment.decode import Broken, Data, OffContract, Unreadable, decode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
RECORDS = st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=6)
#: A record that makes the decoder refuse the page, so that the others go the slow way.
POISON = '{"id":"\\ud800"}'

DEEPEST = exact.MAX_DEPTH


def page(*records: str, beside: str = "") -> bytes:
    return ('{"data":{"items":[' + ",".join(records) + "]" + beside + "}}").encode("utf-8", "surrogatepass")


def items(body: bytes) -> list[Any]:
    found = decode(body, ("items",)).data["items"]
    assert isinstance(found, list)
    return found


def same(one: Any, other: Any) -> bool:
    return exact.dump(one) == exact.dump(other)


@given(RECORDS, st.booleans(), st.sampled_from([None, 2]))
def test_the_slow_way_gives_what_the_fast_way_gives(records: list[Any], ascii_only: bool, indent: int | None) -> None:
    texts = [json.dumps(record, ensure_ascii=ascii_only, indent=indent) for record in records]
    fast, slow = items(page(*texts)), items(page(*texts, POISON))
    assert len(slow) == len(records) + 1
    assert same(fast, slow[:-1])
    assert same(fast, json.loads(json.dumps(records), parse_float=exact.number))


@given(RECORDS)
def test_plain_promises_what_a_look_at_every_value_would_say(records: list[Any]) -> None:
    found = decode(page(*map(json.dumps, records)), ("items",))
    if found.plain:
        assert exact.is_plain(found.data)


def test_a_usual_page_is_plain_emoji_escapes_and_all() -> None:
    found = decode(page('{"id":"a","n":1.5,"t":"\\ud83d\\ude00 \\u00e9 😀","big":9007199254740993}'), ("items",))
    assert found.plain
    assert found.data["items"][0]["t"] == "😀 é 😀"


@pytest.mark.parametrize(
    "value",
    [
        '"a\\u0000b"',
        "18446744073709551616",
        "9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "0.12345678901234567890123",
    ],
)
def test_what_a_database_refuses_makes_the_page_not_plain(value: str) -> None:
    found = decode(page('{"id":"a"}', f'{{"v":{value}}}'), ("items",))
    assert not found.plain
    assert not exact.is_plain(found.data)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("0.1", 0.1),
        ("1.0", 1),
        ("-2.0", -2),
        ("1E5", 100_000),
        ("1e-7", 1e-7),
        ("0.30000000000000004", 0.30000000000000004),
        ("0.300000000000000040", 0.30000000000000004),
        ("123456789012345.678", Decimal("123456789012345.678")),
        ("0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
        ("1e400", Decimal("1e400")),
        ("1e-400", Decimal("1e-400")),
        ("18446744073709551616", 2**64),
        ("-" + "9" * 400, -(10**400) + 1),
        ("9" * 5000, Decimal("9" * 5000)),
    ],
)
def test_numbers_are_exact_on_both_ways(text: str, value: object) -> None:
    for way in (page(f'{{"v":{text}}}'), page(f'{{"v":{text}}}', POISON)):
        found = items(way)[0]["v"]
        assert (found, type(found)) == (value, type(value))


def test_minus_zero_keeps_its_sign() -> None:
    for text in ("-0.0", "-0e5"):
        for way in (page(f'{{"v":{text}}}'), page(f'{{"v":{text}}}', POISON)):
            assert math.copysign(1, items(way)[0]["v"]) == -1


@given(st.decimals(allow_nan=False, allow_infinity=False))
@example(Decimal("1E+999999"))
def test_every_decimal_survives(value: Decimal) -> None:
    for way in (page(f'{{"v":{value}}}'), page(f'{{"v":{value}}}', POISON)):
        found = items(way)[0]["v"]
        assert Decimal(repr(found) if isinstance(found, float) else found) == value


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"v":NaN}', "NaN is no JSON number"),
        ('{"v":-Infinity}', "-Infinity is no JSON number"),
        ('{"v":tru}', "it is no JSON"),
        ('{"v":01}', "it is no JSON"),
        ('{"v" 1}', "it is no JSON"),
        ('{"v":"\x01"}', "it is no JSON"),
        ('{"v":1e99999999999999999999}', "absurd exponent"),
        ('{"v":' + "[" * DEEPEST + "]" * DEEPEST + "}", f"{DEEPEST + 1} levels deep"),
        ("[" * 100_000 + "]" * 100_000, "100000 levels deep"),
        ('{"a":' * 500 + "1" + "}" * 500, "500 levels deep"),
    ],
)
def test_one_bad_record_is_broken_alone(bad: str, reason: str) -> None:
    first, broken, last = items(page('{"id":"a"}', bad, '{"id":"b"}'))
    assert (first, last) == ({"id": "a"}, {"id": "b"})
    assert isinstance(broken, Broken)
    assert reason in broken.reason
    assert broken.raw == bad.encode()


@pytest.mark.parametrize("bad", [b'{"v":"\xff"}', b'{"v":"\xed\xa0\x80"}', b'{"\xc0\xaf":1}'])
def test_bytes_that_are_no_utf8_break_one_record(bad: bytes) -> None:
    body = b'{"data":{"items":[{"id":"a"},' + bad + b'],"pagination":{"next":"x"}}}'
    found = decode(body, ("items",))
    assert found.data["items"] == [{"id": "a"}, Broken(bad, "it is not UTF-8")]
    assert found.data["pagination"] == {"next": "x"}
    assert not found.plain


def test_lone_surrogates_are_kept_for_the_caller_to_escape() -> None:
    assert items(page('{"id":"a\\ud800b"}', '{"id":"b"}')) == [{"id": "a\ud800b"}, {"id": "b"}]


def test_the_greatest_depth_is_not_too_deep_and_brackets_in_strings_do_not_count() -> None:
    deep = '{"v":' + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1) + "}"
    assert not any(isinstance(item, Broken) for item in items(page(deep)))
    code = json.dumps({"code": "{[" * 5000})
    assert items(page(code)) == [json.loads(code)]


def test_deep_nesting_between_siblings_is_seen_too() -> None:
    deep = '{"x":{},"y":' * 300 + "1" + "}" * 300
    assert isinstance(items(page(deep))[0], Broken)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert decode(b"\xef\xbb\xbf" + page('{"id":"a"}'), ("items",)) == Data({"items": [{"id": "a"}]}, plain=True)


def test_something_bad_beside_the_list_breaks_only_itself() -> None:
    found = decode(page('{"id":"a"}', beside=',"pagination":{"totalEntries":NaN}'), ("items",))
    assert found.data["items"] == [{"id": "a"}]
    assert isinstance(found.data["pagination"], Broken)


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"null", b'"x"', b'{"data":null}', b'{"data":[]}', b'{"errors":[]}', b'{"x":NaN}']
)
def test_an_answer_without_data_is_no_empty_page(body: bytes) -> None:
    with pytest.raises(OffContract, match="no data"):
        decode(body, ("items",))


@given(st.data())
@settings(max_examples=300)
def test_a_body_cut_anywhere_is_unreadable_and_never_a_shorter_page(data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(['{"id":"a","n":[1,{"x":"}"}]}', POISON, '{"v":NaN,"w":"\\\\"}']))
    body = page('{"id":"a"}', record, beside=',"pagination":{"next":"x"}')
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(Unreadable):
        decode(body[:cut], ("items",))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html>",
        b"[NaN]",
        b'{"data":{"items":[{]}}}',
        b'{"data":{"items":[{"a":1}{"b":2}],"x":NaN}}',
        b'{"data":{"items":[{"a":NaN},]}}',
        b'{"data":{"items":[,{"a":NaN}]}}',
        b'{"data":{"items":[{"a":NaN}]}} x',
        b'{"data":{items:[{"a":NaN}]}}',
        b'{"data":{"items" [{"a":NaN}]}}',
        b'{"data":{"items":[NaN]}',
        b'{"data":{"items":[{"a":[NaN}]]}}',
        b'{"data":{"items":["NaN]}}',
        b"]",
        b'{"data"',
    ],
)
def test_a_broken_structure_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body, ("items",))


@given(JSON)
def test_the_splitter_finds_the_end_of_every_value(value: Any) -> None:
    raw = json.dumps(value).encode()
    span = splitter.value(raw + b" , 1", 0)
    assert raw[span.start : span.end] == raw
    assert splitter.whole(b" \n" + raw + b"\t ").end == len(raw) + 2


@given(st.lists(JSON, max_size=5), st.dictionaries(st.text(), JSON, max_size=5))
def test_the_splitter_finds_elements_and_members(listed: list[Any], named: dict[str, Any]) -> None:
    raw = json.dumps(listed, indent=1).encode()
    spans = splitter.elements(raw, splitter.whole(raw))
    assert [json.loads(raw[span.start : span.end]) for span in spans] == listed
    raw = json.dumps(named).encode()
    found = splitter.members(raw, splitter.whole(raw))
    assert {key: json.loads(raw[span.start : span.end]) for key, span in found} == named


@given(st.binary(max_size=60))
def test_no_bytes_bring_the_decoder_down(body: bytes) -> None:
    for text in (body, b'{"data":{"items":[' + body + b"]}}"):
        try:
            decode(text, ("items",))
        except (Unreadable, OffContract):
            continue


def test_hostile_pages_take_no_longer_than_their_length() -> None:
    hostile = [
        b'{"data":{"items":["' + b'\\"' * 500_000,
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'"' * 1_000_000,
        page('{"v":1' + "0" * 200_000 + ".5}"),
    ]
    began = time.process_time()
    for body in hostile:
        try:
            decode(body, ("items",))
        except (Unreadable, OffContract):
            continue
    assert time.process_time() - began < 8
