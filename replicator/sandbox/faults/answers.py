"""Good answers that are changed: what no JSON encoder would write, and records that are not what they were.

A change takes the fault, the answer and its `data`, decoded anew for each; it gives the changed answer, or None
where the answer has nothing that it could change.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from replicator.sandbox.messages import Response

    from .model import Fault

Record = dict[str, Any]
_MEBIBYTE = 2**20


def pagination_of(data: Record) -> Record | None:
    """The object that pages this answer; the first, where one answer holds two lists."""
    found = (value for value in data.values() if isinstance(value, dict) and "current" in value)
    return next(found, None)


def list_of(data: Record) -> tuple[str, list[Any]] | None:
    """The records that are paged, under their name."""
    return next(((key, value) for key, value in data.items() if isinstance(value, list)), None)


def records(data: Record) -> Iterator[Record]:
    """All that an answer tells of: the records of its list, or the one record."""
    listed = list_of(data)
    paging = pagination_of(data)
    found = listed[1] if listed else [value for value in data.values() if value is not paging]
    yield from (record for record in found if isinstance(record, dict))


def encoded(response: Response, data: Any) -> Response:
    return replace(response, body=msgspec.json.encode({"data": data}))


def _planted(make: Callable[[Fault], bytes]) -> Callable[[Fault, Response, Record], Response | None]:
    """A change that puts these bytes where a field of one record has its value."""

    def change(fault: Fault, response: Response, data: Record) -> Response | None:
        record = _chosen(fault, data)
        if record is None:
            return None
        record[fault.options.get("field") or _text_field(record)] = msgspec.Raw(make(fault))
        return encoded(response, data)

    return change


def _chosen(fault: Fault, data: Record) -> Record | None:
    found = list(records(data))
    number = int(fault.options.get("record", 0))
    return found[number] if number < len(found) else None


def _text_field(record: Record) -> str:
    """A field with a text in it, and not the one that identifies the record."""
    texts = (name for name, value in record.items() if isinstance(value, str) and name != "id")
    return next(texts, "name")


def _constant(fault: Fault) -> bytes:
    return {"nan": b"NaN", "infinity": b"Infinity", "-infinity": b"-Infinity"}[fault.value]


not_a_number = _planted(_constant)
lone_surrogate = _planted(lambda _: b'"\\ud83d alone"')
nul = _planted(lambda _: b'"before\\u0000after"')
huge_integer = _planted(lambda fault: b"9" * fault.value)
deep_nesting = _planted(lambda fault: b"[" * fault.value + b"]" * fault.value)


def duplicate_keys(fault: Fault, response: Response, data: Record) -> Response | None:
    """The field stands twice in the record, with its value first and with another one later."""
    record = _chosen(fault, data)
    if not record:
        return None
    name = fault.options.get("field") or next(iter(record))
    written = msgspec.json.encode(record)
    again = b",%b:%b}" % (msgspec.json.encode(name), b'"the second value"')
    whole = msgspec.json.encode({"data": data})
    return replace(response, body=whole.replace(written, written[:-1] + again, 1))


def byte_order_mark(_fault: Fault, response: Response, _data: Record) -> Response:
    return replace(response, body=b"\xef\xbb\xbf" + response.body)


def broken_json(_fault: Fault, response: Response, _data: Record) -> Response:
    """As long as it was, and closed by the wrong bracket."""
    return replace(response, body=response.body[:-1] + b"]")


def content_type(fault: Fault, response: Response, _data: Record) -> Response:
    others = tuple(pair for pair in response.headers if pair[0].lower() != "content-type")
    return replace(response, headers=(("Content-Type", fault.value), *others))


def missing_list(_fault: Fault, response: Response, data: Record) -> Response | None:
    listed = list_of(data)
    if listed is None:
        return None
    del data[listed[0]]
    return encoded(response, data)


def wrong_total(fault: Fault, response: Response, data: Record) -> Response | None:
    paging = pagination_of(data)
    if paging is None or "totalEntries" not in paging:
        return None
    paging["totalEntries"] = max(0, paging["totalEntries"] + fault.value)
    return encoded(response, data)


def gzip_bomb(fault: Fault, response: Response, _data: Record) -> Response:
    headers = (*response.headers, ("Content-Encoding", "gzip"))
    return replace(response, headers=headers, body=_bomb(response.body, fault.value))


@lru_cache(maxsize=4)
def _bomb(body: bytes, size: int) -> bytes:
    """The body and so many bytes of white space: equal blocks, so that only the first has to be compressed."""
    blank = b" " * _MEBIBYTE
    deflate = zlib.compressobj(9, wbits=-15)
    head = deflate.compress(body) + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(blank) + deflate.flush(zlib.Z_FULL_FLUSH)
    blocks = -(-size // _MEBIBYTE)
    checksum = zlib.crc32(body)
    for _ in range(blocks):
        checksum = zlib.crc32(blank, checksum)
    length = (len(body) + blocks * _MEBIBYTE) % 2**32
    ending = deflate.flush(zlib.Z_FINISH) + checksum.to_bytes(4, "little") + length.to_bytes(4, "little")
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + head + block * blocks + ending


def blank_field(fault: Fault, response: Response, data: Record) -> Response | None:
    return _each(response, data, lambda record: [_blank(record, name) for name in fault.value])


def _blank(record: Record, path: str) -> bool:
    """What a token without the permission sees: the field is there, and there is nothing in it."""
    holder, name = _holder(record, path)
    if name not in holder:
        return False
    value = holder[name]
    holder[name] = type(value)() if isinstance(value, list | dict | str) else None
    return True


def add_field(fault: Fault, response: Response, data: Record) -> Response | None:
    return _each(response, data, lambda record: [_put(record, name, "new") for name in fault.value])


def remove_field(fault: Fault, response: Response, data: Record) -> Response | None:
    return _each(response, data, lambda record: [_take(record, name) for name in fault.value])


def rename_field(fault: Fault, response: Response, data: Record) -> Response | None:
    return _each(response, data, lambda record: [_rename(record, *fault.value)])


def retype_field(fault: Fault, response: Response, data: Record) -> Response | None:
    return _each(response, data, lambda record: [_retype(record, name) for name in fault.value])


def later_schema(fault: Fault, response: Response, data: Record) -> Response | None:
    """A field more, one gone, one renamed, one of another type; which ones, the value (a seed) says."""
    names = sorted({name for record in records(data) for name in record} - {"id"})
    gone, old, other = (*Random(fault.value).sample(names, min(3, len(names))), "", "", "")[:3]

    def change(record: Record) -> list[bool]:
        return [
            _take(record, gone),
            _rename(record, old, f"{old}V2"),
            _retype(record, other),
            _put(record, "addedLater", "new"),
        ]

    return _each(response, data, change)


def _each(response: Response, data: Record, change: Callable[[Record], list[bool]]) -> Response | None:
    changed = [any(change(record)) for record in records(data)]
    return encoded(response, data) if any(changed) else None


def _holder(record: Record, path: str) -> tuple[Record, str]:
    """The object that a dotted name ends in, and its last part."""
    *above, name = path.split(".")
    for step in above:
        inner = record.get(step)
        if not isinstance(inner, dict):
            return {}, name
        record = inner
    return record, name


def _put(record: Record, path: str, value: Any) -> bool:
    holder, name = _holder(record, path)
    holder[name] = value
    return True


def _take(record: Record, path: str) -> bool:
    holder, name = _holder(record, path)
    return holder.pop(name, record) is not record


def _rename(record: Record, old: str, new: str) -> bool:
    if old not in record:
        return False
    record[new] = record.pop(old)
    return True


def _retype(record: Record, path: str) -> bool:
    """Text becomes a number, a list an object, an object a list, and all else text."""
    holder, name = _holder(record, path)
    if name not in holder:
        return False
    match holder[name]:
        case str() as text:
            holder[name] = zlib.crc32(text.encode())
        case list() as items:
            holder[name] = {str(number): item for number, item in enumerate(items)}
        case dict() as inner:
            holder[name] = list(inner.values())
        case other:
            holder[name] = msgspec.json.encode(other).decode()
    return True
