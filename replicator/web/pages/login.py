"""In and out."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from replicator.web import render

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from replicator.web.guard import Rules, Visit
    from replicator.web.password import Door
    from replicator.web.sessions import Sessions

_LONGEST_NAME = 60


def form(request: Request) -> Response:
    rules: Rules = request.app.state.rules
    if not rules.password or request.state.visit.who:
        return RedirectResponse("/", 303)
    return _form(request)


def enter(request: Request) -> Response:
    """Takes the password; a wrong one costs a while."""
    rules: Rules = request.app.state.rules
    door: Door | None = request.app.state.door
    visit: Visit = request.state.visit
    if door is None:
        return RedirectResponse("/", 303)
    if wait := door.wait(visit.address):
        why = f"Too many wrong passwords: wait {ceil(wait)} seconds."
        answer = _form(request, why, 429)
        answer.headers["retry-after"] = str(ceil(wait))
        return answer
    who = " ".join(visit.form.get("who", "").split())[:_LONGEST_NAME]
    if not door.opens(visit.form.get("password", ""), visit.address):
        return _form(request, "That is not the password.", 403)
    sessions: Sessions = request.app.state.sessions
    sessions.end(visit.cookie)
    answer = RedirectResponse(_local(visit.form.get("next", "")), 303)
    answer.headers["set-cookie"] = rules.set_cookie(sessions.begin(who or "somebody"))
    return answer


def leave(request: Request) -> Response:
    sessions: Sessions = request.app.state.sessions
    sessions.end(request.state.visit.cookie)
    return RedirectResponse("/login", 303)


def _form(request: Request, why: str = "", status: int = 200) -> Response:
    visit: Visit = request.state.visit
    wanted = visit.form.get("next") or request.query_params.get("next", "")
    who = visit.form.get("who", "")[:_LONGEST_NAME]
    return render.page(request, "login.html", status, why=why, next=_local(wanted), who=who)


def _local(path: str) -> str:
    """A path of ours; what begins with two slashes, of either kind, is an address of somebody else's."""
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if fine and len(path) <= 500 else "/"
