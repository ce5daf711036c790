"""What is wrong, what runs, and how fresh everything is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from replicator.web import render
from replicator.web.attention import problems
from replicator.web.pages import common
from replicator.web.pages.drawn import charts

if TYPE_CHECKING:
    from starlette.requests import Request

    from replicator.web.sight import Seen, Sights


def all_of_them(request: Request) -> Response:
    site = common.site_of(request)
    sights: Sights = request.app.state.sights
    names = list(site.connections())
    seen = sights.every(names)
    cards = [_card(request, name, seen[name]) for name in names]
    return render.page(request, "overview.html", name="", names=names, tab="overview", cards=cards)


def one(request: Request) -> Response:
    name = common.named(request)
    seen = common.seen_of(request, name)
    return common.page(request, "connection.html", "overview", card=_card(request, name, seen))


def _card(request: Request, name: str, seen: Seen) -> dict[str, Any]:
    site = common.site_of(request)
    settings = site.connections()[name]
    drawn = charts(seen.sight.runs) if seen.sight else []
    return {
        "name": name,
        "region": "another server" if settings.base_url else settings.region,
        "seen": seen,
        "jobs": site.jobs(name),
        "problems": problems(seen, site.silent(name)),
        "live": site.live(name),
        "charts": drawn,
    }


def live(request: Request) -> Response:
    """How far the run is that goes on, for a page that asks again and again."""
    name = common.named(request)
    running = common.site_of(request).live(name)
    before = request.query_params.get("run", "")
    if before and (running is None or running.run_id != before):
        # What the page shows of it is out of date.
        return Response(status_code=204, headers={"hx-refresh": "true"})
    whole = request.query_params.get("whole") == "1"
    return render.page(request, "live.html", name=name, live=running, whole=whole)
