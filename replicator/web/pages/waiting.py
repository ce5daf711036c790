"""What lies aside: the quarantine, and what was seen that nobody expected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from replicator.target.bookkeeping import bookkeeping
from replicator.target.quarantine import Quarantine
from replicator.watch import runs
from replicator.web.pages import common

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_MOST = 200


def quarantine(request: Request) -> Response:
    with common.site_of(request).books(common.named(request)) as target:
        held = Quarantine(bookkeeping(target.dialect), target.dialect, target.place.scope, "")
        with target.reading() as reading:
            now = target.dialect.now(reading)
            counts = held.counts(reading)
            found = held.rows(reading)[:_MOST]
    rows = [{**row, "which": _which(row["record"])} for row in found]
    return common.page(request, "quarantine.html", "quarantine", rows=rows, counts=counts, now=now, most=_MOST)


def _which(record: str) -> str:
    """What of the record says which one it is. The rest may be anything, so no page has it."""
    try:
        found: Any = json.loads(record)
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    said = [f"{name} {found[name]}" for name in ("id", "key", "slug", "name") if isinstance(found.get(name), str | int)]
    return ", ".join(said)[:120]


def schema(request: Request) -> Response:
    with common.site_of(request).books(common.named(request)) as target:
        found = runs.schema_changes(target, _MOST)
        with target.reading() as reading:
            now = target.dialect.now(reading)
    return common.page(request, "schema.html", "schema", rows=found, now=now, most=_MOST)
