"""Pages and cursors.

Live cursors are opaque by contract, yet visibly base64: offsets (`Mw==`), a JSON object with a page token and a frozen
end time (audit events), a key (suppressions: `cmVnLTY1MDgtMDA5ODE=`) (resources.md, "Pagination"). Ours carry the
tag of their list besides, so that a cursor of another list is refused. `MA==`, with which the Terraform provider
starts, is the start of every list.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from .messages import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from .calls import Call, Paged
    from .series import Record, Rows
    from .world import World

_START = "MA=="
#: What a frozen cursor keeps of the time its listing began: the second, and how many events the trail had been told of.
Kept = tuple[int, int] | None


def page(world: World, call: Call, spec: Paged) -> dict[str, Any]:
    """One page of the list, with its pagination object and what else belongs to the answer."""
    dot = f"{spec.object}." if spec.object else ""
    count = call.query.number(f"{dot}count", spec.default, 1, spec.largest)
    field = f"{dot}cursor"
    text = call.query.text(field)
    tag = _tag(world, call, spec)
    offset, kept = _read(spec, tag, text, field)
    anchor, known = kept or (world.seconds(), len(world.state.events))
    call = replace(call, anchor=anchor, known=known)
    rows = spec.rows(world, call)
    # Where records went away while they were paged, an offset that was issued may lie past the end: an empty page.
    if offset and offset >= len(rows) and not world.state.written:
        raise invalid(field, "is not a cursor of this list")
    pagination = _pagination(spec, rows, offset, count, lambda at: _write(spec, tag, at, (anchor, known)))
    extra = spec.extra(world, call) if spec.extra else {}
    return {spec.key: rows[offset : offset + count], spec.object or "pagination": pagination} | extra


def _pagination(spec: Paged, rows: Rows, offset: int, count: int, cursor: Callable[[int], str | int]) -> Record:
    pagination: Record = {"current": cursor(offset)}
    if offset + count < len(rows):
        pagination["next"] = cursor(offset + count)
    elif spec.end == "null":
        pagination["next"] = None
    if spec.backward and spec.cursor != "number" and offset:
        pagination["previous"] = cursor(max(0, offset - count))
    if spec.total:
        pagination["totalEntries"] = len(rows)
    return pagination


def _tag(world: World, call: Call, spec: Paged) -> str:
    """Differs between lists, partitions and workspaces; the same for each page size."""
    listed = f"{world.workspace_id} {call.path} {spec.key} {call.query.filters()}"
    return blake2b(listed.encode(), digest_size=4).hexdigest()


def _write(spec: Paged, tag: str, offset: int, kept: Kept) -> str | int:
    match spec.cursor:
        case "number":
            return offset
        case _ if not offset:
            return _START
        case "offset":
            text = f"{offset}-{tag}"
        case "key":
            text = f"reg-{tag}-{offset:05d}"
        case "frozen":
            anchor, known = kept or (0, 0)
            text = json.dumps({"pageToken": f"{tag}-{known}-{offset}", "endTime": anchor})
    return b64encode(text.encode()).decode()


def _read(spec: Paged, tag: str, text: str | None, field: str) -> tuple[int, Kept]:
    """The offset of this cursor and what it keeps; raises the API's 422 for one that was not issued."""
    if text is None or (text in ("", _START) and spec.cursor != "number"):
        return 0, None
    try:
        offset, kept = _parse(spec, text)
        issued = str(_write(spec, tag, offset, kept)) == text
    except (ValueError, TypeError):
        issued = False
    if not issued:
        raise invalid(field, "is not a cursor of this list")
    return offset, kept


def _parse(spec: Paged, text: str) -> tuple[int, Kept]:
    if spec.cursor == "number":
        return int(text[:9]), None
    plain = b64decode(text, validate=True).decode()
    match spec.cursor:
        case "offset":
            return int(plain.partition("-")[0][:12]), None
        case "key":
            return int(plain.rpartition("-")[2][:12]), None
        case "frozen":
            return _parse_frozen(plain)


def _parse_frozen(plain: str) -> tuple[int, Kept]:
    parsed = json.loads(plain)
    if not isinstance(parsed, dict) or not isinstance(parsed.get("endTime"), int):
        raise TypeError(plain)
    _, known, offset = str(parsed.get("pageToken")).split("-")
    return int(offset[:12]), (parsed["endTime"], int(known[:12]))
