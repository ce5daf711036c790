"""Which path is answered by what."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from replicator.errors import ReplicatorError, RunLocked, UsageError
from replicator.web import password, render
from replicator.web.guard import Guard, Rules
from replicator.web.pages import ROUTES
from replicator.web.sessions import Sessions
from replicator.web.sight import Sights
from replicator.web.site import PROBES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from replicator.settings import Web
    from replicator.web.site import Site

log = logging.getLogger("replicator.web")


def application(site: Site, web: Web, port: int) -> ASGIApp:
    """The whole of what the server answers; without `web.page`, what monitors ask alone."""
    probes = [Route(path, _probe, methods=["GET"]) for path in PROBES]
    if not web.page:
        made = Starlette(routes=probes, exception_handlers={404: _no_such_page, 405: _no_such_page})
        made.state.site = site
        return made
    kept = web.password_hash or web.password
    rules = Rules(web, port, bool(kept))
    sessions = Sessions(time.monotonic)
    made = Starlette(
        routes=[*probes, Route("/static/{name}", _static, methods=["GET"]), *ROUTES],
        exception_handlers={404: _lost, 405: _lost, ReplicatorError: _failed, Exception: _mistaken},
    )
    made.state.site, made.state.rules, made.state.sessions = site, rules, sessions
    made.state.sights = Sights(site)
    made.state.door = password.Door(kept, time.monotonic) if kept else None
    return Guard(made, rules, sessions)


async def _probe(request: Request) -> Response:
    site: Site = request.app.state.site
    found = await run_in_threadpool(site.probe, request.url.path)
    return Response(
        found.text,
        found.status,
        {"cache-control": "no-store", "x-content-type-options": "nosniff", "content-type": found.type},
    )


_FILES = StaticFiles(directory=render.STATIC)


async def _static(request: Request) -> Response:
    found = await _FILES.get_response(request.path_params["name"], request.scope)
    found.headers["cache-control"] = "public, max-age=31536000, immutable"
    return found


async def _no_such_page(_: Request, error: Exception) -> Response:
    return PlainTextResponse("There is no such page.\n", getattr(error, "status_code", 404))


async def _lost(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    why = "There is no such page." if status == 404 else "This page is not asked for that way."
    return await run_in_threadpool(_complaint, request, status, why)


async def _failed(request: Request, error: Exception) -> Response:
    """What a person can mend, in one sentence."""
    status = 409 if isinstance(error, RunLocked) else 404 if isinstance(error, UsageError) else 503
    return await run_in_threadpool(_complaint, request, status, request.app.state.site.told(error))


async def _mistaken(request: Request, error: Exception) -> Response:
    log.error("mistake in this program", exc_info=error, extra={"kind": type(error).__name__})
    why = f"This is a mistake in the program ({type(error).__name__}); the daemon's log has more. Nothing else stopped."
    return await run_in_threadpool(_complaint, request, 500, why)


def _complaint(request: Request, status: int, why: str) -> Response:
    name = request.path_params.get("connection", "")
    known = name if name in request.app.state.site.connections() else ""
    return render.page(request, "complaint.html", status, name=known, why=why)
