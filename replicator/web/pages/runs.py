"""Earlier runs, and one of them object by object."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from replicator.watch import runs
from replicator.web.pages import common
from replicator.web.pages.drawn import took

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_SHOWN = 50


def listed(request: Request) -> Response:
    """A page of them, newest first; `before` says where the next one begins."""
    before = _moment(request.query_params.get("before", ""))
    with common.site_of(request).books(common.named(request)) as target:
        found = runs.newest(target, _SHOWN + 1, before)
        with target.reading() as reading:
            now = target.dialect.now(reading)
    older = found[_SHOWN - 1]["started_at"] if len(found) > _SHOWN else None
    rows = [{**run, "seconds": took(run)} for run in found[:_SHOWN]]
    return common.page(request, "runs.html", "runs", rows=rows, older=older, newest=before is None, now=now)


def one(request: Request) -> Response:
    name = common.named(request)
    site = common.site_of(request)
    with site.books(name) as target:
        run = runs.one(target, request.path_params["run"])
        with target.reading() as reading:
            now = target.dialect.now(reading)
    running = site.live(name)
    live = running if running and running.run_id == run["id"] else None
    return common.page(request, "run.html", "runs", run=run, seconds=took(run), now=now, live=live)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise HTTPException(404) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
