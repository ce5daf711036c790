"""What is wrong, what runs, and how fresh everything is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from replicator.target.decisions import Decisions
from replicator.web import render
from replicator.web.attention import problems
from replicator.web.pages import common
from replicator.web.pages.drawn import charts

if TYPE_CHECKING:
    from starlette.requests import Request

    from replicator.web.sight import Seen, Sights


log = logging.getLogger("replicator.web")


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
    said = request.query_params.get("said", "")
    return common.page(request, "connection.html", "overview", card=_card(request, name, seen), said=said)


def run(request: Request) -> Response:
    """Makes a job due now, whatever its schedule says; the daemon's thread performs it as ever."""
    name, job = common.named(request), request.path_params["job"]
    site, who = common.site_of(request), common.who(request)
    if job not in {each.name for each in site.jobs(name)}:
        raise HTTPException(404)
    with site.books(name) as target, target.begin() as connection:
        decisions = Decisions(target)
        if job not in decisions.asked(connection):
            decisions.keep(connection, "run", job, who, "now")
    site.wake(name)
    log.info("run asked for", extra={"connection": name, "job": job, "by": who})
    request.app.state.sights.forget(name)
    return RedirectResponse(f"/c/{name}/?said=run", 303)


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
        "csrf": request.state.visit.token,
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
